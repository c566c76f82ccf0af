"""Health, manual, file for support and practice in a real browser, as a technician and an admin use them."""

import time
import unittest
from pathlib import Path

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from page import PICTURES, Page

SCREENS = [((1280, 800), "light", "en"), ((800, 480), "dark", "fr"), ((390, 844), "light", "es")]
VIEWS = ["#/health", "#/manual", "#/practice"]
# Slower than a scanner, as a person types, s.
A_PERSONS_PACE = 0.3


class Learn(Page):
    target = 200

    def keys(self, *keys):
        for key in keys:
            ActionChains(self.browser).send_keys(key).perform()
            time.sleep(A_PERSONS_PACE)

    def hash(self):
        return self.browser.execute_script("return location.hash")

    def findings(self):
        return {one.get_attribute("data-finding"): one for one in self.find(".finding")}

    def test_1_health_says_in_words_and_colour_what_to_do_the_worst_first(self):
        self.log_in("otto")
        self.go("#/live")
        self.press("New sample")
        self.one("dialog input").send_keys("L-1")
        self.press("Begin to count")
        self.until("cells", lambda: int(self.one(".counted b").text) > 0)
        self.go("#/health")
        verdict = self.one(".verdict").text
        self.assertIn("Look at it", verdict)
        found = self.findings()
        # Simulated, never calibrated, never backed up.
        for expected in ["camera-no-microscope", "light-not-calibrated", "backup-never", "models-shipped", "trouble-none", "version"]:
            self.assertIn(expected, found)
        # Whether its first check has ended yet or not.
        self.assertTrue(any(one.startswith("store-") for one in found), found)
        self.assertIn("calibrate", found["light-not-calibrated"].text)
        grades = [one.text for one in self.find(".finding .grade")]
        self.assertEqual(grades, sorted(grades, key=["Stop", "Look at it", "In order"].index))
        links = [one.get_attribute("href") for one in self.find(".finding[data-grade=look] .help")]
        self.assertTrue(links and all("#/manual/" in link for link in links), links)

    def test_2_the_question_mark_opens_the_manual_at_what_is_shown_and_not_where_one_types(self):
        self.log_in("otto")
        for view, anchor in [("#/live", "live"), ("#/health", "health"), ("#/history", "sessions"), ("#/practice", "practice")]:
            self.go(view)
            time.sleep(A_PERSONS_PACE)
            self.keys("?")
            self.until(anchor, lambda: self.hash() == f"#/manual/{anchor}")
            shown = self.one(".manual .shown")
            self.assertEqual(shown.get_attribute("id"), anchor)
            self.until("the part in view", lambda: 0 <= shown.rect["y"] - self.browser.execute_script("return scrollY") < 700)
        self.go("#/live")
        self.press("New sample")
        self.one("dialog input").send_keys("A?1")
        time.sleep(1)
        self.assertEqual(self.hash(), "#/live")
        self.press("Cancel")
        # A scanner types it among others.
        ActionChains(self.browser).send_keys("B?17").perform()
        time.sleep(1)
        self.assertEqual(self.hash(), "#/live")
        # A part that is missing is said to be missing.
        self.go("#/manual/no-such-part")
        self.assertIn("no such part", self.one(".notice").text)
        letters = [one.text for one in self.find(".manual .keys dt")]
        self.assertIn("s", letters)
        self.assertGreater(len(letters), 12)

    def test_3_flags_and_troubles_lead_to_their_entry(self):
        self.log_in("rita")
        self.go("#/live")
        self.press("Stop")
        self.press("End the count")
        self.until("the end", lambda: self.one(".badge").text == "done")
        self.go("#/session/1")
        link = self.one(".raised .flag .help")
        href = link.get_attribute("href").split("#")[1]
        self.assertRegex(href, "^/manual/flag-")
        link.click()
        self.until("the entry", lambda: self.find(".manual dt.shown"))
        self.assertEqual(self.one(".manual dt.shown").get_attribute("id"), href.removeprefix("/manual/"))

    def test_4_practice_is_named_by_keys_judged_cell_by_cell_and_leaves_no_session(self):
        self.log_in("rita")
        sessions = len(self.ask("GET", "/api/sessions")[1]["sessions"])
        trail = lambda: self.station.command("audit", "list").count("\n")
        self.go("#/practice")
        self.assertIn("drawn", self.one("form .notice").text)
        before = trail()
        self.one("form select:nth-of-type(1)")
        self.browser.execute_script("const [, count] = document.querySelectorAll('form select'); count.value = '10';")
        self.press("Begin")
        self.until("a cell", lambda: self.browser.execute_script("return document.querySelector('.asked img')?.naturalWidth") == 192)
        self.assertIn("Cell 1 of 10", self.one(".asked").text)
        if PICTURES:
            for (width, height), theme, language in SCREENS:
                self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
                self.picture(f"practice-asks-{width}")
            self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.keys("s", "l")
        self.assertIn("Cell 3 of 10", self.one(".asked").text)
        self.keys(Keys.BACKSPACE)
        self.assertIn("Cell 2 of 10", self.one(".asked").text)
        # A scan names nothing.
        ActionChains(self.browser).send_keys("SLM17" + Keys.ENTER).perform()
        self.until("the notice", lambda: "scanner" in self.one(".practice .problem").text)
        self.assertIn("Cell 2 of 10", self.one(".asked").text)
        # It opened the dialog of a new sample, as everywhere.
        self.press("Cancel")
        time.sleep(A_PERSONS_PACE)
        self.one(".practice").click()
        self.keys(*"sssssssss")
        self.until("the score", lambda: "right" in self.one(".verdict").text)
        self.assertRegex(self.one(".verdict").text, r"^\d+ of 10 right: \d+ % \(95 % interval ")
        mistakes = self.find(".mistakes li")
        self.assertGreaterEqual(len(mistakes), 8)
        self.assertIn("It is:", mistakes[0].text)
        self.assertIn("You said: Neutrophil (segmented)", mistakes[0].text)
        self.until("their pictures", lambda: self.browser.execute_script(
            "return [...document.querySelectorAll('.mistakes img')].every((one) => one.naturalWidth === 192)"))
        self.picture("practice-outcome")
        self.check_accessible()
        self.press("Once more")
        self.until("the score in the list", lambda: self.find("main table tbody tr"))
        self.assertIn("rita", self.one("main table tbody tr").text)
        self.assertEqual(len(self.ask("GET", "/api/sessions")[1]["sessions"]), sessions)
        self.assertEqual(trail(), before)

    def test_5_an_admin_reads_the_file_for_support_before_it_is_saved(self):
        self.log_in("rita")
        self.go("#/settings")
        self.assertEqual(self.find("#support"), [])
        self.log_in("ada")
        self.go("#/settings")
        self.press("Gather")
        text = self.until("the file", lambda: next((one.text for one in self.find(".bundle pre") if one.text), None))
        for part in ["version", "health", "configuration", "timings", "figures", "log"]:
            self.assertIn(f"== {part} ==", text)
        # The sample that was counted, the people who logged in, and where the station keeps its state.
        for private in ["L-1", "otto", "rita", "ada ", str(self.station.folder)]:
            self.assertNotIn(private, text)
        self.assertRegex(text, r"INFO [a-z_/]+\.rs:\d+ ")
        self.one(".bundle pre").location_once_scrolled_into_view
        self.picture("support")
        self.check_accessible()
        self.press("Save the file")
        saved = Path(self.downloads.name) / "leukoscope-support.txt"
        self.until("the download", lambda: saved.exists() and saved.stat().st_size > 0)
        self.assertEqual(saved.read_text().split(), text.split())

    def test_6_all_of_it_fits_every_screen_and_is_accessible(self):
        self.log_in("otto")
        for (width, height), theme, language in SCREENS:
            self.show_as(width, height, theme, language)
            for view in VIEWS:
                self.go(view)
                time.sleep(0.5)
                self.check_fit(view, width, language, theme)
                self.picture(f"learn-{view.removeprefix('#/')}-{width}")
        self.show_as_usual()


if __name__ == "__main__":
    unittest.main()

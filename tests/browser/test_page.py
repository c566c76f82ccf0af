"""The page in a real browser: a sample from the first field to the signed report, and who may not do what."""

import time
import unittest
from pathlib import Path

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from page import PICTURES, Page
from station import PASSWORD, real_fields

VIEWS = ["#/live", "#/history", "#/settings", "#/session/1", "#/session/1/gallery"]


class Day(Page):
    # Slow enough that a busy browser shows the count before its end.
    frame_rate = 2.0

    @classmethod
    def setUpClass(cls):
        cls.camera = "simulated" if PICTURES else real_fields() or "simulated"
        if cls.camera == "simulated" and not PICTURES:
            print("no image pack: the browser sees the simulated microscope instead of real fields")
        super().setUpClass()

    # What must be so, in the order of a day.

    def test_1_nobody_is_served_without_a_login(self):
        self.browser.get(self.station.url)
        self.until("the login", lambda: self.find("input[name=password]"))
        self.assertTrue(self.station.url.startswith("https://"))
        for path in ["/api/live", "/api/sessions", "/api/sessions/1", "/api/sessions/1/report.pdf", "/api/users", "/api/audit"]:
            self.assertEqual(self.ask("GET", path)[0], 401, path)
        self.one("input[name=name]").send_keys("rita")
        self.one("input[name=password]").send_keys("a wrong password" + Keys.ENTER)
        self.assertIn("wrong", self.one(".problem").text)
        self.assertIsNone(self.browser.get_cookie("leukoscope"))

    def test_2_a_sample_is_counted_and_the_counts_rise(self):
        self.log_in("otto")
        cookie = self.browser.get_cookie("leukoscope")
        self.assertTrue(cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Strict", cookie)
        self.assertEqual(self.browser.execute_script("return document.cookie"), "")
        self.go("#/live")
        self.press("New sample")
        self.one("dialog input").send_keys("A-17")
        red = self.find("dialog input")[1]
        red.send_keys("45")
        self.press("Begin to count")
        self.assertIn("0.1 to 10", self.one("dialog .problem").text)
        red.clear()
        red.send_keys("4,5")
        self.find("dialog input")[2].send_keys("6.5")
        # Every count that is shown, however busy this machine is.
        self.browser.execute_script(
            """window.counts = [];
            new MutationObserver(() => window.counts.push(Number(document.querySelector(".counted b").textContent)))
              .observe(document.querySelector(".counted"), { childList: true });""")
        self.press("Begin to count")
        self.until("the sample", lambda: self.one(".live h1").text == "A-17")
        counted = lambda: int(self.one(".counted b").text)
        self.until("some cells", lambda: counted() > 2)
        self.until("a picture", lambda: not self.one(".frame canvas").find_elements(By.XPATH, "following-sibling::p[not(@hidden)]"))
        self.until("a table", lambda: len(self.find(".differential tbody tr")) > 1)
        self.picture("page-live")
        self.until("the end", lambda: self.one(".badge").text in ("done",))
        counts = self.browser.execute_script("return window.counts")
        self.assertEqual(counts, sorted(counts))
        self.assertGreaterEqual(len(set(counts)), 2, f"shown at the end alone: {counts}")

    def test_3_an_operator_looks_and_changes_nothing(self):
        self.log_in("otto")
        self.go("#/session/1/gallery")
        self.one(".tile").click()
        self.assertEqual(self.find(".classes"), [])
        self.one(".tile.chosen").send_keys("x" + Keys.ENTER)
        self.assertTrue(all(cell["by_person"] is None for cell in self.cells(1).values()))
        self.go("#/session/1")
        self.assertIn("preliminary", self.one(".badge").text)
        self.assertEqual(self.find("#sign"), [])
        cell = self.ask("GET", "/api/sessions/1/cells?kind=WBC")[1]["cells"][0]["number"]
        for method, path, body in [
            ("PUT", "/api/sessions/1/cells", {"cells": [cell], "class": "MYO"}),
            ("POST", "/api/sessions/1/undo", {}),
            ("POST", "/api/sessions/1/sign", {"password": PASSWORD, "comment": "", "fingerprint": "0" * 64}),
            ("POST", "/api/users", {"name": "eve", "role": "admin", "password": PASSWORD}),
            ("GET", "/api/audit", None),
        ]:
            self.assertEqual(self.ask(method, path, body)[0], 403, path)

    def test_4_a_reviewer_gives_a_cell_another_class_by_a_key_and_takes_it_back(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        number = self.one(".tile.chosen").get_attribute("data-cell")
        tile = lambda: self.one(f'.tile[data-cell="{number}"]')
        before = tile().get_attribute("data-class")
        key, code = ("m", "MON") if before != "MON" else ("s", "NGS")
        kept = lambda: self.cells(1)[int(number)]
        tile().send_keys(key)
        self.assertEqual(tile().get_attribute("data-class"), code)
        self.assertIn(before, tile().find_element(By.CSS_SELECTOR, ".was").text)
        self.until("the new class", lambda: kept()["by_person"])
        self.assertEqual((kept()["by_person"]["class"], kept()["class"]), (code, before))
        self.browser.switch_to.active_element.send_keys("z")
        self.until("the old class", lambda: tile().get_attribute("data-class") == before and kept()["by_person"] is None)
        tile().send_keys(key)
        self.until("the class again", lambda: kept()["by_person"])
        self.picture("page-gallery")
        map_ = self.browser.execute_async_script(
            "const [path, done] = arguments; fetch(path).then((answer) => done([answer.status, answer.headers.get('content-type')]));",
            f"/api/sessions/1/cells/{number}/saliency.png")
        self.assertEqual(map_, [200, "image/png"])
        # A resting mouse shows nothing but the cell.
        other = self.find(".tile")[-1]
        ActionChains(self.browser).move_to_element(other).perform()
        time.sleep(1)
        self.assertTrue(other.find_element(By.TAG_NAME, "img").get_attribute("src").endswith("crop.jpg"))
        large = lambda: self.one(".panel .large img").get_attribute("src")
        self.press("What mattered (h)")
        self.until("what mattered, large", lambda: large().endswith("saliency.png"))
        self.assertIn("what the network used", self.one(".legend").text)
        self.press("What mattered (h)")
        self.until("the large cell again", lambda: large().endswith("crop.jpg"))
        self.one(".panel .large").click()
        self.assertIn("µm", self.one("dialog[open]").text)
        self.press("Close")
        self.until("the cell alone", lambda: not self.find("dialog[open]"))
        # The whole field, of a cell whose field was kept if there is one.
        numbers = list(self.cells(1))
        kept = [one for one in numbers if self.ask("GET", f"/api/sessions/1/cells/{one}/field")[0] == 200]
        shown = (kept or numbers)[0]
        self.one(f'.tile[data-cell="{shown}"]').click()
        self.one(".panel .large").click()
        self.press("Whole field")
        if kept:
            self.assertEqual(len(self.find(".field-view .box.mine")), 1)
            self.assertIn("µm", self.one(".field-view .ruler").text)
            wide = lambda: self.one(".field-view .scene").size["width"]
            before = wide()
            self.one('button[aria-label="Larger"]').click()
            self.assertAlmostEqual(wide() / before, 1.5, 1)
            self.picture("page-field")
            self.check_accessible()
            self.one('button[aria-label="All of it"]').click()
            stage = self.one(".field-view .stage").size["width"]
            self.assertLessEqual(wide(), stage)
        else:
            self.until("the words", lambda: "was not kept" in self.one("dialog[open]").text)
        self.press("Close")
        self.until("the cell alone", lambda: not self.find("dialog[open]"))

    def test_5_a_signature_makes_the_result_final_and_the_report_says_so(self):
        self.log_in("rita")
        self.go("#/session/1")
        self.assertIn("given another class", self.one("main").text)
        self.assertIn("White count: 6.5 thousand per µl, entered by otto", self.one("#absolute").text)
        self.assertIn("hold the true share", self.one("main").text)
        self.one("#sign textarea").send_keys("Seen, cell by cell.")
        phrases = self.find("#sign select option")
        self.assertGreater(len(phrases), 5)
        phrases[-1].click()
        self.assertEqual(self.one("#sign textarea").get_attribute("value"), "Seen, cell by cell. " + phrases[-1].text)
        for tick in self.find("#sign input[name=nevertheless]"):
            tick.click()
        self.one("#sign input[type=password]").send_keys("a wrong password")
        self.press("Sign")
        self.assertIn("password is wrong", self.one("#sign .problem").text)
        self.one("#sign input[type=password]").send_keys(PASSWORD)
        self.picture("page-sign")
        self.press("Sign")
        self.until("the signature", lambda: "final" in self.one(".badge").text)
        self.assertIn("Seen, cell by cell.", self.one(".signature").text)
        self.picture("page-result")
        for words, name in [("Print", "report.pdf"), ("Label", "label.pdf")]:
            link = next(one for one in self.find("a.button") if one.text == words)
            self.assertIn(f"/api/sessions/1/{name}?", link.get_attribute("href"))
            shown = self.browser.execute_async_script(
                """const [path, done] = arguments;
                fetch(path).then((answer) => done([answer.status, answer.headers.get('content-type'), answer.headers.get('content-disposition')]));""",
                link.get_attribute("href"))
            self.assertEqual(shown[:2], [200, "application/pdf"])
            self.assertTrue(shown[2].startswith("inline"), shown)
        self.press("PDF")
        file = Path(self.downloads.name) / "leukoscope-1-A-17.pdf"
        self.until("the download", file.exists)
        self.until("all of it", lambda: file.read_bytes().rstrip().endswith(b"%%EOF"))
        report = file.read_bytes()
        self.assertTrue(report.startswith(b"%PDF-") and b"DCTDecode" in report)
        self.assertNotIn(b"PRELIMINARY".hex().upper().encode(), report)
        cell = self.ask("GET", "/api/sessions/1/cells?kind=WBC")[1]["cells"][0]["number"]
        status, answer = self.ask("PUT", "/api/sessions/1/cells", {"cells": [cell], "class": "MYO"})
        self.assertEqual((status, answer["code"]), (409, "signed"))

    def test_6_sessions_are_found_and_compared(self):
        self.log_in("otto")
        for sample, urgent in [("B-2", False), ("C-3", True)]:
            self.assertEqual(self.ask("POST", "/api/worklist", {"sample": sample, "urgent": urgent})[0], 204)
        self.go("#/live")
        self.press("New sample")
        self.until("the worklist", lambda: len(self.find(".worklist li")) == 2)
        self.picture("page-worklist")
        self.check_accessible()
        self.one(".worklist li.urgent button").click()
        self.assertEqual(self.one("dialog input").get_attribute("value"), "C-3")
        off = self.one(".worklist li.urgent button:last-child")
        off.click()
        self.assertEqual(len(self.find(".worklist li")), 2, "the first press asks")
        self.press("Take C-3 off the list?")
        self.until("one sample", lambda: len(self.find(".worklist li")) == 1)
        self.press("B-2")
        self.press("Begin to count")
        self.until("the sample", lambda: self.one(".live h1").text == "B-2")
        self.until("some cells or the end", lambda: int(self.one(".counted b").text) > 2 or self.one(".badge").text == "done")
        # It may end by itself meanwhile, so no button is looked for.
        self.ask("POST", "/api/live/commands", {"command": "stop"})
        self.until("the end", lambda: self.one(".badge").text == "done")
        self.go("#/history")
        self.until("both", lambda: len(self.find("tbody tr")) == 2)
        self.one("input[type=search]").send_keys("a-1" + Keys.ENTER)
        self.until("one", lambda: [row.text.split()[0] for row in self.find("tbody tr")] == ["A-17"])
        self.one("tbody a").click()
        self.until("the session", lambda: self.one("h1").text == "A-17")
        self.browser.back()
        self.until("the search again", lambda: [row.text.split()[0] for row in self.find("tbody tr")] == ["A-17"])
        self.one("tbody input[type=checkbox]").click()
        self.one("input[type=search]").clear()
        self.one("input[type=search]").send_keys(Keys.ENTER)
        self.until("both again", lambda: len(self.find("tbody tr")) == 2)
        self.until("the other", lambda: next((box for box in self.find("tbody input[type=checkbox]") if not box.is_selected()), None)).click()
        self.press("Compare the two")
        self.until("the comparison", lambda: "B-2" in self.one(".compare thead").text and "A-17" in self.one(".compare thead").text)
        self.picture("page-compare")

    def test_7_an_admin_sees_who_did_what_and_sets_limits(self):
        self.log_in("ada")
        self.go("#/settings")
        self.until("the trail", lambda: "No line is missing" in self.one("main").text)
        for word in ["sign", "reclassify", "undo", "view"]:
            self.assertTrue(self.find(f'td[data-action="{word}"]'), word)
        target = next(one for one in self.find("input[type=number]") if one.get_attribute("value") == "12")
        target.clear()
        target.send_keys("20")
        self.press("Keep")
        self.until("kept", lambda: "Kept" in self.one("main").text)
        self.assertEqual(self.ask("GET", "/api/settings")[1]["settings"]["session"]["target"], 20)
        self.assertIn("whole", self.station.command("audit", "verify"))
        self.assertIn("as the program was shipped", self.one("#named-with").text)
        self.until("cells to label next", lambda: self.find("#next-cells a img"))
        self.one("#adapt input[maxlength='64']").send_keys("ward")
        self.press("Learn")
        self.until("what is missing", lambda: "Too few cells" in self.one("#adapt [role=status]").text)

    def test_8_it_fits_a_phone_and_a_panel_in_every_language_light_and_dark(self):
        self.log_in("rita")
        for (width, height), theme, language in [((390, 844), "light", "es"), ((800, 480), "dark", "fr"), ((1280, 900), "dark", "en")]:
            self.show_as(width, height, theme, language)
            for view in VIEWS + ["#/compare/1/2"]:
                self.go(view)
                time.sleep(0.5)
                self.check_fit(view, width, language, theme)
                if PICTURES and (view, width) == ("#/live", 800):
                    self.picture("page-panel")
        self.show_as_usual()

    def test_9_a_login_ends(self):
        self.log_in("otto")
        cookie = self.browser.get_cookie("leukoscope")
        self.go("#/history")
        self.press("Log out")
        self.until("the login", lambda: self.find("input[name=password]"))
        self.browser.add_cookie({"name": "leukoscope", "value": cookie["value"], "secure": True})
        self.assertEqual(self.ask("GET", "/api/sessions")[0], 401)
        # A link to a session leads to it once somebody is logged in.
        self.browser.delete_all_cookies()
        self.browser.get("about:blank")
        self.browser.get(self.station.url + "/#/session/1/gallery")
        self.one("input[name=name]").send_keys("otto")
        self.one("input[name=password]").send_keys(PASSWORD + Keys.ENTER)
        self.until("the cells", lambda: self.find(".tile"))


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""The review in a real browser: cells confirmed and given other classes, fast, several at once, and with the line cut."""

import time
import unittest

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from page import PICTURES, Page
from station import PASSWORD

# Cells for the tests to change; the count itself goes on until somebody ends it.
ENOUGH = 24
SCREENS = [((390, 844), "light", "es"), ((800, 480), "dark", "fr")]
HIDDEN = """return [...document.querySelectorAll(".classes .button")].filter((button) => {
    const { top, bottom, left, right } = button.getBoundingClientRect();
    const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return top < 0 || bottom > innerHeight || right > innerWidth || bottom - top < 44
        || !button.contains(seen) || button.scrollWidth > button.clientWidth;
}).map((button) => button.textContent);"""


class Review(Page):
    target = 500

    def network(self, offline=False, latency=0):
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": offline, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1})

    def keys(self, *keys):
        """As fast as a person's hands: what comes faster is a scanner's."""
        chain = ActionChains(self.browser)
        for key in keys:
            chain.send_keys(key).pause(0.07)
        chain.perform()

    def order(self):
        return [int(tile.get_attribute("data-cell")) for tile in self.find(".tile")]

    def at(self):
        """The cell that holds the focus."""
        return int(self.browser.switch_to.active_element.get_attribute("data-cell") or 0)

    def given(self, numbers):
        """The persons' classes at the station."""
        cells = self.cells(1)
        return [cells[number]["by_person"] and cells[number]["by_person"]["class"] for number in numbers]

    def choose(self, number):
        self.one(f'.tile[data-cell="{number}"]').click()

    def sign(self):
        self.one("#sign")
        for tick in self.find("#sign input[name=nevertheless]"):
            tick.click()
        # Keys as fast as a test's are no looks, so a word is asked for.
        comment = self.one("#sign textarea")
        if not comment.get_attribute("value"):
            comment.send_keys("Looked through.")
        self.one("#sign input[type=password]").send_keys(PASSWORD)
        self.press("Sign")

    def until_signed(self):
        """Where the station says that it is busy, the person presses once more; any other refusal is told at once."""
        def signed():
            said = [one.text for one in self.find("#sign .problem") if one.is_displayed()]
            if any("wait a moment" in words for words in said):
                self.sign()
            else:
                self.assertEqual(said, [], "the signature was refused")
            return "final" in self.one(".badge").text
        self.until("the signature", signed)

    def sessions(self):
        return len(self.ask("GET", "/api/sessions")[1]["sessions"])

    def button(self, text):
        return next((one for one in self.find("button") if one.is_displayed() and one.text == text), None)

    def test_1_a_double_tap_begins_one_sample_and_no_touch_ends_a_count_alone(self):
        self.log_in("otto")
        self.go("#/live")
        self.press("New sample")
        self.one("dialog input").send_keys("R-1")
        self.network(latency=300)
        self.browser.execute_script(
            "const button = document.querySelector('dialog[open] .primary'); button.click(); button.click(); button.click();")
        self.until("the dialog's end", lambda: not self.find("dialog[open]"))
        self.network()
        self.until("the sample", lambda: self.one(".live h1").text == "R-1")
        self.assertEqual(self.sessions(), 1)
        self.assertIsNone(self.button("Start"))
        counted = lambda: int(self.one(".counted b").text)
        self.until("cells", lambda: counted() >= ENOUGH)
        self.press("New sample")
        self.assertIn("This ends the count of R-1", self.one("dialog[open] .notice").text)
        self.press("Cancel")
        self.press("Stop")
        self.assertIn("R-1", self.one("dialog[open]").text)
        self.press("Go on counting")
        self.assertEqual(self.one(".badge").text, "counting")
        self.press("Stop")
        self.press("End the count")
        self.until("the end", lambda: self.one(".badge").text == "done")
        self.assertIsNone(self.button("Start"))
        self.assertIsNone(self.button("Stop"))
        self.assertEqual(self.sessions(), 1)

    def test_2_the_open_gallery_fits_a_phone_and_a_panel(self):
        self.log_in("rita")
        for (width, height), theme, language in SCREENS:
            self.show_as(width, height, theme, language)
            self.go("#/session/1/gallery")
            self.one(".classes")
            time.sleep(0.5)
            self.check_fit("the open gallery", width, language, theme)
            with self.subTest(f"every class can be pressed at {width} px"):
                self.assertEqual(self.browser.execute_script(HIDDEN), [])
            with self.subTest(f"the chosen cell is not under the panel at {width} px"):
                self.keys(*[Keys.ARROW_DOWN] * 4)
                time.sleep(0.3)
                covered = self.browser.execute_script(
                    """const { top, bottom, left, right } = document.activeElement.getBoundingClientRect();
                    return [top + 4, bottom - 4].some((y) => !document.activeElement.contains(document.elementFromPoint((left + right) / 2, y)));""")
                self.assertFalse(covered)
            large = self.one(".panel .large img").size
            self.assertGreaterEqual(min(large.values()), 120, large)
            if width < 500:
                self.picture("page-phone")
        self.show_as_usual()

    def test_3_fast_keys_class_one_cell_each_and_skip_none(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        first = self.order()[:6]
        self.choose(first[0])
        # Much slower than a person's hands.
        self.network(latency=700)
        self.keys("m", "s", "k", "x", "t")
        self.assertEqual(self.at(), first[5])
        shown = [self.one(f'.tile[data-cell="{number}"]').get_attribute("data-class") for number in first[:5]]
        self.assertEqual(shown, ["MON", "NGS", "KSC", "MYO", "MMZ"])
        self.network()
        self.until("all five", lambda: self.given(first[:5]) == ["MON", "NGS", "KSC", "MYO", "MMZ"])
        self.assertEqual((self.at(), self.given(first[5:])), (first[5], [None]))
        # A key that is held down is one press.
        self.browser.execute_script(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'm', repeat: true, bubbles: true, cancelable: true}));")
        self.assertEqual(self.at(), first[5])
        for back in reversed(first[:5]):
            self.keys("z")
            self.assertEqual(self.at(), back)
        self.until("all taken back", lambda: self.given(first) == [None] * 6)

    def test_4_a_change_that_does_not_reach_the_station_is_put_back_and_said(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        good, cell = self.order()[:2]
        self.choose(good)
        self.keys("m")
        self.until("the class", lambda: self.given([good]) == ["MON"])
        before = self.one(f'.tile[data-cell="{cell}"]').get_attribute("data-class")
        self.network(offline=True)
        self.keys("x")
        self.until("what went wrong", lambda: f"Cell {cell} was not changed" in self.one(".all .problem").text)
        self.assertEqual(self.one(f'.tile[data-cell="{cell}"]').get_attribute("data-class"), before)
        self.network()
        # What never reached the station is not taken back in place of something else.
        self.keys("z")
        time.sleep(1)
        self.assertEqual(self.given([good, cell]), ["MON", None])
        self.keys("z")
        self.until("none", lambda: self.given([good, cell]) == [None, None])

    def test_4a_a_change_whose_answer_was_lost_stands_as_the_station_has_it(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        one, two = self.order()[:2]
        self.browser.execute_script("""
            const real = window.fetch;
            window.fetch = async (...all) => {
                const answer = await real(...all);
                if (all[1]?.method === "PUT" && !window.lost) { window.lost = true; throw new TypeError("lost"); }
                return answer;
            };""")
        self.choose(one)
        self.keys("m")
        self.until("the class", lambda: self.given([one]) == ["MON"])
        self.until("an end", lambda: "being kept" not in self.one(".all").text)
        self.assertIn("MON", self.one(f'.tile[data-cell="{one}"]').text)
        self.assertFalse(self.one(".all").find_element(By.CSS_SELECTOR, ".problem").is_displayed())
        self.choose(two)
        self.keys("m", "z", "z")
        self.until("none", lambda: self.given([one, two]) == [None, None])

    def test_4b_the_result_waits_for_what_is_still_on_its_way(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        one = self.order()[0]
        self.choose(one)
        self.network(latency=1500)
        self.keys("m")
        self.press("Result")
        self.until("the change", lambda: "given another class" in self.one("main").text or "Program" in self.one("main").text)
        self.network()
        self.assertEqual(self.given([one]), ["MON"])
        self.go("#/session/1/gallery")
        self.one(".tile")
        self.keys("z")
        self.until("none", lambda: self.given([one]) == [None])

    def test_5_several_cells_get_a_class_in_one_step(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        order = self.order()
        one, two, three, other, free = order[0], order[1], order[2], order[4], order[3]
        self.choose(one)
        ActionChains(self.browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
        ActionChains(self.browser).key_down(Keys.CONTROL).click(self.one(f'.tile[data-cell="{other}"]')).key_up(Keys.CONTROL).perform()
        marked = [int(tile.get_attribute("data-cell")) for tile in self.find('[role=option][aria-selected="true"]')]
        self.assertEqual(sorted(marked), sorted([one, two, three, other]))
        self.assertIn("4 cells chosen", self.one(".panel").text)
        self.picture("page-several")
        self.keys("y")
        self.until("four", lambda: self.given([one, two, three, free, other]) == ["MYB", "MYB", "MYB", None, "MYB"])
        self.assertEqual(self.at(), order[5])
        ActionChains(self.browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
        self.until("none", lambda: self.given([one, two, three, free, other]) == [None] * 5)
        # By touch: a press adds, until a class was given.
        self.choose(one)
        self.press("Choose several")
        self.choose(two)
        self.one('.classes [data-class="MON"]').click()
        self.until("two", lambda: self.given([one, two, three]) == ["MON", "MON", None])
        self.assertEqual(len(self.find('[aria-selected="true"]')), 1)
        self.keys("z")
        self.until("none again", lambda: self.given([one, two]) == [None, None])

    def test_6_keys_act_on_cells_only_where_cells_are(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        self.choose(self.order()[0])
        self.browser.execute_script("document.querySelector('#bar .button').focus()")
        self.keys("x", "m", "z")
        time.sleep(0.5)
        self.assertTrue(all(cell["by_person"] is None for cell in self.cells(1).values()))
        self.assertTrue(all(tile.get_attribute("role") == "option" for tile in self.find(".tile")))
        # From a button of the gallery they do.
        self.browser.execute_script("document.querySelector('.chips button').focus()")
        self.keys("m")
        self.until("the class", lambda: self.given([self.order()[0]]) == ["MON"])
        self.keys("z")
        self.until("none", lambda: self.given([self.order()[0]]) == [None])

    def test_7_enter_confirms_and_the_signature_says_what_nobody_has_seen(self):
        self.log_in("rita")
        classes = {one["code"]: one["group"] for one in self.ask("GET", "/api/classes")[1]}
        self.go("#/session/1/gallery")
        first = self.order()[:2]
        self.choose(first[0])
        self.keys(Keys.ENTER)
        self.assertEqual(self.at(), first[1])
        own = self.cells(1)[first[0]]["class"] or "UNK"
        self.until("the confirmation", lambda: self.given([first[0]]) == [own])
        tile = self.one(f'.tile[data-cell="{first[0]}"]')
        self.assertIn("✓", tile.text)
        self.assertEqual(tile.find_elements(By.CSS_SELECTOR, ".was"), [])
        cells = self.cells(1).values()
        self.assertIn(f"1 of {len(cells)} seen", self.one(".all").text)

        def reason(cell):
            code = cell["class"] or "UNK"
            if cell["by_person"]:
                return None
            if classes[code] == "blasts" or code == "UNK":
                return "blasts" if classes[code] == "blasts" else "unclassified"
            return "unsure" if cell["probability"] < 0.9 else None
        left = [reason(cell) for cell in cells if reason(cell)]
        self.assertTrue(left, "the simulated smear has a cell that the program is unsure of")
        self.assertEqual(self.one('.chip[data-show="review"] b').text, str(len(left)))
        self.go("#/session/1")
        self.assertIn(f"1 of {len(cells)} seen", self.one("#sign").text)
        for why, words in [("blasts", "Blasts: "), ("unclassified", "Unclassified: "), ("unsure", "below 90 %: ")]:
            lines = [line.text for line in self.find("#sign li")]
            told = [line for line in lines if words in line]
            self.assertEqual([line.split(": ")[-1] for line in told], [str(left.count(why))] if why in left else [], lines)
        self.one("#sign textarea").send_keys("Not yet.")
        self.one("#sign input[type=password]").send_keys(PASSWORD)
        self.press("Sign")
        time.sleep(1)
        self.assertEqual(self.ask("GET", "/api/sessions/1")[1]["status"], "preliminary")
        self.press("Look at these cells")
        self.until("them", lambda: len(self.find(".tile")) == len(left))
        # The comment is not lost on the way.
        self.go("#/session/1")
        self.assertEqual(self.one("#sign textarea").get_attribute("value"), "Not yet.")

    def test_8_a_class_that_one_side_lacks_is_compared_as_none_with_what_chance_allows(self):
        self.log_in("rita")
        high = lambda code, result: self.browser.execute_async_script(
            """const [code, result, done] = arguments;
            import("/assets/differential.js").then(({ absent }) => done(absent(code, result)))""", code, result)["high"]
        counts = {"counted": 58, "kinds": {"WBC": 70}, "statistics": {}}
        # Clopper and Pearson: none of 58, at 95 and at 97 %; none of 70; and as a ratio to 58 others.
        self.assertAlmostEqual(high("LYT", counts), 100 * (1 - 0.025 ** (1 / 58)), 6)
        self.assertAlmostEqual(high("LYT", counts | {"statistics": {"precision": {"reached": True}}}), 100 * (1 - 0.015 ** (1 / 58)), 6)
        self.assertAlmostEqual(high("UNK", counts), 100 * (1 - 0.025 ** (1 / 70)), 6)
        self.assertAlmostEqual(high("EBO", counts), 100 * (0.025 ** (-1 / 58) - 1), 6)
        self.assertEqual(high("LYT", counts | {"counted": 0}), 100)

    def test_9_what_changed_since_it_was_shown_is_not_signed_unseen(self):
        self.log_in("rita")
        self.go("#/session/1")
        cell, now = next((number, cell["by_person"]["class"] if cell["by_person"] else cell["class"]) for number, cell in self.cells(1).items())
        status, _ = self.ask("PUT", "/api/sessions/1/cells", {"cells": [cell], "class": "MON" if now == "LYA" else "LYA"})
        self.assertEqual(status, 200)
        self.sign()
        self.assertIn("has changed", self.one("#sign .problem").text)
        self.press("Show the result again")
        self.until("the result anew", lambda: not self.find("#sign .problem:not([hidden])") and self.find("#sign"))
        self.sign()
        self.until_signed()

    def test_91_a_lost_connection_is_said_and_nothing_can_be_asked_until_it_is_back(self):
        self.log_in("otto")
        script = self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
            window.WebSocket = class extends WebSocket { constructor(...all) { super(...all); (window.sockets ??= []).push(this); } };"""})
        self.go("#/live")
        self.until("the stream", lambda: self.browser.execute_script("return window.sockets?.at(-1).readyState") == 1)
        said = lambda: self.one(".next").text
        before = said()
        self.network(offline=True)
        self.browser.execute_script("window.sockets.at(-1).close()")
        self.until("the loss", lambda: "Connection lost" in said())
        self.assertFalse(self.button("New sample").is_enabled())
        self.network()
        self.until("the connection", lambda: said() == before)
        self.assertTrue(self.button("New sample").is_enabled())
        self.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)

    def test_92_an_admin_calibrates_by_what_is_in_view_while_nothing_is_counted(self):
        self.log_in("ada")
        self.go("#/settings")
        said = lambda: self.one("#calibration [role=status]")
        self.press("1. Take the light")
        self.until("the refusal", lambda: "problem" in said().get_attribute("class"))
        self.assertIn("no empty field", said().text)
        self.press("2. Take the scale")
        self.until("the scale", lambda: "good" in said().get_attribute("class"))
        # The simulated microscope's is 0.14.
        self.assertRegex(said().text, r"0\.1[34]")
        self.picture("page-calibration")
        self.assertTrue(self.ask("GET", "/api/settings")[1]["calibration"])
        self.assertEqual(self.ask("GET", "/api/audit")[1]["entries"][0]["action"], "calibrate")

    def test_93_a_user_gives_herself_another_password(self):
        self.log_in("otto")
        self.go("#/settings")
        old, fresh, again = self.find("#password input[type=password]")
        for field, typed in [(old, "a wrong password"), (fresh, "another horse battery"), (again, "another horse battery")]:
            field.send_keys(typed)
        self.press("Change the password")
        said = lambda: self.one("#password [role=status]")
        self.until("the refusal", lambda: "password is wrong" in said().text)
        for field, typed in [(old, PASSWORD), (fresh, "another horse battery"), (again, "another horse battery")]:
            field.clear()
            field.send_keys(typed)
        self.press("Change the password")
        self.until("the change", lambda: "Changed" in said().text)
        # This login goes on; the next one takes the new password.
        self.assertEqual(self.ask("GET", "/api/sessions")[0], 200)
        self.assertEqual(self.ask("POST", "/api/login", {"name": "otto", "password": PASSWORD})[0], 401)
        self.assertEqual(self.ask("POST", "/api/login", {"name": "otto", "password": "another horse battery"})[0], 204)


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Samples: scanned, typed, imported, without an id, and after a power cut."""

import time
import unittest

from page import PERSON, SCANNER, Page


class Samples(Page):
    """A scanner field wherever the focus is, and what a sample begins with."""

    target = 12

    def field(self):
        return self.one("dialog[open] input")

    def count(self, sample):
        """A whole count, by the interface for programs."""
        self.assertEqual(self.ask("POST", "/api/live/commands", {"command": "new", "sample": sample})[0], 202)
        self.until("the end", lambda: (now := self.ask("GET", "/api/live")[1]["snapshot"])["sample"] == sample and now["phase"] == "done")

    def test_1_a_scan_opens_the_dialog_from_the_live_view_and_names_the_sample(self):
        self.log_in("otto")
        self.go("#/live")
        self.scan("A-17")
        self.until("the id", lambda: self.field().get_attribute("value") == "A-17")
        self.press("Cancel")
        # A scanner that ends a line with two keys begins nothing with the second.
        self.types([*"A1700", "Enter", "Enter"], SCANNER)
        self.until("the id", lambda: self.field().get_attribute("value") == "A1700")
        time.sleep(1)
        self.assertEqual(self.ask("GET", "/api/live")[1]["snapshot"]["phase"], "waiting")
        self.press("Cancel")
        # A dialog that opens for the next sample holds nothing of the one before.
        self.press("New sample")
        self.one("dialog[open] input").send_keys("A-1")
        self.find("dialog[open] input")[1].send_keys("4.5")
        self.scan("B17002")
        self.until("the scanned id", lambda: self.field().get_attribute("value") == "B17002")
        self.assertEqual(self.find("dialog[open] input")[1].get_attribute("value"), "", "the red count was another sample's")
        self.press("Begin to count")
        self.until("the sample", lambda: self.one(".live h1").text == "B17002")
        self.scan("C17003")
        self.until("the question", lambda: "This ends the count of B17002" in self.one("dialog[open] .notice").text)
        self.assertEqual(self.ask("GET", "/api/live")[1]["snapshot"]["sample"], "B17002", "nothing ends by a scan alone")
        self.press("Cancel")
        self.until("the end", lambda: self.ask("GET", "/api/live")[1]["snapshot"]["phase"] == "done")

    def test_2_a_scan_in_the_gallery_changes_no_cell_and_a_fast_person_does(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        cells = lambda: [cell["by_person"] for cell in self.cells(1).values()]
        order = [int(tile.get_attribute("data-cell")) for tile in self.find(".tile")]
        self.find(".tile")[0].click()
        for code, end in [("msm17", "Enter"), ("0012345678901", "Tab"), ("SMEAR", None)]:
            with self.subTest(code):
                self.scan(code, end)
                self.until("the id", lambda: self.field().get_attribute("value") == code)
                self.press("Cancel")
                time.sleep(1)
                self.assertTrue(all(person is None for person in cells()), cells())
        self.one(".tile.chosen").click()
        # As fast as a person's fingers: a lymphocyte, a monocyte, a neutrophil, and a look at each.
        self.types("lmn", PERSON)
        given = lambda: [self.cells(1)[one]["by_person"] and self.cells(1)[one]["by_person"]["class"] for one in order[:3]]
        keys = {one["key"]: one["code"] for one in self.ask("GET", "/api/classes")[1]}
        self.until("the classes", lambda: given() == [keys["l"], keys["m"], keys["n"]])
        self.assertEqual(self.find("dialog[open]"), [])

    def test_3_a_comment_does_not_receive_the_id(self):
        self.log_in("rita")
        self.go("#/session/1")
        comment = self.one("textarea")
        comment.click()
        self.types("smudge", PERSON)
        self.assertEqual(comment.get_attribute("value"), "smudge")
        self.scan("A17004")
        self.until("the id", lambda: self.field().get_attribute("value") == "A17004")
        self.assertEqual(comment.get_attribute("value"), "smudge")
        self.press("Cancel")
        self.assertEqual(self.ask("GET", "/api/sessions/1")[1]["status"], "preliminary")

    def test_4_an_id_that_comes_again_shows_its_earlier_result_first(self):
        self.log_in("otto")
        self.go("#/live")
        self.scan("B17002")
        self.until("the earlier result", lambda: "B17002 was counted before" in self.one("dialog[open] .known").text)
        self.assertRegex(self.one("dialog[open] .known").text, r"\d+ %")
        self.picture("sample-earlier")
        self.press("Begin to count")
        self.until("the second step", lambda: self.one("dialog[open] .primary").text == "Begin to count it again")
        self.press("Cancel")

    def test_5_a_count_without_an_id_takes_a_second_step(self):
        self.log_in("otto")
        self.go("#/live")
        sessions = lambda: len(self.ask("GET", "/api/sessions")[1]["sessions"])
        before = sessions()
        self.press("New sample")
        self.press("Begin to count")
        self.assertIn("Scan or enter", self.one("dialog[open] .problem").text)
        self.press("Count without an id")
        self.assertEqual(sessions(), before, "the first press asks")
        self.press("Yes, without an id: date and time name it")
        self.until("the sample", lambda: sessions() == before + 1)
        self.until("the end", lambda: self.ask("GET", "/api/live")[1]["snapshot"]["phase"] == "done")

    def test_6_the_keypad_types_an_id(self):
        self.log_in("otto")
        for width, height in [(800, 480), (390, 844), (1280, 800)]:
            self.show_as(width, height, "light", "en")
            self.go("#/live")
            self.press("New sample")
            if not self.find("dialog.keyed"):
                self.press("Keypad")
            for key in ["ABC", "A", "-", "123", "1", "7", "8", "⌫"]:
                self.press(key)
            self.assertEqual(self.field().get_attribute("value"), "A-17")
            for key in self.find(".key"):
                self.assertGreaterEqual(min(key.size["width"], key.size["height"]), 44, key.text)
            self.picture(f"sample-keypad-{width}")
            self.check_accessible()
            wide = self.browser.execute_script("return document.documentElement.scrollWidth")
            self.assertLessEqual(wide, width)
            self.press("Cancel")
        self.show_as_usual()

    def test_7_a_list_is_imported_after_a_look_at_its_bad_lines(self):
        self.log_in("otto")
        self.go("#/live")
        self.press("New sample")
        self.press("Import a list…")
        # A list may be scanned line by line.
        listed = self.one("dialog[open] textarea")
        listed.click()
        self.scan("I1700")
        self.assertEqual(listed.get_attribute("value"), "I1700\n")
        listed.clear()
        listed.send_keys("sample,urgent\nI-10,yes\nI-10,\nI-20,perhaps\nI-30,")
        self.press("Check")
        self.until("the bad lines", lambda: [line.text[:6] for line in self.find(".bad-lines li")] == ["Line 3", "Line 4"])
        self.assertEqual(self.ask("GET", "/api/worklist")[1]["samples"], [], "nothing is taken before somebody agrees")
        self.picture("sample-import")
        self.check_accessible()
        self.press("Take these samples: 2")
        self.until("what was taken", lambda: "Samples taken: 2" in self.one("dialog[open] .good").text)
        self.press("Close")
        self.until("the list", lambda: [one.get_attribute("data-sample") for one in self.find(".worklist li")] == ["I-10", "I-30"])
        self.scan("I-30")
        self.until("the entry", lambda: [one.get_attribute("data-sample") for one in self.find(".worklist .chosen")] == ["I-30"])
        self.assertEqual(self.field().get_attribute("value"), "I-30")
        self.press("Cancel")


class PowerCut(Page):
    """A count that breaks off in the middle."""

    target = 100_000

    def test_1_it_goes_on_and_then_is_closed_as_partial(self):
        self.log_in("otto")
        self.go("#/live")
        self.ask("POST", "/api/live/commands", {"command": "new", "sample": "X-57"})
        kept = lambda: self.ask("GET", "/api/sessions/1")[1].get("counted", 0)
        self.until("cells on disk", lambda: kept() >= 4)
        self.station.cut()
        self.log_in("otto")
        self.go("#/live")
        card = self.one(".interrupted")
        self.assertIn("X-57 was interrupted at", card.text)
        self.picture("interrupted-card")
        for width, height in [(800, 480), (390, 844), (1280, 800)]:
            self.show_as(width, height, "light", "en")
            self.picture(f"interrupted-{width}")
            self.check_accessible()
        self.show_as_usual()
        self.press("Go on")
        self.assertIn("Begin at a place you have not counted yet", self.one(".interrupted").text)
        self.picture("interrupted-place")
        self.press("The slide is at a new place: go on")
        self.until("the count", lambda: self.one(".badge").text == "counting" and self.one(".live h1").text == "X-57")
        self.assertIn("goes on after a power cut", self.one(".seen .notice").text)
        self.assertIn("Went on after a power cut", self.one(".flags").text)
        before = kept()
        self.until("more cells on disk", lambda: kept() > before + 3)
        self.station.cut()
        self.log_in("otto")
        self.go("#/session/1")
        self.press("Close as partial")
        self.until("the second step", lambda: next((one for one in self.find(".interrupted button") if "Close with" in one.text), None)).click()
        self.until("the result", lambda: "Partial count" in self.one("main").text)
        self.assertIn("power cut", self.one("main").text)
        self.picture("interrupted-closed")
        self.assertEqual(self.ask("GET", "/api/sessions/1")[1]["reviewed_result"]["ending"], "power-cut")


if __name__ == "__main__":
    unittest.main()

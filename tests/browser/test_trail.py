"""The audit trail and what is kept, as an admin sees them."""

import csv
import io
import time
import unittest
from pathlib import Path

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from page import PICTURES, Page


class Trail(Page):
    def lines(self):
        return [one.text for one in self.find("#trail tbody tr td[data-action]")]

    def search(self, label, text):
        box = next(one for one in self.find("#trail .field") if one.find_element("tag name", "label").text == label)
        field = box.find_element("css selector", "input, select")
        if field.tag_name == "select":
            Select(field).select_by_visible_text(text)
        else:
            # Keys that come this fast and end in Enter would be a scanner's.
            field.send_keys(Keys.CONTROL + "a")
            field.send_keys(text or Keys.DELETE)
            self.one("#trail form button").click()

    def test_1_two_samples_are_counted(self):
        self.log_in("rita")
        for sample in ["T-1", "T-2"]:
            self.go("#/live")
            self.ask("POST", "/api/live/commands", {"command": "new", "sample": sample})
            self.until("the sample", lambda: self.one(".live h1").text == sample)
            self.until("some cells", lambda: int(self.one(".counted b").text) > 1)
            self.ask("POST", "/api/live/commands", {"command": "stop"})
            self.until("the end", lambda: any(one["sample"] == sample and one["result"] for one in self.ask("GET", "/api/sessions")[1]["sessions"]))
        session = self.ask("GET", "/api/sessions?sample=T-1")[1]["sessions"][0]["id"]
        cell = next(iter(self.cells(session)))
        self.assertEqual(self.ask("PUT", f"/api/sessions/{session}/cells", {"cells": [cell], "class": "EOS"})[0], 200)

    def test_2_the_trail_is_read_in_sentences_and_searched(self):
        self.log_in("ada")
        self.go("#/settings")
        self.until("the trail", lambda: "No line is missing" in self.one("#trail").text)
        words = " ".join(self.lines())
        self.assertIn("began to count sample T-1.", words)
        self.assertIn("the class Eosinophil", words)
        self.assertNotIn("{", words)
        self.search("Sample", "t-2")
        self.until("only the other sample", lambda: self.lines() and not any("T-1" in line for line in self.lines()))
        self.assertTrue(any("T-2" in line for line in self.lines()))
        self.search("Sample", "")
        self.search("Person", "rita")
        self.search("Action", "class given")
        self.until("one line", lambda: len(self.lines()) == 1)
        self.assertIn("rita gave", self.lines()[0])
        self.go("#/settings")
        self.until("the trail", lambda: "No line is missing" in self.one("#trail").text)
        self.search("Person", "nobody")
        self.until("none", lambda: "No line is like that" in self.one("#trail").text)
        self.assertIn("No line is missing", self.one("#trail").text, "the verdict stays while one searches")

    def test_3_the_lines_of_a_search_are_exported(self):
        self.log_in("ada")
        self.go("#/settings")
        self.until("the trail", lambda: self.lines())
        self.search("Sample", "T-1")
        self.until("only the sample", lambda: self.lines() and not any("T-2" in line for line in self.lines()))
        self.one("#trail a[href*='audit.csv']").click()
        folder = Path(self.downloads.name)
        self.until("the file", lambda: list(folder.glob("leukoscope-trail-*.csv")))
        time.sleep(0.5)
        text = next(folder.glob("leukoscope-trail-*.csv")).read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual(rows[0]["action"], "begin")
        self.assertEqual({row["sample"] for row in rows} - {""}, {"T-1"})
        self.go("#/settings")
        self.until("its line", lambda: any("exported" in line for line in self.lines()))

    def test_4_an_operator_sees_what_is_kept_and_no_trail(self):
        self.log_in("otto")
        self.go("#/settings")
        words = self.one("#keeping").text
        self.assertIn("of 2,000 MB", words)
        self.assertIn("nothing goes for its size before the store reaches 2,000 MB", words)
        self.assertIn("pictures of sessions begun", words)
        self.assertIn("(2 in all)", words)
        self.assertEqual(self.find("#trail"), [])

    def test_5_both_fit_every_screen(self):
        self.log_in("ada")
        for (width, height), theme, language in [((390, 844), "light", "es"), ((800, 480), "dark", "fr"), ((1280, 800), "light", "en")]:
            self.show_as(width, height, theme, language)
            self.go("#/settings")
            self.until("the trail", lambda: self.lines())
            self.check_fit("#/settings", width, language, theme)
            if PICTURES:
                for part in ["keeping", "trail"]:
                    self.browser.execute_script(f"document.getElementById('{part}').scrollIntoView()")
                    self.picture(f"{part}-{width}")
        self.show_as_usual()


if __name__ == "__main__":
    unittest.main()

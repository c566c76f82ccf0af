"""A laboratory's own classes: digits and buttons beside the fixed ones, told in the result, and no scan gives one."""

import time
import unittest

from selenium.webdriver.common.keys import Keys

import test_samples
from page import Page

SCREENS = [((1280, 800), "light", "en"), ((800, 480), "dark", "fr"), ((390, 844), "light", "es")]


class OwnClasses(Page):
    target = 12
    more = '[review]\nown_classes = "HCL LYA hairy cell, SEZ LYA Sezary cell"\n'
    types = test_samples.Samples.types

    def order(self):
        return [int(tile.get_attribute("data-cell")) for tile in self.find(".tile")]

    def said(self, number):
        """What a person said of a cell, at the station: fixed class and own code."""
        person = self.cells(1)[number]["by_person"]
        return person and (person["class"], (person.get("own") or {}).get("code"))

    def gallery(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        return self.order()

    def choose(self, number):
        self.one(f'.tile[data-cell="{number}"]').click()

    def key(self, key):
        self.browser.switch_to.active_element.send_keys(key)
        time.sleep(0.1)

    def test_1_a_digit_and_a_button_give_an_own_class_and_enter_says_it_again(self):
        self.log_in("rita")
        self.assertEqual(self.ask("POST", "/api/live/commands", {"command": "new", "sample": "A-1"})[0], 202)
        self.until("the end", lambda: self.ask("GET", "/api/sessions/1")[1].get("status") == "preliminary")
        first, second, third = self.gallery()[:3]
        self.choose(first)
        self.key("1")
        self.until("the own class", lambda: self.said(first) == ("LYA", "HCL"))
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("data-cell"), str(second), "on to the next")
        tile = self.one(f'.tile[data-cell="{first}"]')
        self.assertIn("hairy cell", tile.text)
        self.assertIn("HCL (LYA)", tile.text)
        self.one('.classes [data-class="SEZ"]').click()
        self.until("the other", lambda: self.said(second) == ("LYA", "SEZ"))
        self.choose(first)
        self.assertEqual(self.one('.classes [data-class="HCL"]').get_attribute("aria-pressed"), "true")
        self.assertEqual(self.one('.classes [data-class="LYA"]').get_attribute("aria-pressed"), "false")
        self.assertIn("hairy cell (HCL)", self.one(".panel .said").text)
        self.key(Keys.ENTER)
        time.sleep(1)
        self.assertEqual(self.said(first), ("LYA", "HCL"), "a confirmation keeps it")
        self.choose(third)
        self.key("2")
        self.until("a third", lambda: self.said(third) == ("LYA", "SEZ"))
        self.key("z")
        self.until("none", lambda: self.said(third) is None)
        # A digit without a class does nothing.
        self.choose(third)
        self.key("7")
        time.sleep(0.6)
        self.assertIsNone(self.said(third))

    def test_2_a_scan_of_digits_gives_no_class(self):
        order = self.gallery()
        before = [self.said(number) for number in order]
        self.choose(order[3])
        self.types("12121212", test_samples.SCANNER, "Enter")
        self.until("the dialog", lambda: self.find("dialog[open] input"))
        self.assertEqual(self.one("dialog[open] input").get_attribute("value"), "12121212")
        self.press("Cancel")
        time.sleep(1)
        self.assertEqual([self.said(number) for number in order], before)

    def test_3_the_result_tells_how_many_there_are_within_the_class(self):
        self.log_in("rita")
        self.go("#/session/1")
        rows = {row.find_element("css selector", "th").text: row.text for row in self.find("tr.own")}
        self.assertEqual(set(rows), {"of these: hairy cell (HCL)", "of these: Sezary cell (SEZ)"})
        self.assertTrue(all(text.endswith(" 1") for text in rows.values()), rows)

    def test_4_everything_fits_every_screen(self):
        for (width, height), theme, language in SCREENS:
            self.gallery()
            self.show_as(width, height, theme, language)
            self.go("#/session/1/gallery")
            self.one('.classes [data-class="HCL"]')
            self.choose(self.order()[0])
            self.check_fit("gallery", width, language, theme)
            self.picture(f"own-gallery-{width}")
            self.go("#/session/1")
            self.one("tr.own")
            self.check_fit("result", width, language, theme)
            self.browser.execute_script("document.querySelector('tr.own').scrollIntoView({block: 'center'})")
            self.picture(f"own-result-{width}")
            self.show_as_usual()


if __name__ == "__main__":
    unittest.main()

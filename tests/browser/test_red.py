"""Red cells: one key a class, filtered, taken back, no scan names one, and the result tells what they look like."""

import time
import unittest

from selenium.webdriver.common.keys import Keys

from page import Page

SCREENS = [((1280, 800), "light", "en"), ((800, 480), "dark", "fr"), ((390, 844), "light", "es")]
GALLERY = "#/session/1/gallery?kind=red"


class RedCells(Page):
    target = 12

    def order(self):
        return [int(tile.get_attribute("data-cell")) for tile in self.find(".tile")]

    def red(self):
        """The red cells with a picture at the station, by number."""
        return {cell["number"]: cell["red"] for cell in self.ask("GET", "/api/sessions/1/cells?kind=RBC&pictured=true")[1]["cells"]}

    def said(self, number):
        person = self.red()[number]["by_person"]
        return person and person["class"]

    def gallery(self, more=""):
        self.log_in("rita")
        self.go(GALLERY + more)
        self.until("red cells", lambda: self.find(".tile"))
        return self.order()

    def choose(self, number):
        self.one(f'.tile[data-cell="{number}"]').click()

    def key(self, key):
        self.browser.switch_to.active_element.send_keys(key)
        time.sleep(0.3)

    def test_1_the_switch_leads_to_graded_red_cells_least_sure_first(self):
        self.log_in("rita")
        self.assertEqual(self.ask("POST", "/api/live/commands", {"command": "new", "sample": "A-1"})[0], 202)
        self.until("the end", lambda: self.ask("GET", "/api/sessions/1")[1].get("status") == "preliminary")
        self.go("#/session/1/gallery")
        self.assertEqual(self.one('.kinds [aria-current="page"]').text, "White cells")
        self.press("Red cells")
        self.until("red cells", lambda: "kind=red" in self.browser.current_url and self.find(".tile"))
        self.assertEqual(self.one('.kinds [aria-current="page"]').text, "Red cells")
        cells = self.red()
        graded = {number for number, red in cells.items() if red["graded"]}
        self.assertEqual(set(self.order()), graded)
        self.assertGreater(len(graded), 10)
        for section in self.find(".groups section"):
            sure = [cells[int(tile.get_attribute("data-cell"))]["probability"] for tile in section.find_elements("css selector", ".tile")]
            self.assertEqual(sure, sorted(sure))
        self.assertTrue(all(self.find(f'.tile[data-cell="{number}"] img') for number in graded))
        self.assertEqual(len(self.find(".classes .class")), 13)
        self.assertIn("model card", self.one(".gallery").text)

    def test_2_a_key_and_a_button_give_a_class_and_undo_takes_it_back(self):
        first, second, third, *others = self.gallery()
        self.choose(first)
        self.key("f")
        self.until("the class", lambda: self.said(first) == "SCHISTOCYTE")
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("data-cell"), str(second), "on to the next")
        self.one('.classes [data-class="BURR"]').click()
        self.until("by button", lambda: self.said(second) == "BURR")
        self.choose(third)
        self.key(Keys.ENTER)
        self.until("confirmed", lambda: self.said(third) == self.red()[third]["class"])
        self.choose(second)
        self.assertEqual(self.one('.classes [data-class="BURR"]').get_attribute("aria-pressed"), "true")
        self.key("z")
        self.until("the confirmation is taken back", lambda: self.said(third) is None)
        self.key("z")
        self.until("the button, too", lambda: self.said(second) is None)
        self.assertEqual(self.said(first), "SCHISTOCYTE")
        # Several at once, and back to the program's class.
        self.press("Choose several")
        self.choose(others[0])
        self.choose(others[1])
        self.key("t")
        self.until("both", lambda: [self.said(number) for number in others[:2]] == ["TARGET"] * 2)
        self.key("z")
        self.until("as one", lambda: [self.said(number) for number in others[:2]] == [None] * 2)
        self.choose(first)
        self.key(Keys.BACKSPACE)
        self.until("the program's", lambda: self.said(first) is None)
        self.key("q")
        self.key("h")
        time.sleep(0.6)
        self.assertFalse(any(red["by_person"] for red in self.red().values()), "other keys do nothing")

    def test_3_a_scan_names_no_red_cell(self):
        order = self.gallery()
        self.choose(order[2])
        self.scan("STOMBD12")
        self.until("the dialog", lambda: self.find("dialog[open] input"))
        self.assertEqual(self.one("dialog[open] input").get_attribute("value"), "STOMBD12")
        self.press("Cancel")
        time.sleep(1)
        self.assertFalse(any(red["by_person"] for red in self.red().values()))

    def test_4_a_filter_shows_one_class_and_is_kept_in_the_address(self):
        self.gallery()
        chip = next(one for one in self.find(".chip") if one.get_attribute("data-show") not in ("all", "review"))
        code = chip.get_attribute("data-show")
        chip.click()
        cells = self.red()
        wanted = {number for number, red in cells.items() if red["graded"] and red["class"] == code}
        self.until("the class alone", lambda: set(self.order()) == wanted)
        self.assertTrue(self.browser.current_url.endswith(f"kind=red&show={code}"))
        self.assertEqual(set(self.gallery(f"&show={code}")), wanted, "the address leads there again")
        self.press("White cells")
        self.until("white cells", lambda: self.order() and set(self.order()) <= set(self.cells(1)))

    def test_5_the_result_tells_what_the_red_cells_look_like_and_follows_a_review(self):
        first = self.gallery()[0]
        self.choose(first)
        self.key("f")
        self.until("the class", lambda: self.said(first) == "SCHISTOCYTE")
        self.go("#/session/1")
        section = self.one("#red-cells")
        red = self.ask("GET", "/api/sessions/1")[1]["reviewed_result"]["red_cells"]
        rows = {row.find_element("css selector", "th abbr").text: [cell.text for cell in row.find_elements("css selector", "td")]
                for row in section.find_elements("css selector", "tbody tr") if row.find_elements("css selector", "th abbr")}
        self.assertEqual({code: int(cells[0].replace(",", "")) for code, cells in rows.items()},
                         {line["class"]: line["count"] for line in red["classes"]})
        self.assertGreaterEqual(red["graded"], 30)
        if not red["enough_for_schistocytes"]:
            self.assertEqual(rows["SCHISTOCYTE"][3], "fewer than 1,000 graded")
        self.assertIn("Red cells given another class by a person: 1.", section.text)
        self.assertIn("Screening aid", section.text)
        section.find_element("css selector", "a.button").click()
        self.until("the gallery", lambda: "kind=red" in self.browser.current_url and self.find(".tile"))

    def test_6_everything_fits_every_screen(self):
        for (width, height), theme, language in SCREENS:
            self.gallery()
            self.show_as(width, height, theme, language)
            self.go(GALLERY)
            self.choose(self.order()[0])
            self.check_fit("gallery", width, language, theme)
            self.picture(f"red-gallery-{width}")
            self.go("#/session/1")
            self.one("#red-cells")
            self.check_fit("result", width, language, theme)
            self.browser.execute_script("document.querySelector('#red-cells').scrollIntoView({block: 'start'})")
            self.picture(f"red-result-{width}")
            self.show_as_usual()


if __name__ == "__main__":
    unittest.main()

"""What counts as a look, the classes that only people give, and what is shown after the signature, in a real browser."""

import time

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from page import Page
from station import PASSWORD

CELLS = 12


class Looks(Page):
    target = CELLS
    # Long enough that no slow machine of tests looks like a person.
    more = "[review]\nfastest_ms = 3000\n"

    def keys(self, *keys):
        ActionChains(self.browser).send_keys(*keys).perform()

    def order(self):
        return [int(tile.get_attribute("data-cell")) for tile in self.find(".tile")]

    def person(self, number):
        return self.cells(1)[number]["by_person"]

    def detail(self):
        return self.ask("GET", "/api/sessions/1")[1]

    def test_1_a_count(self):
        self.log_in("otto")
        self.go("#/live")
        self.press("New sample")
        self.one("dialog input").send_keys("L-1" + Keys.ENTER)
        self.until("the end", lambda: self.one(".badge").text == "done")

    def test_2_quick_confirming_is_caught_and_said(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        self.one(".tile img")
        # Every cell at once, as soon as the gallery is there.
        self.keys(Keys.HOME)
        order = self.order()
        self.one(f'.tile[data-cell="{order[0]}"]').click()
        ActionChains(self.browser).key_down(Keys.SHIFT).send_keys(*[Keys.ARROW_RIGHT] * (len(order) - 1)).key_up(Keys.SHIFT).perform()
        self.keys(Keys.ENTER)
        self.until("the answer", lambda: all(cell["by_person"] for cell in self.cells(1).values()))
        looked = self.detail()["looked_at"]
        self.assertEqual((looked["cells"], looked["quickly"]), (0, len(order)))
        self.until("the words", lambda: f"{len(order)} seen quickly" in self.one(".all").text)
        self.assertIn(f"0 of {len(order)} seen", self.one(".all").text)
        self.assertIn("quick", self.one(f'.tile[data-cell="{order[0]}"]').text)
        self.picture("page-quick")
        # Looked at and confirmed again, it counts.
        time.sleep(3.5)
        self.one(f'.tile[data-cell="{order[0]}"]').click()
        time.sleep(3.5)
        self.keys(Keys.ENTER)
        self.until("a look", lambda: self.person(order[0])["quickly"] is False)
        self.until("the mark", lambda: "✓" in self.one(f'.tile[data-cell="{order[0]}"]').text)
        self.assertIn(f"1 of {len(order)} seen", self.one(".all").text)

    def test_3_a_lymphoblast_and_an_artefact_are_given_and_the_differential_leaves_the_artefact_out(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        before = self.detail()["reviewed_result"]
        one, two = self.order()[:2]
        for number, key, code in [(one, "g", "LBL"), (two, "f", "ART")]:
            time.sleep(3.5)
            self.one(f'.tile[data-cell="{number}"]').click()
            self.keys(key)
            self.until(code, lambda: self.person(number)["class"] == code)
        after = self.detail()["reviewed_result"]
        self.assertEqual(after["kinds"]["WBC"], before["kinds"]["WBC"] - 1)
        self.assertIn("blasts", after["flags"])
        within = [line for line in after["classes"] if line["class"] not in ("ART", "UNK", "EBO", "KSC", "TWO")]
        self.assertAlmostEqual(sum(line["percent"] for line in within), 100, 6)
        self.picture("page-person-classes")
        self.go("#/session/1")
        rows = {row.text.split("\n")[0] for row in self.find("table.differential tbody.apart tr")}
        self.assertTrue(any("ART" in row for row in rows), rows)
        self.assertIn("Lymphoblast", self.one("table.differential").text)

    def test_4_the_signature_says_what_nobody_saw_and_the_live_view_shows_the_signed_figures(self):
        self.log_in("rita")
        self.go("#/session/1")
        for tick in self.find("#sign input[name=nevertheless]"):
            tick.click()
        unseen = self.detail()["looked_at"]
        unseen = unseen["of"] - unseen["cells"]
        self.one("#sign textarea").send_keys("One lymphoblast; the others as the program says.")
        self.one("#sign input[type=password]").send_keys(PASSWORD)
        self.press("Sign")
        self.until("the signature", lambda: self.detail()["status"] == "final")
        self.go("#/session/1")
        self.assertIn(f"Signed with {unseen} of ", self.one("main").text)
        self.picture("page-signed-unseen")
        self.go("#/live")
        self.until("the signed figures", lambda: "LBL" in self.one("table.differential").text and "ART" in self.one("table.differential").text)
        signed = self.detail()["reviewed_result"]
        live = self.ask("GET", "/api/live")[1]["snapshot"]
        self.assertEqual((live["kinds"], live["classes"]), (signed["kinds"], signed["classes"]))
        self.picture("page-live-signed")

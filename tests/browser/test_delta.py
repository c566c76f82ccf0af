"""The earlier result of a sample is shown beside the present one only with a reason, in a real browser; and a wrong sample id is corrected."""

from page import Page
from station import PASSWORD

WHY = "The ward asks what changed"


class Delta(Page):
    target = 12

    def count(self, sample, number):
        self.go("#/live")
        self.press("New sample")
        self.one("dialog input").send_keys(sample)
        self.press("Begin to count")
        self.until("the begin", lambda: self.ask("GET", f"/api/sessions/{number}")[0] == 200 or self.again())
        self.until("the end", lambda: self.ask("GET", f"/api/sessions/{number}")[1]["status"] == "preliminary")

    def again(self):
        """An id that has a result takes a second press."""
        for button in self.find("dialog[open] .primary"):
            if button.text == "Begin to count it again":
                button.click()

    def sign(self, number):
        self.go(f"#/session/{number}")
        self.one("#sign")
        for tick in self.find("#sign input[name=nevertheless]"):
            tick.click()
        self.one("#sign textarea").send_keys("seen")
        self.one("#sign input[type=password]").send_keys(PASSWORD)
        self.press("Sign")
        self.until("the signature", lambda: self.find(".signature"))

    def session(self):
        return int(self.browser.execute_script("return location.hash").split("/")[2].split("?")[0])

    def compared(self):
        lines = self.station.command("audit", "list", "--action", "compare").splitlines()
        return [line for line in lines if WHY in line]

    def test_1_the_earlier_result_waits_for_a_reason_and_the_trail_keeps_it(self):
        self.log_in("rita")
        self.count("D-1", 1)
        self.sign(1)
        self.count("D-1", 2)
        self.go("#/compare/1/2")
        self.one("#why textarea")
        self.assertIn("What was found before leads the eye", self.one("#why").text)
        self.assertEqual(self.find("table.compare"), [], "nothing of it is shown yet")
        # Without a reason the browser itself keeps the form back.
        self.press("Show them")
        self.assertEqual((self.find("table.compare"), self.compared()), ([], []))
        self.one("#why textarea").send_keys(WHY)
        self.picture("delta-why")
        self.press("Show them")
        self.one("table.compare")
        self.assertEqual(len(self.compared()), 1)
        self.picture("delta-beside")

    def test_2_two_signed_results_are_shown_without_one(self):
        self.log_in("rita")
        self.sign(2)
        self.go("#/compare/1/2")
        self.one("table.compare")
        self.assertEqual(self.find("#why"), [])

    def test_3_a_wrong_sample_id_is_corrected_once_its_other_result_was_shown(self):
        self.log_in("rita")
        self.count("D-2", 3)
        self.sign(3)
        self.one("#amend summary").click()
        self.one("#amend textarea").send_keys("The tubes were swapped")
        sample = self.one("#amend input[name=sample]")
        self.assertEqual(sample.get_attribute("value"), "D-2")
        sample.clear()
        sample.send_keys("D-1")
        self.press("Make the new version")
        self.until("the warning", lambda: "D-1 has a result already" in self.one("#amend .notice").text)
        self.assertEqual(self.session(), 3, "nothing was made yet")
        self.picture("amend-sample")
        self.press("Make it all the same")
        self.until("the new version", lambda: self.session() == 4 and self.find("#sign"))
        self.assertEqual(self.one("h1").text, "D-1")
        self.assertIn("SAMPLE ID CORRECTED: it was D-2", self.one(".notice.corrected").text)
        self.picture("amend-sample-open")

"""Quality control in a real browser: a morning from the control that is due to the one that failed and its reason."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from page import Page
from station import PASSWORD

SCREENS = [(1280, 800, "light", "en"), (800, 480, "dark", "fr"), (390, 844, "light", "es")]


class Morning(Page):
    more = '[quality_control]\nrequired = "sign"\nfewest_cells = 10\n'

    def standing(self):
        return self.ask("GET", "/api/quality")[1]

    def define(self, name, figures):
        """A lot with mean and SD of some classes, by the form."""
        self.go("#/quality")
        self.until("the form", lambda: self.find("details summary"))[-1].click()
        form = self.find("details form")[-1]
        form.find_element(By.CSS_SELECTOR, ".search input").send_keys(name)
        kinds = [one for one in form.find_elements(By.TAG_NAME, "select") if "normal" in one.get_attribute("innerHTML")]
        Select(kinds[0]).select_by_value("normal")
        for row in form.find_elements(By.CSS_SELECTOR, "tbody tr"):
            inputs = row.find_elements(By.TAG_NAME, "input")
            figure = next((figures[code] for code in figures if code in row.text), None)
            for field, value in zip(inputs, figure or []):
                field.send_keys(str(value))
        self.press("Define")
        self.until("the lot", lambda: any(name in one.text for one in self.find(".controls h2")))

    def count(self, lot):
        self.go("#/quality")
        cards = self.until("the lots", lambda: self.find(".controls .card"))
        runs = len(self.ask("GET", "/api/quality/runs")[1]["runs"])
        card = next(one for one in cards if lot in one.text)
        card.find_element(By.TAG_NAME, "button").click()
        self.until("the count", lambda: self.browser.current_url.endswith("#/live"))
        self.until("the run", lambda: len(self.ask("GET", "/api/quality/runs")[1]["runs"]) > runs)
        self.go("#/quality")

    def test_1_a_control_that_is_due_is_said_above_every_view(self):
        self.log_in("ada")
        for view in ["#/live", "#/history", "#/settings"]:
            self.go(view)
            self.assertIn("No control is defined", self.until("the line", lambda: self.one("#control [role=alert]").text))
        self.define("L1", {"(segmented)": (45, 25), "Lymphocyte": (30, 25)})
        self.go("#/live")
        self.assertIn("The control is due", self.one("#control").text)

    def test_2_a_control_that_passes_opens_signing(self):
        self.log_in("ada")
        self.count("L1")
        self.until("that it passed", lambda: "The control passed" in self.one("main").text)
        self.assertTrue(self.standing()["may_sign"])
        self.assertEqual(len(self.find("svg.levey")), 2)
        self.picture("quality-passed")
        self.go("#/live")
        self.assertEqual(self.find("#control *"), [])
        self.assertEqual(self.ask("GET", "/api/sessions")[1]["sessions"], [], "a control is no sample")

    def test_3_a_control_that_failed_says_what_to_do_and_keeps_results_from_being_signed(self):
        self.log_in("ada")
        self.define("W", {"Eosinophil": (90, 2)})
        self.count("W")
        self.until("that it failed", lambda: "The control failed" in self.one("main").text)
        words = self.one("main").text
        self.assertIn("1-3s Eosinophil", words)
        self.assertIn("Look at the cells of the run", words)
        self.assertTrue(self.find("svg.levey path.rejected"))
        self.ask("POST", "/api/live/commands", {"command": "new", "sample": "A-17"})
        sample = lambda: next(iter(self.ask("GET", "/api/sessions?status=preliminary")[1]["sessions"]), None)
        number = self.until("the sample", sample)["id"]
        self.go(f"#/session/{number}")
        self.assertIn("The control failed", self.one("#control").text)
        self.one("textarea").send_keys("Seen at the microscope.")
        for tick in self.find("input[name=nevertheless]"):
            tick.click()
        self.one("#sign input[type=password]").send_keys(PASSWORD + Keys.ENTER)
        self.until("why not", lambda: "The control has not passed" in self.one("#sign .problem").text)
        self.picture("quality-not-signed")

    def test_4_it_fits_every_screen(self):
        self.log_in("ada")
        for width, height, theme, language in SCREENS:
            self.show_as(width, height, theme, language)
            self.go("#/quality")
            self.until("the charts", lambda: self.find("svg.levey"))
            self.check_fit("quality", width, language, theme)
            self.picture(f"quality-{width}")
        self.show_as_usual()

    def test_5_an_admin_says_why_and_the_report_prints_it(self):
        self.log_in("ada")
        self.go("#/quality")
        reason = self.until("the form", lambda: [one for one in self.find("form textarea") if one.is_displayed()])[0]
        reason.send_keys("Lot W was typed wrong; L1 passed.")
        self.press("Open signing")
        self.until("that it is open", lambda: "Lot W was typed wrong" in self.one("main").text)
        number = self.ask("GET", "/api/sessions?status=preliminary")[1]["sessions"][0]["id"]
        self.go(f"#/session/{number}")
        self.one("textarea").send_keys("Seen at the microscope.")
        for tick in self.find("input[name=nevertheless]"):
            tick.click()
        self.one("#sign input[type=password]").send_keys(PASSWORD + Keys.ENTER)
        self.until("the signature", lambda: self.find(".signature"))
        self.assertIn("Lot W was typed wrong", self.one("main").text)
        self.picture("quality-signed")

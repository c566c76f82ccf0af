"""The page in a real browser: a sample from the first field to the signed report, and who may not do what.

Screenshots go to the folder $PICTURES, where one is named."""

import os
import tempfile
import time
import unittest
from pathlib import Path

from axe_core_python.selenium import Axe
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from station import PASSWORD, Station, browser, real_fields

PICTURES = os.environ.get("PICTURES")
# What a person waits for at most; the machines of tests are slow, and another build may run beside.
PATIENCE = 90
VIEWS = ["#/live", "#/history", "#/settings", "#/session/1", "#/session/1/gallery"]


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        camera = "simulated" if PICTURES else real_fields()
        if camera is None:
            print("no image pack: the browser sees the simulated microscope instead of real fields")
        cls.station = Station(camera or "simulated", target=12)
        cls.downloads = tempfile.TemporaryDirectory()
        cls.browser = browser(cls.downloads.name)

    @classmethod
    def tearDownClass(cls):
        said = [entry["message"] for entry in cls.browser.get_log("browser") if entry["level"] == "SEVERE"]
        cls.browser.quit()
        cls.downloads.cleanup()
        cls.station.end()
        # What the server refused on purpose is told there, too.
        wrong = [line for line in said if "status of 40" not in line and "status of 429" not in line]
        assert not wrong, wrong

    # What a person does.

    def go(self, where):
        self.browser.get(self.station.url + "/" + where)
        self.browser.refresh()
        self.until("the view", lambda: self.find("main .view > *"))

    def find(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.until(selector, lambda: next((one for one in self.find(selector) if one.is_displayed()), None))

    def until(self, what, condition):
        return WebDriverWait(self.browser, PATIENCE, 0.2, [StaleElementReferenceException]).until(
            lambda _: condition(), f"waited in vain for {what}")

    def ask(self, method, path, body=None):
        """A request as a script of the page would send it: status and answer."""
        return self.browser.execute_async_script(
            """const [method, path, body, done] = arguments;
            fetch(path, {method, headers: body ? {"Content-Type": "application/json"} : {}, body: body && JSON.stringify(body)})
              .then(async (answer) => done([answer.status, await answer.json().catch(() => null)]));""",
            method, path, body)

    def log_in(self, name):
        self.browser.delete_all_cookies()
        self.go("#/login")
        self.one("input[name=name]").send_keys(name)
        self.one("input[name=password]").send_keys(PASSWORD + Keys.ENTER)
        self.until("the bar", lambda: name in self.one("#bar .who").text)

    def press(self, text):
        buttons = "button, a.button"
        self.until(text, lambda: next((one for one in self.find(buttons) if one.is_displayed() and one.text == text), None)).click()

    def picture(self, name, wait=0.5):
        if PICTURES:
            time.sleep(wait)
            self.browser.save_screenshot(str(Path(PICTURES) / f"{name}.png"))

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
        self.press("Begin to count")
        self.until("the sample", lambda: self.one(".live h1").text == "A-17")
        counted = lambda: int(self.one(".counted b").text)
        self.until("a first cell", lambda: counted() > 0)
        first = counted()
        self.until("more cells", lambda: counted() > first + 1)
        self.until("a picture", lambda: not self.one(".frame canvas").find_elements(By.XPATH, "following-sibling::p[not(@hidden)]"))
        self.until("a table", lambda: len(self.find(".differential tbody tr")) > 1)
        self.picture("page-live")
        self.until("the end", lambda: self.one(".badge").text in ("done",))
        self.assertGreaterEqual(counted(), 3)

    def test_3_an_operator_looks_and_changes_nothing(self):
        self.log_in("otto")
        self.go("#/session/1/gallery")
        self.one(".tile").click()
        self.assertEqual(self.find(".classes"), [])
        self.go("#/session/1")
        self.assertIn("preliminary", self.one(".badge").text)
        self.assertEqual(self.find("#sign"), [])
        cell = self.ask("GET", "/api/sessions/1/cells?kind=WBC")[1]["cells"][0]["number"]
        for method, path, body in [
            ("PUT", f"/api/sessions/1/cells/{cell}", {"class": "MYO"}),
            ("POST", "/api/sessions/1/undo", {}),
            ("POST", "/api/sessions/1/sign", {"password": PASSWORD}),
            ("POST", "/api/users", {"name": "eve", "role": "admin", "password": PASSWORD}),
            ("GET", "/api/audit", None),
        ]:
            self.assertEqual(self.ask(method, path, body)[0], 403, path)

    def test_4_a_reviewer_gives_a_cell_another_class_by_a_key_and_takes_it_back(self):
        self.log_in("rita")
        self.go("#/session/1/gallery")
        tile = self.one(".tile.chosen")
        number, before = tile.get_attribute("data-cell"), tile.find_element(By.CSS_SELECTOR, ".name").text
        key, code = ("m", "MON") if not before.startswith("MON") else ("s", "NGS")
        name = lambda: self.one(f'.tile[data-cell="{number}"] .name').text
        tile.send_keys(key)
        self.until("the new class", lambda: name().startswith(code))
        self.assertIn(before.split()[0], self.one(f'.tile[data-cell="{number}"] .was').text)
        cells = {str(cell["number"]): cell for cell in self.ask("GET", "/api/sessions/1/cells?kind=WBC")[1]["cells"]}
        self.assertEqual((cells[number]["by_person"]["class"], cells[number]["class"]), (code, before.split()[0]))
        self.browser.switch_to.active_element.send_keys("z")
        self.until("the old class", lambda: name() == before)
        self.one(f'.tile[data-cell="{number}"]').send_keys(key)
        self.until("the class again", lambda: name().startswith(code))
        self.picture("page-gallery")
        map_ = self.browser.execute_async_script(
            "const [path, done] = arguments; fetch(path).then((answer) => done([answer.status, answer.headers.get('content-type')]));",
            f"/api/sessions/1/cells/{number}/saliency.png")
        self.assertEqual(map_, [200, "image/png"])
        other = self.find(".tile")[-1]
        ActionChains(self.browser).move_to_element(other).perform()
        self.until("what mattered", lambda: other.find_element(By.TAG_NAME, "img").get_attribute("src").endswith("saliency.png"))
        ActionChains(self.browser).move_to_element(self.one("h1")).perform()
        self.until("the cell again", lambda: other.find_element(By.TAG_NAME, "img").get_attribute("src").endswith("crop.jpg"))

    def test_5_a_signature_makes_the_result_final_and_the_report_says_so(self):
        self.log_in("rita")
        self.go("#/session/1")
        self.assertIn("given another class", self.one("main").text)
        self.one("#sign textarea").send_keys("Seen, cell by cell.")
        self.one("#sign input[type=password]").send_keys("a wrong password")
        self.press("Sign")
        self.assertIn("password is wrong", self.one("#sign .problem").text)
        self.one("#sign input[type=password]").send_keys(PASSWORD)
        self.picture("page-sign")
        self.press("Sign")
        self.until("the signature", lambda: "final" in self.one(".badge").text)
        self.assertIn("Seen, cell by cell.", self.one(".signature").text)
        self.picture("page-result")
        self.press("PDF")
        file = Path(self.downloads.name) / "leukoscope-1.pdf"
        self.until("the download", file.exists)
        self.until("all of it", lambda: file.read_bytes().rstrip().endswith(b"%%EOF"))
        report = file.read_bytes()
        self.assertTrue(report.startswith(b"%PDF-") and b"DCTDecode" in report)
        self.assertNotIn(b"PRELIMINARY".hex().upper().encode(), report)
        cell = self.ask("GET", "/api/sessions/1/cells?kind=WBC")[1]["cells"][0]["number"]
        self.assertEqual(self.ask("PUT", f"/api/sessions/1/cells/{cell}", {"class": "MYO"})[0], 409)

    def test_6_sessions_are_found_and_compared(self):
        self.log_in("otto")
        self.go("#/live")
        self.press("New sample")
        self.one("dialog input").send_keys("B-2")
        self.press("Begin to count")
        self.until("the sample", lambda: self.one(".live h1").text == "B-2")
        self.until("some cells or the end", lambda: int(self.one(".counted b").text) > 2 or self.one(".badge").text == "done")
        if self.one(".badge").text != "done":
            self.press("Stop")
            self.until("the end", lambda: self.one(".badge").text == "done")
        self.go("#/history")
        self.until("both", lambda: len(self.find("tbody tr")) == 2)
        self.one("input[type=search]").send_keys("a-1" + Keys.ENTER)
        self.until("one", lambda: [row.text.split()[0] for row in self.find("tbody tr")] == ["A-17"])
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
            self.assertTrue(any(row.text.split()[-1:] and f" {word} " in f" {row.text} " for row in self.find("table tr")), word)
        target = next(one for one in self.find("input[type=number]") if one.get_attribute("value") == "12")
        target.clear()
        target.send_keys("20")
        self.press("Keep")
        self.until("kept", lambda: "Kept" in self.one("main").text)
        self.assertEqual(self.ask("GET", "/api/settings")[1]["settings"]["session"]["target"], 20)
        self.assertIn("whole", self.station.command("audit", "verify"))

    def test_8_it_fits_a_phone_and_a_panel_in_every_language_light_and_dark(self):
        self.log_in("rita")
        for (width, height), theme, language in [((390, 844), "light", "es"), ((800, 480), "dark", "fr"), ((1280, 900), "dark", "en")]:
            self.browser.execute_script("localStorage.setItem('theme', arguments[0]); localStorage.setItem('language', arguments[1])", theme, language)
            # The window of a browser cannot be as narrow as a phone; what it shows can.
            self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
            for view in VIEWS + ["#/compare/1/2"]:
                self.go(view)
                time.sleep(0.5)
                self.assertEqual(self.browser.execute_script("return document.documentElement.lang"), language)
                wide = self.browser.execute_script("return document.documentElement.scrollWidth")
                with self.subTest(f"{view} at {width} px in {language}"):
                    self.assertLessEqual(wide, width)
                words = self.one("main").text
                self.assertNotRegex(words, r"\b(result|gallery|live|settings|history)\.[a-z]", f"{view}: a key without a text")
                found = Axe().run(self.browser)["violations"]
                told = [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]
                with self.subTest(f"{view} at {width} px in {language}, {theme}"):
                    self.assertEqual(told, [])
                if PICTURES and (view, width) in [("#/session/1/gallery", 390), ("#/live", 800)]:
                    self.picture("page-phone" if width < 500 else "page-panel")
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def test_9_a_login_ends(self):
        self.log_in("otto")
        cookie = self.browser.get_cookie("leukoscope")
        self.browser.execute_script("localStorage.clear()")
        self.go("#/history")
        self.press("Log out")
        self.until("the login", lambda: self.find("input[name=password]"))
        self.browser.add_cookie({"name": "leukoscope", "value": cookie["value"], "secure": True})
        self.assertEqual(self.ask("GET", "/api/sessions")[0], 401)


if __name__ == "__main__":
    unittest.main(verbosity=2)

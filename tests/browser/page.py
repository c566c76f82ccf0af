"""What a person does with the page, for the tests."""

import os
import tempfile
import time
import unittest
from pathlib import Path

from axe_core_python.selenium import Axe
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from station import PASSWORD, Station, browser

# Screenshots go to this folder, where one is named.
PICTURES = os.environ.get("PICTURES")
# What a person waits for at most; the machines of tests are slow, and another build may run beside.
PATIENCE = 90
# A scanner's pace and a fast person's, ms a key.
SCANNER, PERSON = 8, 70


class Page(unittest.TestCase):
    """A station and a browser for the tests of one class."""

    camera = "simulated"
    target = 12
    listen = "0.0.0.0:0"
    # Added to the configuration.
    more = ""
    # Frames a second.
    frame_rate = 4.0

    @classmethod
    def setUpClass(cls):
        cls.station = Station(cls.camera, cls.target, cls.listen, cls.more, cls.frame_rate)
        cls.downloads = tempfile.TemporaryDirectory()
        cls.browser = browser(cls.downloads.name)

    @classmethod
    def tearDownClass(cls):
        said = [entry["message"] for entry in cls.browser.get_log("browser") if entry["level"] == "SEVERE"]
        cls.browser.quit()
        cls.downloads.cleanup()
        cls.station.end()
        # What the server refused on purpose is told there, too, and that a test cut the line.
        expected = ["status of 40", "status of 422", "status of 429", "ERR_INTERNET_DISCONNECTED"]
        wrong = [line for line in said if not any(words in line for words in expected)]
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

    def types(self, text, pace, end=None):
        """Keys with the times that they have by this pace, however busy this machine is."""
        at = time.time()
        for key in [*text, *([end] if end else [])]:
            at += pace / 1000
            named = {"Enter": ("\r", "Enter", 13), "Tab": ("\t", "Tab", 9)}.get(key)
            words, code, number = named or (key, f"Key{key.upper()}" if key.isalpha() else f"Digit{key}", ord(key.upper()))
            press = {"key": "Enter" if key == "Enter" else "Tab" if key == "Tab" else key, "code": code,
                     "windowsVirtualKeyCode": number, "modifiers": 8 if key.isupper() and len(key) == 1 else 0, "timestamp": at}
            self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", press | {"type": "keyDown", "text": words if key != "Tab" else ""})
            self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", press | {"type": "keyUp"})

    def scan(self, text, end="Enter"):
        # Nobody types and scans in the same moment.
        time.sleep(0.3)
        self.types(text, SCANNER, end)

    def show_as(self, width, height, theme, language):
        """As a screen of this size shows it."""
        self.browser.execute_script(
            "localStorage.setItem('theme', arguments[0]); localStorage.setItem('language', arguments[1])", theme, language)
        # The window of a browser cannot be as narrow as a phone; what it shows can.
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})

    def show_as_usual(self):
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.browser.execute_script("localStorage.clear()")

    def check_fit(self, view, width, language, theme):
        """No wider than the screen, every text there, and nothing that a check of accessibility finds."""
        self.assertEqual(self.browser.execute_script("return document.documentElement.lang"), language)
        wide = self.browser.execute_script("return document.documentElement.scrollWidth")
        with self.subTest(f"{view} at {width} px in {language}"):
            self.assertLessEqual(wide, width)
        words = self.one("main").text
        self.assertNotRegex(words, r"\b(result|gallery|live|settings|history|sign|short|error|adapt|quality|control|health|manual|practice|support|part)\.[a-z]", f"{view}: a key without a text")
        with self.subTest(f"{view} at {width} px in {language}, {theme}"):
            self.check_accessible()

    def check_accessible(self):
        found = Axe().run(self.browser)["violations"]
        self.assertEqual([f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]], [])

    def cells(self, session):
        """The white cells of a session by number."""
        return {cell["number"]: cell for cell in self.ask("GET", f"/api/sessions/{session}/cells?kind=WBC")[1]["cells"]}

    def picture(self, name, wait=0.5):
        if PICTURES:
            time.sleep(wait)
            self.browser.save_screenshot(str(Path(PICTURES) / f"{name}.png"))

"""A signed result is amended in a real browser: a reason, a new version, a second signature, a corrected report."""

import shutil
import subprocess
import time
from pathlib import Path

from page import PICTURES, Page
from station import PASSWORD

REASON = "One cell is a basophil"
SCREENS = [((1280, 800), "light", "en"), ((800, 480), "dark", "fr"), ((390, 844), "light", "es")]


class Amend(Page):
    target = 12

    def sign(self):
        self.one("#sign")
        for tick in self.find("#sign input[name=nevertheless]"):
            tick.click()
        self.one("#sign textarea").send_keys("seen")
        self.one("#sign input[type=password]").send_keys(PASSWORD)
        self.press("Sign")
        self.until("the signature", lambda: self.find(".signature"))

    def session(self):
        """The number of the session that is shown."""
        return int(self.browser.execute_script("return location.hash").split("/")[2].split("?")[0])

    def notices(self):
        return " ".join(one.text for one in self.find(".notice.corrected"))

    def open_card(self, card):
        self.one(f"{card} summary").click()

    def test_1_a_signed_result_is_amended_and_the_new_version_is_a_corrected_report(self):
        self.log_in("rita")
        self.go("#/live")
        self.press("New sample")
        self.one("dialog input").send_keys("AM-1")
        self.press("Begin to count")
        self.until("the end", lambda: self.one(".badge").text == "done")
        self.go("#/session/1")
        self.assertEqual(self.find("#amend"), [])
        self.sign()
        self.open_card("#amend")
        # Without a reason the browser itself keeps the form back.
        self.press("Make the new version")
        self.assertEqual(self.session(), 1)
        self.one("#amend textarea").send_keys(REASON)
        self.press("Make the new version")
        self.until("the new version", lambda: self.session() == 2 and self.find("#sign"))
        self.assertIn("AMENDMENT, version 2, not signed", self.notices())
        self.assertIn(REASON, self.notices())
        self.picture("amend-open")
        self.go("#/session/1")
        self.assertIn("AN AMENDMENT IS BEING MADE: version 2", self.notices())
        self.assertEqual(self.find("#amend"), [], "one at a time")

        number = next(iter(self.cells(2)))
        self.assertEqual(self.ask("PUT", "/api/sessions/2/cells", {"cells": [number], "class": "BAS"})[0], 200)
        self.assertEqual(self.ask("PUT", "/api/sessions/1/cells", {"cells": [number], "class": "BAS"})[0], 409)
        self.go("#/session/2")
        self.sign()
        self.assertIn("CORRECTED REPORT, version 2. It replaces version 1 (session 1), signed by rita", self.notices())
        self.assertIn("Basophil", self.one(".view table, main table").text)
        self.go("#/session/1")
        self.assertIn("REPLACED by version 2 (session 2), signed by rita", self.notices())

    def test_2_the_list_shows_the_version_in_force_and_all_when_asked(self):
        self.log_in("rita")
        self.go("#/history")
        rows = lambda: [row.text for row in self.find("tbody tr")]
        self.until("one version", lambda: len(rows()) == 1)
        self.assertIn("version 2", rows()[0])
        self.one("input[name=replaced]").click()
        self.until("both versions", lambda: len(rows()) == 2)
        self.assertIn("replaced", rows()[1])
        self.picture("amend-list")

    def test_3_the_notices_fit_every_screen(self):
        self.log_in("rita")
        for (width, height), theme, language in SCREENS:
            self.show_as(width, height, theme, language)
            for session in (1, 2):
                self.go(f"#/session/{session}")
                self.one(".notice.corrected")
                time.sleep(0.3)
                self.check_fit("a version", width, language, theme)
                self.picture(f"amend-{session}-{width}x{height}")
        self.show_as_usual()

    def test_4_the_corrected_report_prints_so_on_its_first_page(self):
        if not shutil.which("pdftotext"):
            self.skipTest("pdftotext is not installed")
        report = Path(self.downloads.name) / "corrected.pdf"
        self.station.command("report", "2", "--output", str(report))
        text = subprocess.run(["pdftotext", "-l", "1", str(report), "-"], capture_output=True, text=True, check=True).stdout
        self.assertIn("CORRECTED REPORT, version 2 – signed by rita", text)
        self.assertIn(REASON, text.replace("\n", " "))
        if PICTURES:
            subprocess.run(["pdftoppm", "-png", "-r", "60", str(report), str(Path(PICTURES) / "amend-report")], check=True)

    def test_5_an_amendment_is_withdrawn(self):
        self.log_in("rita")
        self.go("#/session/2")
        self.open_card("#amend")
        self.one("#amend textarea").send_keys("begun by mistake")
        self.press("Make the new version")
        self.until("the new version", lambda: self.session() == 3 and self.find("#withdraw"))
        self.open_card("#withdraw")
        self.one("#withdraw textarea").send_keys("begun by mistake")
        self.press("Withdraw it")
        self.until("the version in force", lambda: self.session() == 2 and self.find("#amend"))
        self.assertNotIn("AMENDMENT", self.notices())

"""Marks, critical values and the choice of the camera, as a person meets them."""

import socket
import time
import unittest

from page import Page
from station import PASSWORD


class Alarm(Page):
    """A station for training where any blast is critical."""

    more = "[critical]\nblast_cells = 1\n"

    def test_1_everything_of_a_simulated_count_says_so(self):
        self.log_in("otto")
        self.assertIn("TRAINING", self.one("#bar .marked").text)
        self.assertEqual(self.ask("POST", "/api/live/commands", {"command": "new", "sample": "A-17"})[0], 202)
        self.until("the mark", lambda: "SIMULATED" in self.one(".live .line").text)
        self.until("the result", lambda: self.ask("GET", "/api/sessions?status=preliminary")[1]["sessions"])
        self.picture("marks-live")
        self.go("#/session/1")
        self.assertIn("Counted from drawn pictures", self.one("main").text)

    def test_2_a_critical_value_stands_on_every_view_until_who_was_told_is_written_down(self):
        self.log_in("rita")
        cells = list(self.cells(1))
        for cell in cells:
            self.assertEqual(self.ask("PUT", "/api/sessions/1/cells", {"cells": [cell], "class": "NGS"})[0], 200)
        self.until("no alarm", lambda: not self.find("#alarms:not([hidden])"))
        self.assertEqual(self.ask("PUT", "/api/sessions/1/cells", {"cells": [cells[0]], "class": "BLA"})[0], 200)
        self.until("the alarm", lambda: self.find("#alarms:not([hidden])"))
        self.assertIn("CRITICAL VALUE", self.one("#alarms").text)
        self.assertIn("A-17: Blasts in the result: 1", self.one("#alarms a").text)
        self.go("#/live")
        self.until("the alarm beside the count", lambda: "CRITICAL A-17: 1 blast" in self.one("main").text)
        self.go("#/history")
        self.assertIn("nobody told yet", self.one("main").text)
        self.one("#alarms a").click()
        self.assertIn("Blasts in the result: 1", self.one(".card.alarm.open").text)
        # One blast is never explained by chance.
        box = self.one(".card.blasts")
        self.assertIn("1 blast in", box.text)
        self.assertIn("any true blast in the blood of an adult is abnormal", box.text)
        self.assertNotIn("chance alone", self.one("main").text)
        self.assertTrue(box.find_elements("css selector", "img"))
        self.check_accessible()
        for width, height, theme, language in [(1280, 800, "light", "en"), (800, 480, "light", "en"), (390, 844, "dark", "es"), (1280, 800, "dark", "fr")]:
            self.show_as(width, height, theme, language)
            self.go("#/session/1")
            self.one(".card.alarm")
            self.check_fit("alarm", width, language, theme)
            self.picture(f"marks-alarm-{width}-{language}")
        self.show_as_usual()
        self.go("#/session/1")
        self.press("Write down who was told")
        self.until("the refusal", lambda: "say who was told" in self.one("#acknowledge .problem").text)
        self.one("#acknowledge [name=told]").send_keys("Ward 3, Kim")
        self.press("Write down who was told")
        self.until("the refusal", lambda: "read the value back" in self.one("#acknowledge .problem").text)
        self.one("#acknowledge [name=read_back]").click()
        self.press("Write down who was told")
        self.until("the end of the alarm", lambda: not self.find(".card.alarm.open"))
        self.assertIn("Ward 3, Kim was told by rita", self.one(".card.alarm").text)
        self.until("the strip to go", lambda: not self.find("#alarms:not([hidden])"))

    def test_3_a_signature_on_a_station_for_training_says_so(self):
        self.log_in("rita")
        self.go("#/session/1")
        self.one("#sign textarea").send_keys("Practice.")
        for tick in self.find("#sign input[name=nevertheless]"):
            tick.click()
        self.one("#sign input[type=password]").send_keys(PASSWORD)
        self.press("Sign")
        self.until("the signature", lambda: self.find(".signature"))
        self.assertIn("TRAINING", self.one(".signature").text)
        self.assertIn("SIMULATED", self.one(".signature").text)
        self.picture("marks-signed")


def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


class Choice(Page):
    """A station that nobody has told its camera yet."""

    camera = None
    listen = f"0.0.0.0:{free_port()}"

    def test_1_the_first_start_asks_which_camera_this_is(self):
        self.log_in("otto")
        card = self.one("#camera")
        self.assertIn("Which camera is this?", card.text)
        self.until("the trouble", lambda: "no camera chosen" in self.one("main").text)
        self.picture("marks-camera")
        for width, height in [(800, 480), (390, 844)]:
            self.show_as(width, height, "light", "en")
            self.go("#/live")
            self.one("#camera")
            self.picture(f"marks-camera-{width}")
        self.show_as_usual()
        self.go("#/live")
        self.one("#camera button[data-source=simulated]").click()
        time.sleep(6)
        self.log_in("otto")
        self.until("the simulated microscope", lambda: "SIMULATED" in self.one(".live .line").text)
        self.assertEqual(self.find("#camera"), [], "an operator is not asked again")
        self.log_in("ada")
        self.go("#/settings")
        self.assertIn("Which camera is this?", self.one("#camera").text)


if __name__ == "__main__":
    unittest.main()

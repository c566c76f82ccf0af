"""A station of its own for the tests, and a browser to look at it with."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
USERS = {"otto": "operator", "rita": "reviewer", "ada": "admin"}


def real_fields():
    """Real fields to replay, or None where there is no image pack."""
    pack = Path(os.environ.get("SMEAR_DATA", ROOT.parent / "shared/data"))
    fields = pack / "fields/txl/val"
    return f"replay:{fields}/bccd_*.png" if any(fields.glob("bccd_*.png")) else (
        f"replay:{fields}/bccd_*.jpg" if any(fields.glob("bccd_*.jpg")) else None)


class Station:
    """A daemon in the network, with TLS by its own certificate and a user of each role."""

    def __init__(self, camera, target, listen="0.0.0.0:0", more="", frame_rate=4.0):
        self.program = os.environ["LEUKOSCOPE"]
        self.folder = Path(tempfile.mkdtemp(prefix="leukoscope-browser-"))
        self.log = (self.folder / "log").open("w")
        config = self.folder / "station.toml"
        config.write_text(
            f'[station]\nname = "browser"\nstate = "{self.folder}/state"\ntraining = true\n'
            f'[camera]\nsource = "choose"\nframe_rate = {frame_rate}\n[session]\nautostart = false\ntarget = {target}\n'
            f'[display]\nkind = "none"\n[serial]\nport = "none"\n[web]\nlisten = "{listen}"\n' + more
        )
        self.config = config
        self.environment = os.environ | {"LEUKOSCOPE_MODELS": str(ROOT / "models")}
        for name, role in USERS.items():
            self.command("user", "add", name, "--role", role, typed=PASSWORD)
        self.camera = camera
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "run", "--config", self.config, *(["--camera", self.camera] if self.camera else [])],
            env=self.environment, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        self.url = None
        for line in self.process.stdout:
            if found := re.match(r"page on (\S+)", line):
                self.url = found[1]
                break
        assert self.url, (self.folder / "log").read_text()

    def cut(self):
        """As a power cut: ended at once in whatever it does, and started again."""
        self.process.kill()
        self.process.wait(30)
        self.process.stdout.close()
        self.start()

    def command(self, *arguments, typed=""):
        done = subprocess.run(
            [self.program, *arguments, "--config", self.config], env=self.environment, input=typed,
            capture_output=True, text=True, check=False,
        )
        assert done.returncode == 0, done
        return done.stdout

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process.stdout.close()
        self.log.close()
        said = (self.folder / "log").read_text()
        shutil.rmtree(self.folder)
        assert code == 0 and "panicked" not in said, said


def browser(downloads, width=1280, height=900):
    options = webdriver.ChromeOptions()
    for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en", "--hide-scrollbars",
                     # The station's certificate is its own; a person says once that it is trusted.
                     "--ignore-certificate-errors", f"--window-size={width},{height}"]:
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads), "intl.accept_languages": "en"})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = shutil.which("chromium")
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))

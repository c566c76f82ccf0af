"""A counting station that is connected to the hosts of a test."""

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"


class Station:
    """A daemon with a simulated microscope; `config` is added to its configuration."""

    def __init__(self, config, folder=None):
        self.program = os.environ["LEUKOSCOPE"]
        self.folder = folder or Path(tempfile.mkdtemp(prefix="leukoscope-connections-"))
        self.config = self.folder / "station.toml"
        self.config.write_text(
            f'[station]\nname = "bench"\nstate = "{self.folder}/state"\ntraining = true\n'
            "[session]\nautostart = false\ntarget = 20\n"
            '[display]\nkind = "none"\n[serial]\nport = "none"\n[web]\nlisten = "127.0.0.1:0"\n' + config
        )
        self.environment = os.environ | {"LEUKOSCOPE_MODELS": str(ROOT / "models"), "TZ": "UTC"}
        if folder is None:
            self.command("user", "add", "rita", "--role", "admin", typed=PASSWORD)
        self.log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(
            [self.program, "run", "--config", self.config, "--camera", "simulated"],
            env=self.environment, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        self.url = self.orders = None
        for line in self.process.stdout:
            if found := re.match(r"page on (\S+)", line):
                self.url = found[1].rstrip("/")
            if found := re.match(r"hl7 orders on \S+:(\d+)", line):
                self.orders = int(found[1])
            if self.url and (self.orders or "listen =" not in config):
                break
        assert self.url, self.said()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        handlers = [urllib.request.HTTPSHandler(context=context), urllib.request.HTTPCookieProcessor()]
        self.opener = urllib.request.build_opener(*handlers)

    def said(self):
        return (self.folder / "log").read_text()

    def command(self, *arguments, typed=""):
        done = subprocess.run(
            [self.program, *arguments, "--config", self.config], env=self.environment, input=typed,
            capture_output=True, text=True, check=False,
        )
        assert done.returncode == 0, done
        return done.stdout

    def api(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Origin": self.url}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with self.opener.open(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def count(self, sample):
        """Counts a sample of this id; returns its session once it has a result."""
        self.api("POST", "/api/live/commands", {"command": "new", "sample": sample})

        def done():
            found = self.api("GET", f"/api/sessions?sample={sample}&status=preliminary")["sessions"]
            return found[0] if found else None

        return wait_for(done, 120)["id"]

    def sign(self, session, comment=""):
        self.api("POST", "/api/login", {"name": "rita", "password": PASSWORD})
        seen = self.api("GET", f"/api/sessions/{session}")["fingerprint"]
        body = {"password": PASSWORD, "comment": comment, "fingerprint": seen}
        self.api("POST", f"/api/sessions/{session}/sign", body)

    def end(self, remove=True):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process.stdout.close()
        self.log.close()
        said = self.said()
        if remove:
            shutil.rmtree(self.folder)
        assert code == 0 and "panicked" not in said, said


def wait_for(what, seconds=60):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)
    return found

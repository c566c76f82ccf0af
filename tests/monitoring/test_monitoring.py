"""A station with the simulated microscope, and Debian's Prometheus that scrapes it as deploy/monitoring/prometheus.yml says:
rules, dashboard and figures fit together."""

import json
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "deploy/monitoring"
PATIENCE = 60  # s
NAME = re.compile(r"\bleukoscope_[a-z_]+\b")
# Sample names of a histogram have the name of their metric and one of these.
PARTS = re.compile(r"_(bucket|sum|count)$")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, headers=None, context=None):
    request = urllib.request.Request(url, headers=headers or {})
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:
        return answer.read().decode()


def wait_for(what, probe):
    """The first true value of `probe`; what cannot be asked yet is asked again."""
    until, last = time.monotonic() + PATIENCE, None
    while time.monotonic() < until:
        try:
            last = probe()
            if last:
                return last
        except (urllib.error.URLError, ConnectionError, FileNotFoundError) as problem:
            last = problem
        time.sleep(0.3)
    raise AssertionError(f"{what}: not within {PATIENCE} s; the last was {last}")


def promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, cwd=SHIPPED)
    return done.returncode, done.stdout + done.stderr


class Shipped(unittest.TestCase):
    """The files alone."""

    def test_the_rules_and_the_example_are_well_formed(self):
        for arguments in (["check", "rules", "--lint-fatal", "alerts.yaml"], ["check", "config", "--syntax-only", "prometheus.yml"]):
            code, said = promtool(*arguments)
            self.assertEqual(code, 0, said)

    def test_alerts_are_raised_by_what_they_should_be_and_by_nothing_else(self):
        code, said = promtool("test", "rules", "alerts-test.yaml")
        self.assertEqual(code, 0, said)

    def test_each_alert_says_what_to_do_and_how_soon(self):
        text = (SHIPPED / "alerts.yaml").read_text()
        rules = text.split("- alert: ")[1:]
        self.assertGreater(len(rules), 15)
        for rule in rules:
            for part in ("expr:", "summary: \"", "do: \""):
                self.assertIn(part, rule)
            self.assertRegex(rule, r"severity: (critical|warning) ")


class Running(unittest.TestCase):
    """One station and one Prometheus for all tests."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.secret = secrets.token_hex(32)
        (cls.folder / "token").write_text(cls.secret + "\n")
        cls.start_station()
        cls.start_prometheus()
        cls.count()

    @classmethod
    def start(cls, name, command, **options):
        log = (cls.folder / f"{name}.log").open("w")
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **options)
        def end():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(20)
            log.close()
        cls.addClassCleanup(end)
        return process

    @classmethod
    def start_station(cls):
        # In a network, as the example has it: with TLS, the station's own certificate, and the secret.
        cls.station_port = free_port()
        config = cls.folder / "leukoscope.toml"
        config.write_text(f"""
[station]
name = "ward"
state = "{cls.folder}/state"
[session]
target = 3
autostart = false
[display]
kind = "none"
[web]
listen = "0.0.0.0:{cls.station_port}"
[metrics]
file = "{cls.folder}/leukoscope.prom"
seconds = 1.0
token = "{cls.folder}/token"
""")
        environment = dict(os.environ, LEUKOSCOPE_MODELS=str(REPOSITORY / "models"))
        cls.station = cls.start("station", [os.environ["LEUKOSCOPE"], "run", "--config", str(config)], env=environment)
        certificate = cls.folder / "state/web-certificate.pem"
        wait_for("a certificate", lambda: certificate.read_text().endswith("-----END CERTIFICATE-----\n"))
        cls.trusts = ssl.create_default_context(cafile=certificate)

    @classmethod
    def ask(cls, path, headers=None):
        return get(f"https://localhost:{cls.station_port}{path}", headers, cls.trusts)

    @classmethod
    def figures(cls):
        return cls.ask("/metrics", {"Authorization": f"Bearer {cls.secret}"})

    @classmethod
    def start_prometheus(cls):
        example = (SHIPPED / "prometheus.yml").read_text()
        changes = {
            "15s": "1s",
            "  - alerts.yaml": f"  - {SHIPPED}/alerts.yaml",
            "/etc/prometheus/leukoscope.token": f"{cls.folder}/token",
            "/etc/prometheus/leukoscope.pem": f"{cls.folder}/state/web-certificate.pem",
            '["station-1.local:8321", "station-2.local:8321"]': f'["localhost:{cls.station_port}"]',
        }
        for old, new in changes.items():
            if old not in example:
                raise AssertionError(f"prometheus.yml has no {old}")
            example = example.replace(old, new)
        config = cls.folder / "prometheus.yml"
        config.write_text(example)
        cls.port = free_port()
        cls.start("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={cls.folder}/data",
            f"--web.listen-address=127.0.0.1:{cls.port}", "--log.level=warn",
        ])
        wait_for("a scrape", lambda: cls.query('up{job="leukoscope"} == 1'))

    @classmethod
    def count(cls):
        """One sample, begun by a serial host that does not read the result; only now, so that Prometheus sees it counted."""
        port = re.search(r"^serial on (\S+)$", (cls.folder / "station.log").read_text(), re.MULTILINE)[1]
        host = os.open(port, os.O_RDWR | os.O_NOCTTY)
        cls.addClassCleanup(os.close, host)
        os.write(host, b"start\n")
        wait_for("a result", lambda: cls.query('increase(leukoscope_results_total{ending="target-reached"}[1m]) > 0'))

    @classmethod
    def api(cls, path, **parameters):
        url = f"http://127.0.0.1:{cls.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        return json.loads(get(url))["data"]

    @classmethod
    def query(cls, expression):
        return cls.api("query", query=expression)["result"]

    def names(self, text):
        """Names of the figures, in a text of figures."""
        return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))

    def expressions(self):
        """Every query of the dashboard, with its panel, as Grafana would send it."""
        board = json.loads((SHIPPED / "grafana-dashboard.json").read_text())
        found = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel["targets"]]
        found += [(note["name"], note["expr"]) for note in board["annotations"]["list"]]
        for title, expression in found:
            for name, value in (("instance", ".*"), ("__rate_interval", "1m"), ("__range", "1h"), ("__interval", "1m")):
                expression = expression.replace(f"${name}", value)
            self.assertNotIn("$", expression, title)
            yield title, expression

    def test_the_figures_are_well_formed_and_in_the_file_as_on_the_page(self):
        figures = self.figures()
        code, said = promtool("check", "metrics", text=figures)
        self.assertEqual((code, said), (0, ""))
        self.assertEqual(self.names((self.folder / "leukoscope.prom").read_text()), self.names(figures))

    def test_without_the_secret_there_are_no_figures_but_health_and_readiness_are_told(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.ask("/metrics")
        self.assertEqual(refused.exception.code, 401)
        refused.exception.close()
        for path in ("/healthz", "/readyz"):
            self.assertEqual(json.loads(self.ask(path)), {"ok": True, "reasons": []})

    def test_prometheus_loads_every_rule_and_none_fails(self):
        shipped = (SHIPPED / "alerts.yaml").read_text().count("- alert: ")
        def evaluated():
            rules = [rule for group in self.api("rules")["groups"] for rule in group["rules"]]
            return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None
        rules = wait_for("an evaluation of the rules", evaluated)
        self.assertEqual(len(rules), shipped)
        self.assertEqual([rule for rule in rules if rule["health"] != "ok"], [])
        # A station that counts raises none. The board under this test may be hot, or its disk full, for its own reasons.
        ours = [rule["name"] for rule in rules if rule["state"] == "firing"]
        self.assertEqual(set(ours) - {"LeukoscopeHot", "LeukoscopeThrottled", "LeukoscopeDiskAlmostFull"}, set())

    def test_each_figure_that_rules_and_dashboard_name_is_told(self):
        told = self.names(self.figures())
        page = (REPOSITORY / "docs/monitoring.md").read_text()
        # Only boards with sensors tell of them.
        told |= {name for name in re.findall(r"^\| `(\w+)`", page, re.MULTILINE) if name.startswith("leukoscope_board_")}
        rules = re.sub(r"(summary|do): .*", "", (SHIPPED / "alerts.yaml").read_text()).replace("leukoscope-", "")
        for where, text in [("alerts.yaml", rules), *self.expressions()]:
            for name in NAME.findall(text):
                self.assertIn(PARTS.sub("", name), told, where)

    def test_each_query_of_the_dashboard_is_answered(self):
        wait_for("two scrapes", lambda: self.query("count_over_time(up[1m]) > 2"))
        queries = list(self.expressions())
        self.assertGreater(len(queries), 25)
        # What there is nothing of on a healthy station, or on a machine without sensors.
        quiet = {"What is wrong now", "Temperature", "Hottest sensor", "Slowed down", "Starts of the program"}
        for title, expression in queries:
            answer = self.query(expression)
            if title not in quiet:
                self.assertTrue(answer, f"{title}: {expression}")

    def test_a_result_that_its_host_does_not_read_is_seen_to_wait(self):
        [waits] = self.query('leukoscope_outbox_results{receiver="serial"}')
        self.assertEqual(waits["value"][1], "1")
        wait_for("its age", lambda: self.query("leukoscope_outbox_oldest_age_seconds > 1"))

    def test_panels_do_not_lie_on_each_other(self):
        board = json.loads((SHIPPED / "grafana-dashboard.json").read_text())
        taken, numbers = set(), set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            squares = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            self.assertFalse(squares & taken, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24)
            self.assertNotIn(panel["id"], numbers)
            taken |= squares
            numbers.add(panel["id"])

    def test_zz_a_station_that_ends_is_noticed(self):
        self.station.send_signal(signal.SIGTERM)
        self.assertEqual(self.station.wait(20), 0)
        wait_for("the end", lambda: self.query('up{job="leukoscope"} == 0'))
        wait_for("an alert", lambda: self.query('ALERTS{alertname="LeukoscopeSilent", alertstate="pending"}'))
        # What it counted is in the file it left.
        self.assertIn("leukoscope_camera_frames_total", (self.folder / "leukoscope.prom").read_text())


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""A long run at full speed, with the page open three times: what grows?

    benches/soak/run.py PROGRAM --frames 1000000 --csv soak.csv      # hours; --minutes 30 for a shorter one

Starts PROGRAM (a release build) on the simulated microscope in a state folder of its own, as a station for training, counts
one sample after another and signs each, and writes a line of figures every minute. At the end it stops the program by
SIGTERM and prints a Markdown table: the first tenth after five minutes, the middle, and the last tenth. Exit code 1 if the
program ended by itself, did not end cleanly, or reported any trouble or error.

Three clients stand for the pages: each holds the live stream, reads every picture, and asks what the page asks as often as
the page does; each is loaded anew every ten minutes, pages and scripts with it. They do not draw, since three browsers would
take more of a small machine than the program.

Full speed: the simulated stage moves on whether or not a frame was used, so it must give more frames than the program gets
through (--frame-rate), yet not so many that drawing takes the program's time and the stage jumps. The last lines say whether
it was the bottleneck. --drawn FOLDER instead plays pictures of that stage drawn beforehand, over and over, each as soon as the last
one is counted: `cargo run --release --example cost_material FOLDER 2000` draws them (FOLDER/frames, 1.8 GB, best kept in memory).
Cells that the tracker remembers are no figure of the program's; they begin anew with each sample.
Python's standard library is all it needs.
"""

import argparse
import csv
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from pages import Page, asked

MODELS = Path(__file__).resolve().parents[2] / "models"
USER, PASSWORD = "rita", "correct horse battery"
STAGES = ["optics", "detect", "track", "classify", "frame"]
# Left out of the table: networks, caches and the first samples settle.
SETTLES = 300.0


class Station:
    """The program on a simulated microscope, in a folder of its own."""

    def __init__(self, program, folder, camera, target, megabytes):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state = self.folder / "state"
        config = self.folder / "station.toml"
        config.write_text(
            f'[station]\nname = "soak"\nstate = "{self.state}"\ntraining = true\n'
            f'[camera]\n{camera}\n'
            f'[session]\nautostart = false\ntarget = {target}\n[display]\nkind = "none"\n[serial]\nport = "none"\n'
            f'[web]\nlisten = "127.0.0.1:0"\n[store]\nmegabytes = {megabytes}\n')
        environment = os.environ | {"LEUKOSCOPE_MODELS": str(MODELS)}
        subprocess.run([program, "user", "add", USER, "--role", "reviewer", "--config", config], env=environment,
                       input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
        self.log = self.folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([program, "run", "--config", config], env=environment,
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        for line in self.process.stdout:
            if found := re.match(r"page on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise SystemExit(f"soak: the program did not start:\n{self.log.read_text()}")
        self.cookie = None

    def post(self, path, body):
        status, _, answer = asked(self.port, path, body, self.cookie)
        return status, json.loads(answer or b"{}")

    def login(self):
        status, headers, answer = asked(self.port, "/api/login", {"name": USER, "password": PASSWORD})
        if status not in (200, 204):
            raise SystemExit(f"soak: the login failed: {answer!r}")
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def begin(self, number):
        status, answer = self.post("/api/live/commands", {"command": "new", "sample": f"SOAK-{number}"})
        return None if status in (200, 202, 204) else f"sample SOAK-{number} did not begin: {answer}"

    def sign(self, session):
        """Signs a result as a tired person would; returns what went wrong, if anything did."""
        for _ in range(2):
            if self.cookie is None:
                self.login()
            status, _, body = asked(self.port, f"/api/sessions/{session}", cookie=self.cookie)
            detail = json.loads(body)
            if status == 200:
                status, answer = self.post(f"/api/sessions/{session}/sign", {
                    "password": PASSWORD, "comment": "Long run.", "fingerprint": detail["fingerprint"]})
                if status == 200:
                    return None
                detail = answer
            # Logins end after twelve hours.
            if status == 401:
                self.cookie = None
                continue
            break
        return f"session {session} was not signed: {status} {detail}"

    def metrics(self):
        status, _, body = asked(self.port, "/metrics")
        if status != 200:
            raise OSError(f"/metrics was answered with {status}")
        found = {}
        for line in body.decode().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def memory(self):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return {key: int(re.search(rf"{name}:\s+(\d+)", text)[1]) for key, name in
                (("rss_kb", "VmRSS"), ("peak_kb", "VmHWM"), ("threads", "Threads"))}

    def on_disk(self):
        """Bytes of the store and of the whole state folder."""
        sizes = {}
        for path in self.state.rglob("*"):
            try:
                sizes[path.name] = path.stat().st_size
            except FileNotFoundError:
                pass
        return sum(size for name, size in sizes.items() if name.startswith("leukoscope.sqlite")), sum(sizes.values())

    def end(self):
        """Exit code after SIGTERM; None if it did not end within 30 s and was killed."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


def stages(metrics):
    """Seconds and frames of each stage so far."""
    return {stage: (metrics[f'leukoscope_stage_seconds_sum{{stage="{stage}"}}'],
                    metrics[f'leukoscope_stage_seconds_count{{stage="{stage}"}}']) for stage in STAGES}


def line(station, began, before, metrics, samples, pages):
    """The figures of now; times and rates are those since the line before."""
    now = time.monotonic()
    here = stages(metrics)
    row = {"seconds": round(now - began, 1), "frames": int(metrics['leukoscope_frames_total{fate="used"}'])}
    row["skipped"] = int(metrics['leukoscope_frames_total{fate="skipped"}'])
    if before:
        took = row["seconds"] - before["row"]["seconds"]
        row["frames_per_second"] = round((row["frames"] - before["row"]["frames"]) / took, 2)
        for stage in STAGES:
            frames = here[stage][1] - before["stages"][stage][1]
            spent = here[stage][0] - before["stages"][stage][0]
            row[f"{stage}_ms"] = round(1e3 * spent / frames, 3) if frames else ""
    row |= station.memory()
    row["descriptors"] = len(os.listdir(f"/proc/{station.process.pid}/fd"))
    row["store_bytes"], row["state_bytes"] = station.on_disk()
    row["samples"] = samples
    row["possible_per_second"] = round(metrics.get("leukoscope_frames_possible_per_second", 0.0), 1)
    row["cells_of_sample"] = int(metrics["leukoscope_differential"])
    row["recorder_queue"] = int(metrics['leukoscope_queue_depth{queue="recorder"}'])
    row["dropped"] = int(sum(value for name, value in metrics.items() if name.startswith("leukoscope_dropped_total")))
    row["camera_reopened"] = int(metrics["leukoscope_camera_reopened_total"])
    row["pictures_shown"] = sum(page.pictures for page in pages)
    return {"row": row, "stages": here}


SHOWN = [  # column, name, divisor, unit, growth that is none (a share)
    ("frame_ms", "frame time, mean", 1, "ms", 0.1),
    ("frames_per_second", "frames a second", 1, "", None),
    ("rss_kb", "memory (RSS)", 1024, "MiB", 0.03),
    ("peak_kb", "peak memory", 1024, "MiB", 0.03),
    ("descriptors", "file descriptors", 1, "", 0.25),
    ("threads", "threads", 1, "", 0.25),
    ("store_bytes", "store on disk", 2**20, "MiB", 0.03),
    ("recorder_queue", "waiting for the store", 1, "", None),
]


def table(rows):
    """Markdown: medians of the first tenth, the middle tenth and the last tenth."""
    rows = [row for row in rows if "frames_per_second" in row]
    settled = [row for row in rows if row["seconds"] >= SETTLES]
    if len(settled) < 10:
        # A short run: its last two thirds.
        settled = rows[len(rows) // 3:]
    tenth = max(1, len(settled) // 10)
    middle = (len(settled) - tenth) // 2
    parts = [settled[:tenth], settled[middle:middle + tenth], settled[-tenth:]]
    heads = [f"after {part[0]['seconds'] / 60:.0f} min" for part in parts]
    text = [f"| figure | {' | '.join(heads)} | grew |", "| --- | --- | --- | --- | --- |"]
    for column, name, by, unit, none in SHOWN:
        values = [statistics.median(row[column] for row in part if row[column] != "") / by for part in parts]
        grew = ""
        if none is not None:
            change = values[2] / values[0] - 1 if values[0] else 0.0
            grew = "no" if change <= none else f"by {100 * change:.0f} %"
        digits = 1 if unit or none is None else 0
        text.append(f"| {name} | " + " | ".join(f"{value:.{digits}f} {unit}".strip() for value in values) + f" | {grew} |")
    return "\n".join(text)


def said(log):
    """Errors of the log, and how often each warning came."""
    errors, warnings = [], {}
    for entry in log.read_text(errors="replace").splitlines():
        if " ERROR " in entry or "panicked" in entry:
            errors.append(entry)
        elif " WARN " in entry:
            words = re.sub(r"\d+", "N", entry.split(" WARN ", 1)[1].strip())
            warnings[words] = warnings.get(words, 0) + 1
    return errors, warnings


def soak(station, ask, out, pages, troubles, rows):
    """Counts sample after sample until enough was seen; each line is added to `rows`."""
    began = time.monotonic()
    samples, before, due = 0, None, began
    if problem := station.begin(samples):
        troubles.add(problem)
    signed = set()
    writer = None
    unkept = 0
    while True:
        if station.process.poll() is not None:
            troubles.add(f"the program ended by itself with {station.process.returncode}")
            return
        try:
            _, _, body = asked(station.port, "/api/live")
            live = json.loads(body)
            if live["snapshot"]["phase"] == "done" and live["session"] not in signed:
                # It is done some moments before the store has it.
                problem = station.sign(live["session"])
                if problem and "not-done" in problem and unkept < 60:
                    unkept += 1
                    time.sleep(0.5)
                    continue
                unkept = 0
                signed.add(live["session"])
                samples += 1
                for told in filter(None, (problem, station.begin(samples))):
                    troubles.add(told)
            metrics = station.metrics() if time.monotonic() >= due else None
        except (OSError, http.client.HTTPException) as problem:
            if station.process.poll() is None:
                troubles.add(f"no answer: {problem}")
            time.sleep(1)
            continue
        if metrics:
            due += ask.every
            troubles.update(f"in trouble: {name}" for name, value in metrics.items()
                            if name.startswith("leukoscope_trouble{") and value)
            before = line(station, began, before, metrics, samples, pages)
            row = before["row"] | {"troubles": len(troubles)}
            rows.append(row)
            if len(rows) == 2:
                # The first line has no rates yet; it is written with the second.
                writer = csv.DictWriter(out, list(row), restval="")
                writer.writeheader()
                writer.writerow(rows[0])
            if writer:
                writer.writerow(row)
                out.flush()
            print(f"{row['seconds'] / 60:7.1f} min  {row['frames']:8d} frames  {row['rss_kb'] / 1024:6.1f} MiB  "
                  f"{row['descriptors']:3d} descriptors  {row['store_bytes'] / 2**20:7.1f} MiB of store  "
                  f"{row.get('frame_ms', '')} ms a frame  {samples} samples", file=sys.stderr, flush=True)
            enough = row["frames"] >= ask.frames if ask.frames else row["seconds"] >= 60 * ask.minutes
            if enough and len(rows) > 2:
                return
        time.sleep(0.5)


def main():
    ask = argparse.ArgumentParser(description="A long run at full speed, with the page open three times.")
    ask.add_argument("program", type=Path, help="a release build of leukoscope")
    ask.add_argument("--frames", type=int, default=0, help="end after so many frames")
    ask.add_argument("--minutes", type=float, default=0, help="end after so many minutes")
    ask.add_argument("--csv", type=Path, default=Path("soak.csv"), help="where the figures go (default: soak.csv)")
    ask.add_argument("--every", type=float, default=60, help="seconds between two lines (default: 60)")
    ask.add_argument("--frame-rate", type=float, default=90, help="of the simulated camera, up to 240 (default: 90)")
    ask.add_argument("--drawn", type=Path, help="a folder of pictures to play instead of the simulated camera")
    ask.add_argument("--target", type=int, default=200, help="white cells a sample (default: 200)")
    ask.add_argument("--megabytes", type=int, default=2000, help="size allowed to the store (default: 2000, as shipped)")
    ask.add_argument("--folder", type=Path, help="where the state goes (default: a new temporary folder, which is kept)")
    ask = ask.parse_args()
    if bool(ask.frames) == bool(ask.minutes):
        raise SystemExit("soak: give either --frames or --minutes")
    folder = ask.folder or Path(tempfile.mkdtemp(prefix="leukoscope-soak-"))
    program = ask.program.resolve()
    if not os.access(program, os.X_OK) or program.is_dir():
        raise SystemExit(f"soak: {ask.program} is no program: build it by `cargo build --release`, it is target/release/leukoscope")
    camera = f'source = "simulated"\nframe_rate = {ask.frame_rate:.1f}'
    if ask.drawn:
        if not any(ask.drawn.glob("*.tif")):
            raise SystemExit(f"soak: {ask.drawn} holds no .tif: the pictures are in FOLDER/frames of what cost_material drew")
        camera = f'source = "replay:{ask.drawn.resolve()}"\nrepeat = true'
    station = Station(program, folder, camera, ask.target, ask.megabytes)
    troubles, over = set(), threading.Event()
    pages = [Page(station.port, number, troubles, over) for number in range(3)]
    for page in pages:
        page.start()
    rows, early = [], False
    # Told to end early, it still says what it saw.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ask.csv.open("w", newline="") as out:
            soak(station, ask, out, pages, troubles, rows)
    except KeyboardInterrupt:
        early = True
    finally:
        over.set()
        if station.process.poll() is None and (code := station.end()) != 0:
            troubles.add("it did not end within 30 s of SIGTERM" if code is None else f"SIGTERM: exit code {code}")
    errors, warnings = said(station.log)
    troubles.update(errors)
    if len(rows) > 2:
        last = rows[-1]
        print(table(rows))
        given = last["frames"] + last["skipped"]
        if ask.drawn:
            print(f"\nEach picture was given when the one before was counted: {given / last['seconds']:.1f} a second.")
        else:
            print(f"\nThe camera gave {given / last['seconds']:.1f} frames a second of {ask.frame_rate:g} asked for, of which "
                  f"{100 * last['skipped'] / given:.0f} % were not looked at."
                  + ("" if last["skipped"] > 0.02 * given else " IT WAS THE BOTTLENECK: give a higher --frame-rate."))
        print(f"\n{last['frames']} frames in {last['seconds'] / 3600:.2f} h, {last['samples']} samples counted and signed, "
              f"{last['dropped']} things given up, "
              f"{last['pictures_shown']} pictures shown on three pages loaded {sum(page.loads for page in pages)} times.")
    if early:
        print("\nENDED EARLY, as told.")
    for words, times in sorted(warnings.items()):
        print(f"\nwarned {times} times: {words}")
    for trouble in sorted(troubles):
        print(f"\nTROUBLE: {trouble}")
    print(f"\nsoak: figures in {ask.csv}, state and log in {folder}", file=sys.stderr)
    return 1 if early or troubles or len(rows) < 3 else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a person sees of a job: what it prints, its exit code, and the tables it leaves."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from distributed.client import FutureCancelledError

import archive
from tests import drawn

HERE = Path(__file__).parents[1]
PROGRAM = Path(os.environ.get("LEUKOSCOPE", HERE.parents[1] / "target" / "debug" / "leukoscope")).resolve()
MODELS = Path(os.environ.get("LEUKOSCOPE_MODELS", HERE.parents[1] / "models")).resolve()


def plain(picture: Path) -> list[dict[str, Any]]:
    """The lines of `leukoscope analyze` for this picture alone."""
    command = [PROGRAM, "analyze", "--json", "--models", MODELS, picture]
    return [json.loads(line) for line in subprocess.run(command, capture_output=True, text=True).stdout.splitlines()]


class Jobs(unittest.TestCase):
    """Each test has a folder, an archive in it, and an output."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(os.path.realpath(folder.name))
        self.archive, self.output = self.folder / "archive", self.folder / "output"
        self.archive.mkdir()

    def command(self, *words: object, program: Path = PROGRAM) -> list[str]:
        usual = [sys.executable, HERE / "archive.py", "--output", self.output, "--program", program, "--models", MODELS]
        return [str(word) for word in (*usual, *words)]

    def job(self, *words: object, program: Path = PROGRAM, workers: int | None = 1) -> tuple[int, str]:
        """Exit code, and all that was printed."""
        words += () if workers is None else ("--workers", workers)
        done = subprocess.run(self.command(*words, program=program), capture_output=True, text=True, timeout=120)
        self.assertNotIn("Traceback (most recent call last)", done.stderr)
        return done.returncode, done.stdout + done.stderr

    def table(self, name: str) -> list[dict[str, Any]]:
        return ds.dataset(self.output / name, format="parquet").to_table().to_pylist()

    def errors(self) -> dict[str, str | None]:
        """The error of each picture, by its file's name; fails if one is there twice."""
        rows = self.table("pictures")
        self.assertEqual(len(rows), len({(row["path"], row["field"]) for row in rows}), "a picture is there twice")
        return {Path(row["path"]).name + (f"#{row['field']}" if row["field"] > 1 else ""): row["error"] for row in rows}

    def assert_as_plain(self, pictures: list[Path]) -> None:
        """Each of these pictures is there once, and nothing else, with what a plain run says of it."""
        rows, cells = self.table("pictures"), self.table("cells")
        self.assertEqual(Counter(row["path"] for row in rows), Counter(str(picture) for picture in pictures))
        for row in rows:
            [line] = plain(Path(row["path"]))
            own = sorted((cell for cell in cells if cell["path"] == row["path"]), key=lambda cell: cell["cell"])
            there = {key: row[key] for key in ("width", "height", "scale_from", "error")}
            self.assertEqual(there, {**{key: line[key] for key in ("width", "height", "scale_from")}, "error": None})
            self.assertEqual((row["um_per_px"], row["verdict"]), (line["scale_um_per_px"], line["quality"]["verdict"]))
            counts = Counter(cell["kind"] for cell in line["cells"])
            for kind in ("WBC", "RBC", "PLT"):
                self.assertEqual(row[kind.lower()], counts[kind])
            said = [{**cell, "top": [list(share.values()) for share in cell["top"] or []]} for cell in own]
            keys = ("kind", "x", "y", "w", "h", "score", "class", "probability", "top")
            expected = [{key: cell[key] for key in keys} for cell in line["cells"]]
            self.assertEqual([{key: cell[key] for key in keys} for cell in said], expected)
            alone = [cell.get("uncorrected", {}).get("class") for cell in line["cells"]]
            self.assertEqual([cell["uncorrected_class"] for cell in own], alone)
        self.assertEqual({cell["path"] for cell in cells} - {row["path"] for row in rows}, set())

    def troubled(self, actions: dict[Path, str]) -> Path:
        """A program that does as leukoscope, but for these pictures something else."""
        script, lines = self.folder / "program", ["#!/bin/sh", "for last; do :; done"]
        for number, (picture, action) in enumerate(actions.items()):
            mark = shutil.copy(picture, self.folder / f"mark-{number}")
            lines.append(f'if cmp -s -- "$last" {mark}; then {action}; fi')
        script.write_text("\n".join([*lines, f'exec {PROGRAM} "$@"', ""]))
        script.chmod(0o755)
        return script

    def begun(self, *words: object, batches: int, **how: Any) -> subprocess.Popen[str]:
        """A job of which so many batches are written."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        job = subprocess.Popen(self.command(*words, **how), **pipes)
        self.addCleanup(lambda: job.poll() is None and job.kill())
        self.until(lambda: len(list(self.output.glob("pictures/*.parquet"))) >= batches or job.poll() is not None)
        self.assertIsNone(job.poll(), "the job ended too soon")
        return job

    def until(self, holds: Any) -> Any:
        ends = time.monotonic() + 60
        while not (found := holds()):
            self.assertLess(time.monotonic(), ends, "it did not come about within a minute")
            time.sleep(0.01)
        return found


def analysing(job: subprocess.Popen[str]) -> psutil.Process | None:
    """A process of leukoscope that works for this job."""
    for process in psutil.Process(job.pid).children(recursive=True):
        try:
            if process.exe() == str(PROGRAM) and "analyze" in process.cmdline():
                return process
        except psutil.Error:
            continue
    return None


class AnArchive(Jobs):
    def test_a_worker_killed_with_its_batch_costs_a_retry_and_changes_no_row(self) -> None:
        pictures = drawn.fields(self.archive, 24)
        job = self.begun(self.archive, "--workers", 2, "--batch", 4, batches=2)
        program = self.until(lambda: analysing(job))
        victim = program.parent()
        victim.send_signal(signal.SIGKILL)
        # What it had begun ends with it.
        self.until(lambda: not program.is_running() or program.status() == psutil.STATUS_ZOMBIE)
        said, _ = job.communicate(timeout=120)
        self.assertEqual(job.returncode, 0, said)
        self.assertIn("24 pictures analysed, 0 of them with an error", said)
        self.assertFalse(victim.is_running())
        self.assert_as_plain(pictures)

    def test_a_job_that_was_killed_goes_on_where_it_was(self) -> None:
        pictures = drawn.fields(self.archive, 24)
        job = self.begun(self.archive, "--workers", 2, "--batch", 2, batches=3)
        job.kill()
        job.communicate(timeout=60)
        before = {file: file.stat().st_mtime_ns for file in self.output.glob("*/*.parquet")}
        there = len(self.table("pictures"))
        # Half of a batch, and a file that a power cut left empty.
        whole = sorted(self.output.glob("pictures/*.parquet"))
        shutil.copy(self.output / "cells" / whole[0].name, self.output / "cells" / f"{0:032x}.parquet")
        whole[1].write_bytes(b"")
        code, said = self.job(self.archive, workers=2)
        self.assertEqual(code, 0, said)
        self.assertIn(f"{24 - there + 2} pictures analysed", said)
        kept = {file for file in before if file.name != whole[1].name}
        self.assertEqual({file: file.stat().st_mtime_ns for file in kept}, {file: before[file] for file in kept})
        self.assert_as_plain(pictures)

    def test_only_new_and_changed_pictures_are_analysed_again(self) -> None:
        pictures = drawn.fields(self.archive, 6)
        self.assertEqual(self.job(self.archive)[0], 0)
        before = {file: file.read_bytes() for file in self.output.glob("*/*.parquet")}
        code, said = self.job(self.archive, "--batch", 5)
        self.assertEqual(code, 0)
        self.assertIn("0 pictures analysed, 0 of them with an error", said)
        self.assertIn("6 were there before", said)
        self.assertEqual({file: file.read_bytes() for file in self.output.glob("*/*.parquet")}, before)
        pictures[0].write_bytes(drawn.png(77))
        more = self.archive / "deeper" / "new.png"
        more.parent.mkdir()
        more.write_bytes(drawn.png(78))
        code, said = self.job(self.archive)
        self.assertIn("2 pictures analysed", said)
        self.assert_as_plain([*pictures, more])
        # A picture that is gone stays in the tables.
        more.unlink()
        self.job(self.archive)
        self.assertEqual(len(self.table("pictures")), 7)
        # Other settings make other results, which take the place of the former.
        code, said = self.job(self.archive, "--um-per-px", 0.1)
        self.assertIn("6 pictures analysed", said)
        scales = {row["path"]: (row["um_per_px"], row["arguments"]) for row in self.table("pictures")}
        self.assertEqual(scales[str(pictures[1])], (0.1, "--um-per-px 0.1"))
        self.assertEqual(len(scales), len(self.table("pictures")))

    def test_a_picture_counts_once_however_many_ways_lead_to_it(self) -> None:
        [picture] = drawn.fields(self.archive, 1)
        (self.archive / "link.jpg").symlink_to(picture.name)
        (self.archive / "nowhere.jpg").symlink_to("gone.jpg")
        (self.archive / "loop").symlink_to(self.archive)
        (self.folder / "other-way").symlink_to(self.archive)
        shutil.copy(picture, self.archive / "copy.jpg")
        ways = [self.archive, self.folder / "other-way", picture, os.path.relpath(picture), f"file://{picture}"]
        code, said = self.job(*ways)
        self.assertEqual(code, 0, said)
        self.assertIn("2 pictures analysed", said)
        # A copy is a picture of its own, and known by its sum.
        rows = self.table("pictures")
        self.assertEqual({Path(row["path"]).name for row in rows}, {picture.name, "copy.jpg"})
        self.assertEqual(len({row["sha256"] for row in rows}), 1)

    def test_damaged_pictures_and_odd_names_are_rows(self) -> None:
        good = drawn.png(1)
        odd = ["-rf.png", "a#2.png", "b*[x].png", "space and\nbreak.png", "C.PNG", "血.png"]
        for name in odd:
            (self.archive / name).write_bytes(good)
        (Path(os.fsdecode(os.fsencode(self.archive) + b"/not-\xff-text.png"))).write_bytes(good)
        (self.archive / "text.png").write_text("no picture")
        (self.archive / "empty.jpg").write_bytes(b"")
        (self.archive / "cut.png").write_bytes(good[: len(good) // 2])
        (self.archive / "two.tif").write_bytes(drawn.tiff([1, 2]))
        (self.archive / "half.tif").write_bytes(drawn.tiff([1, 2], damaged=2))
        (self.archive / ".hidden.png").write_bytes(good)
        (self.archive / "notes.txt").write_text("no picture")
        os.mkfifo(self.archive / "pipe.png")
        code, said = self.job(self.archive)
        self.assertEqual(code, 1, said)
        self.assertIn("left out 2 files", said)
        self.assertIn("text.png: not a JPEG, PNG, BMP, TIFF or WebP picture", said)
        errors = self.errors()
        damaged = {name: error for name, error in errors.items() if error}
        self.assertEqual(set(damaged), {"text.png", "empty.jpg", "cut.png", "half.tif#2"})
        empty = "the picture is damaged (the file is empty); copy it again from where it came"
        self.assertEqual(damaged["empty.jpg"], empty)
        self.assertEqual(set(errors) - set(damaged), {*odd, "not-\\udcff-text.png", "two.tif", "two.tif#2", "half.tif"})
        self.assertNotIn("/leukoscope-", "".join(damaged.values()))
        # The same state, the same code; nothing is done again unless it is asked for.
        code, said = self.job(self.archive)
        self.assertEqual(code, 1)
        self.assertIn("0 pictures analysed", said)
        self.assertIn("4 of them with an error", said)
        (self.archive / "cut.png").write_bytes(good)
        self.job(self.archive)
        self.assertIsNone(self.errors()["cut.png"])

    def test_a_picture_that_kills_its_workers_becomes_an_error(self) -> None:
        pictures = drawn.fields(self.archive, 8)
        poison = self.troubled({pictures[3]: "kill -KILL $PPID; sleep 60"})
        code, said = self.job(self.archive, "--batch", 4, "--tries", 2, program=poison, workers=2)
        self.assertEqual(code, 1, said)
        self.assertIn("its worker was killed 2 times while it was analysed", said)
        errors = self.errors()
        self.assertEqual([name for name, error in errors.items() if error], [pictures[3].name])
        self.assertEqual(len(errors), 8)
        code, said = self.job(self.archive, "--retry-errors")
        self.assertEqual(code, 0, said)
        self.assertIn("1 pictures analysed", said)
        self.assert_as_plain(pictures)

    def test_a_program_that_hangs_or_crashes_costs_its_picture_only(self) -> None:
        pictures = drawn.fields(self.archive, 7)
        troubles = {
            "exec sleep 60": "took longer than 3 s, 2 times",
            "kill -SEGV $$": "ended leukoscope by SIGSEGV, 2 times",
            "echo '{\"image\"'; exit 1": "leukoscope ended with exit code 1 in the middle of a line",
            "echo 'leukoscope: disk full' >&2; exit 1": "leukoscope ended with exit code 1: disk full",
            "exit 0": "leukoscope ended with exit code 0: it said nothing",
        }
        program = self.troubled(dict(zip(pictures, troubles)))
        code, said = self.job(self.archive, "--timeout", 3, "--tries", 2, program=program)
        self.assertEqual(code, 1, said)
        expected = [*troubles.values(), None, None]
        self.assertEqual(self.errors(), {picture.name: error for picture, error in zip(pictures, expected)})

    def test_a_folder_that_may_not_be_listed_is_said(self) -> None:
        drawn.fields(self.archive, 1)
        locked = self.archive / "locked"
        locked.mkdir(mode=0)
        if os.access(locked, os.R_OK):
            self.skipTest("root may list every folder")
        code, said = self.job(self.archive)
        self.assertEqual(code, 1)
        self.assertIn("a folder could not be listed", said)

    def test_wrong_input_is_said_in_a_sentence_with_exit_code_2(self) -> None:
        drawn.fields(self.archive, 1)
        empty, other = self.folder / "empty", self.folder / "other"
        empty.mkdir()
        for name in ("pictures", "cells"):
            (other / name).mkdir(parents=True)
            pq.write_table(pa.table({"a": [1]}), other / name / f"{1:032x}.parquet")
        for words, sentence in (
            ([self.folder / "nothere"], "nothere: there is no such file or folder; check the spelling"),
            ([empty], "there are no pictures there; it takes files ending in .jpg"),
            (["nosuch://x"], "nosuch://x: "),
            ([self.archive, "--um-per-px", "9"], "--um-per-px 9: a microscope's camera sees 0.01 to 2 um a pixel"),
            ([self.archive, "--models", empty], "model.toml: cannot be read"),
            ([self.archive, "--program", "/nothere/leukoscope"], "/nothere/leukoscope does not run"),
            ([self.archive, "--profile", "/nothere.toml"], "/nothere.toml: cannot be read"),
            ([self.archive, "--output", other], "is a table of another kind; name another output"),
            ([self.archive, "--output", "/proc/nothere"], "/proc/nothere: nothing can be written there"),
            ([self.archive, "--tries", "0"], "--tries"),
        ):
            with self.subTest(sentence):
                code, said = self.job(*words)
                self.assertEqual(code, 2, said)
                self.assertIn(sentence, said)
        code, said = self.job(self.archive, "--scheduler", "127.0.0.1:1", "--wait", "1", workers=None)
        self.assertEqual(code, 2, said)
        self.assertIn("127.0.0.1:1: no scheduler with a worker answers there", said)


class Elsewhere(Jobs):
    def test_buckets_are_read_and_written_as_folders_are(self) -> None:
        import s3fs
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server.start()
        self.addCleanup(server.stop)
        host, port = server.get_host_and_port()
        keys = {"AWS_ACCESS_KEY_ID": "drawn", "AWS_SECRET_ACCESS_KEY": "drawn", "AWS_DEFAULT_REGION": "us-east-1"}
        self.enterContext(mock.patch.dict(os.environ, {**keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}))
        pictures = drawn.fields(self.archive, 5)
        store = s3fs.S3FileSystem(skip_instance_cache=True)
        store.mkdir("smears")
        store.put(str(self.archive), "smears/2026", recursive=True)
        store.pipe_file("smears/2026/damaged.png", b"no picture")

        self.output = "s3://smears/tables"
        code, said = self.job("s3://smears/2026", "s3://smears/2026/damaged.png")
        self.assertEqual(code, 1, said)
        self.assertIn("6 pictures analysed, 1 of them with an error", said)
        store.pipe_file(f"smears/2026/{pictures[0].name}", drawn.png(9))
        code, said = self.job("s3://smears/2026")
        self.assertIn("1 pictures analysed, 0 of them with an error", said)
        rows = ds.dataset("smears/tables/pictures", filesystem=store, format="parquet").to_table().to_pylist()
        addresses = [f"s3://smears/2026/{name}" for name in ["damaged.png", *(picture.name for picture in pictures)]]
        self.assertEqual(Counter(row["path"] for row in rows), Counter(addresses))
        of = {row["path"]: row for row in rows}
        for picture in pictures[1:]:
            [line] = plain(picture)
            row = of[f"s3://smears/2026/{picture.name}"]
            self.assertEqual((row["width"], row["um_per_px"]), (line["width"], line["scale_um_per_px"]))
            self.assertTrue(re.fullmatch("[0-9a-f]{32}", row["stamp"]), row["stamp"])

    def cluster(self) -> tuple[str, subprocess.Popen[bytes]]:
        """Address and process of a scheduler with two workers, away from the job's folder: it must bring its code along."""
        address, processes = self.folder / "scheduler.json", []
        place = ["--scheduler-file", address, "--host", "127.0.0.1", "--no-dashboard"]
        for words in (["scheduler", "--port", 0], ["worker", "--nthreads", 1, "--nworkers", 2]):
            command = [sys.executable, "-m", "dask", *map(str, words + place)]
            process = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(process.terminate)
            processes.append(process)
            self.until(address.exists)
        return json.loads(address.read_text())["address"], processes[0]

    def test_workers_of_a_cluster_that_is_there_already_are_used(self) -> None:
        pictures = drawn.fields(self.archive, 6)
        address, _ = self.cluster()
        code, said = self.job(self.archive, "--batch", 2, "--scheduler", address, workers=None)
        self.assertEqual(code, 0, said)
        self.assert_as_plain(pictures)

    def test_a_cluster_that_goes_away_ends_the_job_with_a_sentence(self) -> None:
        pictures = drawn.fields(self.archive, 16)
        address, scheduler = self.cluster()
        job = self.begun(self.archive, "--batch", 2, "--scheduler", address, batches=1)
        scheduler.kill()
        said, _ = job.communicate(timeout=60)
        self.assertEqual(job.returncode, 1, said)
        self.assertIn("What is written stays; run the same command again to go on", said)
        self.assertNotIn("Traceback", said)
        self.assertEqual(self.job(self.archive)[0], 0)
        self.assert_as_plain(pictures)

    def test_a_connection_lost_while_an_answer_is_fetched_is_the_same_sentence(self) -> None:
        said = io.StringIO()
        lost = mock.patch.object(archive, "run", side_effect=FutureCancelledError("batch", "scheduler-connection-lost"))
        with lost, mock.patch.object(sys, "argv", ["archive", ".", "--output", "tables"]), contextlib.redirect_stderr(said):
            self.assertEqual(archive.main(), 1)
        self.assertIn("the connection to the scheduler is lost. What is written stays", said.getvalue())


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Analyses an archive of any size with `leukoscope analyze` on Dask workers. README.md says what it promises."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from itertools import islice

import cloudpickle
import dask
from distributed import Client, Future, KilledWorker, LocalCluster, wait

import listing
import worker
from listing import ENDINGS, Picture, Remarks, Usage, pictures
from tables import Tables, digest, key_of, name_of, rows
from worker import Answer, Job, Versions

for sent in (worker, listing):
    cloudpickle.register_pickle_by_value(sent)

REPORT_EVERY = 10.0
"""Seconds between two lines that say how far it is."""


class Trouble(Exception):
    """What ends a job, in a sentence."""


class Progress:
    """What was done since the job began, for a person."""

    def __init__(self) -> None:
        self.began = self.said = time.monotonic()
        self.analysed = self.errors = 0
        self.first_errors: list[str] = []

    def add(self, batch: list[Picture], answers: list[Answer]) -> None:
        self.analysed += len(batch)
        for picture, answer in zip(batch, answers, strict=True):
            if answer.errors:
                self.errors += 1
                if len(self.first_errors) < 10:
                    self.first_errors.append(f"{picture.name}: {answer.errors[0][1]}")
        if time.monotonic() - self.said > REPORT_EVERY:
            self.said = time.monotonic()
            say(self.words())

    def words(self) -> str:
        rate = self.analysed / max(time.monotonic() - self.began, 1e-3)
        return f"{self.analysed:,} pictures analysed, {self.errors:,} of them with an error; {rate:.1f} a second"


def say(sentence: str) -> None:
    print(f"archive: {sentence}", file=sys.stderr, flush=True)


def asked(client: Client, work: Callable[..., object], *values: object) -> Future:
    """Has a worker do it. Its code goes along: workers elsewhere have Dask and leukoscope, not these files."""
    return client.submit(_unpacked, cloudpickle.dumps(partial(work, *values)), pure=False)


def _unpacked(packed: bytes) -> object:
    return cloudpickle.loads(packed)()


def analyse(
    client: Client, job: Job, versions: Versions, todo: Iterator[Picture], tables: Tables, size: int, patience: float
) -> Progress:
    """Sends out batches and writes what comes back, until no picture is left.

    A batch whose workers were killed as often as the scheduler allows is sent out anew, picture by picture and one at a
    time: then it is known which picture kills them, and that one becomes an error.
    """
    progress = Progress()
    flying: dict[Future, list[Picture]] = {}
    suspects: deque[Picture] = deque()
    alone: Future | None = None
    last_seen = time.monotonic()

    def send(batch: list[Picture]) -> Future:
        future = asked(client, worker.analyze, batch, job, versions)
        flying[future] = batch
        return future

    while True:
        threads = sum(client.nthreads().values())
        while len(flying) < 2 * max(threads, 1) and (batch := list(islice(todo, size))):
            send(batch)
        if suspects and alone is None:
            alone = send([suspects.popleft()])
        if not flying:
            return progress
        last_seen = time.monotonic() if threads else last_seen
        if time.monotonic() - last_seen > patience:
            raise Trouble(f"there was no worker for {patience:g} s")
        try:
            ended = wait(list(flying), timeout=REPORT_EVERY, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            continue
        for future in ended:
            batch = flying.pop(future)
            problem = future.exception() if future.status == "error" else None
            if isinstance(problem, KilledWorker) and future is not alone:
                suspects.extend(batch)
                continue
            if isinstance(problem, KilledWorker):
                times = problem.allowed_failures + 1
                answers = [Answer(None, [], [(1, f"its worker was killed {times} times while it was analysed")])]
            elif problem is not None:
                raise Trouble(f"a worker cannot go on: {problem}")
            else:
                answers = future.result()
            alone = None if future is alone else alone
            tables.write(name_of(batch, versions), *rows(batch, answers, versions))
            progress.add(batch, answers)


def cluster_of(arguments: argparse.Namespace) -> Client:
    """The workers to use. Raises Usage if there are none."""
    # What goes wrong is said here in sentences, where each of these would show its trace; that a worker was lost is worth a line
    # of Dask's own.
    for part in ("client", "batched", "comm", "core"):
        logging.getLogger(f"distributed.{part}").setLevel(logging.CRITICAL)
    if arguments.scheduler is None:
        # A worker holds no batch but the one it works at, so that no other is blamed for its end.
        dask.config.set({"distributed.scheduler.allowed-failures": arguments.tries - 1})
        dask.config.set({"distributed.scheduler.worker-saturation": 1.0})
        # Only this person's processes may talk to these workers, who run what they are sent.
        cluster = LocalCluster(
            n_workers=arguments.workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address=None,
            security=True,
            silence_logs=logging.CRITICAL,
        )
        logging.getLogger("distributed").setLevel(logging.WARNING)
        return Client(cluster)
    try:
        client = Client(arguments.scheduler, timeout=arguments.wait)
        client.wait_for_workers(1, timeout=arguments.wait)
    except (OSError, ValueError, TimeoutError) as problem:
        raise Usage(f"{arguments.scheduler}: no scheduler with a worker answers there ({problem})") from problem
    return client


def run(arguments: argparse.Namespace) -> int:
    """The exit code: 1 if any picture of the archive stands in the tables with an error, or could not be listed."""
    flags = ("um_per_px", "unknown_below", "prevalence", "flat_field")
    given = [(f"--{flag.replace('_', '-')}", getattr(arguments, flag)) for flag in flags]
    words = tuple(word for flag, value in given if value is not None for word in (flag, str(value)))
    program = os.path.abspath(arguments.program) if "/" in arguments.program else arguments.program
    profile = arguments.profile and os.path.abspath(arguments.profile)
    job = Job(program, os.path.abspath(arguments.models), words, profile, arguments.timeout, arguments.tries)

    remarks = Remarks()
    listed = pictures(arguments.paths, remarks)
    tables = Tables(arguments.output)
    skipped = failed = 0
    with cluster_of(arguments) as client:
        try:
            versions = Versions(*asked(client, worker.versions, job).result())
        except (RuntimeError, KilledWorker) as problem:
            raise Usage(str(problem)) from problem
        done = tables.tidy()

        def missing() -> Iterator[Picture]:
            nonlocal skipped, failed
            for picture in listed:
                held = done.get(digest(picture.name))
                if held and held.key == key_of(picture, versions) and not (held.failed and arguments.retry_errors):
                    skipped += 1
                    failed += held.failed
                else:
                    yield picture

        progress = analyse(client, job, versions, missing(), tables, arguments.batch, arguments.wait)
    tables.tidy()
    for error in progress.first_errors + [f"a folder could not be listed: {folder}" for folder in remarks.unreadable]:
        say(error)
    if remarks.left_out:
        say(f"left out {remarks.left_out:,} files that are no pictures")
    if not progress.analysed + skipped + len(remarks.unreadable):
        raise Usage(f"there are no pictures there; it takes files ending in {' '.join(ENDINGS)}")
    print(f"{progress.words()}; {skipped:,} were there before, {failed:,} of them with an error")
    if failed:
        say("--retry-errors analyses pictures with an error again")
    return 1 if failed or progress.errors or remarks.unreadable else 0


def parser() -> argparse.ArgumentParser:
    def at_least(least: float, kind: type) -> Callable[[str], float]:
        def number(text: str) -> float:
            if not (value := kind(text)) >= least:
                raise ValueError
            return value

        number.__name__ = f"number from {least:g}"
        return number

    parser = argparse.ArgumentParser(
        prog="archive",
        allow_abbrev=False,
        description="Analyses every picture of folders or object stores once, into Parquet. Run it again to go on.",
    )
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="folders, with those in them, or pictures: paths, s3://, gs:// …")
    add("--output", required=True, metavar="PATH", help="folder of the tables: a path, s3://, gs:// …")
    where = parser.add_mutually_exclusive_group()
    count = at_least(1, int)
    cores = os.cpu_count()
    where.add_argument("--workers", type=count, default=cores, metavar="N", help="on this machine. Default: its cores")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://host:8786")
    add("--program", default="leukoscope", metavar="FILE", help="on every worker. Default: leukoscope, from PATH")
    models = os.environ.get("LEUKOSCOPE_MODELS", "/usr/share/leukoscope/models")
    add("--models", default=models, metavar="DIR", help="on every worker. Default: $LEUKOSCOPE_MODELS or installed")
    add("--batch", type=count, default=32, metavar="N", help="pictures that a worker does in one go: %(default)s")
    add("--timeout", type=at_least(0.001, float), default=300.0, metavar="SECONDS", help="for one picture: %(default)g")
    add("--tries", type=count, default=3, metavar="N", help="of a picture that hangs or kills: %(default)s")
    add("--wait", type=at_least(1, float), default=300.0, metavar="SECONDS", help="until a worker comes: %(default)g")
    add("--retry-errors", action="store_true", help="also analyse pictures that stand there with an error")
    as_there = parser.add_argument_group("as for `leukoscope analyze`; another value analyses everything anew")
    as_there.add_argument("--profile", metavar="FILE", help="on every worker")
    as_there.add_argument("--um-per-px", type=float, metavar="UM")
    as_there.add_argument("--unknown-below", type=float, metavar="P")
    as_there.add_argument("--prevalence", choices=["none", "blood", "sample"])
    as_there.add_argument("--flat-field", choices=["none", "own"])
    return parser


def main() -> int:
    arguments = parser().parse_args()
    try:
        return run(arguments)
    except Usage as problem:
        say(str(problem))
        return 2
    except CancelledError:
        # Raised by whatever the job asks of a scheduler that is gone: waiting, or fetching what had just ended.
        say("the connection to the scheduler is lost. What is written stays; run the same command again to go on")
    except (Trouble, OSError) as problem:
        say(f"{problem}. What is written stays; run the same command again to go on")
    except KeyboardInterrupt:
        say("stopped. What is written stays; run the same command again to go on")
    return 1


if __name__ == "__main__":
    sys.exit(main())

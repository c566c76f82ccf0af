"""What a worker does with a batch. Sent to the workers by value, so it imports nothing that they may not have.

Each picture is given to a process of its own. Of several together `leukoscope analyze` takes one scale, one prevalence
and one distance from its training: what it says of a cell would depend on which pictures a batch happened to hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import zlib
from typing import Any, NamedTuple

from distributed import get_worker


class Job(NamedTuple):
    """How pictures are analysed. Paths are the same on every worker."""

    program: str
    models: str
    arguments: tuple[str, ...]
    """For `leukoscope analyze`, without the profile."""
    profile: str | None
    timeout: float
    """Seconds for one picture."""
    tries: int


class Versions(NamedTuple):
    """What an answer depends on besides the picture."""

    program: str
    model_sha256: str
    """Of model.toml, which holds the sums of both networks."""
    profile_sha256: str | None
    arguments: str


class Answer(NamedTuple):
    """What is said of one picture: of each of its fields a line of JSON, or what is wrong with it."""

    sha256: str | None
    """Of the bytes that were analysed."""
    lines: list[tuple[int, dict[str, Any]]]
    errors: list[tuple[int, str]]


def versions(job: Job) -> Versions:
    """What is installed on this worker, after a trial on an empty field.

    Raises RuntimeError with a sentence if something is missing or refused.
    """

    def digest(path: str) -> str:
        try:
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as problem:
            raise RuntimeError(f"{path}: cannot be read ({problem.strerror}); every worker needs it there") from None

    model = digest(os.path.join(job.models, "model.toml"))
    profile = digest(job.profile) if job.profile else None
    try:
        said = subprocess.run([job.program, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as problem:
        raise RuntimeError(f"{job.program} does not run ({problem}); every worker needs the program") from None
    with scratch() as folder:
        field = os.path.join(folder, "picture.png")
        with open(field, "wb") as file:
            file.write(empty_field())
        try:
            trial = asked(job, field)
        except OSError as problem:
            raise RuntimeError(f"{problem.filename} does not run ({problem.strerror}); every worker needs it") from None
    if trial.errors:
        raise RuntimeError(f"leukoscope cannot analyse an empty field: {trial.errors[0][1]}")
    return Versions(said.strip(), model, profile, " ".join(job.arguments))


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for one picture; Dask removes what a killed worker leaves behind there."""
    return tempfile.TemporaryDirectory(prefix="leukoscope-", dir=get_worker().local_directory)


def empty_field() -> bytes:
    """A PNG of 64 x 64 bright pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = bytes([0, 0, 0, 64, 0, 0, 0, 64, 8, 0, 0, 0, 0])
    rows = zlib.compress((b"\0" + b"\xeb" * 64) * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def analyze(batch: list[Any], job: Job, expected: Versions) -> list[Answer]:
    """An answer for each picture of the batch, in its order.

    Raises RuntimeError if this worker would answer by another program or other models than the job began with.
    """
    found = versions(job)
    if found != expected:
        raise RuntimeError(f"it has {found}, but the job began with {expected}; install the same on every worker")
    answers = []
    for picture in batch:
        with scratch() as folder:
            # A name of our own: the file's may begin with a dash, end in #2, or not be text.
            staged = os.path.join(folder, "picture" + os.path.splitext(picture.path)[1].lower())
            try:
                size, sum_ = fetched(picture, staged, job.tries)
            except Exception as problem:  # Each store has errors of its own.
                answers.append(Answer(None, [], [(1, f"cannot be read ({problem})")]))
                continue
            if size != picture.size:
                answers.append(Answer(sum_, [], [(1, "changed while it was read; run the job again")]))
                continue
            answers.append(asked(job, staged)._replace(sha256=sum_))
    return answers


def fetched(picture: Any, target: str, tries: int) -> tuple[int, str]:
    """Copies a picture, and gives its size and sha256. What may pass, such as a lost connection, is tried again."""
    for number in range(1, tries + 1):
        try:
            sum_ = hashlib.sha256()
            with picture.store.open(picture.path, "rb") as source, open(target, "wb") as copy:
                while piece := source.read(1 << 20):
                    sum_.update(piece)
                    copy.write(piece)
                return copy.tell(), sum_.hexdigest()
        except (FileNotFoundError, PermissionError):
            raise
        except Exception:
            if number == tries:
                raise
            time.sleep(number)
    raise AssertionError("tries is at least 1")


def asked(job: Job, staged: str) -> Answer:
    """What `leukoscope analyze` says of a file, by itself. A process that hangs or is killed is begun again."""
    profile = ["--profile", job.profile] if job.profile else []
    command = [job.program, "analyze", "--json", "--models", job.models, *profile, *job.arguments, staged]
    # If this worker is killed, the process ends with it.
    command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
    for _ in range(job.tries):
        try:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=job.timeout,
                env={**os.environ, "LEUKOSCOPE_LOG": "error"},
            )
        except subprocess.TimeoutExpired:
            trouble = f"took longer than {job.timeout:g} s, {job.tries} times"
            continue
        if ended.returncode >= 0:
            return read(ended.returncode, ended.stdout, ended.stderr, staged)
        trouble = f"ended leukoscope by {signal.Signals(-ended.returncode).name}, {job.tries} times"
    return Answer(None, [], [(1, trouble)])


def read(code: int, out: str, log: str, staged: str) -> Answer:
    """An answer from what was printed: lines of fields, and in the log a line for each field that could not be read."""
    number = re.escape(staged) + r"(?:#(\d+))?"
    try:
        lines = [json.loads(line) for line in out.splitlines()]
    except ValueError:
        return Answer(None, [], [(1, f"leukoscope ended with exit code {code} in the middle of a line")])
    fields = [(int(re.fullmatch(number, line["image"])[1] or 1), line) for line in lines]
    errors = [(int(found[1] or 1), found[2]) for found in re.finditer(number + ": (.*)", log)]
    if (code or not fields) and not errors:
        last = (log.strip().splitlines() or ["it said nothing"])[-1]
        errors = [(1, f"leukoscope ended with exit code {code}: {last.removeprefix('leukoscope: ')}")]
    return Answer(None, fields, errors)

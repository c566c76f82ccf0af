"""Which pictures an archive holds: of folders and object stores alike, each once, in the order in which they are found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import fsspec

ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff")
"""Those that `leukoscope analyze` takes from a folder. A file that is named is taken whatever its ending."""

STAMPS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "modified")
"""What a store may say of a file's state, the most exact first."""


class Usage(Exception):
    """Something the person must put right, in a sentence."""


class Picture(NamedTuple):
    """A file with one or several fields. `name` is its path or address as a table can hold it."""

    store: Any
    path: str
    name: str
    size: int
    stamp: str


@dataclass
class Remarks:
    """What was not listed."""

    left_out: int = 0
    """Files of other kinds, and links that lead to no file."""
    unreadable: list[str] = field(default_factory=list)
    """Folders that could not be listed, each with the reason."""


def opened(address: str) -> tuple[Any, str]:
    """The store and the path in it that an address or a local path means.

    Raises Usage for an address of no known kind, or where the package for it is missing.
    """
    try:
        store, path = fsspec.url_to_fs(address)
    except (ImportError, ValueError, OSError) as problem:
        raise Usage(f"{address}: {problem}") from problem
    return store, os.path.realpath(path) if is_local(store) else path


def is_local(store: Any) -> bool:
    return "file" in store.protocol


def pictures(addresses: list[str], remarks: Remarks) -> Iterator[Picture]:
    """Every picture of these folders and files once, however often and by however many links they lead to it.

    Raises Usage, before any is listed, where an address leads to nothing.
    """
    roots = []
    for address in addresses:
        store, path = opened(address)
        try:
            kind = store.info(path)["type"]
        except FileNotFoundError as problem:
            raise Usage(f"{address}: there is no such file or folder; check the spelling") from problem
        except Exception as problem:  # Each store has errors of its own.
            raise Usage(f"{address}: cannot be read ({problem})") from problem
        roots.append((store, path, kind == "file"))
    return _each(roots, remarks)


def _each(roots: list[tuple[Any, str, bool]], remarks: Remarks) -> Iterator[Picture]:
    seen: set[str] = set()
    for store, path, is_file in roots:
        for info in [store.info(path)] if is_file else _files(store, path, remarks):
            picture = _picture(store, info)
            if picture is None:
                remarks.left_out += 1
            elif picture.name not in seen:
                seen.add(picture.name)
                yield picture


def _files(store: Any, root: str, remarks: Remarks) -> Iterator[dict[str, Any]]:
    """What pictures are called, below a folder; nothing hidden, and no folder by a link, which may lead back."""

    def failed(problem: OSError) -> None:
        remarks.unreadable.append(str(problem))

    for _, folders, files in store.walk(root, detail=True, on_error=failed):
        for name in [name for name in folders if name.startswith(".")]:
            del folders[name]
        for name in sorted(files):
            if name.lower().endswith(ENDINGS) and not name.startswith("."):
                yield files[name]
            elif name and not name.startswith("."):
                remarks.left_out += 1


def _picture(store: Any, info: dict[str, Any]) -> Picture | None:
    if info.get("islink"):
        try:
            info = store.info(os.path.realpath(info["name"]))
        except OSError:
            return None
    if info["type"] != "file":
        return None  # A pipe would be waited for.
    path = info["name"]
    name = path if is_local(store) else store.unstrip_protocol(path)
    stamp = next((str(info[stamp]) for stamp in STAMPS if info.get(stamp)), "")
    # Names of files need not be text.
    name = name.encode("utf-8", "backslashreplace").decode()
    return Picture(store, path, name, info["size"] or 0, stamp.strip('"'))

"""Which pictures an archive holds: of folders and object stores alike, each once."""

from __future__ import annotations

import hashlib
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
        store, path = fsspec.url_to_fs(address, use_listings_cache=False)
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
    seen: set[bytes] = set()
    for store, path, is_file in roots:
        for info in [store.info(path)] if is_file else _files(store, path, remarks):
            picture = _picture(store, info)
            if picture is None:
                remarks.left_out += 1
            elif (digest := hashlib.blake2b(picture.name.encode(), digest_size=16).digest()) not in seen:
                seen.add(digest)
                yield picture


def _files(store: Any, root: str, remarks: Remarks) -> Iterator[dict[str, Any]]:
    """What pictures are called, below a folder; nothing hidden, and no folder by a link, which may lead back."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            entries = store.ls(folder, detail=True)
        except OSError as problem:
            remarks.unreadable.append(f"{folder} ({problem.strerror or problem})")
            continue
        for info in sorted(entries, key=lambda info: info["name"]):
            path = info["name"].rstrip("/")
            name = path.rsplit("/", 1)[-1]
            # An object store may list a folder's own name in it.
            if path == folder.rstrip("/") or name.startswith("."):
                continue
            if info["type"] == "directory":
                folders.append(path)
            elif name.lower().endswith(ENDINGS):
                yield info
            else:
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

"""The seal of `model.toml`: a SHA-256 over all its values, which the program checks when it reads the file.

    python card.py [FOLDER]      # prints the seal that FOLDER/model.toml must have; default: the folder above this

A comment, a blank or the order of keys may change; any value may not.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import tomllib
from pathlib import Path

KEY = "card_sha256"


def canonical(value: object) -> str:
    """A value as one text: numbers with a point as the 64 bits of their double, so that no rounding of text matters."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return "f" + struct.pack(">d", value).hex()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    raise TypeError(f"{value!r}: a card holds texts, numbers, lists and tables")


def seal(card: dict[str, object]) -> str:
    """The seal of a card, hexadecimal; the one in it does not count."""
    return hashlib.sha256(canonical({key: value for key, value in card.items() if key != KEY}).encode()).hexdigest()


def sealed(text: str) -> str:
    """A card's text, which has no seal yet, with its seal before the first table."""
    head, table, rest = text.partition("\n[")
    return f'{head.rstrip()}\n\n{KEY} = "{seal(tomllib.loads(text))}"\n{table}{rest}'


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    print(seal(tomllib.loads((folder / "model.toml").read_text())))

# SPDX-License-Identifier: MIT
"""The file that campaigns add to: one JSON object a line, with the hash of the code that keeps mail, so that runs of the same
code can be summed (tools/durability.py)."""

import hashlib
import json
import re
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
FILE = TOP / "docs" / "durability.jsonl"
KEEPERS = ["engine/spool*.[ch]", "engine/mail*.[ch]", "engine/id_map.[ch]", "engine/session_intake.c", "engine/session_message.c",
           "engine/world.h", "io/disk.[ch]"]
NOT_PRODUCT = re.compile(r"_(test|testing|rig|fuzz)\.[ch]$")


def keepers():
    return sorted(path for pattern in KEEPERS for path in TOP.glob(pattern) if not NOT_PRODUCT.search(path.name))


def code_hash():
    """Of the code whose promise this is: from the message that was read to the calls of the disk."""
    digest = hashlib.sha256()
    for path in keepers():
        digest.update(f"{path.relative_to(TOP)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def rows(code=None, file=FILE):
    if not file.exists():
        return []
    found = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    return [row for row in found if code in (None, row["code"])]


def add(row, file=FILE):
    with open(file, "a") as out:
        out.write(json.dumps(row, sort_keys=True) + "\n")


def quantile(values, share):
    """So much of them, at least, is not above it."""
    return sorted(values)[-(-len(values) * share // 100) - 1]


def rounds_done(campaign, code, file=FILE):
    return sum(row["rounds"] for row in rows(code, file) if row["campaign"] == campaign)

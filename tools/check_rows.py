# SPDX-License-Identifier: MIT
"""Every behaviour that tests/rows.txt lists is named by some test, and every class of failures that tests/README.md lists by those of its row.

usage: check_rows.py [ROOT]     TAP
A test names a row by its id, or a run of rows as 'S0-050 to S0-057'.
"""

import re
import sys
from pathlib import Path

from tree import files

TEST_FILES = ("*_test.c", "*_test.py", "sim/*.c", "tests/crash/*.py", "tests/*.py", "tools/check_layers.py",
              "tools/check_recursion.py")
ID = r"\b(?:[SE]\d?|AP|SEC)-\d+"


def expand(text):
    ids = set(re.findall(ID, text))
    for first, last in re.findall(rf"({ID}) to ({ID})", text):
        head, low = first.rsplit("-", 1)
        for number in range(int(low), int(last.rsplit("-", 1)[1]) + 1):
            ids.add(f"{head}-{number:0{len(low)}d}")
    return ids


def classes(root):
    """(class, file) of the table in tests/README.md."""
    for line in (root / "tests/README.md").read_text().splitlines():
        row = re.fullmatch(r"\| ([^|]+) \| ((?:`[^`]+` ?)+) ?\|", line)
        for name in re.findall(r"`([^`]+)`", row[2]) if row else ():
            yield row[1], name


def main(root):
    wanted = sorted(expand((root / "tests/rows.txt").read_text()))
    named = set()
    for name in files(root, *TEST_FILES):
        if name != "tests/rows.txt":
            named |= expand((root / name).read_text(encoding="utf-8", errors="replace"))
    missing = [row for row in wanted if row not in named]
    named_by = list(classes(root))
    wrong = [f"{title}: {name}" for title, name in named_by
             if not (root / name).exists() or f"SEC 1.8: {title}" not in (root / name).read_text(encoding="utf-8", errors="replace")]
    print("1..2")
    for row in missing:
        print(f"# {row} is named by no test")
    print(f"{'not ok' if missing else 'ok'} 1 - each of the {len(wanted)} rows of tests/rows.txt is named by a test")
    for row in wrong:
        print(f"# SEC 1.8: {row} does not name it")
    good = not wrong and len(named_by) > 0
    print(f"{'ok' if good else 'not ok'} 2 - each of {len({title for title, _ in named_by})} classes of failures is named by its tests")
    return 1 if missing or not good else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))

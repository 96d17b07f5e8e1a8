# SPDX-License-Identifier: MIT
"""Each decision of docs/decisions has a number of its own, and what the tree says of a decision leads to one.

usage: check_decisions.py [ROOT]     TAP
"""

import re
import sys
from pathlib import Path

import tree


def main(root):
    files = sorted((root / "docs/decisions").glob("*.md"))
    numbers = [path.name[:4] for path in files]
    wrong = [f"{path.name}: its number is that of another" for path in files if numbers.count(path.name[:4]) > 1]
    for path in files:
        if not path.read_text(encoding="utf-8").startswith(f"# {int(path.name[:4])}. "):
            wrong.append(f"{path.name}: its first line has another number")
    for name in tree.files(root):
        for number in re.findall(rb"docs/decisions/([0-9]{4})", (root / name).read_bytes()):
            if number.decode() not in numbers:
                wrong.append(f"{name}: docs/decisions/{number.decode()} is named, and there is no such decision")
    print("1..1")
    for fault in wrong:
        print(f"# {fault}")
    print(f"{'not ok' if wrong else 'ok'} 1 - each of the {len(files)} decisions has its number, and each number that is named its decision")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent))

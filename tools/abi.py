# SPDX-License-Identifier: MIT
"""The ABI of libhikyaku beside what tests/abi has of it, by Debian's abigail-tools.

usage: abi.py BUILD            says what differs; 0 nothing that may not, 1 else, 77 where the tools are not
       abi.py --update BUILD   takes it as it is
"""

import gzip
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "tests/abi/libhikyaku.abi.gz"
SUPPRESSIONS = ROOT / "tests/abi/suppressions.ini"
# The promise begins with the first release. Before it, what changes is told, and only a function that is gone is refused.
RELEASED = False
INCOMPATIBLE = 8  # abidiff's bit for functions removed
# The types of public headers alone, and nothing that depends on where it was built.
DUMP = ["--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--drop-private-types", "--headers-dir", str(ROOT / "include/hikyaku")]


def dump(build):
    done = subprocess.run(["abidw", *DUMP, str(build / "libhikyaku.so")], capture_output=True, check=True)
    return done.stdout


def compare(build):
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder) / "old.abi", Path(folder) / "new.abi"
        old.write_bytes(gzip.decompress(KEPT.read_bytes()))
        new.write_bytes(dump(build))
        done = subprocess.run(["abidiff", "--suppressions", str(SUPPRESSIONS), "--no-added-syms", str(old), str(new)], capture_output=True,
                              text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr)
        print("where this is meant: ./dev abi, and the new tests/abi goes with the commit")
    return 1 if done.returncode & (0xFF if RELEASED else INCOMPATIBLE | 3) else 0


def main(arguments):
    update = arguments[:1] == ["--update"]
    build = Path(arguments[-1]).resolve()
    if not shutil.which("abidw") or not shutil.which("abidiff"):
        print("abigail-tools is not here")
        return 77
    if update:
        KEPT.write_bytes(gzip.compress(dump(build), mtime=0))
        return 0
    return compare(build)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

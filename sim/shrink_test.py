# SPDX-License-Identifier: MIT
"""A seed that fails is made smaller, and what is printed of it fails in the same way.

usage: shrink_test.py HIKYAKU-SIM-PLANTED     TAP"""

import re
import subprocess
import sys

CASES = [("NO_RESET", "I4"), ("DSN_ALONE", "I1"), ("HEAP_ORDER", "I7")]
FIRST_MOST = 1000


def run(*arguments):
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, timeout=100, check=False)


def failing(bug, invariant):
    """The first seed that breaks it."""
    out = run("--bug", bug, "--seeds", str(FIRST_MOST)).stdout
    found = re.search(rf"^seed (\d+): {invariant}:", out, re.M)
    return found and found[1]


def check(bug, invariant):
    seed = failing(bug, invariant)
    if not seed:
        return f"{bug} is not found"
    shrunk = run("--bug", bug, "--shrink", seed)
    head = re.match(rf"seed {seed} breaks {invariant} with (\d+) of (\d+) events", shrunk.stdout)
    if shrunk.returncode or not head:
        return shrunk.stdout + shrunk.stderr
    if int(head[1]) * 2 > int(head[2]):
        return f"hardly smaller: {head[0]}"
    options = shrunk.stdout.splitlines()[1].split()[1:]
    again = run("--bug", bug, *options)
    if again.returncode != 1 or f" {invariant}: " not in again.stdout:
        return f"{options} does not break {invariant}"
    if run(*["--bug", "ACK_BEFORE_SYNC", "--shrink", "x"]).returncode != 2:
        return "a seed that is no number is taken"
    return None


failed = 0
for number, (bug, invariant) in enumerate(CASES, 1):
    why = check(bug, invariant)
    failed += bool(why)
    print(f"{'not ok' if why else 'ok'} {number} - what is printed of a shrunk seed breaks {invariant} again ({bug})")
    if why:
        print("# " + why.replace("\n", "\n# "))
print(f"1..{len(CASES)}")
sys.exit(1 if failed else 0)

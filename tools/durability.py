# SPDX-License-Identifier: MIT
"""docs/durability.md, from the file that campaigns add to (docs/durability.jsonl).

usage: durability.py write            makes docs/durability.md of the campaigns of the present code
       durability.py check            TAP: docs/durability.md is what its file says
       durability.py seeds N [JOBS]   runs hikyaku-sim, ten thousand seeds at a time, until N are recorded for the present code
       durability.py fold             one row for what one command did in many goes
       durability.py planted [N]      runs the hunt for the planted bugs from N places (5), and records it

The programs are those of $HIKYAKU_BUILD (build)."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "crash"))
from record import FILE, add, code_hash, keepers, quantile, rows  # noqa: E402

BUILD = Path(os.environ.get("HIKYAKU_BUILD", TOP / "build"))
PAGE = TOP / "docs" / "durability.md"
CHUNK = 10000
BUSY = 4  # load average: a campaign alone makes less
GOALS = [("kills", 10000), ("power cuts on ext4", 10000), ("power cuts on XFS", 2000), ("disk errors", None), ("seeds", 1000000)]
HEAD = """# Durability: what was tried, and what was lost

Made by `tools/durability.py write` of `docs/durability.jsonl`, to which each campaign adds what it did. Here are the campaigns of the code
`{code}`: a hash of {n} files, from the message that was read to the calls of the disk (`engine/spool*`, `engine/mail*`, `session_intake.c`,
`session_message.c`, `io/disk.c`, ...; `tests/crash/record.py`). What an older code did does not count.

| campaign | done | of | acknowledged | lost | damaged | twice, under way | twice, complete | failed rounds | by |
|---|---|---|---|---|---|---|---|---|---|
"""
WORDS = """
`lost`: acknowledged and not delivered. `twice, under way`: those that no reply had come to when it happened; at least once is what SMTP can promise
(RFC 5321 6.1). `twice, complete`: of those whose completion was durable: the spool of the stopped daemon was looked at (`hikyaku spool dump`) and had them no
more. What it still has stays in its Maildir for the next round, where a second attempt finds it. (`again` in older rows of the file counts what came again after
the ledger had taken its file away without asking: on a disk slowed down until that happened in every second round, the spool had each one of them still,
under way since the kill.) A campaign goes on where it was with `--resume`: what is recorded for the same code counts. A seed is one simulated world (`sim/README.md`);
one that failed has broken an invariant, and `./dev sim --shrink SEED` says how little of it is needed. Seeds 76651, 128558 and 148024 broke I2 at first: the
simulator's ledger took the record of an earlier, failed attempt for that of the delivery under way, so the second copy after a kill looked like one too many. The
ledger was mended before this million was run.
"""
READY = """
## Until it is ready again

From the start after the crash (the program is run) to `ev=ready`, of the rounds since this is looked at; in milliseconds. In the spool are the segments that the load of the round
and what it found filled; a million messages that wait: docs/performance.md. At most 200 ms in 99 of 100 is the goal, of a machine without other work; what was
measured beside it has a row of its own.

| after | starts | half of them within | 99 % within | at most | load average meanwhile |
|---|---|---|---|---|---|
"""


def total(found, name):
    return sum(row.get(name, 0) for row in found)


def campaign_row(name, goal, found):
    commands = sorted({row["command"] for row in found})
    dash = "" if name != "seeds" else "-"
    cells = [name, f"{total(found, 'rounds'):,}", f"{goal:,}" if goal else "", f"{total(found, 'acknowledged'):,}",
             *[dash or f"{total(found, key):,}" for key in ("lost", "damaged", "duplicates", "complete_again")], f"{total(found, 'failed'):,}",
             "; ".join(f"`{command}`" for command in commands)]
    return "| " + " | ".join(cells) + " |\n"


def is_busy(row):
    return max(row.get("load", [0])) >= BUSY


def ready_table(found):
    """How long a start after a crash takes, of the rounds that told it."""
    text = ""
    for name, busy in ((name, busy) for name, _ in GOALS for busy in (False, True)):
        ms, load = ([one for row in found if row["campaign"] == name and is_busy(row) == busy for one in row.get(key, [])] for key in ("ready_ms", "load"))
        if ms:
            text += f"| {name} | {len(ms):,} | {quantile(ms, 50)} | {quantile(ms, 99)} | {max(ms)} | {min(load)} to {max(load)} |\n"
    return text and READY + text


def failed_seeds(found):
    seeds = [seed for row in found for seed in row.get("seeds_failed", [])]
    return f"\nSeeds that failed: {', '.join(map(str, seeds))}.\n" if seeds else ""


def planted_table(found):
    if not found:
        return ""
    row = found[-1]
    text = (f"\n## Planted bugs\n\n{row['rounds'] - row['failed']} of {row['rounds']} found, each from {row['starts']} places, by `{row['command']}`; the median of the seeds that it took:\n\n"
            "| bug | breaks | seeds | where |\n|---|---|---|---|\n")
    for bug in row["bugs"]:
        text += f"| {bug['name']} | {bug['breaks']} | {bug['seeds']} | {bug['where']} |\n"
    return text


def page(code, n):
    found = rows(code)
    text = HEAD.format(code=code, n=n)
    for name, goal in GOALS:
        text += campaign_row(name, goal, [row for row in found if row["campaign"] == name])
    text += WORDS + failed_seeds(found) + ready_table(found) + planted_table([row for row in found if row["campaign"] == "planted"])
    return text


def write():
    PAGE.write_text(page(code_hash(), len(keepers())))
    return 0


def check():
    """Of the code that the page names, which may be an older one."""
    text = PAGE.read_text()
    found = re.search(r"`([0-9a-f]{16})`: a hash of (\d+) files", text)
    good = bool(found) and text == page(found[1], int(found[2]))
    print(f"1..1\n{'ok' if good else 'not ok'} 1 - docs/durability.md says what docs/durability.jsonl says")
    if found and found[1] != code_hash():
        print("# it is about an older code")
    return 0 if good else 1


def missing(done, goal):
    """(first, how many) of the seeds that are to be run; done: first seed and number of each go, which may have been shorter than a chunk."""
    first = 1
    while first <= goal:
        n = done.get(first)
        if not n:
            n = min(goal, -(-first // CHUNK) * CHUNK) + 1 - first
            yield first, n
        first += n


def seeds(goal, jobs):
    code = code_hash()
    while True:
        done = {int(row["seed"]): row["rounds"] for row in rows(code) if row["campaign"] == "seeds"}
        wanted = list(missing(done, goal))[:jobs]
        if not wanted:
            return 0
        running = [(first, n, subprocess.Popen([BUILD / "hikyaku-sim", "--seeds", str(n), "--first", str(first)], stdout=subprocess.PIPE, text=True))
                   for first, n in wanted]
        for first, n, process in running:
            out = process.communicate()[0]
            passed, failed = re.search(r"^(\d+) passed, (\d+) failed$", out, re.M).groups()
            crashes = re.search(r"(\d+) acknowledged.*?(\d+) crashes", out)
            add({"campaign": "seeds", "code": code, "seed": str(first), "rounds": int(passed) + int(failed), "failed": int(failed),
                 "acknowledged": int(crashes[1]), "crashes": int(crashes[2]), "command": "tools/durability.py seeds N",
                 "seeds_failed": sorted({int(seed) for seed in re.findall(r"^seed (\d+):", out, re.M)})})
            print(f"{first} to {first + n - 1} of {goal}: {failed} failed", flush=True)


def fold():
    """One row for what the same command did with the same code; seeds keep theirs, which say where to go on."""
    folded = {}
    for row in rows():
        key = json.dumps([row[name] for name in ("code", "campaign", "command")] + [row["seed"] if row["campaign"] in ("seeds", "planted") else "", is_busy(row)])
        if key in folded:
            folded[key].update({name: value + folded[key].get(name, type(value)()) for name, value in row.items() if isinstance(value, int) or name in ("ready_ms", "load")})
        else:
            folded[key] = row
    FILE.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in folded.values()))
    return 0


def planted(starts):
    out = subprocess.run([BUILD / "sim/planted/hikyaku-sim-planted", "--planted", "--starts", str(starts)], capture_output=True, text=True, check=False).stdout
    bugs = [{"name": m[1], "breaks": m[2], "seeds": m[3], "where": m[4]}
            for m in re.finditer(r"^(\w+) +(I\d+) +(\d+|-) +\d+ of +\d+  ([^:]+):", out, re.M)]
    passed, failed = re.search(r"^(\d+) passed, (\d+) failed$", out, re.M).groups()
    add({"campaign": "planted", "code": code_hash(), "seed": "1", "rounds": int(passed) + int(failed), "failed": int(failed), "starts": starts, "bugs": bugs,
         "command": f"./dev sim --planted --starts {starts}"})
    print(out)
    return 0 if failed == "0" else 1


def main():
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in ("write", "check", "fold"):
        return {"write": write, "check": check, "fold": fold}[command]()
    if command == "seeds" and len(sys.argv) in (3, 4):
        return seeds(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) == 4 else 1)
    if command == "planted":
        return planted(int(sys.argv[2]) if len(sys.argv) > 2 else 5)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

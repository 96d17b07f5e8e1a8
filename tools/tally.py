# SPDX-License-Identifier: MIT
"""Adds up what the test runs report.

usage: tally.py [LOG.json...] [--plain FILE...]   prints each failure, then 'N passed, N failed, N skipped' as the last line; exit 1
                                                  when something failed
       tally.py --again LOG.json                  the names of the programs in it that failed and may be run once more

A LOG.json is Meson's testlog.json: a program a line. One that ended badly has failed, whatever its TAP said until then. Where LOG.json.again
lies beside it, its programs stand for those of the same name, and what they had against them the first time is told as UNSTEADY.
A program may be run again when it has clocks and other processes in it (suite 'system') and no sanitizer had anything to say: a race that
was seen once is there. Unit tests depend on nothing but their code, and are never run again.
A plain FILE holds lines 'N passed, M failed[, K skipped]' of the campaigns; the last one counts.
"""

import json
import os
import re
import sys

POINT = re.compile(r"^(not )?ok\b\s*(.*?)(?:\s+# SKIP.*)?$", re.I)
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
AGAIN_MAX = 8  # programs; where more of them fail, something is broken
BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")
REPORT = re.compile(r"\w+Sanitizer|runtime error:")


def runs_of(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [json.loads(line) for line in file if line.strip()]


def points(run):
    """What a program reports: passed, names of failed, names of skipped."""
    passed, failed, skipped = 0, [], []
    for line in run.get("stdout", "").splitlines():
        point = POINT.match(line)
        if not point:
            continue
        if point[1]:
            failed.append(point[2])
        elif re.search(r"# skip", line, re.I):
            skipped.append(point[2])
        else:
            passed += 1
    if run["result"] in BAD and not failed:
        last = [line for line in run.get("stderr", "").splitlines() if line.strip()][-1:]
        failed.append(" ".join([f"{run['result']} (exit status {run['returncode']})", *last]))
    if not passed and not failed and not skipped:
        if run["result"] == "SKIP":
            skipped.append("the whole program")
        else:
            passed = 1
    return passed, failed, skipped


def may_repeat(run):
    suites = run["name"].split(" / ")[0].split(":")[-1].split("+")
    return run["result"] in BAD and "system" in suites and not REPORT.search(run.get("stdout", "") + run.get("stderr", ""))


def of_log(path):
    runs = {run["name"]: run for run in runs_of(path)}
    if os.path.exists(path + ".again"):
        for again in runs_of(path + ".again"):
            for name in points(runs[again["name"]])[1]:
                print(f"UNSTEADY {again['name']}: {name}")
            runs[again["name"]] = again
    total = [0, 0, 0]
    for name, run in runs.items():
        passed, failed, skipped = points(run)
        for what, titles in (("FAILED", failed), ("skipped", skipped)):
            for title in titles:
                print(f"{what} {name}: {title}")
        total = [total[0] + passed, total[1] + len(failed), total[2] + len(skipped)]
    return tuple(total)


def of_plain(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        rows = PLAIN.findall(file.read())
    if not rows:
        print(f"FAILED {path}: gave no count")
        return 0, 1, 0
    counts = tuple(int(number or 0) for number in rows[-1])
    if counts[1]:
        print(f"FAILED {path}: {counts[1]}")
    return counts


def main(arguments):
    total = [0, 0, 0]
    reader = of_log
    for argument in arguments:
        if argument == "--plain":
            reader = of_plain
            continue
        try:
            counts = reader(argument)
        except (OSError, ValueError, KeyError) as error:
            print(f"FAILED {argument}: {type(error).__name__} {error}")
            counts = (0, 1, 0)
        total = [a + b for a, b in zip(total, counts)]
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--again"]:
        names = [run["name"].split(" / ")[-1] for run in runs_of(sys.argv[2]) if may_repeat(run)]
        print(" ".join(names) if len(names) <= AGAIN_MAX else "")
    else:
        sys.exit(main(sys.argv[1:]))

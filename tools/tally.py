# SPDX-License-Identifier: MIT
"""Adds up what the test runs report.

usage: tally.py JUNIT.xml... [--plain FILE...]
Prints each failure, then 'N passed, N failed, N skipped' as the last line; exit 1 when something failed.
JUNIT files are Meson's; a plain FILE holds lines 'N passed, M failed[, K skipped]' of the campaigns, the last one counts.
"""

import re
import sys
import xml.etree.ElementTree as xml


def of_junit(path):
    passed = failed = skipped = 0
    for suite in xml.parse(path).getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            name = f"{suite.get('name')}: {case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                print(f"FAILED {name}")
            elif case.find("skipped") is not None:
                skipped += 1
                print(f"skipped {name}")
            else:
                passed += 1
    return passed, failed, skipped


def of_plain(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        rows = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", file.read(), re.M)
    if not rows:
        print(f"FAILED {path}: gave no count")
        return 0, 1, 0
    counts = tuple(int(number or 0) for number in rows[-1])
    if counts[1]:
        print(f"FAILED {path}: {counts[1]}")
    return counts


def main(arguments):
    total = [0, 0, 0]
    reader = of_junit
    for argument in arguments:
        if argument == "--plain":
            reader = of_plain
            continue
        try:
            counts = reader(argument)
        except (OSError, xml.ParseError) as error:
            print(f"FAILED {argument}: {error}")
            counts = (0, 1, 0)
        total = [a + b for a, b in zip(total, counts)]
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# SPDX-License-Identifier: MIT
"""Makes docs/conformance.md from what the tests of others' test sets print.

usage: conformance.py BUILD [--check]     --check: only says, as a test, whether the page is what the tests give

A test that runs such a set prints one line for each case that holds, after it held:
    # vector SET/CASE                     one case
    # vectors SET N                       N cases at once
    # differs SET/CASE | RFC n s: why     held to another outcome than the set has, by this section
Only tests that pass are counted: a case of a test that failed proves nothing."""

import collections
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/conformance.md"
HEAD = """# Conformance

Test sets that others made, and how many of their cases the tests of this tree run and hold. Made by `tools/conformance.py BUILD`
from a run of the tests; not written by hand. The sets themselves are no part of the tree (`HIKYAKU_VECTORS`).

A case stands here only when a test ran it and passed. *Cases* is how many the set has, where all of them are ours to run.
A *difference* is a case whose expected outcome is not what the RFC says; the tests hold it to the RFC's outcome, and it is named below.
`dkim-*`, `arc-*`: where the keys are no longer published, the case is the body hash. rspamd takes thirty lookups in SPF: its row at that
limit is held to ten.
`idna-unicode` is of UTS #46 alone and says that IDNA2008 may refuse more: those rows are differences here; two rows with
half a surrogate pair are no text and not run.

"""
# How many cases a set has, counted by hand: files, rows, or pairs of a message and a record.
CASES = {
    "addr-isemail": 443, "addr-james": 45, "arc-spamassassin": 2, "arc-stalwart": 4, "authres-lieser": 21, "dkim-chasquid": 11, "dkim-dkimpy": 15,
    "dkim-flanker-canon": 42, "dkim-lieser": 53, "dkim-mailauth-rs": 6, "dkim-mailauthjs": 9, "dkim-rspamd": 67, "dmarc-authheaders": 15,
    "dmarc-spamassassin": 4, "idna-unicode": 6415, "psl": 156, "spf-mailauth-yml": 163, "spf-openspf-history": 714, "srs": 34,
}
OPTIONAL = {"spf-mailauth-yml", "spf-openspf-history", "psl", "idna-unicode"}  # need python3-yaml, or libidn2 and libunistring
BY_VERSION = "idna-unicode"  # which code points are assigned depends on the Unicode version of libidn2; so does whether it refuses U+2260, as RFC 5892 does
LINE = re.compile(r"^\s*# (vectors?|differs) ([a-z0-9][a-z0-9-]*)(?:/(.*?)| (\d+))\s*$")


def tests_of(build):
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, check=True).stdout)
    return [test for test in listed if "unit" in " ".join(test["suite"])]


def run(test):
    """What one test prints, or nothing when it fails."""
    environment = {**os.environ, **test["env"], "CMOCKA_MESSAGE_OUTPUT": "TAP"}
    done = subprocess.run(test["cmd"], capture_output=True, text=True, errors="replace", env=environment, cwd=test["workdir"] or ROOT, check=False)
    if done.returncode != 0:
        print(f"conformance: {test['name']} failed, its cases are left out", file=sys.stderr)
        return ""
    return done.stdout + "\n" + done.stderr


def mentions_vectors(test):
    """Tests whose program has a line for us in it: the others need not run."""
    for word in test["cmd"][:2]:
        data = Path(word).read_bytes() if Path(word).is_file() else b""
        if re.search(rb"# (?:vectors?|differs) ", data):
            return True
    return False


def gather(build):
    cases, bulk, differs = collections.defaultdict(set), collections.Counter(), collections.defaultdict(dict)
    for test in filter(mentions_vectors, tests_of(build)):
        for line in run(test).splitlines():
            found = LINE.match(line)
            if not found:
                continue
            kind, name, case, count = found.groups()
            if kind == "vectors" and count:
                bulk[name] += int(count)
            elif kind == "vector" and case:
                cases[name].add(case)
            elif kind == "differs" and case and " | " in case:
                title, why = case.split(" | ", 1)
                differs[name][title] = why
    return cases, bulk, differs


def page(cases, bulk, differs):
    rows, named = [], []
    for name in sorted(cases.keys() | bulk.keys() | differs.keys()):
        other = differs.get(name, {})
        inside = len(other) if name in bulk else 0  # a count has the differing ones in it
        held = len(cases.get(name, ())) + bulk[name] - inside
        rows.append(f"| {name} | {CASES.get(name, '')} | {held + len(other)} | {held} | {len(other)} |\n")
        named += [f"| {name} | {case.replace('|', '/')} | {why.replace('|', '/')} |\n" for case, why in sorted(other.items())]
    text = HEAD + "| set | cases | run | as the set has it | differences |\n|---|---|---|---|---|\n" + "".join(rows)
    if named:
        text += "\n## Differences\n\n| set | case | section and reason |\n|---|---|---|\n" + "".join(named)
    return text


def rows_of(text):
    """The lines of the tables, each under its set; without what differs between versions of a library."""
    found = collections.defaultdict(set)
    for line in text.splitlines():
        name = line.split("|")[1].strip() if line.startswith("| ") else ""
        if name not in ("", "set", BY_VERSION):
            found[name].add(line)
    return found


def problems(text, cases, bulk, differs):
    """What makes the page untrue, or breaks the rule for exceptions: 3 in 100 (4 of idna-unicode), or one of a small set; SPF has its own suites' rule."""
    ours, written = rows_of(text), rows_of(PAGE.read_text(encoding="utf-8"))
    for name in sorted(ours.keys() | written.keys()):
        if name not in ours and name in OPTIONAL:
            print(f"# {name} did not run here")
        elif ours[name] != written[name]:
            yield f"{name}: the page says otherwise: " + "; ".join(sorted(ours[name] ^ written[name])[:4])
    for name, total in CASES.items():
        ran = bulk[name] if name in bulk else len(cases.get(name, ())) + len(differs.get(name, ()))
        if ran != total and (ran or name not in OPTIONAL):
            yield f"{name}: {ran} of {total} cases ran"
        if not name.startswith("spf-") and len(differs.get(name, ())) > max(1, total * (4 if name == BY_VERSION else 3) // 100):
            yield f"{name}: too many differences"


def check(build):
    found = gather(build)
    if not any(found):
        print("1..0 # SKIP no vectors here")
        return 0
    wrong = list(problems(page(*found), *found))
    for line in wrong:
        print(f"# {line}")
    print(f"{'not ok' if wrong else 'ok'} 1 - docs/conformance.md is what the tests of others' sets give\n1..1")
    return 1 if wrong else 0


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    if "--check" in sys.argv:
        return check(sys.argv[1])
    PAGE.write_text(page(*gather(sys.argv[1])), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

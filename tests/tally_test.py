# SPDX-License-Identifier: MIT
"""What the last line of a test run counts (tools/tally.py). TAP."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import folder, run_cases, Tap  # noqa: E402

TALLY = [sys.executable, "-B", str(Path(__file__).resolve().parent.parent / "tools" / "tally.py")]


def run(result="OK", stdout="ok 1 - a\n1..1\n", name="hikyaku:system / one", **more):
    return {"name": name, "stdout": stdout, "result": result, "returncode": 0, **more}


def tally(root, *runs, again=(), arguments=()):
    log = root / "log.json"
    log.write_text("".join(json.dumps(one) + "\n" for one in runs))
    if again:
        (root / "log.json.again").write_text("".join(json.dumps(one) + "\n" for one in again))
    done = subprocess.run([*TALLY, *arguments, str(log)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def points_are_counted(t):
    with folder() as root:
        lines = "ok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no vectors\n# ok\n1..3\n"
        t.equal(tally(root, run("FAIL", lines), run(stdout="", name="hikyaku:unit / two")),
                (1, ["FAILED hikyaku:system / one: 2 - b", "skipped hikyaku:system / one: 3 - c", "2 passed, 1 failed, 1 skipped"]), "each point once")


def a_program_that_ends_badly_has_failed(t):
    for result in ("ERROR", "TIMEOUT", "FAIL", "INTERRUPT"):
        with folder() as root:
            status, lines = tally(root, run(result, "ok 1 - a\n", returncode=-9, stderr="==1==ERROR\n"))
            t.equal((status, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"), f"{result} behind points that passed")
            t.equal(lines[0], f"FAILED hikyaku:system / one: {result} (exit status -9) ==1==ERROR", "with what it said last")


def a_second_try_stands_for_the_first_and_says_so(t):
    with folder() as root:
        t.equal(tally(root, run("FAIL", "not ok 1 - a\n1..1\n"), again=[run()]),
                (0, ["UNSTEADY hikyaku:system / one: 1 - a", "1 passed, 0 failed, 0 skipped"]), "it passed then")
        t.equal(tally(root, run("FAIL", "not ok 1 - a\n1..1\n"), again=[run("TIMEOUT")])[0], 1, "it failed again")


def only_clocks_and_processes_get_one(t):
    with folder() as root:
        bad = [run("FAIL", "not ok 1 - a\n", name="hikyaku:unit / two"), run("TIMEOUT", name="hikyaku:system+daemon / three"),
               run("ERROR", stderr="SUMMARY: ThreadSanitizer: data race\n"), run("FAIL", "# x.c:1: runtime error: overflow\nnot ok 1 - a\n")]
        t.equal(tally(root, *bad, arguments=["--again"]), (0, ["three"]), "no unit test, and nothing of which a sanitizer spoke")


def many_that_fail_get_none(t):
    for n, want in ((8, ["0 1 2 3 4 5 6 7"]), (9, [""])):
        with folder() as root:
            t.equal(tally(root, *(run("FAIL", name=f"hikyaku:system / {i}") for i in range(n)), arguments=["--again"])[1], want, f"{n} programs")


def what_cannot_be_read_has_failed(t):
    with folder() as root:
        t.equal(tally(root, run(), arguments=[str(root / "none.json")])[0], 1, "a log that is missing")
        t.equal(tally(root), (1, ["0 passed, 0 failed, 0 skipped"]), "nothing at all")


CASES = [points_are_counted, a_program_that_ends_badly_has_failed, a_second_try_stands_for_the_first_and_says_so, only_clocks_and_processes_get_one, many_that_fail_get_none,
         what_cannot_be_read_has_failed]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

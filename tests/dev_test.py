# SPDX-License-Identifier: MIT
"""./dev on a machine where nothing is installed yet and its user may install nothing. TAP."""

import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import folder, run_cases, Tap  # noqa: E402

TOP = Path(__file__).resolve().parent.parent


def dev(*words):
    """Its status, output and errors, with a dpkg-query that knows of no package, without root and sudo."""
    with folder() as bare:
        for name, does in (("dpkg-query", "exit 1"), ("id", "echo 1000"), ("sudo", "exit 1"), ("apt-get", "exit 99")):
            (bare / name).write_text(f"#!/bin/sh\n{does}\n")
            (bare / name).chmod(0o755)
        done = subprocess.run([str(TOP / "dev"), *words], capture_output=True, text=True, check=False, env={**os.environ, "PATH": f"{bare}:{os.environ['PATH']}"})
        return done.returncode, done.stdout, done.stderr


def help_tells_of_each_command(t):
    status, out, _ = dev("help")
    names = re.search(r"^(build \|.*)\) \"cmd_", (TOP / "dev").read_text(), re.M)[1].split(" | ")
    t.equal((status, [name for name in names if f"./dev {name}" not in out], len(names) > 5), (0, [], True), "./dev help has each command")
    t.equal(dev(), (status, out, ""), "./dev alone is ./dev help")
    status, _, err = dev("nonsense")
    t.ok(status == 2 and "no command 'nonsense'" in err and "./dev lab" in err, "a command that there is not is told, with the help", status, err)


def help_installs_nothing(t):
    for command in ("test", "lab", "bench", "fuzz"):
        for word in ("-h", "--help"):
            status, out, err = dev(command, word)
            t.ok(status == 0 and f"usage: ./dev {command}" in out and '"""' not in out and not err, f"./dev {command} {word} needs nothing", status, out, err)


def parts_are_known_before_anything_is_installed(t):
    parts = re.search(r"\[all\|quick\|([a-z|-]+)\]", dev("test", "-h")[1])[1].split("|")
    run = ["sh", str(TOP / "tests/run"), "--parts"]
    said = [subprocess.run([*run, part], capture_output=True, text=True, check=False).stdout for part in parts]
    t.equal(said, [part + "\n" for part in parts], "each part that the usage names is one")
    t.equal(subprocess.run([*run, "quick", "clang"], capture_output=True, text=True, check=False).stdout, "unit clang\n", "'quick' stands beside others")
    for words in (("nonsense",), ("unit", "nonsense")):
        status, out, err = dev("test", *words)
        t.ok(status == 2 and "no part 'nonsense'" in err and "missing" not in err and not out, f"./dev test {' '.join(words)} ends at once", status, err)


def who_may_not_install_is_told_how(t):
    for words, wanted in ((("build",), "gcc"), (("lab",), "nsd"), (("test", "quick"), "swaks"), (("test", "clang"), "clang"), (("test", "cross"), "qemu-user")):
        status, out, err = dev(*words)
        line = re.search(r"^Install them as root: apt-get install --no-install-recommends (.*)$", err, re.M)
        t.ok(status == 3 and line and wanted in line[1].split() and not out, f"./dev {' '.join(words)} says what is missing and how root installs it", status, err)
    t.ok(" clang " not in dev("test", "quick")[2], "'quick' wants no clang")


if __name__ == "__main__":
    sys.exit(run_cases([help_tells_of_each_command, help_installs_nothing, parts_are_known_before_anything_is_installed, who_may_not_install_is_told_how], Tap()))

# SPDX-License-Identifier: MIT
"""Each command of hikyaku, asked wrongly or where nothing is: it ends with a status that it documents, says why in a line that names
what it is about, and never by a signal. TAP.

usage: cli_misuse_test.py [CASE...]"""

import os
import re
import shutil
import signal
import subprocess
import sys

from harness import BUILD, IS_ROOT, Tap, folder, run_cases

COMMANDS = ["explain", "verify", "check", "sign", "keys", "arc", "srs", "authres", "smtp", "users", "queue", "find", "spool", "load", "sink"]
ZONE = "a.test. TXT \"v=spf1 -all\"\n"
MESSAGE = b"From: u@a.test\r\n\r\nx\r\n"


def started(words, program=BUILD / "hikyaku", **options):
    """Exit status, output, what was said."""
    environment = {**os.environ, "LC_ALL": "C", "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([program, *map(str, words)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, timeout=120, check=False,
                          **{"stdout": subprocess.PIPE, **options})
    return done.returncode, done.stdout or b"", done.stderr.decode()


def one_line_about(err, what=""):
    return err.startswith("hikyaku: ") and "Sanitizer" not in err and "Success" not in err and str(what) in err


def without_arguments_each_says_how_it_is_used(t):
    status, out, err = started([])
    t.ok(status == 2 and not out and all(f"  {name} " in err for name in COMMANDS), "hikyaku alone lists the commands", status, err)
    t.ok(started(["nothing"])[0] == 2, "a command that is none")
    for name in COMMANDS:
        if name in ("load", "sink"):  # they need no argument
            continue
        status, out, err = started([name])
        t.ok(status == 2 and not out and one_line_about(err), f"{name}: exit status 2, and why", status, out, err)
    for name in COMMANDS:
        status, out, err = started([name, "--no-such-option"])
        t.ok(status == 2 and not out and one_line_about(err, "--no-such-option"), f"{name}: an option that is none", status, out, err)


def help_is_a_result(t):
    for name in [*COMMANDS, "help", "--help"]:
        words = [name] if name.endswith("help") else [name, "--help"]
        status, out, err = started(words)
        t.ok(status == 0 and out.startswith(b"usage: ") and not err, f"{name}: on standard output", status, err)
        if not name.endswith("help") and name not in ("users", "load", "sink"):
            t.ok(re.search(rb"(?i)exit status: 0.*4", out, re.S), f"{name}: with the exit status", out)


def printing(root):
    """A call of each command that prints something."""
    (root / "zone").write_text(ZONE)
    (root / "message").write_bytes(MESSAGE)
    (root / "secret").write_text("sixteen octets..\n")
    message, zone = root / "message", root / "zone"
    return {
        "explain": ["--dns", zone, message], "verify": ["--dns", zone, "--json", message], "check": ["spf", "--dns", zone, "--ip", "192.0.2.1", "--mail-from", "u@a.test", "--json"],
        "srs": ["forward", "--secret-file", root / "secret", "--domain", "f.test", "u@a.test"], "authres": ["--json", message],
        "arc": ["verify", "--dns", zone, message], "find": ["--help"], "queue": ["--help"], "spool": ["--help"], "sink": ["--help"], "load": ["--help"], "users": ["--help"], "smtp": ["--help"],
        "keys": ["--help"], "sign": ["--help"],
    }


def an_output_that_cannot_be_written_has_an_exit_status_of_its_own(t):
    with folder() as root:
        calls = printing(root)
        t.equal(sorted(calls), sorted(COMMANDS), "all commands")
        for name, words in [*calls.items(), ("--help", [])]:
            with open("/dev/full", "wb") as full:
                status, _, err = started([name, *words], stdout=full)
            t.ok(status == 4 and one_line_about(err, "No space left on device"), f"{name}: a full disk is 4", status, err)
            for title, reset, want in (("by whom SIGPIPE is ignored", False, 4), ("by a shell", True, -signal.SIGPIPE)):
                read, write = os.pipe()
                os.close(read)
                with open(write, "wb") as pipe:
                    status, _, err = started([name, *words], stdout=pipe, restore_signals=reset)
                t.ok(status == want and (reset or one_line_about(err, "Broken pipe")), f"{name}: nobody reads, started {title}", status, err)
        for words in (["--help"], ["--version"], ["--manual"]):
            with open("/dev/full", "wb") as full:
                status, _, err = started(words, BUILD / "hikyakud", stdout=full)
            t.ok(status == 1 and "could not be written" in err, f"hikyakud {words[0]}: a full disk is 1", status, err)


def files_that_cannot_be_read_are_named(t):
    with folder() as root:
        os.chmod(root, 0o755)
        calls = {
            "explain": ["--dns", root / "zone", "%s"], "verify": ["--dns", root / "zone", "%s"], "sign": ["--domain", "a.test", "--selector", "s", "--key", "%s", root / "message"],
            "arc": ["verify", "--dns", root / "zone", "%s"], "authres": ["%s"], "srs": ["forward", "--secret-file", "%s", "--domain", "f.test", "u@a.test"],
            "check": ["spf", "--dns", "%s", "--ip", "192.0.2.1", "--mail-from", "u@a.test"], "users": ["list", "--file", "%s"],
            "smtp": ["--server", "127.0.0.1", "--port", "1", "--mail-from", "u@a.test", "--rcpt", "u@a.test", "--data", "%s"], "load": ["--message", "%s"],
        }
        printing(root)
        program = shutil.copy(BUILD / "hikyaku", root)  # others may not be able to reach the folder of the build
        secret = root / "unreadable"
        secret.write_bytes(MESSAGE)
        secret.chmod(0)
        (root / "folder").mkdir()
        for kind, path in (("a file that is not there", root / "none"), ("a folder in place of a file", root / "folder"), ("a file that may not be read", secret)):
            for name, words in calls.items():
                status, out, err = started([name, *(path if word == "%s" else word for word in words)], program, **({"user": 65534, "group": 65534} if IS_ROOT else {}))
                t.ok(status in (2, 3) and not out and one_line_about(err, path), f"{name}: {kind}", status, out, err)


def what_is_not_there_is_said(t):
    with folder() as root:
        none = root / "none"
        (root / "file").write_text("x\n")
        for title, words, want, about in [
            ("a queue without a server", ["queue", "list", "--socket", none], 3, none),
            ("the shape of one", ["queue", "shape", "--socket", none], 3, none),
            ("a socket that is a file", ["queue", "list", "--socket", root / "file"], 3, root / "file"),
            ("a socket with a long name", ["queue", "list", "--socket", "/" + "x" * 200], 3, "too long"),
            ("mailq without a server", ["mailq"], 69, ""),
            ("find in no spool", ["find", "--dir", none, "--since", "1h"], 3, none),
            ("find in a file", ["find", "--dir", root / "file", "--since", "1h"], 3, root / "file"),
            ("check of no spool", ["spool", "check", none], 2, none),
            ("dump of no spool", ["spool", "dump", none], 2, none),
            ("check of a file", ["spool", "check", root / "file"], 3, "Not a directory"),
            ("drain of no spool", ["queue", "drain", "--spool", none, "--to", "127.0.0.1:1"], 2, none),
            ("the verdict of a message without evidence", ["explain", "--evidence", none, "D9000000000001"], 2, ""),
            ("keys in no folder", ["keys", "status", "--dir", none, "--dns", root / "file"], 2, none),
            ("load without a server", ["load", "--to", "127.0.0.1:1", "--messages", "1"], 3, ""),
            ("smtp without a server", ["smtp", "--server", "127.0.0.1", "--port", "1", "--mail-from", "u@a.test", "--rcpt", "u@a.test"], 3, ""),
        ]:
            status, out, err = started(words)
            t.ok(status == want and (one_line_about(err, about) if want not in (69,) and words[0] not in ("load", "smtp") else "Sanitizer" not in err), title, status, out, err)


CASES = [without_arguments_each_says_how_it_is_used, help_is_a_result, an_output_that_cannot_be_written_has_an_exit_status_of_its_own,
         files_that_cannot_be_read_are_named, what_is_not_there_is_said]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

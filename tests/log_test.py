# SPDX-License-Identifier: MIT
"""The forms of the log: JSON lines, and those of Postfix, read by pflogsumm and fail2ban's filter of Debian as they stand (skipped
where the packages cannot be had); reopened with a reload. TAP.

usage: log_test.py [CASE...]"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from harness import FORMS, PORT, Daemon, Sink, Smtp, Tap, folder, queue_id, run_cases, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parent / "interop"))
import packages  # noqa: E402

LISTEN = "listen mx { address %(address)s:%(port)d; role mx; reject-early-talkers off; }"


def server(root, form, single=True, sink=None):
    route = f"via smtp {sink.address}:{PORT}" if sink else f"via maildir {root}/mail/%%u"
    return Daemon(root, LISTEN, f"route * {{ {route}; }}", single=single, log=root / "daemon.log", log_format=form, retry="1h", lifetime="1d")


def start(d):
    d.log_path = d.root / "daemon.log"
    d.start(wait=False)
    if not wait_until(lambda: d.log_path.exists() and "ready" in d.log(), 30):
        raise RuntimeError("not ready: " + (d.root / "log").read_text())
    return d


def traffic(d):
    """One message that arrives, one refused recipient, a relay attempt; its id."""
    with Smtp(d.address) as c:
        id = queue_id(c.message(rcpts=("user1@b.test", "user2@b.test")))
        c.command("MAIL FROM:<u@a.test>")
        c.command("RCPT TO:<x@elsewhere.test>")
    wait_until(lambda: f"{id}" in d.log() and re.search(rf"{id}.*removed|removed.*{id}", d.log()), 30)
    return id


def json_lines_are_objects(t):
    for name, single in FORMS:
        with folder() as root:
            d = start(server(root, "json", single))
            id = traffic(d)
            d.stop()
            lines = d.log().splitlines()
            rows = []
            for line in lines:
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    t.ok(False, f"{name}: a line is an object", line)
            t.ok(rows and len(rows) == len(lines) and all(r["time"].endswith("Z") and r["level"] for r in rows), f"{name}: each line is an object with time and level")
            accepted = [r for r in rows if r.get("ev") == "accept"]
            t.ok(len(accepted) == 1 and accepted[0]["qid"] == id and accepted[0]["rcpts"] == 2 and accepted[0]["from"] == "u@a.test", "an accepted message", accepted)
            t.equal([r["outcome"] for r in rows if r.get("ev") == "delivery"], ["delivered", "delivered"], "its deliveries")
            t.ok([r for r in rows if r.get("ev") == "refuse" and r["what"] == "x@elsewhere.test"], "what was refused", rows)


def a_reload_opens_the_file_again_and_changes_the_form(t):
    for name, single in FORMS[1:]:
        with folder() as root:
            d = start(server(root, "json", single))
            os.rename(root / "daemon.log", root / "daemon.log.1")
            d.settings["log-format"] = "own"
            d.write_conf()
            d.log_at = 0
            d.reload()
            t.ok(wait_until(lambda: (root / "daemon.log").exists() and "ev=reload ok=1" in (root / "daemon.log").read_text(), 30), f"{name}: a new file, in the new form")
            id = traffic(d)
            t.ok(d.wait_log(f"qid={id} ev=accept"), "and the mail process writes there", d.log())
            d.stop()


def pflogsumm_counts_what_was_delivered(t):
    try:
        tree = packages.unpack("pflogsumm")
    except packages.Missing as why:
        t.skip("pflogsumm", str(why))
        return
    with folder() as root:
        sink = Sink()
        d = start(server(root, "postfix", sink=sink))
        for _ in range(3):
            traffic(d)
        d.stop()
        done = subprocess.run(["perl", tree / "usr/sbin/pflogsumm", "--problems_first", root / "daemon.log"], capture_output=True, text=True)
        if "Can't locate" in done.stderr:
            t.skip("pflogsumm", done.stderr.splitlines()[0])
            return
        figures = {name: int(n) for n, name in re.findall(r"(?m)^ +(\d+) +(received|delivered|deferred|bounced|rejected|senders|recipients)\b", done.stdout)}
        t.ok(done.returncode == 0 and not done.stderr, "pflogsumm reads our log", done.stderr)
        t.equal({k: figures.get(k) for k in ("received", "delivered", "rejected", "senders", "recipients")},
                {"received": 3, "delivered": 6, "rejected": 3, "senders": 1, "recipients": 2}, "and counts as we do")
        t.ok("Relay access denied" in done.stdout, "with the reason of what was rejected", done.stdout)


def fail2ban_finds_who_was_refused(t):
    try:
        tree = packages.unpack("fail2ban")
    except packages.Missing as why:
        t.skip("fail2ban", str(why))
        return
    with folder() as root:
        d = start(server(root, "postfix"))
        traffic(d)
        d.stop()
        with open(root / "daemon.log", "a") as log:  # as a submission listener says it; it is what log/format_test.c expects
            log.write(re.search(r"(?m)^(\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ )", d.log())[1] +
                      "postfix/smtpd[7]: warning: unknown[192.0.2.9]: SASL PLAIN authentication failed: authentication failure, sasl_username=u\n")
        for mode, want in (("normal", 1), ("auth", 1), ("aggressive", 2)):
            done = subprocess.run([sys.executable, tree / "usr/bin/fail2ban-regex", "-c", tree / "etc/fail2ban", root / "daemon.log", f"postfix[mode={mode}]"],
                                  capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tree / "usr/lib/python3/dist-packages")})
            if done.returncode and "rror" in done.stderr + done.stdout and "Lines:" not in done.stdout:
                t.skip(f"fail2ban in mode {mode}", (done.stderr + done.stdout).strip().splitlines()[-1])
                continue
            found = re.search(r"Lines: (\d+) lines, \d+ ignored, (\d+) matched", done.stdout)
            t.ok(found and int(found[2]) == want, f"fail2ban's filter, mode {mode}: {want} of the lines", done.stdout, done.stderr)


CASES = [json_lines_are_objects, a_reload_opens_the_file_again_and_changes_the_form, pflogsumm_counts_what_was_delivered, fail2ban_finds_who_was_refused]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

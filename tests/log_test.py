# SPDX-License-Identifier: MIT
"""The forms of the log: JSON lines, and those of Postfix, read by pflogsumm and fail2ban's filter of Debian as they stand (skipped
where the packages cannot be had); a file that is opened again with a reload; the sockets of syslog and the journal, at work, blocked
and away. TAP.

usage: log_test.py [CASE...]"""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

from harness import FORMS, IS_ROOT, PORT, USER, Daemon, Sink, Smtp, Tap, folder, queue_id, run_cases, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parent / "interop"))
import packages  # noqa: E402

LISTEN = "listen mx { address %(address)s:%(port)d; role mx; reject-early-talkers off; }"


def server(root, form, single=True, sink=None):
    route = f"via smtp {sink.address}:{PORT}" if sink else f"via maildir {root}/mail/%%u"
    return Daemon(root, LISTEN, f"route * {{ {route}; }}", single=single, log=root / "daemon.log", log_format=form, retry="1h", lifetime="1d")


def start(d):
    d.start(wait=False)
    d.log_path = d.root / "daemon.log"
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


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def what_is_given_up_is_told(t):
    """At the end of its time, by an operator or untried: a line for each recipient, and the report that the sender gets."""
    for form, given_up, report in (("own", r"qid=%s ev=expired rcpt=user1@b.test outcome=failed attempts=\d+ code=451 status=4.4.7 .*text=\"delivery time expired; last: 4.2.0 later\"",
                                    r"qid=%s ev=report action=failed id=(\w+) size=\d+ rcpt=u@a.test"),
                                   ("postfix", r"%s: to=<user1@b.test>, .* dsn=4.4.7, status=bounced \(451 delivery time expired; last: 4.2.0 later\)",
                                    r"%s: sender non-delivery notification: (\w+)")):
        with folder() as root:
            sink = Sink(replies={"RCPT": b"451 4.2.0 later\r\n"})
            d = server(root, form, sink=sink)
            d.settings.update({"retry": "1s", "lifetime": "2s"})
            d.rest = d.rest.replace("route *", 'route a.test { via maildir %(root)s/mail/%%u; } route *')
            d.settings["operator-socket"] = root / "operator"
            d.write_conf()
            start(d)
            with Smtp(d.address) as c:
                id, untold = queue_id(c.message()), queue_id(c.message(mail_from=""))
            t.ok(d.wait_log(given_up % id, 30) and d.wait_log(given_up % untold, 30), f"{form}: that the time of a recipient is over", d.log())
            [new] = d.wait_log(report % id, 30) or [None]
            t.ok(new and d.wait_log(rf"{new}.* ?(outcome=delivered|status=sent)", 30), "and which report its sender gets", d.log())
            t.ok(not re.search(report % untold, d.log()), "and none where nobody is to be told")
            d.stop()


def a_reload_opens_the_file_again_and_changes_the_form(t):
    for name, single in FORMS:
        with folder() as root:
            if IS_ROOT and single:  # no supervisor opens it for the user
                os.chown(root, USER, USER)
            d = start(server(root, "json", single))
            t.equal(mode_of(root / "daemon.log"), 0o640, f"{name}: its mode is as the manual says")
            os.rename(root / "daemon.log", root / "daemon.log.1")
            d.settings["log-format"] = "own"
            d.write_conf()
            d.log_at = 0
            d.reload()
            t.ok(wait_until(lambda: (root / "daemon.log").exists() and "ev=reload ok=1" in (root / "daemon.log").read_text(), 30), f"{name}: a new file, in the new form")
            id = traffic(d)
            t.ok(d.wait_log(f"qid={id} ev=accept"), "and the mail process writes there", d.log())
            t.equal(mode_of(root / "daemon.log"), 0o640, "and the new one has the mode of the first")
            d.stop()


def a_file_that_cannot_be_opened_again_goes_on(t):
    """--single as the user that it became, in a folder of root's; or a folder that is gone."""
    for name, single in FORMS:
        with folder() as root:
            (root / "logs").mkdir()
            d = server(root, "own", single)
            d.settings["log"] = d.log_path = root / "logs/daemon.log"
            d.write_conf()
            d.start(wait=False)
            wait_until(lambda: d.log_path.exists() and "ev=ready" in d.log(), 30)
            os.rename(root / "logs", root / "elsewhere")
            d.log_path = root / "elsewhere/daemon.log"
            d.reload()
            t.ok(d.wait_log("warning ev=log what=.*No such file") and d.wait_log("ev=reload ok=1"), f"{name}: it is said, and lines go on to the old one", d.log())
            d.stop()


class Service:
    """What syslogd and journald are to the daemon: a datagram socket that is read. records: bytes."""

    def __init__(self, path, reads=True):
        self.path, self.records = path, []
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o666)
        self.thread = threading.Thread(target=self.read, daemon=True)
        if reads:
            self.thread.start()

    def read(self):
        while record := self.socket.recv(65536):
            self.records.append(record.decode())

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        if self.thread.ident:
            self.thread.join()
        self.socket.close()

    def wait(self, pattern, seconds=20):
        return wait_until(lambda: [m for r in list(self.records) for m in re.findall(pattern, r)], seconds)


def a_pipe_that_nobody_reads_stops_nothing(t):
    for name, single in FORMS:
        with folder() as root:
            pipe = root / "pipe"
            os.mkfifo(pipe)
            pipe.chmod(0o666)
            d = Daemon(root, single=single, log=pipe).start(wait=False)
            t.ok(wait_until(lambda: answers(d), 30), f"{name}: it starts")
            many = [f"user{i}@b.test" for i in range(1, 61)]
            d.reload()
            ids = [send_one(d, rcpts=many) for _ in range(10)]  # more than a pipe takes
            t.ok(all(ids), "mail is taken, also behind a reload")
            with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as reader:
                seen = []
                wait_until(lambda: seen.append(reader.read(1 << 20) or b"") or f"qid={ids[-1]} ev=removed".encode() in b"".join(seen), 30)
                told = b"".join(seen)
                t.ok(b" ev=ready " in told and f"qid={ids[-1]} ev=removed".encode() in told, "whoever reads it then is told all", len(told), told[:300], ids[-1])
            t.equal(d.stop(), 0, "it ends well")


def socket_server(root, target, form, single, **settings):
    return Daemon(root, LISTEN, "route * { via maildir %(root)s/mail/%%u; }", single=single, log=f"{target}:{root}/socket", log_format=form, **settings)


def send_one(d, **envelope):
    with Smtp(d.address) as c:
        return queue_id(c.message(**envelope))


def lines_go_to_syslog(t):
    forms = {"own": r"^<22>\w{3} [ \d]\d [\d:]{8} hikyakud\[\d+\]: info qid=%s ev=accept ", "json": r'^<22>.{15} hikyakud\[\d+\]: \{.*"qid":"%s","ev":"accept"',
             "postfix": r"^<22>.{15} postfix/qmgr\[\d+\]: %s: from=<u@a\.test>"}
    for name, single in FORMS:
        for form, pattern in forms.items():
            with folder() as root:
                log = Service(root / "socket")
                d = socket_server(root, "syslog", form, single).start(wait=False)
                t.ok(log.wait("ready"), f"{name}, {form}: syslog is told that it is ready", d.log())
                id = send_one(d)
                t.ok(log.wait(pattern % id), "and of a message, in one record", log.records)
                d.stop()
                t.ok(log.wait("stopped") and d.log() == "", "and that it ends; nothing goes to stderr", d.log())
                log.close()


def lines_go_to_the_journal(t):
    for name, single in FORMS:
        with folder() as root:
            log = Service(root / "socket")
            d = socket_server(root, "journald", "own", single).start(wait=False)
            t.ok(log.wait("HIKYAKU_EV=ready"), f"{name}: the journal is told that it is ready", d.log())
            id = send_one(d)
            t.ok(log.wait(rf"\APRIORITY=6\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=hikyakud\nMESSAGE=qid={id} ev=accept .*\nHIKYAKU_QID={id}\nHIKYAKU_EV=accept\nHIKYAKU_SIZE=\d+\n"),
                 "a message is a record with fields", log.records)
            d.stop()
            log.close()


def a_syslog_that_is_away_or_blocked_stops_no_mail(t):
    """SEC 1.8: log daemon blocked."""
    for name, single in FORMS:
        with folder() as root:
            d = socket_server(root, "syslog", "own", single).start(wait=False)
            t.ok(wait_until(lambda: answers(d), 30), f"{name}: it starts where no syslog is")
            first = send_one(d)
            log = Service(root / "socket")
            t.ok(first and log.wait(f"qid={first} ev=accept"), "one that comes is told of what it missed", log.records)
            log.close()
            blocked = Service(root / "socket", reads=False)
            many = [f"user{i}@b.test" for i in range(1, 21)]  # a line each: more than the queue of a socket takes
            ids = [send_one(d, rcpts=many) for _ in range(50)]
            t.ok(all(ids), "with one that does not read mail goes on")
            blocked.thread.start()
            t.ok(blocked.wait(f"qid={ids[-1]} ev=accept") and blocked.wait(f"qid={ids[0]} ev=accept"), "and once it reads it is told all", len(blocked.records))
            t.equal(d.stop(), 0, "it ends well")
            blocked.close()


def answers(d):
    try:
        with Smtp(d.address) as c:
            return c.banner[0] == 220
    except OSError:
        return False


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


CASES = [json_lines_are_objects, what_is_given_up_is_told, a_reload_opens_the_file_again_and_changes_the_form, a_file_that_cannot_be_opened_again_goes_on, a_pipe_that_nobody_reads_stops_nothing, lines_go_to_syslog,
         lines_go_to_the_journal, a_syslog_that_is_away_or_blocked_stops_no_mail, pflogsumm_counts_what_was_delivered, fail2ban_finds_who_was_refused]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

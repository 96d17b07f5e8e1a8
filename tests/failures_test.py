# SPDX-License-Identifier: MIT
"""What breaks though no code is wrong (SEC 1.8): descriptors run out, a quota is used up, a log has no room, an answer is good for no time, numbers of
processes come again, somebody reloads all the time. tests/README.md says which class is tested where.

usage: failures_test.py [CASE...]     TAP"""

import contextlib
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent / "crash"))
from errors import Failing, library  # noqa: E402
from harness import (  # noqa: E402
    FORMS, IS_ROOT, PORT, RELAY, SLOW, USER, Daemon, Dns, Sink, Smtp, Tap, folder, is_running, run_cases, wait_until)

BOTH = "route b.test { via maildir %%(root)s/mail/%%%%u; } route * { via smtp %s:%d; }"  # % (address, port), and then as harness.Daemon does


def mta_of(daemon):
    return daemon.pids().get("mta", daemon.process.pid)


@contextlib.contextmanager
def limited(pid, what, limit):
    """A process with a limit (prlimit(1)), set by its own user: not even root may do it everywhere."""
    user = {"user": USER, "group": USER, "extra_groups": []} if IS_ROOT else {}

    def prlimit(*arguments):
        return subprocess.run(["prlimit", "--pid", str(pid), *arguments], check=True, capture_output=True, text=True, **user).stdout.split()
    before = prlimit(f"--{what}", "--output", "SOFT", "--noheadings", "--raw")[0]
    prlimit(f"--{what}={limit}:")
    try:
        yield
    finally:
        prlimit(f"--{what}={before}:")


# ---- descriptors -------------------------------------------------------------------------------------------------


def limit_for(pid, spare):
    """The limit of descriptors with which it can have so many more than it has."""
    numbers = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(n for n in range(1, 100000) if n - len([x for x in numbers if x < n]) == spare)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connect(daemon):
    client = socket.create_connection((daemon.address, PORT), timeout=30 * SLOW)
    client.settimeout(30 * SLOW)
    return client


def first_words(client):
    return client.makefile("rb").readline()[:4]


def a_server_out_of_descriptors_waits_and_loses_nothing(t):
    for name, single in FORMS:
        sink = Sink()
        with folder() as root, Daemon(root, RELAY, BOTH % (sink.address, PORT), workers="1", single=single) as d:
            pid = mta_of(d)
            inside = Smtp(d.address)
            inside.command("EHLO a.test")
            with limited(pid, "nofile", limit_for(pid, 2)):
                crowd = [connect(d) for _ in range(12)]
                t.ok(d.wait_log("ev=accept_pause .*reason=descriptors"), f"SEC 1.8: fd exhaustion, {name}: the listener rests", d.log())
                began, cpu = time.monotonic(), cpu_seconds(pid)
                wait_until(lambda: time.monotonic() - began > 2, 30)  # it tries four times
                took, cpu = time.monotonic() - began, cpu_seconds(pid) - cpu
                t.ok(cpu < took / 2, f"SEC 1.8: fd exhaustion, {name}: and does not spin", took, cpu)
                t.ok(d.log().count("ev=accept_pause") == 1 and "ev=accept_again" not in d.log(), f"SEC 1.8: fd exhaustion, {name}: which is told once", d.log())
                replies = [inside.message(b"Subject: small\r\n\r\nhi\r\n", rcpts=("user1@b.test", "x@c.test"), helo=None)]
                replies.append(inside.message(b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 30000, rcpts=("user1@b.test", "x@c.test"), helo=None))
                t.ok(replies[0][0] == 250 and replies[1][0] // 100 in (2, 4), f"SEC 1.8: fd exhaustion, {name}: who is inside is served, or told to come again", replies)
                taken = [code for code, _ in replies].count(250)
                t.ok(d.wait_log("ev=deferred rcpts=2"), f"SEC 1.8: fd exhaustion, {name}: a delivery without one waits", d.log())
            t.equal([first_words(client) for client in crowd], [b"220 "] * len(crowd), f"SEC 1.8: fd exhaustion, {name}: once there are some, all who waited are greeted")
            [told] = d.wait_log(r"ev=accept_again worker=0 sessions=\d+ seconds=(\d+) reason=descriptors", 30) or ["0"]
            t.ok(int(told) >= 2, f"SEC 1.8: fd exhaustion, {name}: and the end is told, with how long it was", told, d.log())
            for client in crowd:
                client.close()
            t.equal(inside.message(helo=None, rcpts=("user1@b.test", "x@c.test"))[0], 250, f"SEC 1.8: fd exhaustion, {name}: mail is taken as before")
            taken += 1
            t.equal(len(d.wait_mail(count=taken, seconds=30)), taken, f"SEC 1.8: fd exhaustion, {name}: what was taken is delivered here")
            t.ok(wait_until(lambda: len(sink.messages) == taken, 30), f"SEC 1.8: fd exhaustion, {name}: and elsewhere", len(sink.messages), d.log())
            t.equal(mta_of(d), pid, f"SEC 1.8: fd exhaustion, {name}: by the process that it was")
        sink.close()


# ---- a mailbox at its limit, a file at its, a log on a full disk --------------------------------------------------------


def a_full_mailbox_is_told_in_words(t):
    """S2-042, docs/decisions/0033."""
    if not library():
        t.skip("S2-042: a full mailbox", "no library can be loaded before the daemon here")
        return
    with folder() as root:
        failing, d = Failing(root / "control", root / "mail/full"), Daemon(root)
        d.start(env=failing.environment)
        for error, words in ((errno.EDQUOT, "Disk quota exceeded"), (errno.EFBIG, "File too large")):
            failing.fail("write", error, rate=1000000)
            sender = f"sender{error}"
            t.equal(Smtp(d.address).message(mail_from=f"{sender}@b.test", rcpts=["full@b.test"])[0], 250, f"S2-042: {words}: mail is taken")
            report = (d.wait_mail(sender) or [b""])[0].decode()
            t.ok("Status: 5.2.2" in report and "Action: failed" in report, f"S2-042: {words}: the sender has 5.2.2", report, d.log())
            t.ok(f"552 5.2.2 The mailbox is full: {words}" in report and str(root) not in report, f"S2-042: {words}: and reads why, but not where", report)
        failing.fail("write", errno.ENOSPC, rate=1000000)
        t.equal(Smtp(d.address).message(mail_from="waits@b.test", rcpts=["full@b.test"])[0], 250, "S2-042: a disk that is full, for all")
        t.ok(d.wait_log(r"rcpt=full@b.test outcome=(?:deferred|pending) .*status=4\.3\.1"), "S2-042: is 4.3.1, and waits", d.log())
        failing.rest()
        t.ok(d.wait_mail("full") and not d.files("waits"), "S2-042: until there is room, and nobody is told", d.log())
        d.stop()
        failing.close()


def a_limit_of_a_file_is_no_end(t):
    """Of the process, as LimitFSIZE= of systemd: the call fails, and SIGXFSZ ends nothing."""
    for name, single in FORMS:
        with folder() as root, Daemon(root, single=single) as d:
            pid = mta_of(d)
            with limited(pid, "fsize", 0):
                code, text = Smtp(d.address).message()
                t.ok(code in (451, 452), f"SEC 1.8: a limit of files, {name}: mail is put off", code, text)
                t.ok(is_running(pid) and "ev=ended" not in d.log(), f"SEC 1.8: a limit of files, {name}: the process lives", d.log())
            t.ok(wait_until(lambda: Smtp(d.address).message()[0] == 250, 10, 0.2), f"SEC 1.8: a limit of files, {name}: without it mail is taken", d.log())
            t.ok(d.wait_mail(), f"SEC 1.8: a limit of files, {name}: and delivered")


def a_log_on_a_full_disk_stops_no_mail(t):
    title = "SEC 1.8: disk full of logs"
    if not IS_ROOT:
        t.skip(title, "needs root for a small file system")
        return
    for name, single in FORMS:
        with folder() as root:
            logs = root / "logs"
            logs.mkdir()
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "none", logs], capture_output=True).returncode:
                t.skip(title, "cannot mount here")
                return
            try:
                d = Daemon(root, single=single, log=logs / "daemon.log")
                d.log_path = logs / "daemon.log"
                d.start(wait=False)
                t.ok(wait_until(lambda: d.log_path.exists() and "ev=ready" in d.log(), 30), f"{title}, {name}: it serves")
                with contextlib.suppress(OSError), open(logs / "filler", "wb", buffering=0) as filler:
                    while filler.write(b"z" * 4096):
                        pass
                with Smtp(d.address) as client:
                    codes = [client.message(helo=None if i else "EHLO a.test")[0] for i in range(40)]
                t.ok(set(codes) == {250} and len(d.wait_mail(count=40)) == 40, f"{title}, {name}: mail goes on", codes)
                (logs / "filler").unlink()
                t.ok(wait_until(lambda: Smtp(d.address).message()[0] == 250 and re.search("ev=log_dropped", d.log()), 20, 0.2),
                     f"{title}, {name}: once there is room, the log says that lines are missing", d.log()[-1500:])
                began = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
                odd = [line for line in d.log().splitlines() if len(began.findall(line)) != 1 or not began.match(line)]
                t.ok(len(odd) <= 1 and not began.findall("".join(odd)[5:]), f"{title}, {name}: and no line is glued to the one that broke off", odd)
                t.equal(d.stop(), 0, f"{title}, {name}: it ends well")
            finally:
                subprocess.run(["umount", "-l", logs], check=False)


# ---- DNS ----------------------------------------------------------------------------------------------------------


def answers_that_are_good_for_no_time(t):
    """A TTL of 0: used for the one who asked (RFC 1035 3.2.1), never for who comes later, and asked for once by each."""
    for name, single in FORMS:
        sinks = [Sink(), Sink()]
        zone = {("c.test", "MX"): ["10 mx.c.test"], ("mx.c.test", "A"): [sinks[0].address], ("a.test", "TXT"): ["v=spf1 a:out.a.test -all"],
                ("out.a.test", "A"): ["127.0.0.1"]}
        dns = Dns(zone, ttl=0)
        listeners = RELAY + " listen mx { address %(address)s:2526; role mx; checks spf; reject-early-talkers off; }"
        rest = "route b.test { via maildir %(root)s/mail/%%u; } route * { via mx; messages-per-connection 1; }"
        with folder() as root, Daemon(root, listeners, rest, resolver=dns.where, port_map_25=PORT, workers="1", single=single) as d:
            for round_, sink in enumerate(sinks):
                zone[("mx.c.test", "A")] = [sink.address]
                dns.asked.clear()
                t.equal(Smtp(d.address).message(rcpts=["x@c.test"])[0], 250, f"SEC 1.8: DNS TTL 0, {name}: mail {round_ + 1} for elsewhere is taken")
                t.ok(wait_until(lambda: sink.messages, 10), f"SEC 1.8: DNS TTL 0, {name}: and goes where the name leads now", d.log())
                asked = [dns.asked.count(question) for question in (("c.test", "MX"), ("mx.c.test", "A"))]
                t.ok(all(1 <= n <= 2 for n in asked), f"SEC 1.8: DNS TTL 0, {name}: each question is asked once by the queue, and once by the delivery", dns.asked)
            for round_, (host, result) in enumerate((("127.0.0.1", "pass"), ("127.0.0.2", "fail"))):
                zone[("out.a.test", "A")] = [host]
                dns.asked.clear()
                client = Smtp(d.address, 2526)
                client.message(rcpts=[f"spf{round_}@b.test"])
                stored = (d.wait_mail(f"spf{round_}") or [b""])[0].decode()
                t.ok(f"spf={result}" in stored, f"SEC 1.8: DNS TTL 0, {name}: SPF is by what is so now: {result}", stored, d.log())
                t.ok(all(dns.asked.count(question) == 1 for question in set(dns.asked)), f"SEC 1.8: DNS TTL 0, {name}: and asked for once", dns.asked)
        for sink in sinks:
            sink.close()
        dns.close()


# ---- numbers of processes -------------------------------------------------------------------------------------------------


def the_number_of_a_process_may_come_again(t):
    """A pid file of before, which names somebody else by now; whoever starts, ends, or fails to start beside a server leaves him alone."""
    title = "SEC 1.8: PID reuse"
    other = subprocess.Popen(["sleep", "600"])
    try:
        for name, single in FORMS[1:]:
            with folder() as root:
                d = Daemon(root, single=single, pid_file=root / "pid")
                with d:
                    d.crash()
                t.ok((root / "pid").exists(), f"{title}: a crash leaves the file")
                (root / "pid").write_text(f"{other.pid}\n")
                with d:
                    t.equal(int((root / "pid").read_text()), d.process.pid, f"{title}: a file that names somebody else holds nobody up, and is replaced")
                    second = Daemon(root, single=single, pid_file=root / "pid")
                    second.log_path = root / "log2"
                    second.start(wait=False)
                    t.equal(second.process.wait(20 * SLOW), 1, f"{title}: a second one ends")
                    t.equal(int((root / "pid").read_text()), d.process.pid, f"{title}: and the file still names the first")
                    t.equal(Smtp(d.address).message()[0], 250, f"{title}: which serves")
                    roles = [pid for role, pid in d.pids().items() if role != "supervisor"]
                    os.kill(d.pids()["mta"], signal.SIGKILL)
                    t.ok(d.wait_log("ev=restarted role=mta") and d.stop() == 0, f"{title}: one whose process died, and was started again, ends", d.log())
                    t.ok(not any(is_running(pid) for pid in roles), f"{title}: with all of its processes")
                t.ok(not (root / "pid").exists(), f"{title}: and the file goes")
                t.ok(other.poll() is None, f"{title}: whoever the file named is as he was")
    finally:
        other.kill()
        other.wait()


# ---- umask -----------------------------------------------------------------------------------------------------------------


def whatever_the_umask(t):
    for name, single in FORMS:
        for mask in (0, 0o777):
            title = f"SEC 1.8: umask {mask:03o}, {name}"
            with folder() as root:
                d = Daemon(root, single=single, pid_file=None if single else root / "pid", operator_socket=root / "operator")
                d.start(preexec_fn=lambda mask=mask: os.umask(mask))
                t.equal(Smtp(d.address).message(b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 30000)[0], 250, f"{title}: mail is taken")
                t.ok(d.wait_mail(), f"{title}: and delivered", d.log())
                modes = {}
                for path in [root / "spool", *(root / "spool").rglob("*"), *(root / "mail").rglob("*")]:
                    with contextlib.suppress(FileNotFoundError):
                        modes.setdefault((path.is_dir(), path.lstat().st_mode & 0o777), []).append(str(path))
                t.equal(set(modes), {(True, 0o700), (False, 0o600)}, f"{title}: what is stored is for the server alone")
                if not single:
                    t.equal((root / "pid").stat().st_mode & 0o777, 0o644, f"{title}: the pid file can be read")
                t.equal(d.stop(), 0, f"{title}: it ends")


# ---- reload -----------------------------------------------------------------------------------------------------------------

SESSIONS, EACH = 16, 100
KINDS = {"one.b.test": "1000000", "two.b.test": "2000000"}  # hostname and max-message, which change together


def a_reload_under_load_refuses_and_loses_nothing(t):
    for name, single in FORMS:
        title, dns = f"SEC 1.8: config reload under load, {name}", Dns({})
        with folder() as root:
            listener = f"listen mx {{ address %(address)s:%(port)d; reject-early-talkers off; max-message {KINDS['one.b.test']}; }}"
            d = Daemon(root, listener, single=single, hostname="one.b.test", resolver=dns.where)
            confs = [d.conf_text(), d.conf_text().replace("hostname one", "hostname two").replace("max-message 1000000", "max-message 2000000")]
            wrong, seen, taken = [], set(), []

            def session(number):
                try:
                    for i in range(EACH):
                        with Smtp(d.address) as client:
                            host = client.banner[1].split()[0]
                            offers = client.command("EHLO a.test")[1].split("\n")
                            if offers[0].split()[0] != host or f"SIZE {KINDS[host]}" not in offers:
                                wrong.append((host, offers))
                            seen.add(host)
                            code, text = client.message(f"Subject: {number}-{i}\r\nX-Host: {host}\r\n\r\nhi\r\n".encode(), helo=None)
                            (taken if code == 250 else wrong).append((number, i, code, text))
                except (OSError, EOFError) as error:
                    wrong.append((number, repr(error)))

            with d:
                threads = [threading.Thread(target=session, args=(number,)) for number in range(SESSIONS)]
                for thread in threads:
                    thread.start()
                reloads = 0
                while any(thread.is_alive() for thread in threads):
                    reloads += 1
                    d.conf_path.with_suffix(".new").write_text(confs[reloads % 2])
                    d.conf_path.with_suffix(".new").replace(d.conf_path)
                    d.reload()
                    time.sleep(0.05)  # the pace of it, for as long as there is load
                for thread in threads:
                    thread.join()
                t.ok(reloads > 5 and len(re.findall("ev=reload ok=1", d.log())) > 2, f"{title}: it was reloaded meanwhile", reloads, d.log()[-1500:])
                t.equal(wrong, [], f"{title}: nobody is refused, or sees half of a configuration")
                t.equal(seen, set(KINDS), f"{title}: both were seen")
                t.equal(len(taken), SESSIONS * EACH, f"{title}: all is taken")
                stored = d.wait_mail(count=len(taken), seconds=60)
                subjects = [re.search(rb"Subject: (\S+)", mail)[1] for mail in stored]
                t.ok(len(set(subjects)) == len(subjects) == len(taken), f"{title}: and delivered once", len(subjects), len(set(subjects)))
                t.ok(all(re.search(rb"by (\S+)", mail)[1] == re.search(rb"X-Host: (\S+)", mail)[1] for mail in stored),
                     f"{title}: and traced by the name that its client was greeted with")
        dns.close()


# ---- the spool ---------------------------------------------------------------------------------------------------------------


def a_spool_of_a_later_version_is_left_alone(t):
    """What a program of before finds after a downgrade. (What it reads of earlier ones: engine/spool_golden_test.c.)"""
    title = "SEC 1.8: upgrade/downgrade of queue format"
    for name, single in FORMS:
        with folder() as root:
            spool = Path(shutil.copytree(Path(__file__).resolve().parent / "golden/spool-2", root / "spool"))
            (spool / "VERSION").write_text("hikyaku-spool 3\n")
            for path in [spool, *spool.rglob("*")] if IS_ROOT else ():
                os.chown(path, USER, USER)
            before = {path: path.read_bytes() for path in spool.rglob("*") if path.is_file()}
            d = Daemon(root, single=single)
            d.start(wait=False)
            t.equal(d.process.wait(20 * SLOW), 1, f"{title}, {name}: it does not start")
            t.ok("version" in d.log(), f"{title}, {name}: and says why", d.log())
            after = {path: path.read_bytes() for path in spool.rglob("*") if path in before}
            t.equal(after, before, f"{title}, {name}: and leaves what is there as it is")


CASES = [
    a_server_out_of_descriptors_waits_and_loses_nothing, a_full_mailbox_is_told_in_words, a_limit_of_a_file_is_no_end, a_log_on_a_full_disk_stops_no_mail,
    answers_that_are_good_for_no_time, the_number_of_a_process_may_come_again, whatever_the_umask, a_reload_under_load_refuses_and_loses_nothing,
    a_spool_of_a_later_version_is_left_alone,
]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

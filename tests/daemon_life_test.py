# SPDX-License-Identifier: MIT
"""The daemon's life: command line, start, processes and their privileges, reload, signals, the end. TAP.

usage: daemon_life_test.py [CASE...]"""

import base64
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import (  # noqa: E402
    BUILD, Daemon, folder, FORMS, fresh_address, is_running, IS_ROOT, KEYS_USER, make_certificate, make_key, PORT, RELAY,
    run_cases, Sink, SLOW, Smtp, status_of, Tap, tls_daemon, USER, wait_until)

ROOT = Path(__file__).resolve().parent.parent

# ---- signals ------------------------------------------------------------------------------------------------------------


def reloads(t):
    for form, single in FORMS:
        with folder() as root, Daemon(root, single=single) as d:
            old = Smtp(d.address)
            old.command("EHLO a.test")
            good = d.conf_text()
            d.write_conf(good.replace("accept b.test;", "accept b.test;\nacept c.test;"))
            d.reload()
            found = d.wait_log(r"ev=reload ok=0 what=\"(\S+hikyakud\.conf:\d+:\d+: [^\"]*)")
            t.ok(found and "acept" in found[0], f"{form}: a bad configuration is refused with file, line and column", d.log())
            t.equal(Smtp(d.address).message()[0], 250, f"{form}: the old one stays")
            other = fresh_address()
            d.write_conf(good.replace("accept b.test;", "accept b.test c.test;").replace(f"{d.address}:{PORT}", f"{d.address}:{PORT} {other}:{PORT}")
                         .replace("hostname mx.b.test", "hostname new.b.test"))
            d.reload()
            t.ok(d.wait_log("ev=reload ok=1"), f"{form}: a good one comes into force", d.log())
            new = Smtp(other)
            t.equal(new.banner[1].split()[0], "new.b.test", f"{form}: on the new address, with the new name")
            t.equal(new.message(rcpts=["x@c.test"])[0], 250, f"{form}: for the new domain")
            t.equal(old.message(helo=None)[0], 250, f"{form}: a connection from before goes on")
            d.write_conf(good)
            d.reload()
            t.ok(d.wait_log("ev=reload ok=1", count=2), f"{form}: and back again", d.log())
            gone = wait_until(lambda: refused(other), 5)
            t.ok(gone, f"{form}: the address that was taken out is closed")
            t.equal(new.command("NOOP")[0], 250, f"{form}: but not the connection that came by it")
            d.write_conf(good.replace(f"spool {root}/spool;", f"spool {root}/other;"))
            d.reload()
            t.ok(d.wait_log("spool changed, which needs a restart"), f"{form}: what only a restart changes is refused by name", d.log())


def refused(address):
    try:
        socket.create_connection((address, PORT), timeout=2).close()
        return False
    except ConnectionRefusedError:
        return True


def a_reload_brings_certificates_and_keys(t):
    for form, single in FORMS:
        with folder() as root, tls_daemon(root, single=single) as d:
            first = certificate_of(d.address)
            make_certificate(root / "tls", "other.b.test")
            make_key(root / "dkim.pem")
            if single and IS_ROOT:  # one process reads them as its user; the supervisor reads them as root
                os.chown(root / "tls.key", USER, USER)
                os.chown(root / "dkim.pem", USER, USER)
            d.rest += f" key k {{ domain b.test; selector s; file {root}/dkim.pem; }} sign *@b.test k;"
            d.write_conf()
            d.reload()
            t.ok(d.wait_log("ev=reload ok=1"), f"{form}: a reload with a new key and a new certificate", d.log())
            t.ok(certificate_of(d.address) != first, f"{form}: new sessions get the new certificate")
            (root / "dkim.pem").write_text("no key")
            d.reload()
            t.ok(d.wait_log("ev=reload ok=0 what=.*dkim.pem"), f"{form}: a file that holds no key is refused", d.log())
            make_key(root / "dkim.pem")
            (root / "tls.key").write_text("no key")
            d.reload()
            t.ok(d.wait_log("ev=reload ok=0 what=.*certificate"), f"{form}: also for a certificate", d.log())
            t.ok(certificate_of(d.address) != first, f"{form}: and what was served is served on")


def refused_reloads_leave_the_keys_alone(t):
    """More of them than the keys process holds configurations."""
    for form, single in FORMS:
        sink = Sink()
        with folder() as root:
            make_certificate(root / "tls")
            make_key(root / "dkim.pem")
            if IS_ROOT:
                for name in ("tls.key", "dkim.pem"):
                    os.chown(root / name, USER, USER)
            listeners = RELAY.replace("}", "starttls on; certificate %(root)s/tls.crt; certificate-key %(root)s/tls.key; }")
            rest = f"key k {{ domain b.test; selector s; file {root}/dkim.pem; }} sign * k; route * {{ via smtp {sink.address}:{PORT}; }}"
            with Daemon(root, listeners, rest, single=single) as d:
                (root / "tls.key").write_text("no key")
                for number in range(1, 7):
                    d.reload()
                    d.wait_log("stays in force", count=number)
                t.equal(len(re.findall("stays in force", d.log())), 6, f"{form}: six reloads are refused")
                Smtp(d.address).message(b"From: u@b.test\r\nSubject: x\r\n\r\nhi\r\n")
                t.ok(wait_until(lambda: sink.messages, 10) and b"DKIM-Signature" in sink.messages[0][2], f"{form}: mail is signed as before", d.log())
        sink.close()


def certificate_of(address):
    client = Smtp(address)
    client.command("EHLO a.test")
    client.starttls()
    return client.socket.getpeercert(binary_form=True)


def stops_gracefully(t):
    for form, single in FORMS:
        with folder() as root, Daemon(root, single=single) as d:
            idle, busy = Smtp(d.address), Smtp(d.address)
            idle.command("EHLO a.test")
            busy.envelope()
            busy.send("Subject: half\r\n\r\n")
            d.process.terminate()
            t.equal(idle.reply()[0], 421, f"{form}: an idle client is told 421 (RFC 5321 3.8)")
            t.ok(wait_until(lambda: refused(d.address), 5), f"{form}: no new client is served")
            busy.send("the rest\r\n.\r\n")
            t.equal(busy.reply()[0], 250, f"{form}: the message under way is finished")
            t.equal(d.process.wait(20 * SLOW), 0, f"{form}: then it ends")
            d.start()
            stored = d.wait_mail()
            t.ok(len(stored) == 1 and b"the rest" in stored[0], f"{form}: and the message is there", stored)


def a_stop_does_not_wait_for_names(t):
    """The client's name was asked for, the client left, and the answer will never come."""
    for form, single in FORMS:
        with folder() as root, Daemon(root, single=single) as d:
            client = Smtp(d.address)
            client.command("QUIT")
            client.close()
            began = time.monotonic()
            t.equal(d.stop(), 0, f"{form}: it ends")
            t.ok(time.monotonic() - began < 5 * SLOW, f"{form}: at once", time.monotonic() - began)


# ---- processes --------------------------------------------------------------------------------------------------------------


def processes_hold_what_the_table_says(t):
    with folder() as root:
        make_key(root / "dkim.pem")
        rest = f"key k {{ domain b.test; selector s; file {root}/dkim.pem; }} sign * k; route * {{ via maildir %(root)s/mail/%%u; }}"
        with Daemon(root, rest=rest, single=False) as d:
            pids = d.pids()
            t.equal(sorted(pids), ["keys", "mta", "supervisor"], "there are three processes")
            for role, user in (("mta", USER), ("keys", KEYS_USER)):
                pid = pids[role]
                t.equal(status_of(pid, "Uid"), [str(user)] * 4, f"{role}: runs as its user")
                t.equal(status_of(pid, "NoNewPrivs"), ["1"], f"{role}: no new privileges")
                t.equal(status_of(pid, "CapEff"), ["0" * 16] if IS_ROOT else status_of(pid, "CapEff"), f"{role}: no capabilities")
                if IS_ROOT:
                    t.equal(status_of(pid, "Groups"), [], f"{role}: no other groups")
                    limits = Path(f"/proc/{pid}/limits").read_text()
                    t.ok(re.search(r"Max core file size\s+0\s+0", limits), f"{role}: no core files")
                    t.equal(Path(f"/proc/{pid}/environ").read_bytes(), b"", f"{role}: no environment")
            if IS_ROOT:
                targets = [os.readlink(f"/proc/{pids['keys']}/fd/{fd}") for fd in os.listdir(f"/proc/{pids['keys']}/fd")]
                files = [x for x in targets if x.startswith("/") and x not in ("/dev/null", str(root / "log"))]
                t.equal(files, [], "keys: holds no file open")
                t.ok(not any("dkim.pem" in os.readlink(f"/proc/{pids['mta']}/fd/{fd}") for fd in os.listdir(f"/proc/{pids['mta']}/fd")),
                     "mta: holds no key file")
                t.ok(os.stat(root / "spool").st_uid == USER and os.stat(root / "spool").st_mode & 0o777 == 0o700, "the spool is the mta's alone")
            else:
                for title in ("keys: holds no file open", "mta: holds no key file", "the spool is the mta's alone"):
                    t.skip(title, "needs root")


def nothing_is_left_open_for_a_child(t):
    """SEC-104, SEC-29: whatever a process has open beyond what it was started with goes at an exec, but for what libunbound asks by (UDP, and pairs
    of its threads), in a process that starts none; and the keys' process has no socket that listens."""
    if not IS_ROOT:
        t.skip("descriptors of another user's process", "needs root")
        return
    with folder() as root:
        make_key(root / "dkim.pem")
        rest = f"key k {{ domain b.test; selector s; file {root}/dkim.pem; }} sign * k; route * {{ via maildir %(root)s/mail/%%u; }}"
        with Daemon(root, rest=rest, single=False) as d:
            t.equal(Smtp(d.address).message()[0], 250, "it serves")
            d.wait_mail()
            pids = d.pids()
            for role, pid in pids.items():
                kept, carrying = [], inodes(pid, "tcp", "tcp6")
                for fd in os.listdir(f"/proc/{pid}/fd"):
                    try:
                        flags = re.search(r"^flags:\s+(\d+)$", Path(f"/proc/{pid}/fdinfo/{fd}").read_text(), re.M)
                        kept += [(fd, os.readlink(f"/proc/{pid}/fd/{fd}"))] if int(fd) > 2 and not int(flags[1], 8) & os.O_CLOEXEC else []
                    except FileNotFoundError:
                        pass  # closed meanwhile
                t.equal([x for x in kept if role != "mta" or x[1] in carrying or not x[1].startswith("socket:")], [], f"{role}: all is closed at an exec")
            held = {os.readlink(f"/proc/{pids['keys']}/fd/{fd}") for fd in os.listdir(f"/proc/{pids['keys']}/fd")}
            t.equal(held & inodes(pids["keys"], "tcp", "tcp6"), set(), "keys: has no socket of TCP")


def inodes(pid, *tables):
    """The sockets of a kind, as a link in /proc/PID/fd names them."""
    return {f"socket:[{line.split()[9]}]" for table in tables for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]}


def a_private_key_is_nowhere_but_with_its_process(t):
    """SEC-42: neither its text nor its numbers are in the log, in a report, in the spool, or in the memory of the process that talks to peers."""
    if not IS_ROOT:
        t.skip("memory of another user's process", "needs root")
        return
    sink = Sink(replies={"RCPT no@b.test": b"550 5.1.1 no such user\r\n"})
    with folder() as root:
        make_key(root / "dkim.pem")
        pem = (root / "dkim.pem").read_text().split("-----")[2]
        der = base64.b64decode(pem)
        windows = [der[at:at + 24] for at in range(len(der) * 2 // 5, len(der) - 24, 50)]
        marks = [pem.split()[4].encode(), *windows, *(window[::-1] for window in windows)]  # and as numbers lie in memory
        rest = f"key k {{ domain b.test; selector s; file {root}/dkim.pem; }} sign * k; route * {{ via smtp {sink.address}:{PORT}; }}"
        body = b"From: user1@b.test\r\nSubject: signed\r\n\r\nhello\r\n"
        with Daemon(root, RELAY, rest, single=False) as d:
            t.equal(Smtp(d.address).message(body, rcpts=["user1@b.test", "no@b.test"])[0], 250, "it serves")
            t.ok(wait_until(lambda: any(b"Action: failed" in message[2] for message in sink.messages) and len(sink.messages) == 2, 20),
                 "it delivers to one, and reports of the other", d.log())
            t.ok(any(b"DKIM-Signature" in message[2] for message in sink.messages), "and signs")
            if re.search("lib[at]san", Path(f"/proc/{d.pids()['mta']}/maps").read_text()):
                t.skip("memory, of which a sanitizer has gigabytes", "a sanitizer is in it")
            else:
                t.ok(any(mark in memory_of(d.pids()["keys"]) for mark in marks), "the process of the keys has it, so that it would be seen elsewhere")
                for role in ("mta", "supervisor"):
                    memory = memory_of(d.pids()[role])
                    t.ok(len(memory) > 100000 and not any(mark in memory for mark in marks), f"{role}: not in its memory")
            files = [path for path in (*(root / "spool").rglob("*"), root / "log") if path.is_file()]
            t.equal([str(path) for path in files if any(mark in path.read_bytes() for mark in marks)], [], "not in the spool, nor in the log")
            t.ok(not any(mark in message[2] for message in sink.messages for mark in marks), "not in what was sent")
    sink.close()


def memory_of(pid):
    """All that can be read of it."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            first, last = (int(x, 16) for x in line.split()[0].split("-"))
            if "rw" not in line.split()[1] or last - first > 256 << 20:
                continue
            try:
                memory.seek(first)
                found.append(memory.read(last - first))
            except OSError:
                pass  # a page that nobody touched, or none that can be read
    return b"".join(found)


def roles_that_die_are_started_again(t):
    sink = Sink()
    with folder() as root:
        make_key(root / "dkim.pem")
        rest = f"key k {{ domain b.test; selector s; file {root}/dkim.pem; }} sign * k; route * {{ via smtp {sink.address}:{PORT}; }}"
        body = b"From: user1@b.test\r\nSubject: signed\r\n\r\nhello\r\n"
        with Daemon(root, RELAY, rest, single=False) as d:
            os.kill(d.pids()["mta"], signal.SIGKILL)
            t.ok(d.wait_log("ev=restarted role=mta"), "the mail process is started again", d.log())
            t.equal(Smtp(d.address).message(body)[0], 250, "and serves")
            t.ok(wait_until(lambda: len(sink.messages) == 1, 10) and b"DKIM-Signature" in sink.messages[0][2], "and signs", d.log())
            os.kill(d.pids()["keys"], signal.SIGKILL)
            t.ok(d.wait_log("ev=ended role=keys"), "the keys process dies", d.log())
            t.equal(Smtp(d.address).message(body)[0], 250, "mail is taken meanwhile")
            t.ok(wait_until(lambda: len(sink.messages) == 2, 15), "and goes out when there are keys again", d.log())
            t.ok(len(sink.messages) == 2 and b"DKIM-Signature" in sink.messages[1][2], "never unsigned")
    sink.close()


def nobody_is_left_when_the_supervisor_is_killed(t):
    with folder() as root:
        d = Daemon(root, single=False).start()
        pids = d.pids()
        d.kill()
        t.ok(wait_until(lambda: not any(is_running(pids[role]) for role in ("mta", "keys")), 10), "the roles end by themselves")
        with d:
            t.equal(Smtp(d.address).message()[0], 250, "and the next start serves")


def a_second_daemon_is_refused(t):
    for form, single in FORMS:
        with folder() as root, Daemon(root, single=single) as d:
            other = Daemon(root, single=single)
            other.log_path = root / "log2"
            other.start(wait=False)
            t.equal(other.process.wait(20 * SLOW), 1, f"{form}: a second daemon on the same spool ends")
            t.ok("another hikyakud uses it" in other.log(), f"{form}: and says why", other.log())
            t.equal(Smtp(d.address).message()[0], 250, f"{form}: the first one does not care")


def a_start_waits_for_a_spool_that_is_about_to_be_free(t):
    """As after kill -9: the next one starts while the kernel still takes the last one down."""
    for form, single in FORMS:
        with folder() as root:
            d = Daemon(root, single=single)
            with d:
                pass
            with open(d.root / "spool/lock", "rb+") as held:
                fcntl.fcntl(held, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
                d.start(wait=False)
                time.sleep(0.5)
                t.ok(d.process.poll() is None and "ev=ready" not in d.log(), f"{form}: it waits", d.log())
            t.ok(d.wait_log("ev=ready"), f"{form}: and begins", d.log())
            t.equal(Smtp(d.address).message()[0], 250, f"{form}: to serve")
            d.stop()


def errors_at_the_start_are_told(t):
    with folder() as root:
        d = Daemon(root, single=False)
        good = d.conf_text()
        busy = socket.create_server((d.address, PORT))
        (root / "odd" / "lock").mkdir(parents=True)
        if IS_ROOT:
            os.chown(root / "odd", USER, USER)
        cases = [
            (good, "Address already in use"),
            (good.replace("hostname", "hostnam"), r"hikyakud\.conf:1:1: .*hostname"),
            (good.replace("via maildir", "via maildr"), r"hikyakud\.conf:\d+:\d+: "),
            (good + "key k { domain b.test; selector s; file /nowhere/key.pem; }", "/nowhere/key.pem: No such file"),
            (good.replace("JST-9", "Asia/Nowhere"), "no such zone"),
            (good.replace(f"spool {root}/spool;", f"spool {root}/odd;"), rf"spool {root}/odd: .* \(open {root}/odd/lock: Is a directory\)"),
        ]
        if IS_ROOT:
            cases += [(good.replace(f"user {USER};", "user nosuchuser;", 1), 'no user "nosuchuser"'), (good.replace(f"user {USER};", "user root;", 1), "is root")]
        for text, pattern in cases:
            if text != good:
                busy.close()
            d.write_conf(text)
            d.start(wait=False)
            t.equal(d.process.wait(20 * SLOW), 1, f"does not start: {pattern}")
            t.ok(re.search(pattern, d.log()), "and says why", d.log())
            t.ok(not (root / "pid").exists(), "and leaves nothing behind")


def tells_the_service_manager(t):
    for form, single in FORMS:
        with folder() as root:
            manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            manager.bind(str(root / "notify"))
            (root / "notify").chmod(0o777)
            manager.settimeout(10 * SLOW)
            d = Daemon(root, single=single)
            d.start(env=dict(os.environ, NOTIFY_SOCKET=str(root / "notify")))
            t.ok(manager.recv(4096).startswith(b"READY=1\n"), f"{form}: READY=1 once it serves")
            d.reload()
            t.ok(re.match(rb"RELOADING=1\nMONOTONIC_USEC=\d+\n", manager.recv(4096)), f"{form}: RELOADING=1 with the time")
            t.ok(manager.recv(4096).startswith(b"READY=1\n"), f"{form}: READY=1 again")
            d.stop()
            t.equal(manager.recv(4096), b"STOPPING=1\n", f"{form}: STOPPING=1")
            manager.close()


def goes_to_the_background(t):
    with folder() as root:
        d = Daemon(root, single=False, pid_file=root / "pid", log=root / "daemon.log")
        done = subprocess.run(d.command()[:3], capture_output=True, text=True, timeout=30 * SLOW)
        t.equal(done.returncode, 0, "without --foreground the command ends when mail is served")
        t.equal(Smtp(d.address).message()[0], 250, "and it is")
        pid = int((root / "pid").read_text())
        t.ok(is_running(pid) and os.getsid(pid) == pid, "the pid file names the supervisor, in a session of its own")
        (root / "daemon.log").rename(root / "daemon.log.1")
        os.kill(pid, signal.SIGHUP)
        t.ok(wait_until(lambda: (root / "daemon.log").exists() and "ev=reload ok=1" in (root / "daemon.log").read_text(), 10), "a rotated log is opened anew")
        Smtp(d.address).message()
        t.ok(wait_until(lambda: "ev=accept" in (root / "daemon.log").read_text(), 5), "by the roles too")
        os.kill(pid, signal.SIGTERM)
        t.ok(wait_until(lambda: not is_running(pid), 20), "SIGTERM ends it")
        t.ok(not (root / "pid").exists(), "and the pid file goes")
        d.settings["hostname"] = "-"
        d.write_conf()
        t.equal(subprocess.run(d.command()[:3], capture_output=True, timeout=30 * SLOW).returncode, 1, "a failure shows in the exit status")


# ---- the command line -----------------------------------------------------------------------------------------------------------


def hikyakud(*arguments):
    return subprocess.run([BUILD / "hikyakud", *arguments], capture_output=True, text=True)


def the_command_line(t):
    done = hikyakud("--help")
    options = ["--config", "--check-config", "--foreground", "--single", "--help", "--version"]
    t.ok(done.returncode == 0 and all(o in done.stdout for o in options), "--help lists the options", done.stdout)
    t.ok("--role" not in done.stdout, "but not those that are for the program itself")
    t.ok(re.fullmatch(r"hikyakud \d+\.\d+\.\d+\n", hikyakud("--version").stdout), "--version")
    t.equal(hikyakud("--nonsense").returncode, 2, "an unknown argument is an error of usage")
    t.equal(hikyakud("--config").returncode, 2, "so is one without its value")
    t.equal(hikyakud("--role", "king").returncode, 2, "so is an unknown role")
    if IS_ROOT:
        t.ok(hikyakud("--role", "mta").returncode != 0, "a role refuses to run as root")
    done = hikyakud("--check-config", "--config", ROOT / "dist/hikyakud.conf")
    t.equal(done.returncode, 0, "--check-config accepts the example")
    done = hikyakud("--check-config", "--config", "/nowhere")
    t.ok(done.returncode == 1 and "/nowhere: No such file" in done.stderr, "and misses a file", done.stderr)
    with folder() as root:
        (root / "bad.conf").write_text("hostname a.test;\nspool /s;\n  nonsense 1;\n")
        done = hikyakud("--check-config", "--config", root / "bad.conf")
        t.ok(done.returncode == 1 and "bad.conf:3:3: " in done.stderr, "errors have file, line and column", done.stderr)
    manual = hikyakud("--manual").stdout
    page = (ROOT / "dist/hikyakud.8").read_text()
    t.ok(manual.strip() and manual.strip() in page, "the man page has the items of --manual (tools: hikyakud --manual)")


CASES = [
    the_command_line, reloads, a_reload_brings_certificates_and_keys, refused_reloads_leave_the_keys_alone, stops_gracefully, a_stop_does_not_wait_for_names,
    processes_hold_what_the_table_says, nothing_is_left_open_for_a_child, a_private_key_is_nowhere_but_with_its_process,
    roles_that_die_are_started_again, nobody_is_left_when_the_supervisor_is_killed, a_second_daemon_is_refused, a_start_waits_for_a_spool_that_is_about_to_be_free,
    errors_at_the_start_are_told, tells_the_service_manager, goes_to_the_background,
]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

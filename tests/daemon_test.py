# SPDX-License-Identifier: MIT
"""The daemon as a black box: raw SMTP in, Maildirs and a next hop out, signals, processes, faults. TAP.

usage: daemon_test.py [CASE...]"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import (BUILD, IS_ROOT, KEYS_USER, PORT, RELAY, SLOW, USER, Daemon, Dns, Sink, Smtp, fresh_address, folder, make_certificate, make_key,  # noqa: E402
                     queue_id, run_cases, wait_until, Tap)

ROOT = Path(__file__).resolve().parent.parent
FORMS = (("--single", True), ("the processes", False))


def status_of(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return line.split(":", 1)[1].split()
    return None


# ---- mail ------------------------------------------------------------------------------------------------


def receives_and_stores(t):
    """S0-023 and the dialogue of the example, in both forms."""
    body = b"Subject: test\r\nTo:   user1@b.test\r\n\r\nHello\r\n.dot\r\n"
    for form, single in FORMS:
        with folder() as root, Daemon(root, single=single) as d:
            client = Smtp(d.address)
            t.equal(client.banner, (220, "mx.b.test ESMTP Hikyaku"), f"{form}: the banner")
            reply = client.message(body)
            number = queue_id(reply)
            t.ok(number and re.fullmatch("[0-9A-F]{11,16}", number), f"{form}: 250 with a queue id (S0-007, S0-008)", reply)
            t.equal(client.command("QUIT"), (221, "2.0.0 Bye"), f"{form}: QUIT")
            t.ok(client.eof(), f"{form}: the server closes (S0-009)")
            stored = d.wait_mail()
            t.ok(len(stored) == 1 and stored[0].replace(b"\r\n", b"\n").endswith(body.replace(b"\r\n", b"\n")),
                 f"{form}: what was sent is what is stored (S0-028)", stored)
            head = stored[0].decode() if stored else ""
            t.ok(head.startswith("Return-Path: <u@a.test>"), f"{form}: Return-Path comes first (S0-020)", head)
            t.ok(f"id {number}" in head and "+0900 (JST)" in head, f"{form}: the id in Received is the one in the reply (S0-023), JST (S0-027)", head)
            t.ok(d.wait_log(f"qid={number} ev=accept") and d.wait_log(f"qid={number} .*outcome=delivered"),
                 f"{form}: and the one in the log (S0-023)", d.log())
            t.equal(d.stop(), 0, f"{form}: ends with status 0")
            t.ok("ev=stopped" in d.log(), f"{form}: and says so")


def serves_ipv6(t):
    with folder() as root:
        listeners = "listen mx { address [::1]:%(port)d; reject-early-talkers off; }"
        with Daemon(root, listeners, address="::1") as d:
            d.values["port"] = PORT
            client = Smtp("::1")
            t.equal(client.message()[0], 250, "a message over IPv6 is taken")
            stored = d.wait_mail()
            t.ok(stored and b"[IPv6:::1]" in stored[0], "Received names the IPv6 client (RFC 5321 4.1.3)", stored)


def takes_long_bodies(t):
    for form, single in FORMS:
        with folder() as root, Daemon(root, single=single) as d:
            line = b"x" * 70 + b"\r\n"
            for size in (255 * 1024, 257 * 1024, 3 * 1024 * 1024):
                body = b"Subject: long\r\n\r\n" + line * (size // len(line))
                client = Smtp(d.address)
                t.equal(client.message(body, rcpts=[f"u{size}@b.test"])[0], 250, f"{form}: {size} octets are taken")
                stored = d.wait_mail(f"u{size}")
                t.ok(stored and stored[0].replace(b"\r\n", b"\n").endswith(body.replace(b"\r\n", b"\n")), f"{form}: and stored whole")
            left = wait_until(lambda: not list((root / "spool/body").glob("*")), 5)
            t.ok(left, f"{form}: no body file is left behind", list((root / "spool/body").glob("*")))


def serves_many_at_once(t):
    with folder() as root, Daemon(root) as d:
        done = []

        def one(number):
            client = Smtp(d.address)
            for _ in range(5):
                done.append(client.message(helo=None if _ else "EHLO a.test", rcpts=[f"u{number % 7}@b.test"])[0])
            client.command("QUIT")

        threads = [threading.Thread(target=one, args=(n,)) for n in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        t.equal(done, [250] * 200, "40 clients with 5 messages each are answered")
        t.ok(wait_until(lambda: sum(len(d.files(f"u{n}")) for n in range(7)) == 200, 20), "and all of it is stored",
             sum(len(d.files(f"u{n}")) for n in range(7)))
        ids = re.findall(r"qid=(\w+) ev=accept", d.log())
        t.equal(len(set(ids)), 200, "every queue id is another one")


def takes_a_pipelined_burst_in_one_write(t):
    with folder() as root, Daemon(root) as d:
        client = Smtp(d.address)
        text = "EHLO a.test\r\n" + "MAIL FROM:<u@a.test>\r\nRCPT TO:<user1@b.test>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n" * 300 + "QUIT\r\n"
        threading.Thread(target=client.send, args=(text,), daemon=True).start()
        codes = [client.reply()[0] for _ in range(1 + 4 * 300 + 1)]
        t.equal(codes, [250] + [250, 250, 354, 250] * 300 + [221], "300 transactions in one burst are answered in their order")
        t.ok(wait_until(lambda: len(d.files()) == 300, 20), "and stored")


# ---- onward ----------------------------------------------------------------------------------------------------


def relays_by_mx(t):
    sink = Sink()
    dns = Dns({("c.test", "MX"): ["10 mx.c.test"], ("mx.c.test", "A"): [sink.address]})
    source = fresh_address()
    with folder() as root:
        rest = "route b.test { via maildir %(root)s/mail/%%u; } route * { via mx; source " + source + "; }"
        for form, single in FORMS:
            with Daemon(root, RELAY, rest, resolver=dns.where, port_map_25=PORT, single=single) as d:
                before = len(sink.messages)
                client = Smtp(d.address)
                t.equal(client.message(rcpts=["x@c.test"])[0], 250, f"{form}: mail for elsewhere is taken")
                t.ok(wait_until(lambda: len(sink.messages) > before, 10), f"{form}: and comes to the MX", d.log())
                mail_from, rcpts, data = sink.messages[-1]
                t.equal((mail_from, rcpts), ("u@a.test", ["x@c.test"]), f"{form}: with its envelope")
                t.ok(data.startswith(b"Received: from a.test") and data.endswith(b"hello\r\n"), f"{form}: and its trace", data)
                t.equal(sink.sessions[-1], source, f"{form}: from the configured source address")
    sink.close()
    dns.close()


def a_queue_survives_a_restart(t):
    address = fresh_address()
    for form, single in FORMS:
        with folder() as root:
            d = Daemon(root, rest=f"route * {{ via smtp {address}:{PORT}; }}", single=single)
            with d:
                t.equal(Smtp(d.address).message()[0], 250, f"{form}: mail for a hop that is down is taken")
                t.ok(d.wait_log("outcome=pending|outcome=deferred"), f"{form}: it is tried and waits", d.log())
            sink = Sink(address)
            with d:
                t.ok(wait_until(lambda: sink.messages, 15), f"{form}: after a restart it is delivered", d.log())
                time.sleep(0.3)
                t.equal(len(sink.messages), 1, f"{form}: once")
            sink.close()


def signs_through_the_keys_process(t):
    for form, single in FORMS:
        for kind in ("rsa", "ed25519"):
            sink = Sink()
            with folder() as root:
                public = make_key(root / "dkim.pem", kind)
                if IS_ROOT:
                    os.chown(root / "dkim.pem", 0, 0)
                rest = (f"key k {{ domain b.test; selector s; file {root}/dkim.pem; }} sign *@b.test k;"
                        f" route * {{ via smtp {sink.address}:{PORT}; }}")
                with Daemon(root, RELAY, rest, single=single) as d:
                    body = b"From: user1@b.test\r\nTo: x@b.test\r\nSubject: signed\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nhello\r\n"
                    t.equal(Smtp(d.address).message(body)[0], 250, f"{form}, {kind}: taken")
                    wait_until(lambda: sink.messages, 10)
                    data = sink.messages[0][2] if sink.messages else b""
                    t.ok(b"DKIM-Signature: v=1; a=%s-sha256;" % kind.encode() in data, f"{form}, {kind}: what is sent is signed", d.log())
                    t.ok(verifies(root, data, kind, public), f"{form}, {kind}: and hikyaku verify says pass", data)
            sink.close()


def verifies(root, data, kind, public):
    import base64
    text = base64.b64encode(public).decode()
    (root / "zone").write_text(f'$ORIGIN b.test.\n@ SOA a b 1 1 1 1 1\ns._domainkey TXT "v=DKIM1; k={kind}; p=" "{text[:200]}" "{text[200:]}"\n')
    (root / "mail.eml").write_bytes(data)
    done = subprocess.run([BUILD / "hikyaku", "verify", "--checks", "dkim", "--dns", root / "zone", root / "mail.eml"], capture_output=True, text=True)
    return "dkim=pass" in done.stdout


# ---- TLS -----------------------------------------------------------------------------------------------------------


def tls_daemon(root, **settings):
    make_certificate(root / "tls")
    listeners = ("listen mx { address %(address)s:%(port)d; reject-early-talkers off; starttls on;"
                 " certificate %(root)s/tls.crt; certificate-key %(root)s/tls.key; }")
    return Daemon(root, listeners, **settings)


def speaks_tls(t):
    for form, single in FORMS:
        with folder() as root, tls_daemon(root, single=single) as d:
            client = Smtp(d.address)
            t.ok("STARTTLS" in client.command("EHLO a.test")[1], f"{form}: STARTTLS is offered")
            client.starttls()
            t.ok(client.socket.version() in ("TLSv1.2", "TLSv1.3"), f"{form}: TLS 1.2 or newer", client.socket.version())
            big = b"Subject: over TLS\r\n\r\n" + b"y" * 70 * 10000 + b"\r\n"
            big = re.sub(rb"(y{70})(?=y)", rb"\1\r\n", big)
            t.equal(client.message(big)[0], 250, f"{form}: a large message over TLS is taken")
            stored = d.wait_mail()
            t.ok(stored and b"with ESMTPS id" in stored[0], f"{form}: Received says ESMTPS (S0-025)", stored and stored[0][:400])
            t.ok(stored and stored[0].replace(b"\r\n", b"\n").endswith(big.replace(b"\r\n", b"\n")), f"{form}: and it is whole")
            client.command("QUIT")


def drops_what_was_glued_to_starttls(t):
    """CVE-2011-0411 and its kin, in one write and in two."""
    for pause in (0, 0.2):
        with folder() as root, tls_daemon(root) as d:
            client = Smtp(d.address)
            client.command("EHLO a.test")
            client.send("STARTTLS\r\n" if pause else "STARTTLS\r\nMAIL FROM:<evil@a.test>\r\n")
            if pause:
                time.sleep(pause)
                client.send("MAIL FROM:<evil@a.test>\r\n")
            t.equal(client.reply()[0], 220, "the server is ready for TLS")
            client.buffer = b""
            answered = True
            try:
                import ssl
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                client.socket = context.wrap_socket(client.socket)
                answered = client.command("RCPT TO:<user1@b.test>")[0] == 250
            except (ssl.SSLError, OSError, EOFError):
                answered = False  # the clear text met the handshake
            t.ok(not answered, f"no command in clear text behind STARTTLS is obeyed (in {'two writes' if pause else 'one write'})")


def relays_over_tls(t):
    """S0-035: opportunistic, an unverified certificate will do."""
    with folder() as one, folder() as two, tls_daemon(one) as d:
        with Daemon(two, rest=f"route * {{ via smtp {d.address}:{PORT}; }}") as front:
            t.equal(Smtp(front.address).message()[0], 250, "the first host takes it")
            stored = d.wait_mail()
            t.ok(stored and stored[0].count(b"with ESMTPS id") == 1, "the second one got it over TLS", stored)


# ---- peers that misbehave ---------------------------------------------------------------------------------------------


def memory_kib(pid):
    return int(status_of(pid, "VmRSS")[0])


def a_client_that_never_reads_costs_nothing(t):
    with folder() as root, Daemon(root) as d:
        pid = d.process.pid
        polite = Smtp(d.address)
        t.equal(polite.message()[0], 250, "a polite client is served")
        before = memory_kib(pid)
        deaf = [socket.create_connection((d.address, PORT)) for _ in range(20)]
        for s in deaf:
            s.setblocking(False)
        sent = 0
        until = time.monotonic() + 2 * SLOW
        while time.monotonic() < until:
            for s in deaf:
                try:
                    sent += s.send(b"EHLO a.test\r\n" * 4000)
                except (BlockingIOError, ConnectionError):
                    pass
        t.ok(sent > 1 << 20, "20 deaf clients sent what the kernel took", sent)
        t.ok(memory_kib(pid) - before < 8192 * max(1, SLOW), "memory did not grow with it", f"{before} KiB, then {memory_kib(pid)}")
        t.equal(polite.message(helo=None)[0], 250, "the polite client is served all the same")
        for s in deaf:
            s.close()


def a_dead_name_server_does_not_hold_mail_up(t):
    dns = Dns({}, silent=["*"])
    with folder() as root:
        listeners = "listen mx { address %(address)s:%(port)d; reject-early-talkers off; checks spf dkim dmarc; }"
        with Daemon(root, listeners, resolver=dns.where, resolver_timeout="1s") as d:
            began = time.monotonic()
            reply = Smtp(d.address, timeout=60).message(b"From: u@a.test\r\nSubject: x\r\n\r\nhi\r\n")
            t.equal(reply[0], 250, "a message is answered although no question is")
            t.ok(time.monotonic() - began < 20 * SLOW, "in bounded time", time.monotonic() - began)
            stored = d.wait_mail()
            t.ok(stored and b"spf=temperror" in stored[0] and b"(unknown [127.0.0.1])" in stored[0], "with temperror, never fail", stored)
    dns.close()


def many_connections_that_say_nothing(t):
    with folder() as root, Daemon(root) as d:
        quiet = [socket.create_connection((d.address, PORT)) for _ in range(500)]
        t.equal(Smtp(d.address).message()[0], 250, "500 silent connections do not keep others out")
        t.ok(memory_kib(d.process.pid) < 200000 * max(1, SLOW), "nor cost much", memory_kib(d.process.pid))
        for s in quiet:
            s.close()


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
            (root / "tls.key").write_text("no key")
            d.reload()
            t.ok(d.wait_log("ev=reload ok=0"), f"{form}: files that hold no key are refused", d.log())
            t.ok(certificate_of(d.address) != first, f"{form}: and what was served is served on")


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


def is_running(pid):
    try:
        return status_of(pid, "State")[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def a_second_daemon_is_refused(t):
    for form, single in FORMS:
        with folder() as root, Daemon(root, single=single) as d:
            other = Daemon(root, single=single)
            other.log_path = root / "log2"
            other.start(wait=False)
            t.equal(other.process.wait(20 * SLOW), 1, f"{form}: a second daemon on the same spool ends")
            t.ok("another hikyakud uses it" in other.log(), f"{form}: and says why", other.log())
            t.equal(Smtp(d.address).message()[0], 250, f"{form}: the first one does not care")


def errors_at_the_start_are_told(t):
    with folder() as root:
        d = Daemon(root, single=False)
        good = d.conf_text()
        busy = socket.create_server((d.address, PORT))
        cases = [
            (good, "Address already in use"),
            (good.replace("hostname", "hostnam"), r"hikyakud\.conf:1:1: .*hostname"),
            (good.replace("via maildir", "via maildr"), r"hikyakud\.conf:\d+:\d+: "),
            (good + "key k { domain b.test; selector s; file /nowhere/key.pem; }", "/nowhere/key.pem: No such file"),
            (good.replace("JST-9", "Asia/Nowhere"), "no such zone"),
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


# ---- disk ---------------------------------------------------------------------------------------------------------------------


def a_full_disk_is_452(t):
    title = "a full disk"
    if not IS_ROOT:
        t.skip(title, "needs root for a small file system")
        return
    with folder() as root:
        (root / "small").mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "none", root / "small"], capture_output=True).returncode:
            t.skip(title, "cannot mount here")
            return
        try:
            fill_the_disk(t, root)
        finally:
            subprocess.run(["umount", "-l", root / "small"], check=False)


def fill_the_disk(t, root):
    address = fresh_address()  # nobody listens there: everything stays in the queue
    with Daemon(root, rest=f"route * {{ via smtp {address}:{PORT}; }}", spool=f"{root}/small/spool", retry="1h") as d:
        line = b"z" * 76 + b"\r\n"
        body = b"Subject: fill\r\n\r\n" + line * (4 * 1024 * 1024 // len(line))
        client, codes, texts = Smtp(d.address), [], []
        for number in range(60):
            code, text = client.message(body, helo=None if number else "EHLO a.test")
            codes.append(code)
            texts.append(text)
            if code != 250:
                break
        t.ok(codes[0] == 250 and codes[-1] == 452 and "4.3.1" in texts[-1], "when the disk is full the answer is 452 4.3.1", (codes, texts[-1]))
        t.ok(d.process.poll() is None, "and the daemon lives")
        accepted = codes.count(250)
        sink = Sink(address)
        d.stop()
        d.settings["retry"] = "1s"
        d.write_conf()
        d.start()
        t.ok(wait_until(lambda: len(sink.messages) >= accepted, 60), "all that was accepted is delivered after a restart",
             (len(sink.messages), accepted, d.log()[-2000:]))
        t.ok(wait_until(lambda: Smtp(d.address).message(body)[0] == 250, 10, 0.5), "and mail is taken again", d.log()[-1000:])
        sink.close()


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
    the_command_line, receives_and_stores, serves_ipv6, takes_long_bodies, serves_many_at_once, takes_a_pipelined_burst_in_one_write,
    relays_by_mx, a_queue_survives_a_restart, signs_through_the_keys_process, speaks_tls, drops_what_was_glued_to_starttls, relays_over_tls,
    a_client_that_never_reads_costs_nothing, a_dead_name_server_does_not_hold_mail_up, many_connections_that_say_nothing, reloads,
    a_reload_brings_certificates_and_keys, stops_gracefully, processes_hold_what_the_table_says, roles_that_die_are_started_again,
    nobody_is_left_when_the_supervisor_is_killed, a_second_daemon_is_refused, errors_at_the_start_are_told, tells_the_service_manager,
    goes_to_the_background, a_full_disk_is_452,
]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

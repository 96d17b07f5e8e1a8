# SPDX-License-Identifier: MIT
"""The daemon as a black box: raw SMTP in, Maildirs and a next hop out, bad peers, dead servers, a full disk. TAP.

usage: daemon_test.py [CASE...]"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import (  # noqa: E402
    BUILD, Daemon, Dns, folder, FORMS, fresh_address, IS_ROOT, make_key, PORT, queue_id, RELAY, run_cases, Sink,
    SLOW, Smtp, status_of, Tap, tls_daemon, wait_until)


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
        ids = d.wait_log(r"qid=(\w+) ev=accept", count=200)
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


def a_disk_that_gets_full_says_so_in_time(t):
    """R5: 452 at MAIL by SIZE, then for all mail, and within five seconds no more when there is space; deliveries go on."""
    title = "a disk that gets full"
    if not IS_ROOT:
        t.skip(title, "needs root for a small file system")
        return
    with folder() as root:
        (root / "small").mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m,mode=755", "none", root / "small"], capture_output=True).returncode:
            t.skip(title, "cannot mount here")
            return
        try:
            watch_the_space(t, root)
        finally:
            subprocess.run(["umount", "-l", root / "small"], check=False)


def watch_the_space(t, root):
    filler = root / "small" / "filler"

    def fill(free_mib):
        """Until so much is free."""
        stat = os.statvfs(root / "small")
        with open(filler, "ab") as file:
            file.write(bytes(max(0, stat.f_bavail * stat.f_frsize - free_mib * 1024 * 1024)))

    def mail(size=None):
        with Smtp(d.address) as c:
            c.command("EHLO a.test")
            return c.command("MAIL FROM:<u@a.test>" + (f" SIZE={size}" if size else ""))

    with Daemon(root, spool=f"{root}/small/spool") as d:
        t.equal((mail(49000000)[0], mail()[0]), (250, 250), "with space, mail of any size is taken")
        fill(60)  # 32 are never for mail
        t.ok(wait_until(lambda: mail(49000000)[0] == 452, 10), "less than the SIZE is free: 452 at MAIL", d.log()[-500:])
        t.ok("4.3.1" in mail(49000000)[1] and mail(1000000)[0] == 250 and mail()[0] == 250, "and what fits is taken")
        with Smtp(d.address) as c:
            t.equal(c.message()[0], 250, "and stored")
        fill(20)
        t.ok(wait_until(lambda: mail()[0] == 452, 10), "with less than 32 MiB no mail is taken", d.log()[-500:])
        t.ok(len(d.wait_mail()) == 1, "what was taken is delivered")
        filler.unlink()
        began = time.monotonic()
        t.ok(wait_until(lambda: mail(49000000)[0] == 250, 10, 0.1), "space comes back, and so does mail", d.log()[-500:])
        took = time.monotonic() - began
        t.ok(took < 5 * SLOW, f"within five seconds ({took:.1f})")
        with Smtp(d.address) as c:
            t.equal(c.message()[0], 250, "as before")


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


def failing_syncs_lose_nothing(t):
    """fdatasync says EIO for a while (security.md R4): 451 or 452 for what was in the batch, never a 250 that is not kept."""
    if not shutil.which("strace"):
        t.skip("failing syncs", "needs strace")
        return
    with folder() as root:
        d = Daemon(root)
        plain = d.command()
        # per thread: the owner's own syncs
        d.command = lambda: ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=6..40+3"] + plain
        try:
            d.start()
        except RuntimeError as error:
            t.skip("failing syncs", f"strace cannot trace here: {error}"[:100])
            return
        codes, accepted = [], []
        client = Smtp(d.address)
        for number in range(60):
            reply = client.message(b"Subject: x\r\nX-Number: %d\r\n\r\nhi\r\n" % number, helo=None if number else "EHLO a.test")
            codes.append(reply[0])
            if reply[0] == 250:
                accepted.append(number)
            else:
                time.sleep(0.1)
        t.ok(set(codes) <= {250, 451, 452} and len(set(codes)) > 1, "some are refused with 451 or 452, and only so", codes)
        t.equal(codes[-1], 250, "and when syncs work again mail is taken again")
        os.kill(d.pids()["supervisor"], signal.SIGKILL)  # the traced one; strace ends with it
        d.process.wait(10 * SLOW)
        d.command = lambda: plain
        with d:
            def numbers():
                return {int(n) for path in d.files() for n in re.findall(rb"X-Number: (\d+)", path.read_bytes())}
            t.ok(wait_until(lambda: numbers() >= set(accepted), 20), "all that got 250 is delivered", (sorted(set(accepted) - numbers()), d.log()))



CASES = [
    receives_and_stores, serves_ipv6, takes_long_bodies, serves_many_at_once, takes_a_pipelined_burst_in_one_write, relays_by_mx,
    a_queue_survives_a_restart, signs_through_the_keys_process, speaks_tls, drops_what_was_glued_to_starttls, relays_over_tls,
    a_client_that_never_reads_costs_nothing, a_dead_name_server_does_not_hold_mail_up, many_connections_that_say_nothing,
    a_full_disk_is_452, a_disk_that_gets_full_says_so_in_time, failing_syncs_lose_nothing,
]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

# SPDX-License-Identifier: MIT
"""dist/example-mx.conf as it stands: 'hikyakud --single --config dist/example-mx.conf' by an ordinary user. TAP.

It runs in a network and a /tmp of its own, so that the ports and paths that the file names are free."""

import base64
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from harness import BUILD, SLOW, Dns, Smtp, Tap, enter_namespaces, hikyaku, make_key, prepare_namespaces, run_cases, wait_until

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "dist/example-mx.conf"
STATE = Path("/tmp/hikyaku-mx")
MAIL = STATE / "mail/example.com"
USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
MESSAGE = b"From: u@a.test\r\nTo: you@example.com\r\nSubject: example\r\nDate: Thu, 26 Nov 2026 09:00:00 +0900\r\n\r\nHello\r\n.dot\r\n"


def prepare(records):
    """A name server of ours as the system's; gives the name server."""
    prepare_namespaces()
    dns = Dns(records, port=53)
    Path("/tmp/resolv.conf").write_text(f"nameserver {dns.address}\n")
    Path("/tmp/resolv.conf").chmod(0o644)
    subprocess.run(["mount", "--bind", "/tmp/resolv.conf", os.path.realpath("/etc/resolv.conf")], check=True)
    return dns


class Mx:
    def __init__(self, prefix):
        self.log = open("/tmp/log", "a+b")
        self.process = subprocess.Popen([*prefix, str(BUILD / "hikyakud"), "--single", "--config", str(CONF)], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, cwd=ROOT)

    def text(self):
        return Path("/tmp/log").read_text(errors="replace")

    def __enter__(self):
        wait_until(lambda: "ev=ready" in self.text() or self.process.poll() is not None, 20)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.status = self.process.wait(20 * SLOW)
        self.log.close()


def stored(name):
    folder = MAIL / name / "new"
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def field_of(mail, name):
    found = re.search(rb"(?im)^" + name + rb":((?:.*\n)(?:[ \t].*\n)*)", mail.replace(b"\r\n", b"\n"))
    return b" ".join(found[1].split()).decode() if found else ""


def an_ordinary_user_runs_it(t, records):
    key = Path("/tmp/key.pem")
    records[("s._domainkey.a.test", "TXT")] = ["v=DKIM1; k=ed25519; p=" + base64.b64encode(make_key(key, "ed25519")).decode()]
    Path("/tmp/plain.eml").write_bytes(MESSAGE)
    signed = hikyaku("sign", "--key", key, "--domain", "a.test", "--selector", "s", "/tmp/plain.eml")[1]
    with Mx(USER) as mx:
        t.ok("ev=ready" in mx.text() and mx.process.poll() is None, "an ordinary user starts it, and it stays in the foreground", mx.text())
        client = Smtp("127.0.0.1")
        t.equal(client.banner, (220, "mx.example.com ESMTP Hikyaku"), "it answers on 127.0.0.1 port 2525")
        reply = client.message(signed, rcpts=["you@example.com"], mail_from="u@a.test", helo="EHLO mail.a.test")
        t.equal(reply[0], 250, "it takes mail for example.com")
        client.command("RSET")
        client.command("MAIL FROM:<u@a.test>")
        t.equal(client.command("RCPT TO:<u@elsewhere.test>")[0], 550, "and for no other domain: it is no open relay")
        wait_until(lambda: stored("you"), 10)
        mail = (stored("you") + [b""])[0]
        t.ok(mail.replace(b"\r\n", b"\n").endswith(MESSAGE.replace(b"\r\n", b"\n")[-12:]), "the mail is in the Maildir that the file names", mail)
        results = field_of(mail, b"Authentication-Results")
        for word in ("mx.example.com", "spf=pass", "dkim=pass", "dmarc=pass"):
            t.ok(word in results, f"its Authentication-Results says {word}", results, mx.text()[-3000:])
        t.ok(mx.process.poll() is None, "it is the process that was started")
    t.equal(mx.status, 0, "SIGTERM ends it with status 0")


def root_runs_it_as_nobody(t, records):
    title = "root starts it, and it becomes nobody"
    if Path("/proc/self/uid_map").read_text().split()[2] == "1":
        t.skip(title, "we are not root")
        return
    subprocess.run(["rm", "-r", str(STATE), "/tmp/log"], check=True)
    with Mx([]) as mx:
        uid = re.findall(r"(?m)^Uid:\s+(\d+)", Path(f"/proc/{mx.process.pid}/status").read_text())
        t.equal(uid, ["65534"], title)
        reply = Smtp("127.0.0.1").message(MESSAGE, rcpts=["you@example.com"], mail_from="u@a.test", helo="EHLO mail.a.test")
        t.ok(reply[0] == 250, "and takes mail for example.com", reply, mx.text())
        t.ok(wait_until(lambda: stored("you"), 10), "which lies in the same Maildir")


def main():
    tap = Tap()
    why = "this checkout lies in /tmp, which the test replaces" if ROOT.is_relative_to("/tmp") else enter_namespaces([*USER, "true"])
    if why:
        tap.skip("dist/example-mx.conf runs as it stands", why)
        return tap.end()
    records = {("a.test", "TXT"): ["v=spf1 ip4:127.0.0.1 -all"], ("_dmarc.a.test", "TXT"): ["v=DMARC1; p=reject"],
               ("mail.a.test", "A"): ["127.0.0.1"]}
    dns = prepare(records)

    def case(function):
        def run(t):
            function(t, records)
        run.__name__ = function.__name__
        return run
    status = run_cases([case(an_ordinary_user_runs_it), case(root_runs_it_as_nobody)], tap)
    dns.close()
    return status


if __name__ == "__main__":
    sys.exit(main())

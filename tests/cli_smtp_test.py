# SPDX-License-Identifier: MIT
"""`hikyaku smtp` against our own server, and against servers that no program should meet. TAP.

usage: cli_smtp_test.py [CASE...]"""

import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import time

from harness import BUILD, PORT, SLOW, Daemon, Tap, folder, fresh_address, hikyaku, make_certificate, run_cases, tls_daemon
from schemas import faults, schema

MESSAGE = "From: a@a.test\nTo: user1@b.test\nSubject: x\n\n.dot\n..\n.\nend\n"


def smtp(*arguments, given=b""):
    status, out, err = hikyaku("smtp", *arguments, given=given)
    return status, out.decode(), err


def server(address):
    return ["--server", address, "--port", PORT, "--helo", "me.test", "--mail-from", "a@a.test"]


class Script:
    """A server that says given bytes whatever it hears, then closes."""

    def __init__(self, *says, hold=0.0):
        self.address, self.says, self.hold, self.heard = fresh_address(), says, hold, b""
        self.listener = socket.create_server((self.address, PORT))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection:
            try:
                for number, text in enumerate(self.says):
                    if number:
                        self.heard += connection.recv(65536)
                    connection.sendall(text)
                time.sleep(self.hold)
            except OSError:
                pass  # it has left already


def a_message_goes_and_is_shown(t):
    with folder() as root, tls_daemon(root) as d:
        (root / "x.eml").write_text(MESSAGE)
        status, out, err = smtp(*server(d.address), "--rcpt", "user1@b.test", "--data", root / "x.eml")
        t.equal((status, err), (0, ""), "a message that is taken: status 0")
        lines = out.splitlines()
        for wanted in ("<-  220 mx.b.test ESMTP Hikyaku", " -> EHLO me.test", " -> MAIL FROM:<a@a.test> SIZE=", " -> RCPT TO:<user1@b.test>",
                       "<-  354 ", " -> ..dot", " -> ...", " -> QUIT", "<-  221 "):
            t.ok(any(line.startswith(wanted) for line in lines), f"the transcript has \"{wanted}\"", out)
        stored = d.wait_mail()
        t.ok(stored and stored[0].endswith(MESSAGE.encode()), "it arrives as it was, with dots and all", stored)
        status, out, _ = smtp(*server(d.address), "--rcpt", "user2@b.test", "--subject", "made here", "--tls", "starttls")
        t.ok(status == 0 and d.wait_mail("user2") and b"Subject: made here" in d.wait_mail("user2")[0], "a message is made where none is given", out)
        t.ok(" ~> MAIL FROM" in out and " -> MAIL" not in out and re.search(r"^=== TLS started: TLSv1\.3 ", out, re.M), "under TLS, with its details", out)
        digest = subprocess.run(["openssl", "x509", "-in", f"{root}/tls.crt", "-outform", "DER"], capture_output=True, check=True).stdout
        t.ok(hashlib.sha256(digest).hexdigest() in out, "the certificate's digest is the one openssl gives", out)


def refusals_have_their_status(t):
    with folder() as root, tls_daemon(root) as d:
        status, out, _ = smtp(*server(d.address), "--rcpt", "u@elsewhere.test")
        t.ok(status == 1 and re.search(r"^<\*\* 550 5\.7\.1", out, re.M), "a recipient that is refused: status 1, marked", out)
        t.ok("=== What it means: hikyaku explain relay-denied\n" in out, "and what tells more about it is named", out)
        status, out, _ = smtp(*server(d.address), "--rcpt", "u@elsewhere.test", "--rcpt", "user1@b.test", "--json")
        value = json.loads(out)
        t.equal((status, [r["code"] for r in value["recipients"]]), (1, [550, 250]), "each recipient has its code")
        wrong = faults(schema("smtp"), value)
        t.ok(not wrong, "the output is as docs/schema/smtp.json", *wrong)
        status, out, _ = smtp(*server(d.address), "--tls", "starttls", "--tls-verify", "--tls-name", "mx.b.test")
        t.ok(status == 1 and "not trusted" in out and "EHLO" not in out.split("TLS started")[1], "an unknown certificate ends it with --tls-verify", out)
        status, out, _ = smtp(*server(d.address), "--tls", "starttls", "--tls-verify", "--tls-name", "mx.b.test", "--tls-ca", f"{root}/tls.crt")
        t.ok(status == 0 and "for mx.b.test: trusted" in out, "one that is known does not", out)
        status, out, _ = smtp(*server(d.address), "--tls", "starttls", "--tls-verify", "--tls-name", "other.test", "--tls-ca", f"{root}/tls.crt")
        t.ok(status == 1 and "another name" in out, "nor does it do for another name", out)
    status, out, _ = smtp(*server(fresh_address()), "--rcpt", "u@b.test")
    t.ok(status == 3 and "Connection refused" in out, "nobody there: status 3", out)


def usage_is_checked(t):
    for arguments in ([], ["--nonsense"], ["--server"], ["word"], ["--server", "x", "--data", "f"], ["--server", "x", "--tls", "maybe"],
                      ["--server", "x", "--lmtp"], ["--server", "x", "--user", "u"], ["--server", "x", "--timeout", "0"],
                      ["--server", "x", "--rcpt", "u@b.test", "--data", "/nowhere"], ["--server", "x", "--auth", "NTLM"]):
        status, out, err = smtp(*arguments)
        t.ok(status == 2 and err and not out, f"{' '.join(arguments) or 'nothing'} is an error of usage", out, err)
    status, out, _ = smtp("--help")
    t.ok(status == 0 and "--send-raw" in out, "--help lists the options")


def it_stops_where_it_is_told(t):
    with folder() as root, tls_daemon(root) as d:
        for stage, last, never in (("banner", "<-  220", "EHLO"), ("helo", "<-  250", "STARTTLS\n"), ("tls", "<~  250", "MAIL"), ("mail", "MAIL FROM", "RCPT"),
                                   ("rcpt", "RCPT TO", "DATA")):
            status, out, _ = smtp(*server(d.address), "--rcpt", "user1@b.test", "--tls", "starttls", "--quit-after", stage)
            said = "".join(line + "\n" for line in out.splitlines() if line[:3] in (" ->", " ~>"))
            t.ok(status == 0 and last in out and never not in said and "QUIT" in said, f"--quit-after {stage}", out)
        t.equal(d.files(), [], "and no message is left")


def raw_commands_go_as_they_are(t):
    with folder() as root, Daemon(root) as d:
        status, out, _ = smtp(*server(d.address), "--send-raw", "NOOP", "--send-raw", r"NO\x4fP\0", "--send-raw", r"A\nB")
        t.ok(status == 1 and " -> NOOP\n" in out and r" -> NOOP\x00" in out and "A NUL stands" in out and "A bare LF stands" in out, "bytes that no client sends", out)


def parameters_and_extensions(t):
    fake = Script(b"220 x\r\n", b"250-x\r\n250-DSN\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n", b"250 a\r\n", b"250 b\r\n", b"354 c\r\n", b"250 d\r\n", b"221 e\r\n")
    status, _, _ = smtp(*server(fake.address), "--rcpt", "川@b.test", "--smtputf8", "--notify", "success,delay", "--ret", "hdrs", "--envid", "a+b", "--orcpt",
                        "rfc822;x@b.test", "--mail-params", "X-A=1", "--rcpt-params", "X-B=2")
    heard = fake.heard.decode()
    t.equal(status, 0, "a server with DSN and SMTPUTF8 takes it")
    t.ok("MAIL FROM:<a@a.test> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb X-A=1\r\n" in heard, "MAIL has its parameters", heard)
    t.ok("RCPT TO:<川@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x@b.test X-B=2\r\n" in heard, "and RCPT", heard)
    fake = Script(b"220 x\r\n", b"250 x\r\n", b"221 e\r\n")
    status, out, _ = smtp(*server(fake.address), "--rcpt", "u@b.test", "--smtputf8")
    t.ok(status == 1 and "550 5.6.7" in out, "SMTPUTF8 that is not offered is told, not tried", out)


def transactions_go_on(t):
    """S3-032"""
    with folder() as root:
        (root / "m").write_bytes(b"Subject: x\r\n\r\none\r\ntwo\r\n")
        fake = Script(b"220 x\r\n", b"250-x\r\n250 CHECKPOINT\r\n", b"355 19 is the transaction offset\r\n", b"354 c\r\n", b"250 d\r\n", b"221 e\r\n")
        status, out, _ = smtp(*server(fake.address), "--rcpt", "u@b.test", "--data", f"{root}/m", "--transid", "1.a@me.test")
        t.ok(status == 0 and b" TRANSID=<1.a@me.test>\r\nDATA\r\ntwo\r\n.\r\n" in fake.heard, "with an id a transaction goes on where it stood", out, fake.heard)
        fake = Script(b"220 x\r\n", b"250 x\r\n", b"250 a\r\n", b"250 b\r\n", b"354 c\r\n", b"250 d\r\n", b"221 e\r\n")
        status, out, _ = smtp(*server(fake.address), "--rcpt", "u@b.test", "--data", f"{root}/m", "--transid", "1.a@me.test")
        t.ok(status == 0 and b"TRANSID" not in fake.heard, "where it is not offered none is said", out)


def passwords_are_not_shown(t):
    for mechanism, says in (("PLAIN", [b"235 ok\r\n"]), ("LOGIN", [b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 ok\r\n"])):
        fake = Script(b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN LOGIN\r\n", *says, b"221 e\r\n")
        status, out, _ = smtp(*server(fake.address), "--auth", mechanism, "--user", "user", "--password", "secret", "--auth-in-clear")
        hidden = "c2VjcmV0" not in out and "AHVzZXIAc2VjcmV0" not in out and "secret" not in out
        t.ok(status == 0 and hidden and f"AUTH {mechanism}" in out, f"AUTH {mechanism}: no password in the transcript", out)
        t.ok(b"AHVzZXIAc2VjcmV0" in fake.heard or b"c2VjcmV0\r\n" in fake.heard, "but the server got it", fake.heard)
    fake = Script(b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN LOGIN\r\n", b"221 e\r\n")
    status, out, _ = smtp(*server(fake.address), "--user", "user", "--password", "secret")
    t.ok(status == 1 and b"AUTH" not in fake.heard and "538 5.7.11" in out, "and none goes in clear", out)
    fake = Script(b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"535 5.7.8 no\r\n", b"221 e\r\n")
    t.equal(smtp(*server(fake.address), "--user", "user", "--password", "bad", "--auth-in-clear")[0], 1, "a wrong password: status 1")
    fake = Script(b"220 x\r\n", b"250-x\r\n250 AUTH PLAIN SCRAM-SHA-256\r\n", b"235 ok\r\n", b"221 e\r\n")
    status, out, _ = smtp(*server(fake.address), "--user", "user", "--password", "secret", "--auth-in-clear")
    t.ok(status == 1 and "AUTH SCRAM-SHA-256" in out and "535 5.7.8 The server did not prove" in out, "SCRAM comes first, and the server has to prove itself", out)
    fake = Script(b"220 x\r\n", b"250-x\r\n250 AUTH SCRAM-SHA-256\r\n", b"334 cj1ub3QtbWluZSxzPUFBQUEsaT00MDk2\r\n", b"501 cancelled\r\n", b"221 e\r\n")
    status, out, _ = smtp(*server(fake.address), "--user", "user", "--password", "secret", "--auth-in-clear")
    t.ok(status == 1 and fake.heard.count(b"\r\n*\r\n") == 1, "a nonce that is not ours is not answered", out, fake.heard)


def hostile_servers_are_bounded(t):
    rows = {
        "100 KB in one line": (b"220 " + b"x" * 100_000 + b"\r\n", "Malformed reply"),
        "a reply without end": (b"220-x\r\n" * 20_000, "Malformed reply"),
        "different codes in one reply": (b"220-x\r\n250 x\r\n", "Malformed reply"),
        "no code": (b"hello\r\n", "Malformed reply"),
        "a bare LF": (b"220 x\n220 y\r\n", "Malformed reply"),
        "a NUL": (b"220 x\0y\r\n", "Malformed reply"),
        "nothing at all": (b"", "closed the connection"),
        "421": (b"421 4.3.2 not now\r\n", "421 4.3.2"),
        "escape sequences": (b"554 \x1b]0;title\x07\r\n", r"\x1b]0;title\x07"),
    }
    for name, (says, wanted) in rows.items():
        fake = Script(says)
        began = time.monotonic()
        status, out, err = smtp(*server(fake.address), "--rcpt", "u@b.test", "--timeout", "5")
        t.ok(status in (1, 3) and wanted.lower() in out.lower() and "\x1b" not in out and time.monotonic() - began < 10 * SLOW, f"{name}: told and over", out[-600:], err)
        t.ok(len(out) < 200_000, f"{name}: what is printed is bounded", len(out))


def silence_is_not_waited_for_longer_than_told(t):
    fake = Script(b"220 x\r\n", hold=20)
    began = time.monotonic()
    status, out, _ = smtp(*server(fake.address), "--timeout", "1")
    t.ok(status == 3 and time.monotonic() - began < 8 * SLOW and "Nothing came for 1 seconds" in out, "--timeout 1", out)


def the_mx_is_found(t):
    with folder() as root, Daemon(root) as d:
        rows = ["b.test. MX 20 mx.b.test.", "b.test. MX 10 gone.b.test.", f"mx.b.test. A {d.address}", f"gone.b.test. A {fresh_address()}", "null.test. MX 0 .",
                f"bare.test. A {d.address}"]
        (root / "zone").write_text("\n".join(rows) + "\n")
        common = ["--dns", root / "zone", "--port", PORT, "--helo", "me.test", "--mail-from", "a@a.test"]
        status, out, _ = smtp(*common, "--rcpt", "user1@b.test")
        t.ok(status == 0 and out.index("MX 10 gone.b.test") < out.index("MX 20 mx.b.test") and len(d.wait_mail()) == 1, "the best MX first, then the next (RFC 5321 5.1)", out)
        status, out, _ = smtp(*common, "--rcpt", "u@null.test")
        t.ok(status == 1 and "556 5.1.10" in out and "Trying" not in out, "a null MX is not tried (RFC 7505)", out)
        status, out, _ = smtp(*common, "--rcpt", "u@bare.test")
        t.ok(status == 1 and "No MX record" in out and f"Connected to {d.address}" in out, "without an MX the domain itself", out)
        status, out, _ = smtp(*common, "--rcpt", "u@nowhere.test")
        t.ok(status == 3 and "has no address" in out, "nobody at all: status 3", out)


def unix_sockets_and_lmtp(t):
    with folder() as root:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(root / "lmtp"))
        listener.listen(1)
        heard = []

        def serve():
            connection, _ = listener.accept()
            with connection:
                for says in (b"220 x LMTP\r\n", b"250 x\r\n", b"250 a\r\n", b"250 b\r\n", b"550 no\r\n", b"250 c\r\n", b"354 d\r\n", b"250 e\r\n452 full\r\n", b"221 f\r\n"):
                    connection.sendall(says)
                    heard.append(connection.recv(65536))
        threading.Thread(target=serve, daemon=True).start()
        status, out, _ = smtp("--socket", root / "lmtp", "--lmtp", "--helo", "me.test", "--mail-from", "", "--rcpt", "p@b.test", "--rcpt", "q@b.test", "--rcpt",
                              "r@b.test", "--json")
        value = json.loads(out)
        t.equal((status, [r["code"] for r in value["recipients"]]), (1, [250, 550, 452]), "LMTP: each recipient has the code that is its own (S3-062)")
        t.ok(heard and heard[0] == b"LHLO me.test\r\n" and heard[1] == b"MAIL FROM:<>\r\n", "over a unix socket, with LHLO and the null sender", heard)


def a_device_is_named_under_tls_alone(t):
    """S4-120, S4-121: and only where that is offered."""
    with folder() as root:
        make_certificate(root / "tls")
        listener = ("listen mx { address %(address)s:%(port)d; reject-early-talkers off; starttls on; clientid on;"
                    " certificate %(root)s/tls.crt; certificate-key %(root)s/tls.key; }")
        with Daemon(root, listener) as d:
            for tls, said in (("starttls", True), ("off", False)):
                status, out, _ = smtp(*server(d.address), "--rcpt", "user1@b.test", "--tls", tls, "--clientid", "UUID 23bf83be")
                sent = re.findall(r"^ [-~]> (\S+ ?\S*)", out, re.M)
                where = sent.index("CLIENTID UUID") if "CLIENTID UUID" in sent else None
                t.ok(status == 0 and (where is not None) == said and (not said or where < sent.index("MAIL FROM:<a@a.test>")),
                     f"--tls {tls}: the device is {'named, before all else' if said else 'not named'}", out)
    for wrong in ("UUID", " x", "UUID ", "UUID a b", "UUID " + "x" * 129):
        t.equal(smtp("--server", "x", "--clientid", wrong)[0], 2, f"--clientid {wrong[:10]!r} is an error of usage")


CASES = [a_message_goes_and_is_shown, refusals_have_their_status, usage_is_checked, it_stops_where_it_is_told, raw_commands_go_as_they_are,
         parameters_and_extensions, transactions_go_on, passwords_are_not_shown, hostile_servers_are_bounded, silence_is_not_waited_for_longer_than_told, the_mx_is_found, unix_sockets_and_lmtp,
         a_device_is_named_under_tls_alone]

if __name__ == "__main__":
    assert BUILD.is_dir()
    sys.exit(run_cases(CASES, Tap()))

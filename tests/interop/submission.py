# SPDX-License-Identifier: MIT
"""Programs of others that authenticate to us (RFC 4954): clients, and Postfix and Exim that relay over us.

Two listeners, each under STARTTLS and under TLS from the first byte (RFC 8314): "file" knows the user one by our password file,
"dovecot" by Dovecot's auth socket."""

import base64
import hashlib
import hmac
import os
import subprocess

from harness import msmtp_scram
from wire import DOTS, PORT

USER, PASSWORD = "one", "secret"
SENDER = "one@ours.test"


def password_file(path):
    """As hikyaku users writes it, made by others: crypt(3)'s SHA-512 by openssl, SCRAM's keys (RFC 5803) by hashlib."""
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, 4096)
    client, server = (hmac.digest(salted, word, "sha256") for word in (b"Client Key", b"Server Key"))
    text = [base64.b64encode(part).decode() for part in (salt, hashlib.sha256(client).digest(), server)]
    path.write_text(f"{USER} {hashed} SCRAM-SHA-256$4096:{text[0]}${text[1]}:{text[2]}\n")
    path.chmod(0o644)


def swaks(client, address, is_implicit, mechanism, password, path, rcpt):
    return ["swaks", "--server", address, "--port", PORT, "--helo", "client.test", "--from", SENDER, "--to", rcpt, "--data", f"@{path}",
            "--tls-on-connect" if is_implicit else "--tls", "--auth", mechanism, "--auth-user", USER, "--auth-password", password]


def curl(client, address, is_implicit, mechanism, password, path, rcpt):
    return ["curl", "-sS", "--url", f"{'smtps' if is_implicit else 'smtp'}://{address}:{PORT}/client.test", "--mail-from", SENDER, "--mail-rcpt", rcpt,
            "--upload-file", path, "--ssl-reqd", "--insecure", "--user", f"{USER}:{password}", "--login-options", f"AUTH={mechanism}"]


def msmtp(client, address, is_implicit, mechanism, password, path, rcpt):
    return [client.tree / "usr/bin/msmtp", "--file=/dev/null", f"--host={address}", f"--port={PORT}", "--domain=client.test", f"--from={SENDER}", "--tls=on",
            f"--tls-starttls={'off' if is_implicit else 'on'}", "--tls-certcheck=off", f"--auth={mechanism.lower()}", f"--user={USER}",
            f"--passwordeval=echo {password}", rcpt]


def openssl(client, address, is_implicit, mechanism, password, path, rcpt):
    """Typed by hand."""
    return ["openssl", "s_client", "-quiet", "-crlf", "-ign_eof", "-connect", f"{address}:{PORT}", *([] if is_implicit else ["-starttls", "smtp", "-name", "client.test"])]


def typed(rcpt, password):
    proof = base64.b64encode(f"\0{USER}\0{password}".encode())
    lines = (b"EHLO client.test", b"AUTH PLAIN " + proof, f"MAIL FROM:<{SENDER}>".encode(), f"RCPT TO:<{rcpt}>".encode(), b"DATA",
             DOTS.replace(b"\r\n.", b"\r\n..").replace(b"\r\n", b"\n") + b".", b"QUIT")
    return b"".join(line + b"\n" for line in lines)


PROGRAMS = {"swaks": (swaks, ("PLAIN", "LOGIN")), "curl": (curl, ("PLAIN", "LOGIN")), "msmtp": (msmtp, ()),
            "openssl s_client": (openssl, ("PLAIN",))}


class Clients:
    def __init__(self, world, client):
        self.world, self.client, self.count = world, client, 0
        self.command, self.mechanisms = PROGRAMS[client.name]
        if self.command is msmtp:
            self.mechanisms = ("PLAIN", "LOGIN", msmtp_scram(client.tree / "usr/bin/msmtp", env=client.environment()))

    def run_once(self, listener, is_implicit, mechanism, password=PASSWORD):
        self.count += 1
        user = f"{self.client.package}auth{self.count}"
        path = self.world.root / "client.eml"
        path.write_bytes(self.client.as_file(DOTS))
        rcpt = f"{user}@ours.test"
        given = typed(rcpt, password) if self.command is openssl else DOTS
        command = self.command(self.client, self.world.submission[listener, is_implicit], is_implicit, mechanism, password, path, rcpt)
        done = subprocess.run([str(word) for word in command], input=given, capture_output=True, timeout=60, env=self.client.environment(), check=False)
        return done, user

    def taken(self, listener, is_implicit, mechanism):
        done, user = self.run_once(listener, is_implicit, mechanism)
        if done.returncode != 0:
            return "FAILED", f"exit {done.returncode}: {done.stdout[-1500:]!r} {done.stderr[-1500:]!r}"
        return by_user(self.world, user)

    def refused(self):
        done, user = self.run_once("file", False, self.mechanisms[-1], "wrong")
        failed = b"535 5.7.8" in done.stdout + done.stderr if self.command is openssl else done.returncode != 0
        good = failed and not self.world.daemon.files(user)
        return good or ("FAILED", f"exit {done.returncode}: {done.stdout[-1500:]!r} {done.stderr[-1500:]!r}")

    def run(self):
        def add(feature, check):
            self.world.case(self.client.name, self.client.version, "to us", feature, check)
        for mechanism in self.mechanisms:
            add(f"AUTH {mechanism}, STARTTLS", lambda m=mechanism: self.taken("file", False, m))
            add(f"AUTH {mechanism}, TLS from the first byte", lambda m=mechanism: self.taken("file", True, m))
        for_dovecot = next(m for m in reversed(self.mechanisms) if not m.endswith("-PLUS"))  # which is told nothing of the channel
        add(f"AUTH {for_dovecot}, Dovecot's users", lambda: self.taken("dovecot", False, for_dovecot))
        add(f"AUTH {self.mechanisms[-1]}, a wrong password", self.refused)


def by_user(world, user):
    """It arrived, and says that it came by TLS from somebody who said who he is (RFC 3848)."""
    result = world.arrived_here(user, DOTS)
    if result is not True:
        return result
    return b"with ESMTPSA" in world.latest, repr(world.latest[:500]) if b"with ESMTPSA" not in world.latest else ""


class Servers:
    """Postfix and Exim as clients of our submission: what is for WORD.auth.test goes there in the way of WORD."""

    features = {"Postfix": {"plain": "AUTH PLAIN, STARTTLS", "login": "AUTH LOGIN, STARTTLS", "scram": "AUTH SCRAM-SHA-256, STARTTLS",
                            "implicit": "AUTH PLAIN, TLS from the first byte", "dovecot": "AUTH SCRAM-SHA-256, Dovecot's users"},
                "Exim": {"plain": "AUTH PLAIN, STARTTLS", "implicit": "AUTH LOGIN, TLS from the first byte"}}

    def __init__(self, world, peer, inject):
        self.world, self.peer, self.inject = world, peer, inject

    def sent(self, word):
        user = f"{self.peer.name.lower()}{word}"
        self.inject(self.peer.address, DOTS, [f"{user}@{word}.auth.test"], mail_from=SENDER)
        result = by_user(self.world, user)
        return result if result is True or result[0] != "FAILED" else ("FAILED", f"{result[1]} {self.peer.log()[-1500:]}")

    def run(self):
        for word, feature in self.features[self.peer.name].items():
            self.world.case(self.peer.name, self.peer.version, "to us", feature, lambda w=word: self.sent(w))

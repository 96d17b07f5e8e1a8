# SPDX-License-Identifier: MIT
"""Clients of others that send to us: swaks, curl, msmtp, openssl s_client."""

import os
import re
import shutil
import subprocess

import packages
import submission
from wire import DOTS, EIGHT, PLAIN, PORT


class Client:
    """How a program sends the message in the file `path` to user@ours.test by the recorder, or why it cannot."""
    name = package = ""
    also = ()

    def __init__(self, world):
        self.world, self.count = world, 0
        self.address = world.to_us.address
        self.version = world.versions[self.package]

    def available(self):
        return shutil.which(self.package) is not None

    def environment(self):
        return {**os.environ, "LC_ALL": "C"}

    def as_file(self, body):
        return body

    def send(self, body, options, given=None):
        self.count += 1
        user = f"{self.package}{self.count}"
        path = self.world.root / "client.eml"
        path.write_bytes(self.as_file(body))
        self.world.to_us.clear()
        done = subprocess.run([str(word) for word in self.command(path, f"{user}@ours.test", options)], input=given(f"{user}@ours.test", body) if given else body,
                              capture_output=True, timeout=60, env=self.environment(), check=False)
        if done.returncode != 0:
            return "FAILED", f"exit {done.returncode}: {done.stdout[-1500:]!r} {done.stderr[-1500:]!r}"
        return self.world.arrived_here(user, body)

    def plain(self, body=DOTS):
        return self.send(body, self.clear)

    def tls(self):
        result = self.send(DOTS, self.secure)
        return result if result is not True else (b"with ESMTPS" in self.world.latest and b"MAIL FROM" not in self.world.to_us.said(), "")

    def cases(self):
        return [("dots", self.plain), ("8-bit text", lambda: self.plain(EIGHT)), ("STARTTLS", self.tls)]

    def run(self):
        for feature, check in self.cases():
            if self.available():
                self.world.case(self.name, self.version, "to us", feature, check)
            else:
                self.world.rows.add(self.name, "-", "to us", feature, "skipped", "not installed")
        if self.available():
            submission.Clients(self.world, self).run()


class Swaks(Client):
    name = package = "swaks"
    clear, secure = (), ("--tls",)

    def as_file(self, body):
        return body[:-2]  # it adds a line end of its own

    def command(self, path, rcpt, options):
        return ["swaks", "--server", self.address, "--port", PORT, "--helo", "client.test", "--from", "a@a.test", "--to", rcpt, "--data", f"@{path}",
                *options]

    def pipelining(self):
        result = self.send(PLAIN, ("--pipeline",))
        return result if result is not True else (self.world.to_us.pipelined() or ("FAILED", repr(self.world.to_us.said())))

    def cases(self):
        return [*super().cases(), ("PIPELINING", self.pipelining)]


class Curl(Client):
    name = package = "curl"
    clear, secure = (), ("--ssl-reqd", "--insecure")

    def command(self, path, rcpt, options):
        return ["curl", "--silent", "--show-error", f"smtp://{self.address}:{PORT}/client.test", "--mail-from", "a@a.test", "--mail-rcpt", rcpt,
                "--upload-file", path, *options]


class Msmtp(Client):
    name = package = "msmtp"
    clear, secure = ("--tls=off",), ("--tls=on", "--tls-starttls=on", "--tls-certcheck=off")

    def __init__(self, world):
        super().__init__(world)
        self.tree = packages.CACHE / "msmtp"

    def available(self):
        return (self.tree / "usr/bin/msmtp").exists()

    def environment(self):
        return {**super().environment(), "LD_LIBRARY_PATH": packages.library_path(self.tree)}

    def command(self, path, rcpt, options):
        return [self.tree / "usr/bin/msmtp", "--file=/dev/null", f"--host={self.address}", f"--port={PORT}", "--domain=client.test", "--from=a@a.test",
                *options, rcpt]


class Openssl(Client):
    """A dialogue typed by hand, over STARTTLS."""
    name, package = "openssl s_client", "openssl"

    def command(self, path, rcpt, options):
        return ["openssl", "s_client", "-quiet", "-crlf", "-ign_eof", "-starttls", "smtp", "-name", "client.test", "-connect", f"{self.address}:{PORT}"]

    def dialogue(self, rcpt, body):
        stuffed = re.sub(rb"(?m)^\.", b"..", body)
        return b"".join(line + b"\n" for line in (b"EHLO client.test", b"MAIL FROM:<a@a.test>", b"RCPT TO:<" + rcpt.encode() + b">", b"DATA",
                                                  stuffed.replace(b"\r\n", b"\n") + b".", b"QUIT"))

    def handshake(self, version, name, session=None):
        """Whether it was resumed, and the session, over STARTTLS."""
        out = self.world.root / "session"
        command = ["openssl", "s_client", "-crlf", "-ign_eof", "-starttls", "smtp", "-name", "client.test", "-connect", f"{self.address}:{PORT}",
                   "-servername", name, f"-{version}", "-sess_out", out, *(["-sess_in", session] if session else [])]
        done = subprocess.run([str(word) for word in command], input=b"EHLO client.test\nQUIT\n", capture_output=True, timeout=60)
        kept = self.world.root / f"session.{version}"
        if not session:
            shutil.copyfile(out, kept)
        return b"Reused," in done.stdout and b"250 " in done.stdout, kept

    def resumes(self, version):
        _, kept = self.handshake(version, "mx.ours.test")
        again, other = self.handshake(version, "mx.ours.test", kept)[0], self.handshake(version, "mx2.ours.test", kept)[0]
        return True if again and not other else ("FAILED", f"by its own name {again}, by another {other}")

    def cases(self):
        return [("STARTTLS", lambda: self.send(DOTS, (), self.dialogue)),
                ("a session is resumed by its name alone, TLS 1.2", lambda: self.resumes("tls1_2")),
                ("a session is resumed by its name alone, TLS 1.3", lambda: self.resumes("tls1_3"))]


def run(world):
    for kind in (Swaks, Curl, Msmtp, Openssl):
        kind(world).run()

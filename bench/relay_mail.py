# SPDX-License-Identifier: MIT
"""The mail that is signed and checked: its domain, with the records that make it pass, and the two messages of a run."""

import base64
import os
import subprocess

from harness import BUILD, hikyaku, make_key

NAME, SELECTOR = "load.test", "s1"  # of the sender that `hikyaku load` has


class Domain:
    name, selector = NAME, SELECTOR

    def __init__(self, root):
        self.folder = root / "domain"
        self.folder.mkdir(mode=0o755)
        self.key = self.folder / "key.pem"
        self.public = make_key(self.key)
        self.key.chmod(0o644)  # for the users of all of them
        self.dns = None

    def records(self):
        return {(NAME, "TXT"): ["v=spf1 ip4:127.0.0.0/8 -all"], (NAME, "A"): ["127.0.0.1"], (NAME, "MX"): [f"10 {NAME}."],
                (f"_dmarc.{NAME}", "TXT"): ["v=DMARC1; p=reject; adkim=r; aspf=r"],
                (f"{SELECTOR}._domainkey.{NAME}", "TXT"): ["v=DKIM1; k=rsa; p=" + base64.b64encode(self.public).decode()]}

    def message(self, octets, is_signed):
        """A file with a message of about so many octets."""
        path = self.folder / f"{octets}-{'signed' if is_signed else 'plain'}.eml"
        if path.exists():
            return path
        head = (f"From: <load@{NAME}>\r\nTo: <user@relay.sink.test>\r\nSubject: measured\r\nMessage-ID: <{octets}@{NAME}>\r\n"
                "Date: Thu, 26 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n").encode()
        line = b"a line of text that is like any other one and says nothing at all ......\r\n"
        text = head + line * max(1, (octets - len(head) - (600 if is_signed else 0)) // len(line))
        if is_signed:
            status, text, why = hikyaku("sign", "--key", self.key, "--domain", NAME, "--selector", SELECTOR, "-", given=text)
            if status:
                raise RuntimeError(f"the message cannot be signed: {why}")
        path.write_bytes(text)
        return path


def rsa_ms(kept, domain):
    """Processor time of one signature by OpenSSL alone, in ms, or None: what no signer can do without."""
    program = kept / "raw"
    done = subprocess.run(["cc", "-O2", "-o", program, BUILD.parent / "bench/peer_openssl.c", "-lcrypto"], check=False, capture_output=True)
    if done.returncode:
        return None
    done = subprocess.run([program, "sign", domain.folder], check=False, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return float(done.stdout) / 1000 if done.returncode == 0 else None

# SPDX-License-Identifier: MIT
"""`hikyaku sign` with several keys, verified by `hikyaku verify`. TAP."""

import base64
import json
import sys

from harness import Tap, folder, hikyaku, make_key, run_cases

MESSAGE = b"From: Ann <ann@a.test>\r\nTo: bob@b.test\r\nSubject: two keys\r\nDate: Thu, 26 Nov 2026 00:00:00 +0000\r\n\r\nA text.\r\n"
NOW = ("--now", "1795651200")


def prepare(root):
    (root / "message").write_bytes(MESSAGE)
    rsa, ed25519 = make_key(root / "rsa.pem"), make_key(root / "ed.pem", "ed25519")
    (root / "zone").write_text("".join(f"{name}._domainkey.a.test. TXT " + " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200)) + "\n" for name, text in (
        ("r", "v=DKIM1; p=" + base64.b64encode(rsa).decode()), ("e", "v=DKIM1; k=ed25519; p=" + base64.b64encode(ed25519).decode()))))


def two_keys(tap):
    with folder() as root:
        prepare(root)
        code, out, err = hikyaku("sign", *NOW, "--domain", "a.test", "--key", root / "rsa.pem", "--selector", "r", "--key", root / "ed.pem", "--selector", "e",
                                 root / "message")
        tap.ok(code == 0 and out.count(b"DKIM-Signature:") == 2 and out.endswith(MESSAGE), "sign: a field for each key, the message as it was", err, out)
        (root / "signed").write_bytes(out)
        _, told, err = hikyaku("verify", *NOW, "--json", "--dns", root / "zone", root / "signed")
        tap.equal([(s["s"], s["a"], s["result"]) for s in json.loads(told)["dkim"]], [("r", "rsa-sha256", "pass"), ("e", "ed25519-sha256", "pass")],
                  "sign: RSA and Ed25519 both verify, in the order of the keys (RFC 8463)")


def usage(tap):
    with folder() as root:
        prepare(root)
        pair = ("--key", root / "ed.pem", "--selector", "e")
        for title, arguments, reason in (
                ("a key without its selector", (*pair, "--key", root / "rsa.pem"), "each --key needs a --selector"),
                ("a selector without its key", (*pair, "--selector", "r"), "each --key needs a --selector"),
                ("no key at all", (), "--key, --domain and --selector are needed"),
                ("a second selector that is none", (*pair, "--key", root / "ed.pem", "--selector", "a b"), "--selector is not a selector"),
                ("a second key that cannot be read", (*pair, "--key", root / "none.pem", "--selector", "r"), "none.pem"),
                ("a ninth key", pair * 9, "one key too many")):
            code, out, err = hikyaku("sign", "--domain", "a.test", *arguments, root / "message")
            tap.ok(code == 2 and not out and reason in err, f"sign: {title}", code, out, err)
        code, out, _ = hikyaku("sign", *NOW, "--domain", "a.test", *pair * 8, root / "message")
        tap.ok(code == 0 and out.count(b"DKIM-Signature:") == 8, "sign: eight keys", out)
        code, out, err = hikyaku("arc", "seal", "--domain", "a.test", "--authserv-id", "a.test", *pair * 2, root / "message")
        tap.ok(code == 2 and not out and "one --key" in err, "arc seal: one key", code, out, err)


if __name__ == "__main__":
    sys.exit(run_cases((two_keys, usage), Tap()))

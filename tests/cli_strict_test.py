# SPDX-License-Identifier: MIT
"""`--strict`: what the manual says it makes of each result and warning; `--rcpt`: where it means something, and where it is refused. TAP."""

import json
import sys
import tempfile
from pathlib import Path

from harness import Tap, hikyaku
from letters import Key, letter
from schemas import faults, schema

tap = Tap()
ok = tap.ok

HEADER = b"From: u@a.test\r\nTo: v@b.test\r\nSubject: one\r\nDate: Mon, 11 Nov 2024 22:59:29 +0900\r\n"
BODY = b"hello\r\n"
OVER = "from:from:to:to:subject:subject:date:date"
ENVELOPE = ("--now", "1731333600", "--ip", "192.0.2.1", "--helo", "mail.a.test", "--mail-from", "u@a.test")


def txt(name, text):
    return f"{name}. TXT " + " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


def prepare(folder):
    good, weak = Key(folder), Key(folder, name="weak", bits=1024)
    (folder / "zone").write_text("\n".join([
        'a.test. TXT "v=spf1 ip4:192.0.2.1 -all"', '_dmarc.a.test. TXT "v=DMARC1; p=reject; rua=mailto:d@a.test"', "a.test. A 192.0.2.1",
        txt("rsa._domainkey.a.test", good.record()), txt("weak._domainkey.a.test", weak.record()),
        txt("test._domainkey.a.test", good.record("v=DKIM1; t=y; ")), 'all.test. TXT "v=spf1 +all"', 'some.test. TXT "v=spf1 ?all"',
        'wide.test. TXT "v=spf1 ip4:0.0.0.0/1 -all"', "$SERVFAIL late._domainkey.a.test. TXT", "$SERVFAIL late.test. TXT",
        '_dmarc.old.test. TXT "v=DMARC1; p=reject; pct=50; rua=mailto:d@old.test"', "none.test. A 192.0.2.1"]) + "\n")
    return good, weak


def check_messages(folder, good, weak):
    fine = letter(good, HEADER, BODY, h=OVER)
    subjectless = "from:from:to:to:date:date"
    cases = [  # title, message, arguments, exit status without and with --strict, warnings about
        ("all three pass, and nothing is left open", fine, [], 0, 0, []),
        ("l= (RFC 6376 8.2)", letter(good, HEADER, BODY, h=OVER, length=len(BODY)), [], 0, 1, ["l="]),
        ("a 1024-bit key (RFC 8301 3.2)", letter(weak, HEADER, BODY, h=OVER), [], 0, 1, ["weak"]),
        ("a test key (RFC 6376 3.6.1)", letter(good, HEADER, BODY, h=OVER, s="test"), [], 0, 1, ["t=y"]),
        ("a field that is not signed (RFC 6376 5.4.1)", letter(good, HEADER, BODY, h=subjectless), [], 0, 1, ["Subject"]),
        ("fields that could be added (RFC 6376 8.15)", letter(good, HEADER, BODY, h="from:from:to:subject:date"), [], 0, 1, ["Subject"]),
        ("Cc there and not signed", letter(good, HEADER + b"Cc: w@b.test\r\n", BODY, h=OVER), [], 0, 1, ["Cc"]),
        ("SPF neutral, DMARC pass", fine, ["--mail-from", "u@some.test"], 0, 1, []),
        ("SPF fail behind a forwarder, DMARC pass", fine, ["--ip", "192.0.2.9"], 0, 1, []),
        ("SPF that everybody passes (RFC 7208 5.1)", fine, ["--mail-from", "u@all.test"], 0, 1, ["+all"]),
        ("no signature, DMARC pass by SPF", HEADER + b"\r\n" + BODY, [], 0, 1, []),
        ("a second signature that fails", letter(good, HEADER, b"x", s="gone").split(b"From:")[0] + fine, [], 0, 1, []),
        ("no policy at all", fine.replace(b"From: u@a.test", b"From: u@none.test"), [], 0, 1, []),
        ("no policy asked for: only what --checks names", fine, ["--checks", "dkim"], 0, 0, []),
        ("SPF alone, none", fine, ["--checks", "spf", "--mail-from", "u@none.test"], 0, 1, []),
        ("SPF temperror, the rest passes", fine, ["--mail-from", "u@late.test"], 0, 3, []),
        ("a key that cannot be had, SPF passes", letter(good, HEADER, BODY, h=OVER, s="late"), [], 0, 3, []),
        ("no chain of ARC, which is historic", fine, ["--checks", "dkim,arc"], 0, 0, []),
    ]
    for title, message, arguments, plain, strict, about in cases:
        (folder / "m.eml").write_bytes(message)
        base = ["verify", "--dns", folder / "zone", *ENVELOPE, *arguments, folder / "m.eml"]
        code, out, _ = hikyaku(*base, "--json")
        strictly, again, _ = hikyaku(*base, "--json", "--strict")
        value = json.loads(out)
        wrong = faults(schema("verify"), value)
        ok(not wrong and out == again, f"{title}: --strict changes the exit status only", *wrong)
        found = [one["about"] for one in value["warnings"]]
        ok((code, strictly, found) == (plain, strict, about), f"{title}: exit {plain}, strictly {strict}", code, strictly, value["warnings"])
    (folder / "m.eml").write_bytes(letter(weak, HEADER, BODY, h=OVER))
    code, out, err = hikyaku("verify", "--strict", "--dns", folder / "zone", *ENVELOPE, folder / "m.eml")
    ok("warning: dkim a.test, weak: the RSA key of this selector has fewer than 2048 bits [RFC 8301 3.2]" in err and b"warning" not in out,
       "the warnings are said", out, err)
    code, out, err = hikyaku("explain", "--strict", "--dns", folder / "zone", *ENVELOPE, folder / "m.eml")
    ok(code == 1 and out.startswith(b"warning: dkim a.test, weak:"), "explain says them on its page", out[:200])


def check_checks(folder):
    zone = ("--dns", folder / "zone")
    for title, arguments, plain, strict in [
        ("check spf: pass", ["spf", "--ip", "192.0.2.1", "--mail-from", "u@a.test"], 0, 0),
        ("check spf: neutral", ["spf", "--ip", "192.0.2.1", "--mail-from", "u@some.test"], 0, 1),
        ("check spf: none", ["spf", "--ip", "192.0.2.1", "--mail-from", "u@none.test"], 0, 1),
        ("check spf: half the world passes", ["spf", "--ip", "1.2.3.4", "--mail-from", "u@wide.test"], 0, 1),
        ("check spf: temperror", ["spf", "--ip", "1.2.3.4", "--mail-from", "u@late.test"], 3, 3),
        ("check dmarc: nothing to note", ["dmarc", "a.test"], 0, 0),
        ("check dmarc: a note", ["dmarc", "old.test"], 0, 1),
        ("check dmarc: no policy", ["dmarc", "none.test"], 0, 1),
        ("check dkim-key: 2048 bits", ["dkim-key", "rsa", "a.test"], 0, 0),
        ("check dkim-key: 1024 bits", ["dkim-key", "weak", "a.test"], 0, 1),
        ("check dkim-key: t=y", ["dkim-key", "test", "a.test"], 0, 1),
        ("check dkim-key: not to be had", ["dkim-key", "late", "a.test"], 3, 3),
    ]:
        code = hikyaku("check", *arguments, *zone)[0]
        strictly = hikyaku("check", *arguments, *zone, "--strict")[0]
        ok((code, strictly) == (plain, strict), f"{title}: exit {plain}, strictly {strict}", code, strictly)
    one = folder / "words.eml"
    one.write_bytes(b"Authentication-Results: x.test; dmarc=bestguesspass header.from=none.test\r\nReturn-Path: <u@none.test>\r\n"
                    b"Received: from a (a [192.0.2.1]) by x.test; Mon, 11 Nov 2024 22:59:29 +0900\r\nFrom: u@none.test\r\n\r\n")
    codes = [hikyaku("verify", "--against-existing", one, *zone, *more)[0] for more in ([], ["--strict"])]
    ok(codes == [0, 1], "--against-existing: strictly another word is a difference", codes)


def check_rcpt(folder, good):
    copies = (b"Received: from list.test (list.test [192.0.2.9]) by mx.b.test with ESMTP id 2 for <w@b.test>; Mon, 11 Nov 2024 22:59:31 +0900\r\n"
              b"Received: from mail.a.test (mail.a.test [192.0.2.1]) by mx.b.test with ESMTP\r\n\tid 1 for <v@b.test>; Mon, 11 Nov 2024 22:59:30 +0900\r\n")
    (folder / "two.eml").write_bytes(b"Return-Path: <u@a.test>\r\n" + copies + HEADER + b"\r\n" + BODY)
    base = ["verify", "--checks", "spf", "--dns", folder / "zone", folder / "two.eml"]
    for rcpt, want in (([], b"spf=fail"), (["--rcpt", "V@b.test"], b"spf=pass"), (["--rcpt", "w@b.test"], b"spf=fail"), (["--rcpt", "x@b.test"], b"spf=fail")):
        code, out, err = hikyaku(*base, *rcpt)
        ok(want in out, f"--rcpt {rcpt}: the Received field that is for the recipient is the hop: {want.decode()}", out, err)
    code, out, _ = hikyaku("check", "spf", "--ip", "192.0.2.1", "--mail-from", "u@a.test", "--rcpt", "v@b.test", "--dns", folder / "zone", "--json")
    ok(code == 0 and json.loads(out)["result"] == "pass", "check spf takes it and does not look at it")
    for command in (["check", "dmarc", "a.test"], ["check", "dkim-key", "rsa", "a.test"], ["sign", "-"], ["authres", "-"], ["arc", "verify", "-"],
                    ["srs", "forward", "u@a.test"], ["keys", "status"]):
        code, out, err = hikyaku(*command, "--rcpt", "v@b.test", given=HEADER)
        ok(code == 2 and "--rcpt has no meaning here" in err, f"{' '.join(command)} refuses --rcpt, and says why", code, err)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good, weak = prepare(folder)
        check_messages(folder, good, weak)
        check_checks(folder)
        check_rcpt(folder, good)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

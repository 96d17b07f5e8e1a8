# SPDX-License-Identifier: MIT
"""`hikyaku verify --against-existing`: our verdicts beside what OpenDKIM, OpenDMARC, rspamd, Gmail, Microsoft and policyd-spf wrote, with a
sentence for each difference. Messages are made here, in their styles. TAP."""

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
PATH = b"Return-Path: <u@a.test>\r\n"
HOP = b"Received: from mail.a.test (mail.a.test [192.0.2.1])\r\n\tby mx.b.test (Postfix) with ESMTPS id 4ABC\r\n\tfor <v@b.test>; Mon, 11 Nov 2024 22:59:30 +0900\r\n"
EARLIER = b"Received: from laptop (unknown [198.51.100.7]) by mail.a.test with ESMTPSA id 1; Mon, 11 Nov 2024 22:59:29 +0900\r\n"


class World:
    def __init__(self, folder):
        self.folder = folder
        self.key, self.weak = Key(folder), Key(folder, name="weak", bits=1024)
        self.zone_text = "\n".join([
            'a.test. TXT "v=spf1 ip4:192.0.2.0/28 -all"', '_dmarc.a.test. TXT "v=DMARC1; p=reject"', "a.test. A 192.0.2.1",
            self.txt("rsa._domainkey.a.test", self.key.record()), self.txt("revoked._domainkey.a.test", "v=DKIM1; p="),
            self.txt("test._domainkey.a.test", self.key.record("v=DKIM1; t=y; ")),
            'soft.test. TXT "v=spf1 ~all"', 'bad.test. TXT "v=spf1 nonsense -all"', 'mail.b.test. TXT "v=spf1 -all"',
            "$SERVFAIL late._domainkey.a.test. TXT", 'limit.test. TXT "v=spf1 ' + " ".join(f"a:h{i}.a.test" for i in range(11)) + ' -all"'])
        self.zone = folder / "zone"
        self.zone.write_text(self.zone_text + "\n")
        self.signed = letter(self.key, HEADER, BODY)
        self.plain = HEADER + b"\r\n" + BODY

    @staticmethod
    def txt(name, text):
        return f"{name}. TXT " + " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))

    def b(self, message, n=8):
        return message.split(b"b=")[-1][:n].decode() if b"DKIM-Signature" in message else ""

    def judge(self, *messages, more=(), folder=None):
        """The exit status, and the JSON for a Maildir of these messages, one result to each."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            root = Path(folder or name)
            (root / "cur").mkdir(exist_ok=True)
            (root / "new").mkdir(exist_ok=True)
            (root / "tmp").mkdir(exist_ok=True)
            for i, message in enumerate(messages):
                (root / ("new" if i % 2 else "cur") / f"{i:03}.M1P1.host{'' if i % 2 else ':2,S'}").write_bytes(message)
            (root / "tmp" / "half").write_bytes(b"Authentication-Results: mx.b.test; spf=fail\r\n")
            code, out, err = hikyaku("verify", "--against-existing", root, "--dns", self.zone, "--json", *more)
        value = json.loads(out)
        wrong = faults(schema("against"), value)
        ok(not wrong, "the output is as docs/schema/against.json", *wrong)
        return code, value, err


def results(*lines, host="mx.b.test"):
    return f"Authentication-Results: {host};\r\n\t".encode() + ";\r\n\t".join(lines).encode() + b"\r\n"


def rows(message):
    return {row["method"]: (row["theirs"], row["ours"], row["outcome"]) for row in message["results"]}


def check_styles(w):
    """S0-060 to S0-065: each as its filter writes, all three methods the same as ours."""
    b = w.b(w.signed)
    opendkim = results(f"dkim=pass (2048-bit key; unprotected) header.d=a.test header.i=@a.test header.a=rsa-sha256 header.s=rsa header.b={b}")
    opendmarc = results("dmarc=pass (p=reject dis=none) header.from=a.test")
    policyd = (b"Received-SPF: Pass (mailfrom) identity=mailfrom; client-ip=192.0.2.1;\r\n\thelo=mail.a.test; envelope-from=u@a.test;\r\n"
               b"\treceiver=<UNKNOWN>\r\n")
    policyd_ar = results("spf=pass (sender SPF authorized) smtp.mailfrom=a.test (client-ip=192.0.2.1; helo=mail.a.test; envelope-from=u@a.test;"
                         " receiver=v@b.test)")
    rspamd = results("dkim=pass header.d=a.test header.s=rsa header.b=" + b,
                     "spf=pass (mx.b.test: domain of u@a.test designates 192.0.2.1 as permitted sender) smtp.mailfrom=u@a.test",
                     "dmarc=pass (policy=reject) header.from=a.test")
    gmail_hop = (b"Received: by 2002:a05:6a00:1234:b0:1 with SMTP id x1csp1;\r\n        Mon, 11 Nov 2024 05:59:31 -0800 (PST)\r\n")
    gmail = (b"Received: from mail.a.test (mail.a.test. [192.0.2.1])\r\n        by mx.google.com with ESMTPS id y1\r\n"
             b"        for <v@b.test>; Mon, 11 Nov 2024 05:59:30 -0800 (PST)\r\n"
             b"Received-SPF: pass (google.com: domain of u@a.test designates 192.0.2.1 as permitted sender) client-ip=192.0.2.1;\r\n") + \
        results(f"dkim=pass header.i=@a.test header.s=rsa header.b={b}",
                "spf=pass (google.com: domain of u@a.test designates 192.0.2.1 as permitted sender) smtp.mailfrom=u@a.test",
                "dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=a.test", host="mx.google.com")
    inner = (b"Received: from AM1.eurprd01.prod.outlook.com (2001:db8::1) by\r\n DB1.eurprd01.prod.outlook.com with HTTPS; Mon, 11 Nov 2024 14:00:02 +0000\r\n"
             b"Received: from AM1.eurprd01.prod.outlook.com (2001:db8::2) by\r\n AM2.mail.protection.outlook.com with SMTP; Mon, 11 Nov 2024 14:00:01 +0000\r\n")
    microsoft = (b"Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=a.test; dkim=pass (signature was verified)\r\n"
                 b" header.d=a.test;dmarc=pass action=none\r\n header.from=a.test;compauth=pass reason=100\r\n"
                 b"Received-SPF: Pass (protection.outlook.com: domain of a.test designates\r\n 192.0.2.1 as permitted sender) receiver=protection.outlook.com;\r\n"
                 b" client-ip=192.0.2.1; helo=mail.a.test; pr=C\r\n"
                 b"Received: from mail.a.test (192.0.2.1) by AM2.mail.protection.outlook.com\r\n (10.0.0.1) with Microsoft SMTP Server; Mon, 11 Nov 2024 14:00:00 +0000\r\n")
    for title, style, message in [
        ("OpenDKIM and OpenDMARC behind policyd-spf's Received-SPF", "OpenDKIM", PATH + HOP + opendmarc + opendkim + policyd + EARLIER + w.signed),
        ("policyd-spf's Authentication-Results", "policyd-spf", PATH + HOP + policyd_ar + opendkim + opendmarc + w.signed),
        ("rspamd", "rspamd", PATH + HOP + rspamd + EARLIER + w.signed),
        ("Gmail", "Gmail", b"Delivered-To: v@b.test\r\n" + gmail_hop + PATH + gmail + EARLIER + w.signed),
        ("Microsoft, which writes no authserv-id and names only a domain", "Microsoft", inner + microsoft + EARLIER + w.signed),
        ("a filter above its own Received field", "rspamd", PATH + rspamd + HOP + EARLIER + w.signed),
    ]:
        code, value, err = w.judge(message)
        found = value["messages"][0]
        want = {method: ("pass", "pass", "same") for method in ("spf", "dkim", "dmarc")}
        if title.startswith("OpenDKIM"):
            style = "OpenDMARC"  # its field stands on top
        ok(code == 0 and rows(found) == want, f"{title}: the same", code, found, err)
        ok(found["style"] == style, f"{title}: whose hand it is", found["style"])


def check_evidence(w):
    """S1-040: the last hop into the border, not those behind or before it."""
    inside = (b"Received: from mx.b.test (localhost [127.0.0.1]) by imap.b.test with LMTP id 1; Mon, 11 Nov 2024 22:59:31 +0900\r\n")
    said = results("spf=pass smtp.mailfrom=u@a.test")
    code, value, _ = w.judge(PATH + inside + HOP + said + EARLIER + w.plain)
    ok(code == 0 and rows(value["messages"][0])["spf"] == ("pass", "pass", "same"), "S1-040: the hop is that of the host that wrote the results", value)
    forged = results("spf=fail smtp.mailfrom=u@a.test")
    code, value, _ = w.judge(PATH + HOP + said + EARLIER + forged + w.plain, PATH + HOP + EARLIER + forged + w.plain)
    ok(rows(value["messages"][0])["spf"][0] == "pass" and value["messages"][1]["error"],
       "fields below the hop before theirs are the sender's: not read", value)
    code, value, _ = w.judge(PATH + results("spf=fail smtp.mailfrom=u@x.test", host="inner.b.test") + HOP + said + w.plain,
                             more=("--authserv-id", "other.test, MX.B.test"))
    ok(code == 0 and value["messages"][0]["authserv_id"] == "mx.b.test", "--authserv-id names whom to trust", value)
    code, value, _ = w.judge(HOP + results("spf=pass smtp.mailfrom=a.test") + w.plain)
    ok(code == 0 and rows(value["messages"][0])["spf"][2] == "same", "without Return-Path MAIL FROM is taken from their words", value)
    code, value, _ = w.judge(results("spf=pass", "dmarc=pass") + w.plain)
    found = value["messages"][0]
    ok(code == 0 and rows(found)["spf"] == ("pass", None, "only_theirs") and rows(found)["dmarc"] == ("pass", None, "only_theirs") and
       "--ip" in found["results"][0]["reasons"][0], "what cannot be judged is no difference, and it is said what is missing", code, found)


def check_reasons(w):
    top = PATH + HOP
    changed = w.signed.replace(b"hello\r\n", b"hello\r\n-- \r\nlist\r\n")
    gone = letter(w.key, HEADER, BODY, s="gone")
    length = letter(w.key, HEADER, BODY, length=5)
    open_length = letter(w.key, HEADER, BODY, length=5) + b"more\r\n"
    cases = [
        ("dkim", gone, "dkim=pass header.d=a.test header.s=gone", ("pass", "permerror", "different"), "no longer published"),
        ("dkim", letter(w.key, HEADER, BODY, s="revoked"), "dkim=pass header.d=a.test header.s=revoked", ("pass", "permerror", "different"), "revoked since"),
        ("dkim", changed, "dkim=pass header.d=a.test header.s=rsa", ("pass", "fail", "different"), "body was changed after"),
        ("dkim", changed, "dkim=neutral (body hash did not verify) header.i=@a.test", ("neutral", "fail", "words"), "call a body that was changed neutral"),
        ("dkim", w.signed.replace(b"Subject: one", b"Subject: [l] one"), "dkim=pass header.d=a.test", ("pass", "fail", "different"), "signed fields were changed"),
        ("dkim", letter(w.key, HEADER, BODY, hash_name="sha1"), "dkim=pass header.d=a.test", ("pass", "permerror", "different"), "RFC 8301 3.1"),
        ("dkim", letter(w.key, HEADER, BODY, more="t=1000; x=1001; "), "dkim=pass header.d=a.test", ("pass", "fail", "different"), "x= had passed"),
        ("dkim", length, "dkim=policy (l= tag) header.d=a.test", ("policy", "pass", "different"), "refuses signatures with l="),
        ("dkim", letter(w.key, HEADER, BODY, s="test"), "dkim=neutral header.d=a.test", ("neutral", "pass", "different"), "t=y"),
        ("dkim", w.signed, "dkim=none", ("none", "pass", "different"), "did not see"),
        ("dkim", w.signed, "dkim=temperror header.d=a.test", ("temperror", "pass", "different"), "no answer from DNS at that time"),
        ("dkim", w.plain, "dkim=pass header.d=a.test header.s=x", ("pass", None, "only_theirs"), "no longer has"),
        ("dkim", w.plain, "dkim=none (message not signed)", ("none", "none", "same"), None),
        ("dkim", letter(w.key, HEADER, BODY, s="late"), "dkim=pass header.d=a.test", ("pass", "temperror", "different"), "no answer from DNS now"),
        ("spf", w.plain, "spf=fail smtp.mailfrom=u@a.test", ("fail", "pass", "different"), "v=spf1 ip4:192.0.2.0/28"),
        ("spf", w.plain, "spf=none smtp.mailfrom=u@a.test", ("none", "pass", "different"), "publishes a record now"),
        ("spf", w.plain, "spf=softfail smtp.mailfrom=srs0=x=y=z=u@f.test", ("softfail", "pass", "different"), "Return-Path is not the MAIL FROM"),
        ("spf", w.plain, "spf=fail smtp.helo=mail.b.test", ("fail", "pass", "different"), "HELO identity"),
        ("spf", w.plain, "spf=fail (mx.b.test: domain of u@a.test does not designate 203.0.113.5 as permitted sender) smtp.mailfrom=u@a.test",
         ("fail", "pass", "different"), "another address"),
        ("dmarc", w.plain, "dmarc=none header.from=a.test", ("none", "pass", "different"), "they found no policy record"),
        ("dmarc", w.plain.replace(b"u@a.test", b"u@none.test"), "dmarc=bestguesspass action=none header.from=none.test", ("bestguesspass", "none", "words"), "guess"),
        ("dmarc", w.plain.replace(b"u@a.test", b"u@none.test"), "dmarc=fail header.from=none.test", ("fail", "none", "different"), "no longer published"),
        ("dmarc", w.plain, "dmarc=pass header.from=list.test", ("pass", "pass", "same"), None),
        ("dmarc", w.plain, "dmarc=fail header.from=list.test", ("fail", "pass", "different"), "another author domain"),
        ("dmarc", w.plain.replace(b"From: u@a.test", b"From: u@a.test, w@b.test"), "dmarc=pass header.from=a.test", ("pass", "permerror", "different"), "one author domain"),
    ]
    for method, message, said, want, word in cases:
        _, value, err = w.judge(top + results(said) + message)
        row = next((r for r in value["messages"][0]["results"] if r["method"] == method), None)
        ok(row and (row["theirs"], row["ours"], row["outcome"]) == want and (word is None) == (not row["reasons"]) and word_in(word, row),
           f"{said}: {word or 'nothing to say'}", row, err)
    # SPF of somebody else, so that only the signature could align
    other = b"Return-Path: <l@list.test>\r\n" + HOP
    _, value, _ = w.judge(other + results("dkim=pass header.d=a.test", "dmarc=pass header.from=a.test") + open_length)
    row = value["messages"][0]["results"][-1]
    ok((row["theirs"], row["ours"]) == ("pass", "fail") and "ignores l=" in row["reasons"][0], "theirs passes since it ignores l=", row)
    _, value, _ = w.judge(other + results("dkim=pass header.d=a.test", "dmarc=pass header.from=a.test") + gone)
    row = value["messages"][0]["results"][-1]
    ok("follows from" in row["reasons"][0], "DMARC follows from DKIM", row)
    for sender, said, word in [("limit.test", "pass", "4.6.4"), ("bad.test", "fail", "record is at fault"), ("gone.test", "pass", "no longer publishes")]:
        _, value, _ = w.judge(f"Return-Path: <u@{sender}>\r\n".encode() + HOP + results(f"spf={said} smtp.mailfrom=u@{sender}") + w.plain)
        row = value["messages"][0]["results"][0]
        ok(row["outcome"] == "different" and word in row["reasons"][0], f"spf of {sender}: {word}", row)


def word_in(word, row):
    return word is None or any(word in reason for reason in row["reasons"])


def check_several(w):
    """Signatures are told apart by b=, then by s=, then by d=."""
    two = letter(w.key, HEADER, BODY, s="gone") + b""
    second = letter(w.key, HEADER, BODY)
    message = two.split(b"From:")[0] + second
    said = results("dkim=pass header.d=a.test header.s=rsa", "dkim=permerror header.d=a.test header.s=gone")
    code, value, _ = w.judge(PATH + HOP + said + message)
    found = {row["about"]: row["outcome"] for row in value["messages"][0]["results"] if row["method"] == "dkim"}
    ok(code == 0 and found == {"a.test/rsa": "same", "a.test/gone": "same"}, "two signatures of one domain, by selector", value)


def check_sums(w):
    good = PATH + HOP + results("spf=pass smtp.mailfrom=u@a.test") + w.plain
    bad = PATH + HOP + results("spf=fail smtp.mailfrom=u@a.test") + w.plain
    late = PATH + HOP + results("spf=pass smtp.mailfrom=u@a.test") + letter(w.key, HEADER, BODY, s="late")
    code, value, _ = w.judge(good, bad, good, w.plain)
    sums = value["summary"]
    ok(code == 1 and [sums[n] for n in ("messages", "compared", "different", "without")] == [4, 3, 1, 1], "sums, exit 1: cur and new, not tmp", sums)
    ok(sums["methods"][0]["same"] == 2 and sums["methods"][0]["different"] == 1, "sums of a method", sums)
    ok(w.judge(good)[0] == 0, "exit 0: no difference")
    code, value, _ = w.judge(late)
    ok(code == 3 and value["summary"]["temporary"] == 1, "exit 3: DNS gave no answer, so try again", code, value)
    code, value, err = w.judge(w.plain)
    ok(code == 2 and "compared" in err, "exit 2: nothing there could be compared", code, err)
    one = w.folder / "one.eml"
    one.write_bytes(bad)
    code, out, _ = hikyaku("verify", "--against-existing", one, "--dns", w.zone)
    ok(code == 1 and b"! spf   fail       pass       u@a.test\n        the record was changed" in out and b"1 messages: 1 compared, 1 different" in out,
       "a single file, as text", out.decode())
    flat = w.folder / "flat"
    flat.mkdir()
    for i in range(1001):
        (flat / f"{i}.eml").write_bytes(good)
    code, out, err = hikyaku("verify", "--against-existing", flat, "--dns", w.zone)
    ok(code == 0 and b"1001 messages: 1001 compared, 0 different" in out and err == "1000 of 1001 messages\n", "a plain folder; progress", code, err, out[-300:])
    (w.folder / "empty").mkdir()
    for title, arguments in {"no such folder": [w.folder / "absent"], "an empty folder": [w.folder / "empty"], "a message besides": [flat, one],
                             "a record besides": [flat, "--evidence", one], "a batch": [flat, "--batch"]}.items():
        code, out, err = hikyaku("verify", "--against-existing", *arguments, "--dns", w.zone)
        ok(code == 2 and err, f"exit 2: {title}", code, err)


def check_hostile(w):
    """Bytes of others are quoted, and a flood of results ends somewhere."""
    flood = b"".join(results(*[f"dkim=pass header.d=d{i}.test" for i in range(60)]) for _ in range(20))
    code, value, _ = w.judge(PATH + HOP + flood + w.signed)
    ok(code in (0, 1) and len(value["messages"][0]["results"]) < 100, "a thousand results", code, len(value["messages"][0]["results"]))
    escape = PATH + HOP + b"Authentication-Results: mx.b.test; spf=fail (\x1b[2J) smtp.mailfrom=\"\x1b[2J@a.test\"; dkim=pass header.d=\x1b.test\r\n" + w.plain
    one = w.folder / "escape.eml"
    for message in (escape, b"Received-SPF: " + b"(" * 5000 + b"\r\n" + escape, b"Authentication-Results: \x00\r\n" + escape, b"", b"\r\n", b"Received-SPF:\r\n\r\n"):
        one.write_bytes(message)
        code, out, err = hikyaku("verify", "--against-existing", one, "--dns", w.zone)
        ok(code in (0, 1, 2) and b"\x1b" not in out and "\x1b" not in err, "hostile bytes", code, out, err)


def main():
    with tempfile.TemporaryDirectory() as name:
        w = World(Path(name))
        for check in (check_styles, check_evidence, check_reasons, check_several, check_sums, check_hostile):
            check(w)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

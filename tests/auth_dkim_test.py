# SPDX-License-Identifier: MIT
"""What a hostile signer, a careless one, and a hostile key record get from `hikyaku verify`. TAP.

AP-n and SEC-n are the rows of the catalogues that tests/rows.txt counts."""

import base64
import re
import sys

from harness import Tap, folder, hikyaku, run_cases
from letters import Catalogue, Key, body_hash, letter, signature

HEADER = (b"From: User <user@a.test>\r\nTo: v@b.test\r\nSubject: one\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
          b"Content-Type: text/plain\r\n")
BODY = b"line one\r\nline two\r\n"
NOW = 1767225600
POLICY = '_dmarc.a.test. TXT "v=DMARC1; p=reject"\n_dmarc.test. TXT "v=DMARC1; p=none; psd=y"\n'


def txt(name, text):
    """One TXT record, cut into strings as people do."""
    data = text if isinstance(text, bytes) else text.encode()
    parts = [data[i:i + 255] for i in range(0, len(data), 255)] or [b""]
    quoted = " ".join('"' + part.decode().replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
    return f"{name}. TXT {quoted}\n"


class World:
    """Keys and a zone with them at SELECTOR._domainkey.a.test, and a catalogue of letters."""

    def __init__(self, tap, root):
        self.rsa, self.ed = Key(root), Key(root, "ed25519", "ed")
        self.root, self.zone = root, POLICY
        for key in (self.rsa, self.ed):
            self.publish(key.path.stem, key.record())
        self.catalogue = Catalogue(tap, root, ("--checks", "dkim,dmarc", "--now", NOW, "--authserv-id", "mx.b.test"))

    def publish(self, selector, *records, d="a.test"):
        for record in records:
            self.zone += txt(f"{selector}._domainkey.{d}", record)

    def add(self, title, message, dkim, dmarc=None, reason=None, **more):
        want = {"dkim": [dkim] if isinstance(dkim, str) else dkim, **more}
        if dmarc:
            want["dmarc"] = dmarc
        if reason is not None:
            want["reason"] = [reason] if isinstance(reason, str) else reason
        self.catalogue.add(title, message, want)

    def sign(self, header=HEADER, body=BODY, key=None, **options):
        return letter(key or self.ed, header, body, **options)

    def run(self):
        return self.catalogue.run(self.zone)


# ---- what is covered -----------------------------------------------------------------------------------


def coverage(tap):
    with folder() as root:
        w = World(tap, root)
        signed = w.sign()
        w.add("a good letter passes", signed, "pass", "pass", "", uncovered=[""], signed_at=[None])
        w.add("RSA passes as well", w.sign(key=w.rsa), "pass", "pass", "")
        w.add("AP-13: h= without from is a permerror (RFC 6376 5.4)", w.sign(h="to:subject"), "permerror", "fail", "From is not signed")
        w.add("AP-14 AP-1 SEC-67: an unsigned From above a good signature: nobody is the author",
              b"From: ceo@victim.test\r\n" + signed, "pass", "permerror", **{"from": "", "uncovered": ["From"]})
        w.add("AP-14: and so it is below", signed.replace(b"\r\n\r\n", b"\r\nFrom: ceo@victim.test\r\n\r\n", 1), "fail", "permerror")
        over = w.sign(h="from:from:to:subject:subject:date")
        w.add("SEC-72: with From oversigned a second one breaks the signature", b"From: ceo@victim.test\r\n" + over, "fail", "permerror")
        w.add("SEC-72: with Subject oversigned a second one does", b"Subject: two\r\n" + over, "fail", "fail", "signature mismatch")
        for field in (b"Subject: two", b"To: ceo@b.test", b"date: x"):
            w.add(f"AP-14 SEC-81: an unsigned {field.decode()!r} above a signed one is told", field + b"\r\n" + signed, "pass", "pass",
                  uncovered=[field.split(b":")[0].decode().capitalize()])
        twice = HEADER + b"Content-Type: text/html\r\n"
        w.add("AP-14 SEC-81: two Content-Types, none of them signed, are what the signer sent", w.sign(header=twice), "pass", "pass", uncovered=[""])
        w.add("AP-14 SEC-81: of two Content-Types one is signed", w.sign(header=twice, h="from:content-type"), "pass", "pass", uncovered=["Content-Type"])
        w.add("AP-14: both are signed", w.sign(header=twice, h="from:content-type:content-type"), "pass", "pass", uncovered=[""])
        w.add("AP-14: a field that may stand often may have more", b"Received: x\r\n" + w.sign(header=b"Received: y\r\n" + HEADER, h="from:received"),
              "pass", "pass", uncovered=[""])
        w.add("SEC-72: a header that was not signed may be added (RFC 6376 5.4)", b"X-Mailer: x\r\n" + signed, "pass", "pass")
        w.add("AP-8: 'From :' above a signed From counts as a From", b"From : ceo@victim.test\r\n" + signed, "pass", "permerror")
        w.add("AP-8: so does 'From' folded before its colon", b"From\r\n : ceo@victim.test\r\n" + signed, "pass", "permerror")
        folded = re.sub(rb"b=([^=]{20})", rb"b=\1\r\n From: CEO <ceo@victim.test>\r\n ", signed, count=1)
        w.add("AP-28: a folded 'From:' inside b= is no base64", folded, "permerror", "fail", "bad signature in b=", **{"from": "a.test"})
        w.add("AP-8 SEC-71: a header that begins with a blank has no author", b" From: ceo@victim.test\r\n" + signed, "pass", "permerror")
        w.add("AP-12: Sender and Resent-From decide nothing",
              b"Sender: ceo@victim.test\r\nResent-From: ceo@victim.test\r\n" + signed, "pass", "pass", **{"from": "a.test"})
        w.run()


def length(tap):
    with folder() as root:
        w = World(tap, root)
        whole = w.sign(length=20, h="from:content-type")
        w.add("AP-15: l= over the whole body passes", whole, "pass", "pass", uncovered=[""])
        other = w.sign(length=20, h="from:to:subject:date")
        w.add("AP-15 SEC-72: what is appended behind l= aligns with nobody (issue 3; RFC 6376 8.2)", whole + b"<h1>pay me</h1>\r\n", "pass", "fail")
        w.add("AP-15: l=0 signs no body at all", w.sign(length=0), "pass", "fail")
        w.add("AP-15: l= larger than the body is a permerror (RFC 6376 3.5)", w.sign(length=21), "permerror", "fail", "body shorter than l=")
        w.add("AP-15: a shorter body under l= is a permerror", whole.replace(b"line two\r\n", b""), "permerror", "fail")
        w.add("SEC-72: empty lines behind l= are no body", whole + b"\r\n\r\n", "pass", "pass")
        for bad in ("-1", "1x", "", "1" * 77):
            w.add(f"l={bad[:9]} is no number (RFC 6376 3.5)", w.sign(more=f"l={bad}; "), "permerror", "fail", "bad length in l=")
        swapped = other.replace(b"text/plain", b'multipart/mixed; boundary="x"')
        w.add("AP-16: Content-Type swapped, and text appended", swapped + b"--x\r\n\r\nevil\r\n--x--\r\n", "pass", "fail")
        w.add("AP-16: l= over the whole body but Content-Type not signed: a boundary can hide its parts (RFC 6376 8.2)",
              other.replace(b"text/plain", b'multipart/mixed; boundary="x"'), "pass", "fail", uncovered=["Content-Type"])
        w.add("AP-16: and so is one that is not changed", other, "pass", "fail", uncovered=["Content-Type"])
        w.add("AP-16: a second Content-Type above", b"Content-Type: text/html\r\n" + whole, "pass", "fail", uncovered=["Content-Type"])
        w.run()


# ---- the signature field ---------------------------------------------------------------------------------


def tags(tap):
    with folder() as root:
        w = World(tap, root)
        good = w.sign()

        def change(pattern, with_what, count=1):
            changed = re.sub(pattern, with_what, good, count=count)
            assert changed != good, pattern
            return changed

        w.add("AP-17: x= in the past by more than 300 s", w.sign(more=f"x={NOW - 301}; "), "fail", "fail", "signature expired")
        w.add("AP-17: x= in the past by 300 s", w.sign(more=f"x={NOW - 300}; "), "pass", "pass")
        w.add("AP-17: x= not after t=", w.sign(more=f"t={NOW}; x={NOW}; "), "permerror", "fail", "x= is not after t=")
        w.add("AP-17: t= in the future by more than 300 s", w.sign(more=f"t={NOW + 301}; "), "neutral", "fail", "signed in the future")
        w.add("AP-17: t= in the future by 300 s", w.sign(more=f"t={NOW + 300}; "), "pass", "pass")
        w.add("AP-17: t=-1", w.sign(more="t=-1; "), "permerror", "fail", "bad time in t= or x=")
        for title, text in {"v=2": change(rb"v=1", b"v=2"), "v=1 missing": change(rb"v=1; ", b""), "bh= missing": change(rb"bh=[^;]*; ", b""),
                            "s= twice": change(rb"s=ed;", b"s=ed; s=ed;"), "d= twice": change(rb"d=a.test;", b"d=a.test; d=victim.test;"),
                            "junk in bh=": change(rb"bh=", b"bh=!"), "junk in b=": change(rb"b=(\S{10})", rb"b=\1<>"),
                            "b= missing": change(rb"; b=\S*", b""), "a tag without a name": change(rb"v=1; ", b"v=1; =x; "),
                            "two semicolons": change(rb"v=1; ", b"v=1;; "), "h= empty": change(rb"h=[^;]*", b"h="),
                            "c= unknown": change(rb"relaxed/relaxed", b"nofws"), "a NUL": change(rb"v=1; ", b"v=1; z=\0; ")}.items():
            w.add(f"AP-28: {title} is a permerror (RFC 6376 3.2, 3.5)", text, "permerror", "fail")
        w.add("AP-28: b= folded and full of blanks (3.5)", change(rb"b=(\S{10})(\S{10})", b"b= \\1\r\n\t \\2 "), "pass", "pass")
        w.add("AP-28: a semicolon behind b=", change(rb"(b=\S+)\r\n", b"\\1;\r\n"), "fail", "fail")
        w.add("AP-28: a trailing semicolon that was signed", w.sign(more="").replace(b"v=1; ", b"v=1 ;", 1), "fail", "fail")
        w.add("AP-28: an unknown tag that was signed is ignored (3.2)", w.sign(more="zz=1; "), "pass", "pass")
        w.add("AP-28: blanks round h= names", w.sign(h="from : to:subject :date"), "pass", "pass")
        w.add("AP-29: rsa-sha1 is a permerror and aligns with nothing (RFC 8301 3.1)", w.sign(key=w.rsa, hash_name="sha1"), "permerror", "fail",
              "rsa-sha1 is no longer valid", asked=["TXT _dmarc.a.test", "TXT _dmarc.test"])
        w.add("an unknown algorithm is neutral (3.3)", change(rb"ed25519-sha256", b"ed448-sha512"), "neutral", "fail")
        w.add("AP-21: i= outside d=", w.sign(more="i=user@b.test; "), "permerror", "fail", "i= is not within d=")
        w.add("AP-21: i= that only ends as d= does", w.sign(more="i=user@xa.test; "), "permerror", "fail", "i= is not within d=")
        ascii_name = "xn--r8jz45g.a.test"
        w.publish("xn--l-9fa", w.ed.record(), d=ascii_name)
        for d, s, i in (("例え.a.test", "él", "山@例え.a.test"), (ascii_name, "xn--l-9fa", "user@例え.a.test"), ("例え.a.test", "xn--l-9fa", "@x.例え.A.TEST")):
            w.add(f"RFC 8616 5: d={d} s={s} i={i}", w.sign(d=d, s=s, more=f"i={i}; "), "pass", "pass")
        w.add("RFC 8616 5: another U-label has another key", w.sign(d="例う.a.test", s="él"), "permerror", "fail")
        w.add("RFC 8616 5: octets that are no UTF-8", w.sign(d="\udcff.a.test"), "permerror", "fail", "bad domain in d=")
        w.add("AP-21: i= below d=", w.sign(more="i=user@x.a.test; "), "pass", "pass")
        w.add("AP-27: h= with 20,000 names", w.sign(h="from:" + ":".join("x" * 3 for _ in range(20000))), "policy", "fail", "too many names in h=")
        w.add("AP-27: h= with 512 names", w.sign(h="from" + ":from" * 511), "pass", "pass")
        w.add("AP-27: h= with 513 names", w.sign(h="from" + ":from" * 512), "policy", "fail", "too many names in h=")
        w.add("S1-050: refolded, relaxed", change(rb"Subject: one", b"Subject:\r\n\t  one "), "pass", "pass")
        w.add("S1-050: one letter of Subject changed", change(rb"Subject: one", b"Subject: ore"), "fail", "fail", "signature mismatch")
        w.add("S1-050: one letter of the body changed", change(rb"line two", b"line twx"), "fail", "fail", "body hash mismatch")
        simple = w.sign(c="simple/simple")
        w.add("S1-050: simple, as it was", simple, "pass", "pass")
        w.add("S1-050: refolded, simple", simple.replace(b"Subject: one", b"Subject:  one"), "fail", "fail", "signature mismatch")
        short = letter(w.ed, HEADER, b"a  b \r\n", c="relaxed/simple")
        w.add("S1-059: c=relaxed alone means a simple body", short.replace(b"relaxed/simple", b"relaxed"), "fail", "fail")
        w.add("S1-057 E-05: a body hash of 39 characters is none", change(rb"bh=[^;]*", b"bh=" + b"A" * 39), "permerror", "fail", "bad body hash in bh=")
        w.run()


def names(tap):
    """AP-23: what is no name must not become a question."""
    with folder() as root:
        w = World(tap, root)
        no_key = [f"TXT {name}" for name in ("_dmarc.a.test", "_dmarc.test")]
        bad = ['a.test"', "a.test(", "a .test", "a.test\t.x", "a..test", ".a.test", "a.test.", "a_-.te st", "a.test\\000", "-a.test", "test",
               "com", "a" * 64 + ".test", ".".join(["a" * 60] * 5), "a.test/../x", "a.test,b.test", "*.test", "xn--\u00fc.test"]
        for d in bad:
            w.add(f"AP-23 AP-22: d={d[:20]!r} asks nothing", w.sign(d=d), "permerror", "fail", asked=no_key)
        for s in ['s"', "s(", "s 1", "s;x", "s..t", ".s", "*", "s/..", "a" * 64, ".".join(["a" * 60] * 4)]:
            w.add(f"AP-23: s={s[:20]!r} asks nothing", w.sign(s=s), "permerror", "fail", asked=no_key)
        good = w.sign()
        for title, name in {"NUL": b"\0", "CR": b"\r", "LF": b"\n", "ESC": b"\x1b", "8 bit": b"\xff"}.items():
            w.add(f"AP-23: {title} in d= asks nothing", good.replace(b"d=a.test", b"d=a.t" + name + b"est"), "permerror", asked=no_key)
            w.add(f"AP-23: {title} in s= asks nothing", good.replace(b"s=ed", b"s=e" + name + b"d"), "permerror", asked=no_key)
        w.add("AP-22: a public suffix signs, but is aligned with nobody below it (RFC 9989 4.10)",
              w.sign(header=HEADER.replace(b"a.test", b"x.co.test"), d="co.test"), "pass", "fail")
        w.publish("ed", w.ed.record(), d="co.test")
        w.zone += '_dmarc.co.test. TXT "v=DMARC1; p=none; psd=y"\n_dmarc.x.co.test. TXT "v=DMARC1; p=reject"\n'
        w.add("AP-10: case of d= and s= is no matter", w.sign(d="A.tESt", s="eD"), "pass", "pass")
        w.add("AP-10: nor is that of From", w.sign(header=HEADER.replace(b"a.test", b"A.TEST")), "pass", "pass", **{"from": "a.test"})
        w.add("S1-055 S1-052: d= is the signer's claim; a third party passes and is not aligned", w.sign(d="other.test"), "pass", "fail")
        w.publish("ed", w.ed.record(), d="other.test")
        w.add("S1-058: the key is asked at s._domainkey.d", w.sign(), "pass", asked=["TXT ed._domainkey.a.test", *no_key])
        w.run()


# ---- keys -------------------------------------------------------------------------------------------------


def key_records(tap):
    with folder() as root:
        w = World(tap, root)
        rsa = base64.b64encode(w.rsa.public).decode()
        ed = base64.b64encode(w.ed.public).decode()
        other = Key(root, "ed25519", "other")
        cut = rsa[:253 - 18]  # what the first string of the TXT held
        rows = [
            ("AP-20: revoked", "v=DKIM1; p=", "permerror", "key revoked"),
            ("AP-20: revoked, with blanks", "v=DKIM1; p= ", "permerror", "key revoked"),
            ("AP-20: k=ed25519 and an RSA signature", f"v=DKIM1; k=ed25519; p={ed}", "permerror", "key type does not fit a="),
            ("AP-20: h= without sha256", f"v=DKIM1; h=sha1; p={rsa}", "permerror", "key does not allow the hash"),
            ("AP-20: s= that is not for mail", f"v=DKIM1; s=tlsrpt; p={rsa}", "permerror", "key is not for mail"),
            ("AP-20: s=email among others", f"v=DKIM1; s=tlsrpt:email; p={rsa}", "pass", ""),
            ("AP-20: s=*", f"v=DKIM1; s=*; p={rsa}", "pass", ""),
            ("AP-20: v= not first (3.6.1)", f"k=rsa; v=DKIM1; p={rsa}", "permerror", "not a DKIM1 key record"),
            ("AP-20: v=DKIM2", f"v=DKIM2; p={rsa}", "permerror", "not a DKIM1 key record"),
            ("AP-20: v=dkim1", f"v=dkim1; p={rsa}", "permerror", "not a DKIM1 key record"),
            ("AP-20: no v= (3.6.1)", f"p={rsa}", "pass", ""),
            ("AP-20: unknown k=", f"v=DKIM1; k=dsa; p={rsa}", "permerror", None),
            ("AP-20: no p=", "v=DKIM1; k=rsa", "permerror", "key syntax error"),
            ("AP-20: p= twice", f"v=DKIM1; p={rsa}; p={rsa}", "permerror", "key syntax error"),
            ("AP-20: blanks inside p=", f"v=DKIM1; p={rsa[:50]} {rsa[50:]}", "pass", ""),
            ("AP-20: g= of RFC 4871 is ignored", f"v=DKIM1; g=nobody; p={rsa}", "pass", ""),
            ("t=y is a pass like any other (RFC 6376 3.6.1)", f"v=DKIM1; t=y; p={rsa}", "pass", ""),
            ("AP-21: t=s and i= equal to d=", f"v=DKIM1; t=s; p={rsa}", "pass", ""),
            ("AP-19: p= that ends where a string did", f"v=DKIM1; k=rsa; p={cut}", "permerror", "key cut short"),
            ("AP-19: p= that ends at a whole group", f"v=DKIM1; k=rsa; p={cut[:200]}", "permerror", "key cut short"),
            ("AP-19: p= that ends in front of its length", f"v=DKIM1; k=rsa; p={cut[:4]}", "permerror", "key syntax error"),
            ("AP-19: p= with junk", f"v=DKIM1; p={rsa[:100]}<junk>{rsa[100:]}", "permerror", "key syntax error"),
            ("AP-19: p= with something behind the key", f"v=DKIM1; p={base64.b64encode(w.rsa.public + b'x').decode()}", "permerror", None),
            ("SEC-41 AP-19: a record of 64 KiB", "v=DKIM1; n=" + "x" * 64000 + f"; p={rsa}", "policy", "key record too long"),
            ("SEC-41: a record of 60,000 tags", "v=DKIM1; " + "a=1;" * 15000, "policy", "key record too long"),
            ("SEC-40: a record full of format directives", "v=DKIM1; n=%n%s%999999d; p=%s%n", "permerror", "key syntax error"),
        ]
        for i, (title, record, result, reason) in enumerate(rows):
            w.publish(f"k{i}", record)
            w.add(title, w.sign(key=w.rsa, s=f"k{i}"), result, "pass" if result == "pass" else "fail", reason)
        w.publish("strict", w.ed.record("v=DKIM1; t=s; "))
        w.add("AP-21: t=s and i= below d=", w.sign(s="strict", more="i=u@x.a.test; "), "permerror", "fail", "key wants i= to equal d=")
        w.publish("two", w.ed.record(), other.record())
        w.add("AP-30: two keys at one selector", w.sign(s="two"), "permerror", "fail", "several keys")
        w.publish("noisy", w.ed.record(), "v=spf1 -all", "v=DKIM1; p=")
        w.add("AP-30: one key beside other text", w.sign(s="noisy"), "pass", "pass")
        w.publish("wrong", other.record())
        w.add("AP-30: the key of another", w.sign(s="wrong"), "fail", "fail", "signature mismatch")
        w.add("AP-30: NXDOMAIN", w.sign(s="absent"), "permerror", "fail", "no key")
        w.zone += "there._domainkey.a.test. A 192.0.2.1\n$SERVFAIL broken._domainkey.a.test. TXT\n$TIMEOUT late._domainkey.a.test. TXT\n"
        w.add("AP-30: no TXT there", w.sign(s="there"), "permerror", "fail", "no key")
        w.add("AP-30: SERVFAIL", w.sign(s="broken"), "temperror", "temperror", "key unavailable")
        w.add("AP-30: a timeout", w.sign(s="late"), "temperror", "temperror", "key unavailable")
        for n in (1, 8, 9):
            w.zone += "".join(f"c{n}-{i}._domainkey.a.test. CNAME c{n}-{i + 1}._domainkey.a.test.\n" for i in range(n))
            w.publish(f"c{n}-{n}", w.ed.record())
            w.add(f"AP-30: a chain of {n} CNAMEs", w.sign(s=f"c{n}-0"), "pass" if n <= 8 else "temperror")
        w.zone += "loop._domainkey.a.test. CNAME loop2._domainkey.a.test.\nloop2._domainkey.a.test. CNAME loop._domainkey.a.test.\n"
        w.add("AP-30: a loop of CNAMEs", w.sign(s="loop"), "temperror", "temperror")
        w.run()


def key_sizes(tap):
    with folder() as root:
        w = World(tap, root)
        for bits, result in ((768, "policy"), (1023, "policy"), (1024, "pass")):
            key = Key(root, "rsa", f"r{bits}", bits)
            w.publish(f"r{bits}", key.record())
            w.add(f"AP-18 SEC-73: an RSA key of {bits} bits (RFC 8301 3.2)", w.sign(key=key), result, "pass" if result == "pass" else "fail")

        def rsa_of(n_bits, e):
            return spki(der_int((1 << (n_bits - 1)) + 1) + der_int(e))
        for title, der, result in [
            ("4,096 bits, of another", rsa_of(4096, 65537), "fail"), ("4,097 bits", rsa_of(4097, 65537), "policy"),
            ("16,384 bits", rsa_of(16384, 65537), "policy"), ("19,000 bits", rsa_of(19000, 65537), "policy"),
            ("e = 2", rsa_of(2048, 2), "permerror"), ("e = 1", rsa_of(2048, 1), "permerror"), ("e = 0", rsa_of(2048, 0), "permerror"),
            ("e of 2,000 bits", rsa_of(2048, (1 << 2000) + 1), "permerror"), ("an even modulus", spki(der_int(1 << 2047) + der_int(65537)), "permerror"),
            ("a modulus of 0", spki(der_int(0) + der_int(65537)), "permerror"), ("no exponent", spki(der_int(1 << 2047)), "permerror"),
        ]:
            name = re.sub(r"\W", "", title)
            w.publish(name, f"v=DKIM1; p={base64.b64encode(der).decode()}")
            w.add(f"AP-18 SEC-73: {title}", w.sign(key=w.rsa, s=name), result, "fail")
        w.publish("small", "v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes([1]) + bytes(31)).decode())
        forged = re.sub(rb"b=\S+", b"b=" + base64.b64encode(bytes([1]) + bytes(63)), w.sign(s="small"))
        w.add("AP-32: an Ed25519 key of small order vouches for nothing", forged, "permerror", "fail", "key syntax error")
        good = w.sign()
        raw = base64.b64decode(re.search(rb" b=(\S+)", good)[1])
        order = 2**252 + 27742317777372353535851937790883648493
        s = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
        w.add("AP-32: S that is not reduced (RFC 8032 5.1.7)", re.sub(rb" b=\S+", b" b=" + base64.b64encode(raw[:32] + s), good), "fail", "fail")
        w.add("AP-32: a signature of 63 octets", re.sub(rb" b=\S+", b" b=" + base64.b64encode(raw[:63]), good), "fail", "fail")
        w.run()


def der(tag, content):
    n = len(content)
    size = bytes([n]) if n < 128 else (lambda b: bytes([128 + len(b)]) + b)(n.to_bytes((n.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + size + content


def der_int(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def spki(numbers):
    return der(0x30, der(0x30, bytes.fromhex("06092a864886f70d0101010500")) + der(3, b"\0" + der(0x30, numbers)))


# ---- several signatures, replay ------------------------------------------------------------------------------


def several(tap):
    with folder() as root:
        w = World(tap, root)
        good = signature(w.ed, HEADER, BODY)
        junk = good.replace(b"d=a.test", b"d=stranger.test")
        rest = HEADER + b"\r\n" + BODY
        limit = "over the limit"
        answers_at = len(w.catalogue.cases)
        w.add("AP-24 SEC-74: the author's signature counts below a flood of others", junk * 50 + good + rest, ["permerror"] * 9 + ["neutral"] * 41 + ["pass"],
              "pass", ["no key"] * 9 + [limit] * 41 + [""])
        w.add("AP-24 AP-25: 500 of the author's: ten are evaluated, one key is asked", good * 500 + rest, ["pass"] * 10 + ["neutral"] * 490, "pass",
              asked=["TXT ed._domainkey.a.test", "TXT _dmarc.a.test", "TXT _dmarc.test"])
        many = b"".join(good.replace(b"s=ed", f"s=x{i}".encode()) for i in range(1000))
        w.add("SEC-74: a thousand selectors: ten questions", many + rest, ["permerror"] * 10 + ["neutral"] * 990, "fail",
              asked=[f"TXT x{i}._domainkey.a.test" for i in range(10)] + ["TXT _dmarc.a.test", "TXT _dmarc.test"])
        lengths = b"".join(signature(w.ed, HEADER, BODY, length=i) for i in range(1, 11))
        w.add("AP-26: ten lengths in one pass", lengths + rest, ["pass"] * 10, "fail")
        w.add("AP-33: a letter for somebody else, sent to many: it passes, and its age is told", letter(w.ed, HEADER, BODY, more=f"t={NOW - 86400}; "), "pass",
              "pass", signed_at=[NOW - 86400])
        assert answers_at == 0
        w.run()


def bodies(tap):
    """AP-31, in black and white; the property is lib/message's."""
    with folder() as root:
        w = World(tap, root)
        for c in ("relaxed/relaxed", "simple/simple"):
            for body in (b"", b"\r\n", b"\r\n\r\n", b"x", b"x\r\n\r\n", b" \r\n", b"x \t\r\n", b"a\rb\r\n", b"a\nb\r\n", b"\r", b"\n", b"a\r\r\n", b"\0\xff\r\n",
                         b"." * 1200 + b"\r\n"):
                w.add(f"AP-31: {c}, a body of {body[:9]!r}", letter(w.ed, HEADER, body, c=c), "pass", "pass")
        other = letter(w.ed, HEADER, b"a\rb\r\n")
        w.add("AP-31: a lone CR is content", other.replace(b"a\rb", b"a\r\nb"), "fail", "fail", "body hash mismatch")
        assert body_hash(b"", "relaxed") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        w.run()


def forwarders(tap):
    """What a list does to a signature, and what it may do about it."""
    with folder() as root:
        w = World(tap, root)
        code, signed, said = hikyaku("sign", "--key", w.rsa.path, "--domain", "a.test", "--selector", "rsa", "--now", NOW, "-", given=HEADER + b"\r\n" + BODY)
        tap.ok(code == 0 and b"c=relaxed/relaxed;" in signed, "S1-051: what is signed by default is relaxed/relaxed", said, signed)
        w.add("S1-051: and it verifies", signed, "pass", "pass")
        w.add("S1-051: relaxed stands a list's refolding", signed.replace(b"Subject: one", b"Subject:   one \r\n\t"), "pass", "pass")
        tagged = signed.replace(b"Subject: one", b"Subject: [list] one")
        w.add("S1-053: a Subject with the list's name breaks the signature", tagged, "fail", "fail", "signature mismatch")
        w.add("S1-053: a footer does", signed + b"-- \r\nthe list\r\n", "fail", "fail", "body hash mismatch")
        w.publish("ed", w.ed.record(), d="list.test")
        w.zone += '_dmarc.list.test. TXT "v=DMARC1; p=reject"\n'
        header, body = tagged.split(b"\r\n\r\n", 1)
        header += b"\r\n"
        w.add("S1-054: the list's own signature passes and is not aligned", letter(w.ed, header, body, d="list.test"), ["pass", "fail"], "fail")
        munged = header.replace(b"From: User <user@a.test>", b'From: "User via List" <list@list.test>\r\nReply-To: user@a.test')
        w.add("S1-054: with From rewritten it is", letter(w.ed, munged, body, d="list.test"), ["pass", "fail"], "pass", **{"from": "list.test"})
        w.run()


if __name__ == "__main__":
    sys.exit(run_cases([coverage, length, tags, names, key_records, key_sizes, several, bodies, forwarders], Tap()))

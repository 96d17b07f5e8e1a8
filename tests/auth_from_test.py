# SPDX-License-Identifier: MIT
"""Whose name a letter may carry: From, MAIL FROM, HELO, the DMARC walk and our Authentication-Results, asked with
`hikyaku verify`. The client is the forger's own, and everything of his passes; what he wants is victim.test. TAP.

AP-n and SEC-n are the rows of the catalogues that tests/rows.txt counts."""

import json
import re
import sys

from harness import Tap, folder, hikyaku, run_cases
from letters import Catalogue, Key, letter

ZONE = """
victim.test. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.victim.test. TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
attack.test. TXT "v=spf1 ip4:203.0.113.9 -all"
any.attack.test. TXT "v=spf1 ip4:203.0.113.9 -all"
_dmarc.attack.test. TXT "v=DMARC1; p=none"
xn--bcher-kva.test. TXT "v=spf1 ip4:203.0.113.9 -all"
_dmarc.xn--bcher-kva.test. TXT "v=DMARC1; p=reject; aspf=s"
"""
CLIENT = {"ip": "203.0.113.9", "helo": "mx.attack.test", "mail_from": "u@attack.test", "authserv_id": "mx.b.test"}
REST = b"To: v@b.test\r\nSubject: one\r\n\r\nbody\r\n"


# ---- From ------------------------------------------------------------------------------------------------

# header, author domain ("" for none), DMARC
FROM = [
    ("the forger himself", "From: u@attack.test", "attack.test", "pass"),
    ("SEC-68: the victim", "From: u@victim.test", "victim.test", "fail"),
    ("AP-1 SEC-67 SEC-71 a8: two fields", "From: u@attack.test\r\nFrom: u@victim.test", "", "permerror"),
    ("AP-1: two fields with one domain", "From: u@attack.test\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-1: two fields, the second in another case", "From: u@attack.test\r\nFROM: u@victim.test", "", "permerror"),
    ("AP-2 SEC-71 a14: two domains", "From: u@attack.test, u@victim.test", "", "permerror"),
    ("AP-2: two domains in a group", "From: all: u@attack.test, u@victim.test;", "", "permerror"),
    ("AP-2: two addresses of one domain", "From: u@attack.test, v@Attack.Test", "attack.test", "pass"),
    ("AP-3 SEC-71 a17: a quoted pair outside quotes", "From: <u@attack.test>\\,<u@victim.test>", "", "permerror"),
    ("AP-3 a15: an encoded word is no address", "From: =?utf-8?B?PHVAdmljdGltLnRlc3Q+?=", "", "permerror"),
    ("AP-3 SEC-79 a15: an encoded word in a local part is not decoded", "From: =?utf-8?Q?u=40victim.test=00?=@attack.test", "attack.test", "pass"),
    ("SEC-79: an encoded word in a domain", "From: u@=?utf-8?Q?victim.test?=", "", "permerror"),
    ("AP-3 a15: an encoded display name with an address in it", "From: =?utf-8?Q?u=40victim.test?= <u@attack.test>", "attack.test", "pass"),
    ("AP-3 a16: a route is not the address", "From: <@victim.test,@any.test:u@attack.test>", "attack.test", "pass"),
    ("AP-3 a16: the address behind a route", "From: <@attack.test,@any.test:u@victim.test>", "victim.test", "fail"),
    ("AP-3 a18: an address before an address", "From: u@victim.test <u@attack.test>", "", "permerror"),
    ("AP-3 a18: an address behind an address", "From: <u@attack.test> u@victim.test", "", "permerror"),
    ("AP-3 a19: two angles", "From: <u@attack.test><u@victim.test>", "", "permerror"),
    ("AP-3: angles in angles", "From: <<u@victim.test>u@attack.test>", "", "permerror"),
    ("AP-3 SEC-80: two at signs", "From: u@victim.test@attack.test", "", "permerror"),
    ("AP-3 SEC-80: an at sign in quotes", 'From: "u@victim.test"@attack.test', "attack.test", "pass"),
    ("AP-4: an address in a quoted local part", 'From: "x <y@junk.test>"@victim.test', "victim.test", "fail"),
    ("AP-5: quotation marks in a display name", 'From: "\\"Acme, Inc.\\"" <u@victim.test>', "victim.test", "fail"),
    ("AP-5: a display name with an address", 'From: "u@attack.test" <u@victim.test>', "victim.test", "fail"),
    ("AP-6: an angle that was not opened", "From: u@victim.test>", "", "permerror"),
    ("AP-6: an angle that is not closed", "From: <u@victim.test", "", "permerror"),
    ("AP-7: nothing", "From: ", "", "permerror"),
    ("AP-7: an empty angle", "From: <>", "", "permerror"),
    ("AP-7: an empty group", "From: undisclosed:;", "", "permerror"),
    ("AP-7: only a name", "From: victim", "", "permerror"),
    ("AP-7: no field at all", "X-From: u@victim.test", "", "permerror"),
    ("AP-8 SEC-71 a10: a blank before the colon is a From", "From : u@victim.test", "victim.test", "fail"),
    ("AP-8 a11: folded before the colon is a From", "From\r\n : u@victim.test", "victim.test", "fail"),
    ("AP-8 a10: 'From :' and 'From:'", "From : u@victim.test\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-8 a11: folded, and 'From:'", "From\r\n : u@victim.test\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-8 a9: a first line that begins with a blank", " From: u@victim.test\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-8: a folded value", "From:\r\n\tu@victim.test", "victim.test", "fail"),
    ("AP-8: a field that is no field between", "From: u@attack.test\r\nno field here\r\nX: y", "attack.test", "pass"),
    ("AP-12 a12: Sender", "From: u@victim.test\r\nSender: u@attack.test", "victim.test", "fail"),
    ("AP-12 a13: Resent-From", "From: u@victim.test\r\nResent-From: u@attack.test", "victim.test", "fail"),
    ("AP-10: case and a comment in the domain", "From: u@VICTIM(x).TEST", "victim.test", "fail"),
    ("AP-10: blanks round the dot (RFC 5322 4.4)", "From: u@victim . test", "victim.test", "fail"),
    ("AP-10: a final dot", "From: u@victim.test.", "", "permerror"),
    ("SEC-80: a comment that holds the address", "From: (u@attack.test) u@victim.test", "victim.test", "fail"),
    ("SEC-80: a comment behind", "From: u@victim.test (u@attack.test)", "victim.test", "fail"),
    ("SEC-80: a comment that is not closed", "From: u@victim.test (u@attack.test", "", "permerror"),
    ("SEC-80: a quote that is not closed", 'From: "u@attack.test <u@victim.test>', "", "permerror"),
    ("SEC-80: a semicolon", "From: u@attack.test; u@victim.test", "", "permerror"),
    ("SEC-80: a quoted domain", 'From: u@"victim.test"', "", "permerror"),
    ("SEC-50: an empty quoted local part", 'From: ""@victim.test', "victim.test", "fail"),
    ("SEC-50: a literal", "From: u@[203.0.113.9]", "", "permerror"),
    ("SEC-40: format directives", 'From: "%n%s%999999d" <%n%s@victim.test>', "victim.test", "fail"),
]
RAW = [
    ("SEC-79: a look-alike of the victim is another", "From: u@v\u0456ctim.test".encode(), "xn--vctim-n2e.test", "none"),
    ("SEC-79: full-width letters and the ideographic full stop are the victim (UTS #46)", "From: u@\uff56ictim\u3002test".encode(), "victim.test", "fail"),
    ("SEC-79: a soft hyphen is nothing", "From: u@vic\u00adtim.test".encode(), "victim.test", "fail"),
    ("SEC-79: sharp s is no ss (IDNA2008)", "From: u@fa\u00df.test".encode(), "xn--fa-hia.test", "none"),
    ("SEC-79: a character that is a dot to some and a slash to others", "From: u@victim.test\u2044.attack.test".encode(), "", "permerror"),
    ("SEC-79: right-to-left override", "From: u@victim\u202e.test".encode(), "", "permerror"),
    ("AP-9 SEC-71: NUL in the domain", b"From: u@victim.test\0.attack.test", "", "permerror"),
    ("SEC-71: NUL behind the address", b"From: u@victim.test\0", "", "permerror"),
    ("AP-9: CR in the domain", b"From: u@victim\r.test", "", "permerror"),
    ("AP-9: LF and another From", b"From: u@attack.test\nFrom: u@victim.test", "", "permerror"),
    ("AP-9: CR and another From", b"From: u@attack.test\rFrom: u@victim.test", "", "permerror"),
    ("AP-9 SEC-71: a From behind a lone LF in another field", b"X: y\nFrom: u@victim.test\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-9: behind a lone CR", b"From: u@attack.test\r\nX: y\rFrom : u@victim.test", "", "permerror"),
    ("AP-9: a header that ends for readers of LF", b"From: u@victim.test\n\n\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-9: a lone LF with no From behind it", b"X: y\nz\r\nFrom: u@attack.test", "attack.test", "pass"),
    ("SEC-50: a truncated UTF-8 sequence", b"From: u@victim\xe3\x81.test", "", "permerror"),
    ("SEC-50: an overlong one", b"From: \xc0\xaf@victim.test", "", "permerror"),
    ("SEC-50: UTF-8 in the local part", b"From: \xc3\xa9@victim.test", "victim.test", "fail"),
    ("AP-8 SEC-71: NUL in the name", b"From\0: u@victim.test\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-8: NUL inside the name", b"Fr\0om: u@victim.test\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-8: a blank that does not break", b"From\xa0: u@victim.test\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-8: a byte order mark", b"\xef\xbb\xbfFrom: u@victim.test\r\nFrom: u@attack.test", "", "permerror"),
    ("AP-8: a blank of no width", "Fro\u200bm: u@victim.test\r\nFrom: u@attack.test".encode(), "", "permerror"),
    ("AP-8: the line of an mbox is no field", b"From u@victim.test Thu Jan  1 00:00:00 2026\r\nFrom: u@attack.test", "attack.test", "pass"),
    ("AP-8: From-Line is another name", b"From-Line: u@victim.test\r\nFrom: u@attack.test", "attack.test", "pass"),
]


def from_field(tap):
    with folder() as root:
        catalogue = Catalogue(tap, root)
        for title, header, author, dmarc in [(t, h.encode(), a, d) for t, h, a, d in FROM] + RAW:
            catalogue.add(title, header + b"\r\n" + REST, {"from": author, "dmarc": dmarc, "spf": "pass"}, **CLIENT)
        catalogue.run(ZONE)


# ---- envelope, HELO -------------------------------------------------------------------------------------------


def envelope(tap):
    victim, attack = b"From: u@victim.test\r\n" + REST, b"From: u@attack.test\r\n" + REST
    with folder() as root:
        catalogue = Catalogue(tap, root)
        for title, request, want in [
            ("SEC-71 a1: a name below the victim that is not there", {"mail_from": "u@no.victim.test"}, {"spf": "none", "dmarc": "fail"}),
            ("AP-42 SEC-68 a2: the null sender is its HELO", {"mail_from": ""}, {"spf": "none", "spf.identity": "helo", "dmarc": "fail"}),
            ("SEC-68: a HELO that says victim.test", {"mail_from": "", "helo": "victim.test"}, {"spf": "fail", "dmarc": "fail"}),
            ("AP-42 SEC-68: what HELO passes is not what MAIL FROM passes", {"mail_from": "u@attack.test", "helo": "victim.test", "ip": "192.0.2.1"},
             {"spf": "fail", "spf.identity": "mailfrom", "dmarc": "fail"}),
            ("AP-35 SEC-69 a5: a comment in the domain", {"mail_from": "any@victim.test(.attack.test"}, {"spf": "none", "dmarc": "fail"}),
            ("AP-35 SEC-69 a6: a quote and two at signs", {"mail_from": "any@victim.test'@any.attack.test"}, {"spf": "pass", "spf.domain": "any.attack.test",
                                                                                                          "dmarc": "fail"}),
            ("AP-35 a7: a route", {"mail_from": "@victim.test,@any.test:u@attack.test"}, {"spf": "pass", "spf.domain": "attack.test", "dmarc": "fail"}),
            ("AP-10: case and a final dot in MAIL FROM", {"mail_from": "u@ATTACK.test."}, {"spf": "pass", "dmarc": "fail"}),
            ("AP-10: a U-label in MAIL FROM is its A-label", {"mail_from": "u@b\u00fccher.test"}, {"spf": "pass", "spf.domain": "xn--bcher-kva.test"}),
            ("AP-43: a mapped IPv4 client is IPv4", {"ip": "::ffff:203.0.113.9"}, {"spf": "pass"}),
            ("AP-42: MAIL FROM below that has no record", {"mail_from": "u@x.y.attack.test"}, {"spf": "none"}),
        ]:
            catalogue.add(title, victim, want, **{**CLIENT, **request})
        catalogue.add("AP-10: and it is aligned", attack, {"dmarc": "pass", "dmarc.spf_aligned": True}, **{**CLIENT, "mail_from": "u@ATTACK.test."})
        for author in ("b\u00fccher.test", "B\u00dcCHER.test", "xn--bcher-kva.test", "XN--BCHER-KVA.test", "bu\u0308cher.test"):
            for sender in ("b\u00fccher.test", "xn--BCHER-kva.test"):
                catalogue.add(f"AP-10 SEC-79: From {author!a} and MAIL FROM {sender!a} are one name", f"From: u@{author}\r\n".encode() + REST,
                              {"from": "xn--bcher-kva.test", "spf": "pass", "dmarc": "pass"}, **{**CLIENT, "mail_from": f"u@{sender}"})
        catalogue.add("AP-42: the null sender's HELO is MAIL FROM (RFC 7208 2.4), so it aligns", attack, {"spf": "pass", "dmarc": "pass"},
                      **{**CLIENT, "mail_from": "", "helo": "any.attack.test"})
        for answer in catalogue.run(ZONE):
            text = answer["result"]["authentication_results"]
            tap.ok(re.sub(r'"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)', "", text).count("smtp.") == 1, "AP-35 SEC-69: one identity in one result", text)


# ---- our field ----------------------------------------------------------------------------------------------


def results(tap):
    """AP-35 SEC-69 SEC-60: a value from outside never ends a value, a comment or a line of ours."""
    nasty = ["a\r\nX: y@attack.test", "a;dkim=pass@attack.test", "a\x1b[2J@attack.test", '"a;b"@attack.test', "a(b@attack.test", "a)b@attack.test", "a\\@attack.test",
             'a"b@attack.test', "\u202ea@attack.test", "%n%s@attack.test", "a\tb@attack.test", *[f"a{chr(i)}b@attack.test" for i in range(1, 0x80)]]
    requests = [{**CLIENT, "mail_from": text, "helo": text.split("@")[0] or "x", "message": (b"From: u@attack.test\r\n" + REST).decode()} for text in nasty]
    with folder() as root:
        (root / "zone").write_text(ZONE)
        _, out, _ = hikyaku("verify", "--batch", "--dns", root / "zone", given="\n".join(map(json.dumps, requests)).encode())
    for request, answer in zip(requests, map(json.loads, out.splitlines()), strict=True):
        field = answer["result"]["authentication_results"]
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", field)
        while (inner := re.sub(r"\((?:[^()\\]|\\.)*\)", "", bare)) != bare:
            bare = inner
        lines = field.split("\r\n")
        good = (re.fullmatch(r"[\t\r\n -~]*", field) and not re.search(r"\r(?!\n)|(?<!\r)\n", field) and all(line.startswith("\t") for line in lines[1:])
                and [part.split("=")[0].strip() for part in bare.split(";")[1:]] == ["dkim", "spf", "dmarc"] and not re.search(r'["()]', bare))
        tap.ok(good, f"SEC-69 SEC-60: MAIL FROM {request['mail_from']!a}", field)


# ---- the walk ---------------------------------------------------------------------------------------------------

WALK = """
two.test. TXT "other text"
_dmarc.two.test. TXT "v=DMARC1; p=reject"
_dmarc.two.test. TXT "v=DMARC1; p=none"
_dmarc.sub.two.test. TXT "v=DMARC1; p=reject"
_dmarc.noise.test. TXT "some text"
_dmarc.noise.test. TXT "v=DMARC1; p=reject"
_dmarc.noise.test. TXT "v=DMARC2; p=none"
*.wild.test. TXT "v=spf1 -all"
_dmarc.wild.test. TXT "v=DMARC1; p=quarantine"
_dmarc.psd.test. TXT "v=DMARC1; p=reject; psd=y"
_dmarc.org.psd.test. TXT "v=DMARC1; p=quarantine; psd=n"
_dmarc.below.org.psd.test. TXT "v=DMARC1; p=none; psd=n"
below.org.psd.test. TXT "v=spf1 ip4:203.0.113.9 -all"
org.psd.test. TXT "v=spf1 ip4:203.0.113.9 -all"
_dmarc.np.test. TXT "v=DMARC1; p=none; sp=quarantine; np=reject"
there.np.test. A 192.0.2.1
dangling.np.test. CNAME nowhere.test.
x.empty.np.test. A 192.0.2.1
$SERVFAIL broken.np.test.
$SERVFAIL _dmarc.broken.test. TXT
$TIMEOUT _dmarc.late.test. TXT
_dmarc.strict.test. TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
sub.strict.test. TXT "v=spf1 ip4:203.0.113.9 -all"
_dmarc.testing.test. TXT "v=DMARC1; p=reject; t=y"
_dmarc.testingq.test. TXT "v=DMARC1; p=quarantine; t=y"
_dmarc.onlyrua.test. TXT "v=DMARC1; rua=mailto:d@onlyrua.test"
_dmarc.nothing.test. TXT "v=DMARC1; sp=reject"
_dmarc.pct.test. TXT "v=DMARC1; p=reject; pct=0; ri=3600; rf=iodef; zz=1"
"""


def walk(tap):
    def names(*parts):
        return [f"TXT _dmarc.{name}" for name in parts]

    with folder() as root:
        catalogue = Catalogue(tap, root)
        deep = ".".join(f"l{i}" for i in range(39)) + ".test"
        seven = [".".join(deep.split(".")[-n:]) for n in range(7, 0, -1)]
        for title, domain, want in [
            ("AP-46: two records at a name are none, and the walk goes on", "two.test", {"dmarc": "none"}),
            ("AP-46: below them the own record holds", "sub.two.test", {"dmarc": "fail", "dmarc.policy": "reject", "dmarc.org_domain": "sub.two.test"}),
            ("AP-46: other text beside one record", "noise.test", {"dmarc": "fail", "dmarc.policy": "reject"}),
            ("AP-46: what a wildcard gives is no record", "x.wild.test", {"dmarc": "fail", "dmarc.record_domain": "wild.test", "dmarc.disposition": "quarantine"}),
            ("AP-47: forty labels make eight questions (RFC 9989 4.10)", deep, {"asked": names(deep, *seven), "dmarc": "none"}),
            ("AP-47: psd=y at the name itself is its own policy", "psd.test", {"dmarc.policy": "reject", "dmarc.org_domain": "psd.test"}),
            ("AP-47: psd=y above: one label below it is the organization", "a.b.psd.test", {"dmarc.policy": "reject", "dmarc.org_domain": "b.psd.test"}),
            ("AP-47: psd=n stops the walk", "x.org.psd.test", {"dmarc.record_domain": "org.psd.test", "dmarc.disposition": "quarantine"}),
            ("AP-49: a name that is not there has np=", "no.np.test", {"dmarc.policy": "reject"}),
            ("AP-49: a name that is there has sp=", "there.np.test", {"dmarc.policy": "quarantine"}),
            ("AP-49: an alias that leads nowhere is there", "dangling.np.test", {"dmarc.policy": "quarantine"}),
            ("AP-49: a name with names below is there", "empty.np.test", {"dmarc.policy": "quarantine"}),
            ("AP-49 AP-52: a DNS failure is no np", "broken.np.test", {"dmarc": "temperror", "dmarc.disposition": "none"}),
            ("AP-51: t=y lowers reject", "testing.test", {"dmarc": "fail", "dmarc.policy": "reject", "dmarc.disposition": "quarantine"}),
            ("AP-51: t=y lowers quarantine", "testingq.test", {"dmarc": "fail", "dmarc.policy": "quarantine", "dmarc.disposition": "none"}),
            ("AP-51: no p= but a rua= is p=none", "onlyrua.test", {"dmarc": "fail", "dmarc.policy": "none"}),
            ("AP-51: neither p= nor rua= is nothing", "nothing.test", {"dmarc": "none"}),
            ("AP-51 S4-042 S4-043: pct, ri, rf and unknown tags are ignored", "pct.test", {"dmarc": "fail", "dmarc.disposition": "reject"}),
            ("AP-52: SERVFAIL for the policy is a temperror", "broken.test", {"dmarc": "temperror", "dmarc.disposition": "none"}),
            ("AP-52: so it is above", "x.broken.test", {"dmarc": "temperror"}),
            ("AP-52: so is a timeout", "late.test", {"dmarc": "temperror"}),
        ]:
            catalogue.add(title, f"From: u@{domain}\r\n".encode() + REST, want, **{**CLIENT, "checks": "dmarc", "mail_from": "u@elsewhere.example"})
            if "asked" in want:
                want["asked"] = ["TXT elsewhere.example", *want["asked"]]
        for title, author, sender, result in [
            ("AP-50: aspf=s is strict", "strict.test", "sub.strict.test", "fail"),
            ("AP-50: aspf=s and the same name", "sub.strict.test", "sub.strict.test", "pass"),
            ("AP-47: each identifier has its own walk: psd=n below", "org.psd.test", "below.org.psd.test", "fail"),
            ("AP-47: and above", "below.org.psd.test", "org.psd.test", "fail"),
            ("AP-47: a name below the organization", "x.org.psd.test", "org.psd.test", "pass"),
        ]:
            catalogue.add(title, f"From: u@{author}\r\n".encode() + REST, {"dmarc": result}, **{**CLIENT, "checks": "dmarc", "mail_from": f"u@{sender}"})
        for answer in catalogue.run(WALK):
            cited = {step["rfc"] for step in answer["result"]["trace"] if step["event"] in ("DMARC_DOMAIN", "DMARC_WALK", "DMARC_RECORD", "DMARC_RESULT")}
            tap.ok(cited and all(rfc.startswith("RFC 9989 ") for rfc in cited), "S4-001: the steps of DMARC cite RFC 9989", cited)


def strict_dkim(tap):
    with folder() as root:
        key = Key(root, "ed25519", "s")
        catalogue = Catalogue(tap, root)
        header = b"From: u@sub.strict.test\r\nTo: v@b.test\r\nSubject: one\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
        zone = WALK + f's._domainkey.strict.test. TXT "{key.record()}"\ns._domainkey.relaxed.test. TXT "{key.record()}"\n_dmarc.relaxed.test. TXT "v=DMARC1; p=reject"\n'
        for title, author, d, dmarc in [("AP-50: adkim=s and a name below", "sub.strict.test", "strict.test", "fail"),
                                        ("AP-50: adkim=s and the same name", "strict.test", "strict.test", "pass"),
                                        ("AP-50: adkim=r and a name below", "sub.relaxed.test", "relaxed.test", "pass"),
                                        ("AP-50: a name that only ends alike", "xrelaxed.test", "relaxed.test", "none")]:
            text = letter(key, header.replace(b"sub.strict.test", author.encode()), b"x\r\n", d=d)
            catalogue.add(title, text, {"dkim": ["pass"], "dmarc": dmarc}, checks="dkim,dmarc")
        catalogue.run(zone)


if __name__ == "__main__":
    sys.exit(run_cases([from_field, envelope, results, walk, strict_dkim], Tap()))

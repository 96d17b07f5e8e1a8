# SPDX-License-Identifier: MIT
"""`hikyaku check`, `sign` and `--batch`: results, exit status, and every JSON output against its schema in docs/schema. TAP."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import BUILD, Tap, hikyaku
from schemas import faults, schema

ROOT = Path(__file__).resolve().parent.parent

ZONE = """
a.test. TXT "v=spf1 ip4:192.0.2.0/24 include:b.test exp=e.a.test -all"
b.test. TXT "v=spf1 a ip6:2001:db8::/32 ~all"
b.test. A 198.51.100.5
e.a.test. TXT "%{i} may not send for %{d}"
loop.test. TXT "v=spf1 include:loop.test -all"
soft.test. TXT "v=spf1 ~all"
wide.test. TXT "v=spf1 ip4:10.0.0.0/8 -all"
h.test. TXT "v=spf1 ip4:192.0.2.1 -all"
$SERVFAIL broken.test. TXT
$SERVFAIL _dmarc.broken.test. TXT
$TIMEOUT late._domainkey.a.test. TXT
_dmarc.a.test. TXT "v=DMARC1; p=reject; sp=quarantine; adkim=s; rua=mailto:d@a.test; pct=50"
_dmarc.bad.test. TXT "v=DMARC1; p=maybe; rua=mailto:d@bad.test"
_dmarc.good.test. TXT "v=DMARC1; p=reject; rua=mailto:d@good.test"
_dmarc.twice.test. TXT "v=DMARC1; p=reject"
_dmarc.twice.test. TXT "v=DMARC1; p=none"
_dmarc.small.test. TXT "v=dmarc1; p=reject"
_dmarc.empty.test. TXT "v=DMARC1"
_dmarc.t.test. TXT "v=DMARC1; p=reject; t=y; rua=mailto:d@t.test"
_dmarc.psd.test. TXT "v=DMARC1; p=reject; psd=y"
_dmarc.np.test. TXT "v=DMARC1; p=none; np=reject"
_dmarc.xn--bcher-kva.test. TXT "v=DMARC1; p=reject; rua=mailto:d@a.test"
revoked._domainkey.a.test. TXT "v=DKIM1; p="
junk._domainkey.a.test. TXT "v=DKIM1; p=AAAA"
"""
MESSAGE = b"From: u@a.test\r\nTo: v@b.test\r\nSubject: one\r\n\r\nhello\r\n"

tap = Tap()
ok = tap.ok


def told(name, *arguments, given=b""):
    """Exit status and the JSON that came, which must be as the schema of that name."""
    code, out, err = hikyaku(*arguments, "--json", given=given)
    value = json.loads(out) if out else {}
    wrong = faults(schema(name), value) if out else ["no output", err]
    ok(not wrong, f"{' '.join(map(str, arguments[:3]))} is as docs/schema/{name}.json", *wrong)
    return code, value


def check_schema():
    one = schema("spf")
    good = {key: 0 if key in ("lookups", "voids") else [] if key == "trace" else False if key == "trace_is_cut" else "" for key in one["required"]}
    good.update(result="pass", identity="helo", addresses={"result": "pass", "reason": "", "ipv4": 1, "ipv6": "0", "is_partial": False, "lookups": 0, "warnings": []})
    ok(not faults(one, good), "the checker takes what the schema allows", *faults(one, good))
    for title, change in {"a result that is none": {"result": "maybe"}, "a boolean for a number": {"lookups": True},
                          "a negative number": {"voids": -1}, "a member too many": {"more": 1}, "a step without members": {"trace": [{}]}}.items():
        ok(faults(one, {**good, **change}), f"the checker refuses {title}")
    del good["reason"]
    ok(faults(one, good), "the checker refuses a member too few")


# ---- check ---------------------------------------------------------------------------------------

def check_spf(zone):
    base = ("check", "spf", "--dns", zone)
    for title, arguments, code, wanted in [
        ("a client that is listed", ("--ip", "192.0.2.9", "--mail-from", "u@a.test"), 0,
         {"result": "pass", "identity": "mailfrom", "mechanism": "ip4:192.0.2.0/24", "lookups": 0}),
        ("a client of an include, with its counters", ("--ip", "198.51.100.5", "--mail-from", "u@a.test"), 0, {"result": "pass", "lookups": 2, "voids": 0}),
        ("IPv6", ("--ip", "2001:db8::1", "--mail-from", "u@a.test"), 0, {"result": "pass", "voids": 1}),
        ("the domain's own explanation (RFC 7208 6.2)", ("--ip", "203.0.113.1", "--mail-from", "u@a.test"), 1,
         {"result": "fail", "explanation": "203.0.113.1 may not send for a.test"}),
        ("softfail", ("--ip", "203.0.113.1", "--mail-from", "u@soft.test"), 1, {"result": "softfail"}),
        ("no record", ("--ip", "203.0.113.1", "--mail-from", "u@none.test"), 0, {"result": "none"}),
        ("the lookup limit (RFC 7208 4.6.4)", ("--ip", "203.0.113.1", "--mail-from", "u@loop.test"), 1, {"result": "permerror", "lookups": 11}),
        ("a server failure", ("--ip", "203.0.113.1", "--mail-from", "u@broken.test"), 3, {"result": "temperror"}),
        ("HELO alone (RFC 7208 2.3)", ("--ip", "192.0.2.1", "--helo", "h.test"), 0, {"result": "pass", "identity": "helo", "domain": "h.test"}),
        ("the null sender (RFC 7208 2.4)", ("--ip", "192.0.2.1", "--helo", "h.test", "--mail-from", ""), 0,
         {"result": "pass", "identity": "helo", "sender": "postmaster@h.test"}),
    ]:
        status, value = told("spf", *base, *arguments)
        found = {key: value.get(key) for key in wanted}
        ok(status == code and found == wanted and value["trace"], f"check spf: {title}", status, found)
    _, value = told("spf", *base, "--ip", "203.0.113.1", "--mail-from", "u@loop.test")
    terms = [step["texts"][3] for step in value["trace"] if step["event"] == "SPF_TERM"]
    ok(sum(step["event"] == "SPF_ENTER" for step in value["trace"]) == 10 and terms, "a permerror has the steps that led to it, with counters", terms)
    _, value = told("spf", *base, "--ip", "192.0.2.9", "--mail-from", "u@a.test")
    ok((value["addresses"]["ipv4"], value["addresses"]["ipv6"], value["addresses"]["warnings"]) == (257, str(2**96), []),
       "check spf: how many addresses the record authorises", value["addresses"])
    _, value = told("spf", *base, "--ip", "192.0.2.9", "--mail-from", "u@wide.test")  # S0-049
    ok((value["addresses"]["ipv4"], value["addresses"]["warnings"]) == (2**24, ["spf-too-wide"]), "check spf: a record that is too wide", value["addresses"])
    _, out, _ = hikyaku(*base, "--ip", "192.0.2.9", "--mail-from", "u@wide.test")
    ok(b"authorises    16777216 IPv4, 0 IPv6\n" in out and b"spf-too-wide" in out, "check spf: the same for people", out)
    code, out, _ = hikyaku(*base, "--ip", "192.0.2.9", "--mail-from", "u@a.test")
    ok(code == 0 and out.startswith(b"result        pass\n") and b"\nlookups       0 of 10\n" in out and b"[RFC 7208 5]" in out, "check spf for people", out)


def check_dmarc(folder, zone):
    psl = folder / "psl"
    psl.write_text("test\npsd.test\n")
    base = ("check", "dmarc", "--dns", zone)
    for title, arguments, code, wanted in [
        ("the organizational domain's record", ("x.a.test",), 0,
         {"result": "found", "policy": "quarantine", "org_domain": "a.test", "record_domain": "a.test", "adkim": "s"}),
        ("the domain's own, by the author's address", ("--from", "u@good.test"), 0, {"result": "found", "policy": "reject", "problems": []}),
        ("an invalid p is p=none (RFC 9989 4.10.1)", ("bad.test",), 1, {"result": "found", "policy": "none"}),
        ("two records are none (RFC 9989 4.10)", ("twice.test",), 0, {"result": "none"}),
        ("a server failure", ("broken.test",), 3, {"result": "temperror"}),
        ("no record", ("none.test",), 0, {"result": "none", "record": ""}),
    ]:
        status, value = told("dmarc", *base, *arguments)
        found = {key: value.get(key) for key in wanted}
        ok(status == code and found == wanted, f"check dmarc: {title}", status, value)
    for title, domain, about in [("two records", "twice.test", {"v=DMARC1; p=reject", "v=DMARC1; p=none"}), ("one that is no policy record", "small.test", {"v=dmarc1; p=reject"}),
                                 ("one without p and rua", "empty.test", {"v=DMARC1"})]:
        code, value = told("dmarc", *base, domain)
        ok(code == 0 and value["result"] == "none" and {p["about"] for p in value["problems"]} == about, f"check dmarc: {title} is told, for it is left out", code, value)
        ok(hikyaku(*base, domain, "--strict")[0] == 1, f"check dmarc --strict: {title}")
    _, value = told("dmarc", *base, "a.test")
    ok([p["about"] for p in value["problems"]] == ["50"], "check dmarc: pct is said to mean nothing any more", value["problems"])
    ok((value["profile"], value["policy"], value["disposition"], value["override"]) == ("rfc9989", "reject", "reject", None), "check dmarc: pct holds nothing back", value)
    old = ("--dmarc-profile", "rfc7489", "--psl", psl)
    for title, arguments, wanted in [
        ("by RFC 7489 pct holds for who is drawn", ("a.test", *old, "--dmarc-sample", "49"), ("reject", "reject", None, None)),
        ("S4-041: who is not drawn has one level less", ("a.test", *old, "--dmarc-sample", "50"),
         ("reject", "quarantine", {"type": "sampled_out", "comment": ""}, ["disposition"])),
        ("S4-040: t=y has one level less, and is said not to be RFC 7489's", ("t.test", "--psl", psl),
         ("reject", "quarantine", {"type": "policy_test_mode", "comment": ""}, ["disposition"])),
        ("S4-037: RFC 7489 looks at no public suffix domain", ("x.psd.test", "--psl", psl),
         ("reject", "reject", None, ["record_domain", "policy", "disposition", "result"])),
        ("S4-037: the same from the other side", ("x.psd.test", *old), ("none", "none", None, ["record_domain", "policy", "disposition", "result"])),
        ("np is for RFC 9989 alone", ("none.np.test", "--psl", psl), ("reject", "reject", None, ["policy", "disposition"])),
    ]:
        _, value = told("dmarc", *base, *arguments)
        found = (value["policy"], value["disposition"], value["override"], (value["differs"] or {}).get("in"))
        ok(found == wanted, f"check dmarc: {title}", found, value)
    code, out, _ = hikyaku(*base, "t.test", "--psl", psl)
    ok(b"policy        reject (enforcement mode)\ndisposition   quarantine, of a message that fails\noverride      policy_test_mode\n" in out and
       b"differs       by rfc7489: result found, organization t.test, record of t.test, policy reject, disposition reject (disposition)\n" in out,
       "check dmarc: policy, disposition, override and the other profile for people", out)
    modes = [told("dmarc", *base, domain)[1]["mode"] for domain in ("good.test", "bad.test", "none.test", "np.test")]
    ok(modes == ["enforcement", "monitoring", "", "monitoring"], "S4-045: check dmarc: monitoring mode and enforcement", modes)
    _, value = told("dmarc", *base, *old, "t.test")
    ok([p["about"] for p in value["problems"] if "RFC 7489" in p["what"]] == ["t"], "check dmarc: what RFC 7489 does not know is said", value["problems"])
    code, _, err = hikyaku(*base, "a.test", "--dmarc-profile", "rfc1")
    ok(code == 2 and "neither rfc9989 nor rfc7489" in err, "check dmarc: a profile that is none", err)
    code, out, err = hikyaku(*base, "s.psd.test", "--dmarc-profile", "rfc7489", "--psl", "/nonexistent")
    ok(code == 3 and err.count("public suffix list") == 1, "check dmarc: without a list RFC 7489 cannot say", code, err)
    code, value = told("dmarc", *base, "b\u00fccher.test")  # auth-peers 10
    ok(value["author_domain"] == "xn--bcher-kva.test" and value["result"] == "found", "check dmarc: U-labels become A-labels", value)
    verify = ("verify", "--dns", zone, "--psl", psl, "--ip", "192.0.2.9", "--mail-from", "u@a.test", "--helo", "h.test", "--now", "1731333660")
    two = b"From: u@a.test, v@good.test\r\nSubject: s\r\n\r\nhello\r\n"
    code, value = told("verify", *verify, "-", given=two)
    dmarc = value["dmarc"]
    ok((code, dmarc["result"], dmarc["differs"]["result"], dmarc["differs"]["author_domain"]) == (1, "permerror", "fail", "good.test"),
       "S4-057: several From domains, and how RFC 7489 has it", code, dmarc)
    code, value = told("verify", *verify, "--dmarc-profile", "rfc7489", "--save-evidence", folder / "record", "-", given=two)
    dmarc = value["dmarc"]
    ok((code, dmarc["result"], dmarc["policy"], dmarc["profile"]) == (1, "fail", "reject", "rfc7489"), "verify: the same by RFC 7489", code, dmarc)
    code, again = told("verify", "verify", "--evidence", folder / "record")
    ok(code == 1 and again["dmarc"] == dmarc and again["trace"] == value["trace"], "verify: a record replays profile, suffixes and comparison", again["dmarc"])
    _, value = told("verify", *verify, "-", given="From: u@b\u00fccher.test\r\n\r\nhello\r\n".encode())
    ok((value["dmarc"]["result"], value["dmarc"]["author_domain"]) == ("fail", "xn--bcher-kva.test"), "verify: From in U-labels", value["dmarc"])
    _, value = told("dmarc", *base, "a.test")
    names = [s["texts"][0] for s in value["trace"]]
    ok("author" in names, "check dmarc: the walk is in the trace", names)
    code, out, _ = hikyaku(*base, "bad.test")
    ok(code == 1 and b"fault         p is not one of none, quarantine, reject\n" in out, "check dmarc for people", out)


def check_key(zone):
    base = ("check", "dkim-key", "--dns", zone)
    for title, selector, code, result, problem in [
        ("an RSA key", "rsa", 0, "ok", None),
        ("an Ed25519 key (RFC 8463)", "ed", 0, "ok", None),
        ("1024 bits are allowed, and said to be few (RFC 8301 3.2)", "small", 0, "ok", "2048"),
        ("a revoked key (RFC 6376 3.6.1)", "revoked", 1, "permerror", "revoked"),
        ("a key that is none", "junk", 1, "permerror", "syntax"),
        ("no record", "none", 1, "permerror", None),
        ("no answer", "late", 3, "temperror", None),
    ]:
        status, value = told("dkim-key", *base, selector, "a.test")
        problems = " ".join(p for record in value["records"] for p in record["problems"])
        ok((status, value["result"]) == (code, result) and (problem in problems if problem else not problems),
           f"check dkim-key: {title}", status, value)
    bits = [told("dkim-key", *base, selector, "a.test")[1]["records"][0]["bits"] for selector in ("rsa", "ed", "small")]
    ok(bits == [2048, 256, 1024], "check dkim-key: the sizes", bits)
    code, out, _ = hikyaku(*base, "rsa", "a.test")
    ok(code == 0 and b"\nbits          2048\n" in out, "check dkim-key for people", out)


# ---- sign ----------------------------------------------------------------------------------------

def make_key(path, *kind):
    subprocess.run(["openssl", "genpkey", *kind, "-out", path], check=True, capture_output=True)
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    return der


def publish(folder):
    import base64
    zone = ZONE
    for name, kind in {"rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "small": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
                       "tiny": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:768"), "ed": ("-algorithm", "ED25519")}.items():
        der = make_key(folder / f"{name}.pem", *kind)
        text = f"v=DKIM1; k={'ed25519' if name == 'ed' else 'rsa'}; p={base64.b64encode(der[-32:] if name == 'ed' else der).decode()}"
        zone += f"{name}._domainkey.a.test. TXT {' '.join(chr(34) + text[i:i + 200] + chr(34) for i in range(0, len(text), 200))}\n"
    (folder / "zone").write_text(zone)
    return folder / "zone"


def check_sign(folder, zone):
    def sign(name, *more, given=MESSAGE):
        return hikyaku("sign", "--key", folder / f"{name}.pem", "--domain", "a.test", "--selector", name, *more, "-", given=given)

    for name in ("rsa", "ed", "small"):
        for canon in ("relaxed/relaxed", "simple/simple", "relaxed/simple", "simple"):
            code, signed, err = sign(name, "--canon", canon)
            status, value = told("verify", "verify", "--checks", "dkim", "--dns", zone, "-", given=signed)
            ok(code == status == 0 and signed.endswith(MESSAGE) and value["dkim"][0]["result"] == "pass",
               f"what sign made with {name} in {canon} verifies", err, value.get("dkim"))
    _, once, _ = sign("rsa")
    _, twice, _ = sign("ed", given=once)
    _, value = told("verify", "verify", "--checks", "dkim", "--dns", zone, "-", given=twice)
    ok([s["result"] for s in value["dkim"]] == ["pass", "pass"], "a message can be signed twice", value["dkim"])
    _, changed, _ = hikyaku("verify", "--checks", "dkim", "--dns", zone, "-", given=once.replace(b"hello", b"hullo"))
    ok(b"dkim=fail" in changed, "a changed body fails", changed)
    _, stamped, _ = sign("rsa", "--now", "1700000000")
    ok(b"t=1700000000;" in stamped, "--now is t=", stamped)
    _, again, _ = sign("rsa", "--now", "1700000000")
    ok(stamped == again, "the same time gives the same bytes", again)
    _, some, _ = sign("rsa", "--headers", "from:subject")
    ok(b"h=from:from:subject:subject;" in some, "--headers is h=, each once more than it occurs (RFC 6376 8.15)", some)
    _, plain, _ = sign("rsa", given=MESSAGE.replace(b"\r\n", b"\n"))
    status, _, _ = hikyaku("verify", "--checks", "dkim", "--dns", zone, "-", given=plain)
    ok(status == 0 and b"\r" not in plain, "a message with LF line ends keeps them, and verifies", plain)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BUILD / "hikyaku", "sign", "--key", folder / "rsa.pem", "--domain", "a.test", "--selector", "rsa", "-"], input=MESSAGE,
                              stdout=full, stderr=subprocess.PIPE, check=False)
    ok(done.returncode == 4 and b"could not be written" in done.stderr, "an output that cannot be written is no success", done)
    for title, arguments, given in [
        ("no key", ["--domain", "a.test", "--selector", "s", "-"], MESSAGE),
        ("a file that is no key", ["--key", zone, "--domain", "a.test", "--selector", "s", "-"], MESSAGE),
        ("a key that is too small (RFC 8301 3.2)", ["--key", folder / "tiny.pem", "--domain", "a.test", "--selector", "s", "-"], MESSAGE),
        ("a domain that is none", ["--key", folder / "rsa.pem", "--domain", "a.test;x", "--selector", "s", "-"], MESSAGE),
        ("a selector that is none", ["--key", folder / "rsa.pem", "--domain", "a.test", "--selector", "s;d=b.test", "-"], MESSAGE),
        ("no From (RFC 6376 5.4)", ["--key", folder / "rsa.pem", "--domain", "a.test", "--selector", "s", "-"], b"To: v@b.test\r\n\r\n"),
        ("a canonical form that is none", ["--key", folder / "rsa.pem", "--domain", "a.test", "--selector", "s", "--canon", "nofws", "-"], MESSAGE),
        ("a list without from (RFC 6376 5.4)", ["--key", folder / "rsa.pem", "--domain", "a.test", "--selector", "s", "--headers", "to:subject", "-"], MESSAGE),
    ]:
        code, out, err = hikyaku("sign", *arguments, given=given)
        ok(code == 2 and not out and err and "contract" not in err, f"sign refuses {title}", code, out, err)
    arguments = ("--key", folder / "rsa.pem", "--domain", "a.test", "--selector", "rsa", "--key", folder / "ed.pem", "--selector", "ed", "--now", "1700000000", "-")
    _, value = told("fields", "sign", *arguments, given=MESSAGE)
    _, out, _ = hikyaku("sign", *arguments, given=MESSAGE)
    ok(len(value["fields"]) == 2 and "".join(value["fields"]).encode() + MESSAGE == out, "sign --json: the fields alone, each with its line end", value)


# ---- verify's options, --batch ---------------------------------------------------------------------

def check_arc(folder, zone):
    """RFC 8617: seal, seal again, break, seal the broken one."""
    def seal(name, *more, given):
        return hikyaku("arc", "seal", "--key", folder / f"{name}.pem", "--domain", "a.test", "--selector", name, "--dns", zone,
                       "--authserv-id", "mx.a.test", *more, "-", given=given)

    def verify(given, *more):
        return told("arc", "arc", "verify", "--dns", zone, *more, "-", given=given)

    code, value = verify(MESSAGE)
    ok(code == 0 and value["result"] == "none", "arc verify: no chain", code, value)
    code, once, err = seal("rsa", given=b"Authentication-Results: mx.a.test; spf=pass\r\n" + MESSAGE)
    ok(code == 0 and once.startswith(b"ARC-Seal: i=1;") and once.endswith(MESSAGE), "arc seal puts a set above the message", err, once)
    ok(b"ARC-Authentication-Results: i=1; mx.a.test; spf=pass;\r\n\tarc=none\r\n" in once, "the set says what we said", once)
    _, value = told("fields", "arc", "seal", "--key", folder / "rsa.pem", "--domain", "a.test", "--selector", "rsa", "--dns", zone, "--authserv-id", "mx.a.test",
                    "-", given=MESSAGE)
    ok([field.partition(":")[0] for field in value["fields"]] == ["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"], "arc seal --json: the set alone", value)
    code, twice, err = seal("ed", "--headers", "from:subject", given=once)
    status, value = verify(twice, "--trusted-sealers", "x.test, a.test")
    ok(code == status == 0 and value["result"] == "pass" and value["is_trusted"] and [s["cv"] for s in value["sets"]] == ["none", "pass"],
       "a second seal, over the names that were asked for", err, value)
    ok(not verify(twice)[1]["is_trusted"], "nobody is trusted by default")
    # within the verdict on a message: the author's signature is gone, the list is trusted
    said = b"Authentication-Results: mx.a.test; dmarc=pass header.from=a.test; arc=none\r\n"
    code, sealed, err = seal("ed", given=said + MESSAGE)
    ok(sealed.count(b"arc=none") == 2, "what our results say of ARC is not said twice in a set", sealed)
    sealed = sealed.replace(said, b"")
    for trusted, disposition, override in (("", "reject", None), ("a.test", "none", "local_policy")):
        code, value = told("verify", "verify", "--dns", zone, "--trusted-sealers", trusted, "-", given=sealed)
        arc, dmarc = value["arc"], value["dmarc"]
        ok((arc["result"], arc["instance"], arc["is_trusted"]) == ("pass", 1, bool(trusted)), "verify tells of ARC", arc)
        ok((code, dmarc["result"], dmarc["policy"], dmarc["disposition"]) == (1, "fail", "reject", disposition) and
           (dmarc["override"] or {}).get("type") == override, f"S1-029, S1-064: result, policy, disposition, override: {override}", dmarc)
    for language, words in (("en", ["==== arc: arc=pass", "| Sealed by d=        | d=a.test |", "ARC, step by step:", "ARC (historic) tells",
                                    "| Override reason ", "DMARC stays fail, but not reject: override reason local_policy"]),
                            ("ja", ["==== arc: arc=pass", "| 署名者 d= ", "ARC, 判定の手順:", "ARC(歴史的仕様)は", "| 上書きの理由 ", "DMARCはfailのまま"])):
        _, out, _ = hikyaku("explain", "--lang", language, "--dns", zone, "--trusted-sealers", "a.test", "-", given=sealed)
        ok(all(word in out.decode() for word in words), f"explain has the steps of ARC ({language})", out.decode())
    code, out, _ = hikyaku("verify", "--dns", zone, "-", given=sealed)
    ok(b"\n\tarc=pass (as[1].d=a.test as[1].s=ed)\n" in out, "a chain stands in Authentication-Results", out)
    code, out, _ = hikyaku("verify", "--dns", zone, "-", given=MESSAGE)
    ok(b"\tarc=" not in out, "where there is none it is not spoken of, for ARC is historic", out)
    code, out, _ = hikyaku("verify", "--dns", zone, "--checks", "arc", "-", given=MESSAGE)
    ok(code == 0 and out.endswith(b";\n\tarc=none\n"), "unless it was asked for by name", out)
    status, value = verify(once, "--min-rsa-bits", "512")
    _, out, _ = hikyaku("arc", "verify", "--dns", zone, "--min-rsa-bits", "512", "-", given=once)
    ok(status == 0 and value["min_rsa_bits"] == 512 and b"RSA keys from 512 bits" in out, "arc verify says that it takes small keys", value, out)
    broken = twice.replace(b"Subject: one", b"Subject: two")
    status, value = verify(broken)
    ok(status == 1 and value["reason"] == "message signature 2: signature mismatch", "a change is seen", value)
    code, third, err = seal("rsa", given=broken)
    ok(code == 0 and b"cv=fail" in third.split(b"\r\n")[0], "a broken chain is sealed as such", err, third)
    code, out, err = seal("rsa", given=third)
    ok(code == 1 and not out and "cv=fail" in err, "and then it is at its end", code, err)
    late = folder / "late.zone"
    late.write_text("$SERVFAIL rsa._domainkey.a.test. TXT\n")
    code, out, err = seal("rsa", "--dns", late, given=once)
    ok(code == 3 and not out and verify(once, "--dns", late)[0] == 3, "a key that cannot be had is a temporary failure", code, err)
    for title, arguments in {"no word": [], "another word": ["open", "-"], "no file": ["verify"], "no key": ["seal", "-"]}.items():
        code, out, err = hikyaku("arc", *arguments, given=MESSAGE)
        ok(code == 2 and not out and err, f"arc refuses {title}", code, out, err)


def check_archive_options(folder, zone):
    """A 768-bit key, signed by openssl since we do not."""
    import base64
    import hashlib
    body = base64.b64encode(hashlib.sha256(b"hello\r\n").digest()).decode()
    field = f"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=a.test; s=tiny; h=from; bh={body}; b="
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-sign", folder / "tiny.pem"], check=True, capture_output=True,
                            input=b"From: u@a.test\r\n" + field.encode()).stdout
    old = field.encode() + base64.b64encode(digest) + b"\r\nFrom: u@a.test\r\n\r\nhello\r\n"
    base = ("verify", "--checks", "dkim", "--dns", zone)
    code, value = told("verify", *base, "-", given=old)
    ok(code == 1 and value["dkim"][0]["result"] == "policy" and "min_rsa_bits" not in value["message"], "768 bits are too few (RFC 8301 3.2)", value["dkim"])
    code, value = told("verify", *base, "--min-rsa-bits", "512", "-", given=old)
    ok(code == 0 and value["dkim"][0]["result"] == "pass" and value["message"]["min_rsa_bits"] == 512, "--min-rsa-bits takes them, and JSON says so", value)
    _, out, err = hikyaku(*base, "--min-rsa-bits", "512", "--allow-sha1", "-", given=old)
    ok("RSA keys from 512 bits" in err and "rsa-sha1 is accepted" in err, "both options are said", err)
    _, value = told("verify", *base, "--allow-sha1", "-", given=old)
    ok(value["message"]["allow_sha1"] is True, "--allow-sha1 is said in JSON", value["message"])


def batch(*arguments, lines):
    code, out, err = hikyaku(*arguments, "--batch", given="".join(line + "\n" for line in lines).encode())
    results = [json.loads(line) for line in out.decode().splitlines()]
    wrong = [fault for result in results for fault in faults(schema("batch"), result)]
    ok(len(results) == len(lines) and not wrong and not err, f"{' '.join(map(str, arguments[:2]))} --batch: a result for each request", *wrong, out, err)
    return code, results


def check_batch(folder, zone):
    requests = [{"id": "a", "ip": "192.0.2.9", "mail_from": "u@a.test"}, {"id": "b", "ip": "203.0.113.1", "mail_from": "u@a.test"},
                {"id": "c", "ip": "203.0.113.1", "mail_from": "u@broken.test"}, {"id": 7, "ip": "192.0.2.1", "helo": "h.test"}]
    code, results = batch("check", "spf", "--dns", zone, lines=[json.dumps(r) for r in requests])
    ok(code == 0 and [(r["id"], r["exit"], r["result"]["result"]) for r in results] ==
       [("a", 0, "pass"), ("b", 1, "fail"), ("c", 3, "temperror"), (7, 0, "pass")], "check spf --batch: in order, each with its exit status", results)
    _, out, _ = hikyaku("check", "spf", "--dns", zone, "--batch", given=b'{"id": 12345678901234567890}\n{"id": -1.50e3}\n{"id": "1"}\n')
    ok([line.split(b",")[0] for line in out.splitlines()] == [b'{"id":12345678901234567890', b'{"id":-1.50e3', b'{"id":"1"'],
       "a number is given back as it came, to the digit", out)
    for request, result in zip(requests[:3], results, strict=False):
        _, alone = told("spf", "check", "spf", "--dns", zone, "--ip", request["ip"], "--mail-from", request["mail_from"])
        ok(alone == result["result"], "a batch gives what the command gives", result)
    bad = ["", "[]", "{", '{"ip":1}', '{"ip":"192.0.2.1"}', '{"dns":"/etc/passwd"}', '{"key":"x"}', '{"ip":{"x":1}}', '{"ip":"192.0.2.1"} x',
           '{"helo":"a\\u0000b"}', "[" * 100, json.dumps(requests[0])]
    code, results = batch("check", "spf", "--dns", zone, lines=bad)
    ok(code == 2 and all("error" in r and r["exit"] == 2 for r in results[:-1]) and results[-1]["exit"] == 0,
       "a bad request is an error, and the next is read", results)
    code, results = batch("check", "dmarc", "--dns", zone, lines=['{"domain":"x.a.test","dmarc_profile":"rfc7489"}', '{"from":"u@bad.test"}', '{"id":"z"}'])
    ok(code == 2 and [r["exit"] for r in results] == [0, 1, 2] and not faults(schema("dmarc"), results[0]["result"]), "check dmarc --batch", results)
    ok([r["result"]["profile"] for r in results[:2]] == ["rfc7489", "rfc9989"], "a request may name its profile", results)
    _, signed, _ = hikyaku("sign", "--key", folder / "rsa.pem", "--domain", "a.test", "--selector", "rsa", "-", given=MESSAGE)
    (folder / "signed.eml").write_bytes(signed)
    requests = [{"id": "f", "file": str(folder / "signed.eml")}, {"id": "m", "message": signed.decode()}, {"id": "e", "message": ""}, {"id": "n", "file": "/absent"},
                {"id": "s", "message": signed.decode(), "ip": "192.0.2.9", "helo": "h.test", "mail_from": "u@a.test", "checks": "spf,dkim,dmarc"}]
    code, results = batch("verify", "--dns", zone, "--checks", "dkim", lines=[json.dumps(r) for r in requests])
    ok(code == 2 and [r["exit"] for r in results] == [0, 0, 0, 2, 0], "verify --batch: files and messages", results)
    ok(not any(faults(schema("verify"), r["result"]) for r in results if "result" in r) and results[4]["result"]["dmarc"]["spf_aligned"],
       "verify --batch: each result is as the schema", results[4])
    lines = ['{"id":"i","file":"-"}', json.dumps(requests[1])]
    code, results = batch("verify", "--dns", zone, "--checks", "dkim", lines=lines)
    ok([r["exit"] for r in results] == [2, 0] and "standard input" in results[0]["error"], "a request does not read the requests behind it as its message", results)
    code, out, _ = hikyaku("check", "spf", "--dns", zone, "--batch", given=b"x" * (52 * 1024 * 1024) + b"\n" + json.dumps(requests[4]).encode())
    ok(b"too long" in out.splitlines()[0] and len(out.splitlines()) == 2 and code == 2, "a line that is too long is an error of its own", out[:300])


def check_endless():
    code, out, err = hikyaku("verify", "/dev/zero")
    ok(code == 2 and not out and "too long" in err, "a file without an end is too long, and is not read on", code, err)


def check_usage(folder, zone):
    for title, arguments in [
        ("check alone", ["check"]), ("check of what is not", ["check", "dnssec"]), ("a word too many", ["check", "spf", "a.test"]),
        ("spf without an address", ["check", "spf", "--mail-from", "u@a.test"]), ("spf without an identity", ["check", "spf", "--ip", "192.0.2.1"]),
        ("dmarc without a domain", ["check", "dmarc"]), ("dmarc of what is no name", ["check", "dmarc", "a..b"]),
        ("dkim-key without a domain", ["check", "dkim-key", "s"]), ("a batch of keys", ["check", "dkim-key", "--batch"]),
        ("a batch of explain", ["explain", "--batch"]), ("a batch from a file", ["verify", "--batch", "x"]),
        ("RSA of 100 bits", ["verify", "--min-rsa-bits", "100", "-"]),
    ]:
        code, out, err = hikyaku(*arguments, *(["--dns", zone] if len(arguments) > 1 else []))
        ok(code == 2 and not out and err, f"usage: {title}", code, out, err)
    for arguments in (["sign", "--ip", "192.0.2.1", "-"], ["authres", "--psl", "x", "-"], ["verify", "--key", "x", "-"], ["explain", "--nsupdate", "-"],
                      ["check", "spf", "--psl", "x"], ["check", "dmarc", "a.test", "--helo", "a.test"], ["check", "dkim-key", "s", "a.test", "--from", "x"],
                      ["check", "--from", "x", "spf"], ["arc", "verify", "--selector", "s", "-"], ["keys", "status", "--opendkim", "x"], ["srs", "forward", "--json", "--lang", "ja", "x"]):
        option = next(a for a in arguments if a.startswith("--") and a != "--json")
        code, out, err = hikyaku(*arguments, given=MESSAGE)
        ok(code == 2 and not out and f"{option} has no meaning here; see hikyaku {arguments[0]} --help" in err, f"usage: {' '.join(arguments)}", code, out, err)
    for given, domain in (("<u@a.test>", "a.test"), ("<>", "none.test"), ("u@a.test", "a.test")):
        code, out, err = hikyaku("check", "spf", "--ip", "192.0.2.9", "--helo", "none.test", "--mail-from", given, "--dns", zone, "--json")
        ok(code == 0 and json.loads(out)["domain"] == domain, f"--mail-from {given}: brackets are none of the address", code, out, err)
    code, out, _ = hikyaku("check", "--help")
    ok(code == 0 and b"--batch" in out, "check --help", out)


def main():
    check_schema()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        zone = publish(folder)
        check_spf(zone)
        check_dmarc(folder, zone)
        check_key(zone)
        check_sign(folder, zone)
        check_arc(folder, zone)
        check_archive_options(folder, zone)
        check_batch(folder, zone)
        check_endless()
        check_usage(folder, zone)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

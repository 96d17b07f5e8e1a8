#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Messages of others' tests, judged by `hikyaku verify`: all of rspamd's table, and what the unit tests of lib/dkim leave to whole
messages of other sets. TAP; skipped where the vectors are not on this machine.

A case whose expectation is not the RFC's is in DIFFERS with the outcome that is, and the section."""

import base64
import json
import os
import re
import sys
from pathlib import Path

from harness import Tap, folder, hikyaku, run_cases

VECTORS = Path(os.environ.get("HIKYAKU_VECTORS", "../shared/vectors"))
RSPAMD = VECTORS / "dkim-rspamd"
OLD_MAIL = ("--min-rsa-bits", "512", "--allow-sha1")


def quoted(text):
    return " ".join('"' + text[i:i + 255].replace("\\", "\\\\").replace('"', '\\"') + '"' for i in range(0, len(text), 255)) or '""'


def held(tap, good, name, title, got, differs=None):
    """One case; for tools/conformance.py, which counts only the cases of a test that passed."""
    print(f"# differs {name}/{title} | {differs}" if differs else f"# vector {name}/{title}")
    tap.ok(good, f"{name}: {title}", json.dumps(got))


def verify(message, zone, *arguments):
    _, out, err = hikyaku("verify", "--json", "--dns", zone, "--authserv-id", "b.test", *arguments, message)
    return json.loads(out) if out else {"error": err}


# ---- rspamd ---------------------------------------------------------------------------------------------


def rspamd_zone():
    """DNS.tsv as zone text. What has no record (norec) is told by a record of a type that nothing asks for."""
    lines, seen = [], set()
    for row in (RSPAMD / "DNS.tsv").read_text(encoding="utf-8").split("\n")[1:]:
        name, kind, rcode, replies = (row.split("\t") + [""] * 4)[:4]
        if not name or (name, kind) in seen:
            continue
        seen.add((name, kind))
        if rcode == "timeout":
            lines.append(f"$TIMEOUT {name}. {kind.upper()}")
        elif rcode == "norec":
            lines.append(f"{name}. NS ns.invalid.")
        elif rcode == "ok":
            for reply in replies.split(" ||| "):
                value = quoted(reply) if kind == "txt" else reply if kind in ("a", "aaaa") else f"{reply.rstrip('.')}."
                lines.append(f"{name}. {kind.upper()} {value}")
    return "\n".join(lines) + "\n"


def result_of(value, symbol):
    """Whether what we said is what a symbol of rspamd stands for."""
    dkim = [s["result"] for s in value["dkim"]]
    dmarc, spf, arc = value["dmarc"], (value["spf"] or {}).get("result"), value["arc"]["result"]
    failed = dmarc["disposition"] if dmarc["result"] == "fail" else None
    return {
        "DMARC_POLICY_ALLOW": dmarc["result"] == "pass",
        "DMARC_POLICY_SOFTFAIL": failed == "none",
        "DMARC_POLICY_QUARANTINE": failed == "quarantine",
        "DMARC_POLICY_REJECT": failed == "reject",
        "DMARC_DNSFAIL": dmarc["result"] == "temperror",
        "DMARC_NA": dmarc["result"] == "none",
        "R_DKIM_ALLOW": "pass" in dkim,
        "R_DKIM_REJECT": "pass" not in dkim and "fail" in dkim,
        "R_DKIM_PERMFAIL": bool(dkim) and set(dkim) <= {"permerror", "policy", "neutral"},
        "R_DKIM_TEMPFAIL": "temperror" in dkim,
        "R_DKIM_NA": not dkim,
        "R_SPF_ALLOW": spf == "pass",
        "R_SPF_PLUSALL": spf == "pass",
        "R_SPF_FAIL": spf == "fail",
        "R_SPF_SOFTFAIL": spf == "softfail",
        "R_SPF_NEUTRAL": spf == "neutral",
        "R_SPF_PERMFAIL": spf == "permerror",
        "R_SPF_DNSFAIL": spf == "temperror",
        "R_SPF_NA": spf in ("none", None),
        "ARC_ALLOW": arc == "pass",
        "ARC_INVALID": arc == "fail",
        "ARC_REJECT": arc == "fail",
        "ARC_NA": arc == "none",
    }[symbol]


def archived_google_key():
    """The key of Google's seals of 2020 is in another set."""
    record = re.search(r"^(arc-20160816\._domainkey\.google\.com) (.*)$", (VECTORS / "arc-stalwart/001.txt").read_text(encoding="latin-1"), re.M)
    return f"{record[1]}. TXT {quoted(record[2].strip())}\n"


# Without the key: what remains to be seen is the body hash.
UNARCHIVED = {
    "ARC ALLOW CHECK": lambda v: v["arc"]["reason"] == "seal 1: no key" and v["arc"]["sets"][1]["seal_ok"] and v["dkim"][0]["body_hash_ok"],
    "DKIM Ignore Unknown Tags": lambda v: [(s["reason"], s["body_hash_ok"]) for s in v["dkim"]] == [("no key", True)],
    "DKIM Signatures At Limit Are Still Checked": lambda v: [(s["reason"], s["body_hash_ok"]) for s in v["dkim"]][4:] == [("no key", True)],
    "DKIM Accept Large Key Below Limit": lambda v: [s["body_hash_ok"] for s in v["dkim"]] == [False],
}
DIFFERS = {
    "SPF FAIL UNRESOLVEABLE INCLUDE": ("permerror", "RFC 7208 5.2: an include without a record is a permerror"),
    "SPF ALLOW DNS REQUESTS AT LIMIT": ("permerror", "RFC 7208 4.6.4: ten terms that ask, not thirty"),
}


def rspamd(tap):
    with folder() as root:
        zone = root / "zone"
        zone.write_text(rspamd_zone() + archived_google_key())
        for row in (RSPAMD / "EXPECTED.tsv").read_text(encoding="utf-8").split("\n")[1:]:
            if not row:
                continue
            _, case, message, ip, mail_from, helo, symbols = (row.split("\t") + [""] * 7)[:7]
            value = verify(RSPAMD / "messages" / message, zone, *OLD_MAIL, "--now", "1790000000", "--dmarc-profile", "rfc7489", "--dmarc-sample", "99",
                           "--psl", VECTORS / "psl/public_suffix_list.dat", "--ip", ip or "127.0.0.1", "--mail-from", mail_from.strip("<>"),
                           "--helo", helo or "helo.invalid")
            wanted = re.findall(r"!?\b(?:DMARC|R_DKIM|R_SPF|ARC)_[A-Z_]+", symbols)
            ours, why = DIFFERS.get(case, (None, None))
            if ours:
                good = value["spf"]["result"] == ours
            elif case in UNARCHIVED:
                good = UNARCHIVED[case](value)
            else:
                good = all(result_of(value, s.lstrip("!")) != s.startswith("!") for s in wanted)
            got = {"spf": value["spf"], "dkim": value["dkim"], "dmarc": {k: value["dmarc"][k] for k in ("result", "policy", "disposition")},
                   "arc": value["arc"], "want": wanted}
            held(tap, bool(wanted) and good, "dkim-rspamd", case, got, why)


# ---- messages without a table -----------------------------------------------------------------------------

RFC_KEYS = (
    'brisbane._domainkey.example.com. TXT "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"'
    ' "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"\n'
    'brisbane._domainkey.football.example.com. TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="\n')


def verdicts(value):
    return [s["result"] for s in value["dkim"]]


def lieser(tap):
    """Its own tests have the outcomes; a field that was added is a warning of ours, and what it is in theirs is a policy (RFC 6376 8.15)."""
    rows = [("dkim/time-received_briefly_before_creation.eml", ["pass"]), ("dkim/time-received_long_before_creation.eml", ["pass"]),
            ("rfc6376-A.2-ill_formed-list_id.eml", ["pass"]), ("bimi/rfc6376-A.2-with_bimi.eml", ["pass"]), ("ill_formed-from.eml", []), ("fakePayPal.eml", [])]
    with folder() as root:
        zone = root / "zone"
        zone.write_text(RFC_KEYS)
        for name, want in rows:
            value = verify(VECTORS / "dkim-lieser" / name, zone, *OLD_MAIL, "--now", "1790000000")
            author = {"ill_formed-from.eml": "", "fakePayPal.eml": "paypal.com"}.get(name, "football.example.com")
            held(tap, verdicts(value) == want and value["dmarc"]["author_domain"] == author, "dkim-lieser", name, value)
        for field in ("From", "Subject", "Date", "To"):
            name = f"dkim/added_header-{field.lower()}.eml"
            value = verify(VECTORS / "dkim-lieser" / name, zone, *OLD_MAIL, "--now", "1790000000")
            tap.ok([s["uncovered_duplicate"].lower() for s in value["dkim"]] == [field.lower()], f"dkim-lieser: {name}: the field that was added is named",
                   json.dumps(value["dkim"]))
        for path in sorted((VECTORS / "dkim-lieser/arh").glob("*.eml")):
            value = verify(path, zone, *OLD_MAIL, "--now", "1790000000")
            signed = b"DKIM-Signature:" in path.read_bytes()
            held(tap, verdicts(value) == ["pass"] * signed, "dkim-lieser", f"arh/{path.name}", value["dkim"])


def oddities(tap):
    with folder() as root:
        zone = root / "zone"
        zone.write_text('sed._domainkey.test.ex. TXT "' + (VECTORS / "dkim-dkimpy/eximtest.dns").read_text(encoding="ascii").strip() + '"\n')
        value = verify(VECTORS / "dkim-chasquid/03-bad_message.msg", zone)
        held(tap, verdicts(value) == [] and value["dmarc"]["result"] == "permerror", "dkim-chasquid", "03-bad_message is no message", value)
        value = verify(VECTORS / "dkim-dkimpy/ed25519test2.msg", zone, "--now", "1790000000")
        held(tap, verdicts(value) == ["pass"], "dkim-dkimpy", "ed25519test2.msg", value)
        value = verify(VECTORS / "dkim-mailauthjs/test/fixtures/zproov.eml", zone)
        held(tap, [s["body_hash_ok"] for s in value["dkim"]] == [True], "dkim-mailauthjs", "test/fixtures/zproov.eml", value)
        code, out, _ = sign(root, VECTORS / "dkim-dkimpy/test_nofrom.message", pem_of(root, VECTORS / "dkim-dkimpy/test.private"), "example.com")
        held(tap, code != 0 and not out, "dkim-dkimpy", "test_nofrom.message is not signed: it has no From (RFC 6376 5.4)", out.decode("latin-1"))


# ---- signing round trips ----------------------------------------------------------------------------------


def pem_of(root, path):
    """A private key as PEM: the sets also have the seed of Ed25519 and the DER of RSA, in base64."""
    text = path.read_text(encoding="ascii")
    if text.startswith("-----"):
        return path
    der = base64.b64decode(text)
    if len(der) == 32:
        der = bytes.fromhex("302e020100300506032b657004220420") + der
    label = "PRIVATE KEY" if len(der) == 48 else "RSA PRIVATE KEY"
    pem = root / f"{path.name}.pem"
    pem.write_text(f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n")
    pem.chmod(0o600)
    return pem


def sign(root, message, pem, domain):
    key = root / "key.pem"
    key.unlink(missing_ok=True)
    key.write_bytes(pem.read_bytes())  # the sets' files may be read by everyone
    key.chmod(0o600)
    return hikyaku("sign", "--key", key, "--domain", domain, "--selector", "test", "--now", "1790000000", message)


def round_trips(tap):
    dkimpy, mailauth = VECTORS / "dkim-dkimpy", VECTORS / "dkim-mailauthjs/test"
    published = {
        "dkimpy rsa": (dkimpy / "test.private", (dkimpy / "test.txt").read_text(encoding="ascii")),
        "dkimpy ed25519": (dkimpy / "ed25519test.key", (dkimpy / "ed25519test.dns").read_text(encoding="ascii")),
        "rfc8032 7.1": (dkimpy / "rfc8032_7_1.key", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
        "mailauth rsa": (mailauth / "fixtures/private-rsa.pem", (mailauth / "fixtures/public-rsa.pem").read_text(encoding="ascii")),
        "mailauth ed25519": (mailauth / "fixtures/private-ed25519.pem", (mailauth / "fixtures/public-ed25519.pem").read_text(encoding="ascii")),
        "mailauth ec": (mailauth / "dkim/ec/fixtures/private-ec.key", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
    }
    messages = [("dkim-dkimpy", dkimpy / "test.message", ("dkimpy rsa",)), ("dkim-dkimpy", dkimpy / "test_extra.message", ("dkimpy rsa",)),
                ("dkim-dkimpy", dkimpy / "ed25519test.msg", ("dkimpy ed25519",)), ("dkim-dkimpy", dkimpy / "rfc6376.msg", ("rfc8032 7.1", "dkimpy rsa")),
                ("dkim-mailauthjs", mailauth / "fixtures/message1.eml", ("mailauth rsa", "mailauth ed25519", "mailauth ec"))]
    with folder() as root:
        for name, message, keys in messages:
            good, seen = True, []
            for key in keys:
                private, record = published[key]
                if record.startswith("-----"):  # PEM of the public key: the record has what it holds (RFC 6376 3.6.1, RFC 8463 3)
                    der = base64.b64decode("".join(line for line in record.splitlines() if re.fullmatch(r"[A-Za-z0-9+/]+=*", line)))
                    record = "v=DKIM1; k=ed25519; p=" + base64.b64encode(der[-32:]).decode() if len(der) == 44 else "v=DKIM1; p=" + base64.b64encode(der).decode()
                (root / "zone").write_text(f"test._domainkey.example.com. TXT {quoted(record.strip())}\n")
                code, out, err = sign(root, message, pem_of(root, private), "example.com")
                (root / "signed").write_bytes(out)
                value = verify(root / "signed", root / "zone", "--now", "1790000000")
                good = good and code == 0 and verdicts(value)[:1] == ["pass"]
                seen.append((key, code, err, value.get("dkim")))
            held(tap, good, name, f"{message.name}, signed by us with {', '.join(keys)}", seen)


def main():
    if not RSPAMD.is_dir():
        print(f"1..0 # SKIP no vectors at {VECTORS}")
        return 0
    return run_cases((rspamd, lieser, oddities, round_trips), Tap())


if __name__ == "__main__":
    sys.exit(main())

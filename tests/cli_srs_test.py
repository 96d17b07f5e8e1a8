# SPDX-License-Identifier: MIT
"""`hikyaku srs` and `hikyaku authres`: output, exit status, the vectors of postsrsd, and JSON against docs/schema. TAP."""

import csv
import json
import os
import sys
import tempfile
from pathlib import Path

from harness import Tap, hikyaku
from schemas import faults, schema

ROOT = Path(__file__).resolve().parent.parent
VECTORS = Path(os.environ.get("HIKYAKU_VECTORS", ROOT.parent / "shared/vectors"))
NOW = 1577836860

tap = Tap()
ok = tap.ok


def check_schema(name, out, title):
    wrong = faults(schema(name), json.loads(out))
    ok(not wrong, f"{title}: as docs/schema/{name}.json has it", *wrong)


def check_srs(folder):
    (folder / "new").write_text("second secret\n\n  first secret \r\n")
    (folder / "old").write_text("first secret")
    (folder / "empty").write_text("\n\n")
    base = ["--domain", "f.test", "--now", NOW]

    def srs(direction, address, *options, secret="new"):
        return hikyaku("srs", direction, "--secret-file", folder / secret, *base, *options, address)

    code, out, err = srs("forward", "u@orig.test", secret="old")
    signed = out.decode().strip()
    ok(code == 0 and signed.startswith("SRS0=") and signed.endswith("=2W=orig.test=u@f.test"), "forward gives an SRS0 address (S1-044)", code, out, err)
    code, out, err = srs("reverse", signed)
    ok((code, out) == (0, b"u@orig.test\n"), "reverse gives the sender again, by the second secret of the file (S1-044)", code, out, err)
    code, out, err = srs("reverse", signed.replace("=u@", "=x@"))
    ok(code == 1 and not out and "hash invalid" in err, "a forged address is refused (S1-044)", code, out, err)
    code, out, err = srs("reverse", signed, "--now", NOW + 22 * 86400)
    ok(code == 1 and not out and "out of date" in err, "an old address is refused (S1-044)", code, out, err)
    code, out, err = srs("reverse", signed, "--now", NOW + 22 * 86400, "--max-age", 30)
    ok(code == 0, "but not with a longer --max-age", code, out, err)
    code, out, err = srs("forward", "u@f.test")
    ok(code == 1 and "local domain" in err, "an address of the own domain needs no rewriting (S1-045)", code, out, err)
    code, out, err = srs("forward", "u@a.test", "--domain", "g test")
    ok(code == 2 and "--domain" in err, "a domain that is none is told as such", code, out, err)
    code, out, err = srs("forward", signed, "--domain", "g.test")
    ok(code == 0 and out.startswith(b"SRS1="), "a second forwarder makes SRS1 (S1-044)", code, out, err)
    _, out, _ = srs("forward", "u@orig.test", "--hash-length", 12, "--srs-mac", "sha256")
    ok(out.index(b"=2W") == len("SRS0=") + 12, "the hash is as long as asked for", out)
    code, _, _ = srs("reverse", out.decode().strip(), "--srs-mac", "sha256", "--hash-length", 12)
    ok(code == 0, "and is checked with that MAC", code)

    long, store = "a" * 50 + "@orig.test", folder / "store"
    code, out, err = srs("forward", long)
    ok(code == 1 and "64 octets" in err, "a local part too long is refused without a store (RFC 5321 4.5.3.1.1)", code, out, err)
    for title in ("once", "twice"):
        code, out, err = srs("forward", long, "--fold-store", store)
        ok(code == 0 and out.index(b"@") <= 64 and len(store.read_text().splitlines()) == 1, f"with a store it is folded, {title} with one line", code, out, err)
    code, back, err = srs("reverse", out.decode().strip(), "--fold-store", store)
    ok((code, back.decode()) == (0, long + "\n"), "and unfolded", code, back, err)
    store.write_text("")
    code, back, err = srs("reverse", out.decode().strip(), "--fold-store", store)
    ok(code == 1 and "unknown alias" in err, "but not by another store", code, back, err)

    for direction, address in [("forward", "u@orig.test"), ("reverse", signed), ("reverse", "u@f.test"), ("reverse", out.decode().strip())]:
        code, text, err = srs(direction, address, "--json", "--fold-store", store)
        check_schema("srs", text, f"{direction} {address[:12]}")
    for title, arguments in [
        ("no word", []), ("one word", ["forward"]), ("an unknown direction", ["sideways", "u@a.test"]), ("a word too many", ["forward", "a@b.test", "c@d.test"]),
    ]:
        code, out, err = hikyaku("srs", *arguments, "--secret-file", folder / "new", *base)
        ok(code == 2 and err, f"exit status 2: {title}", code, out, err)
    for title, options in [
        ("no secret file", base), ("no such file", ["--secret-file", folder / "nope", *base]), ("no secret in it", ["--secret-file", folder / "empty", *base]),
        ("no domain", ["--secret-file", folder / "new"]), ("a bad age", ["--secret-file", folder / "new", *base, "--max-age", "0"]),
        ("a bad length", ["--secret-file", folder / "new", *base, "--hash-length", "3"]), ("a bad MAC", ["--secret-file", folder / "new", *base, "--srs-mac", "md5"]),
    ]:
        code, out, err = hikyaku("srs", "forward", *options, "u@orig.test")
        ok(code == 2 and err, f"exit status 2: {title}", code, out, err)


def check_vectors(folder):
    """All rows but those of the database of aliases, which has its own place here (lib/srs/srs_vectors_test.c runs them)."""
    path = VECTORS / "srs/vectors.tsv"
    if not path.exists():
        tap.skip("the vectors of postsrsd", "no vectors")
        return
    (folder / "secret").write_text("tops3cr3t\n")
    rows = list(csv.DictReader(path.open(), delimiter="\t"))
    wrong = []
    for row in [row for row in rows if "=1=" not in row["input"] + row["expected"]]:
        code, out, err = hikyaku("srs", row["op"], "--secret-file", folder / "secret", "--domain", "example.com", "--now", NOW, row["input"])
        refused = row["expected"].startswith("NOTFOUND")
        if (code, out.decode().strip()) != ((1, "") if refused else (0, row["expected"].removeprefix("OK "))):
            wrong.append((row, code, out, err))
    ok(len(rows) == 34 and not wrong, "postsrsd's vectors hold on the command line", *wrong)


FIELDS = b"""Authentication-Results: a.test 1;\r
 dkim=pass (good) reason="it \\"is\\"" header.d=x.test header.b="/+=";\r
 spf/1=fail smtp.mailfrom=u@x.test\r
Authentication-Results: b.test; dkim=pass header.b=/d5r;\r
Authentication-Results: c.test; none\r
From: u@x.test\r
\r
hello\r
"""


def check_authres():
    code, out, err = hikyaku("authres", "-", given=FIELDS)
    text = out.decode()
    ok(code == 0 and "header.b=/+=" in text and 'it "is"' in text and "a.test, version 1" in text and "none" in text, "fields are printed as a table", code, text, err)
    code, out, err = hikyaku("authres", "--json", "--authserv-id", "A.test", "-", given=FIELDS)
    check_schema("authres", out, "three fields")
    fields = json.loads(out)["fields"]
    first = fields[0]["results"][0]
    ok(first == {"method": "dkim", "result": "pass", "reason": 'it "is"', "comments": ["good"],
                 "properties": [{"ptype": "header", "property": "d", "value": "x.test"}, {"ptype": "header", "property": "b", "value": "/+="}]},
       "a result has method, result, reason, comments and properties (RFC 8601 2.2)", first)
    ok([f["ours"] for f in fields] == [True, False, False], "--authserv-id tells ours (S0-068)", fields)
    ok(["deviation" in f for f in fields] == [False, True, False], "what RFC 8601 does not have is told", fields)
    code, out, err = hikyaku("authres", "--json", "-", given=b"Authentication-Results: dkim=pass\r\n" + FIELDS)
    check_schema("authres", out, "an unreadable field")
    ok(code == 1 and json.loads(out)["fields"][0]["readable"] is False, "exit status 1: a field that cannot be read", code, out)
    code, out, err = hikyaku("authres", "--json", "-", given=b"From: u@x.test\r\n\r\n")
    ok(code == 0 and json.loads(out) == {"fields": []}, "exit status 0: no field at all", code, out)
    code, out, err = hikyaku("authres", "-", given=b"Authentication-Results: a.test; x=y p.q=\"\xff\x1b\"\r\n z=w p.q=\xe9\r\n\r\n")
    ok(b"\x1b" not in out and b"\xff" not in out, "bytes from outside are quoted", out)
    code, out, err = hikyaku("authres", "/nonexistent")
    ok(code == 2 and err, "exit status 2: no such file", code, err)


def check_mails():
    folder = VECTORS / "authres-lieser"
    if not folder.exists():
        tap.skip("the mails of dkim_verifier", "no vectors")
        return
    wrong = []
    unreadable = {"multiple_arh-newest_no_authserv": 2, "multiple_arh-newest_parsing_error_02": 2, "multiple_arh-same_and_different_authserv": 1}
    for path in sorted(folder.glob("*.eml")):
        code, out, err = hikyaku("authres", "--json", path)
        found = sum(not field["readable"] for field in json.loads(out)["fields"])
        if found != unreadable.get(path.stem, 0) or code != (1 if found else 0):
            wrong.append((path.name, code, out, err))
    ok(not wrong, "every mail of dkim_verifier reads as its tests want", *wrong)


def main():
    with tempfile.TemporaryDirectory() as name:
        check_srs(Path(name))
        check_vectors(Path(name))
    check_authres()
    check_mails()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""The command `hikyaku` on the messages of the seed's lab: verdicts, text, evidence, exit status, DNS from zone text and from a resolver. TAP."""

import json
import os
import re
import socket
import struct
import sys
import tempfile
import threading
from pathlib import Path

import harness

ROOT = Path(__file__).resolve().parent.parent
VECTORS = Path(os.environ.get("HIKYAKU_VECTORS", ROOT.parent / "shared/vectors")) / "seed-lab"

RECORDS = {
    "a.test": "v=spf1 ip4:10.255.1.20/31 -all",
    "pass.dkim.a.test": "v=spf1 ip4:10.255.1.20/31 -all",
    "fail.dkim.a.test": "v=spf1 ip4:10.255.1.20/31 -all",
    "_dmarc.a.test": "v=DMARC1; p=quarantine; pct=100",
    "x.test": "v=spf1 ip4:10.255.24.20/31 -all",
    "_dmarc.x.test": "v=DMARC1; p=reject; pct=100",
}
# scenario -> checks of the host that judged it, spf, dkim, dmarc, exit status; y.test's key is not to be had, so 4-4's signature has none
SCENARIOS = {
    "2-1": ("spf", "pass", None, None, 0),  # S0-050
    "2-2": ("spf", "fail", None, None, 1),  # S0-051
    "3-1": ("dkim", None, "pass", None, 0),  # S0-052
    "3-2": ("dkim", None, "fail", None, 1),  # S0-053
    "4-1": ("spf,dkim,dmarc", "pass", "pass", "pass", 0),  # S0-054
    "4-2": ("spf,dkim,dmarc", "pass", "fail", "pass", 0),  # S0-055
    "4-3": ("spf,dkim,dmarc", "fail", "pass", "pass", 0),  # S0-056
    "4-4": ("spf,dkim,dmarc", "pass", "permerror", "fail", 1),  # S0-057
}

tap = harness.Tap()
ok = tap.ok


def hikyaku(*arguments, given=b""):
    status, out, told = harness.hikyaku(*arguments, given=given)
    return status, out.decode("utf-8"), told


def quoted(text):
    return " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


def prepare(folder):
    """The messages without the CR too many that their folded lines have, and the zone."""
    keys = dict(line.split(" ", 1) for line in (VECTORS / "recovered_keys.txt").read_text().splitlines())
    for name in ("pass.dkim.a.test", "fail.dkim.a.test"):  # the lab publishes a wrong key for the second
        RECORDS[f"smtpbook._domainkey.{name}"] = keys["pass.dkim.a.test"]
    for path in VECTORS.glob("*.eml"):
        (folder / path.name[len("seed_scenario"):]).write_bytes(path.read_bytes().replace(b"\r\r\n", b"\r\n"))
    (folder / "zone").write_text("".join(f"{name}. TXT {quoted(text)}\n" for name, text in RECORDS.items()))


def check_scenarios(folder):
    for scenario, (checks, spf, dkim, dmarc, status) in SCENARIOS.items():
        message = folder / f"{scenario}.eml"
        code, out, err = hikyaku("verify", "--json", "--checks", checks, "--dns", folder / "zone", message)
        told = json.loads(out)
        found = (told.get("spf", {}).get("result"), told["dkim"][0]["result"] if told.get("dkim") else None,
                 told.get("dmarc", {}).get("result"))
        ok(found == (spf, dkim, dmarc) and code == status, f"{scenario}: the stored message alone gives its verdict again", found, code, err)
        if scenario == "4-4":
            continue
        stored = re.search(rb"(Authentication-Results: .*?\r\n)(?![ \t])", message.read_bytes(), re.S)[1].decode().replace("\r\n", "\n")
        code, out, err = hikyaku("verify", "--checks", checks, "--authres-style", "rspamd", "--dns", folder / "zone", message)
        ok(out == stored, f"{scenario}: Authentication-Results equals the stored one byte for byte (S0-060 to S0-065)", out, stored)


def check_senders_and_elements(folder):
    _, out, _ = hikyaku("verify", "--json", "--dns", folder / "zone", folder / "4-4.eml")
    told = json.loads(out)
    ok((told["message"]["envelope_from"], told["message"]["header_from"]) == ("user1@a.test", "user1@x.test"),
       "4-4: JSON has both senders (S0-030, S0-073)", told["message"])
    ok([told["dmarc"][name] for name in ("spf_pass", "spf_aligned", "dkim_pass", "dkim_aligned")] == [True, False, False, False],
       "4-4: JSON has the four elements of DMARC (S0-042)", told["dmarc"])
    asked = [e["name"] for e in told["evidence"]]
    _, out, _ = hikyaku("verify", "--json", "--dns", folder / "zone", folder / "4-1.eml")
    answers = [(e["name"], e["rcode"]) for e in json.loads(out)["evidence"]]
    own, above = ("_dmarc.pass.dkim.a.test", "NXDOMAIN"), ("_dmarc.a.test", "NOERROR")
    ok(own in answers and above in answers and answers.index(own) < answers.index(above),
       "4-1: the policy is asked for at the author domain first, then above it (S0-070)", answers)
    ok(asked.count("_dmarc.x.test") == 1, "a question is asked once", asked)


def check_page(folder):
    code, out, _ = hikyaku("explain", "--dns", folder / "zone", folder / "4-4.eml")
    message = (folder / "4-4.eml").read_bytes().decode().replace("\r\n", "\n")
    parts = re.split(r"^---- .*\n", out, flags=re.M)
    shown = "".join(part.rstrip("\n") + "\n" for part in parts[1:3]) + parts[3].split("\n====")[0]
    ok(code == 1 and len(parts) == 4 and shown.startswith(message.rstrip("\n")),
       "explain prints the message whole, in three sections (S0-029)", shown)
    ok(parts[1].strip() == "Return-Path: <user1@a.test>" and parts[3].startswith("Message-ID:"),
       "section 1 is Return-Path, section 3 begins where DATA began (S0-029)", *parts)
    for scenario, rows in {
        "4-1": ["| Header From        | user1@pass.dkim.a.test |", "| Return-Path        | user1@pass.dkim.a.test |",
                '| SPF record         | pass.dkim.a.test "v=spf1 ip4:10.255.1.20/31 -all" |',
                "| Source server (IP) | dkim.smtp.a.test(10.255.1.21) |", "| Result             | spf=pass |",
                "| DKIM-Signature d= | d=pass.dkim.a.test |", "| Result            | dkim=pass |", "| Result            | dmarc=pass |"],
        "4-2": ["| Result             | spf=pass |", "| Result            | dkim=fail |", "| Result            | dmarc=pass |"],
        "4-3": ["| Source server (IP) | dkim.smtp.x.test(10.255.24.21) |", "| Result             | spf=fail |",
                "| Result            | dkim=pass |", "| Result            | dmarc=pass |"],
        "4-4": ["| Return-Path        | user1@a.test |", "| DKIM-Signature d= | d=y.test |", "| Result            | dmarc=fail |"],
    }.items():
        _, out, _ = hikyaku("explain", "--dns", folder / "zone", folder / f"{scenario}.eml")
        missing = [row for row in rows if row not in out.splitlines()]
        ok(not missing, f"{scenario}: the tables of the text stand in the page (S0-072)", *missing, out)
        steps = re.findall(r"^ *\d+\. .*  \[RFC \d+", out, re.M)
        ok(len(steps) > 15 and "DNS question TXT _dmarc." in out, f"{scenario}: each step has a number and its RFC", out)
    _, out, _ = hikyaku("explain", "--lang", "ja", "--dns", folder / "zone", folder / "4-4.eml")
    ok(all(text in out for text in ("---- セクション1 MAIL FROMから生成", "---- セクション2 RFC 5321 Trace Information の内容",
                                    "---- セクション3 DATAの内容", "| ヘッダーFrom ", "DMARCの結果は fail です")),
       "the page in Japanese has the words of the text (S0-029)", out)
    ok("client address 10.255.1.21 (from Received)" in out and "received by dmarc.mx.b.test" in out and "MAIL FROM user1@a.test" in out,
       "what was taken from the message is said", out)


def check_evidence(folder):
    record = folder / "record"
    for scenario in ("4-1", "4-4"):
        code, out, _ = hikyaku("verify", "--json", "--dns", folder / "zone", "--save-evidence", record, folder / f"{scenario}.eml")
        again, replayed, _ = hikyaku("verify", "--json", "--evidence", record)
        ok(code == again and out == replayed, f"{scenario}: a record replays to the same bytes, without message and DNS", out, replayed)
        code, page, _ = hikyaku("explain", "--evidence", record)
        ok("DMARC, step by step:" in page and "replayed from a record" in page, f"{scenario}: explain replays a record", page)
    record.write_bytes(record.read_bytes()[:-1])
    code, _, err = hikyaku("verify", "--evidence", record)
    ok(code == 2 and "damaged" in err, "a damaged record is refused", code, err)


def check_input(folder):
    message = (folder / "4-1.eml").read_bytes()
    zone = folder / "zone"
    (folder / "lf.eml").write_bytes(message.replace(b"\r\n", b"\n"))
    code, out, err = hikyaku("verify", "--checks", "dkim", "--dns", zone, folder / "lf.eml")
    ok(code == 0 and "dkim=pass" in out and "LF was read as CRLF" in err, "a file with LF line ends is read as mail", out, err)
    code, out, _ = hikyaku("verify", "--dns", zone, "-", given=message)
    ok(code == 0 and "dmarc=pass" in out, "- reads the standard input", out)
    code, out, _ = hikyaku("verify", "--dns", zone, "--ip", "192.0.2.9", "--helo=h.test", "--mail-from=u@x.test", "--authserv-id", "me.test", folder / "4-1.eml")
    ok(out.startswith("Authentication-Results: me.test;\n") and "spf=fail (192.0.2.9: -all of x.test) smtp.mailfrom=u@x.test" in out,
       "options win over what the message says", out)
    ok("header.from=pass.dkim.a.test policy.dmarc=quarantine" in out, "the default style is that of RFC 8601 (S0-065)", out)
    bare = b"From: u@a.test\r\n\r\nx\r\n"
    code, out, _ = hikyaku("verify", "--json", "--dns", zone, "-", given=bare)
    told = json.loads(out)
    ok(told["spf"]["reason"] == "no client address" and told["message"]["envelope_from"] is None and code == 1,
       "without an address SPF is none and DMARC fails", out)
    code, out, _ = hikyaku("verify", "--dns", zone, "--mail-from", "", "--ip", "192.0.2.1", "--helo", "a.test", "-", given=bare)
    ok("smtp.helo=a.test" in out, "an empty --mail-from is the null sender", out)


def check_forged_trail(folder):
    """A host that writes no Authentication-Results: whoever sends can say who "we" are and what "our" hop saw."""
    ours = b"Received: from evil.test (evil.test [203.0.113.9]) by mx.b.test; Mon, 11 Nov 2024 23:01:00 +0900\r\n"
    forged = (b"Authentication-Results: mx9.b.test; none\r\n"
              b"Received: from smtp.a.test (smtp.a.test [10.255.1.20]) by mx9.b.test; Mon, 11 Nov 2024 23:00:00 +0900\r\n")
    rest = b"From: u@a.test\r\n\r\nx\r\n"
    arguments = ("verify", "--dns", folder / "zone", "--mail-from", "u@a.test")
    code, out, err = hikyaku(*arguments, "-", given=ours + forged + rest)
    ok(code == 0 and "not the topmost, is of our host mx9.b.test" in err and "--authserv-id" in err,
       "a Received that is believed only since the message names its host is told", code, out, err)
    code, out, err = hikyaku(*arguments, "--authserv-id", "mx.b.test", "-", given=ours + forged + rest)
    ok(code == 1 and "spf=fail (203.0.113.9" in out and "is of our host" not in err, "with our name the forger's trail is worth nothing", code, out, err)
    code, out, err = hikyaku(*arguments, "-", given=forged + rest)
    ok("is of our host" not in err, "of the topmost Received nothing has to be told", err)


def check_statuses(folder):
    zone = folder / "zone"
    (folder / "broken").write_text("$SERVFAIL _dmarc.a.test. TXT\na.test. A 192.0.2.1\n")
    (folder / "bad").write_text("a.test. TXT \"unclosed\nb.test. A nonsense\n")
    bare = b"From: u@a.test\r\n\r\nx\r\n"
    for title, wanted, arguments, given in [
        ("no record at all is nothing to object to", 0, ["verify", "--dns", folder / "broken", "-"], b"From: u@b.test\r\n\r\n"),
        ("a failing policy", 1, ["verify", "--dns", zone, "-"], bare),
        ("two From fields", 1, ["verify", "--dns", zone, "-"], b"From: u@a.test\r\nFrom: u@a.test\r\n\r\n"),
        ("a DNS failure is temporary", 3, ["verify", "--dns", folder / "broken", "-"], bare),
        ("no such file", 2, ["verify", folder / "absent"], None),
        ("no message", 2, ["verify"], None),
        ("two messages", 2, ["verify", "a", "b"], None),
        ("an unknown option", 2, ["verify", "--nope", "-"], None),
        ("an option without its value", 2, ["verify", "--ip"], None),
        ("a bad address", 2, ["verify", "--ip", "1.2.3", "-"], None),
        ("a bad check", 2, ["verify", "--checks", "spf,foo", "-"], None),
        ("a bad zone", 2, ["verify", "--dns", folder / "bad", "-"], bare),
        ("an unknown command", 2, ["frobnicate"], None),
        ("no command", 2, [], None),
        ("--help", 0, ["--help"], None),
        ("explain --help", 0, ["explain", "--help"], None),
    ]:
        code, out, err = hikyaku(*arguments, given=given)
        ok(code == wanted and (wanted != 2 or err), f"exit status {wanted}: {title}", code, out, err)
    code, out, err = hikyaku("verify", "--ip", "\x1b[2J", "-", given=bare)
    ok(code == 2 and "\x1b" not in err, "what was typed is quoted in a complaint", repr(err))


def check_replies():
    """Each refusal of hikyakud is explained by its id alone, offline; docs/replies.md is what the table says (S4 E-12)."""
    reply = "550 5.7.1 <v@x.test>: Relaying denied (RFC 5321 3.6.2) [relay-denied/0019D1F2E4C5000B]"
    for given in (reply, "[relay-denied/0019D1F2E4C5000B]", "relay-denied/0019D1F2E4C5000B"):
        status, out, _ = hikyaku("explain", given)
        ok(status == 0 and "RFC 5321 3.6.2" in out and "relay-from" in out and "0019D1F2E4C5000B" in out, f"explain takes {given}", out)
    _, out, _ = hikyaku("explain", "--lang", "ja", "line-bare-lf")
    ok("コマンド行にCRのないLFがあります" in out and "RFC 5321 2.3.8" in out, "and says it in Japanese", out)
    _, out, _ = hikyaku("explain", "--json", "greylisted")
    one = json.loads(out)
    ok((one["code"], one["enhanced"], one["rule"], one["item"]) == (451, "4.7.1", "RFC 6647", "greylist"), "and as JSON", out)
    status, _, err = hikyaku("explain", "no-such-id")
    ok(status == 2 and "no-such-id" in err, "what is no id is a file", err)
    _, out, _ = hikyaku("explain", "--replies", "--lang", "en")
    ok(out == (ROOT / "docs/replies.md").read_text(), "docs/replies.md is what 'hikyaku explain --replies --lang en' prints")
    manual = (ROOT / "dist/hikyakud.8").read_text()
    _, out, _ = hikyaku("explain", "--replies", "--json")
    unknown = [row["item"] for row in json.loads(out) if row["item"] and f".It Ic {row['item']} " not in manual and f".It Ic {row['item']}\n" not in manual]
    ok(not unknown, "each item that a row names is one of hikyakud(8)", unknown)


def check_matrix():
    _, out, _ = hikyaku("explain", "--matrix")
    rows = [[cell.strip() for cell in line.split("|")[1:]] for line in out.splitlines() if re.match(r"\| (pass|fail)", line)]
    right = all((row[4] == "pass") == (row[0:2] == ["pass", "yes"] or row[2:4] == ["pass", "yes"]) for row in rows)
    ok(len(rows) == 16 and len({tuple(row[:4]) for row in rows}) == 16 and right, "the matrix has all 16 rows with their result (S0-043, S0-044)", out)
    ok(sum("impossible" in row[5] for row in rows) == 7, "7 of them are marked impossible (S0-044, E-01)", out)


def check_manual():
    helps = {name: hikyaku(name, "--help")[1] for name in ("explain", "verify", "check", "sign", "keys", "arc", "srs", "authres")}
    of = {name: set(re.findall(r"^  --([a-z0-9-]+)", out, re.M)) for name, out in helps.items()}
    options = sorted(set.union(*of.values()))
    ok(of["sign"] == {"key", "domain", "selector", "headers", "canon", "now", "json", "help"} and "batch" in of["check"] and "batch" not in of["explain"] and
       "json" in set.intersection(*of.values()), "--help of a command has its options and no others", of)
    page = (ROOT / "dist/hikyaku.1").read_text()
    missing = [name for name in options if f".It Fl -{name}" not in page]
    ok(len(options) > 10 and not missing, "the man page has every option of --help", *missing)
    _, out, _ = hikyaku("--help")
    commands = re.findall(r"^  ([a-z]+) ", out, re.M)
    ok(commands and all(f".It Cm {name}" in page for name in commands), "the man page has every command", *commands)


def dns_reply(query, broken):
    """An answer from RECORDS (TXT), NXDOMAIN, or SERVFAIL for the name that is broken."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    name, kind = ".".join(labels).lower(), struct.unpack("!H", query[at + 1:at + 3])[0]
    text = RECORDS.get(name) if kind == 16 else None
    below = any(known.endswith("." + name) or known == name for known in RECORDS)
    rcode = 2 if name == broken else 0 if below else 3
    answer = b""
    if text and rcode == 0:
        strings = b"".join(bytes([len(text[i:i + 200])]) + text[i:i + 200].encode() for i in range(0, len(text), 200))
        answer = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, len(strings)) + strings
    return query[:2] + struct.pack("!HHHHH", 0x8580 | rcode, 1, bool(answer), 0, 0) + query[12:at + 5] + answer


def serve(server, broken):
    while True:
        try:
            query, peer = server.recvfrom(4096)
        except OSError:
            return
        if query == b"stop":
            return
        server.sendto(dns_reply(query, broken), peer)


def check_network(folder):
    for title, broken, wanted in [("answers come over the network", None, 0), ("a server's failure is temporary", "_dmarc.a.test", 3)]:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=serve, args=(server, broken))
        thread.start()
        code, out, err = hikyaku("verify", "--resolver", f"127.0.0.1@{server.getsockname()[1]}", folder / "4-1.eml")
        server.sendto(b"stop", server.getsockname())
        thread.join()
        server.close()
        ok(code == wanted and (wanted or ("dkim=pass" in out and "spf=pass" in out and "dmarc=pass" in out)), title, code, out, err)


def main():
    check_matrix()
    check_replies()
    check_manual()
    if not (VECTORS / "recovered_keys.txt").exists():
        tap.skip("the messages of the lab", "no vectors")
    else:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            prepare(folder)
            for check in (check_scenarios, check_senders_and_elements, check_page, check_evidence, check_input, check_forged_trail, check_statuses, check_network):
                check(folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

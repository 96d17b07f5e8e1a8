#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The SPF test suites of openspf.org (RFC 7208 and its history) and of mail-auth, run against lib/spf.

Each suite document becomes zone text and a list of cases for spf-cases; its answers are compared here.
A case whose expectation is not RFC 7208's is in DIFFERS with the result that is, and the reason."""

import collections
import ipaddress
import os
import pathlib
import subprocess
import sys
import tempfile

from harness import Tap

VECTORS = pathlib.Path(os.environ.get("HIKYAKU_VECTORS", "../shared/vectors"))
TYPES = ("A", "AAAA", "MX", "PTR", "TXT")

# (suite, case) -> (our result, why it is right)
VOIDS = "4.6.4: its names do not exist, and the void limit is newer than RFC 4408"
NO_VOID_LIMIT = "4.6.4: more than two of its names do not exist; mail-auth does not count void lookups"
TEN_MX = "4.6.4: more than ten MX hosts are a permerror; RFC 4408 was read otherwise"
ONLY_A = "5.7: exists asks for A, whatever the client's family"
DIFFERS = {
    ("rfc4408-tests-2009-10", "mx-limit"): ("permerror", TEN_MX),
    ("rfc4408-tests-2009-10", "mech-at-limit"): ("permerror", VOIDS),
    ("rfc4408-tests-2009-10", "include-at-limit"): ("permerror", VOIDS),
    ("rfc4408-tests-2007-01", "mx-limit"): ("permerror", TEN_MX),
    ("rfc4408-tests-2007-01", "mech-at-limit"): ("permerror", VOIDS),
    ("rfc4408-tests-2007-01", "include-at-limit"): ("permerror", VOIDS),
    ("rfc4408-tests-2007-01", "exp-empty-domain"): ("permerror", "6.2: exp= needs a domain-spec"),
    ("mailauth all", "All test: sender@test.org from 10.0.0.1"): ("permerror", "4.6: ip: is no mechanism, wherever it stands"),
    ("mailauth basic", "DNS Lookup Limits: sender@ok.test.org from 172.168.0.1"): ("permerror", NO_VOID_LIMIT),
    ("mailauth basic", "DNS Lookup Limits: sender@mx.test.org from 10.0.0.8"): ("permerror", TEN_MX),
    ("mailauth basic", "HELO identity: sender@test.org from 172.168.0.1"): ("pass", "2.3: the HELO identity is another check"),
    ("mailauth exists", "Exists: sender@ip6.test.org from 167.1.2.3"): ("fail", ONLY_A),
    ("mailauth macro", "Macro expansion 2: strong-bad@email.example.com from 2001:db8::cb01"): ("fail", ONLY_A),
    ("mailauth ip", "IPv6 match: sender@test.org from 10.1.2.3"): ("fail", "5: an IPv4 client matches no ip6, mapped or not"),
}


class Case:
    def __init__(self, name, ip, helo, mail_from, results, explanation):
        self.name, self.ip, self.helo, self.mail_from = name, ip, helo, mail_from
        self.results, self.explanation = results, explanation


def escaped(text, keep):
    return "".join(c if c.isascii() and (c.isalnum() or c in keep) else "\\%03d" % b
                   for c, b in ((chr(b), b) for b in text.encode("latin-1")))


def zone_name(name):
    return escaped(name.rstrip("."), ".-_*") + "."


def is_name(name):
    """False for the names that a suite holds because DNS cannot."""
    return len(name) <= 254 and all(0 < len(label) <= 63 for label in name.rstrip(".").split("."))


def zone_text(strings):
    if isinstance(strings, str):
        strings = [strings[i:i + 255] for i in range(0, len(strings), 255)] or [""]
    return " ".join('"%s"' % escaped(s, "") for s in strings)


# ---- openspf ---------------------------------------------------------------------

def openspf_record(name, kind, value):
    """One line of zone text, or None for what DNS has not."""
    if value == "TIMEOUT":
        return "$TIMEOUT %s %s" % (zone_name(name), kind)
    if kind == "TXT":
        return None if value == "NONE" else "%s TXT %s" % (zone_name(name), zone_text(value))
    if kind == "MX":
        return "%s MX %d %s" % (zone_name(name), int(value[0]), zone_name(value[1]))
    if kind in ("PTR", "CNAME"):
        return "%s %s %s" % (zone_name(name), kind, zone_name(value))
    return "%s %s %s" % (zone_name(name), kind, value)


def openspf_zone(data):
    lines = []
    for name, entries in (data or {}).items():
        name = str(name)
        pairs = [next(iter(e.items())) for e in entries if isinstance(e, dict)]
        # A name without TXT publishes its SPF-type records as TXT; the type itself is history (RFC 7208 3.1).
        if not any(kind == "TXT" for kind, _ in pairs):
            pairs = [("TXT" if kind == "SPF" else kind, value) for kind, value in pairs]
        pairs = [(kind, value) for kind, value in pairs if kind != "SPF"]
        lines += [openspf_record(name, kind, value) for kind, value in pairs]
        if "TIMEOUT" in entries:
            there = {kind for kind, value in pairs if value != "NONE"}
            lines += ["$TIMEOUT %s %s" % (zone_name(name), kind) for kind in TYPES if kind not in there]
    return "\n".join(line for line in lines if line) + "\n"


def openspf_documents(path):
    import yaml
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if not document:
            continue
        cases = []
        for name, test in document["tests"].items():
            results = test["result"] if isinstance(test["result"], list) else [test["result"]]
            cases.append(Case(name, test["host"], test["helo"] or "", test["mailfrom"] or "", results, test.get("explanation")))
        yield openspf_zone(document.get("zonedata")), cases


# ---- mail-auth: like YAML, but keys repeat ----------------------------------------------

def mailauth_zone(records):
    lines = []
    for kind, value in records:
        name, _, rest = value.partition(" ")
        items = [item for item in rest.replace(",", " ").split() if item]
        if kind in ("spf", "exp"):
            lines.append("%s TXT %s" % (zone_name(name), zone_text(rest.strip())))
        elif kind in ("a", "aaaa"):
            lines += ["%s %s %s" % (zone_name(name), kind.upper(), item) for item in items]
        elif kind == "ptr":
            reverse = ipaddress.ip_address(name).reverse_pointer
            lines += ["%s PTR %s" % (zone_name(reverse), zone_name(item)) for item in items]
        elif kind == "mx":  # given by their addresses
            for i, item in enumerate(items):
                lines.append("%s MX %d mx%d.%s" % (zone_name(name), i, i, zone_name(name)))
                lines.append("mx%d.%s %s %s" % (i, zone_name(name), "AAAA" if ":" in item else "A", item))
    return "\n".join(line for line in lines if is_name(line.split()[0])) + "\n"


def mailauth_pairs(text):
    """(part, key, value) of each line: part is "" at the top, else "records" or "tests"."""
    part = ""
    for line in text.split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        key, _, value = line.strip().lstrip("- ").partition(":")
        if line.startswith(" "):
            yield part, key, value.strip()
        elif key in ("records", "tests"):
            part = key
        else:
            yield "", key, value.strip()


def mailauth_broken(text):
    words = set(text.replace(":", " ").replace("@", " ").split())
    return "".join("$SERVFAIL %s\n" % zone_name(word) for word in words if word.startswith("_dns_error"))


def mailauth_documents(path):
    for text in path.read_text(encoding="utf-8").split("\n---\n"):
        title, records, cases, now = path.stem, [], [], {}
        for part, key, value in mailauth_pairs(text):
            if part == "" or (part == "tests" and key == "name"):
                title = value
            elif part == "records" or key in ("spf", "exp", "a", "aaaa", "mx", "ptr"):
                if part == "tests":  # from here on another record stands there
                    yield mailauth_zone(records) + mailauth_broken(text), cases
                    cases = []
                    records = [r for r in records if (r[0], r[1].split()[0]) != (key, value.split()[0])]
                records.append((key, value))
            elif key == "expect":
                result, _, explanation = value.partition(" ")
                name = "%s: %s from %s" % (title, now["sender"][:60] or "<>", now["ip"])
                cases.append(Case(name, now["ip"], now["domain"], now["sender"], [result], explanation or None))
            else:
                now[key] = value
        yield mailauth_zone(records) + mailauth_broken(text), cases


# ---- running ------------------------------------------------------------------------------

TITLES = collections.Counter()


def unique(title):
    TITLES[title] += 1
    return title if TITLES[title] == 1 else "%s, number %d" % (title, TITLES[title])


def field(text):
    return text.encode("latin-1", "replace").replace(b"\t", b" ").replace(b"\n", b" ")


def evaluate(program, zone, cases):
    with tempfile.TemporaryDirectory() as folder:
        zone_file, case_file = pathlib.Path(folder, "zone"), pathlib.Path(folder, "cases")
        zone_file.write_text(zone, encoding="ascii")
        case_file.write_bytes(b"".join(b"%d\t%s\t%s\t%s\n" % (i, field(c.ip), field(c.helo), field(c.mail_from))
                                       for i, c in enumerate(cases)))
        done = subprocess.run([program, zone_file, case_file], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit("Bail out! " + done.stderr.strip())
    return [line.split("\t")[1:3] for line in done.stdout.split("\n") if line]


def run_suite(tap, program, suite, documents):
    folder = "spf-mailauth-yml" if suite.startswith("mailauth") else "spf-openspf-history"  # for tools/conformance.py
    for zone, cases in documents:
        for case, (result, explanation) in zip(cases, evaluate(program, zone, cases), strict=True):
            wanted, why = case.results, ""
            if (suite, case.name) in DIFFERS:
                wanted, why = [DIFFERS[suite, case.name][0]], " (" + DIFFERS[suite, case.name][1] + ")"
            good = result in wanted
            if good and case.explanation is not None and result == "fail":
                good = explanation == ("" if case.explanation == "DEFAULT" else case.explanation)
            title = unique(("%s: %s" % (suite, case.name)).replace("#", ""))  # which would begin a directive
            print("# differs %s/%s | RFC 7208 %s" % (folder, title, why.strip(" ()")) if why else "# vector %s/%s" % (folder, title))
            tap.ok(good, title + why, "wanted %s %s, got %s %s" % (
                wanted, case.explanation or "", result, explanation))


def main():
    program = sys.argv[1]
    openspf, mailauth = VECTORS / "spf-openspf-history", VECTORS / "spf-mailauth-yml"
    if not openspf.is_dir() or not mailauth.is_dir():
        print("1..0 # SKIP no vectors at %s" % VECTORS)
        return 0
    try:
        import yaml  # noqa: F401
    except ImportError:
        print("1..0 # SKIP python3-yaml is not installed")
        return 0
    tap = Tap()
    for name in ("rfc7208-tests-2014-05", "rfc4408-tests", "rfc4408-tests-2009-10", "rfc4408-tests-2007-01", "pyspf-tests"):
        run_suite(tap, program, name, openspf_documents(openspf / (name + ".yml")))
    for path in sorted(mailauth.glob("*.yml")):
        run_suite(tap, program, "mailauth " + path.stem, mailauth_documents(path))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

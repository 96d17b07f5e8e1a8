# SPDX-License-Identifier: MIT
"""Hostile and careless SPF records, asked with `hikyaku check spf`. TAP.

AP-n and SEC-n are the rows of the catalogues that tests/rows.txt counts."""

import json
import re
import sys

from harness import Tap, folder, hikyaku, run_cases

IP = "203.0.113.9"


def quoted(text):
    return " ".join('"' + text[i:i + 255].replace("\\", "\\\\").replace('"', '\\"') + '"' for i in range(0, len(text), 255)) or '""'


class Zone:
    """Records go to domains of their own; cases are asked in one process."""

    def __init__(self, tap):
        self.tap, self.text, self.cases, self.count = tap, "", [], 0

    def txt(self, name, *records):
        for record in records:
            self.text += f"{name}. TXT {quoted(record)}\n"
        return name

    def domain(self, *records):
        self.count += 1
        return self.txt(f"d{self.count}.test", *records)

    def ask(self, title, domain, result, *, ip=IP, user="u", helo="h.test", **want):
        sender = f"{user}@{domain}" if domain else ""
        self.cases.append((title, {"ip": ip, "helo": helo, "mail_from": sender}, {"result": result, **want}))

    def record(self, title, record, result, **more):
        self.ask(title, self.domain(record), result, **more)

    def run(self):
        lines = "\n".join(json.dumps({"id": i, **request}) for i, (_, request, _) in enumerate(self.cases))
        with folder() as root:
            (root / "zone").write_text(self.text)
            _, out, err = hikyaku("check", "spf", "--dns", root / "zone", "--batch", given=lines.encode())
        answers = [json.loads(line) for line in out.splitlines()]
        self.tap.ok(len(answers) == len(self.cases), f"{len(self.cases)} records have a result each", err)
        for (title, _, want), answer in zip(self.cases, answers, strict=False):
            got = answer.get("result") or {}
            self.tap.ok(all(got.get(name) == value for name, value in want.items()), title, {name: got.get(name) for name in want}, want,
                        got.get("reason"))
        return [answer.get("result") for answer in answers]


def local_parts(tap):
    """RFC 8616 4: where the local part is not ASCII, a term with its macro matches nothing; others do."""
    z = Zone(tap)
    z.text += "*.any.test. A 127.0.0.2\n*.all.test. TXT \"v=spf1 +all\"\n"
    for user, result in (("b", "pass"), ("b\u00fc", "fail")):
        for term in ("exists:%{l}.any.test", "exists:%{L}.any.test", "exists:%{s}.any.test", "include:%{l}.all.test"):
            z.record(f"RFC 8616 4: {term} for the local part {user}", f"v=spf1 {term} -all", result, user=user)
        z.record(f"RFC 8616 4: the macro of the domain for the local part {user}", "v=spf1 exists:%{o}.any.test -all", "pass", user=user)
    z.run()


def limits(tap):
    z = Zone(tap)
    for n, result in ((10, "pass"), (11, "permerror")):
        z.text += "".join(f"a{n}-{i}.test. A 192.0.2.1\n" for i in range(n))
        z.record(f"AP-36 S2-004: {n} terms that ask", "v=spf1 " + " ".join(f"a:a{n}-{i}.test" for i in range(n)) + " +all", result, lookups=n)
        z.text += "".join(f"mx{n}.test. MX {i} m{n}-{i}.test.\nm{n}-{i}.test. A 192.0.2.1\n" for i in range(n))
        z.record(f"AP-36 SEC-76: an mx of {n} hosts", f"v=spf1 mx:mx{n}.test +all", result)
        z.text += "".join(f"{n}.100.51.198.in-addr.arpa. PTR h{i}.ptr{n}.test.\n" for i in range(n)) + f"h{n - 1}.ptr{n}.test. A 198.51.100.{n}\n"
        z.record(f"AP-36 SEC-77: ptr looks at ten of {n} names", f"v=spf1 ptr:ptr{n}.test -all", "pass" if n == 10 else "fail", ip=f"198.51.100.{n}")
    z.text += "".join(f"99.100.51.198.in-addr.arpa. PTR h{i}.many.test.\n" for i in range(1000)) + "h999.many.test. A 198.51.100.99\n"
    z.record("SEC-77: a thousand names of the reverse zone's owner", "v=spf1 ptr:many.test -all", "fail", ip="198.51.100.99", lookups=1)
    z.record("SEC-77: %{p} of a thousand names", "v=spf1 exists:%{p}.x.test -all", "fail", ip="198.51.100.99")
    void = "a:no0.test a:no1.test"
    z.record("AP-37 S2-015: two voids", f"v=spf1 {void} +all", "pass", voids=2)
    z.record("AP-37 S2-015: the third void is an error", f"v=spf1 {void} a:no2.test +all", "permerror", voids=3)
    z.record("AP-37: also where it is the last term", f"v=spf1 {void} a:no2.test", "permerror", voids=3)
    z.record("AP-37: also inside an include", "v=spf1 include:" + z.domain(f"v=spf1 {void} a:no2.test") + " +all", "permerror", voids=3)
    z.record("AP-37: over two includes", f"v=spf1 include:{z.domain(f'v=spf1 {void} -all')} a:no2.test +all", "permerror", voids=3)
    z.text += "v4.test. A 192.0.2.1\nv4b.test. A 192.0.2.1\nv4c.test. A 192.0.2.1\n"
    z.record("AP-37 S2-010: hosts without AAAA are void for an IPv6 client", "v=spf1 a:v4.test a:v4b.test a:v4c.test +all", "permerror", ip="2001:db8::1", voids=3)
    z.ask("AP-39: an include of itself", z.domain(f"v=spf1 include:d{z.count + 1}.test -all"), "permerror", lookups=11)
    z.txt("ping.test", "v=spf1 include:pong.test -all")
    z.txt("pong.test", "v=spf1 redirect=ping.test")
    z.ask("AP-39: a loop of include and redirect", "ping.test", "permerror", lookups=11)
    z.record("AP-39: an include without a record", "v=spf1 include:nothing.test +all", "permerror")
    z.record("AP-39: a redirect without a record", "v=spf1 redirect=nothing.test", "permerror")
    z.text += "".join(f"w{i}.test. MX {k} w{i}-{k}.test.\n" for i in range(10) for k in range(10))
    z.record("SEC-76: ten mx of ten hosts that are not there", "v=spf1 " + " ".join(f"mx:w{i}.test" for i in range(10)) + " +all", "permerror", voids=3)
    z.run()


def syntax(tap):
    """AP-38: the whole record is read first, so a mistake behind the term that would match counts (RFC 7208 4.6)."""
    z = Zone(tap)
    for bad in ("ip4:1.2.3.4/33", "ip4:1.2.3", "ip4:1.2.3.4/", "ip4:01.2.3.4", "ip4:1.2.3.4/032", "ip6:2001:db8::1/129", "a//129", "a/33", "a//", "mx:", "include:",
                "include", "exists", "foo", "foo:bar", "ip4", "-", "a:%{x}", "a:%", "a:%(d)", "a:%{d", "a:%{d0}", "a:%{dx}", "redirect=a.test redirect=b.test",
                "exp=a.test exp=b.test", "redirect=", "exp=", "+all:x", "all/8", "ptr/8", "++all", "ip4:::1", "ip6:1.2.3.4", "a:..", "\u00e9", "=x", "1a=x", "a.test", "?", "exists:%{c}", "a:%{r}", "include:%{t}"):
        z.record(f"AP-38: {bad!a} behind +all", f"v=spf1 +all {bad}", "permerror")
    for fine in ("unknown=x", "unknown=%{i}", "x-y.z_1=", "redirect=nothing.test", "exp=nothing.test", "ip4:0.0.0.0/0", "ip6:::/0", "a:%{d99999999999999999999r}", "MX",
                 "a:x_y.test", "v=spf1", "ip4=1.2.3.4"):
        z.record(f"AP-38: {fine!r} behind +all is fine", f"v=spf1 +all {fine}", "pass")
    z.ask("AP-41 S2-006: two records", z.domain("v=spf1 ip4:192.0.2.10/24 ~all", "v=spf1 ip6:2001:db8::/32 ~all"), "permerror")
    z.ask("AP-41: two records, one of them broken", z.domain("v=spf1 +all", "v=spf1 foo"), "permerror")
    z.ask("AP-41: one record beside v=spf10 and other text", z.domain("v=spf10 -all", "v=spf1 +all", "this is top level", "v=spf1x"), "pass")
    z.ask("AP-41: v=spf10 alone", z.domain("v=spf10 +all"), "none")
    z.ask("AP-41: V=SPF1", z.domain("V=SPF1 +all"), "pass")
    z.ask("AP-41: nothing behind the version is neutral", z.domain("v=spf1"), "neutral")
    z.ask("AP-41: a blank before the version", z.domain(" v=spf1 +all"), "none")
    z.ask("AP-41: a tab is no blank of the grammar", z.domain("v=spf1\t+all"), "none")
    for size, result in ((4096, "pass"), (4097, "permerror"), (64000, "permerror")):
        z.ask(f"AP-41 SEC-41: a record of {size} octets", z.domain("v=spf1" + " " * (size - 10) + "+all"), result)
    z.text += 'split.test. TXT "v=spf1 ip4:203.0" ".113.9 -" "all"\nsplit2.test. TXT "v=sp" "f1 +all"\nsplit3.test. TXT "v=spf1" "+all"\n'
    z.ask("AP-41 S2-002: strings are joined without a blank", "split.test", "pass")
    z.ask("AP-41: also inside the version", "split2.test", "pass")
    z.ask("AP-41: so a blank that is missing is missing", "split3.test", "none")
    z.run()


def macros(tap):
    """AP-40 SEC-36 SEC-37: what overflowed elsewhere."""
    z = Zone(tap)
    for title, record, user in [
        ("a huge digit", "a:%{d2147483648}.x.test", "u"), ("a huge digit, reversed", "a:%{d4294967297r}.x.test", "u"),
        ("2,000 digits", "a:%{d" + "9" * 2000 + "}.x.test", "u"), ("a local part of 64 octets", "exists:%{l}.x.test", "l" * 64),
        ("a local part of 60,000 octets", "exists:%{l}.x.test", "l" * 60000), ("a local part of dots", "exists:%{lr}.x.test", "." * 500),
        ("all delimiters", "exists:%{L9r.-+,/_=}.x.test", "a.b-c+d,e/f_g=h"), ("octets above 127, escaped", "exists:%{L}.x.test", "\u00ff\u0080\u20ac" * 40),
        ("NUL-like text", "exists:%{L}.x.test", "%00%ff%n%s"), ("%{p} of a client without a name", "exists:%{p}.x.test", "u"),
        ("two hundred macros", "exists:" + "%{S}." * 200 + "x.test", "u" * 60), ("the header macro of CVE-2021-20314", "exists:%{h}%{H}%{hr}.x.test", "u"),
        ("every letter, upper and lower", "exists:%{s}%{S}%{l}%{L}%{o}%{O}%{d}%{D}%{i}%{I}%{p}%{P}%{v}%{V}%{h}%{H}.x.test", "u"),
        ("reversed and cut to nothing left", "exists:%{l1r-}.%{o1r}.x.test", "-" * 300),
    ]:
        domain = z.domain(f"v=spf1 {record} -all")
        z.ask(f"AP-40 SEC-36 SEC-37: {title}", domain, "fail", user=user, helo="h" * 63 + ".test")
    z.text += f"{'a' * 50}.{'b' * 50}.{'c' * 50}.{'d' * 50}.x.test. A 127.0.0.2\n"
    z.record("AP-40: a name over 253 octets loses labels on the left (RFC 7208 7.3)", f"v=spf1 exists:%{{l}}.{'a' * 50}.{'b' * 50}.{'c' * 50}.{'d' * 50}.x.test -all", "pass",
             user="l" * 60)
    z.record("AP-40: a % in a local part is not expanded again", "v=spf1 exists:%{l}.x.test -all", "fail", user="%{p}")
    z.run()


def explanation(tap):
    """AP-45: what the sender's domain says of itself is cleaned, cut, and told apart from our words."""
    z, patterns = Zone(tap), []
    for title, escaped, pattern in [
        ("plain", "go away", r"go away"), ("CR, LF, ESC and 8 bit, which the grammar does not have (6.2)", "a\\013\\010X: y\\027[2J\\255", r""), ("5 KB", "x" * 5000, r"x{500}"),
        ("60 KB", "x" * 60000, r"x{500}"), ("macros of the sender", "%{l} %{i}", r"a\?\?X: y\? 203\.0\.113\.9"), ("format directives", "%%n%%s", r"%n%s"),
        ("a broken macro", "%{", r""), ("no text", "", r""),
    ]:
        name = f"e{z.count}.test"
        z.text += f"{name}. TXT {' '.join(f'{chr(34)}{escaped[i:i + 240]}{chr(34)}' for i in range(0, len(escaped), 240)) or chr(34) * 2}\n"
        z.ask(f"AP-45: {title}", z.domain(f"v=spf1 exp={name} -all"), "fail", user="a\r\nX: y\x1b", reason="a mechanism matched")
        patterns.append(pattern)
    for result, pattern in zip(z.run(), patterns, strict=True):
        tap.ok(re.fullmatch(pattern, result["explanation"]), f"AP-45: the explanation is {pattern!r}", repr(result["explanation"])[:200])
    z = Zone(tap)
    z.txt("t1.test", "one")
    z.txt("t2.test", "one", "two")
    z.ask("AP-45: an explanation of two records is none", z.domain("v=spf1 exp=t2.test -all"), "fail", explanation="")
    z.ask("AP-45: one that is not there is none", z.domain("v=spf1 exp=t3.test -all"), "fail", explanation="")
    z.ask("AP-45: one record is one", z.domain("v=spf1 exp=t1.test -all"), "fail", explanation="one")
    z.run()


def clients(tap):
    z = Zone(tap)
    z.record("AP-43: a mapped client matches ip4", "v=spf1 ip4:203.0.113.9 -all", "pass", ip="::ffff:203.0.113.9")
    z.record("AP-43: and %{i} is IPv4", "v=spf1 exists:%{i}.%{v}.x.test -all", "pass", ip="::ffff:203.0.113.9")
    z.text += "203.0.113.9.in-addr.x.test. A 127.0.0.2\n"
    z.record("AP-43: ip6 of the mapped form does not match it", "v=spf1 ip6:::ffff:203.0.113.9 -all", "fail", ip="::ffff:203.0.113.9")
    z.txt("helo.test", "v=spf1 ip4:203.0.113.9 -all")
    z.ask("AP-42 S1-041: the null sender is postmaster at HELO", "", "pass", helo="helo.test", identity="helo", sender="postmaster@helo.test")
    z.ask("AP-42: HELO that is no name", "", "none", helo="[203.0.113.9]")
    z.record("AP-42: what HELO says is no matter for MAIL FROM", "v=spf1 -all", "fail", helo="helo.test", identity="mailfrom")
    z.ask("AP-42 SEC-71 a1: a name below that has no record", "sub.helo.test", "none")
    z.ask("AP-35 a5: a comment in the domain is no domain", "helo.test(.attack.test", "none")
    for all_term, result in (("-all", "fail"), ("~all", "softfail"), ("?all", "neutral"), ("", "neutral")):
        z.record(f"S2-003: {all_term!r} for all others", f"v=spf1 ip4:192.0.2.1 {all_term}", result)
    z.ask("S1-042 S1-040: From is not looked at", z.domain("v=spf1 ip4:203.0.113.9 -all"), "pass")
    for text in ("+all", "ip4:10.0.0.0/8 -all", "ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all"):
        z.record(f"AP-44: {text} passes what it lists", f"v=spf1 {text}", "pass", ip="10.1.2.3")
    results = z.run()
    for result in results[-3:]:
        tap.ok(result["addresses"]["warnings"], "AP-44 S0-049: so many addresses make a warning", result["addresses"])


def status(tap):
    """S2-005: who changes a record can check it in a script."""
    with folder() as root:
        (root / "zone").write_text('good.test. TXT "v=spf1 ip4:192.0.2.1 -all"\nbad.test. TXT "v=spf1 ip4:192.0.2 -all"\n$SERVFAIL late.test. TXT\n')
        for ip, domain, wanted in (("192.0.2.1", "good.test", 0), ("192.0.2.2", "good.test", 1), ("192.0.2.1", "bad.test", 1), ("192.0.2.1", "none.test", 0),
                                   ("192.0.2.1", "late.test", 3), ("192.0.2", "good.test", 2)):
            code, _, _ = hikyaku("check", "spf", "--dns", root / "zone", "--ip", ip, "--mail-from", f"u@{domain}")
            tap.equal(code, wanted, f"S2-005: the exit status for {ip} of {domain}")


if __name__ == "__main__":
    sys.exit(run_cases([limits, local_parts, syntax, macros, explanation, clients, status], Tap()))

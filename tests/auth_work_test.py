# SPDX-License-Identifier: MIT
"""What a hostile letter or zone may cost: CPU time and memory of one `hikyaku verify`. Everything here is as large as its
limit allows, so work that grows with the square of it would take minutes. TAP.

AP-n and SEC-n are the rows of the catalogues that tests/rows.txt counts."""

import base64
import os
import subprocess
import sys

from harness import BUILD, SLOW, Tap, folder, run_cases
from letters import Key

CPU_SECONDS = 0.5 * SLOW  # ten to fifty times what is needed; one second more than that is what a square would show
RSS_KIB = 64 * 1024  # of the program and all that it read; not with sanitizers, which keep shadows
HAS_SANITIZER = SLOW > 2
REST = b"To: v@b.test\r\nSubject: x\r\n\r\nbody\r\n"
FROM = b"From: u@a.test\r\n"
HASH = b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
ENVELOPE = ("--ip", "192.0.2.1", "--helo", "h.test", "--mail-from", "u@a.test")


def cost(root, message, zone="", arguments=(), command=("verify",)):
    """Exit status, CPU seconds, KiB."""
    (root / "zone").write_text(zone)
    (root / "m.eml").write_bytes(message)
    dns = () if command == ("authres",) else ("--dns", root / "zone")  # it reads, and asks nobody
    process = subprocess.Popen([BUILD / "hikyaku", *command, "--json", *dns, *arguments, root / "m.eml"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, said


def check(tap, root, title, message, zone="", arguments=(), command=("verify",), codes=(0, 1)):
    code, seconds, kib, said = cost(root, message, zone, arguments, command)
    tap.ok(code in codes and seconds < CPU_SECONDS and (kib < RSS_KIB or HAS_SANITIZER), title, f"exit {code}, {seconds:.3f} s, {kib} KiB", said)


def addresses(tap):
    """SEC-82 SEC-84: one field of 250 KB."""
    with folder() as root:
        for title, value in {
            "9,000 addresses": b",\r\n ".join(b"u%d@a.test" % i for i in range(9000)), "20,000 addresses": b"u@a.test," * 20000 + b"u@a.test",
            "comments in comments, SEC-83": b"(" * 120000 + b")" * 120000 + b" u@a.test", "comments never closed": b"(" * 250000,
            "comments in a row": b"()" * 125000 + b" u@a.test", "words": b"a " * 125000 + b"<u@a.test>", "dots": b"a." * 125000 + b"@a.test",
            "quoted strings": b'"" ' * 80000 + b"<u@a.test>", "backslashes": b'"' + b"\\\\" * 120000 + b'" <u@a.test>', "routes": b"<" + b"@a," * 80000 + b"@a:u@a.test>",
            "groups": b"a:;," * 60000 + b" u@a.test", "commas": b"," * 250000 + b" u@a.test", "folding": b"\r\n " * 80000 + b" u@a.test",
            "SEC-93: what makes a backtracking matcher slow": b"a" * 125000 + b"!" * 125000, "encoded words": b"=?utf-8?B?YQ==?= " * 14000 + b"<u@a.test>",
            "literals": b"u@[" + b"\\[" * 100000 + b"]",
        }.items():
            check(tap, root, f"SEC-82 SEC-84: From with {title}", b"From: " + value + b"\r\n" + REST)


def fields(tap):
    with folder() as root:
        check(tap, root, "SEC-82: 1,990 fields", b"".join(b"X%d: y\r\n" % i for i in range(1990)) + FROM + REST)
        check(tap, root, "SEC-82: 100,000 fields of two octets are over the limit", b"a:\r\n" * 100000 + FROM + REST, codes=(2, 3))
        check(tap, root, "SEC-82: 10,000 MIME parts in each other are a body like any other",
              FROM + b'Content-Type: multipart/mixed; boundary="x"\r\n' + b"Content-Type: x; " + b"a*0=b; " * 20000 + b"\r\n\r\n"
              + b'--x\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n' * 10000)
        for title, field in {
            "tags that repeat": b"DKIM-Signature: v=1; " + b"x=1; " * 48000, "tags that do not": b"DKIM-Signature: " + b"".join(b"x%d=1; " % i for i in range(25000)),
            "only semicolons": b"DKIM-Signature: " + b";" * 250000, "comments": b"Authentication-Results: " + b"(a)" * 80000 + b" localhost; spf=pass",
            "comments in comments": b"Authentication-Results: " + b"(" * 250000, "25,000 results": b"Authentication-Results: localhost" + b"; spf=pass" * 25000,
        }.items():
            name = field.split(b":")[0].decode()
            for command in (("verify",), ("authres",)):
                check(tap, root, f"SEC-84: {name} with {title}, {command[0]}", field + b"\r\n" + FROM + REST, command=command)
        for name in (b"Authentication-Results: localhost; spf=pass", b"DKIM-Signature: v=1", b"ARC-Seal: i=1; cv=none", b"Received: x"):
            check(tap, root, f"SEC-74: 1,900 of {name.split(b':')[0].decode()}", (name + b"\r\n") * 1900 + FROM + REST)


def signatures(tap):
    with folder() as root:
        key = Key(root)
        text = base64.b64encode(key.public).decode()
        zone = f'rsa._domainkey.a.test. TXT "v=DKIM1; p={text[:200]}" "{text[200:]}"\n'

        def signature(h=b"from", more=b"", b=b"AAAA"):
            return (b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test; s=rsa; h=" + h + b"; " + more + b"bh=" + HASH + b"; b=" + b + b"\r\n")
        body = (b"x" * 70 + b"\r\n") * 14000
        many = b"".join(signature(more=b"l=%d; " % (i + 1)) for i in range(500))
        check(tap, root, "AP-26 SEC-74: 500 signatures with as many lengths on 1 MB", many + FROM + b"\r\n" + body, zone)
        names = b":".join([b"x"] * 511 + [b"from"])
        check(tap, root, "AP-27: ten h= of 512 names, 1,900 fields", signature(names) * 10 + b"y:\r\n" * 1900 + FROM + REST, zone)
        check(tap, root, "AP-27: ten h= of 512 names, 1,900 fields of that name", signature(names) * 10 + b"x:\r\n" * 1900 + FROM + REST, zone)
        check(tap, root, "SEC-84: ten b= of 24 KB", signature(b="AAAA".encode() * 6000) * 10 + FROM + REST, zone)
        for title, piece in {"line ends": b"\r\n", "blanks": b" ", "blank lines": b" \r\n", "lone CRs": b"\r", "tabs and letters": b"\tx"}.items():
            n = 5_000_000 // len(piece)
            check(tap, root, f"AP-31 SEC-84: 5 MB of {title}", signature() + signature().replace(b"relaxed/relaxed", b"simple/simple") + FROM + b"\r\n" + piece * n + b"x\r\n", zone)
        sets = b"".join(b"ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=a.test; s=rsa; b=AAAA\r\nARC-Message-Signature: i=%d; a=rsa-sha256; d=a.test; s=rsa; h=from; bh=%s; "
                        b"b=AAAA\r\nARC-Authentication-Results: i=%d; x; none\r\n" % (i, i, HASH, i) for i in range(600, 0, -1))
        check(tap, root, "AP-56 SEC-74 SEC-75: 600 sets of ARC", sets + FROM + b"\r\n" + body, zone, command=("arc", "verify"))
        seal = b"ARC-Seal: i=1; cv=none; d=a.test; s=rsa; a=rsa-sha256; b=" + b"x" * 2048 + b"; " + b"t" * 2048 + b"=" + b"u" * 2048 + b"\r\n"
        check(tap, root, "AP-56 SEC-39: tokens of 2,048 octets", seal + b"ARC-Authentication-Results: i=1; " + b"a" * 2048 + b"; " + b"m" * 2048 + b"=pass\r\n" + FROM + REST,
              zone, command=("arc", "verify"))


def zones(tap):
    with folder() as root:
        macros = '" "'.join(["%{S}" * 60] * 16)
        check(tap, root, "SEC-84 AP-40: 960 macros of 60,000 octets", FROM + REST, f'a.test. TXT "v=spf1 exists:{macros}.x.test -all"\n',
              ("--ip", "192.0.2.1", "--helo", "h.test", "--mail-from", "l" * 60000 + "@a.test"))
        terms = '" "'.join([" ip4:1.2.3.4" * 20] * 16)
        check(tap, root, "SEC-76: 320 terms", FROM + REST, f'a.test. TXT "v=spf1" "{terms}"\n', ENVELOPE)
        check(tap, root, "SEC-76: ten mx of ten hosts", FROM + REST, 'a.test. TXT "v=spf1 ' + " ".join(f"mx:m{i}.test" for i in range(10)) + ' -all"\n' + "".join(
            f"m{i}.test. MX 1 h{i}-{k}.test.\nh{i}-{k}.test. A 192.0.2.{k + 2}\n" for i in range(10) for k in range(10)), ENVELOPE, codes=(0, 1, 3))
        check(tap, root, "SEC-77: 250 names of a reverse zone", FROM + REST, 'a.test. TXT "v=spf1 ptr exists:%{p}.x.test -all"\n' + "".join(
            f"1.2.0.192.in-addr.arpa. PTR h{i}.a.test.\n" for i in range(250)), ENVELOPE)
        check(tap, root, "SEC-76: 250 TXT records of 4,000 octets", FROM + REST, "".join(
            f"{name}.test. TXT " + " ".join(f'"{"x" * 250}"' for _ in range(16)) + "\n" for name in ("a", "_dmarc.a") for _ in range(250)), ENVELOPE)
        check(tap, root, "AP-47: 120 labels", b"From: u@" + b".".join([b"a"] * 120) + b".test\r\n" + REST)


if __name__ == "__main__":
    sys.exit(run_cases([addresses, fields, signatures, zones], Tap()))

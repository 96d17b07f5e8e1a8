# SPDX-License-Identifier: MIT
"""SEC-71 SEC-72: signed letters, damaged at random. One that still passes DKIM has, by the canonical forms of letters.py, the
same signed fields and the same signed body as before; one that passes DMARC shows one From of the signer, whatever its reader
takes for a line end, and nothing behind what l= signs. TAP.

usage: auth_mutation_test.py [CASE]...     HIKYAKU_SEED and HIKYAKU_MUTATIONS choose others and more"""

import json
import os
import random
import re
import sys

from harness import Tap, folder, hikyaku, run_cases
from letters import Key, canonical_body, letter, relaxed_field

HEADER = (b"Received: by x\r\nFrom: User <user@a.test>\r\nTo: v@b.test\r\nSubject: one  two\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
          b"X-A: b\r\n")
BODY = b"line one \r\n\tline  two\r\n\r\nend\r\n\r\n"
SIGNED_LENGTH = 20
PIECES = [b"\r\n", b" ", b"\t", b"\r", b"\n", b"\0", b"From: x@v.test\r\n", b":", b";", b"=", b"l=5; ", b"\r\n ", b"\xff", b"a", b"d=v.test; ",
          b"DKIM-Signature: v=1; ", b"\r\n\r\n", b"(", b'"', b"\nFrom: x@v.test\r\n", b"\rfrom :x@v.test", b"From\r\n : x@v.test\r\n"]


def damage(rnd, letter_bytes):
    text = bytearray(letter_bytes)
    for _ in range(rnd.choice((1, 1, 1, 2, 3))):
        at, kind = rnd.randrange(len(text)), rnd.randrange(5)
        if kind == 0:
            text[at] = rnd.randrange(256)
        elif kind == 1:
            del text[at:at + rnd.choice((1, 1, 2, 5, 30))]
        elif kind == 2:
            text[at:at] = rnd.choice(PIECES)
        elif kind == 3:
            start = rnd.randrange(len(text))
            text[at:at] = text[start:start + rnd.randrange(1, 60)]
        else:
            lines = bytes(text).split(b"\r\n")
            one, other = rnd.randrange(len(lines)), rnd.randrange(len(lines))
            lines[one], lines[other] = lines[other], lines[one]
            text = bytearray(b"\r\n".join(lines))
        text = text or bytearray(b"x")
    return bytes(text)


def split(message):
    """Header section and body, at the first empty line."""
    if message.startswith(b"\r\n"):
        return b"", message[2:]
    header, _, body = message.partition(b"\r\n\r\n")
    return header + b"\r\n", body


def name_of(field):
    found = re.match(rb"([!-9;-~]+)(?:\r\n)?(?:[ \t]+(?:\r\n)?)*:", field)
    return found[1].lower() if found else None


def signed_part(message, c, h, length):
    """What such a signature covers, but for its own field."""
    header, body = split(message)
    head_form, body_form = c.split("/")
    rest, covered = lines_of(header), b""
    for name in h.encode().split(b":"):
        found = [i for i, field in enumerate(rest) if name_of(field) == name]
        if found:
            field = rest.pop(found[-1])
            covered += name + relaxed_field(b"x:" + field.split(b":", 1)[1])[1:] if head_form == "relaxed" else field
    return covered, canonical_body(body, body_form)[:length]


def lines_of(header):
    """Fields; only CRLF ends a line, so a lone CR or LF is one of their characters."""
    found = []
    for line in header.split(b"\r\n")[:-1]:
        if found and line[:1] in (b" ", b"\t"):
            found[-1] += line + b"\r\n"
        else:
            found.append(line + b"\r\n")
    return found


def faults(message, how, verdict):
    """What is wrong with a verdict."""
    c, h, length = how
    if any(one["result"] == "pass" for one in verdict["dkim"]) and signed_part(message, *how) != signed_part(letter_without_signature(), *how):
        yield "it passes DKIM with other fields or another body"
    if verdict["dmarc"]["result"] != "pass":
        return
    header, body = split(message)
    shown = [line for line in re.split(rb"\r\n|\r|\n", header) if re.match(rb"(?i)from[ \t]*:", line)]
    if len(shown) != 1 or b"@a.test" not in shown[0]:
        yield f"it passes DMARC and shows {shown}"
    if length is not None and len(canonical_body(body, c.split("/")[1])) > length:
        yield "it passes DMARC with text behind l="


def letter_without_signature():
    return HEADER + b"\r\n" + BODY


def mutations(tap):
    seed, count = int(os.environ.get("HIKYAKU_SEED", "1")), int(os.environ.get("HIKYAKU_MUTATIONS", "2000"))
    rnd = random.Random(seed)
    with folder() as root:
        keys = [Key(root), Key(root, "ed25519", "ed")]
        zone = '_dmarc.a.test. TXT "v=DMARC1; p=reject"\n'
        for key in keys:
            record = key.record()
            zone += f"{key.path.stem}._domainkey.a.test. TXT " + " ".join(f'"{record[i:i + 200]}"' for i in range(0, len(record), 200)) + "\n"
        (root / "zone").write_text(zone)
        hows = [(c, h, length) for c in ("relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed")
                for h in ("from:to:subject:date", "from:from:subject:subject:to:x-none", "from") for length in (None, SIGNED_LENGTH)]
        letters = [(how, letter(key, HEADER, BODY, c=how[0], h=how[1], length=how[2])) for key in keys for how in hows]
        cases = [(how, damage(rnd, text)) for how, text in (rnd.choice(letters) for _ in range(count))]
        cases = [case for case in cases if b"\r\n" in case[1]]  # else the command reads LF as CRLF
        for i, (_, message) in enumerate(cases):
            (root / str(i)).write_bytes(message)
        requests = "\n".join(json.dumps({"file": str(root / str(i))}) for i in range(len(cases)))
        _, out, said = hikyaku("verify", "--batch", "--dns", root / "zone", "--checks", "dkim,dmarc", "--now", "1767225600", given=requests.encode())
        verdicts = [json.loads(line).get("result") for line in out.splitlines()]
    tap.ok(len(verdicts) == len(cases), f"{len(cases)} damaged letters have a verdict each, or a refusal", said)
    wrong = [(fault, message) for (how, message), verdict in zip(cases, verdicts, strict=False) if verdict for fault in faults(message, how, verdict)]
    tap.ok(not wrong, f"none of them passes for what it is not (seed {seed})", *wrong[:5])
    passed = sum(bool(verdict) and verdict["dmarc"]["result"] == "pass" for verdict in verdicts)
    tap.ok(passed > len(cases) // 50, "some pass, being damaged where nobody signed", passed)


if __name__ == "__main__":
    sys.exit(run_cases([mutations], Tap()))

# SPDX-License-Identifier: MIT
"""Every refusal that the daemon can say has an enhanced code of its class, and says where its rule stands.

usage: check_replies.py [ROOT]     TAP
Looked at: 4xx and 5xx written as a code, an enhanced code and a text behind each other, in lib/smtp and engine.
"""

import re
import sys
from pathlib import Path

REPLY = re.compile(r'\b([45]\d\d),\s*(NULL|"[^"]*"),\s*(?:HK_S\()?((?:"(?:[^"\\]|\\.)*"\s*)+)')
# where a rule stands: an RFC, a draft, or a limit of our own
SOURCE = re.compile(r"\(.*(RFC \d{4}|draft-|limit of this host|proxy-protocol)|RFC \d{4}")
# said by a client of ours about a server, or to a log: no reply of the daemon
OWN_SIDE = ("smtpc", "delivery", "dane", "policy_", "dsn", "owner")


def replies(path):
    text = path.read_text(encoding="utf-8")
    for found in REPLY.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield line, found[1], found[2].strip('"'), "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found[3]))


def wrong_with(code, enhanced, text, is_ours):
    if not re.fullmatch(r"[45]\.\d{1,3}\.\d{1,3}", enhanced):
        return "no enhanced code (RFC 2034 4)"
    if enhanced[0] != code[0]:
        return "the enhanced code is of another class (RFC 2034 4)"
    if is_ours and not SOURCE.search(text):
        return "it does not say where its rule stands"
    return None


def main(root):
    seen, bad = 0, []
    for folder in ("lib/smtp", "engine"):
        for path in sorted((root / folder).glob("*.c")):
            if re.search(r"_(test|fuzz|rig|harness|script)\.c$|_test_", path.name):
                continue
            for line, code, enhanced, text in replies(path):
                seen += 1
                wrong = wrong_with(code, enhanced, text, not path.name.startswith(OWN_SIDE))
                if wrong:
                    bad.append(f"{path.relative_to(root)}:{line}: {code} {enhanced} {text}: {wrong}")
    print("1..1")
    for line in bad:
        print(f"# {line}")
    good = not bad and seen > 80
    print(f"{'ok' if good else 'not ok'} 1 - each of {seen} refusals has its enhanced code and says where its rule stands")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))

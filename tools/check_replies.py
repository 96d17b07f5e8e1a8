# SPDX-License-Identifier: MIT
"""Every 4xx and 5xx that the daemon says is a row of lib/smtp/smtp_refusal.h; none is written anywhere else.

S3-034: a refusal has its enhanced code.

usage: check_replies.py [ROOT]     TAP
The unit tests 'smtp-refusals' and 'refusals' provoke each row; docs/replies.md is made of them.
"""

import re
import sys
from pathlib import Path

# a code and an enhanced code behind each other, or a reply as text
LITERAL = re.compile(r'\b[45]\d\d,\s*(?:NULL|"[45]\.)|"[45]\d\d[ -](?:[45]\.\d|[A-Z])')
ROW = re.compile(r'X\((\w+), "([a-z0-9-]+)", ([45]\d\d), "([\d.]+)"')
# said by a client of ours about a server, or to a log: no reply of the daemon
OWN_SIDE = ("smtpc", "delivery", "dane", "policy_", "dsn", "owner")


def is_server(path):
    return not path.name.startswith(OWN_SIDE) and not re.search(r"(_test|_fuzz|_rig|_harness|_script|_testing)\.c$|_test_", path.name)


def main(root):
    rows = ROW.findall((root / "lib/smtp/smtp_refusal.h").read_text(encoding="utf-8").replace("\\\n", ""))
    bad = []
    for folder in ("lib/smtp", "engine", "io", "daemon"):
        for path in sorted((root / folder).glob("*.c")):
            if not is_server(path):
                continue
            text = path.read_text(encoding="utf-8")
            for found in LITERAL.finditer(text):
                bad.append(f"{path.relative_to(root)}:{text.count(chr(10), 0, found.start()) + 1}: {found[0]}: a refusal is a row of smtp_refusal.h")
    page = (root / "docs/replies.md").read_text(encoding="utf-8")
    bad += [f"docs/replies.md: {id} is missing" for _, id, _, _ in rows if f"\n## {id}\n" not in page]
    print("1..1")
    for line in bad:
        print(f"# {line}")
    good = not bad and len(rows) > 100
    print(f"{'ok' if good else 'not ok'} 1 - all {len(rows)} refusals stand in the one table, and in docs/replies.md")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))

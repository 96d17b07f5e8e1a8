# SPDX-License-Identifier: MIT
"""The rows of docs/interop.md: what was tried with whom, in which direction, and what came of it."""

import json

HEAD = """# Interoperation

Real programs of others against ours, on loopback in a network of their own. Made by `./dev test interop --write` from what the run
saw; not written by hand. Messages are compared byte for byte behind the trace fields that each hop puts on top.

*to us*: the program sends, hikyakud takes. *from us*: ours sends, the program takes. "not offered": one side
does not announce the extension, or does not make use of it; "peer's bug": the other side does otherwise than the RFC has it. The
counts have both under skipped.

No server of Debian 12 knows REQUIRETLS (Postfix has it from 3.11 on), CLIENTID or LIMITS. Their rows say what becomes of mail at such a
server, and of a client of others that does not know them by name but says what it is told to: Python's smtplib.

"""
SKIPPED = ("not offered", "peer's bug", "skipped")


class Rows:
    def __init__(self):
        self.rows, self.number = [], 0

    def add(self, program, version, direction, feature, result, note=""):
        row = {"program": program, "version": version, "direction": direction, "feature": feature, "result": result, "note": note}
        self.rows.append(row)
        self.number += 1
        mark = {"ok": "ok", "FAILED": "not ok"}.get(result, "ok")
        tail = "" if result in ("ok", "FAILED") else f" # SKIP {result} {note}".rstrip()
        print(f"{mark} {self.number} - {program} {version}, {direction}: {feature}{tail}", flush=True)
        if result == "FAILED":
            print("".join(f"# {line}\n" for line in str(note).splitlines()[-25:]), end="", flush=True)

    def counts(self):
        failed = sum(row["result"] == "FAILED" for row in self.rows)
        skipped = sum(row["result"] in SKIPPED for row in self.rows)
        return len(self.rows) - failed - skipped, failed, skipped

    def save(self, path):
        path.write_text(json.dumps(self.rows, indent=1) + "\n")

    def page(self, differences=""):
        lines = ["| program | version | direction | feature | result |", "|---|---|---|---|---|"]
        for row in self.rows:
            note = f" ({row['note']})" if row["note"] and row["result"] != "FAILED" else ""
            lines.append(f"| {row['program']} | {row['version']} | {row['direction']} | {row['feature']} | {row['result']}{note} |")
        return HEAD + "\n".join(lines) + "\n" + differences

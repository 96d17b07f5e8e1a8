# SPDX-License-Identifier: MIT
"""What a run of bench/relay.py says: rows, goals, and their page in docs/performance.md with its plots."""

import json
import time

import rig

COLUMNS = (("name", "{:20}", "{:>20}"), ("size", "{:>7}", "{:>7}"), ("connections", "{:>5}", "{:>5}"), ("accepted_per_s", "{:>9.0f}", "{:>9}"),
           ("delivered_per_s", "{:>9.0f}", "{:>9}"), ("cpu_per_1000", "{:>9.3f}", "{:>9}"), ("syncs_per_message", "{:>7.3f}", "{:>7}"),
           ("peak_mb", "{:>7.1f}", "{:>7}"), ("p50_ms", "{:>9.2f}", "{:>9}"), ("p99_ms", "{:>9.2f}", "{:>9}"), ("foreign", "{:>7.0%}", "{:>7}"))
SHORT = {"name": "name", "size": "octets", "connections": "conn", "accepted_per_s": "accept/s", "delivered_per_s": "deliver/s",
         "cpu_per_1000": "cpu/1000", "syncs_per_message": "syncs", "peak_mb": "MiB", "p50_ms": "p50 ms", "p99_ms": "p99 ms", "foreign": "foreign"}
HEAD = " ".join(form.format(SHORT[key]) for key, _, form in COLUMNS)


def line(row):
    return " ".join(form.format(row[key]) for key, form, _ in COLUMNS)


# ---- goals ----


def find(rows, name, size, connections):
    return next((row for row in rows if (row["name"], row["size"], row["connections"]) == (name, size * 1024, connections)), None)


def ratio(above, below, figure, at, other=None):
    """How many times the figure of `below` the one of `above` is, at (KiB, connections)."""
    def value(rows):
        a, b = find(rows, above, *at), find(rows, below, *(other or at))
        return a[figure] / b[figure] if a and b and b[figure] else None
    return value


def figure(name, key, at):
    def value(rows):
        row = find(rows, name, *at)
        return row[key] if row else None
    return value


def more(name, key, than, other_key, at):
    """How much more the figure of `name` is than that of `than`."""
    def value(rows):
        a, b = find(rows, name, *at), find(rows, than, *at)
        return a[key] - b[other_key] if a and b and other_key in b else None
    return value


# what is asked; the least (1) or the most (-1) that is right; the value that is asked; how it comes from the rows
GOALS = (
    ("CPU of Postfix beside ours, 4 KiB, 20 connections", 1, 15, ratio("postfix", "hikyaku", "cpu_per_1000", (4, 20))),
    ("delivered/s beside Postfix, 4 KiB, 20 connections", 1, 8, ratio("hikyaku", "postfix", "delivered_per_s", (4, 20))),
    ("CPU beside source-to-sink, 4 KiB, 20 connections", -1, 1.3, ratio("hikyaku", "source-to-sink", "cpu_per_1000", (4, 20))),
    ("delivered/s beside Postfix, 4 KiB, 1 connection", 1, 2.2, ratio("hikyaku", "postfix", "delivered_per_s", (4, 1))),
    ("delivered/s beside Postfix, 64 KiB, 20 connections", 1, 4, ratio("hikyaku", "postfix", "delivered_per_s", (64, 20))),
    ("accepted/s beside Postfix, 4 KiB, 200 connections", 1, 8, ratio("hikyaku", "postfix", "accepted_per_s", (4, 200))),
    ("syncs of a message, 4 KiB, 200 connections", -1, 0.1, figure("hikyaku", "syncs_per_message", (4, 200))),
    ("CPU of a message that is signed, over one RSA operation, ms", -1, 0.3, more("hikyaku-sign", "cpu_per_1000", "hikyaku-sign", "rsa_ms", (4, 20))),
    ("CPU of checking, over handing on, ms", -1, 0.15, more("hikyaku-check", "cpu_per_1000", "hikyaku", "cpu_per_1000", (4, 20))),
    ("checked/s beside Postfix with rspamd", 1, 5, ratio("hikyaku-check", "postfix-rspamd-check", "delivered_per_s", (4, 20))),
    ("CPU of Postfix with rspamd beside ours, checking", 1, 5, ratio("postfix-rspamd-check", "hikyaku-check", "cpu_per_1000", (4, 20))),
)


def goals(rows):
    """(what, goal, measured, is reached) of those that this run can tell."""
    for what, sense, goal, value in GOALS:
        measured = value(rows)
        if measured is not None:
            yield what, f"{'at least' if sense > 0 else 'at most'} {goal:g}", measured, (measured - goal) * sense >= 0


def print_goals(rows, to):
    for what, goal, measured, is_reached in goals(rows):
        print(f"{what}: goal {goal}, measured {measured:.2f}, {'reached' if is_reached else 'NOT reached'}", file=to)


# ---- the page ----

ORDER = ("raw", "source-to-sink", "hikyaku", "postfix", "postfix-rspamd", "exim", "opensmtpd", "haraka")
VARIANTS = ("", "-tls", "-sign", "-check")


def place(row):
    """Where a row stands in the table: plain ones before variants, and beside each other who is compared."""
    variant = next((end for end in VARIANTS[1:] if row["name"].endswith(end)), "")
    return VARIANTS.index(variant), row["size"], row["connections"], ORDER.index(row["name"].removesuffix(variant))


def table(rows):
    yield "| " + " | ".join(SHORT[key] for key, _, _ in COLUMNS) + " |"
    yield "|" + "---|" * len(COLUMNS)
    for row in rows:
        yield "| " + " | ".join(form.format(row[key]).strip() for key, form, _ in COLUMNS) + " |"


def page(report):
    rows = report["rows"]
    yield (f"Measured on {report['day']}, {report['machine']}, load before it {report['load']:.1f}; "
           + ", ".join(f"{name} {version}" for name, version in report["versions"].items() if name != "hikyaku") + ".")
    yield ""
    yield from table(rows)
    yield ""
    yield "| goal | asked | measured | |"
    yield "|---|---|---|---|"
    for what, goal, measured, is_reached in goals(rows):
        yield f"| {what} | {goal} | {measured:.2f} | {'reached' if is_reached else 'open'} |"
    yield ""
    yield "![Messages delivered per second, 4 KiB, by connections](relay-speed.svg)"
    yield ""
    yield "![Processor seconds of the server for 1,000 messages, 4 KiB, by connections](relay-cpu.svg)"


def merged(report, before):
    """What was measured on the same day and machine stays, unless it has been measured again."""
    if (before.get("day"), before.get("machine")) != (report["day"], report["machine"]):
        before = {"rows": [], "versions": {}, "load": 0.0}
    rows = {(row["name"], row["size"], row["connections"]): row for row in before["rows"] + report["rows"]}
    return {**report, "versions": {**before["versions"], **report["versions"]}, "load": max(before["load"], report["load"]), "rows": sorted(rows.values(), key=place)}


def write(report, docs):
    """docs/relay.json has the rows, of which the part of the page and the plots are made."""
    kept = docs / "relay.json"
    report = merged({"day": time.strftime("%Y-%m-%d", time.gmtime()), **report}, json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {})
    head = json.dumps({key: value for key, value in report.items() if key != "rows"}, indent=1)
    kept.write_text(head[:-2] + ',\n "rows": [\n  ' + ",\n  ".join(map(json.dumps, report["rows"])) + "\n ]\n}\n", encoding="utf-8")
    rig.write_part(docs / "performance.md", "relay", page(report))
    for name, key in (("relay-speed.svg", "delivered_per_s"), ("relay-cpu.svg", "cpu_per_1000")):
        (docs / name).write_text(plot(report["rows"], key), encoding="utf-8")


# ---- plots: bars in groups, their length a logarithm ----

BAR, GAP, LEFT, WIDTH = 16, 14, 130, 560
COLOURS = {"raw": "#999999", "source-to-sink": "#bbbbbb", "hikyaku": "#c0392b", "postfix": "#2c6fbb", "exim": "#3b9c5a", "opensmtpd": "#b8860b", "haraka": "#7d5ba6"}


def plot(rows, key):
    from math import log10
    rows = [row for row in rows if row["size"] == 4096 and row["name"] in COLOURS and row[key] > 0]
    if not rows:
        return '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>\n'
    low, high = min(row[key] for row in rows) / 2, max(row[key] for row in rows)
    parts, y = [], 10
    for connections in sorted({row["connections"] for row in rows}):
        parts.append(f'<text x="0" y="{y + 12}" font-weight="bold">{connections} connection{"s" * (connections > 1)}</text>')
        y += 20
        for row in (row for row in rows if row["connections"] == connections):
            length = WIDTH * log10(row[key] / low) / log10(high / low)
            parts.append(f'<text x="{LEFT - 6}" y="{y + 12}" text-anchor="end">{row["name"]}</text>')
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR - 2}" fill="{COLOURS[row["name"]]}"/>')
            parts.append(f'<text x="{LEFT + length + 5:.0f}" y="{y + 12}">{row[key]:,.2f}</text>' if row[key] < 100 else
                         f'<text x="{LEFT + length + 5:.0f}" y="{y + 12}">{row[key]:,.0f}</text>')
            y += BAR
        y += GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 80}" height="{y}" font-family="sans-serif" font-size="12">\n'
            '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")

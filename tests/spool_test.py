# SPDX-License-Identifier: MIT
"""`hikyaku spool`: the golden spools, damage of each kind told by file and offset, nothing changed, a server that runs. TAP.

usage: spool_test.py [CASE...]"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

from harness import Daemon, Smtp, Tap, folder, hikyaku, run_cases
from schemas import faults, schema

GOLDEN = Path(__file__).resolve().parent / "golden"
SEGMENT = "journal/%08d.seg"


def copy(root, version=2):
    return Path(shutil.copytree(GOLDEN / f"spool-{version}", root / "spool"))


def state(spool):
    """Each file with its bytes and times: what must not change."""
    return {str(path.relative_to(spool)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in sorted(spool.rglob("*")) if path.is_file()}


def look(what, spool):
    """Exit status, the sights, the summary."""
    status, out, err = hikyaku("spool", what, "--json", spool)
    rows = [json.loads(line) for line in out.splitlines()]
    return status, rows[:-1], rows[-1] if rows else {}, err


def damage(spool):
    status, rows, summary, _ = look("check", spool)
    return status, sorted((row["file"], row["offset"]) for row in rows if row["type"] == "damage"), summary.get("result")


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def golden_spools_read_as_they_did(t):
    for version in (1, 2):
        spool = GOLDEN / f"spool-{version}"
        before = state(spool)
        status, out, err = hikyaku("spool", "dump", "--json", spool)
        t.equal((status, err), (0, ""), f"a spool of version {version} is right")
        t.equal(out.decode(), (GOLDEN / f"spool-{version}.jsonl").read_text(), f"and holds what it held, version {version}")
        rows = [json.loads(line) for line in out.splitlines()]
        wrong = [fault for row in rows for fault in faults(schema("spool"), row)]
        t.ok(not wrong, "each line is as docs/schema/spool.json", *wrong)
        t.equal(hikyaku("spool", "check", spool)[0], 0, "check says the same")
        t.equal(state(spool), before, "and nothing in it was changed")


def damage_is_told_by_file_and_offset(t):
    last, sealed, first = SEGMENT % 6, SEGMENT % 5, SEGMENT % 4
    cases = [
        ("a record of the last segment", lambda s: flip(s / last, 20480 + 40), [(last, 20480)]),
        ("a record of a sealed segment, which a start does not read", lambda s: flip(s / sealed, 24576 + 600), [(sealed, 24576)]),
        ("two of them", lambda s: (flip(s / sealed, 24576 + 600), flip(s / first, 12288 + 40)), [(first, 12288), (sealed, 24576)]),
        ("the head of a segment", lambda s: flip(s / sealed, 33), [(sealed, 0)]),
        ("the record of a waiting message", lambda s: flip(s / first, 8192 + 80), [(first, 8192)]),
        ("the last batch of a sealed segment", lambda s: flip(s / first, 49152 + 35), [(first, 49152)]),
        ("a segment that is missing", lambda s: (s / sealed).unlink(), [(sealed, 0)]),
        ("a body file that is missing", lambda s: (s / "body/D9000000000012").unlink(), [("body/D9000000000012", 0)]),
        ("a body file that is too short", lambda s: (s / "body/D9000000000012").write_bytes(b"x" * 299), [("body/D9000000000012", 299)]),
    ]
    for title, harm, want in cases:
        with folder() as root:
            spool = copy(root)
            harm(spool)
            before = state(spool)
            t.equal(damage(spool), (1, want, "damaged"), f"damage: {title}")
            t.equal(state(spool), before, "and is left as it is")
            status, out, _ = hikyaku("spool", "check", spool)
            t.ok(status == 1 and all(f"damage: {file} at offset {offset}:" in out.decode() for file, offset in want), "in words too", out.decode())


def what_never_counted_is_no_damage(t):
    with folder() as root:
        spool = copy(root)
        flip(spool / (SEGMENT % 6), 49152 + 40)  # the last batch, and nothing behind it: as after a power cut
        status, rows, summary, _ = look("check", spool)
        t.equal((status, summary["torn"], summary["damage"]), (0, 1, 0), "a torn batch at the end")
        t.ok([(r["file"], r["offset"]) for r in rows if r["type"] == "torn"] == [(SEGMENT % 6, 49152)], "is told with its place", rows)
        (spool / "body/D9000000000099").write_bytes(b"x")
        status, rows, summary, _ = look("check", spool)
        t.equal((status, summary["orphans"]), (0, 1), "a body file of no message is none either")


def a_spool_that_lies_in_its_index_is_damaged(t):
    with folder() as root:
        spool = copy(root)
        # the head of segment 6 says where 5 ends; a cut in between takes its last batch
        path = spool / (SEGMENT % 5)
        path.write_bytes(path.read_bytes()[:61440])
        t.equal(damage(spool), (1, [(SEGMENT % 5, 61440)], "damaged"), "a sealed segment that ends too early")


def a_server_that_runs_is_not_disturbed(t):
    with folder() as root, Daemon(root, rest="route * { via smtp 127.0.0.1:9; }") as d:
        with Smtp(d.address) as c:
            c.message()
        d.wait_log(r"ev=accept ")
        status, _, err = hikyaku("spool", "check", root / "spool")
        t.ok(status == 3 and "a server runs" in err, "check: exit status 3", status, err)
        status, rows, summary, _ = look("dump", root / "spool")
        t.ok(status == 0 and summary["held"] and summary["messages"] == 1, "dump shows what waits", status, summary)
        t.equal([row["recipients"][0]["address"] for row in rows if row["type"] == "message"], ["user1@b.test"], "with its recipient")
        with Smtp(d.address) as c:
            t.equal(c.message()[0], 250, "and mail is taken all along")
        d.stop()
        t.equal(hikyaku("spool", "check", root / "spool")[0], 0, "after it ended: check is content")


def what_cannot_be_done_is_said(t):
    with folder() as root:
        spool = copy(root)
        for title, arguments in [("nothing", []), ("no folder", ["check"]), ("an unknown word", ["mend", spool]), ("two folders", ["check", spool, spool]),
                                 ("an unknown option", ["check", "--foo", spool]), ("no spool", ["check", root / "nowhere"]), ("a name too long", ["check", "x" * 5000])]:
            status, out, err = hikyaku("spool", *arguments)
            t.ok(status == 2 and err and not out, f"exit status 2: {title}", status, out, err)
        (spool / "VERSION").write_text("hikyaku-spool 3\n")
        status, _, err = hikyaku("spool", "check", spool)
        t.ok(status == 2 and "version 3" in err, "SEC 1.8: upgrade/downgrade of queue format: a spool of a later version is refused loudly", status, err)
        (spool / "VERSION").write_text("hikyaku-spool x\n")
        t.equal(hikyaku("spool", "check", spool)[0], 1, "one of no version is damaged")
        status, out, _ = hikyaku("spool", "--help")
        t.ok(status == 0 and b"--json" in out, "--help")


CASES = [golden_spools_read_as_they_did, damage_is_told_by_file_and_offset, what_never_counted_is_no_damage, a_spool_that_lies_in_its_index_is_damaged,
         a_server_that_runs_is_not_disturbed, what_cannot_be_done_is_said]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

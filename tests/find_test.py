# SPDX-License-Identifier: MIT
"""`hikyaku find`: what became of messages, accepted and refused, by id, address and time; what is erased; what a full or slow disk costs.
TAP.

usage: find_test.py [CASE...]"""

import json
import os
import re
import resource
import sys
import time

from harness import FORMS, IS_ROOT, PORT, RELAY, SLOW, USER, Daemon, Sink, Smtp, Tap, folder, hikyaku, queue_id, run_cases, wait_until
from schemas import faults, schema

LISTEN = "listen mx { address %(address)s:%(port)d; role mx; reject-early-talkers off; }"


def find(d, *arguments):
    code, out, err = hikyaku("find", "--dir", d.root / "spool", *arguments)
    return code, out.decode(), err


def waits(d, pattern, *arguments):
    """What find says, once it says that."""
    return wait_until(lambda: (lambda r: r if r[0] == 0 and re.search(pattern, r[1]) else None)(find(d, *arguments)), 20) or find(d, *arguments)


def accepted_and_refused_are_found(t):
    for name, single in FORMS:
        with folder() as root:
            sink = Sink(replies={"RCPT": b"550 5.1.1 nobody\r\n"})
            rest = f"route far.test {{ via smtp {sink.address}:{PORT}; }} route * {{ via maildir %(root)s/mail/%%u; }}"
            with Daemon(root, LISTEN, rest, single=single, accept="b.test far.test", retry="1h") as d:
                with Smtp(d.address) as c:
                    one = queue_id(c.message(rcpts=("user1@b.test", "user2@b.test")))
                    two = queue_id(c.message(rcpts=("x@far.test",), mail_from="Other@a.test"))
                    c.command("MAIL FROM:<Refused@a.test>")
                    refused = re.search(r"\[relay-denied/(\w+)\]", c.command("RCPT TO:<Y@elsewhere.test>")[1])[1]
                    c.command("RSET")
                    c.command("XYZZY")
                    reply = c.message(b"Subject: x\r\n" + b"Received: by x\r\n" * 200 + b"\r\n\r\n", rcpts=("user3@b.test",))
                code, out, _ = waits(d, "ev=removed", one)
                t.ok(code == 0 and all(f"qid={one} ev={ev} " in out + " " or f"qid={one} ev={ev}\n" in out for ev in ("accept", "delivery", "removed")) and two not in out,
                     f"{name}: by its id a message from acceptance to its end", out)
                code, out, _ = waits(d, "relay-denied", refused)
                t.ok(code == 0 and "rule=relay-denied" in out and "what=Y@elsewhere.test" in out, "by the id of its reply what was refused", out)
                code, out, _ = waits(d, "ev=removed", "--address", "x@FAR.test")
                t.ok(code == 0 and two in out and "outcome=failed" in out and "from=Other@a.test" in out and one not in out, "by a recipient, in any case", out)
                code, out, _ = find(d, "--address", "other@a.test")
                t.ok(code == 0 and two in out and one not in out, "by a sender", out)
                code, out, _ = find(d, "--address", "y@elsewhere.test")
                t.ok(code == 0 and refused in out, "by a recipient that was refused", out)
                code, out, _ = find(d, "--address", "refused@a.test")
                t.ok(code == 0 and refused in out and one not in out, "and by the sender of it", out)
                code, out, _ = find(d, "--address", "@b.test")
                t.ok(code == 0 and one in out and two not in out, "by a domain", out)
                if reply[0] >= 500:
                    code, out, _ = waits(d, "ev=rcpt", "--address", "user3@b.test")
                    t.ok(code == 0 and "ev=refuse" in out and "rcpt=user3@b.test" in out, "by a recipient of a message that was refused at its end", out, reply)
                code, out, _ = find(d, "--json", one)
                rows = [json.loads(line) for line in out.splitlines()]
                wrong = [fault for row in rows for fault in faults(schema("log"), row)]
                t.ok(not wrong, "each line is as docs/schema/log.json", *wrong)
                t.ok(code == 0 and [r["qid"] for r in rows] == [one] * len(rows) and rows[0]["ev"] == "accept" and rows[0]["rcpts"] == 2, "as JSON", out)
                code, out, _ = find(d, "--since", "1h")
                t.ok(code == 0 and one in out and two in out and refused in out, "all of a time", out)
                wrong = [fault for line in find(d, "--since", "1h", "--json")[1].splitlines() for fault in faults(schema("log"), json.loads(line))]
                t.ok(not wrong, "and of it each line, of whatever event", *wrong)
                t.ok("rule=command-unknown" in out, "and what the protocol alone refuses", out)
                for more in (("--until", str(int(time.time()) - 3600)), ("--since", "2100-01-01"), ("--since", "1h", "--until", "59m")):
                    t.equal(find(d, *more)[:2], (1, ""), f"{more}: nothing of another")
                t.equal(find(d, "--address", "nobody@b.test")[:2], (1, ""), "nothing of nobody")
                t.equal(find(d, "0" * 15)[0], 2, "what is no id is said to be none")
            code, out, _ = find(d, one)
            t.ok(code == 0 and "ev=accept" in out, "without the server too", out)
            sink.close()


def what_cannot_be_asked_is_said(t):
    with folder() as root:
        for words in ((), ("--address", "a@b.test", "123456789AB"), ("--since", "yesterday"), ("--erase", "a@b.test", "--json"), ("--erase", "a"), ("x",), ("--nothing",)):
            code, out, err = hikyaku("find", "--dir", root, *words)
            t.ok(code == 2 and not out and err, f"{words}: usage", code, out, err)
        code, _, err = hikyaku("find", "--dir", root / "none", "--since", "1h")
        t.ok(code == 3 and "none/history" in err, "no such spool", err)
        (root / "history").write_text("")
        code, _, err = hikyaku("find", "--dir", root, "--since", "1h")
        t.ok(code == 3 and "Not a directory" in err and f"{root}/history" in err, "what the system says of files that cannot be read", err)


def erase_takes_out_what_an_address_is_in(t):
    for name, single in FORMS:
        with folder() as root:
            with Daemon(root, "listen mx { address %(address)s:%(port)d; role mx; checks spf; reject-early-talkers off; }", single=single) as d:
                with Smtp(d.address) as c:
                    mine = queue_id(c.message(b"From: secret@a.test\r\n\r\nx\r\n", rcpts=("user1@b.test",), mail_from="secret@a.test"))
                    other = queue_id(c.message(rcpts=("user2@b.test",), mail_from="u@a.test"))
                waits(d, "ev=removed", mine)
                waits(d, "ev=removed", other)
                code, out, _ = find(d, "--erase", "Secret@a.test")
                t.ok(code == 0 and re.search(r"erased: [1-9]\d* lines of 1 transactions, [1-9]", out), f"{name}: erased, beside a server that runs", out)
                t.equal(find(d, mine)[:2], (1, ""), "nothing is found of it")
                kept = b"".join(p.read_bytes() for p in sorted((root / "spool").glob("history/*")) + sorted((root / "spool").glob("evidence/*")))
                t.ok(b"secret" not in kept.lower() and b"qid=" + mine.encode() not in kept, "and nothing stands in the files")
                t.ok("ev=removed" in find(d, other)[1], "the others stay")
                with Smtp(d.address) as c:
                    last = queue_id(c.message(rcpts=("user2@b.test",)))
                t.ok("ev=removed" in waits(d, "ev=removed", last)[1], "and the server goes on behind it")
                t.equal(find(d, "--erase", "secret@a.test")[0], 1, "once more: there is nothing left")


def an_address_is_found_and_erased_as_a_whole(t):
    """Quotes stand otherwise in the log; and who has the end of another's address is somebody else."""
    with folder() as root:
        sink = Sink()
        with Daemon(root, RELAY, f"route * {{ via smtp {sink.address}:{PORT}; }}") as d:
            with Smtp(d.address) as c:
                rcpts = ('"a \\"b"@b.test', "ann@b.test", "joann@b.test", "ann@b.test.c.test", "x.ann@b.test")
                ids = [queue_id(c.message(rcpts=(rcpt,), mail_from=f"s{i}@a.test")) for i, rcpt in enumerate(rcpts)]
                last = queue_id(c.message(b"From: joann@b.test\r\n\r\nx\r\n", mail_from="joann@b.test"))
            for id in [*ids, last]:
                waits(d, "ev=removed", id)
            code, out, _ = find(d, "--address", rcpts[0])
            t.ok(code == 0 and ids[0] in out and ids[1] not in out, "an address with quotes is found", out)
            code, out, _ = find(d, "--address", "ann@b.test")
            t.ok(code == 0 and ids[1] in out and not any(id in out for id in ids[2:]), "one alone is found", out)
            t.equal(find(d, "--erase", "ann@b.test")[0], 0, "and erased")
            t.ok(find(d, ids[1])[0] == 1 and all("ev=accept" in (out := find(d, id)[1]) and "ev=delivery" in out and "ev=removed" in out
                                                 for id in [ids[0], *ids[2:], last]), "the others' stay, each line of them")
            t.equal(find(d, "--erase", rcpts[0])[0], 0, "one with quotes is erased")
            t.equal([find(d, id)[0] for id in [*ids, last]], [1, 1, 0, 0, 0, 0], "it alone")


def a_domain_is_found_by_any_of_its_names(t):
    """By its A-labels and its U-labels, in any case, with a final dot and without; and so is erased what mentions it."""
    with folder() as root:
        sink = Sink(offers=b"250-8BITMIME\r\n250 SMTPUTF8\r\n")
        with Daemon(root, RELAY, f"route * {{ via smtp {sink.address}:{PORT}; }}") as d:
            with Smtp(d.address) as c:
                ids = []
                for name in ("bü.test", "xn--b-eha.test", "b.test"):
                    for line in ("EHLO c.test", f"MAIL FROM:<u@{name}> SMTPUTF8", "RCPT TO:<user1@c.test>", "DATA"):
                        c.command(line)
                    ids.append(queue_id(c.command("Subject: x\r\n\r\nx\r\n.")))
                refused = re.search(r"\[[a-z-]+/(\w+)\]", c.command("MAIL FROM:<u@b.test.>")[1])
            for id in ids:
                waits(d, "ev=removed", id)
            for address in ("u@bü.test", "U@BÜ.test", "u@xn--b-eha.test", "u@XN--B-EHA.test.", "@bü.test", "@xn--b-eha.test."):
                out = find(d, "--address", address)[1]
                t.ok([id in out for id in ids] == [True, True, False], address, out)
            for address in ("u@b.test", "u@B.test.", "@b.test.", "<u@b.test>"):
                out = find(d, "--address", address)[1]
                t.ok([id in out for id in ids] == [False, False, True] and (not refused or refused[1] in out), address, out, refused)
            for option in ("--address", "--erase"):
                for nothing in ("", "<>", "@", "<@>", "."):
                    t.ok(find(d, option, nothing)[0] == 2, f"exit status 2: {option} '{nothing}', of a variable that is not set")
            t.equal(find(d, "--erase", "<u@BÜ.test.>")[0], 0, "erased by one of its names")
            t.equal([find(d, id)[0] for id in ids], [1, 1, 0], "it is erased by all")


def retention_is_by_size_and_can_be_off(t):
    with folder() as root:
        with Daemon(root, LISTEN, history_size="64k") as d:
            with Smtp(d.address) as c:
                ids = [queue_id(c.message(rcpts=[f"user{i}@b.test" for i in range(20)])) for _ in range(60)]
            waits(d, "ev=removed", ids[-1])
            size = sum(p.stat().st_size for p in (root / "spool/history").iterdir())
            t.ok(size < 2 * 64 * 1024, "what is kept stays near its size", size)
            t.ok(wait_until(lambda: (find(d, ids[0])[0], find(d, ids[-1])[0]) == (1, 0)), "the oldest goes")
    with folder() as root:
        with Daemon(root, LISTEN, history_size="0") as d:
            with Smtp(d.address) as c:
                c.message()
            d.wait_log("ev=removed")
            t.ok(not (root / "spool/history").exists(), "history-size 0 keeps nothing")


def a_folder_that_cannot_be_written_stops_no_mail(t):
    for name, single in FORMS:
        with folder() as root:
            d = Daemon(root, LISTEN, single=single)
            (root / "spool").mkdir(mode=0o700)
            (root / "spool/history").write_text("no folder\n")
            if IS_ROOT:
                os.chown(root / "spool", USER, USER)
            with d:
                t.ok(d.wait_log("ev=history what=\"lines are not kept\""), f"{name}: it is said", d.log())
                with Smtp(d.address) as c:
                    t.equal(c.message()[0], 250, "and mail goes on")


def records_of(file):
    """The records of a file that are whole: up to a torn end."""
    data, at = file.read_bytes(), 14
    while at + 9 <= len(data) and at + 9 + int.from_bytes(data[at + 1:at + 5], "big") <= len(data):
        at += 9 + int.from_bytes(data[at + 1:at + 5], "big")
    return data[:14], data[14:at]


def a_torn_end_and_a_large_store_are_read(t):
    with folder() as root:
        with Daemon(root, LISTEN) as d:
            with Smtp(d.address) as c:
                first = queue_id(c.message())
            waits(d, "ev=removed", first)
        file = sorted((root / "spool/history").iterdir())[-1]
        with open(file, "r+b") as torn:
            torn.truncate(file.stat().st_size - 5)
        code, out, _ = find(d, first)
        t.ok(code == 0 and "ev=accept" in out and "ev=removed" not in out, "what stands before a torn end", out)
        head, records = records_of(file)
        lines = out.count("\n")
        size = 8 << 20 if SLOW < 6 else 256 << 10  # a sanitizer makes it a hundred times as slow
        for i in range(1, 13):
            (root / f"spool/history/9{i:07}.log").write_bytes(head + records * (size // len(records)))
        began = time.monotonic()
        code, out, _ = find(d, "--address", "nobody@nowhere.test")
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"# {12 * size >> 20} MiB in {time.monotonic() - began:.1f} s")
        t.ok(code == 1, "a store of a hundred megabytes is searched", code)
        t.ok(most < 100 * 1024 or SLOW >= 6, "in the memory of a file or two", most)
        code, out, _ = hikyaku("find", "--dir", root / "spool", first)
        t.ok(code == 0 and out.count(b"\n") > 12 * lines, "and what is found is printed as it comes")


CASES = [accepted_and_refused_are_found, what_cannot_be_asked_is_said, erase_takes_out_what_an_address_is_in, an_address_is_found_and_erased_as_a_whole, a_domain_is_found_by_any_of_its_names, retention_is_by_size_and_can_be_off,
         a_folder_that_cannot_be_written_stops_no_mail, a_torn_end_and_a_large_store_are_read]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

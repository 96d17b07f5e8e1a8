# SPDX-License-Identifier: MIT
"""`hikyaku queue` and the operator's socket: what waits, why, hold to expire; who may; those that hang. TAP.

usage: queue_test.py [CASE...]"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

from harness import BUILD, FORMS, IS_ROOT, PORT, RELAY, Daemon, Sink, Smtp, Tap, folder, fresh_address, hikyaku, queue_id, run_cases, wait_until
from schemas import faults, schema

LATER = {"RCPT": b"451 4.2.0 not \"now\"\r\n"}


def server(root, sink=None, single=True, **settings):
    to = f"{sink.address}:{PORT}" if sink else f"{fresh_address()}:{PORT}"
    return Daemon(root, RELAY, f"route * {{ via smtp {to}; }}", single=single, retry="1h", lifetime="1d", operator_socket=root / "operator", **settings)


def queue(root, *arguments, json_lines=True):
    """Exit status, lines as objects, what was said."""
    status, out, err = hikyaku("queue", *arguments, "--socket", root / "operator", *(["--json"] if json_lines else []))
    return status, [json.loads(line) for line in out.splitlines()] if json_lines else out.decode(), err


def send(d, n=1, rcpts=("user1@b.test",)):
    with Smtp(d.address) as c:
        return [queue_id(c.message(rcpts=rcpts) if i == 0 else c.message(rcpts=rcpts, helo=None)) for i in range(n)]


def taken(sink):
    """What came with a recipient: after a refused one the client may still send its pipelined DATA."""
    return [m for m in sink.messages if m[1]]


def wait_tried(root, n=1):
    return wait_until(lambda: (lambda rows: rows if len(rows) == n and all(r["attempts"] for r in rows) and
                               all(r["queue_name"] != "active" for r in rows) else None)(queue(root, "list")[1]), 30)


def what_waits_is_listed(t):
    for name, single in FORMS:
        with folder() as root:
            sink = Sink(replies=LATER)
            with server(root, sink, single) as d:
                [id] = send(d, rcpts=("user1@b.test", "user2@c.test"))
                rows = wait_tried(root)
                t.ok(rows and rows[0]["queue_id"] == id, f"{name}: a message that waits is listed", rows)
                row = rows[0]
                t.equal((row["queue_name"], row["sender"], row["attempts"], row["forced_expire"]), ("deferred", "u@a.test", 1, False), "with its state")
                t.ok([r["address"] for r in row["recipients"]] == ["user1@b.test", "user2@c.test"] and
                     all("451 4.2.0 not \"now\"" in r["delay_reason"] and sink.address in r["delay_reason"] for r in row["recipients"]), "and the reason of each recipient", row)
                t.ok(3000 < row["next_attempt"] - time.time() < 4600 and row["message_size"] > 0, "and the next attempt", row)
                wrong = faults(schema("queue"), row)
                t.ok(not wrong, "as docs/schema/queue.json has it", *wrong)
                t.equal(queue(root, "list", "--domain", "C.test")[1], rows, "by a domain, in any case")
                t.equal(queue(root, "list", "--domain", "c.test.")[1], rows, "with its final dot")
                t.equal(queue(root, "list", "--domain", "d.test")[:2], (0, []), "by another one")
                status, text, _ = queue(root, "why", id, json_lines=False)
                t.ok(status == 0 and "451 4.2.0" in text and "next attempt is due" in text and text.count("\n") == 2, "why says it in a sentence", text)
                status, text, _ = queue(root, "list", json_lines=False)
                t.ok(status == 0 and id in text and "user2@c.test" in text, "list for people", text)
                status, [shape], _ = queue(root, "shape")
                t.ok(shape["total"] == 2 and sorted(r["domain"] for r in shape["domains"]) == ["b.test", "c.test"] and
                     all(r["by_age"][0] == r["total"] == 1 for r in shape["domains"]), "shape counts recipients by domain and age", shape)
                t.ok("b.test" in queue(root, "shape", json_lines=False)[1], "for people too")


def an_operator_changes_what_waits(t):
    with folder() as root:
        sink = Sink(replies=dict(LATER))
        with server(root, sink) as d:
            first, second, third, fourth = send(d, 4)
            t.ok(wait_tried(root, 4), "four messages wait")
            status, [row], _ = queue(root, "hold", first, second)
            t.equal((status, row), (0, {"action": "hold", "count": 2}), "two are held")
            for action in ("hold", "show", "retry"):
                t.equal((queue(root, action, first, first)[0], [r.get("count", r.get("queue_id")) for r in queue(root, action, first, second, first)[1]]),
                        (0, sorted([first, second]) if action == "show" else [2]), f"{action}: an id that is given twice counts once")
            names = {r["queue_id"]: r["queue_name"] for r in queue(root, "list")[1]}
            t.equal(sorted(id for id in names if names[id] == "hold"), sorted([first, second]), "and are listed so")
            why = queue(root, "why", first, json_lines=False)[1]
            t.ok("until it is released" in why and "told nothing meanwhile" in why and "that it failed" not in why, "why says it", why)
            sink.replies.clear()
            t.equal(queue(root, "retry", "--all")[1][0]["count"], 4, "retry --all reaches all")
            t.ok(wait_until(lambda: len(taken(sink)) == 2, 30), "but what is held stays", len(taken(sink)))
            t.ok(wait_until(lambda: {r["queue_id"] for r in queue(root, "list")[1]} == {first, second}, 30), "and it alone is left")
            t.equal(queue(root, "release", first)[1][0]["count"], 1, "release")
            t.ok(wait_until(lambda: len(taken(sink)) == 3, 30), "and it goes")
            t.equal(queue(root, "delete", second)[1][0]["count"], 1, "delete")
            t.ok(wait_until(lambda: queue(root, "list")[1] == [], 30), "and nothing is left")
            time.sleep(0.3)
            t.equal(len(taken(sink)), 3, "nobody was told of the deleted one")
            did = re.findall(r"qid=(\w+) ev=(\w+) by=operator", d.log())
            t.ok({(first, "held"), (second, "held"), (third, "retry"), (fourth, "retry"), (first, "released"), (second, "deleted")} <= set(did), "but the log tells of all that an operator did", did)
            sink.replies.update(LATER)
            [id] = send(d)
            wait_tried(root)
            t.equal(queue(root, "expire", "--domain", "b.test")[1][0]["count"], 1, "expire by domain")
            report = wait_until(lambda: [r for r in queue(root, "list")[1] if r["sender"] == ""], 30)
            t.ok(report and report[0]["recipients"][0]["address"] == "u@a.test", "its sender gets a report", report)


def what_is_held_stays_held_over_a_restart(t):
    with folder() as root:
        d = server(root, Sink(replies=LATER), single=False).start()
        [id] = send(d)
        wait_tried(root)
        queue(root, "hold", id)
        d.stop()
        t.ok(not (root / "operator").exists(), "the socket goes with the server")
        with d:
            rows = queue(root, "list")[1]
            t.equal([(r["queue_id"], r["queue_name"]) for r in rows], [(id, "hold")], "held as before")


def what_no_host_said_is_none_s_words(t):
    """Three that cannot be reached, that answer nothing of use, and that say it: only the last one said something."""
    with folder() as root:
        garbage = Sink(replies={"RCPT": b"651 what\r\n"})
        later = Sink(replies=LATER)
        routes = "".join(f"route {name}.test {{ via smtp {address}:{PORT}; }} " for name, address in (("away", fresh_address()), ("odd", garbage.address), ("b", later.address)))
        with Daemon(root, RELAY, routes, retry="1h", operator_socket=root / "operator") as d:
            for name in ("away", "odd", "b"):
                send(d, rcpts=(f"x@{name}.test",))
            said = {r["recipients"][0]["address"]: r["recipients"][0]["delay_reason"] for r in wait_tried(root, 3)}
            t.ok(re.match(r"host \S+\]: 451 4\.4\.1 Connection failed", said["x@away.test"]) and re.match(r"host \S+\]: 421 4\.\d\.\d Malformed reply", said["x@odd.test"]) and
                 re.match(r"host \S+\] said: 451 4\.2\.0 not", said["x@b.test"]), "what no host said is not put into its mouth", said)


def what_a_host_said_is_quoted_once(t):
    """By whoever prints it: the log, the command, the report; as JSON it is what it was."""
    said = "no \x01 \\ \"ü\" \x1b"
    once = r'no \x01 \\ "\xC3\xBC" \x1B'
    with folder() as root:
        sink = Sink(replies={"RCPT": f"451 4.2.0 {said}\r\n".encode()})
        with server(root, sink) as d:
            [id] = send(d)
            [row] = wait_tried(root)
            t.ok(row["recipients"][0]["delay_reason"].endswith(": 451 4.2.0 " + said), "queue list --json has it as it is", row)
            for action in ("list", "show", "why"):
                text = queue(root, action, *([id] if action != "list" else []), json_lines=False)[1]
                t.ok("451 4.2.0 " + once in text, f"queue {action}", text)
            t.ok(f"ev=delivery rcpt=user1@b.test outcome=deferred attempt=1 code=451 status=4.2.0 remote={sink.address}[{sink.address}] text=\"" +
                 once.replace('"', r"\x22") + '"' in d.log(), "the log", d.log())
            sink.replies.clear()
            queue(root, "expire", id)
            body = wait_until(lambda: [m[2].decode() for m in taken(sink) if m[0] == ""], 30)
            t.ok(body and body[0].count(once) == 2 and "\x01" not in body[0], "the report has it twice, for people and for programs", body)
            sink.replies["MAIL"] = f"421 4.3.2 {said}\r\n".encode()
            send(d)
            [row] = wait_tried(root)
            t.ok(row["recipients"][0]["delay_reason"].endswith(": 421 4.3.2 " + said), "what it says when it closes is no different", row)


def a_domain_by_its_u_labels_is_that_of_its_a_labels(t):
    with folder() as root:
        with server(root, Sink(replies=LATER, offers=b"250-8BITMIME\r\n250 SMTPUTF8\r\n")) as d:
            with Smtp(d.address) as c:
                for line in ("EHLO c.test", "MAIL FROM:<u@ü.test> SMTPUTF8", "RCPT TO:<v@xn--tda.test>", "RCPT TO:<w@Ü.test>", "DATA"):
                    c.command(line)
                c.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
                id = queue_id(c.reply())
            wait_tried(root)
            queue(root, "expire", id)
            rows = wait_until(lambda: [r for r in queue(root, "list")[1] if r["sender"] == ""], 30)
            t.ok(rows and rows[0]["recipients"][0]["address"] == "u@ü.test", "a report waits for its sender as he wrote himself", rows)
            send(d, rcpts=("v@xn--tda.test",))
            wait_tried(root, 2)
            t.equal([(r["domain"], r["total"]) for r in queue(root, "shape")[1][0]["domains"]], [("xn--tda.test", 2)], "shape has one row of both")
            t.ok("\nxn--tda.test " in queue(root, "shape", json_lines=False)[1], "for people too")
            for name in ("ü.test", "Ü.test", "xn--tda.test", "XN--TDA.test."):
                t.equal(len(queue(root, "list", "--domain", name)[1]), 2, f"list --domain {name}")


def what_is_under_way_is_not_stopped_and_that_is_said(t):
    with folder() as root, socket.create_server((fresh_address(), PORT)) as silent:
        silent.settimeout(30)
        with server(root, SimpleNamespace(address=silent.getsockname()[0])) as d:
            [id] = send(d)
            hop, _ = silent.accept()  # which never says a word
            status, [row], _ = queue(root, "hold", id)
            t.equal((status, row), (0, {"action": "hold", "count": 1, "active": 1}), "hold says so, as JSON")
            status, text, _ = queue(root, "delete", id, json_lines=False)
            t.ok(status == 0 and text.startswith("delete: 1 message\n") and "not stopped: 1 of them" in text, "delete, for people", text)
            status, [row], _ = queue(root, "retry", id)
            t.equal((status, row), (0, {"action": "retry", "count": 1}), "retry does not care")
            hop.close()


def errors_are_told(t):
    with folder() as root:
        with server(root) as d:
            [id] = send(d)
            for title, arguments in [("an id that is not there", ["delete", "D9000000000001"]), ("one of two", ["show", id, "D9000000000001"])]:
                status, _, err = queue(root, *arguments)
                t.ok(status == 1 and "not all of these" in err, f"exit status 1: {title}", status, err)
            for title, arguments in [("no action", []), ("an unknown one", ["flush"]), ("delete of nothing", ["delete"]), ("all and a domain", ["delete", "--all", "--domain", "b.test"]),
                                     ("ids and all", ["hold", id, "--all"]), ("an id that is none", ["hold", "x"]), ("show without ids", ["show"]), ("list of an id", ["list", id]),
                                     ("list of an empty domain", ["list", "--domain", ""]), ("the shape of one domain", ["shape", "--domain", "b.test"]), ("delete of one", ["delete", "--domain", ""])]:
                status, _, err = queue(root, *arguments)
                t.ok(status == 2 and err, f"exit status 2: {title}", status, err)
            t.equal(len(queue(root, "list")[1]), 1, "and nothing was changed by them")
        status, _, err = queue(root, "list")
        t.ok(status == 3 and err, "exit status 3: no server", status, err)
        t.ok(b"--domain" in hikyaku("queue", "--help")[1], "--help")


def raw(root, data, wait=True):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(str(root / "operator"))
    s.sendall(data)
    out = b""
    while wait:
        more = s.recv(65536)
        if not more:
            return out
        out += more
    return s


def requests_are_bounded(t):
    with folder() as root, server(root) as d:
        for title, data, want in [
            ("no JSON", b"hello\n", "one JSON object"), ("no verb", b"{}\n", "has a verb"), ("a change of nothing", b'{"verb":"delete"}\n', "has to be there"),
            ("too long", b" " * (70 * 1024), "too long"), ("an unknown member", b'{"verb":"list","x":1}\n', "no such member"),
        ]:
            out = json.loads(raw(root, data))
            t.ok(out["status"] == "failed" and want in out["why"], f"refused: {title}", out)
        s = raw(root, b'{"verb":"list"}\n', wait=False)
        s.shutdown(socket.SHUT_WR)
        t.ok(b'"status":"ok"' in s.recv(65536), "a client that says no more still gets its answer")
        t.equal(json.loads(raw(root, b'{"verb":"list"}\ntrailing\n'))["status"], "ok", "what follows a request is nobody's")


def clients_that_hang_hold_up_nobody(t):
    with folder() as root, server(root, Sink(replies=LATER)) as d:
        send(d, 3)
        hung = []
        for _ in range(40):  # more than are served at once: the rest waits in the kernel
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(60)
            s.connect(str(root / "operator"))
            s.sendall(b'{"verb"')
            hung.append(s)
        began = time.monotonic()
        send(d, 20)
        took = time.monotonic() - began
        t.ok(took < 20, f"mail is taken meanwhile ({took:.2f} s for 20)", took)
        for s in hung:
            s.close()
        t.ok(wait_until(lambda: queue(root, "list")[0] == 0, 60), "and operators are served once they are gone")


@contextlib.contextmanager
def strangers_that_hang(path):
    """A hundred connections of somebody who may not, and who never reads or closes."""
    ready, over = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(60100)
        os.setuid(60100)
        os.close(over[1])
        hung = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for s in hung:
            s.connect(str(path))
        os.write(ready[1], b"x")
        os.read(over[0], 1)
        os._exit(0)
    try:
        os.read(ready[0], 1)
        yield
    finally:
        for fd in (over[1], over[0], *ready):
            os.close(fd)
        os.waitpid(child, 0)


def others_may_not(t):
    if not IS_ROOT:
        t.skip("somebody else is refused", "needs root")
        return
    with folder() as root, server(root, operator_group=60123) as d:
        send(d)
        program = shutil.copy(BUILD / "hikyaku", root)  # others may not be able to reach the folder of the build

        def by(uid, gid, groups=()):
            return subprocess.run([program, "queue", "list", "--socket", root / "operator", "--json"], capture_output=True, text=True,
                                  user=uid, group=gid, extra_groups=groups, timeout=60)
        os.chmod(root / "operator", 0o666)
        done = by(60100, 60100)
        t.ok(done.returncode == 1 and not done.stdout and "may not" in done.stderr, "somebody is refused (SEC-53)", done.stdout, done.stderr)
        with strangers_that_hang(root / "operator"):
            began = time.monotonic()
            status, rows, _ = queue(root, "list")
            took = time.monotonic() - began
        t.ok((status, len(rows)) == (0, 1) and took < 2, f"strangers that hang take no place from those who may ({took:.2f} s)", status, rows)
        for title, who in [("a member by his first group", (60100, 60123)), ("a member by another of his groups", (60100, 60100, [60123])), ("the server's user", (65534, 65534))]:
            done = by(*who)
            t.ok(done.returncode == 0 and len(done.stdout.splitlines()) == 1, f"served: {title}", done.returncode, done.stderr)
        for path in (BUILD / "hikyaku", BUILD / "hikyakud"):
            t.ok(not path.stat().st_mode & 0o6000, f"{path.name} is set-id for nobody (SEC-53)")


def many_messages_come_in_pages(t):
    with folder() as root, server(root) as d:
        ids = send(d, 250)
        status, rows, err = queue(root, "list")
        t.equal((status, len(rows), {r["queue_id"] for r in rows} == set(ids)), (0, 250, True), "250 messages, each once")
        t.equal(queue(root, "delete", "--all")[1][0]["count"], 250, "and all of them go")
        t.equal(queue(root, "list")[1], [], "nothing is left")


CASES = [what_waits_is_listed, an_operator_changes_what_waits, what_is_held_stays_held_over_a_restart, what_no_host_said_is_none_s_words, what_a_host_said_is_quoted_once,
         a_domain_by_its_u_labels_is_that_of_its_a_labels, what_is_under_way_is_not_stopped_and_that_is_said, errors_are_told, requests_are_bounded,
         clients_that_hang_hold_up_nobody, others_may_not, many_messages_come_in_pages]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

# SPDX-License-Identifier: MIT
"""`hikyaku queue drain`: the spool of a stopped server goes to a sink, to a second hikyakud, by TLS; kills in the middle; what is refused. TAP.

usage: drain_test.py [CASE...]"""

import collections
import json
import signal
import subprocess
import sys
import time

from harness import BUILD, IS_ROOT, PORT, RELAY, USER, Daemon, Sink, Smtp, Tap, folder, fresh_address, hikyaku, run_cases, wait_until
from schemas import faults, schema

DSN = b"250-PIPELINING\r\n250-8BITMIME\r\n250 DSN\r\n"


def filled(root, n=0, to="user1@b.test", **settings):
    """A server that can deliver nothing, with n messages; it runs."""
    d = Daemon(root, RELAY, f"route * {{ via smtp {fresh_address()}:{PORT}; }}", retry="1h", lifetime="1d", **settings).start()
    with Smtp(d.address) as c:
        for i in range(n):
            assert c.message(body=b"Subject: %d\r\n\r\nhello\r\n" % i, rcpts=(to,), mail_from=f"s{i}@a.test", helo=None if i else "EHLO a.test")[0] == 250
    return d


def certificate_for(path, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{path}.key", "-out", f"{path}.crt",
                    "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"], check=True, capture_output=True)


def arguments(root, to, *more):
    return ["queue", "drain", "--spool", root / "spool", "--to", to, "--helo", "old.test", *more]


def drain(root, to, *more):
    """Exit status, the messages, the summary, what was said."""
    status, out, err = hikyaku(*arguments(root, to, "--json", *more))
    rows = [json.loads(line) for line in out.splitlines()]
    wrong = [fault for row in rows for fault in faults(schema("drain"), row)]
    assert not wrong, wrong
    return status, [row for row in rows if row["type"] == "message"], rows[-1] if rows else {}, err


def left(root):
    """Of a spool without a server: sender -> pending recipients."""
    status, out, err = hikyaku("spool", "dump", "--json", root / "spool")
    assert status == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    return {row["sender"]: [r["address"] for r in row["recipients"] if r["state"] == "pending"] for row in rows if row["type"] == "message"}


def dsn_data_goes_with_the_mail(t):
    with folder() as root:
        d = filled(root)
        with Smtp(d.address) as c:
            for text in ("EHLO a.test", "MAIL FROM:<s@a.test> RET=HDRS ENVID=x+2By", "RCPT TO:<one@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o+2Bne@c.test",
                         "RCPT TO:<two@b.test> NOTIFY=NEVER", "DATA"):
                code, said = c.command(text)
                assert code < 400, said
            c.send(b"Subject: whole\r\n\r\n..two dots\r\n.\r\n")
            assert c.reply()[0] == 250
        status, rows, _, err = drain(root, "127.0.0.1:1")
        t.ok(status == 3 and not rows and "a server runs on this spool" in err, "a server that runs keeps its spool", status, err)
        d.stop()
        sink = Sink(offers=DSN)
        status, rows, summary, err = drain(root, f"{sink.address}:{PORT}")
        t.equal((status, err), (0, ""), "a stopped one's is handed over")
        t.equal([(r["address"], r["state"], r["code"]) for r in rows[0]["recipients"]], [("one@b.test", "handed-over", 250), ("two@b.test", "handed-over", 250)], "each recipient is told of")
        t.equal({name: summary[name] for name in ("result", "handed_over", "recipients_handed_over", "left", "reports")},
                {"result": "done", "handed_over": 1, "recipients_handed_over": 2, "left": 0, "reports": 0}, "and the sum")
        said = " ".join(sink.commands)
        t.ok("EHLO old.test" in said and "RET=HDRS" in said and "ENVID=x+2By" in said, "RET and ENVID go with MAIL", said)
        t.ok("<one@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o+2Bne@c.test" in said and "<two@b.test> NOTIFY=NEVER" in said, "NOTIFY and ORCPT with RCPT", said)
        [(sender, rcpts, body)] = sink.messages
        t.ok((sender, rcpts) == ("s@a.test", ["one@b.test", "two@b.test"]) and body.endswith(b"Subject: whole\r\n\r\n.two dots\r\n"), "the message is what came", body)
        t.equal(left(root), {}, "nothing is left")
        t.equal(drain(root, f"{sink.address}:{PORT}")[0], 0, "an empty spool is handed over at once")
        if IS_ROOT:
            t.ok(all(path.stat().st_uid == USER for path in (root / "spool").rglob("*")), "all files are still the server's")
        with d:
            with Smtp(d.address) as c:
                t.equal(c.message()[0], 250, "and the server starts on it again")


def a_host_without_dsn_makes_us_tell(t):
    """RFC 3461 5.2.2: relayed."""
    with folder() as root:
        d = filled(root)
        with Smtp(d.address) as c:
            for text in ("EHLO a.test", "MAIL FROM:<s@a.test>", "RCPT TO:<one@b.test> NOTIFY=SUCCESS", "DATA"):
                c.command(text)
            c.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            assert c.reply()[0] == 250
        d.stop()
        sink = Sink()
        status, _, summary, _ = drain(root, f"{sink.address}:{PORT}")
        t.equal((status, summary["handed_over"], summary["reports"]), (0, 2, 1), "the message, and a report of it")
        t.ok([m[:2] for m in sink.messages] == [("s@a.test", ["one@b.test"]), ("", ["s@a.test"])] and b"Action: relayed" in sink.messages[1][2],
             "which says that it was relayed", sink.messages)
        t.equal(left(root), {}, "nothing is left")


def what_is_not_taken_stays(t):
    with folder() as root:
        d = filled(root, 3)
        with Smtp(d.address) as c:
            c.message(rcpts=("bad@b.test", "good@b.test", "later@b.test"), mail_from="mixed@a.test")
            c.message(rcpts=("bad@b.test",), mail_from="refused@a.test", helo=None)
        d.stop()
        sink = Sink(replies={"RCPT bad@b.test": b"550 5.1.1 no such user\r\n", "RCPT later@b.test": b"450 4.2.1 later\r\n"}, offers=DSN)
        status, rows, summary, _ = drain(root, f"{sink.address}:{PORT}")
        t.equal(status, 1, "the exit status says that something was refused")
        t.equal((summary["handed_over"], summary["partly"], summary["stay"], summary["left"]), (3, 1, 1, 2), "the sum")
        [mixed] = [row for row in rows if row["sender"] == "mixed@a.test"]
        t.equal([(r["address"], r["state"], r["code"]) for r in mixed["recipients"]],
                [("bad@b.test", "refused", 550), ("good@b.test", "handed-over", 250), ("later@b.test", "deferred", 450)], "each recipient by itself")
        t.equal(left(root), {"mixed@a.test": ["bad@b.test", "later@b.test"], "refused@a.test": ["bad@b.test"]}, "what was not taken is in the spool, nobody was told")
        sink.replies.clear()
        status, rows, summary, _ = drain(root, f"{sink.address}:{PORT}")
        t.equal((status, [len(row["recipients"]) for row in rows], summary["left"]), (0, [2, 1], 0), "begun again, it goes on with the rest")
        t.equal(sorted(r for m in sink.messages for r in m[1]), ["bad@b.test", "bad@b.test", "good@b.test", "later@b.test", "user1@b.test", "user1@b.test", "user1@b.test"],
                "and nobody got anything twice")


def a_host_that_takes_nothing_is_left_alone(t):
    with folder() as root:
        filled(root, 8).stop()
        status, rows, summary, err = drain(root, f"{fresh_address()}:{PORT}")
        t.ok(status == 3 and len(rows) == 1 and summary["result"] == "ended" and summary["left"] == 8 and "begin again later" in err, "no connection", status, summary, err)
        sink = Sink(replies={"MAIL": b"451 4.7.1 greylisted\r\n"})
        status, rows, summary, err = drain(root, f"{sink.address}:{PORT}")
        t.ok(status == 3 and len(rows) == 5 and summary["left"] == 8, "nothing but 4yz: five are asked for", status, len(rows), summary)
        status, out, _ = hikyaku(*arguments(root, f"{Sink().address}:{PORT}"))
        t.ok(status == 0 and b"(8 of 8) from <s7@a.test>" in out and b"8 messages to 8 recipients handed over; 0 are in the spool" in out, "and for people", out)


def what_is_held_stays(t):
    with folder() as root:
        d = filled(root, 3, operator_socket=root / "operator")
        held = json.loads(hikyaku("queue", "list", "--json", "--socket", root / "operator")[1].splitlines()[0])
        t.equal(hikyaku("queue", "hold", held["queue_id"], "--socket", root / "operator")[0], 0, "one of three is held")
        d.stop()
        sink = Sink()
        status, _, summary, _ = drain(root, f"{sink.address}:{PORT}")
        t.equal((status, summary["handed_over"], summary["held"], summary["left"]), (0, 2, 1, 1), "the others go")
        t.equal(list(left(root)), [held["sender"]], "it stays")
        status, _, summary, _ = drain(root, f"{sink.address}:{PORT}", "--held")
        t.equal((status, summary["handed_over"], summary["left"]), (0, 1, 0), "--held takes it along")


def a_second_server_takes_it_by_tls(t):
    with folder() as root, folder() as other:
        certificate_for(other / "tls", "mx.b.test")
        listeners = ("listen relay { address %(address)s:%(port)d; role relay; relay-from 127.0.0.0/8; starttls on;"
                     " certificate %(root)s/tls.crt; certificate-key %(root)s/tls.key; }")
        filled(root, 20).stop()
        with Daemon(other, listeners, f"route * {{ via smtp {fresh_address()}:{PORT}; }}", retry="1h") as taker:
            to = f"{taker.address}:{PORT}"
            status, rows, summary, _ = drain(root, to, "--tls", "starttls", "--tls-verify")
            t.ok(status == 3 and summary["left"] == 20 and rows[0]["recipients"][0]["enhanced"] == "4.7.5",
                 "a certificate that nobody trusts ends it", status, rows[:1])
            status, _, summary, _ = drain(root, to, "--tls", "starttls", "--tls-verify", "--tls-ca", other / "tls.crt", "--tls-name", "mx.b.test")
            t.equal((status, summary["handed_over"], summary["left"]), (0, 20, 0), "a trusted one takes it all")
            taker.stop()
        t.equal(sorted(left(other)), sorted(f"s{i}@a.test" for i in range(20)), "and all of it is in the other spool")
        t.equal(left(root), {}, "and none in this one")


def a_kill_costs_one_message_twice_at_most(t):
    """Each time in the middle; what was handed over twice is what was under way at a kill."""
    with folder() as root:
        messages, kills = 60, 0
        filled(root, messages).stop()
        sink = Sink(offers=DSN)
        sizes = []
        while kills < 8 and left(root):
            before = len(sink.messages)
            process = subprocess.Popen([BUILD / "hikyaku", *map(str, arguments(root, f"{sink.address}:{PORT}", "--quiet"))],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda before=before: len(sink.messages) >= before + 2 or process.poll() is not None, 20, 0.0005)
            time.sleep(0.0007 * kills)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
            process.wait()
            sizes.append(len(left(root)))
        t.ok(kills >= 3 and sizes == sorted(sizes, reverse=True), f"killed {kills} times in the middle, with {sizes} left")
        status, _, summary, err = drain(root, f"{sink.address}:{PORT}")
        t.equal((status, summary["left"], left(root)), (0, 0, {}), "and ended")
        got = collections.Counter(m[0] for m in sink.messages)
        t.equal(set(got), {f"s{i}@a.test" for i in range(messages)}, "nothing is lost")
        twice = sum(n - 1 for n in got.values())
        t.ok(twice <= kills, f"{twice} came twice after {kills} kills", got)


def what_cannot_be_done_is_said(t):
    with folder() as root:
        (root / "empty").mkdir()
        for title, words, status, text in [
                ("no host", ["--spool", root], 2, "--to HOST"), ("a port that is none", ["--to", "a:x"], 2, "--to HOST"), ("port 0", ["--to", "a:0"], 2, "--to HOST"),
                ("no spool", ["--to", "a", "--spool", root / "empty"], 2, "no spool is there"), ("no folder", ["--to", "a", "--spool", root / "none"], 2, "no spool is there"),
                ("TLS of no kind", ["--to", "a", "--tls", "maybe"], 2, "off, try, starttls or implicit"), ("authorities that are none", ["--to", "a", "--tls-ca", "/dev/null"], 2, "")]:
            got, _, err = hikyaku("queue", "drain", *words)
            t.ok(got == status and text in err, title, got, err)
        t.ok(not (root / "empty" / "VERSION").exists(), "no spool was made of an empty folder")
        t.ok(b"--tls-verify" in hikyaku("queue", "drain", "--help")[1], "--help")


if __name__ == "__main__":
    sys.exit(run_cases([dsn_data_goes_with_the_mail, a_host_without_dsn_makes_us_tell, what_is_not_taken_stays, a_host_that_takes_nothing_is_left_alone, what_is_held_stays,
                        a_second_server_takes_it_by_tls, a_kill_costs_one_message_twice_at_most, what_cannot_be_done_is_said], Tap()))

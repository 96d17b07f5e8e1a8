# SPDX-License-Identifier: MIT
"""Mail on its way out, with the real daemon: connections that are shared, 8-bit mail for a 7-bit server, delivery reports. TAP.

usage: delivery_test.py [CASE...]"""

import email
import email.policy
import json
import random
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import Daemon, Dns, folder, FORMS, fresh_address, hikyaku, PORT, RELAY, run_cases, Sink, SLOW, Smtp, Tap, wait_until  # noqa: E402


def relay(root, sink, items="", single=True, **settings):
    route = f"route b.test {{ via maildir {root}/mail/%%u; }} route * {{ via smtp {sink.address}:{PORT}; {items} }}"
    return Daemon(root, RELAY, rest=route, single=single, **settings)


def messages_share_connections(t):
    for form, single in FORMS:
        for items, few in (("concurrency 1;", True), ("concurrency 1; messages-per-connection 1;", False)):
            sink = Sink()
            with folder() as root, relay(root, sink, items, single, workers="1") as d:
                client = Smtp(d.address)
                for number in range(30):
                    client.message(b"Subject: %d\r\n\r\nhi\r\n" % number, rcpts=["x@c.test"], helo=None if number else "EHLO a.test")
                t.ok(wait_until(lambda: len(sink.messages) == 30, 20), f"{form}: all arrive", len(sink.messages))
                t.equal(sorted(int(re.search(rb"Subject: (\d+)", m[2])[1]) for m in sink.messages), list(range(30)), f"{form}: each once")
                t.ok(len(sink.sessions) <= 5 if few else len(sink.sessions) == 30, f"{form}: over connections: {len(sink.sessions)}")
            sink.close()


def a_kept_connection_is_let_go(t):
    sink = Sink()
    with folder() as root, relay(root, sink, workers="1") as d:
        t.equal(Smtp(d.address).message(rcpts=["x@c.test"])[0], 250, "one message")
        t.ok(wait_until(lambda: sink.messages, 10), "arrives")
        t.ok(wait_until(lambda: sink.ended, 10), "nobody needs the connection any more, and it is closed")
        t.equal(d.stop(), 0, "and a stop waits for none")


def customers_of_one_provider_are_one_site(t):
    """R9: mail to many domains that have the same hosts, which are down, costs a few connections and no more; and all of it arrives in the end."""
    sink = Sink(replies={"EHLO": b"421 4.3.2 not now\r\n", "HELO": b"421 4.3.2 not now\r\n"})
    records = {(f"c{n}.test", "MX"): ["10 mx.p.test", "20 mx2.p.test"] if n % 2 else ["5 mx2.p.test", "5 mx.p.test"] for n in range(40)}
    records |= {(host, "A"): [sink.address] for host in ("mx.p.test", "mx2.p.test")}
    dns = Dns(records)
    for form, single in FORMS:
        sink.sessions.clear()
        sink.messages.clear()
        sink.replies = {"EHLO": b"421 4.3.2 not now\r\n", "HELO": b"421 4.3.2 not now\r\n"}
        with folder() as root, Daemon(root, RELAY, "route * { via mx; }", resolver=dns.where, port_map_25=PORT, retry="3s", single=single) as d:
            client = Smtp(d.address)
            for number in range(40):
                client.message(rcpts=[f"u@c{number}.test"], helo=None if number else "EHLO a.test")
            t.ok(d.wait_log("ev=deferred", count=40), f"{form}: all wait", d.log()[-2000:])
            t.ok(len(sink.sessions) <= 40, f"{form}: and not each domain was tried over its two hosts: {len(sink.sessions)}")
            sink.replies = {}
            t.ok(wait_until(lambda: len(sink.messages) >= 40, 60), f"{form}: and go when the hosts are up", len(sink.messages), d.log()[-2000:])
            t.equal(sorted(m[1][0] for m in sink.messages), sorted(f"u@c{n}.test" for n in range(40)), f"{form}: each once")
    sink.close()
    dns.close()


def a_shaping_file_is_obeyed(t):
    """Customers of a provider who have a host each are one hop by the file; a reload reads it again; what is wrong in it is told with its line."""
    sink = Sink()
    dns = Dns({(f"c{n}.test", "MX"): [f"10 c{n}-test.mail.big.test"] for n in range(12)} | {(f"c{n}-test.mail.big.test", "A"): [sink.address] for n in range(12)})
    for form, single in FORMS:
        sink.messages.clear()
        with folder() as root:
            table = root / "shaping.conf"
            table.write_text("# what they take\nshape big { mx .mail.big.test; rate 3/1s; messages-per-connection 1; }\n")
            with Daemon(root, RELAY, "route * { via mx; }", resolver=dns.where, port_map_25=PORT, shaping=table, operator_socket=root / "operator", single=single) as d:
                began, client = time.monotonic(), Smtp(d.address)
                for number in range(12):
                    client.message(rcpts=[f"u@c{number}.test"], helo=None if number else "EHLO a.test")
                t.ok(wait_until(lambda: len(sink.messages) == 12, 20), f"{form}: all arrive", len(sink.messages))
                t.ok(time.monotonic() - began > 2.9, f"{form}: at the provider's rate", time.monotonic() - began)
                status, out, err = hikyaku("queue", "shape", "--socket", root / "operator", "--json")
                hop = (json.loads(out)["hops"] + [{}])[0] if status == 0 else {}
                t.ok((hop.get("hop"), hop.get("shape"), hop.get("domains"), hop.get("rate_most"), hop.get("rate_seconds"), hop.get("most")) == ("big", "big", 12, 3, 1, 20),
                     f"{form}: hikyaku queue shape tells of it", out, err)
                t.ok(b"3/1s" in hikyaku("queue", "shape", "--socket", root / "operator")[1], f"{form}: for people too")
                table.write_text("shape big { mx .mail.big.test; rat 3/1s; }\n")
                d.reload()
                t.ok(d.wait_log(r"ev=reload ok=0 what=.*shaping.conf:1:32: unknown item"), f"{form}: a fault is told with its place", d.log()[-800:])
                table.write_text("")
                d.reload()
                t.ok(d.wait_log("ev=reload ok=1"), f"{form}: and an empty one is none", d.log()[-800:])
                began = time.monotonic()
                for number in range(12):
                    client.message(rcpts=[f"u@c{number}.test"], helo=None)
                t.ok(wait_until(lambda: len(sink.messages) == 24, 20) and time.monotonic() - began < 2.9 * SLOW, f"{form}: without it there is no rate", len(sink.messages))
    sink.close()
    dns.close()


def a_family_that_is_shut_is_remembered(t):
    """A host with IPv6 that answers by IPv4 alone: the first message finds out, the next ones go the way that is open."""
    sink = Sink()
    dns = Dns({("six.test", "MX"): ["10 mx.six.test"], ("mx.six.test", "A"): [sink.address], ("mx.six.test", "AAAA"): ["::1"]})
    for form, single in FORMS:
        sink.messages.clear()
        with folder() as root, Daemon(root, RELAY, "route * { via mx; address-preference ipv6; messages-per-connection 1; }", resolver=dns.where,
                                      port_map_25=PORT, single=single) as d:
            client = Smtp(d.address)
            for number in range(3):
                client.message(rcpts=["u@six.test"], helo=None if number else "EHLO a.test")
                t.ok(wait_until(lambda: len(sink.messages) > number, 10), f"{form}: message {number} arrives", d.log()[-1500:])
                d.wait_log("ev=removed", count=number + 1)
            t.equal(len(d.wait_log(r"ev=trouble remote=\S*::1")), 1, f"{form}: only the first asked the family that is shut")
            t.ok(d.wait_log("ev=family domain=six.test avoid=ipv6"), f"{form}: and the log says so")
    sink.close()
    dns.close()


def connections_come_from_a_pool(t):
    """Source addresses in turn and by the sender's domain, each with its name in EHLO."""
    sink = Sink()
    heard = sink.heard = []
    pool = [fresh_address() for _ in range(3)]
    sources = " ".join(f"{address}=out{n}.b.test" for n, address in enumerate(pool))
    for form, single in FORMS:
        for choice in ("turn", "sender"):
            sink.sessions.clear()
            sink.messages.clear()
            heard.clear()
            with folder() as root, relay(root, sink, f"source {sources}; source-choice {choice}; messages-per-connection 1; concurrency 1;", single) as d:
                client = Smtp(d.address)
                for number in range(18):
                    client.message(mail_from=f"u@s{number % 6}.test", rcpts=["x@c.test"], helo=None if number else "EHLO a.test")
                t.ok(wait_until(lambda: len(sink.messages) == 18, 20), f"{form}, {choice}: all arrive", len(sink.messages))
            t.ok(set(sink.sessions) <= set(pool), f"{form}, {choice}: from the pool alone", sink.sessions)
            t.ok(all(f"out{pool.index(address)}.b.test" == name for address, name in heard), f"{form}, {choice}: each by its name", heard)
            if choice == "turn":
                t.equal(sorted(sink.sessions.count(address) for address in pool), [6, 6, 6], f"{form}: in turn")
            else:
                t.ok(len(set(sink.sessions)) > 1 and all(sink.sessions.count(address) % 3 == 0 for address in set(sink.sessions)), f"{form}: each domain by one of them",
                     sink.sessions)
    sink.close()


def random_part(source):
    kind = source.choice(["text/plain", "text/html", "application/octet-stream", "image/png"])
    text = "".join(source.choice("abc =.\u00e9\u00fc\u6b21 \t") for _ in range(source.randrange(200)))
    if kind.startswith("text/"):
        data = "\r\n".join(text[i:i + 70] for i in range(0, len(text), 70)).encode() + b"\r\n"
        return f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + data
    data = bytes(source.choice(b"\x80\xff\xfeabc=.-") for _ in range(source.randrange(300))) + b"\r\n"
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + data


def random_message(source, number, depth=0):
    boundary = f"b{number}_{depth}"
    parts = [random_message(source, number, depth + 1) if depth < 3 and source.random() < 0.3 else random_part(source)
             for _ in range(source.randrange(1, 5))]
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return head.encode() + b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts) + b"--%s--\r\n" % boundary.encode()


def leaves(data):
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in message.walk() if not part.is_multipart()]


def what_arrives_decodes_to_what_was_sent(t):
    """S3-016: any message of parts, for a server without 8BITMIME."""
    source, sink, sent = random.Random(16), Sink(replies={"EHLO": b"250-sink\r\n250 PIPELINING\r\n"}), []
    with folder() as root, relay(root, sink) as d:
        client = Smtp(d.address)
        for number in range(40):
            sent.append(f"Subject: {number}\r\nMIME-Version: 1.0\r\n".encode() + random_message(source, number))
            client.message(sent[-1], rcpts=["x@c.test"], helo=None if number else "EHLO a.test")
        t.ok(wait_until(lambda: len(sink.messages) == 40, 20), "all arrive", len(sink.messages))
    sink.close()
    got = {int(re.search(rb"Subject: (\d+)", m[2])[1]): m[2] for m in sink.messages}
    t.ok(all(max(data) < 128 for data in got.values()), "in seven bits")
    t.equal([n for n in range(40) if leaves(got[n]) != leaves(sent[n])], [], "with the same content")


def reports_are_what_was_asked_for(t):
    """S3-038: NOTIFY, RET, ENVID and ORCPT with the real daemon; S3-006: none to <>."""
    sink = Sink(replies={"RCPT": b"550 5.1.1 No such user here\r\n"})
    with folder() as root, relay(root, sink) as d:
        client = Smtp(d.address)
        t.ok("DSN" in client.command("EHLO a.test")[1].split("\n"), "DSN is offered")

        def send(mail, rcpt, body=b"Subject: report\r\n\r\nsecret\r\n"):
            client.command(f"MAIL FROM:{mail}")
            reply = client.command(f"RCPT TO:{rcpt}")
            client.command("DATA")
            client.send(body + b".\r\n")
            return reply[0], client.reply()[0]

        t.equal(send("<s1@b.test> ENVID=Q+2B1", "<user1@b.test> NOTIFY=SUCCESS ORCPT=rfc822;Old+2B@b.test"), (250, 250), "taken")
        report = (d.wait_mail("s1") or [b""])[0].decode()
        for field in ("Action: delivered", "Original-Envelope-Id: Q+1", "Original-Recipient: rfc822; Old+@b.test", "Status: 2.1.5",
                      "Content-Type: text/rfc822-headers", "Return-Path: <>"):
            t.ok(field in report, f"a success is told: {field}", report)
        t.ok("secret" not in report, "with the header alone", report)
        send("<s2@b.test> RET=FULL", "<x@c.test>")
        report = (d.wait_mail("s2") or [b""])[0].decode()
        t.ok("Action: failed" in report and "secret" in report and "message/rfc822" in report, "a failure with all of it (RET=FULL)", report)
        t.ok("Original-Recipient" not in report, "and nobody named another recipient", report)
        send("<s3@b.test>", "<x@c.test> NOTIFY=NEVER")
        send("<s4@b.test>", "<x@c.test> NOTIFY=SUCCESS,DELAY")
        send("<>", "<x@c.test>")
        t.ok(len(d.wait_log("outcome=failed", count=4)) == 4 and wait_until(lambda: d.log().count("ev=removed") >= 6, 10), "three more fail", d.log())
        t.equal([d.files(user) for user in ("s3", "s4")], [[], []], "and nobody is told")
    sink.close()


CASES = [messages_share_connections, a_kept_connection_is_let_go, customers_of_one_provider_are_one_site, a_shaping_file_is_obeyed, a_family_that_is_shut_is_remembered, connections_come_from_a_pool, what_arrives_decodes_to_what_was_sent, reports_are_what_was_asked_for]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

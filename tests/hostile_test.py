# SPDX-License-Identifier: MIT
"""The daemon among hosts that do not behave, and under bursts."""

import socket
import sys
import time

from harness import PORT, RELAY, SLOW, Daemon, Dns, Sink, Smtp, Tap, folder, fresh_address, make_key, run_cases, wait_until


def hole():
    """An address whose connections are never completed: its queue is full, so what more comes is dropped."""
    address = fresh_address()
    server = socket.socket()
    server.bind((address, PORT))
    server.listen(0)
    keep = [server]
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((address, PORT))
        keep.append(client)
    return address, keep


def a_connection_that_never_opens_costs_its_time_and_no_more(t):
    bad, keep = hole()
    sink = Sink()
    dns = Dns({("c.test", "MX"): ["10 bad.c.test", "20 good.c.test"], ("bad.c.test", "A"): [bad], ("good.c.test", "A"): [sink.address]})
    with folder() as root, Daemon(root, RELAY, "route * { via mx; }", resolver=dns.where, port_map_25=PORT) as daemon:
        began = time.monotonic()
        t.equal(Smtp(daemon.address).message(rcpts=["u@c.test"])[0], 250, "mail for a domain whose first host hangs is taken")
        wait_until(lambda: sink.messages, 60)
        took = time.monotonic() - began
        t.ok(sink.messages and took < 40 * SLOW, "the second host gets it when the first one's 30 seconds are over", f"{took:.1f} s")
    for one in keep:
        one.close()


def a_burst_of_signatures_is_signed(t):
    """More at once than the channel to the keys process holds."""
    count = 500
    with folder() as root:
        sink = Sink()
        sink.close()
        make_key(root / "k.pem")
        daemon = Daemon(root, RELAY, "key k { domain a.test; selector s; file %(root)s/k.pem; } sign *@a.test k; "
                        f"route * {{ via smtp {sink.address}:{PORT}; concurrency 1000; }}", single=False, workers="1", retry="2s")
        with daemon:
            smtp = Smtp(daemon.address)
            smtp.command("EHLO x.test")
            taken = sum(smtp.message(b"From: u@a.test\r\n\r\nx\r\n", rcpts=["u@c.test"], mail_from="u@a.test", helo=None)[0] == 250
                        for _ in range(count))
            t.equal(taken, count, "many messages wait for a host that is down")
        sink = Sink(sink.address)
        with daemon:
            wait_until(lambda: len(sink.messages) >= count, 60)
            t.ok("signature cannot be made" not in daemon.log(), "it comes back: all of them are signed at once", daemon.log()[-2000:])
            t.ok(all(b"DKIM-Signature:" in body for _, _, body in sink.messages), "and none is sent unsigned")
            t.equal(len(sink.messages), count, "and each is delivered")


CASES = [a_connection_that_never_opens_costs_its_time_and_no_more, a_burst_of_signatures_is_signed]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

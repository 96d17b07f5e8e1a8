# SPDX-License-Identifier: MIT
"""`hikyaku load` and `hikyaku sink`: what one sends the other takes, and both count the same. TAP.

usage: cli_load_test.py [CASE...]"""

import json
import signal
import socket
import subprocess
import sys
import time

import harness
from harness import BUILD, PORT, Daemon, Tap, folder, fresh_address, hikyaku, is_listening, make_certificate, run_cases, wait_until


FEW_FILES = ["sh", "-c", 'ulimit -Sn 64; exec "$@"', "sh"]  # as a shell may have it; what they need, they take


class Sink:
    """A sink on an address of its own; its figures once it is told to end."""

    def __init__(self, *options):
        address = fresh_address(), PORT
        self.at = "%s:%d" % address
        self.process = subprocess.Popen([*FEW_FILES, BUILD / "hikyaku", "sink", "--listen", self.at, "--json", *map(str, options)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_until(lambda: is_listening(*address) or self.process.poll() is not None, 30)

    def figures(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out)


def load(at, *options):
    status, out, err = hikyaku("load", "--to", at, "--json", *options)
    return status, json.loads(out) if out.startswith(b"{") else out, err


def both_count_the_same(t):
    sink = Sink("--messages", 500)
    status, sent, err = load(sink.at, "--messages", 500, "--connections", 7, "--size", 5000, "--recipients", 3)
    taken = sink.figures()
    t.equal((status, err, sent["accepted"], sent["not_accepted"]), (0, "", 500, 0), "all are accepted")
    t.equal((taken["accepted"], taken["recipients"], taken["octets"]), (500, 1500, 500 * 5000), "and each octet arrives")
    t.equal((sent["connections"], taken["connections_at_once"]), (7, 7), "over so many connections as were asked for")
    t.ok(0 < sent["p50_ms"] <= sent["p90_ms"] <= sent["p99_ms"] <= sent["max_ms"], "the percentiles are in order", str(sent))


def a_given_message_is_sent_as_it_stands(t):
    text = b"From: <a@load.test>\r\nSubject: given\r\n\r\n.a line\r\n" + b"x" * 70 + b"\r\n"
    with folder() as root, Daemon(root) as d:
        (root / "given.eml").write_bytes(text)
        status, sent, err = load(f"{d.address}:{PORT}", "--message", root / "given.eml", "--messages", 3, "--connections", 1, "--rcpt", "user1@b.test")
        t.equal((status, err, sent["accepted"]), (0, "", 3), "three are accepted")
        stored = d.wait_mail(count=3)
        t.ok(len(stored) == 3 and all(one.replace(b"\r\n", b"\n").endswith(text.replace(b"\r\n", b"\n")) for one in stored), "as they stand", stored)
        status, _, err = load("127.0.0.1:1", "--message", root / "none.eml")
        t.ok(status == 2 and "none.eml" in err, "a file that is not there", status, err)


def connections_are_used_so_long_as_was_asked(t):
    sink = Sink()
    status, sent, _ = load(sink.at, "--messages", 100, "--connections", 2, "--per-connection", 10)
    opened = sink.figures()["connections"]
    # the last client may open one for a message that the other one takes
    t.ok(status == 0 and opened == sent["connections"] and opened in (10, 11), "ten messages each, ten connections", str(sent))


def by_tls_by_lmtp_by_data(t):
    with folder() as root:
        make_certificate(root / "tls", "sink.test")
        sink = Sink("--certificate", root / "tls.crt", "--certificate-key", root / "tls.key")
        status, sent, err = load(sink.at, "--tls", "--messages", 50)
        t.equal((status, err, sink.figures()["accepted"]), (0, "", 50), "STARTTLS")
    sink = Sink()
    status, _, _ = load(sink.at, "--tls", "--messages", 5, "--connections", 1)
    t.equal((status, sink.figures()["accepted"]), (3, 0), "--tls sends nothing in clear")
    sink = Sink("--lmtp")
    status, _, _ = load(sink.at, "--lmtp", "--messages", 50, "--recipients", 4)
    t.equal((status, sink.figures()["recipients"]), (0, 200), "LMTP")
    sink = Sink()
    status, _, _ = load(sink.at, "--no-chunking", "--no-pipelining", "--messages", 20, "--size", 300000)
    t.equal((status, sink.figures()["octets"]), (0, 6000000), "DATA, step by step")


def each_round_counts_anew_and_the_sink_stays(t):
    sink = Sink("--rounds")
    load(sink.at, "--messages", 3, "--connections", 1)
    for messages in (20, 1, 300):
        print(messages, file=sink.process.stdin, flush=True)
        status, sent, err = load(sink.at, "--messages", messages, "--connections", min(messages, 7), "--size", 1000)
        taken = json.loads(sink.process.stdout.readline())
        t.equal((status, err, sent["accepted"]), (0, "", messages), f"a round of {messages}")
        t.equal((taken["accepted"], taken["octets"]), (messages, messages * 1000), "counts its own messages and no others")
    out, _ = sink.process.communicate("", timeout=60)
    t.equal((sink.process.returncode, out), (0, ""), "the end of its input ends it, and there is no round to tell of")
    for line in ("0\n", "x\n", "1" * 100):
        sink = Sink("--rounds")
        out, _ = sink.process.communicate(line, timeout=60)
        t.equal((sink.process.returncode, out), (2, ""), f"no round: {line.strip()[:9]}")
    for name in ("/dev/null", __file__):
        with open(name, "rb") as given:
            done = subprocess.run([BUILD / "hikyaku", "sink", "--listen", "%s:%d" % (fresh_address(), PORT), "--rounds"], stdin=given,
                                  capture_output=True, timeout=60, check=False)
        t.ok(done.returncode == 2 and b"--rounds reads from a pipe" in done.stderr, f"what cannot be waited for is no input: {name}", done)


def there_are_as_many_connections_as_the_system_allows(t):
    sink = Sink("--delay", 300)
    done = subprocess.run([*FEW_FILES, BUILD / "hikyaku", "load", "--to", sink.at, "--json", "--messages", "200", "--connections", "200"], capture_output=True,
                          timeout=60, check=False)
    sent, taken = json.loads(done.stdout), sink.figures()
    t.equal((done.returncode, sent["accepted"], sent["connections_lost"], taken["connections_at_once"]), (0, 200, 0, 200), "200 with 64 descriptors, of which there may be more")


def refusals_are_counted_by_code(t):
    sink = Sink("--refuse", 10, "--defer", 5)
    status, sent, _ = load(sink.at, "--messages", 200)
    t.equal((status, sent["accepted"], sent["replies"]), (1, 170, {"554": 20, "451": 10}), "554 and 451, in their share")
    sink.figures()


def time_is_kept(t):
    sink = Sink("--delay", 100)
    begun = time.monotonic()
    status, sent, _ = load(sink.at, "--messages", 4, "--connections", 2)
    t.ok(status == 0 and time.monotonic() - begun >= 0.2 and sent["p50_ms"] >= 100, "--delay", str(sent))
    sink.figures()
    sink = Sink()
    status, sent, _ = load(sink.at, "--messages", 50, "--rate", 100)
    t.ok(status == 0 and sent["seconds"] >= 0.45, "--rate", str(sent))
    sink.figures()


def what_cannot_be_done_is_said(t):
    status, sent, err = load(f"{fresh_address()}:{PORT}", "--messages", 2, "--connections", 1)
    t.ok(status == 3 and sent["accepted"] == 0 and "refused" in err, "nobody listens: status 3", err)
    for options in (["--messages", "0"], ["--size", "1"], ["--to", "x"], ["--foo"], ["word"], ["--tls=1"], ["--rate"], ["--timeout", "0"]):
        t.equal(hikyaku("load", *options)[0], 2, f"usage: load {' '.join(options)}")
    for options in (["--listen", "127.0.0.1:0"], ["--refuse", "101"], ["--certificate", "/dev/null"], ["--rounds", "--messages", "1"], ["--rounds", "--seconds", "1"]):
        t.equal(hikyaku("sink", *options)[0], 2, f"usage: sink {' '.join(options)}")
    t.ok(b"--connections" in hikyaku("load", "--help")[1] and b"--delay" in hikyaku("sink", "--help")[1], "--help")


class OneEach(harness.Sink):
    """Takes its time to greet, and goes away after one message."""

    def serve(self, connection):
        with connection:
            file = connection.makefile("rb")
            time.sleep(0.3)
            connection.sendall(b"220 slow\r\n")
            for reply in (b"250 slow\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                file.readline()
                connection.sendall(reply)
            while file.readline() not in (b".\r\n", b""):
                pass
            connection.sendall(b"250 ok\r\n")
            connection.shutdown(socket.SHUT_RDWR)


class Busy(harness.Sink):
    def serve(self, connection):
        with connection:
            connection.sendall(b"421 4.3.2 not \x1b[1m now\r\n")


def a_message_that_waits_for_its_time_goes_by_the_next_connection(t):
    server = OneEach()
    status, sent, err = load(f"{server.address}:{PORT}", "--messages", 4, "--connections", 1, "--rate", 2)
    t.equal((status, err, sent["accepted"], sent["replies"]), (0, "", 4, {}), "none is begun while the server has not greeted")
    t.equal((sent["connections"], sent["connections_lost"]), (4, 3), "a connection that ends unasked is lost; the last one was to end")
    server.close()


def a_server_that_says_nothing_is_given_up(t):
    for verb, not_accepted in (("EHLO", 0), ("MAIL", 2)):
        server = harness.Sink(replies={verb: b""}, offers=b"250 8BITMIME\r\n")
        begun = time.monotonic()
        status, sent, err = load(f"{server.address}:{PORT}", "--messages", 9, "--connections", 2, "--timeout", 1)
        t.ok(status == 3 and time.monotonic() - begun >= 1 and "silent for 1 s" in err, f"no reply to {verb}", status, err)
        t.equal((sent["accepted"], sent["not_accepted"], sent["connections_lost"]), (0, not_accepted, 2), "what was under way counts as not accepted")
        server.close()
    sink = Sink("--delay", 700)
    status, sent, err = load(sink.at, "--messages", 3, "--connections", 1, "--timeout", 1)
    t.equal((status, err, sent["accepted"]), (0, "", 3), "a slow one is not silent")
    status, sent, err = load(sink.at, "--messages", 3, "--connections", 1, "--timeout", 1, "--rate", 1)
    t.equal((status, err, sent["accepted"]), (0, "", 3), "nor is one that is not asked for anything")
    sink.figures()


def what_a_server_says_at_once_is_told(t):
    server = Busy()
    status, sent, err = load(f"{server.address}:{PORT}", "--messages", 2, "--connections", 1)
    t.ok(status == 3 and sent["accepted"] == 0 and "the server says 421" in err and "\x1b" not in err, "its refusal, without its control octets", status, err)
    server.close()


def who_is_told_to_end_tells_what_was_done(t):
    sink = Sink("--delay", 100)
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen([BUILD / "hikyaku", "load", "--to", sink.at, "--json", "--messages", "100000", "--connections", "1"],
                                   stdout=subprocess.PIPE, text=True)
        wait_until(lambda: int(harness.status_of(process.pid, "SigCgt")[0], 16) >> number - 1 & 1)
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
        t.ok(process.returncode == 3 and "accepted_per_s" in json.loads(out or "{}"), f"by {number.name}", process.returncode, out)
    sink.figures()


def the_daemon_takes_what_load_sends(t):
    with folder() as root, Daemon(root) as d:
        status, sent, err = load(f"{d.address}:{PORT}", "--messages", 200, "--connections", 5, "--rcpt", "user1@b.test")
        t.equal((status, err, sent["accepted"]), (0, "", 200), "200 messages, all accepted")


CASES = [both_count_the_same, a_given_message_is_sent_as_it_stands, connections_are_used_so_long_as_was_asked, by_tls_by_lmtp_by_data, each_round_counts_anew_and_the_sink_stays, there_are_as_many_connections_as_the_system_allows, refusals_are_counted_by_code, time_is_kept,
         what_cannot_be_done_is_said, a_message_that_waits_for_its_time_goes_by_the_next_connection, a_server_that_says_nothing_is_given_up, what_a_server_says_at_once_is_told,
         who_is_told_to_end_tells_what_was_done, the_daemon_takes_what_load_sends]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

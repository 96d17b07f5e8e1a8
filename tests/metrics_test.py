# SPDX-License-Identifier: MIT
"""/metrics of a server at work: its form, read by a strict parser of our own and by Prometheus' promtool where Debian's is installed;
what it counts beside what was done; mail while its places are taken. TAP.

usage: metrics_test.py [CASE...]"""

import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "interop"))
import packages  # noqa: E402
from harness import FORMS, PORT, Daemon, Sink, Smtp, Tap, folder, queue_id, run_cases, wait_until

LISTEN = "listen mx { address %(address)s:%(port)d; role mx; reject-early-talkers off; }"
METRICS_PORT = 2529


def server(root, single, route="via maildir %(root)s/mail/%%u", **settings):
    d = Daemon(root, LISTEN, f"route * {{ {route}; }}", single=single, **settings)
    d.settings["metrics"] = f"{d.address}:{METRICS_PORT}"
    d.write_conf()
    return d


def fetch(d, path="/metrics"):
    with urllib.request.urlopen(f"http://{d.address}:{METRICS_PORT}{path}", timeout=20) as answer:
        return answer.headers["Content-Type"], answer.read().decode("ascii")


# ---- the text form, version 0.0.4: what does not fit is an error -------------------------------------------------------

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+)\}})? (-?\d+(?:\.\d+)?|[+-]Inf|NaN)')


def parse(text):
    """(name, labels) -> value; raises ValueError."""
    values, kinds, now, seen = {}, {}, None, set()
    if not text.endswith("\n"):
        raise ValueError("the last line does not end")
    for line in text.splitlines():
        if head := re.fullmatch(rf"# HELP ({NAME}) (.*)", line):
            if head[1] in seen:
                raise ValueError(f"a second HELP: {line}")
            now = head[1]
            seen.add(now)
        elif head := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            if head[1] != now or now in kinds:
                raise ValueError(f"TYPE is not next to its HELP, or comes twice: {line}")
            kinds[now] = head[2]
        elif sample := SAMPLE.fullmatch(line):
            base = re.sub(r"_(bucket|sum|count)$", "", sample[1]) if kinds.get(now) == "histogram" else sample[1]
            if base != now:
                raise ValueError(f"a sample away from its family: {line}")
            key = (sample[1], sample[2] or "")
            if key in values:
                raise ValueError(f"twice: {line}")
            values[key] = float(sample[3])
        else:
            raise ValueError(f"no line of the form: {line!r}")
    for name, kind in kinds.items():
        if kind == "counter" and not name.endswith("_total"):
            raise ValueError(f"a counter without _total: {name}")
        if kind == "histogram":
            buckets = [v for (n, _), v in values.items() if n == name + "_bucket"]
            if buckets != sorted(buckets) or buckets[-1] != values[name + "_count", ""]:
                raise ValueError(f"buckets of {name}: {buckets}")
    return values


def promtool():
    """Alone: what the rest of its package needs is a hundred megabytes."""
    folder = packages.CACHE / "prometheus-alone"
    if not (folder / "usr/bin/promtool").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["dpkg", "-x", packages.download("prometheus", folder), folder], check=True)
    if not (folder / "usr/bin/promtool").exists():
        raise packages.Missing("Debian's prometheus of this release has no promtool")
    return folder / "usr/bin/promtool"


def the_form_is_that_of_prometheus(t):
    with folder() as root:
        with server(root, True) as d:
            kind, text = fetch(d)
            t.equal(kind, "text/plain; version=0.0.4; charset=utf-8", "the type of the answer")
            try:
                values = parse(text)
                t.ok(len(values) > 100, "a strict parser reads it")
            except ValueError as why:
                t.ok(False, "a strict parser reads it", why)
            for bad in ("a 1", "a{b=\"c\"} 1\n# HELP a x\n", "# HELP a x\n# TYPE a counter\na 1\n", "# HELP a x\n# TYPE a gauge\na 1\na 1\n", "# HELP a x\n# TYPE a gauge\na{b=c} 1\n"):
                try:
                    parse(bad)
                    t.ok(False, "which refuses what is wrong", bad)
                except ValueError:
                    pass
            try:
                done = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True, text=True)
                t.ok(done.returncode == 0, "promtool finds nothing wrong", done.stdout + done.stderr)
            except packages.Missing as why:
                t.skip("promtool", str(why))
            page = (Path(__file__).resolve().parent.parent / "docs/metrics.md").read_text()
            t.equal(re.findall(r"(?m)^\| `(\w+)` \| (\w+) \| (.*) \|$", page), [(n, k, h) for n, h, k in re.findall(r"# HELP (\S+) (.*)\n# TYPE \S+ (\S+)\n", text)],
                    "docs/metrics.md has each of them")
            for path, code in (("/", 404), ("/metrics/x", 404)):
                try:
                    fetch(d, path)
                    t.ok(False, f"{path} is not there")
                except urllib.error.HTTPError as error:
                    t.equal(error.code, code, f"{path} is not there")


def what_is_done_is_counted(t):
    for name, single in FORMS:
        with folder() as root:
            sink = Sink(replies={"RCPT": b"450 4.2.0 later\r\n"})
            d = server(root, single)
            d.rest = f"route later.test {{ via smtp {sink.address}:{PORT}; }} route * {{ via maildir %(root)s/mail/%%u; }}"
            d.settings.update({"accept": "b.test later.test", "retry": "1h", "lifetime": "1d"})
            d.write_conf()
            with d:
                with Smtp(d.address) as c:
                    ids = [queue_id(c.message(rcpts=("user1@b.test", "user2@b.test"))) for _ in range(3)]
                    ids.append(queue_id(c.message(rcpts=("x@later.test",))))
                    c.command("MAIL FROM:<u@a.test>")
                    c.command("RCPT TO:<x@elsewhere.test>")
                    c.command("QUIT")
                d.wait_log("ev=removed", count=3)
                d.wait_log("ev=deferred")
                want = {
                    ("hikyaku_messages_accepted_total", ""): 4, ("hikyaku_messages_finished_total", ""): 3,
                    ("hikyaku_refusals_total", 'id="relay-denied"'): 1, ("hikyaku_refusals_total", 'id="other"'): 0,
                    ("hikyaku_deliveries_total", 'outcome="delivered"'): 6, ("hikyaku_deliveries_total", 'outcome="deferred"'): 1,
                    ("hikyaku_delivery_delay_seconds_count", ""): 6, ("hikyaku_queue_messages", 'state="waiting"'): 1,
                    ("hikyaku_queue_messages", 'state="active"'): 0, ("hikyaku_queue_messages", 'state="held"'): 0,
                    ("hikyaku_deliveries_under_way", ""): 0, ("hikyaku_intake_stopped", ""): 0, ("hikyaku_spool_failed_syncs_total", ""): 0,
                }
                got = {}

                def is_so():
                    got.update(parse(fetch(d)[1]))
                    return all(got[key] == value for key, value in want.items())

                t.ok(wait_until(is_so, 20), f"{name}: each count is what was done", [(key, got[key], value) for key, value in want.items() if got[key] != value])
                t.ok(got["hikyaku_connections_total", ""] >= 1 and got["hikyaku_spool_syncs_total", ""] > 0 and got["hikyaku_spool_live_bytes", ""] > 0, "and the journal was at work", got)
                t.ok(all(ids) and not [key for key in got if "test" in key[1]], "no label has an address or a domain")
            sink.close()


def clients_that_never_end_stop_neither_mail_nor_metrics(t):
    for name, single in FORMS:
        with folder() as root:
            with server(root, single) as d:
                held = []
                for _ in range(40):  # more than there are places
                    held.append(socket.create_connection((d.address, METRICS_PORT)))
                    held[-1].sendall(b"GET /metrics HTTP/1.1\r\nX: ")
                with Smtp(d.address) as c:
                    t.equal(c.message()[0], 250, f"{name}: mail goes on")
                t.ok("hikyaku_messages_accepted_total 1\n" in fetch(d)[1], "and a scrape has its turn once their time is over")
                for one in held:
                    one.close()
            t.ok("ev=stopped" in d.log(), "and it ends in time")


CASES = [the_form_is_that_of_prometheus, what_is_done_is_counted, clients_that_never_end_stop_neither_mail_nor_metrics]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

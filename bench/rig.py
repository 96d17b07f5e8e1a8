# SPDX-License-Identifier: MIT
"""What the benches of a whole server share: a network and a folder of their own, ours as it is shipped, `hikyaku load` and `hikyaku sink`,
and how rows of figures are told: as a table, as JSON, as a part of docs/performance.md."""

import argparse
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = Path(os.environ.setdefault("HIKYAKU_BUILD", str(ROOT / "build"))).resolve()
sys.path[:0] = [str(HERE), str(ROOT / "tests")]

from auth import machine  # noqa: E402
from harness import PORT, Daemon, Dns, enter_namespaces, fresh_address, is_listening, prepare_namespaces, wait_until  # noqa: E402

PAGE = ROOT / "docs/performance.md"
LISTENER = "listen in {{ address %(address)s:%(port)d; role relay; relay-from 127.0.0.0/8; reject-early-talkers off; {0} }}"


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- what an option takes ----


def within(least, most, kind=int):
    def number(text):
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {most}")
        return value
    return number


def words(known):
    def chosen(text):
        unknown = [word for word in text.split(",") if word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"there is no {unknown[0] or 'empty word'}; there are {', '.join(known)}")
        return text.split(",")
    return chosen


# ---- programs ----


class Sink:
    """`hikyaku sink` at an address of its own. With --rounds: ask, then taken."""

    def __init__(self, *options, wrap=list, address=None):
        self.address = address or fresh_address()
        self.process = subprocess.Popen(wrap([BUILD / "hikyaku", "sink", "--listen", f"{self.address}:{PORT}", "--json", *map(str, options)]),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_until(lambda: is_listening(self.address, PORT), 10)

    def ask(self, messages):
        """Begins a round of so many."""
        print(messages, file=self.process.stdin, flush=True)

    def taken(self, seconds):
        """What it says once they have come; {} when they do not within the time."""
        if not select.select([self.process.stdout], [], [], max(0.0, seconds))[0]:
            return {}
        return json.loads(self.process.stdout.readline() or "{}")

    def stop(self):
        """What it says of what it took; nothing with --rounds."""
        self.process.send_signal(signal.SIGTERM)
        text = self.process.communicate(timeout=30)[0].splitlines()
        return json.loads(text[-1]) if text else {}


def relay(root, sink, listener="", **settings):
    """A Daemon as it is shipped, not started: it takes all that comes from 127/8 and hands it to the sink (None: nobody listens there). It asks who clients are, and is told
    at once that they have no name: an answer that never comes would be measured."""
    if "resolver" not in settings:
        settings["resolver"] = Dns({}, port=53).where
    values = {"workers": None, "retry": None, "lifetime": None, "accept": None, "resolver_timeout": None, "timezone": None, "hostname": "hikyaku.test",
              "operator_socket": f"{root}/operator", **settings}
    return Daemon(root, LISTENER.format(listener), f"route * {{ via smtp {sink.address if sink else fresh_address()}:{PORT}; tls off; }}", single=False, **values)


def start_load(to, *options, wrap=list):
    return subprocess.Popen(wrap([BUILD / "hikyaku", "load", "--to", f"{to}:{PORT}", "--json", *map(str, options)]), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def load(to, *options, patience=120):
    """What `hikyaku load` says."""
    process = start_load(to, *options)
    try:
        text, why = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        raise RuntimeError(f"load does not end: {' '.join(map(str, options))}") from None
    if not text:
        raise RuntimeError(f"load: {why}")
    return json.loads(text)


def waiting(daemon):
    """How many messages the server says that it has; None: it does not answer."""
    done = subprocess.run([BUILD / "hikyaku", "queue", "shape", "--json", "--socket", daemon.settings["operator-socket"]], capture_output=True, text=True,
                          check=False)
    return None if done.returncode else sum(json.loads(row).get("total", 0) for row in done.stdout.splitlines())


def drain(daemon, seconds=120):
    """Waits until the queue is empty."""
    if not wait_until(lambda: waiting(daemon) == 0, seconds, 0.2):
        raise RuntimeError(f"{waiting(daemon)} messages are left after {seconds} s: {daemon.log()[-1000:]}")


# ---- what a process has ----


def field(pid, name, where="status"):
    """A line of /proc/PID/status or smaps_rollup, in MiB."""
    rows = Path(f"/proc/{pid}/{where}").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith(name)) / 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def allow_descriptors(n):
    """For this process and what it starts; False: the system grants fewer."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(n, hard), hard))
    return n <= hard


def use_all_ports():
    subprocess.run(["sysctl", "-qw", "net.ipv4.ip_local_port_range=1100 65000"], check=False)


# ---- figures ----


class Figures:
    """columns: (key of a row, heading, format). goals: rows -> (what, asked, measured, is reached) of those that they can tell."""

    def __init__(self, part, columns, goals=lambda rows: ()):
        self.part, self.columns, self.goals = part, columns, goals

    def line(self, row):
        return [form.format(row[key]) if row.get(key) is not None else "-" for key, _, form in self.columns]

    def text(self, rows):
        table = [[heading for _, heading, _ in self.columns], *map(self.line, rows)]
        widths = [max(map(len, column)) for column in zip(*table)]
        for row in table:
            yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths))
        for what, asked, measured, is_reached in self.goals(rows):
            yield f"{what}: goal {asked}, measured {measured}, {'reached' if is_reached else 'NOT reached'}"

    def page(self, rows, load_before):
        yield f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())}, {machine()}, load before it {load_before:.1f}."
        yield ""
        yield "| " + " | ".join(heading for _, heading, _ in self.columns) + " |"
        yield "|" + "---|" * len(self.columns)
        for row in rows:
            yield "| " + " | ".join(self.line(row)) + " |"
        goals = list(self.goals(rows))
        if goals:
            yield from ("", "| goal | asked | measured | |", "|---|---|---|---|")
        for what, asked, measured, is_reached in goals:
            yield f"| {what} | {asked} | {measured} | {'reached' if is_reached else 'open'} |"


def write_part(place, part, lines):
    """Between the marks <!-- part: begin --> and <!-- part: end --> of a page."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    text = place.read_text(encoding="utf-8")
    if begin not in text:
        raise RuntimeError(f"{place} has no {begin}")
    new = begin + "\n" + "\n".join(lines) + "\n" + end
    place.write_text(re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: new, text, flags=re.S), encoding="utf-8")


def apart(options, measure):
    """What measure(options, folder) gives, as root, in a network and a folder of its own; None, and why is said, where that cannot be done."""
    why = "it must be started by root" if os.getuid() else enter_namespaces()
    if why:
        say(f"bench: {why}")
        return None
    prepare_namespaces()
    with tempfile.TemporaryDirectory(prefix="hikyaku-bench-", dir="/var/tmp") as folder:  # a disk, where /tmp may be none
        Path(folder).chmod(0o755)
        try:
            return measure(options, Path(folder))
        except RuntimeError as error:
            say(f"bench: {error}")
            return None


def main(name, about, measure, figures, arguments=()):
    """measure: (options, folder) -> rows. arguments: (option, what add_argument takes) each. The exit status; 1: a goal was not reached."""
    parser = argparse.ArgumentParser(prog=f"./dev bench {name}", description=about)
    for option, rest in arguments:
        parser.add_argument(option, **rest)
    parser.add_argument("--json", action="store_true", help="one array of rows")
    parser.add_argument("--write", action="store_true", help="docs/performance.md is made anew from this run")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    rows = apart(options, measure)
    if rows is None:
        return 3
    for text in figures.text(rows):
        print(text, file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps(rows, indent=1))
    if options.write:
        write_part(PAGE, figures.part, figures.page(rows, load_before))
    return 0 if all(reached for *_, reached in figures.goals(rows)) else 1

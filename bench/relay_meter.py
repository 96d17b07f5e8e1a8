# SPDX-License-Identifier: MIT
"""What a tree of processes costs: processor time, memory, calls that wait for the disk."""

import os
import struct
import subprocess
import threading
import time
from pathlib import Path

COUNT_FILE = Path("/tmp/hikyaku-syncs")  # in a /tmp of our own
TICK = os.sysconf("SC_CLK_TCK")


class Group:
    """A control group of its own for what one server starts, or a set of programs; also those that have ended count."""

    def __init__(self, name):
        self.name, self.path, self.usage = name, None, None
        for root, usage in (("/sys/fs/cgroup/cpuacct", "cpuacct.usage"), ("/sys/fs/cgroup", "cpu.stat")):
            path = Path(root) / f"hikyaku-bench-{os.getpid()}-{os.urandom(3).hex()}-{name}"
            try:
                path.mkdir()
            except OSError:
                continue
            if (path / usage).exists():
                self.path, self.usage = path, path / usage
                return
            path.rmdir()
        raise RuntimeError("no control group can be made here: processor time cannot be told")

    def wrap(self, command):
        """The command, so that it and all its children are of this group."""
        return ["/bin/sh", "-c", 'echo 0 > "$0" && exec "$@"', f"{self.path}/cgroup.procs", *map(str, command)]

    def join(self):
        """For a child between fork and exec."""
        with open(self.path / "cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")

    def cpu(self):
        """Seconds of processor time, user and system."""
        text = self.usage.read_text()
        if self.usage.name == "cpuacct.usage":
            return int(text) / 1e9
        return int(text.split("usage_usec", 1)[1].split()[0]) / 1e6

    def pids(self):
        return [int(word) for word in (self.path / "cgroup.procs").read_text().split() if word != "0"]

    def memory(self):
        """MiB: the proportional set size of all."""
        total = 0
        for pid in self.pids():
            try:
                rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
        return total / 1024

    def close(self):
        for _ in range(100):
            try:
                self.path.rmdir()
            except OSError:
                time.sleep(0.02)  # somebody has not ended yet; after all that it stays, empty, until the host restarts
            else:
                return


class Share:
    """A part of one processor, and no more, for what joins it."""

    PERIOD_US = 10000

    def __init__(self, part):
        for root, limit in (("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us"), ("/sys/fs/cgroup", "cpu.max")):
            self.path = Path(root) / f"hikyaku-share-{os.getpid()}-{os.urandom(3).hex()}"
            try:
                self.path.mkdir()
            except OSError:
                continue
            if (self.path / limit).exists():
                self.set(limit, int(self.PERIOD_US * part))
                return
            self.path.rmdir()
        raise RuntimeError("no control group can be made here: a server cannot be given a part of a processor")

    def set(self, limit, quota):
        if limit == "cpu.max":
            (self.path / limit).write_text(f"{quota} {self.PERIOD_US}")
            return
        (self.path / "cpu.cfs_period_us").write_text(str(self.PERIOD_US))
        (self.path / limit).write_text(str(quota))

    join = Group.join
    close = Group.close


class PeakMemory:
    """Looks once a second while it is open."""

    def __init__(self, group):
        self.group, self.peak, self.over = group, 0.0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def watch(self):
        while not self.over.wait(1.0):
            self.peak = max(self.peak, self.group.memory())

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.peak = max(self.peak, self.group.memory())


def busy():
    """Seconds of processor time of the whole machine: everything but idle and waiting for the disk."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICK


def count_syncs(*libraries):
    """From now on every program that starts in this mount namespace is counted. libraries: the one made of count_syncs.c, and those that they have besides."""
    COUNT_FILE.write_bytes(bytes(16))
    COUNT_FILE.chmod(0o666)
    preload = Path("/tmp/ld.so.preload")
    preload.write_text("".join(f"{library}\n" for library in libraries))
    preload.chmod(0o644)
    place = Path("/etc/ld.so.preload")
    if not place.exists():
        # a place to mount on is needed, and the host's /etc is not ours to write: an overlay that goes with the namespace
        upper, work = Path("/tmp/etc-upper"), Path("/tmp/etc-work")
        upper.mkdir()
        work.mkdir()
        subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir=/etc,upperdir={upper},workdir={work}", "none", "/etc"], check=True)
        place.write_text("")
    subprocess.run(["mount", "--bind", preload, place], check=True)


def syncs():
    return struct.unpack("=Q", COUNT_FILE.read_bytes()[:8])[0] if COUNT_FILE.exists() else 0


def slow_syncs(ms, place=COUNT_FILE):
    """From now on each takes so much longer, in every program that is counted there."""
    with open(place, "r+b") as file:
        file.seek(8)
        file.write(struct.pack("=Q", int(ms * 1000)))


def library(kept, name, *options):
    """The library of that name, made in this folder of its source beside this file; None when it cannot be."""
    place = kept / f"{name}.so"
    kept.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["cc", "-O2", "-shared", "-fPIC", *options, "-o", place, Path(__file__).with_name(f"{name}.c")], capture_output=True, check=False)
    return place if made.returncode == 0 else None


def counter(kept, place=COUNT_FILE):
    """The library that counts there."""
    return library(kept, "count_syncs", f'-DCOUNT_FILE="{place}"')


def acknowledge_at_once():
    """In this network. A delayed acknowledgement is 40 ms for each message of a server or filter that writes twice and waits; between hosts it hides in the way there and
    back, and among programs of one host nothing else would be measured."""
    for net in ("127.0.0.0/8", "127.0.0.1"):
        subprocess.run(["ip", "route", "replace", "local", net, "dev", "lo", "table", "local", "proto", "kernel", "scope", "host", "src", "127.0.0.1", "quickack", "1"], check=True)

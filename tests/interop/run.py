# SPDX-License-Identifier: MIT
"""Real programs of others against ours, on loopback in a network of its own.

usage: run.py [--write] [--only WORD] [--streams N]     --write: docs/interop.md is made anew from this run; with --streams 0
the comparison of streams, which takes long, stays on it as the run before saw it
Last line: 'N passed, N failed, N skipped'."""

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import clients  # noqa: E402
import extensions  # noqa: E402
import hops  # noqa: E402
import packages  # noqa: E402
import peers  # noqa: E402
import policies  # noqa: E402
import servers  # noqa: E402
import streams  # noqa: E402
from harness import BUILD, enter_namespaces, prepare_namespaces  # noqa: E402
from rows import Rows  # noqa: E402
from world import World  # noqa: E402

PAGE = HERE.parent.parent / "docs/interop.md"


def fetch():
    """Before the network is our own: downloads what is missing; what cannot be had is told later, by whoever misses it."""
    wanted = [(kind.package, kind.also) for kind in (*peers.PEERS, hops.Haproxy, clients.Msmtp)]
    if not packages.is_installed("libsasl2-modules"):
        wanted.append(("libsasl2-modules", ()))  # for Postfix as a client that authenticates
    for package, also in wanted:
        try:
            packages.unpack(package, also)
        except packages.Missing as error:
            print(f"# {error}", flush=True)


def kept_streams():
    """What the page says of them: their row, which is the last one, and all behind it."""
    text = PAGE.read_text()
    return text[text.rindex("\n| Postfix |", 0, text.index("\n## Replies to random streams")) + 1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--streams", type=int, default=300)
    options = parser.parse_args()
    if os.getuid():
        print("# these programs must be started by root\n0 passed, 0 failed, 1 skipped")
        return 0
    if "HIKYAKU_INSIDE" not in os.environ:
        fetch()
    why = enter_namespaces()
    if why:
        print(f"# {why}\n0 passed, 0 failed, 1 skipped")
        return 0
    prepare_namespaces()
    rows = Rows()
    with World(rows, options.only) as world:
        servers.run(world)
        policies.run(world)
        clients.run(world)
        extensions.run(world)
        wants_streams = options.streams and (not options.only or options.only in streams.NAME)
        differences = streams.run(world, options.streams) if wants_streams else ""
    passed, failed, skipped = rows.counts()
    rows.save(BUILD / "interop.json")
    if options.write:
        PAGE.write_text(rows.page(differences) if options.streams else rows.page() + kept_streams())
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

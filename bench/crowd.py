# SPDX-License-Identifier: MIT
"""Very many clients in one process: they connect some hundred at a time, say what they have to say, and stay."""

import socket
import threading

from harness import PORT

TOGETHER = 400  # what a listening socket lets wait is more


class Crowd:
    """steps: what each says after the greeting, and in what each reply to that must end."""

    def __init__(self, address, steps=(), port=PORT, source=None):
        self.where, self.steps, self.source, self.sockets = (address, port), steps, source, []

    def grow(self, n):
        """Until there are n of them."""
        while len(self.sockets) < n:
            new = [socket.create_connection(self.where, timeout=30, source_address=self.source and (self.source, 0))
                   for _ in range(min(TOGETHER, n - len(self.sockets)))]
            self.sockets += new
            self.hear(new, b"220")
            for say, want in self.steps:
                for one in new:
                    one.sendall(say)
                self.hear(new, want)

    @staticmethod
    def hear(sockets, want):
        """A reply whose last line begins with that."""
        for one in sockets:
            got = b""
            while not (got.endswith(b"\n") and got.splitlines()[-1].startswith(want)):
                more = one.recv(4096)
                if not more:
                    raise RuntimeError(f"closed after {got!r}")
                got += more

    def close(self):
        for one in self.sockets:
            one.close()
        self.sockets.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Trickle(threading.Thread):
    """Each of a crowd sends an octet every so many seconds, and all of them in turn."""

    STEP_S = 0.01

    def __init__(self, crowd, seconds):
        super().__init__(daemon=True)
        self.crowd, self.per_step, self.over, self.lost = crowd, len(crowd.sockets) * self.STEP_S / seconds, threading.Event(), set()
        self.start()

    def run(self):
        n, at, due = len(self.crowd.sockets), 0, 0.0
        while not self.over.wait(self.STEP_S):
            due += self.per_step
            while due >= 1:
                due -= 1
                at = (at + 1) % n
                try:
                    self.crowd.sockets[at].send(b"x")
                except OSError:
                    self.lost.add(at)

    def stop(self):
        """How many were sent away meanwhile."""
        self.over.set()
        self.join()
        return len(self.lost)

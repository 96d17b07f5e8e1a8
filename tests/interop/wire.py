# SPDX-License-Identifier: MIT
"""What stands between two programs: a proxy that notes what passes, and the messages that go over it."""

import contextlib
import re
import socket
import threading

from harness import fresh_address

PORT = 2525


class Recorder:
    """A TCP proxy on an address of its own; notes holds (who, bytes) of each segment, who is "client" or "server"."""

    def __init__(self, target=None):
        self.address, self.target, self.notes = fresh_address(), target, []
        self.greetings = b""  # what servers said to EHLO in clear, in all sessions
        self.server = socket.create_server((self.address, PORT), backlog=64)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.server.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                try:
                    server = socket.create_connection(self.target, timeout=60)
                except OSError:
                    client.close()
                    continue
                for who, source, to in (("client", client, server), ("server", server, client)):
                    threading.Thread(target=self.pump, args=(who, source, to), daemon=True).start()

    def pump(self, who, source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.notes.append((who, data))
                if who == "server" and data.startswith(b"250-"):
                    self.greetings += data
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)

    def clear(self):
        self.notes.clear()

    def said(self, who="client"):
        return b"".join(data for name, data in self.notes if name == who)

    def offers(self, keyword):
        return re.search(rb"(?im)^250[ -]" + keyword.encode() + rb"\b", self.greetings) is not None

    def pipelined(self):
        """Did a segment of the client hold more than one command?"""
        return any(who == "client" and len(re.findall(rb"(?im)^(?:MAIL FROM|RCPT TO|DATA|BDAT|RSET)\b", data)) > 1 for who, data in self.notes)


HEAD = "From: A <a@a.test>\r\nTo: b@b.test\r\nDate: Thu, 26 Nov 2026 09:00:00 +0900\r\nMessage-ID: <{0}@a.test>\r\nSubject: {0}\r\n"


def message(name, body, fields=""):
    return (HEAD.format(name) + fields + "\r\n").encode() + body


MIME8 = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
PLAIN = message("plain", b"Hello\r\n")
DOTS = message("dots", b".\r\n..\r\n.leading\r\n...\r\n\r\n.\r\n. \r\n.end\r\n")
LONG = message("long", b"x" * 990 + b"\r\n" + b".\t" * 400 + b"\r\n \r\n\t\r\n\r\n\r\nend\r\n")
EIGHT = message("eight", "飛脚は走る。\r\nÆsir\r\n".encode(), MIME8)
WIDE = message("wide", "飛脚は走る。\r\n".encode(), MIME8).replace(b"To: b@b.test", "To: 飛脚@sink.test".encode())
LARGE = message("large", b"".join(b"%07d The quick brown fox jumps over the lazy dog, and so on to the end.\r\n" % n for n in range(40000)))
BODIES = {"plain": PLAIN, "dots": DOTS, "long lines, blanks, empty lines": LONG, "3 MB": LARGE}


def same(got, sent):
    """Byte for byte, behind the trace fields that were put on top, whatever the line ends of the store."""
    return got.replace(b"\r\n", b"\n").endswith(b"\n" + sent.replace(b"\r\n", b"\n"))

# SPDX-License-Identifier: MIT
"""The text's telnet script: no angle brackets, three spaces, no waiting for replies."""

import random
import socket
import time
from datetime import datetime, timedelta, timezone

JST = timezone(timedelta(hours=9))
PAUSE = 0.1


def letter(scenario, now=None):
    """The lines after DATA, as the script writes them."""
    now = now or datetime.now(JST)
    domain = scenario.header_from.rsplit("@", 1)[1]
    stamp = now.strftime("%Y%m%d%H%M%S")
    return [
        f"Message-ID: <{stamp}.{random.randint(1, 32767)}@{domain}>",
        now.strftime("Date: %a, %d %b %Y %H:%M:%S +0900"),
        f"From: {scenario.header_from}",
        f"To:   {scenario.rcpt}",
        f"Subject: {scenario.subject}",
        "",
        f"Hello {scenario.rcpt}!",
    ]


def dialogue(scenario, lines):
    domain = scenario.header_from.rsplit("@", 1)[1]
    return [f"HELO {domain}", f"MAIL FROM: {scenario.mail_from}", f"RCPT TO:   {scenario.rcpt}", "DATA", *lines, ".", "QUIT"]


def send(scenario, net, port, show=lambda text: None, pause=PAUSE):
    """Speaks the scenario to its first server from client.a.test. Returns (the lines of the letter, the replies)."""
    lines = letter(scenario)
    family = socket.AF_INET6 if net.is_ipv6 else socket.AF_INET
    replies = b""
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(30)
        s.bind((net.address("client.a.test"), 0))
        s.connect((net.address(scenario.server), port))
        s.settimeout(0.001)

        def hear():
            nonlocal replies
            try:
                while True:
                    chunk = s.recv(4096)
                    if not chunk:
                        return
                    replies += chunk
                    show(chunk.decode("ascii", "replace"))
            except OSError:
                return

        for line in dialogue(scenario, lines):
            if line == "QUIT":
                time.sleep(2 * pause)
            hear()
            show(line + "\r\n")
            s.sendall(line.encode() + b"\r\n")
            time.sleep(pause)
        s.settimeout(10)
        hear()
    return lines, replies.decode("ascii", "replace").split("\r\n")[:-1]

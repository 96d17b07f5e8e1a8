# SPDX-License-Identifier: MIT
"""Reads the mail store the way a person's mail program does, and reads verdicts off a stored message."""

import imaplib
import re
import time


def fetch(net, port, user, wanted, seconds=30):
    """The newest message of that user's INBOX that holds the bytes `wanted` (a Message-ID), or None after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        with imaplib.IMAP4(net.address("imap.b.test"), port, timeout=20) as imap:
            imap.login(user, "lab")
            _, counts = imap.select("INBOX", readonly=True)
            for number in range(int(counts[0]), 0, -1):
                _, parts = imap.fetch(str(number), "(BODY.PEEK[])")
                if parts and isinstance(parts[0], tuple) and wanted in parts[0][1]:
                    return parts[0][1]
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)


def verdicts(message):
    """{"spf","dkim","dmarc"} off the Authentication-Results on top; "-" for a method that is not in it."""
    head = message.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace")
    found = re.search(r"^Authentication-Results:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", head, re.M | re.I)
    result = {"spf": "-", "dkim": "-", "dmarc": "-"}
    if found:
        for method in result:
            value = re.search(rf"\b{method}=([a-z]+)", found[1])
            if value:
                result[method] = value[1]
    return result


def queue_ids(message):
    """[(host, queue id)] of the Received fields, newest first."""
    head = message.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace")
    unfolded = re.sub(r"\r\n[ \t]+", " ", head)
    return re.findall(r"^Received: .*? by (\S+) .*? id ([0-9A-F]{11,16})\b", unfolded, re.M)

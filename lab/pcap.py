# SPDX-License-Identifier: MIT
"""Writes what crosses the loopback of this network namespace to a pcap file, until it is told to end.

usage: pcap.py FILE      (needs CAP_NET_RAW in the namespace; libpcap file format 2.4, link type Ethernet)
"""

import signal
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SNAPLEN = 65535


def main(path):
    running = [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as s, open(path, "wb", buffering=0) as out:
        s.bind(("lo", 0))
        s.settimeout(0.2)
        out.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, 1))
        while running:
            try:
                frame, where = s.recvfrom(SNAPLEN)
            except TimeoutError:
                continue
            if where[2] == socket.PACKET_OUTGOING:
                continue  # loopback shows each frame twice
            now = time.time()
            out.write(struct.pack("=IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame)) + frame)


if __name__ == "__main__":
    main(sys.argv[1])

# SPDX-License-Identifier: MIT
"""dkimpy: peer_dkimpy.py PACKAGES OPERATION FOLDER, as bench.h says."""
import sys
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import dkim  # noqa: E402

operation, folder = sys.argv[2], Path(sys.argv[3])
record = (folder / "record.txt").read_bytes()
pem = (folder / "key.pem").read_bytes()
unsigned, signed = ((folder / name).read_bytes() for name in ("unsigned.eml", "signed.eml"))


def sign():
    assert dkim.sign(unsigned, b"s1", b"a.test", pem, canonicalize=(b"relaxed", b"relaxed"))


def verify():
    assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: record)


run = sign if operation == "sign" else verify
run()
best = 1e9
for _ in range(5):
    start = time.process_time()
    for _ in range(10):
        run()
    best = min(best, (time.process_time() - start) / 10)
print(best * 1e6)

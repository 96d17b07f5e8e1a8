# SPDX-License-Identifier: MIT
"""usage: ./dev bench auth [--json]

Processor time of one operation of mail authentication: ours beside OpenSSL alone, libopendkim, libspf2, libopendmarc, dkimpy,
npm mailauth and the Rust crate mail-auth, in turns, on the same messages; the median of five rounds. What is not there is
skipped: libopendkim-dev, libspf2-dev and libopendmarc-dev are Debian's; pip, npm and cargo get the others into the build folder.

A ratio ..._ratio_PEER says how many times as fast ours is; ..._ratio_raw how much of OpenSSL's own speed is reached."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "bench"
BUILD = Path(os.environ.get("HIKYAKU_BUILD", ROOT / "build"))
KEPT = BUILD / "bench"
ROUNDS = 5
OURS = ["sign", "verify_warm", "verify_cold", "spf", "dmarc", "forged"]
# peer -> its operations, by ours that they stand beside. What keeps no parsed keys has one way to verify.
PEERS = {
    "raw": {"sign": "sign", "verify_warm": "verify", "verify_cold": "verify"},
    "libopendkim": {"sign": "sign", "verify_warm": "verify", "verify_cold": "verify"},
    "libspf2": {"spf": "spf"},
    "libopendmarc": {"dmarc": "dmarc"},
    "dkimpy": {"sign": "sign", "verify_warm": "verify", "verify_cold": "verify"},
    "mailauth": {"sign": "sign", "verify_warm": "verify", "verify_cold": "verify", "spf": "spf"},
    "mail_auth": {"sign": "sign", "verify_warm": "verify_warm", "verify_cold": "verify_cold", "spf": "spf_cold"},
}
COMPILED = {"raw": ("peer_openssl.c", "-lcrypto"), "libopendkim": ("peer_opendkim.c", "-lopendkim"),
            "libspf2": ("peer_spf2.c", "-lspf2"), "libopendmarc": ("peer_opendmarc.c", "-lopendmarc")}
KEYS = {"sign": "sign_rsa", "verify_warm": "verify_rsa", "verify_cold": "verify_cold", "spf": "spf", "dmarc": "dmarc"}


def quiet(command, seconds=1800, **more):
    """True when the command can be had and works."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds, check=False,
                              **more).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def compiled(name):
    source, library = COMPILED[name]
    program = KEPT / name
    return [program] if quiet(["cc", "-O2", "-o", program, HERE / source, library]) else None


def dkimpy():
    folder = KEPT / "python"
    if not (folder / "dkim").is_dir():
        quiet([sys.executable, "-m", "pip", "install", "-q", "--target", folder, "dkimpy==1.1.8"], 300)
    return [sys.executable, "-B", HERE / "peer_dkimpy.py", folder] if (folder / "dkim").is_dir() else None


def mailauth():
    folder = KEPT / "node"
    folder.mkdir(exist_ok=True)
    if shutil.which("node") and not (folder / "node_modules/mailauth").is_dir():
        quiet(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, "mailauth@4"], 300)
    shutil.copy(HERE / "peer_mailauth.js", folder / "peer.js")
    return ["node", folder / "peer.js"] if (folder / "node_modules/mailauth").is_dir() else None


def mail_auth():
    folder = KEPT / "cargo"
    program = folder / "release/bench-mail-auth"
    if shutil.which("cargo"):
        shutil.copytree(HERE / "mail_auth", KEPT / "mail_auth", dirs_exist_ok=True)
        quiet(["cargo", "build", "--release", "--quiet", "--target-dir", folder], cwd=KEPT / "mail_auth")
    return [program] if program.is_file() else None


def measure(command, operation, data):
    done = subprocess.run([*command, operation, data], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"bench: {command[0]} {operation}: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    return float(done.stdout)


def rounds(peers, data):
    took = {}
    for _ in range(ROUNDS):
        for operation in OURS:
            plan = [("ours", operation)] + [(peer, PEERS[peer][operation]) for peer in peers if operation in PEERS.get(peer, {})]
            for peer, name in plan:
                value = measure(peers[peer], name, data)
                if value is not None:
                    took.setdefault((operation, peer), []).append(value)
    return {key: statistics.median(values) for key, values in took.items()}


def ratios(us):
    result = {}
    for (operation, peer), value in us.items():
        if peer == "ours":
            continue
        result[f"{KEYS[operation]}_ratio_{peer}"] = round(value / us[operation, "ours"], 3)
    if ("forged", "ours") in us:
        result["forged_500_ms"] = round(us["forged", "ours"] / 1000, 2)
    return result


def machine():
    try:
        model = next(line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=False).stdout.strip()
    return f"{model}, {os.cpu_count()} processors, Linux {platform.release()}, {openssl}"


def main():
    if any(word in ("-h", "--help") for word in sys.argv[1:]):
        print(__doc__)
        return 0
    if any(word != "--json" for word in sys.argv[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    KEPT.mkdir(parents=True, exist_ok=True)
    found = {name: compiled(name) for name in COMPILED}
    found.update(dkimpy=dkimpy(), mailauth=mailauth(), mail_auth=mail_auth())
    peers = {"ours": [BUILD / "bench-auth"], **{name: command for name, command in found.items() if command}}
    skipped = sorted(name for name, command in found.items() if not command)
    with tempfile.TemporaryDirectory() as data:
        if not quiet([*peers["ours"], "prepare", data]):
            print("bench: the messages cannot be prepared", file=sys.stderr)
            return 1
        us = rounds(peers, data)
    summary = ratios(us)
    if "--json" in sys.argv:
        print(json.dumps({"machine": machine(), "skipped": skipped, **summary,
                          "microseconds": {f"{operation}.{peer}": round(value, 2) for (operation, peer), value in us.items()}}, indent=1))
        return 0
    print(machine())
    for operation in OURS:
        for (name, peer), value in us.items():
            if name == operation:
                ratio = "" if peer == "ours" else f"{value / us[operation, 'ours']:8.2f}"
                print(f"{operation:12} {peer:13} {value:10.1f} us {ratio}")
    for name in skipped:
        print(f"skipped: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

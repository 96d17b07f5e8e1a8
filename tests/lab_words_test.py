# SPDX-License-Identifier: MIT
"""What a student does with the lab: one scenario, an own one, a guess, a capture, a lab that stays up. TAP."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from harness import Tap

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("HIKYAKU_BUILD", ROOT / "build"))

tap = Tap()
ok = tap.ok


def lab(*words, given="", **environment):
    return subprocess.run(["sh", str(ROOT / "lab/enter.sh"), *words], input=given, capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, HIKYAKU_BUILD=str(BUILD), **environment))


def one_scenario():
    done = lab("send", "4-4")
    ok(done.returncode == 0 and "250 2.0.0 Ok: queued as" in done.stdout and "MAIL FROM: user1@a.test" in done.stdout,
       "send shows the dialogue, and the verdicts", done.stdout, done.stderr)
    done = lab("view", "4-4")
    ok(done.stdout.startswith("Return-Path: <user1@a.test>\n") and done.stdout.endswith("Hello user1@dmarc.b.test!\n"),
       "view shows the message as it is stored", done.stdout, done.stderr)
    done = lab("explain", "4-4")
    told = ["user1@x.test", "user1@a.test", "d=y.test", "_dmarc.x.test", "dmarc=fail", "RFC 9989"]
    ok(all(word in done.stdout for word in told), "explain tells both senders, the signer, the policy and the rule (S0-030)", done.stdout, done.stderr)
    done = lab("explain", "4-4", "--lang", "ja")
    ok("エンベロープ" in done.stdout or "判定" in done.stdout, "explain speaks Japanese", done.stdout, done.stderr)
    done = lab("send", "9-9")
    ok(done.returncode == 3 and "no scenario 9-9" in done.stderr, "an unknown scenario is named, and those that exist", done.stderr)


def own_scenario(folder):
    done = lab("run", str(ROOT / "lab/example-scenario.ini"))
    ok(done.returncode == 0 and "1 of 1 scenarios as expected" in done.stdout, "the example of an own scenario does what it expects", done.stdout, done.stderr)
    wrong = Path(folder) / "wrong.ini"
    wrong.write_text("[scenario]\nfrom = user1@a.test\nto = user1@spf.b.test\nserver = plain.smtp.x.test\nspf = pass\n")
    done = lab("run", str(wrong))
    ok(done.returncode == 1 and "DIFFERS" in done.stdout, "a wrong expectation is shown, and exits with 1", done.stdout, done.stderr)
    wrong.write_text("[scenario]\nfrom = user1@a.test\nto = user1@b.test\nserver = nowhere.test\n")
    done = lab("run", str(wrong))
    ok(done.returncode == 3 and "server is none of" in done.stderr, "a server that does not exist is said to be none", done.stderr)


def guesses():
    done = lab("--predict", given="pass\n" * 40)
    ok("right" in done.stdout and "not so" in done.stdout and "11 of 11" in done.stdout, "predict asks before it shows", done.stdout, done.stderr)


def capture(folder):
    path = Path(folder) / "lab.pcap"
    done = lab("send", "2-1", "--pcap", str(path))
    if done.returncode == 3 and "namespace" in done.stderr:
        tap.skip("pcap", "no namespace")
        return
    data = path.read_bytes() if path.exists() else b""
    ok(data[:4] == b"\xd4\xc3\xb2\xa1" and b"MAIL FROM: user1@a.test" in data, "pcap keeps what crossed the wire", len(data), done.stderr)


def refuses_foreign_network():
    """Outside a namespace of its own the lab never uses 10.255.0.0/16."""
    done = lab("--json", HIKYAKU_LAB_NO_NAMESPACE="1")
    addresses = set(re.findall(r"\b10\.255\.\d+\.\d+\b", done.stdout + done.stderr))
    ok(done.returncode == 0 and not addresses, "without a namespace it runs on 127.255.0.0/16", done.stdout, done.stderr)


def stays_up(folder):
    log = open(Path(folder) / "keep.log", "w+")
    process = subprocess.Popen(["sh", str(ROOT / "lab/enter.sh"), "--keep"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               env=dict(os.environ, HIKYAKU_BUILD=str(BUILD)))
    state = BUILD / "lab.json"
    deadline = time.monotonic() + 60
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    text = Path(log.name).read_text()
    ok(state.exists() and all(word in text for word in ("telnet", "swaks", "IMAP", "zones")), "keep tells how to talk to it", text)
    if not state.exists():
        process.kill()
        return
    root = Path(json.loads(state.read_text())["root"])
    done = lab("send", "2-1", "--json")
    ok(done.returncode == 0 and json.loads(done.stdout)["scenarios"][0]["actual"]["spf"] == "pass", "send uses the lab that is up", done.stdout, done.stderr)
    zone = root / "zones/test.zone"
    zone.write_text(re.sub(r'^a\.test\. TXT "v=spf1 .*$', 'a.test. TXT "v=spf1 -all"', zone.read_text(), flags=re.M).replace(" 2024010101 ", " 2024010102 "))
    done = lab("reload")
    ok(done.returncode == 0, "reload has the zones read again", done.stdout, done.stderr)
    seen = ""
    deadline = time.monotonic() + 30  # what was answered before is kept for its time to live
    while seen != "fail" and time.monotonic() < deadline:
        done = lab("send", "2-1", "--json")
        seen = json.loads(done.stdout)["scenarios"][0]["actual"]["spf"] if done.stdout.startswith("{") else done.stderr
        if seen != "fail":
            time.sleep(2)
    ok(seen == "fail", "an edited zone changes the verdict", seen)
    done = lab("stop")
    process.wait(30)
    ok(done.returncode == 0 and not state.exists() and not root.exists(), "stop takes it down and leaves nothing", done.stderr)


def a_user_without_a_name(folder):
    """As in a container that runs under a number: Dovecot finds its user by name."""
    title = "a user who has no name is one who has, in the lab's own namespace"
    sys.path.insert(0, str(ROOT / "lab"))
    import services
    nameless = SimpleNamespace(getuid=lambda: 54321, getgid=lambda: 54321)
    with mock.patch.object(services, "os", nameless):
        try:
            said = services.Lab.internal_users(None)
        except services.LabError as error:
            said = str(error)
    ok("54321" in said and "no names" in said, "elsewhere the lab says that he needs one", said)
    if os.getuid():
        tap.skip(title, "needs root, to be such a user")
        return
    him = {"user": 54321, "group": 54321, "extra_groups": [], "cwd": "/", "check": False, "capture_output": True, "text": True}
    if subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"], **him).returncode:
        tap.skip(title, "he can have none here")
        return
    copy = Path(folder) / "copy"
    shutil.copytree(ROOT / "lab", copy)
    (copy / "lab.py").write_text("import os, pwd\nprint(os.environ.get('HIKYAKU_LAB_NETNS'), pwd.getpwuid(os.getuid()).pw_name)\n")
    for path in (Path(folder), copy):
        path.chmod(0o755)
    done = subprocess.run(["sh", str(copy / "enter.sh")], env={"PATH": os.environ["PATH"], "HIKYAKU_BUILD": folder}, **him)
    ok(done.stdout.startswith("user ") and done.stdout.split()[1] != "root", title, done.stdout, done.stderr)


def main():
    with tempfile.TemporaryDirectory() as folder:
        one_scenario()
        own_scenario(folder)
        guesses()
        capture(folder)
        refuses_foreign_network()
        stays_up(folder)
        a_user_without_a_name(folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

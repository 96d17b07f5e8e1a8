# SPDX-License-Identifier: MIT
"""The lab, run whole, and what it stored held against the source text line by line.

usage: lab_test.py [ipv4|ipv6|plain]     (plain: without a namespace, on 127.255.0.0/16)
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "lab"))
import topology
from harness import Tap

DATE = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [ 0-9]\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d \+0900 \(JST\)"
QID = r"[0-9A-F]{11,16}"
# what each scenario's Authentication-Results says, word for word (S0-060 to S0-066)
AUTHRES = {
    "2-1": ["spf=pass (spf.mx.b.test: domain of user1@a.test designates {relay} as permitted sender) smtp.mailfrom=user1@a.test"],
    "2-2": ["spf=fail (spf.mx.b.test: domain of user1@a.test does not designate {relay} as permitted sender) smtp.mailfrom=user1@a.test"],
    "2-3": ["dkim=none",
            "spf=pass (dmarc.mx.b.test: domain of user1@a.test designates {relay} as permitted sender) smtp.mailfrom=user1@a.test",
            "dmarc=pass (policy=quarantine) header.from=a.test"],
    "3-1": ["dkim=pass header.d=pass.dkim.a.test header.s=smtpbook header.b={b}"],
    "3-2": ['dkim=fail ("headers rsa verify failed") header.d=fail.dkim.a.test header.s=smtpbook header.b={b}'],
    "4-1": ["dkim=pass header.d=pass.dkim.a.test header.s=smtpbook header.b={b}",
            "spf=pass (dmarc.mx.b.test: domain of user1@pass.dkim.a.test designates {relay} as permitted sender) smtp.mailfrom=user1@pass.dkim.a.test",
            "dmarc=pass (policy=quarantine) header.from=a.test"],
    "4-2": ['dkim=fail ("headers rsa verify failed") header.d=fail.dkim.a.test header.s=smtpbook header.b={b}',
            "spf=pass (dmarc.mx.b.test: domain of user1@fail.dkim.a.test designates {relay} as permitted sender) smtp.mailfrom=user1@fail.dkim.a.test",
            "dmarc=pass (policy=quarantine) header.from=a.test"],
    "4-3": ["dkim=pass header.d=pass.dkim.a.test header.s=smtpbook header.b={b}",
            "spf=fail (dmarc.mx.b.test: domain of user1@pass.dkim.a.test does not designate {relay} as permitted sender) smtp.mailfrom=user1@pass.dkim.a.test",
            "dmarc=pass (policy=quarantine) header.from=a.test"],
    "4-4": ["dkim=pass header.d=y.test header.s=smtpbook header.b={b}",
            "spf=pass (dmarc.mx.b.test: domain of user1@a.test designates {relay} as permitted sender) smtp.mailfrom=user1@a.test",
            'dmarc=fail reason="SPF not aligned (relaxed), DKIM not aligned (relaxed)" header.from=x.test (policy=reject)'],
}
SIGNER = {"user1@x.test": "y.test", "user1@pass.dkim.a.test": "pass.dkim.a.test", "user1@fail.dkim.a.test": "fail.dkim.a.test"}
MX_OF = {"b.test": "plain.mx.b.test", "spf.b.test": "spf.mx.b.test", "dkim.b.test": "dkim.mx.b.test", "dmarc.b.test": "dmarc.mx.b.test"}
# the questions that must have been asked, in this order (S0-070, S2-011)
ASKED = {
    "2-1": [("a.test", "TXT")],
    "3-1": [("smtpbook._domainkey.pass.dkim.a.test", "TXT")],
    "4-1": [("_dmarc.pass.dkim.a.test", "TXT"), ("_dmarc.a.test", "TXT")],
    "4-4": [("_dmarc.x.test", "TXT")],
}

tap = Tap()
ok = tap.ok


def hops(scenario):
    """[(host, HELO name of the one before it, host of the one before it, protocol word)], oldest first."""
    chain = ["client.a.test", scenario.server]
    if scenario.server != topology.STORE:
        chain += [MX_OF[scenario.rcpt.split("@")[1]], topology.STORE]
    first = scenario.header_from.split("@")[1]
    return [(here, first if before == "client.a.test" else before, before, "SMTP" if before == "client.a.test" else "ESMTPS")
            for before, here in zip(chain, chain[1:])]


def received(net, rcpt, hop):
    here, helo, before, word = hop
    # plain.mx.b.test's name has no address of its own, so it is not confirmed (S0-026)
    name = "unknown" if before == "plain.mx.b.test" else before
    literal = ("IPv6:" if net.is_ipv6 else "") + net.address(before)
    return (re.escape(f"Received: from {helo} ({name} [") + "(?i:" + re.escape(short(literal)) + ")" + re.escape("])\r\n\t") +
            re.escape(f"by {here} (Hikyaku) with {word} id ") + QID + "\r\n\t" +
            re.escape(f"for <{rcpt}>; ") + DATE + "\r\n")


def short(address):
    """RFC 5952 spelling of the lab's IPv6 addresses."""
    return address.replace(":0::", "::").replace("255:0:", "255:")


def signature(domain):
    first = rf"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={re.escape(domain)};"
    return (first + r"(?:\r\n\t| )s=smtpbook;(?:\r\n\t| )t=\d+;\r\n\th=from:from:reply-to:subject:subject:date:date:message-id:message-id:"
            r"\r\n\t to:to:cc; bh=[A-Za-z0-9+/]{43}=;\r\n\tb=[A-Za-z0-9+/=\r\n\t]+\r\n")


def expected_pattern(net, scenario, data):
    """The whole stored message, newest header first: the shape of the source text."""
    pattern = re.escape(f"Return-Path: <{scenario.mail_from}>\r\n")
    for hop in reversed(hops(scenario)):
        here, before = hop[0], hop[2]
        pattern += received(net, scenario.rcpt, hop)
        if topology.MXES.get(here) and scenario.id in AUTHRES:
            relay = re.escape(short(net.address(before)))
            rows = [re.escape(row).replace(r"\{relay\}", relay).replace(r"\{b\}", r'(?:[A-Za-z0-9+]{8}|"[A-Za-z0-9+/]{8}")')
                    for row in AUTHRES[scenario.id]]
            pattern += re.escape(f"Authentication-Results: {here};\r\n\t") + ";\r\n\t".join(rows) + "\r\n"
        if here.startswith("dkim.smtp.") and scenario.header_from in SIGNER:
            pattern += signature(SIGNER[scenario.header_from])
    return pattern + re.escape(data)


def check_dialogue(scenario, replies):
    server = re.escape(scenario.server)
    shapes = [rf"220 {server} ESMTP Hikyaku", rf"250 {server}", "250 2.1.0 Ok", "250 2.1.5 Ok",
              re.escape("354 End data with <CR><LF>.<CR><LF>"), f"250 2.0.0 Ok: queued as {QID}", "221 2.0.0 Bye"]
    good = len(replies) == 7 and all(re.fullmatch(shape, reply) for shape, reply in zip(shapes, replies))
    ok(good, f"{scenario.id}: the dialogue has the seven replies of the text (S0-002 to S0-007, S0-009, S0-010, S0-012, E-02)", replies)


def check_scenario(net, scenario, folder):
    base = folder / f"scenario{scenario.id}"
    replies = base.with_suffix(".txt").read_text().splitlines() if base.with_suffix(".txt").exists() else []
    check_dialogue(scenario, replies)
    if not base.with_suffix(".eml").exists():
        ok(False, f"{scenario.id}: a message is stored")
        return
    message = base.with_suffix(".eml").read_bytes().decode("ascii", "replace")
    data = base.with_suffix(".data").read_bytes().decode()
    good = re.fullmatch(expected_pattern(net, scenario, data), message)
    ok(bool(good), f"{scenario.id}: what is stored has the text's shape line for line (S0-020, S0-022, S0-027, S0-028, S0-032, S0-033, S0-036)", message)
    queued = replies[5].rsplit(" ", 1)[-1] if len(replies) > 5 else "?"
    ids = re.findall(rf" id ({QID})", message)
    ok(bool(ids) and ids[-1] == queued, f"{scenario.id}: the id of the reply is the id in Received (S0-023)", queued, ids)
    if scenario.id in AUTHRES:
        check_explanation(scenario, base.with_suffix(".json"), message)


def check_explanation(scenario, path, message):
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        ok(False, f"{scenario.id}: explain gives the verdict again from the evidence", error)
        return
    written = re.search(r"Authentication-Results: ((?:.*\r\n)(?:[ \t].*\r\n)*)", message)[1]
    found = dict(re.findall(r"\b(spf|dkim|dmarc)=([a-z]+)", written))
    again = {}
    if "spf" in found:
        again["spf"] = told.get("spf", {}).get("result")
    if "dkim" in found:
        again["dkim"] = told["dkim"][0]["result"] if told.get("dkim") else "none"
    if "dmarc" in found:
        again["dmarc"] = told.get("dmarc", {}).get("result")
    ok(found == again, f"{scenario.id}: explain by queue id gives the same verdicts offline (S0-029, S0-030, S0-042)", found, again)
    asked = [tuple(step["texts"][:2]) for step in told.get("trace", []) if step["event"] == "DNS_QUESTION"]
    wanted = ASKED.get(scenario.id, [])
    positions = [asked.index(question) if question in asked else -1 for question in wanted]
    ok(-1 not in positions and positions == sorted(positions), f"{scenario.id}: the trace holds the questions of the text, in order (S0-058, S0-070)", asked)


def main(kind):
    build = os.environ.get("HIKYAKU_BUILD", str(ROOT / "build"))
    prefix = {"ipv4": "10.255", "ipv6": "fd00:10:255", "plain": "127.255"}[kind]
    net = topology.Network(prefix)
    environment = dict(os.environ, HIKYAKU_BUILD=build)
    if kind == "plain":
        environment["HIKYAKU_LAB_NO_NAMESPACE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        command = ["sh", str(ROOT / "lab/enter.sh"), "--json", "--save", folder] + (["-6"] if kind == "ipv6" else [])
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
        if (done.returncode == 3 or kind == "ipv4") and "namespace" in done.stderr:  # what the lab does without one, 'plain' holds
            print(f"1..0 # SKIP {done.stderr.strip()}")
            return 0
        if not done.stdout.startswith("{"):
            ok(False, "the lab runs", done.stderr)
            return tap.end()
        told = {row["id"]: row for row in json.loads(done.stdout)["scenarios"]}
        ok(len(told) == 11 and done.returncode == 0, "eleven scenarios, all as expected (S0-050 to S0-057, S0-067, S0-071, S0-073, S3-019)", done.stdout, done.stderr)
        for scenario in topology.SCENARIOS:
            ok(told[scenario.id]["ok"], f"{scenario.id}: {told[scenario.id]['expected']}", told[scenario.id])
            check_scenario(net, scenario, Path(folder))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "ipv4"))

# SPDX-License-Identifier: MIT
"""What the sender and the operator of a domain wish of TLS, over real hops: REQUIRETLS and TLS-Required (RFC 8689), SMTP-TLS SRV, and
each policy against each kind of server (T22). With the signed zone and the servers of tls_policy_test.py. TAP.

usage: tls_wish_test.py [CASE...]"""

import contextlib
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import Daemon, fresh_address, PORT, run_cases, Sink, Smtp, Tap, wait_until  # noqa: E402
from tls_policy_test import Policies, send, TlsSink, world, Zones  # noqa: E402


class Hearing(TlsSink):
    """A mail server that keeps what is said to it under TLS; offers: what it says to EHLO there."""

    def __init__(self, certificate, offers=("REQUIRETLS",)):
        self.under_tls, self.said = offers, []
        super().__init__(certificate)

    def after_tls(self, connection):
        file = connection.makefile("rb")
        while line := file.readline():
            self.said.append(line.decode(errors="replace").strip())
            verb = line[:4].upper()
            if verb == b"DATA":
                connection.sendall(b"354 go\r\n")
                rows = []
                while (row := file.readline()) not in (b".\r\n", b""):
                    rows.append(row)
                self.messages.append(b"".join(rows))
            more = "".join(f"250-{word}\r\n" for word in self.under_tls).encode()
            connection.sendall((b"250-sink\r\n" + more + b"250 SIZE 0\r\n") if verb == b"EHLO" else b"250 ok\r\n")


def listener(certificate, name="relay", more="role relay; relay-from 127.0.0.0/8;", port="%(port)d", tls="starttls on"):
    crt, key = certificate
    for path in certificate:
        path.chmod(0o644)
    return (f"listen {name} {{ address %(address)s:{port}; {more} {tls}; reject-early-talkers off; certificate \"{crt}\"; certificate-key \"{key}\"; }}\n")


def hop(w, root, certificate, rest="route * { via mx; }", **settings):
    """A hikyakud that relays by the zone of w."""
    root.mkdir(exist_ok=True)
    root.chmod(0o755)
    listeners = settings.pop("listeners", listener(certificate))
    settings.setdefault("mta_sts", "off")
    return Daemon(root, listeners, rest, resolver=w.zones.where, trust_anchor=w.zones.anchor, authorities=w.root / "ca.crt",
                  port_map_25=PORT, retry="60s", accept="ours.test", **settings)


def mail(d, rcpt, parameters="", field="", sender="s@back.test"):
    """One message by TLS; the code of the last reply, and the log from here on."""
    at = len(d.log())
    with Smtp(d.address) as smtp:
        smtp.command("EHLO client.test")
        smtp.starttls()
        smtp.command("EHLO client.test")
        codes = [smtp.command(f"MAIL FROM:<{sender}>{parameters}")[0], smtp.command(f"RCPT TO:<{rcpt}>")[0], smtp.command("DATA")[0]]
        smtp.send(f"From: {sender}\r\n{field}Subject: wish\r\n\r\nsecret words\r\n.\r\n")
        codes.append(smtp.reply()[0])
    return codes, at


def outcome(d, rcpt, at):
    pattern = rf"ev=delivery rcpt={re.escape(rcpt)} outcome=(\w+) .*?status=(\S+)"
    wait_until(lambda: re.search(pattern, d.log()[at:]), 30)
    found = re.search(pattern, d.log()[at:])
    return found.groups() if found else None


# ---- RFC 8689 --------------------------------------------------------------------------------------------------


def requiretls_from_hop_to_hop(tap):
    """S3-041: two hikyakud in a row keep it; where the next hop cannot, the message comes back, without its body."""
    second_address = fresh_address()
    domains = [("end", lambda a: Hearing(a.certificate("mx.end.test")), None),
               ("noext", lambda a: Hearing(a.certificate("mx.noext.test"), ()), None), ("clear", "plain", None), ("self", "self", None),
               ("old", "expired", None), ("dane", lambda a: Hearing(a.certificate("mx.dane.test", "self")), "self"),
               ("back", lambda a: Hearing(a.certificate("mx.back.test")), None)]
    with world(tap, [d for d in domains if d[0] != "old"],
               more=lambda w: f"second MX 1 mx.second.test.\nmx.second A {second_address}\n") as w:
        if not w:
            return
        second = hop(w, w.root / "second", w.authority.certificate("mx.second.test"), address=second_address,
                     rest="route second.test { via smtp mx.end.test; } route * { via mx; }",
                     listeners=listener(w.authority.certificate("mx.second.test"), more="role relay; relay-from 127.0.0.0/8;"))
        first = hop(w, w.root / "first", w.authority.certificate("mx.first.test"))
        with second, first:
            codes, at = mail(first, "r@second.test", " REQUIRETLS")
            tap.equal(codes, [250, 250, 354, 250], "a message with REQUIRETLS is taken under TLS")
            end = w.sinks["end"]
            wait_until(lambda: end.messages, 30)
            tap.equal(outcome(first, "r@second.test", at), ("delivered", "2.0.0"), "S3-041: the first hop hands it to the second")
            tap.ok("MAIL FROM:<s@back.test> REQUIRETLS" in end.said or any(s.startswith("MAIL FROM:<s@back.test>") and "REQUIRETLS" in s for s in end.said),
                   "S3-041: the second says REQUIRETLS to the third: it is kept from hop to hop", end.said, second.log()[-2000:])
            tap.ok(end.messages and b"secret words" in end.messages[0], "and it is the message")
            codes, at = mail(first, "r@dane.test", " REQUIRETLS")
            tap.equal(outcome(first, "r@dane.test", at)[0], "delivered", "S3-041: a certificate that DANE vouches for is enough")
            back = w.sinks["back"]
            for count, (domain, status, what) in enumerate([("noext", "5.7.30", "a hop without REQUIRETLS"), ("clear", "5.7.10", "a hop without STARTTLS"),
                                                            ("self", "5.7.10", "a hop whose certificate nobody knows")], 1):
                codes, at = mail(first, f"r@{domain}.test", " REQUIRETLS RET=FULL")
                tap.equal(outcome(first, f"r@{domain}.test", at), ("failed", status), f"S3-041: {what} does not get it")
                wait_until(lambda c=count: len(back.messages) >= c, 30)
                got = back.messages[-1] if len(back.messages) >= count else b""
                tap.ok(b"Subject: wish" in got and b"secret words" not in got and status.encode() in got,
                       "RFC 8689 5: the sender is told, with the header alone, whatever RET says", got)
            tap.ok(not w.sinks["noext"].messages and not w.sinks["clear"].messages and not w.sinks["self"].messages, "and none of them was sent a byte of it")
            bounces = [s for s in back.said if s.startswith("MAIL FROM:<>")]
            tap.ok(len(bounces) == 3 and all("REQUIRETLS" in s for s in bounces), "RFC 8689 5: the notifications need TLS as the message did", bounces)
            codes, at = mail(first, "r@noext.test")
            tap.equal(outcome(first, "r@noext.test", at)[0], "delivered", "without the parameter the same hop gets it")
            with Smtp(first.address) as clear:
                said = clear.command("EHLO x.test")[1]
                tap.ok("REQUIRETLS" not in said and clear.command("MAIL FROM:<s@back.test> REQUIRETLS")[0] == 555, "in clear it is neither offered nor taken", said)


def tls_required_no_over_real_hops(tap):
    """RFC 8689 4.2.2: what the recipient's domain wants is not held against a message that says No; what the operator wants is."""
    domains = [("mismatch", "good", "self"), ("stripped", "plain", "self"), ("back", "good", None)]
    with world(tap, domains) as w:
        if not w:
            return
        with hop(w, w.root / "hop", w.authority.certificate("mx.first.test")) as d:
            for domain in ("mismatch", "stripped"):
                codes, at = mail(d, f"r@{domain}.test")
                tap.equal(outcome(d, f"r@{domain}.test", at), ("deferred", "4.7.5"), f"{domain}: without the field it waits")
                codes, at = mail(d, f"r@{domain}.test", field="TLS-Required: Yes\r\n")
                tap.equal(outcome(d, f"r@{domain}.test", at), ("deferred", "4.7.5"), f"{domain}: with another value too")
                codes, at = mail(d, f"r@{domain}.test", field="TLS-Required: No\r\n")
                tap.equal(outcome(d, f"r@{domain}.test", at)[0], "delivered", f"S3-041: {domain}: TLS-Required: No is sent as well as it can be")
                codes, at = mail(d, f"r@{domain}.test", " REQUIRETLS", "TLS-Required: No\r\n")
                tap.equal(outcome(d, f"r@{domain}.test", at)[0], "failed", f"S3-041: {domain}: REQUIRETLS goes before the field (RFC 8689 4.1)")
            kept = [m if isinstance(m, bytes) else m[2] for name in ("mismatch", "stripped") for m in w.sinks[name].messages]
            tap.ok(len(kept) == 2 and all(b"TLS-Required: No\r\n" in m for m in kept), "the field goes on with it", kept)
        with hop(w, w.root / "must", w.authority.certificate("mx.first.test"), rest="route * { via mx; tls required; }") as d:
            codes, at = mail(d, "r@stripped.test", field="TLS-Required: No\r\n")
            tap.equal(outcome(d, "r@stripped.test", at), ("deferred", "4.7.5"), "S3-041: where the operator requires TLS there is no way without")


# ---- SRV -------------------------------------------------------------------------------------------------------------


def srv_names_hosts_that_have_tls(tap):
    """S4-100 to S4-104: two hikyakud: the second listens on 842's sister with TLS from the first byte, and on 25's."""
    implicit, starttls = fresh_address(), fresh_address()
    domains = [("byport", "good", None), ("by25", "good", None), ("none", "good", None), ("clear25", "plain", None), ("wrong", "good", None)]

    def more(w):
        return (f"i A {implicit}\ns A {starttls}\n_smtp-tls._tcp.byport SRV 0 0 2842 i.test.\n_smtp-tls._tcp.by25 SRV 0 0 25 s.test.\n"
                f"c25 A {w.sinks['clear25'].address}\n_smtp-tls._tcp.clear25 SRV 0 0 25 c25.test.\nj A {implicit}\n_smtp-tls._tcp.wrong SRV 0 0 2842 j.test.\n")

    with world(tap, domains, more=more) as w:
        if not w:
            return
        certificate = w.authority.certificate("i.test")
        store = "route * { via maildir %(root)s/mail/%%d; }"
        with contextlib.ExitStack() as stack:
            there = stack.enter_context(hop(w, w.root / "i", certificate, rest=store, address=implicit,
                                            listeners=listener(certificate, port="2842", tls="implicit-tls on")))
            also = stack.enter_context(hop(w, w.root / "s", certificate, rest=store, address=starttls, listeners=listener(w.authority.certificate("s.test"))))
            d = stack.enter_context(hop(w, w.root / "first", w.authority.certificate("mx.first.test"), smtp_tls_srv="on"))
            for domain, want, what in [("byport", "delivered", "S4-102: a port that is not 25 has TLS from the first byte"),
                                       ("by25", "delivered", "S4-101: port 25 is STARTTLS"), ("none", "delivered", "S4-100: without SRV, MX"),
                                       ("clear25", "deferred", "S4-101: and there is no clear text on port 25"),
                                       ("wrong", "deferred", "S4-102: a certificate of another name is none")]:
                codes, at = mail(d, f"r@{domain}.test")
                tap.ok((outcome(d, f"r@{domain}.test", at) or [None])[0] == want, what, d.log()[at:][-2500:])
            tap.equal([len(there.wait_mail("byport.test")), len(also.wait_mail("by25.test")), len(w.sinks["none"].messages)], [1, 1, 1], "S4-100: they are where SRV said")
            tap.equal([len(w.sinks[n].messages) for n in ("byport", "by25", "clear25", "wrong")], [0, 0, 0, 0], "S4-100: their MX got nothing")
            tap.ok(re.search(rb"(?m)^\s+.*with ESMTPS id", there.wait_mail("byport.test")[0]), "S4-104: the listener with implicit TLS says ESMTPS")


# ---- T22 -------------------------------------------------------------------------------------------------------------

SERVERS = {"clear": "starttls-not-supported", "self": "certificate-not-trusted", "expired": "certificate-expired", "wrong": "certificate-host-mismatch", "good": None}
# policy: which servers get the mail
TAKEN = {"none": set(SERVERS), "match": {"self", "expired", "wrong", "good"}, "mismatch": set(), "bogus": set(), "enforce": {"good"}, "testing": set(SERVERS)}
RULES = {"none": "opportunistic", "match": "dane", "mismatch": "dane", "bogus": "tlsa-failed", "enforce": "sts-enforce", "testing": "sts-testing"}


def server_of(kind, domain):
    if kind == "clear":
        return "plain"
    if kind == "wrong":
        return lambda authority: TlsSink(authority.certificate("mx.elsewhere.test"))
    return lambda authority: TlsSink(authority.certificate(f"mx.{domain}.test", kind))


def tlsa_of(w, policy, kind, domain):
    name, which = ("mx.elsewhere.test", "good") if kind == "wrong" else (f"mx.{domain}.test", "self" if kind == "clear" else kind)
    value = w.authority.tlsa(name, which) if policy != "mismatch" else "3 1 1 " + "ab" * 32
    return f"_25._tcp.mx.{domain} TLSA {value}\n"


def each_policy_against_each_server(tap):
    """T22 SEC-97."""
    cells = [(policy, kind, f"{policy}-{kind}") for policy in TAKEN for kind in SERVERS]

    def more(w):
        return "".join(tlsa_of(w, policy, kind, domain) for policy, kind, domain in cells if policy in ("match", "mismatch", "bogus"))

    sts = [domain for policy, _, domain in cells if policy in ("enforce", "testing")]
    with world(tap, [(domain, server_of(kind, domain), None) for _, kind, domain in cells], sts=[(domain, "1") for domain in sts], more=more) as w:
        if not w:
            return
        policies = Policies(w.authority, {f"{domain}.test": "good" for domain in sts})
        for domain in sts:
            policies.policy(f"{domain}.test", domain.split("-")[0])
        with w.daemon(mta_sts="on", mta_sts_server=f'"{policies.address}@{policies.port}"', single=False) as d:
            for policy, kind, domain in cells:
                got = send(d, domain)
                is_taken = kind in TAKEN[policy]
                result = got[1] if policy != "bogus" else "dnssec-invalid"
                if policy == "testing":
                    fits = result == SERVERS[kind]
                elif policy == "none":
                    fits = result == (SERVERS[kind] if kind == "clear" else None)  # no certificate is looked at
                else:
                    fits = (result is None) == is_taken
                tap.ok(got[0] == RULES[policy] and got[2] == ("delivered" if is_taken else "deferred") and (is_taken or got[3] == "4.7.5") and fits,
                       f"T22 SEC-97: {policy}, {kind}: {'delivered' if is_taken else 'waits'}", got, d.log()[-2500:])
            tap.equal([domain for policy, kind, domain in cells if bool(w.sinks[domain].messages) != (kind in TAKEN[policy])], [],
                      "T22: and each server has what it should have, and nothing else")
        policies.close()


def what_a_policy_may_be(tap):
    """AP-57 T22: how a policy can be had, and how not; and one that was had is kept when somebody hides its record."""
    names = ["good", "wild", "cn", "named", "wide", "long", "slow", "hidden"]
    with world(tap, [(name, "good", None) for name in names], sts=[(name, "1") for name in names]) as w:
        if not w:
            return
        kinds = {f"{name}.test": "good" for name in names}
        kinds["wild.test"] = w.authority.certificate("*.wild.test")
        kinds["cn.test"] = "cn"
        kinds["named.test"] = w.authority.certificate("mta-sts.elsewhere.test")
        policies = Policies(w.authority, kinds)
        for name in names:
            policies.policy(f"{name}.test", "enforce")
        policies.policy("wide.test", "enforce", mx="*.test")
        text = policies.answers["long.test"]
        policies.answers["long.test"] = (text[0], text[1], text[2].replace(b"86400", b"315360000"))
        policies.answers["slow.test"] = (None, {}, b"")
        settings = {"mta_sts": "on", "mta_sts_server": f'"{policies.address}@{policies.port}"'}
        with w.daemon(single=True, **settings) as d:
            began = time.monotonic()
            Smtp(d.address).message(rcpts=["r@slow.test"])
            for name, want in [("wild", ("sts-enforce", None, "delivered")), ("cn", ("opportunistic", "sts-webpki-invalid", "delivered")),
                               ("named", ("opportunistic", "sts-webpki-invalid", "delivered")), ("wide", ("sts-host", "validation-failure", "deferred", "4.7.5")),
                               ("long", ("sts-enforce", None, "delivered")), ("hidden", ("sts-enforce", None, "delivered"))]:
                got = send(d, name)
                tap.ok(got[:len(want)] == want, f"AP-57 T22: {name}: {want[0]}, {want[2]}", got, d.log()[-2500:])
            tap.ok(time.monotonic() - began < 55, "AP-57: none of them waited for a policy that never comes")
            wait_until(lambda: w.sinks["slow"].messages, 100)
            tap.ok(w.sinks["slow"].messages and time.monotonic() - began > 30, "AP-57 T22: slow: what waits for it goes when its minute is over")
        kept = (w.root / "spool/sts/hidden.test").read_bytes()
        tap.ok(b"mode: enforce" in kept, "it is kept")
        # somebody hides the record, and the server of the policy, and puts up his own MX
        rows = "".join(row for row in w.rows.splitlines(True) if not row.startswith("_mta-sts."))
        other = TlsSink(w.authority.certificate("mx.hidden.test", "self"))
        rows = re.sub(r"(?m)^mx\.hidden A .*$", f"mx.hidden A {other.address}", rows)
        policies.close()
        w.zones.close()
        (w.root / "two").mkdir()
        w.zones = Zones(w.root / "two", rows)
        with w.daemon(single=True, **settings) as d:
            got = send(d, "hidden")
            tap.ok(got[:3] == ("sts-enforce", "certificate-not-trusted", "deferred"), "AP-57 T22: a record that is hidden does not hide the policy that is kept", got)
            tap.equal(len(other.messages), 0, "and nobody else gets the mail")
            got = send(d, "good")
            tap.equal(got[2], "delivered", "who has a right certificate does")
        other.close()


CASES = [requiretls_from_hop_to_hop, tls_required_no_over_real_hops, srv_names_hosts_that_have_tls, each_policy_against_each_server, what_a_policy_may_be]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

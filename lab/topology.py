# SPDX-License-Identifier: MIT
"""The three organisations: hosts, addresses, zones, scenarios. Facts only; nothing here runs anything.

    client.a.test -> an outbound relay of a.test or x.test -> an MX of b.test -> imap.b.test
"""

from dataclasses import dataclass, field

SELECTOR = "smtpbook"

# host -> (third, fourth octet); the first two are the network's
HOSTS = {
    "dns.test": (0, 254),
    "client.a.test": (1, 10),
    "plain.smtp.a.test": (1, 20),
    "dkim.smtp.a.test": (1, 21),
    "plain.mx.b.test": (2, 30),
    "spf.mx.b.test": (2, 31),
    "dkim.mx.b.test": (2, 32),
    "dmarc.mx.b.test": (2, 33),
    "imap.b.test": (2, 40),
    "plain.smtp.x.test": (24, 20),
    "dkim.smtp.x.test": (24, 21),
}

RELAYS = ["plain.smtp.a.test", "dkim.smtp.a.test", "plain.smtp.x.test", "dkim.smtp.x.test"]
# MX host -> the checks it makes
MXES = {
    "plain.mx.b.test": "",
    "spf.mx.b.test": "spf",
    "dkim.mx.b.test": "dkim",
    "dmarc.mx.b.test": "spf dkim dmarc",
}
STORE = "imap.b.test"
LOCAL_DOMAINS = ["b.test", "imap.b.test", "plain.b.test", "spf.b.test", "dkim.b.test", "dmarc.b.test"]
USERS = ["user1", "user2"]

# the keys that are made, and which signing domain uses which (docs: fail.dkim.a.test publishes a.test's key on purpose)
KEYS = ["a.test", "pass.dkim.a.test", "fail.dkim.a.test", "y.test"]
PUBLISHED = {
    "a.test": "a.test",
    "pass.dkim.a.test": "pass.dkim.a.test",
    "fail.dkim.a.test": "a.test",
    "y.test": "y.test",
}
SIGNING = [("*@x.test", "y.test"), ("pass.dkim.a.test", "pass.dkim.a.test"), ("fail.dkim.a.test", "fail.dkim.a.test")]


@dataclass(frozen=True)
class Network:
    """Where the lab lives: the seed's own 10.255, 127.255 without a namespace, or an IPv6 prefix."""

    prefix: str  # "10.255", "127.255" or "fd00:10:255"

    @property
    def is_ipv6(self):
        return ":" in self.prefix

    def address(self, host):
        third, fourth = HOSTS[host]
        return f"{self.prefix}:{third}::{fourth}" if self.is_ipv6 else f"{self.prefix}.{third}.{fourth}"

    @property
    def whole(self):
        return f"{self.prefix}::/48" if self.is_ipv6 else f"{self.prefix}.0.0/16"

    @property
    def address_type(self):
        return "AAAA" if self.is_ipv6 else "A"

    def pair(self, third):
        """The SPF term for the two relays .20 and .21 of a third octet (S0-069)."""
        if self.is_ipv6:
            return f"ip6:{self.prefix}:{third}::20/127"
        return f"ip4:{self.prefix}.{third}.20/31"

    @property
    def reverse_zone(self):
        if self.is_ipv6:
            groups = "".join(group.zfill(4) for group in self.prefix.split(":"))
            return ".".join(reversed(groups)) + ".ip6.arpa"
        return ".".join(reversed(self.prefix.split("."))) + ".in-addr.arpa"

    def reverse_name(self, host):
        third, fourth = HOSTS[host]
        if self.is_ipv6:
            groups = str(third).zfill(4) + "0" * 12 + str(fourth).zfill(4)
            return ".".join(reversed(groups)) + "." + self.reverse_zone
        return f"{fourth}.{third}.{self.reverse_zone}"


@dataclass(frozen=True)
class Scenario:
    id: str
    header_from: str
    rcpt: str
    server: str
    envelope_from: str = ""
    title: str = ""
    expect: dict = field(default_factory=dict)

    @property
    def mail_from(self):
        return self.envelope_from or self.header_from

    @property
    def subject(self):
        return f"{self.title or 'scenario' + self.id} (mail from {self.header_from})"


def expect(spf="-", dkim="-", dmarc="-"):
    return {"spf": spf, "dkim": dkim, "dmarc": dmarc, "stored": "yes"}


SCENARIOS = [
    Scenario("1-1", "user1@a.test", "user1@b.test", "imap.b.test", expect=expect()),
    Scenario("1-2", "user1@a.test", "user1@b.test", "plain.smtp.a.test", expect=expect()),
    Scenario("2-1", "user1@a.test", "user1@spf.b.test", "plain.smtp.a.test", expect=expect(spf="pass")),
    Scenario("2-2", "user1@a.test", "user1@spf.b.test", "plain.smtp.x.test", expect=expect(spf="fail")),
    Scenario("2-3", "user1@a.test", "user1@dmarc.b.test", "plain.smtp.a.test", expect=expect("pass", "none", "pass")),
    Scenario("3-1", "user1@pass.dkim.a.test", "user1@dkim.b.test", "dkim.smtp.a.test", expect=expect(dkim="pass")),
    Scenario("3-2", "user1@fail.dkim.a.test", "user1@dkim.b.test", "dkim.smtp.a.test", expect=expect(dkim="fail")),
    Scenario("4-1", "user1@pass.dkim.a.test", "user1@dmarc.b.test", "dkim.smtp.a.test", expect=expect("pass", "pass", "pass")),
    Scenario("4-2", "user1@fail.dkim.a.test", "user1@dmarc.b.test", "dkim.smtp.a.test", expect=expect("pass", "fail", "pass")),
    Scenario("4-3", "user1@pass.dkim.a.test", "user1@dmarc.b.test", "dkim.smtp.x.test", expect=expect("fail", "pass", "pass")),
    Scenario("4-4", "user1@x.test", "user1@dmarc.b.test", "dkim.smtp.a.test", "user1@a.test", expect=expect("pass", "pass", "fail")),
]


def txt(text):
    """A TXT value as character-strings of at most 255 octets, as the key records have them (S0-088)."""
    pieces = [text[i:i + 255] for i in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


# Short-lived, so that an edited zone is seen soon.
def forward_zone(net, keys):
    """The zone test. as master-file text; keys: domain -> base64 of its public key."""
    a = net.address_type
    rows = ["$ORIGIN test.", "$TTL 5",
            "@ SOA dns.test. admin.test. 2024010101 3600 1800 604800 86400", "@ NS dns.test.", ""]
    rows += [f"{host}. {a} {net.address(host)}" for host in HOSTS if host != "plain.mx.b.test"]
    rows += [
        "",
        f'a.test. TXT "v=spf1 {net.pair(1)} -all"',
        'a.test. TXT "this is top level"',
        f'pass.dkim.a.test. TXT "v=spf1 {net.pair(1)} -all"',
        f'fail.dkim.a.test. TXT "v=spf1 {net.pair(1)} -all"',
        '_dmarc.a.test. TXT "v=DMARC1; p=quarantine; pct=100"',
        "",
        "b.test. MX 10 mx.b.test.",
        f"b.test. {a} {net.address('plain.mx.b.test')}",
        "mx.b.test. MX 10 mx.b.test.",
        f"mx.b.test. {a} {net.address('plain.mx.b.test')}",
        "plain.mx.b.test. MX 10 mx.b.test.",
        "spf.b.test. MX 10 spf.mx.b.test.",
        "dkim.b.test. MX 10 dkim.mx.b.test.",
        "dmarc.b.test. MX 10 dmarc.mx.b.test.",
        "imap.b.test. MX 10 imap.b.test.",
        "",
        f'x.test. TXT "v=spf1 {net.pair(24)} -all"',
        f'pass.spf.x.test. TXT "v=spf1 {net.pair(24)} -all"',
        'fail.spf.x.test. TXT "v=spf1 -all"',
        '_dmarc.x.test. TXT "v=DMARC1; p=reject; pct=100"',
        "",
    ]
    for domain, owner in PUBLISHED.items():
        rows.append(f'{SELECTOR}._domainkey.{domain}. TXT "v=DKIM1; k=rsa; " {txt("p=" + keys[owner])}')
    return "\n".join(rows) + "\n"


def reverse_zone(net):
    rows = [f"$ORIGIN {net.reverse_zone}.", "$TTL 5",
            "@ SOA dns.test. admin.test. 2024010101 3600 1800 604800 86400", "@ NS dns.test.", ""]
    rows += [f"{net.reverse_name(host)}. PTR {host}." for host in HOSTS]
    return "\n".join(rows) + "\n"

# SPDX-License-Identifier: MIT
"""Our deliveries under DANE and MTA-STS to Postfix and Exim: a signed zone with their TLSA records, a server of policies."""

import tls_policy_test as tls
import tls_wish_test as wish
from harness import PORT, Daemon, wait_until

WRONG = "3 1 1 " + "00" * 32
FEATURES = {  # feature: (word of the domain, rule, outcome)
    "DANE, its certificate is the TLSA's": ("match", "dane", "delivered"), "DANE, another certificate": ("mismatch", "dane", "deferred"),
    "DANE, no TLSA": ("missing", "opportunistic", "delivered"), "MTA-STS, enforce": ("enforce", "sts-enforce", "delivered"),
    "MTA-STS, a host that the policy does not name": ("host", "sts-host", "deferred"),
}
REQUIRETLS = "REQUIRETLS, a host that DANE vouches for"


class Policies:
    """The peers' certificate is for *.sink.test. Each peer has domains WORD of sink.test with one MX, itself under a name for each way."""

    def __init__(self, world, found):
        self.world, self.peers = world, found
        self.root = world.root / "policies"
        self.root.mkdir(mode=0o755)

    def domain(self, peer, word):
        return f"{peer.name.lower()}-{word}.sink"

    def zone(self):
        right = self.world.authority.tlsa("*.sink.test")
        rows = "_25._tcp.mx.bogus TLSA " + WRONG + "\n"
        for peer in self.peers:
            for word, tlsa in (("match", right), ("mismatch", WRONG), ("missing", ""), ("enforce", ""), ("host", "")):
                name, mx = self.domain(peer, word), f"{peer.name.lower()}-mx-{word}.sink"
                rows += f"{name} MX 1 {mx}.test.\n{mx} A {peer.address}\n" + (f"_25._tcp.{mx} TLSA {tlsa}\n" if tlsa else "")
                if word in ("enforce", "host"):
                    rows += f'_mta-sts.{name} TXT "v=STSv1; id=1;"\n'
        return rows

    def policies(self):
        names = [self.domain(peer, word) + ".test" for peer in self.peers for word in ("enforce", "host")]
        server = tls.Policies(self.world.authority, {name: "good" for name in names})
        for name in names:
            mx = name.replace("-enforce", "-mx-enforce") if "-enforce" in name else "other.sink.test"
            server.policy(name, "enforce", mx=mx)
        return server

    def case(self, daemon, peer, word, rule, outcome):
        domain = self.domain(peer, word)
        got = tls.send(daemon, domain)
        rcpt = f"r@{domain}.test"
        if outcome == "delivered":
            wait_until(lambda: any(rcpt in rcpts for _, rcpts, _ in self.world.sink.messages), 10)
        came = any(rcpt in rcpts for _, rcpts, _ in self.world.sink.messages)
        self.world.sink.messages[:] = []
        good = (got[0], got[2]) == (rule, outcome) and came == (outcome == "delivered")
        return (True, ", ".join(word for word in got if word)) if good else ("FAILED", f"{got} {came} {daemon.log()[-2500:]} {peer.log()[-800:]}")

    def requiretls(self, daemon, peer):
        """The host is known for the right one by DANE, and is still not given what it does not offer to keep to (RFC 8689 4.2.1)."""
        rcpt = f"r@{self.domain(peer, 'match')}.test"
        codes, at = wish.mail(daemon, rcpt, " REQUIRETLS")
        got = wish.outcome(daemon, rcpt, at)
        came = [rcpts for _, rcpts, _ in self.world.sink.messages if rcpt in rcpts]
        self.world.sink.messages[:] = []
        if codes != [250, 250, 354, 250] or got != ("failed", "5.7.30"):
            return "FAILED", f"{codes} {got} {daemon.log()[at:][-2500:]}"
        return ("not offered", f"by {peer.name}: back to the sender with 5.7.30") if not came else ("FAILED", f"{came}")

    def run(self):
        zones = tls.Zones(self.root, self.zone())
        server = self.policies()
        try:
            with Daemon(self.root, wish.listener(self.world.authority.certificate("*.sink.test")), "route * { via mx; }", resolver=zones.where, trust_anchor=zones.anchor, authorities=self.world.authority.root / "ca.crt",
                        port_map_25=PORT, retry="60s", mta_sts="on", mta_sts_server=f'"{server.address}@{server.port}"', single=False) as daemon:
                for peer in self.peers:
                    self.world.case(peer.name, peer.version, "from us", REQUIRETLS, lambda p=peer: self.requiretls(daemon, p))
                    for feature, (word, rule, outcome) in FEATURES.items():
                        self.world.case(peer.name, peer.version, "from us", feature, lambda p=peer, w=word, r=rule, o=outcome: self.case(daemon, p, w, r, o))
        finally:
            server.close()
            zones.close()


def run(world):
    found = [world.peers[name] for name in ("Postfix", "Exim") if name in world.peers]
    missing = [tool for tool in tls.TOOLS if not tls.find(tool)]
    if missing and found:
        world.rows.add("Postfix, Exim", "-", "from us", "DANE, MTA-STS", "skipped", f"there is no {', '.join(missing)}")
    elif found and any(world.is_wanted(peer.name, peer.version, "from us", feature) for peer in found for feature in (REQUIRETLS, *FEATURES)):
        Policies(world, found).run()

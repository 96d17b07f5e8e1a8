# SPDX-License-Identifier: MIT
"""REQUIRETLS (RFC 8689), CLIENTID (draft-storey-smtp-client-id) and LIMITS (RFC 9422): what few programs speak. Which of them a server of
others knows, what becomes of mail where it does not, and a client of others that says what it is told to: Python's smtplib."""

import platform
import re
import smtplib
import ssl

import peers
from harness import hikyaku, wait_until
from wire import DOTS, PLAIN, PORT

LIMIT = 100  # of the listener "limits": recipients in a transaction; one domain and two transactions in a session
TOKEN = "23bf83be-aad9-43d3-b6a9-8ac4d2c07a3d"


# ---- servers ------------------------------------------------------------------------------------------------------


class Pair:
    """A server of others, in both directions."""

    def __init__(self, world, peer, inject):
        self.world, self.peer, self.key, self.inject = world, peer, peer.name.lower(), inject

    def add(self, direction, feature, check):
        self.world.case(self.peer.name, self.peer.version, direction, feature, check)

    def asked(self, keyword, *options):
        """The client for people, under TLS: what the server announces there; nothing is handed over that it does not know."""
        if self.peer.tls_bug:
            return "peer's bug", self.peer.tls_bug
        path = self.world.root / "hikyaku.eml"
        path.write_bytes(DOTS)
        status, out, err = hikyaku("smtp", "--server", self.peer.address, "--port", peers.PORT, "--helo", "client.test", "--mail-from", "a@a.test",
                                   "--rcpt", f"{keyword.lower()}@{self.key}.sink.test", "--data", path, "--tls", "starttls", *options)
        text = out.decode(errors="replace")
        offered = re.search(rf"(?im)250[- ]{keyword}\b", text)
        if offered:
            return ("FAILED", f"it is offered, and has no case: {text[-2500:]}")
        if keyword == "CLIENTID":  # no reason not to hand it over
            came = self.world.arrived_at_sink([f"clientid@{self.key}.sink.test"], DOTS)
            return ("not offered", f"by {self.peer.name}, which is not told it") if came is True and TOKEN not in text else ("FAILED", f"{came} {text[-2500:]}")
        if status != 1 or "MAIL FROM" in text or self.world.sink.messages:
            return "FAILED", f"handed over all the same: exit {status} {text[-2500:]} {err}"
        return "not offered", f"by {self.peer.name}, which is not given what needs it"

    def limits(self):
        """None of these announces it, so ours keeps to nothing but 452: 50 recipients have gone over by another row."""
        if self.world.to_peer[self.key].offers("LIMITS"):
            return "FAILED", "it is offered, and has no case"
        return "not offered", f"by {self.peer.name}"

    def to_our_limits(self):
        """More recipients than one transaction may have, of two domains, where a session may have one: each gets it, once."""
        names = [f"{self.key}limits{n}" for n in range(LIMIT + 20)]
        domains = [f"{self.key}.limits.test", f"{self.key}2.limits.test"]
        rcpts = [f"{name}@{domains[n % 7 == 0]}" for n, name in enumerate(names)]
        self.inject(self.peer.address, PLAIN, rcpts)
        daemon = self.world.daemon
        wait_until(lambda: all(daemon.files(name) for name in names), 5 if self.peer.tries_after_minutes else 60, 0.5)
        count = [len(daemon.files(name)) for name in names]
        for name in names:
            for path in daemon.files(name):
                path.unlink()
        refused = len(re.findall(rf"id=limit-(?:recipients|domains)\b|\[limit-(?:recipients|domains)", daemon.log()))
        later = len(re.findall(r'limits\.test> .*result="TempFail" stat="452 4\.5\.3', self.peer.log()))
        if self.peer.tries_after_minutes and set(count) == {0, 1} and later >= count.count(0):
            return True, "LIMITS is not made use of; what is told 452 waits for the next try, which it makes after minutes"
        if set(count) != {1}:
            return "FAILED", f"{count} {self.peer.log()[-2500:]}"
        return True, "LIMITS is not made use of; what is told 452 comes in a session of its own" if refused else "in transactions and sessions as it has them"

    def run(self):
        direction = "from us (hikyaku smtp)"
        self.add(direction, "REQUIRETLS", lambda: self.asked("REQUIRETLS", "--require-tls"))
        self.add(direction, "CLIENTID", lambda: self.asked("CLIENTID", "--clientid", f"UUID {TOKEN}"))
        self.add("from us", "LIMITS", self.limits)
        self.add("to us", "LIMITS, more recipients and domains than one session may have", self.to_our_limits)


# ---- a client -----------------------------------------------------------------------------------------------------


class Smtplib:
    """Python's own client: it knows none of the three by name, but sends what it is told to and shows what EHLO says."""

    name = "Python smtplib"

    def __init__(self, world):
        self.world, self.version = world, platform.python_version()
        self.tls = ssl._create_unverified_context()  # noqa: S323: of one's own on loopback

    def session(self, address, port=PORT, secure=True):
        client = smtplib.SMTP(address, port, "client.test", timeout=60)
        client.ehlo()
        if secure:
            client.starttls(context=self.tls)
            client.ehlo()
        return client

    def requiretls(self):
        with self.session(self.world.daemon.address, secure=False) as client:
            offered = client.has_extn("requiretls")
            code = client.mail("a@a.test", ["REQUIRETLS"])[0]
        if offered or code != 555:
            return "FAILED", f"in clear: offered {offered}, {code}"
        with self.session(self.world.daemon.address) as client:
            if not client.has_extn("requiretls"):
                return "FAILED", f"not offered under TLS: {client.esmtp_features}"
            client.sendmail("a@a.test", ["smtplibrequires@ours.test"], DOTS, mail_options=["REQUIRETLS"])
        return self.world.arrived_here("smtplibrequires", DOTS)

    def not_further(self):
        """Nobody of these takes it from us: the sender hears so, with 5.7.30 or, as a host that is named by its address cannot be known, 5.7.10."""
        address = self.world.relay_address
        with self.session(address) as client:
            client.sendmail("smtplibback@ours.test", ["u@postfix.tls.sink.test"], DOTS, mail_options=["REQUIRETLS"])
        mails = self.world.daemon.wait_mail("smtplibback", 1, 20)
        status = re.search(rb"(?m)^Status: (5\.7\.(?:10|30))", mails[0]) if mails else None
        came = any("u@postfix.tls.sink.test" in rcpts for _, rcpts, _ in self.world.sink.messages)
        good = status and not came and b".leading" not in mails[0]
        return (True, status[1].decode()) if good else ("FAILED", f"{mails!r:.2000} {came}")

    def clientid(self, back):
        """Under TLS, before AUTH; Dovecot is told an HMAC, and neither its log nor ours has the token."""
        address = self.world.submission[back, False]
        user = f"smtplibclientid{back}"
        with self.session(address, secure=False) as client:
            early = client.has_extn("clientid"), client.docmd("CLIENTID", f"UUID {TOKEN}")[0]
        if early != (False, 530):
            return "FAILED", f"in clear: {early}"
        with self.session(address) as client:
            if not client.has_extn("clientid"):
                return "FAILED", f"not offered under TLS: {client.esmtp_features}"
            code = client.docmd("CLIENTID", f"UUID {TOKEN}")[0]
            again = client.docmd("CLIENTID", f"UUID {TOKEN}")[0]
            client.login("one", "secret")
            client.sendmail("one@ours.test", [f"{user}@ours.test"], DOTS)
        result = self.world.arrived_here(user, DOTS)
        if result is not True or (code, again) != (250, 503):
            return "FAILED", f"{code} {again} {result}"
        if TOKEN in self.world.daemon.log():
            return "FAILED", "our log has the token"
        return self.told_to_dovecot() if back == "dovecot" else True

    def told_to_dovecot(self):
        def told():
            return re.findall(r"client_id=([0-9a-f]{16,})", self.world.peers["Dovecot"].log())
        found = wait_until(told, 10)
        if not found or TOKEN in self.world.peers["Dovecot"].log():
            return "FAILED", self.world.peers["Dovecot"].log()[-2500:]
        return True, "Dovecot is told an HMAC as client_id"

    def limits(self):
        """What is announced, and what becomes of a client that does not heed it."""
        address = self.world.limits_address
        rcpts = [f"smtpliblimits{n}@ours.test" for n in range(LIMIT + 1)]
        with self.session(address, secure=False) as client:
            said = client.esmtp_features.get("limits", "").split()
            refused = client.sendmail("a@a.test", rcpts, PLAIN)
            rest = client.sendmail("a@a.test", list(refused), PLAIN)
            domains = client.docmd("RSET")[0], client.mail("a@a.test")[0]
        good = (set(said) == {f"RCPTMAX={LIMIT}", "MAILMAX=2", "RCPTDOMAINMAX=1"} and list(refused) == rcpts[LIMIT:] and refused[rcpts[-1]][0] == 452
                and not rest and domains == (250, 451))
        with self.session(address, secure=False) as client:
            client.mail("a@a.test")
            codes = [client.rcpt(rcpt)[0] for rcpt in ("x@ours.test", "x@smtplib.ours.test", "y@ours.test")]
        results = [self.world.arrived_here(rcpt.split("@")[0], PLAIN) for rcpt in rcpts]
        wrong = [result for result in results if result is not True]
        return (good and codes == [250, 452, 250] and not wrong) or ("FAILED", f"{said} {refused} {rest} {domains} {codes} {wrong[:1]}")

    def run(self):
        def add(feature, check):
            self.world.case(self.name, self.version, "to us", feature, check)
        add("REQUIRETLS, as a parameter that it is given", self.requiretls)
        if "Postfix" in self.world.peers:
            add("REQUIRETLS, behind us Postfix, which does not offer it", self.not_further)
        add("CLIENTID, as a command that it is given", lambda: self.clientid("file"))
        if "Dovecot" in self.world.peers:
            add("CLIENTID, Dovecot's users", lambda: self.clientid("dovecot"))
        add("LIMITS", self.limits)


def run(world):
    Smtplib(world).run()

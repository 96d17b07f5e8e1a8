# SPDX-License-Identifier: MIT
"""What all cases stand on: one hikyakud, a sink at the end, recorders between."""

import shutil
import traceback
from pathlib import Path
from types import SimpleNamespace

import packages
import peers
import submission
from harness import Daemon, Dns, Sink, fresh_address, wait_until
from tls_policy_test import Authority
from wire import PORT, Recorder, same

SINK_EHLO = b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 100000000\r\n250 DSN\r\n"
NODSN_EHLO = b"250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
NAMES = {"postfix": "Postfix", "exim": "Exim", "opensmtpd": "OpenSMTPD", "dovecot": "Dovecot"}


class World:
    """hikyakud takes mail for *.ours.test and *.tls.test into Maildirs (mx), and relays from 127/8 (relay): u@NAME.sink.test goes by the
    recorder to_peer[NAME] to the peer NAME, which hands it to the sink. NAME.tls.sink.test the
    same way only under TLS, NAME.may.sink.test under TLS where that works, NAME.bdat.sink.test by BDAT. Behind NAME.nodsn.test is a sink
    without DSN, behind NAME.refused.test one that refuses every recipient. What is for *.fail.test is taken (mx) and cannot be delivered."""

    def __init__(self, rows, only=""):
        self.rows, self.only, self.root = rows, only, Path("/tmp/interop")
        self.peers = {}
        # now: later some peer may have hidden the package database
        self.versions = {name: packages.version(name) for name in ("swaks", "curl", "msmtp", "openssl", "dovecot-core")}

    def __enter__(self):
        self.root.mkdir(mode=0o755)
        self.root.chmod(0o755)
        peers.add_users(self.root)
        (self.root / "ca").mkdir(mode=0o755)
        self.authority = Authority(self.root / "ca")
        for source, end in zip(self.authority.certificate("*.sink.test"), ("crt", "key")):
            shutil.copy(source, self.root / f"tls.{end}")
        Path(f"{self.root}/tls.key").chmod(0o644)  # for the users of all of them
        self.dns = Dns({})  # nobody publishes anything; asking takes no time
        self.sink = Sink(replies={"EHLO": SINK_EHLO})
        self.nodsn = Sink(replies={"EHLO": NODSN_EHLO})
        self.refusing = Sink(replies={"EHLO": NODSN_EHLO, "RCPT": b"550 5.1.1 nobody of that name\r\n"})
        self.to_us = Recorder()
        self.to_peer = {name: Recorder() for name in NAMES}
        self.to_seven = Recorder()
        self.lmtp, self.lmtp_socket = self.root / "lmtp", self.root / "ours.lmtp"
        submission.password_file(self.root / "users")
        self.start_dovecot()
        self.daemon = Daemon(self.root, self.listeners(), self.routes(), accept=".ours.test .tls.test .unix.test ours.test .fail.test .limits.test", hostname="hikyaku.test",
                             resolver=self.dns.where)
        self.daemon.start()
        self.to_us.target = (self.daemon.address, PORT)
        return self

    def __exit__(self, *_):
        for peer in self.peers.values():
            peer.stop()
        self.daemon.stop()

    def start_dovecot(self):
        """First, since ours asks it what it offers; `missing` says why it is not there."""
        self.missing = None
        try:
            self.peers["Dovecot"] = peers.Dovecot(self).start()
        except (packages.Missing, RuntimeError, OSError) as error:
            self.missing = error

    def listeners(self):
        self.relay_address, self.lmtp_address, self.proxy_address, self.limits_address = (fresh_address() for _ in range(4))
        plain = f"address %s:{PORT}; reject-early-talkers off; }}\n"
        tls = "starttls on; certificate %(root)s/tls.crt; certificate-key %(root)s/tls.key; reject-early-talkers off; }\n"
        self.submission = {(back, is_implicit): fresh_address() for back in ("file", "dovecot") for is_implicit in (False, True)}
        backs = {"file": "file %(root)s/users", "dovecot": "dovecot %(root)s/auth"}
        users = "".join(f"listen {back}{'-tls' * is_implicit} {{ address {address}:{PORT}; role submission; auth {backs[back]}; auth-failures 0; sender-login envelope; clientid on; "
                             + ("implicit-tls on; " if is_implicit else "starttls on; ") + tls.split(";", 1)[1]
                             for (back, is_implicit), address in self.submission.items())
        socket = f"listen unix {{ protocol lmtp; address unix:{self.lmtp_socket}; socket-mode 0666; }}\n"
        return (users + socket + "listen lmtp { protocol lmtp; role relay; relay-from 127.0.0.0/8; " + plain % self.lmtp_address +
                "listen proxy { proxy-from 127.0.0.0/8; " + plain % self.proxy_address +
                "listen limits { max-recipients 100; max-transactions 2; max-domains 1; " + plain % self.limits_address +
                "listen mx { address %(address)s:%(port)d; role mx; checks spf dkim dmarc; " + tls +
                f"listen relay {{ address {self.relay_address}:{PORT}; role relay; relay-from 127.0.0.0/8; " + tls)

    def routes(self):
        levels = (("", "off"), ("may.", "opportunistic"), ("tls.", "required"))
        rows = [f"route {name}.{level[0]}sink.test {{ via smtp {r.address}:{PORT}; tls {level[1]}; }}"
                for name, r in self.to_peer.items() for level in levels]
        rows += [f"route {name}.bdat.sink.test {{ via smtp {r.address}:{PORT}; tls off; chunking on; }}" for name, r in self.to_peer.items()]
        rows += [f"route {name}.{domain} {{ via smtp {r.address}:{PORT}; tls off; }}"
                 for name, r in self.to_peer.items() for domain in ("nodsn.test", "refused.test")]
        rows.append(f"route .seven.test {{ via smtp {self.to_seven.address}:{PORT}; tls off; }}")
        rows.append(f"route .fail.test {{ via smtp {self.refusing.address}:{self.refusing.port}; tls off; }}")
        rows.append(f"route lmtp.test {{ via lmtp unix:{self.lmtp}; }}")
        return "\n".join(rows).replace("%", "%%") + "\nroute * { via maildir %(root)s/mail/%%u; }"

    def places(self):
        """Where peers send mail to, by its domain: (address, port)."""
        return SimpleNamespace(ours=(self.to_us.address, PORT), sink=(self.sink.address, self.sink.port), nodsn=(self.nodsn.address, self.nodsn.port),
                               refusing=(self.refusing.address, self.refusing.port), lmtp=(self.lmtp_address, PORT), lmtp_socket=self.lmtp_socket,
                               proxy=(self.proxy_address, PORT), limits=(self.limits_address, PORT), submission=self.submission)

    # ---- rows ----

    def is_wanted(self, program, version, direction, feature):
        return self.only.lower() in f"{program} {version} {direction} {feature}".lower()

    def case(self, program, version, direction, feature, check):
        """check() gives True, a word of SKIPPED, or (result, note); what it throws is a failure."""
        if not self.is_wanted(program, version, direction, feature):
            return
        try:
            got = check()
        except Exception:  # noqa: BLE001
            got = ("FAILED", traceback.format_exc())
        result, note = got if isinstance(got, tuple) else (got, "")
        if isinstance(result, bool):
            result = "ok" if result else "FAILED"
        self.rows.add(program, version, direction, feature, result, note)

    # ---- what came ----

    def arrived_here(self, user, sent, seconds=15):
        """In the Maildir of user, once, byte for byte: True, or what is wrong."""
        mails = self.daemon.wait_mail(user, 1, seconds)
        for path in self.daemon.files(user):
            path.unlink()
        if len(mails) == 1 and same(mails[0], sent):
            self.latest = mails[0]
            return True
        self.latest = b""
        return "FAILED", f"{len(mails)} mails; {mails[0][:1500] if mails else self.daemon.log()[-2500:]!r}"

    def arrived_at_sink(self, rcpts, sent, seconds=15):
        """At the sink, for all of these."""
        wanted = set(rcpts)

        def there():
            return wanted <= {rcpt for _, all_of, _ in self.sink.messages for rcpt in all_of}
        wait_until(there, seconds)
        messages, self.sink.messages[:] = list(self.sink.messages), []
        self.latest = messages[0][2] if messages else b""
        bad = [body for _, _, body in messages if not same(body, sent)]
        got = [rcpt for _, all_of, _ in messages for rcpt in all_of]
        if sorted(got) == sorted(wanted) and not bad:
            return True
        return "FAILED", f"for {got}; {bad[0][:1500] if bad else self.daemon.log()[-2500:]!r}"

# SPDX-License-Identifier: MIT
"""The servers that bench/relay.py measures: each relays what comes from 127/8 to one sink, keeps it on the disk meanwhile, and syncs
before it says 250 as its authors ship it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import packages
import peers
import relay_filters as filters
from harness import Daemon, fresh_address, is_listening, wait_until
from relay_meter import Group

PORT = peers.PORT
RCPT = "user%n@relay.sink.test"


class Places:
    """What a peer's configuration wants to know: all but the sink is nowhere. dns: the resolver, as ours wants it written; domain: of
    relay_mail."""

    def __init__(self, sink, dns, domain):
        self.sink, self.dns, self.domain = sink, dns, domain
        self.submission = {(back, implicit): "127.0.0.1" for back in ("file", "dovecot") for implicit in (False, True)}

    def __getattr__(self, name):
        return "/nonexistent" if name.endswith("socket") else ("127.0.0.1", 9)


class Measured:
    """A peer of the interoperability tests, in a control group."""

    def prepare(self):
        self.group = Group(self.key)
        return self.group.wrap(super().prepare())

    @property
    def to(self):
        return f"{self.address}:{PORT}"


class Postfix(Measured, peers.Postfix):
    key = "postfix"
    filters = ()

    def prepare(self):
        command = super().prepare()
        self.running = [kind(self.root, self.places.domain) for kind in self.filters]
        with open(self.root / "etc/main.cf", "a", encoding="ascii") as conf:
            conf.write("minimal_backoff_time = 300s\nqueue_run_delay = 300s\n")  # as shipped, which the tests cannot wait for
            if self.running:
                conf.write(f"smtpd_milters = {', '.join(one.start(self.group).milter for one in self.running)}\nmilter_default_action = tempfail\n")
        return command

    def stop(self):
        super().stop()
        for one in self.running:
            one.stop()


class SourceToSink:
    """Postfix's own tools, one straight into the other: connections stay open, nothing is kept."""

    key = "source-to-sink"

    def __init__(self, sink, group):
        self.where, self.group, self.tree = sink, group, packages.unpack(Postfix.package)

    def run(self, size, connections, messages, patience):
        """False when it does not come to its end."""
        environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": packages.library_path(self.tree)}
        at = "inet:%s:%d" % self.where
        sink = subprocess.Popen(self.group.wrap([self.tree / "usr/sbin/smtp-sink", "-u", "postfix", at, "256"]), stderr=subprocess.DEVNULL, env=environment)
        try:
            wait_until(lambda: is_listening(*self.where), 10)
            command = [self.tree / "usr/sbin/smtp-source", "-d", "-s", connections, "-l", size, "-m", messages, "-t", "user@relay.sink.test", at]
            done = subprocess.run(self.group.wrap(command), check=False, capture_output=True, text=True, timeout=patience, env=environment)
            if done.returncode:
                print(f"{self.key}: {done.stderr.strip()[-500:]}", file=sys.stderr)
            return done.returncode == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            sink.terminate()
            sink.wait()


class PostfixSigns(Postfix):
    filters = (filters.OpenDkimSigner,)


class PostfixChecks(Postfix):
    filters = (filters.OpenDkim, filters.OpenDmarc)


class PostfixRspamd(Postfix):
    key, filters = "postfix-rspamd", (filters.Rspamd,)


class Exim(Measured, peers.Exim):
    """As shipped it takes 20 clients, of each 1,000 messages, and delivers ten of them at once: that it can be measured, these limits are lifted. Its queue is run as Debian does it."""

    key = "exim"

    def prepare(self):
        command = super().prepare()
        conf = self.root / "exim.conf"
        conf.write_text("smtp_accept_max = 0\nsmtp_accept_max_per_connection = 0\nsmtp_accept_queue_per_connection = 0\n" + conf.read_text())
        return ["-q30m" if word == "-q5s" else word for word in command]


# as shipped: 100 messages of a client, then 452; 100 to a host, then 3 s until it connects again, 2 to 5 s between one connection and the next, and 50 messages on their way to a host,
# while the others are held and come back ten at a time
OPENSMTPD = """smtp limit max-mails 1000000
mta limit session-mail-max 1000000
mta limit conn-delay-route 0
mta limit conn-delay-relay 0
mta limit reconn-delay-route 0
mta limit task-hiwat 1000000
"""


class OpenSmtpd(Measured, peers.OpenSmtpd):
    """Without the limits above, or it could not be measured with one client and one host."""

    key = "opensmtpd"
    pause = 11  # seconds between two runs: when it has nothing to hand on it looks for a way to a host once in 10 s, and what comes sooner would wait for that

    def prepare(self):
        command = super().prepare()
        conf = self.root / "smtpd.conf"
        conf.write_text(OPENSMTPD + conf.read_text())
        spool = self.root / "spool"  # on the disk that all use, over the empty file system of the tests
        spool.mkdir(mode=0o755)
        subprocess.run(["mount", "--bind", spool, "/var/spool"], check=True)
        return command


HARAKA_MX = """exports.register = function () { this.register_hook('get_mx', 'to_sink') }
exports.to_sink = function (next, hmail, domain) { next(OK, [{priority: 0, exchange: '%s', port: %d}]) }
exports.hook_rcpt = function (next, connection) { connection.relaying = true; next(OK) }
"""


class Haraka(Measured, peers.Peer):
    """From npm: it takes mail for anybody and hands it to its own queue on the disk."""

    key = name = package = "haraka"
    folder = None  # where npm put it

    def __init__(self, root, certificate, where):
        if not (self.folder / "node_modules/Haraka/package.json").exists():
            raise packages.Missing("Haraka cannot be had from npm")
        self.address, self.root, self.process = fresh_address(), Path(root) / self.key, None
        self.sink, self.tree, self.certificate = where.sink, self.folder, certificate
        self.root.mkdir(mode=0o755)

    @property
    def version(self):
        text = (self.tree / "node_modules/Haraka/package.json").read_text()
        return text.split('"version":', 1)[1].split('"')[1]

    def environment(self):
        return {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.root)}

    def prepare(self):
        haraka = self.tree / "node_modules/Haraka/bin/haraka"
        subprocess.run(["node", haraka, "-i", self.root], check=True, capture_output=True, env=self.environment())
        for name, text in {"smtp.ini": f"listen={self.address}:{PORT}\nnodes=0\n", "plugins": "tls\nto_sink\n", "me": "haraka.test\n",
                           "log.ini": "[main]\nlevel=info\n", "outbound.ini": "enable_tls=false\nlocal_mx_ok=true\n",
                           "connection.ini": (self.tree / "node_modules/Haraka/config/connection.ini").read_text()}.items():
            (self.root / "config" / name).write_text(text)
        for what, end in (("key", "key"), ("cert", "crt")):
            shutil.copy(f"{self.certificate}.{end}", self.root / f"config/tls_{what}.pem")
        # or it looks for a prime of its own, beside the first runs
        subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", self.root / "config/dhparams.pem"], check=True)
        (self.root / "plugins/to_sink.js").write_text(HARAKA_MX % self.sink)
        self.group = Group(self.key)
        return self.group.wrap(["node", haraka, "-c", self.root])


class Hikyaku:
    """Ours as it is shipped: supervisor, mail process, keys process; evidence is kept."""

    key = "hikyaku"
    version = "this tree"
    listener, rest = "role relay; relay-from 127.0.0.0/8;", ""
    settings = {}

    def __init__(self, root, certificate, where):
        self.root = Path(root) / self.key
        self.root.mkdir(mode=0o755)
        self.group = Group(self.key)
        listeners = f"listen in {{ address %(address)s:%(port)d; {self.listener} starttls on; certificate {certificate}.crt; certificate-key {certificate}.key; }}"
        route = "route * { via smtp %s:%d; tls off; } " % where.sink + self.rest.format(domain=where.domain)
        self.daemon = Daemon(self.root, listeners, route, single=False, workers=None, retry=None, lifetime=None, accept=None,
                             resolver_timeout=None, timezone=None, resolver=where.dns, hostname="hikyaku.test", **self.settings)

    @property
    def to(self):
        return f"{self.daemon.address}:{PORT}"

    def start(self):
        self.daemon.start(preexec_fn=self.group.join)
        return self

    def log(self):
        return self.daemon.log(all=True)

    def stop(self):
        self.daemon.stop()


class HikyakuSigns(Hikyaku):
    rest = "key k {{ domain {domain.name}; selector {domain.selector}; file {domain.key}; }} sign * k;"


class HikyakuChecks(Hikyaku):
    listener = Hikyaku.listener + " checks spf dkim dmarc;"


def by_key(*kinds):
    return {kind.key: kind for kind in kinds}


# those that show how quickly each hands on, and those that sign and check besides
SERVERS = {"plain": by_key(Hikyaku, Postfix, Exim, OpenSmtpd, Haraka), "sign": by_key(HikyakuSigns, PostfixSigns),
           "check": by_key(HikyakuChecks, PostfixChecks, PostfixRspamd)}
NAMES = tuple(dict.fromkeys(name for kinds in SERVERS.values() for name in kinds))


# SPDX-License-Identifier: MIT
"""The filters that Postfix signs and checks with: OpenDKIM, OpenDMARC, rspamd, unpacked from Debian, each in the control group of its
server. They are milters on a Unix socket of their own, as Debian sets them up (by TCP each reply of theirs waits 40 ms for an acknowledgement); a milter that does not answer fails the run, it is not passed by."""

import os
import signal
import socket
import subprocess

import packages
from harness import SLOW, wait_until

NOBODY = "192.0.2.1\n"  # nobody whom we measure is an own host, whose mail would not be looked at


class Filter:
    package = ""
    also = ()
    patience = 20  # seconds to start

    def __init__(self, root, domain):
        """root: the folder of its server; domain: relay_mail.Domain."""
        self.root, self.domain = root / self.package, domain
        self.tree = packages.unpack(self.package, self.also)
        self.version = packages.version(self.package)
        self.root.mkdir(mode=0o755)
        self.socket, self.process = root / "spool" / f"{self.package}.sock", None

    @property
    def milter(self):
        return f"unix:{self.socket.name}"  # below the folder that smtpd is shut into

    def file(self, name, text):
        path = self.root / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def start(self, group):
        environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": self.libraries(), "LC_ALL": "C"}
        with open(self.root / "out.log", "ab") as log:
            self.process = subprocess.Popen(group.wrap(self.command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            start_new_session=True)
        if not wait_until(self.answers, self.patience * SLOW):
            self.stop()
            said = "".join(path.read_text(errors="replace") for path in sorted(self.root.glob("*.log")))
            raise RuntimeError(f"{self.package} does not answer: {said[-1500:]}")
        return self

    def libraries(self):
        return packages.library_path(self.tree)

    def answers(self):
        with socket.socket(socket.AF_UNIX) as there:
            return there.connect_ex(str(self.socket)) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class OpenDkim(Filter):
    package = "opendkim"
    mode = "v"

    def rows(self):
        nobody = self.file("nobody", NOBODY)
        return {"Socket": f"local:{self.socket}", "UMask": "000", "Mode": self.mode, "Background": "no", "UserID": "root", "Syslog": "no",
                "Canonicalization": "relaxed/relaxed", "InternalHosts": nobody, "ExternalIgnoreList": nobody,
                "OversignHeaders": "From", "RequireSafeKeys": "no"}

    def command(self):
        conf = self.file("opendkim.conf", "".join(f"{name} {value}\n" for name, value in self.rows().items()))
        return [self.tree / "usr/sbin/opendkim", "-f", "-x", conf]


class OpenDkimSigner(OpenDkim):
    mode = "s"

    def rows(self):
        return super().rows() | {"InternalHosts": self.file("own", "127.0.0.0/8\n"), "Domain": self.domain.name, "Selector": self.domain.selector,
                                 "KeyFile": self.domain.key}


class OpenDmarc(Filter):
    package = "opendmarc"

    def command(self):
        conf = self.file("opendmarc.conf", f"Socket local:{self.socket}\nUMask 000\nBackground false\nUserID root\nSyslog false\nSPFSelfValidate true\n"
                                           f"AuthservID postfix.test\nTrustedAuthservIDs postfix.test\nIgnoreHosts {self.file('nobody', NOBODY)}\n"
                                           f"PidFile {self.root}/pid\n")
        return [self.tree / "usr/sbin/opendmarc", "-f", "-c", conf]


RSPAMD = """options { filters = "dkim"; dns { nameserver = ["%(dns)s"]; timeout = 2s; } local_addrs = ["192.0.2.1"]; tempdir = "%(root)s";
  url_tld = "%(share)s/effective_tld_names.dat"; enable_shutdown_workaround = true; }
logging { type = "file"; filename = "%(root)s/rspamd.log"; level = "warning"; }
worker "rspamd_proxy" { bind_socket = "%(socket)s mode=0666"; milter = yes; count = %(count)d; timeout = 30s;
  upstream "local" { default = yes; self_scan = yes; } }
modules { path = "%(share)s/plugins/spf.lua"; path = "%(share)s/plugins/dmarc.lua"; path = "%(share)s/plugins/milter_headers.lua"; }
spf { check_local = true; check_authed = true; } dkim { check_local = true; check_authed = true; } dmarc { check_local = true; check_authed = true; }
milter_headers { use = ["authentication-results"]; skip_local = false; skip_authenticated = false; }
actions { reject = 1000; }
lua = "%(root)s/empty.lua";
"""


class Rspamd(Filter):
    """Its modules for authentication, and no other one; no Redis, which they do not need."""

    package = "rspamd"
    patience = 240  # the first thing it does is to compile all public suffixes

    def libraries(self):
        return f"{super().libraries()}:{self.tree}/usr/lib/rspamd"

    def command(self):
        share = self.tree / "usr/share/rspamd"
        self.file("empty.lua", "")
        conf = self.file("rspamd.conf", RSPAMD % {"dns": self.domain.dns, "root": self.root, "socket": self.socket,
                                                  "share": share, "count": os.cpu_count()})
        words = {"RULESDIR": share / "rules", "LUALIBDIR": share / "lualib", "PLUGINSDIR": share / "plugins", "SHAREDIR": share, "WWWDIR": share,
                 "CONFDIR": self.root, "LOCAL_CONFDIR": self.root, "DBDIR": self.root, "RUNDIR": self.root, "LOGDIR": self.root}
        return [self.tree / "usr/bin/rspamd", "-f", "-i", "-c", conf, *(f"--var={name}={value}" for name, value in words.items())]

# SPDX-License-Identifier: MIT
"""Mail servers of others, each in a folder of its own, on an address of its own, in the namespaces that run.py made.

Every one takes mail for anybody from 127/8 and hands it on: for the domain NAME.ours.test to the address `ours`, for NAME.sink.test to
the address `sink`; for NAME.tls.test to `ours`, only under TLS. So one instance shows both directions: what we send to it, and what it sends to us."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import packages
from harness import SLOW, fresh_address, wait_until

PORT = 2525
STREAM_PORT = 2526
AUTH_PORT = 2527
SEVEN_PORT = 2528
USERS = ("postfix", "Debian-exim", "opensmtpd", "opensmtpq", "smtptest")
GROUPS = (*USERS, "postdrop")  # a group has the number of its user


def add_users(root):
    """In this mount namespace the users of the packages exist, though they are not installed."""
    for name, ids, row in (("passwd", USERS, "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin"), ("group", GROUPS, "{0}:x:{1}:")):
        path = root / name
        rows = [line for line in Path(f"/etc/{name}").read_text().splitlines() if line.split(":")[0] not in ids]
        rows += [row.format(user, 60100 + number) for number, user in enumerate(ids)]
        path.write_text("\n".join(rows) + "\n")
        path.chmod(0o644)
        subprocess.run(["mount", "--bind", path, f"/etc/{name}"], check=True)


class Peer:
    name = package = ""
    also = ()
    tls_bug = ""  # why it cannot serve TLS
    lacks = ()
    tries_after_minutes = False

    def __init__(self, root, certificate, places):
        """certificate: the path without .crt and .key; places: World.places()."""
        self.address, self.root = fresh_address(), Path(root) / self.package
        self.certificate, self.places = certificate, places
        self.ours, self.sink = places.ours, places.sink
        self.tree = packages.unpack(self.package, self.also)
        self.version = packages.version(self.package)
        self.root.mkdir(mode=0o755)
        self.process = None

    def environment(self):
        return {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": packages.library_path(self.tree), "LC_ALL": "C"}

    def log(self):
        return "".join(path.read_text(errors="replace") for path in sorted(self.root.rglob("*log")) if path.is_file())

    def start(self):
        command = self.prepare()
        with open(self.root / "out.log", "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment(), start_new_session=True)
        if not wait_until(self.answers, 20) or self.process.poll() is not None:
            self.stop()
            raise RuntimeError(f"{self.name} does not answer:\n{self.log()[-3000:]}")
        return self

    def answers(self):
        if self.process.poll() is not None:
            return True  # and is found dead by the first case
        try:
            with socket.create_connection((self.address, PORT), timeout=2) as s:
                return s.recv(16).startswith(b"220")
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5 * SLOW)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Postfix(Peer):
    name, package = "Postfix", "postfix"

    def prepare(self):
        etc, tree = self.root / "etc", self.tree
        transports, passwords = "", set()
        for folder in (etc, self.root / "spool", self.root / "data"):
            folder.mkdir()
        shutil.chown(self.root / "data", "postfix")
        master = (tree / "usr/share/postfix/master.cf.dist").read_text()
        master = master.replace("smtp      inet", f"{self.address}:{PORT} inet")
        master += "tlsonly unix - - n - - smtp -o smtp_tls_security_level=encrypt\nclear unix - - n - - smtp -o smtp_tls_security_level=none\n"
        master += "lmtphere unix - - n - - lmtp\n"  # the one of the package lives in a chroot, where our socket is not
        # for streams.py: an MX that takes mail for ours.test and keeps nothing, and is not slowed down by errors
        master += f"{self.address}:{STREAM_PORT} inet n - n - - smtpd -o mynetworks=192.0.2.1 -o smtpd_helo_required=yes -o smtpd_tls_security_level=none "
        master += "-o smtpd_relay_restrictions=reject_unauth_destination -o smtpd_data_restrictions=check_client_access,static:DISCARD "
        master += "-o smtpd_error_sleep_time=0 -o smtpd_soft_error_limit=1000 -o smtpd_hard_error_limit=1000 -o smtpd_junk_command_limit=1000\n"
        # with AUTH by Dovecot's users, under TLS only
        master += f"{self.address}:{AUTH_PORT} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=dovecot "
        master += f"-o smtpd_sasl_path={self.root.parent}/auth -o smtpd_tls_auth_only=yes -o mynetworks=192.0.2.1 "
        master += "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n"
        # to our submission, as the user one
        for word, mechanism, back, options in (("plain", "plain", "file", ""), ("login", "login", "file", ""), ("scram", "scram-sha-256", "file", ""),
                                               ("implicit", "plain", "file", " -o smtp_tls_wrappermode=yes"), ("dovecot", "scram-sha-256", "dovecot", "")):
            master += (f"auth{word} unix - - n - - smtp -o smtp_tls_security_level=encrypt -o smtp_sasl_auth_enable=yes "
                       f"-o smtp_sasl_security_options=noanonymous -o smtp_sasl_mechanism_filter={mechanism}{options}\n")
            address = self.places.submission[back, word == "implicit"]
            transports += f", {{{word}.auth.test = auth{word}:[{address}]:{PORT}}}"
            passwords.add(f"{{[{address}]:{PORT} = one:secret}}")
        # as a peer without extensions for what is not 7-bit
        master += f"{self.address}:{SEVEN_PORT} inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=8bitmime,chunking,smtputf8\n"
        (etc / "master.cf").write_text(master)
        nodsn, refusing, lmtp, limits = self.places.nodsn, self.places.refusing, self.places.lmtp, self.places.limits
        (etc / "main.cf").write_text(f"""compatibility_level = 3.6
queue_directory = {self.root}/spool
data_directory = {self.root}/data
command_directory = {tree}/usr/sbin
daemon_directory = {tree}/usr/lib/postfix/sbin
shlib_directory = {tree}/usr/lib/postfix
meta_directory = {etc}
sendmail_path = {tree}/usr/sbin/sendmail
mailq_path = /bin/true
newaliases_path = /bin/true
import_environment = MAIL_CONFIG LD_LIBRARY_PATH SASL_PATH
maillog_file = {self.root}/mail.log
maillog_file_prefixes = {self.root}
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.test
mydestination =
alias_maps =
alias_database =
inet_interfaces = all
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relay_domains = ours.test
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_dns_support_level = disabled
transport_maps = inline:{{ {{.ours.test = clear:[{self.ours[0]}]:{self.ours[1]}}}, {{.tls.test = tlsonly:[{self.ours[0]}]:{self.ours[1]}}},
  {{.sink.test = clear:[{self.sink[0]}]:{self.sink[1]}}}, {{.seven.test = clear:[{self.sink[0]}]:{self.sink[1]}}}, {{.nodsn.test = clear:[{nodsn[0]}]:{nodsn[1]}}},
  {{.refused.test = clear:[{refusing[0]}]:{refusing[1]}}}, {{.fail.test = clear:[{self.ours[0]}]:{self.ours[1]}}},
  {{.limits.test = clear:[{limits[0]}]:{limits[1]}}},
  {{.lmtp.test = lmtp:inet:[{lmtp[0]}]:{lmtp[1]}}}, {{.unix.test = lmtphere:unix:{self.places.lmtp_socket}}}{transports} }}
smtp_sasl_password_maps = inline:{{ {", ".join(sorted(passwords))} }}
smtpd_tls_security_level = may
smtpd_tls_chain_files = {self.certificate}.key, {self.certificate}.crt
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtputf8_enable = yes
in_flow_delay = 0
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
minimal_backoff_time = 5s
queue_run_delay = 5s
""")
        for name in ("postfix-files", "dynamicmaps.cf"):
            for place in ("etc/postfix", "usr/share/postfix"):
                if (tree / place / name).exists():
                    shutil.copy(tree / place / name, etc / name)
        for name, mode in {"pid": 0o755, "active": 0o700, "bounce": 0o700, "corrupt": 0o700, "defer": 0o700, "deferred": 0o700, "flush": 0o700,
                           "hold": 0o700, "incoming": 0o700, "private": 0o700, "saved": 0o700, "trace": 0o700, "maildrop": 0o730,
                           "public": 0o710}.items():
            folder = self.root / "spool" / name
            folder.mkdir(mode=mode)
            folder.chmod(mode)
            if name != "pid":
                shutil.chown(folder, "postfix", "postdrop" if name in ("maildrop", "public") else None)
        return [tree / "usr/lib/postfix/sbin/master", "-c", etc, "-d"]

    @property
    def sasl(self):
        """Plug-ins of Cyrus SASL: of the system, or unpacked."""
        return ":".join(str(path) for root in (Path("/"), packages.CACHE / "libsasl2-modules") for path in root.glob("usr/lib/*-linux-gnu*/sasl2"))

    def environment(self):
        return {**super().environment(), "MAIL_CONFIG": str(self.root / "etc"), "SASL_PATH": self.sasl}


class Exim(Peer):
    name, package, also = "Exim", "exim4-daemon-heavy", ("exim4-base",)

    def prepare(self):
        conf = self.root / "exim.conf"
        for folder in ("spool", "log"):
            (self.root / folder).mkdir()
            shutil.chown(self.root / folder, "Debian-exim", "Debian-exim")
        conf.write_text(f"""exim_path = {self.tree}/usr/sbin/exim4
spool_directory = {self.root}/spool
log_file_path = {self.root}/log/%slog
pid_file_path = {self.root}/spool/exim.pid
primary_hostname = exim.test
local_interfaces = {self.address}
daemon_smtp_ports = {PORT}
keep_environment = LD_LIBRARY_PATH
deliver_drop_privilege = true
never_users =
acl_smtp_rcpt = check_rcpt
acl_smtp_mail = accept
acl_smtp_data = accept
tls_advertise_hosts = *
tls_certificate = {self.certificate}.crt
tls_privatekey = {self.certificate}.key
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
host_lookup =
log_selector = +smtp_protocol_error +smtp_syntax_error +received_recipients +tls_cipher
begin acl
check_rcpt:
  accept hosts = 127.0.0.0/8
begin routers
ours:
  driver = manualroute
  domains = *.ours.test : *.fail.test
  route_list = * {self.ours[0]}::{self.ours[1]} byname
  self = send
  transport = plain_smtp
tlsours:
  driver = manualroute
  domains = *.tls.test
  route_list = * {self.ours[0]}::{self.ours[1]} byname
  self = send
  transport = tls_smtp
sink:
  driver = manualroute
  domains = *.sink.test
  route_list = * {self.sink[0]}::{self.sink[1]} byname
  self = send
  transport = plain_smtp
nodsn:
  driver = manualroute
  domains = *.nodsn.test
  route_list = * {self.places.nodsn[0]}::{self.places.nodsn[1]} byname
  self = send
  transport = plain_smtp
refused:
  driver = manualroute
  domains = *.refused.test
  route_list = * {self.places.refusing[0]}::{self.places.refusing[1]} byname
  self = send
  transport = plain_smtp
limits:
  driver = manualroute
  domains = *.limits.test
  route_list = * {self.places.limits[0]}::{self.places.limits[1]} byname
  self = send
  transport = plain_smtp
lmtp:
  driver = manualroute
  domains = *.lmtp.test
  route_list = * {self.places.lmtp[0]}::{self.places.lmtp[1]} byname
  self = send
  transport = lmtp_tcp
lmtpunix:
  driver = accept
  domains = *.unix.test
  transport = lmtp_unix
authplain:
  driver = manualroute
  domains = plain.auth.test
  route_list = * {self.places.submission["file", False]}::{PORT} byname
  self = send
  transport = auth_smtp
authimplicit:
  driver = manualroute
  domains = implicit.auth.test
  route_list = * {self.places.submission["file", True]}::{PORT} byname
  self = send
  transport = auth_smtps
begin transports
auth_smtp:
  driver = smtp
  allow_localhost = true
  hosts_require_tls = *
  hosts_require_auth = *
  tls_verify_certificates =
  tls_try_verify_hosts =
auth_smtps:
  driver = smtp
  protocol = smtps
  port = {PORT}
  allow_localhost = true
  hosts_require_auth = *
  tls_verify_certificates =
  tls_try_verify_hosts =
lmtp_unix:
  driver = lmtp
  socket = {self.places.lmtp_socket}
  batch_max = 100
lmtp_tcp:
  driver = smtp
  protocol = lmtp
  port = {self.places.lmtp[1]}
  allow_localhost = true
  hosts_avoid_tls = *
plain_smtp:
  driver = smtp
  allow_localhost = true
  hosts_avoid_tls = *
tls_smtp:
  driver = smtp
  allow_localhost = true
  hosts_require_tls = *
  tls_verify_certificates =
  tls_try_verify_hosts =
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^one^secret
  client_condition = ${{if eq{{$host_address}}{{{self.places.submission["file", False]}}}}}
login:
  driver = plaintext
  public_name = LOGIN
  client_send = : one : secret
begin retry
* * F,1h,5s
""")
        shutil.chown(conf, "root")
        return [self.tree / "usr/sbin/exim4", "-bdf", "-q5s", "-C", conf]


class OpenSmtpd(Peer):
    name, package = "OpenSMTPD", "opensmtpd"
    tries_after_minutes = True
    lacks = ("SMTPUTF8",)

    @property
    def tls_bug(self):
        return "6.8.0p2 cannot sign a handshake with OpenSSL 3: its issue 1171" if self.version.startswith("6.8") else ""

    def prepare(self):
        # its places are fixed at build time: they are empty file systems of this mount namespace
        for folder in ("/var/spool", "/run", "/var/lib"):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", folder], check=True)
        empty = Path("/var/lib/opensmtpd/empty")
        empty.mkdir(parents=True, mode=0o755)
        conf = self.root / "smtpd.conf"
        key = self.root / "tls.key"
        shutil.copy(f"{self.certificate}.key", key)
        key.chmod(0o600)
        conf.write_text(f"""pki test cert "{self.certificate}.crt"
pki test key "{key}"
listen on {self.address} port {PORT} hostname opensmtpd.test tls pki test
action "ours" relay host "smtp+notls://{self.ours[0]}:{self.ours[1]}" helo opensmtpd.test
action "tlsours" relay host "smtp+tls://{self.ours[0]}:{self.ours[1]}" tls no-verify helo opensmtpd.test
action "limits" relay host "smtp+notls://{self.places.limits[0]}:{self.places.limits[1]}" helo opensmtpd.test
action "sink" relay host "smtp+notls://{self.sink[0]}:{self.sink[1]}" helo opensmtpd.test
match from any for domain {{ "*.ours.test", "*.*.ours.test" }} action "ours"
match from any for domain "*.tls.test" action "tlsours"
match from any for domain "*.limits.test" action "limits"
match from any for domain {{ "*.sink.test", "*.*.sink.test" }} action "sink"
""")
        return [self.tree / "usr/sbin/smtpd", "-d", "-f", conf]


DOVECOT = """base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/mail.log
protocols = lmtp
ssl = no
mail_location = maildir:{root}/mail/%n
first_valid_uid = 1
first_valid_gid = 1
lmtp_hdr_delivery_address = none
lmtp_add_received_header = no
mail_plugins = quota
passdb {{
  driver = passwd-file
  args = username_format=%n {root}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {root}/users
}}
plugin {{
  quota = maildir:User quota
}}
service lmtp {{
  unix_listener {socket} {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
auth_mechanisms = plain login scram-sha-256
auth_debug = yes
service auth {{
  unix_listener {auth} {{
    mode = 0666
  }}
}}
"""


class Dovecot:
    """LMTP on a unix socket: "one" and "two" take mail, the mailbox of "full" is full, nobody else exists."""

    name, package = "Dovecot", "dovecot-core"

    def __init__(self, world):
        self.root, self.socket, self.process = world.root / "dovecot", world.lmtp, None
        self.version = world.versions[self.package]
        if not shutil.which("dovecot") or ":2.3" not in f":{self.version.split(':')[-1]}":
            raise packages.Missing("Dovecot 2.3 with its LMTP server is not installed")

    def start(self):
        for folder in (self.root, self.root / "run", self.root / "mail"):
            folder.mkdir(mode=0o755)
        shutil.chown(self.root / "mail", "smtptest", "smtptest")
        ids = pwd.getpwnam("smtptest")[2:4]
        rows = [f"{name}:{{PLAIN}}secret:{ids[0]}:{ids[1]}::{self.root}/mail/{name}::userdb_quota_rule=*:bytes={size}"
                for name, size in (("one", "100M"), ("two", "100M"), ("full", "10"))]
        (self.root / "users").write_text("\n".join(rows) + "\n")
        (self.root / "dovecot.conf").write_text(DOVECOT.format(root=self.root, socket=self.socket, auth=self.root.parent / "auth"))
        with open(self.root / "out.log", "ab") as log:
            self.process = subprocess.Popen(["dovecot", "-F", "-c", str(self.root / "dovecot.conf")], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        if not wait_until(self.socket.exists, 20):
            raise RuntimeError(f"Dovecot does not start:\n{self.log()}")
        return self

    log = Peer.log
    stop = Peer.stop

    def mails(self, name):
        folder = self.root / "mail" / name / "new"
        return [path.read_bytes() for path in folder.iterdir()] if folder.is_dir() else []


PEERS = (Postfix, Exim, OpenSmtpd)

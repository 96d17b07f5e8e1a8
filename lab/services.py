# SPDX-License-Identifier: MIT
"""Starts and stops the lab's parts: NSD, Dovecot, one hikyakud for each SMTP host. Everything lives in one directory."""

import base64
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import topology


class LabError(Exception):
    """Something that the person at the terminal can read and act upon."""


def find(program):
    for folder in ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"):
        if os.access(f"{folder}/{program}", os.X_OK):
            return f"{folder}/{program}"
    raise LabError(f"{program} is not installed; './dev lab' installs it when it may")


class Ports:
    """The port numbers; low ones where they may be bound, mapped ones elsewhere."""

    def __init__(self, low):
        self.smtp, self.dns, self.imap = (25, 53, 143) if low else (2525, 5353, 1143)
        self.low = low


class Lab:
    """One running lab. `with Lab(...) as lab:` starts it and takes it down."""

    def __init__(self, root, build, net, ports, say=lambda text: None):
        self.root, self.build, self.net, self.ports, self.say = Path(root), Path(build), net, ports, say
        self.processes = {}
        self.keys = {}

    # ---- life -------------------------------------------------------------------------------

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)
        self.say("keys")
        self.make_keys()
        self.make_certificate()
        self.say("NSD")
        self.start_nsd()
        self.say("Dovecot")
        self.start_dovecot()
        hosts = topology.RELAYS + list(topology.MXES) + [topology.STORE]
        self.say(f"{len(hosts)} times hikyakud")
        for host in hosts:
            self.start_hikyakud(host)
        for host in hosts:
            self.wait_for(host, self.net.address(host), self.ports.smtp, b"220 ")

    def stop(self):
        for process in reversed(list(self.processes.values())):
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + 5
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def spawn(self, name, command, **options):
        log = open(self.root / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=True, **options)
        log.close()

    def log_tail(self, name):
        path = self.root / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-5:]) if path.exists() else ""

    def wait_for(self, name, address, port, greeting=b"", seconds=20):
        """Until something on address:port accepts and (where greeting is given) says it."""
        deadline = time.monotonic() + seconds
        while True:
            if self.processes[name].poll() is not None:
                raise LabError(f"{name} ended at once:\n{self.log_tail(name)}")
            try:
                with socket.create_connection((address, port), timeout=2) as s:
                    if not greeting or s.recv(64).startswith(greeting):
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise LabError(f"{name} does not answer on {address} port {port}:\n{self.log_tail(name)}")
            time.sleep(0.05)

    # ---- keys and certificate -----------------------------------------------------------------

    def run(self, *command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise LabError(f"{command[0]} failed: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def make_keys(self):
        folder = self.root / "keys"
        folder.mkdir(exist_ok=True)
        making = {}
        for name in topology.KEYS:
            path = folder / f"{name}.pem"
            if not path.exists():
                making[path] = subprocess.Popen(
                    [find("openssl"), "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(path)],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for path, process in making.items():
            if process.wait() != 0:
                self.run(find("openssl"), "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(path))
        for name in topology.KEYS:
            der = self.run(find("openssl"), "pkey", "-in", str(folder / f"{name}.pem"), "-pubout", "-outform", "DER")
            self.keys[name] = base64.b64encode(der).decode()

    def make_certificate(self):
        """One self-signed certificate for all hosts: hop to hop, opportunistic TLS looks at none."""
        if not (self.root / "tls.crt").exists():
            self.run(find("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-days", "3650", "-subj", "/CN=lab.test", "-keyout", str(self.root / "tls.key"), "-out", str(self.root / "tls.crt"))

    # ---- DNS ------------------------------------------------------------------------------------

    def start_nsd(self):
        folder = self.root / "zones"
        folder.mkdir(exist_ok=True)
        zones = {"test": topology.forward_zone(self.net, self.keys), self.net.reverse_zone: topology.reverse_zone(self.net)}
        for name, text in zones.items():
            path = folder / f"{name}.zone"
            if not path.exists():
                path.write_text(text)
        address = self.net.address("dns.test")
        rows = ["server:", f'  zonesdir: "{folder}"', '  chroot: ""', '  username: ""', '  database: ""' if self.nsd_has_database() else "",
                f'  pidfile: "{self.root}/nsd.pid"', f'  xfrdfile: "{self.root}/nsd.xfrd"', f'  zonelistfile: "{self.root}/nsd.list"',
                f'  xfrdir: "{self.root}"', f"  ip-address: {address}@{self.ports.dns}", "  server-count: 1", "  hide-version: yes", "  verbosity: 1",
                "remote-control:", "  control-enable: no"]
        for name in zones:
            rows += ["zone:", f'  name: "{name}"', f'  zonefile: "{name}.zone"']
        conf = self.root / "nsd.conf"
        conf.write_text("\n".join(row for row in rows if row) + "\n")
        self.spawn("dns.test", [find("nsd"), "-d", "-c", str(conf)])
        self.wait_for("dns.test", address, self.ports.dns)

    def nsd_has_database(self):
        """The option went with NSD 4.8; before, an empty value keeps it from writing one."""
        done = subprocess.run([find("nsd"), "-v"], capture_output=True, text=True)
        found = re.search(r"(\d+)\.(\d+)", done.stdout + done.stderr)
        return bool(found) and (int(found[1]), int(found[2])) < (4, 8)

    def reload_zones(self):
        """After an edit of a zone file."""
        self.processes["dns.test"].send_signal(signal.SIGHUP)

    # ---- the mail store ------------------------------------------------------------------------------

    def start_dovecot(self):
        version = self.run(find("dovecot"), "--version").decode().strip()
        modern = tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= (2, 4)
        folder = self.root / "dovecot"
        (folder / "run").mkdir(parents=True, exist_ok=True)
        mail = self.root / "mail"
        mail.mkdir(exist_ok=True)
        uid, gid = os.getuid(), os.getgid()
        if uid == 0:
            uid = gid = 65534
            os.chown(mail, uid, gid)
        text = (Path(__file__).parent / ("dovecot-2.4.conf" if modern else "dovecot-2.3.conf")).read_text()
        values = {
            "version": version.split()[0], "run": folder / "run", "mail": mail, "uid": uid, "gid": gid,
            "log": self.root / "dovecot-mail.log", "address": self.net.address(topology.STORE), "port": self.ports.imap,
            "lmtp": self.lmtp_socket, "internal": self.internal_users(),
        }
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        conf = folder / "dovecot.conf"
        conf.write_text(text)
        self.spawn("dovecot", [find("dovecot"), "-F", "-c", str(conf)])
        self.wait_for("dovecot", self.net.address(topology.STORE), self.ports.imap, b"* OK")

    @property
    def lmtp_socket(self):
        return self.root / "lmtp"

    def internal_users(self):
        """As root Dovecot drops to its own users; as anyone else it has to stay who it is."""
        if os.getuid() == 0:
            return ""
        try:
            user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        except KeyError:
            raise LabError(f"user {os.getuid()} and group {os.getgid()} have no names, and Dovecot wants such; run the lab as another user, or as root") from None
        rows = [f"default_internal_user = {user}", f"default_internal_group = {group}", f"default_login_user = {user}"]
        rows += [f"service {name} {{\n  chroot =\n}}" for name in ("anvil", "imap-login")]
        return "\n".join(rows)

    # ---- hikyakud ----------------------------------------------------------------------------------------

    def hikyakud_conf(self, host):
        net, ports = self.net, self.ports
        address = net.address(host)
        bracketed = f"[{address}]" if net.is_ipv6 else address
        rows = [
            f"hostname {host};",
            f"spool {self.root}/{host};",
            f'resolver "stub:{net.address("dns.test")}@{ports.dns}";',
            "timezone JST-9;",
            "workers 1;",
            "retry 2s 5s 10s;",
        ]
        if os.getuid() == 0:
            rows += ["user 65534;", "keys-user 65533;"]
        if not ports.low:
            rows.append(f"port-map-25 {ports.smtp};")
        role = "relay" if host in topology.RELAYS else "mx"
        listener = [
            f"address {bracketed}:{ports.smtp};",
            f"role {role};",
            "enforce off;",
            "authres-style rspamd;",
            "reject-early-talkers off;",
            "minimum-rate 0;",
            f"starttls on; certificate {self.root}/tls.crt; certificate-key {self.root}/tls.key;",
        ]
        if role == "relay":
            listener.append(f"relay-from {net.whole};")
        elif topology.MXES.get(host):
            listener.append(f"checks {topology.MXES[host]};")
        if role == "mx":
            rows.append(f"accept {' '.join(topology.LOCAL_DOMAINS)};")
            rows.append("postmaster user1@b.test;")
        rows.append("listen " + role + " {\n    " + "\n    ".join(listener) + "\n}")
        if host == topology.STORE:
            rows.append(f"route * {{ via lmtp unix:{self.lmtp_socket}; }}")
        elif role == "mx":
            rows.append(f"route * {{ via smtp {topology.STORE}; source {address}; }}")
        else:
            rows.append(f"route * {{ via mx; source {address}; }}")
        if host.startswith("dkim.smtp."):
            rows += [f"key {name} {{ domain {name}; selector {topology.SELECTOR}; file {self.root}/keys/{name}.pem; }}"
                     for name in dict(topology.SIGNING).values()]
            rows += [f"sign {pattern} {name};" for pattern, name in topology.SIGNING]
        return "\n".join(rows) + "\n"

    def start_hikyakud(self, host):
        conf = self.root / f"{host}.conf"
        conf.write_text(self.hikyakud_conf(host))
        self.spawn(host, [str(self.build / "hikyakud"), "--config", str(conf), "--foreground"])

    def evidence_dir(self, host):
        return self.root / host / "evidence"


def clean(root):
    shutil.rmtree(root, ignore_errors=True)

# SPDX-License-Identifier: MIT
"""What black-box tests of the daemon share: TAP, a configuration in a folder of its own, the daemon itself, raw SMTP, a DNS
server that says what it is told, a next hop that keeps what it gets. Standard library only; loopback only."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

BUILD = Path(os.environ.get("HIKYAKU_BUILD", "build")).resolve()
IS_ROOT = os.getuid() == 0
USER, KEYS_USER = (65534, 65533) if IS_ROOT else (os.getuid(), os.getuid())
FORMS = (("--single", True), ("the processes", False))  # of the daemon
PORT = 2525
os.environ["PATH"] += ":/usr/sbin:/sbin"  # where Dovecot is, which is not in the PATH of a Debian user
SLOW = float(os.environ.get("HIKYAKU_SLOW", "1"))  # sanitizers and valgrind make everything slower


# ---- TAP ------------------------------------------------------------------------------------------------


class Tap:
    def __init__(self):
        self.number = self.failed = 0

    def ok(self, good, title, *details):
        self.number += 1
        self.failed += not good
        for detail in details if not good else ():
            for line in str(detail).splitlines()[-40:]:
                print(f"# {line}")
        print(f"{'ok' if good else 'not ok'} {self.number} - {title}", flush=True)
        return bool(good)

    def equal(self, got, want, title):
        return self.ok(got == want, title, f"got  {got!r}\nwant {want!r}")

    def skip(self, title, why):
        self.number += 1
        print(f"ok {self.number} - {title} # SKIP {why}", flush=True)

    def end(self):
        print(f"1..{self.number}", flush=True)
        return 1 if self.failed else 0


def run_cases(cases, tap):
    """Each case is a function(tap); what it throws is a failure of it."""
    wanted = sys.argv[1:]
    for case in cases:
        if wanted and case.__name__ not in wanted:
            continue
        began = time.monotonic()
        try:
            case(tap)
        except Exception as error:  # noqa: BLE001
            at = traceback.extract_tb(error.__traceback__)
            here = next((frame for frame in reversed(at) if frame.filename == sys.argv[0]), at[-1])
            said = f"{type(error).__name__}: {error}".splitlines()
            tap.ok(False, f"{case.__name__} runs to its end; line {here.lineno}: {said[0][:120]}", *said[1:])
        print(f"# {case.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    return tap.end()


# ---- waiting ----------------------------------------------------------------------------------------------


def wait_until(condition, seconds=10.0, step=0.02):
    """What condition() gives once it is true; its last value when the time is over."""
    deadline = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(step)


# ---- folders, addresses, keys -------------------------------------------------------------------------------


def msmtp_scram(program="msmtp", **more):
    """SCRAM in the way that this msmtp has it: Debian 13's binds it to the channel, and fails without that before it sends a word
    (libgsasl 2.2.2); Debian 12's cannot yet."""
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False, **more).stdout
    return "SCRAM-SHA-256-PLUS" if " scram-sha-256-plus " in f" {' '.join(said.split())} " else "SCRAM-SHA-256"


@contextlib.contextmanager
def folder():
    path = Path(tempfile.mkdtemp(prefix="hikyaku-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def enter_namespaces(after=("true",)):
    """Starts this program again in a network and mounts of its own; comes back inside of them, or gives the reason why not.
    after: a command that must be possible in there."""
    if os.environ.get("HIKYAKU_INSIDE") == "yes":
        return None
    command = ["unshare", *(["--user", "--map-root-user"] if os.getuid() else []), "--net", "--mount", "--pid", "--fork", "--kill-child", "--"]
    if subprocess.run([*command, *after], capture_output=True, check=False).returncode:
        return "this host lets us make no namespace"
    os.execvpe(command[0], [*command, sys.executable, "-B", *sys.argv], {**os.environ, "HIKYAKU_INSIDE": "yes"})


def prepare_namespaces():
    """Loopback, and a /tmp of our own."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "none", "/tmp"], check=True)
    subprocess.run(["mount", "-t", "proc", "none", "/proc"], check=True)


_last_host = 0


def fresh_address():
    """An address of 127/8 that no other test uses now."""
    global _last_host
    _last_host += 1
    pid = os.getpid()
    return f"127.{200 + pid // 250 % 50}.{pid % 250 + 1}.{_last_host % 250 + 1}"


def is_listening(address, port):
    """Looked up without a connection, which whoever listens would count. Connections of the past to this port are not it."""
    where = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(row.split()[1] == where and row.split()[3] == "0A" for row in list(table)[1:])


def make_certificate(path, name="mx.b.test"):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{path}.key",
                    "-out", f"{path}.crt", "-days", "30", "-subj", f"/CN={name}"], check=True, capture_output=True)


def make_key(path, kind="rsa"):
    options = ["-algorithm", "ED25519"] if kind == "ed25519" else ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    subprocess.run(["openssl", "genpkey", *options, "-out", str(path)], check=True, capture_output=True)
    path.chmod(0o600)
    done = subprocess.run(["openssl", "pkey", "-in", str(path), "-pubout", "-outform", "DER"], check=True, capture_output=True)
    return done.stdout[-32:] if kind == "ed25519" else done.stdout


# ---- the command ----------------------------------------------------------------------------------------------


def hikyaku(*arguments, given=b""):
    """The exit status, what it printed as bytes, and what it said to people as text."""
    environment = {**os.environ, "LC_ALL": "C", "NO_COLOR": "1"}
    done = subprocess.run([BUILD / "hikyaku", *map(str, arguments)], input=given, capture_output=True, env=environment, timeout=120)
    return done.returncode, done.stdout, done.stderr.decode("utf-8")


# ---- the daemon -----------------------------------------------------------------------------------------------


def preload(source):
    """The library of a C file, to be loaded before the daemon's own; built where it is first needed. None where it cannot be, or where the daemon
    cannot be run with it (sanitizers want to be first)."""
    made = BUILD / f"hikyaku-{source.stem}.so"
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
        done = subprocess.run([BUILD / "hikyakud", "--version"], env={**os.environ, "LD_PRELOAD": str(made)}, capture_output=True, check=False)
        if done.returncode == 0 and not done.stderr:
            return made
    return None


RELAY = "listen relay { address %(address)s:%(port)d; role relay; relay-from 127.0.0.0/8; }"


class Daemon:
    """hikyakud in a folder: conf, spool/, mail/USER (Maildirs), log."""

    def __init__(self, root, listeners="", rest="route * { via maildir %(root)s/mail/%%u; }", **settings):
        self.root, self.process = Path(root), None
        self.address = settings.pop("address", None) or fresh_address()
        self.single = settings.pop("single", True)
        self.values = {"root": self.root, "address": self.address, "port": PORT}
        self.settings = {"hostname": "mx.b.test", "spool": f"{self.root}/spool", "resolver": '"127.0.0.1@9"', "resolver-timeout": "1s",
                         "workers": "2", "timezone": "JST-9", "accept": "b.test", "retry": "1s", "lifetime": "1h"}
        self.settings.update((name.replace("_", "-"), value) for name, value in settings.items())
        if IS_ROOT:
            self.settings.setdefault("user", USER)
            self.settings.setdefault("keys-user", KEYS_USER)
        self.listeners, self.rest = listeners, rest
        mail = self.root / "mail"
        mail.mkdir(exist_ok=True)
        if IS_ROOT:
            os.chown(mail, USER, USER)
        self.log_path, self.conf_path = self.root / "log", self.root / "hikyakud.conf"
        self.write_conf()

    def conf_text(self):
        rows = [f"{name} {value};" for name, value in self.settings.items() if value is not None]
        listener = self.listeners or "listen mx { address %(address)s:%(port)d; reject-early-talkers off; }"
        return "\n".join(rows) + "\n" + listener % self.values + "\n" + self.rest % self.values + "\n"

    def write_conf(self, text=None):
        self.conf_path.write_text(text or self.conf_text())

    def command(self):
        return [str(BUILD / "hikyakud"), "--config", str(self.conf_path), "--foreground"] + (["--single"] if self.single else [])

    def start(self, wait=True, step=0.02, **options):
        self.log_at = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=True, **options)
        if wait and not wait_until(lambda: "ev=ready" in self.log() or self.process.poll() is not None, 20, step):
            raise RuntimeError("hikyakud is not ready:\n" + self.log())
        if wait and self.process.poll() is not None:
            raise RuntimeError("hikyakud ended at once:\n" + self.log())
        return self

    def log(self, all=False):
        with open(self.log_path, "rb") as file:
            file.seek(0 if all else self.log_at)
            return file.read().decode(errors="replace")

    def wait_log(self, pattern, seconds=10.0, count=1):
        found = wait_until(lambda: (lambda all: all if len(all) >= count else None)(re.findall(pattern, self.log())), seconds)
        return found or []

    def pids(self):
        """role -> pid, as they said when they got ready."""
        found = re.findall(r"ev=ready pid=(\d+)(?: mta=(\d+) keys=(\d+))?", self.log())[-1]
        return {role: int(pid) for role, pid in zip(("supervisor", "mta", "keys"), found) if pid}

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, seconds=20.0):
        """Gracefully; the exit status, or None when it had to be killed."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            status = None
        self.check_sanitizers()
        return status

    def check_sanitizers(self):
        """Roles have no environment, so what a sanitizer says about them is in the log only."""
        log = self.log()
        # an access inside a library that is not instrumented proves nothing (tests/tsan.supp)
        bad = [line for line in re.findall(r"SUMMARY: \w+Sanitizer: .*|.*runtime error: .*", log) if "race (/" not in line]
        if bad:
            raise RuntimeError("\n".join(bad) + "\n" + "\n".join(re.findall(r"(?m)^(?:    #.*|.*Sanitizer:.*)$", log)[:60]))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def crash(self):
        """kill -9 for all of it. The supervisor stands still meanwhile, or it would start the mail process again; back when the
        last one is gone, for what a process holds (sockets, the spool) stays until the kernel has taken it down."""
        pids = self.pids()
        if "mta" in pids:
            self.process.send_signal(signal.SIGSTOP)
            os.kill(pids["mta"], signal.SIGKILL)
            os.kill(pids["keys"], signal.SIGKILL)
        self.kill()
        wait_until(lambda: not any(is_running(pid) for pid in pids.values()))

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.stop()

    # what was stored

    def files(self, user="user1", where="new"):
        path = self.root / "mail" / user / where
        return sorted(path.iterdir()) if path.is_dir() else []

    def wait_mail(self, user="user1", count=1, seconds=10.0):
        wait_until(lambda: len(self.files(user)) >= count, seconds)
        return [path.read_bytes() for path in self.files(user)]


def tls_daemon(root, **settings):
    """One whose listener offers STARTTLS."""
    make_certificate(root / "tls")
    listeners = ("listen mx { address %(address)s:%(port)d; reject-early-talkers off; starttls on;"
                 " certificate %(root)s/tls.crt; certificate-key %(root)s/tls.key; }")
    return Daemon(root, listeners, **settings)


def status_of(pid, field):
    """A field of /proc/PID/status, as a list of words."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return line.split(":", 1)[1].split()
    return None


def is_running(pid):
    try:
        return status_of(pid, "State")[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


# ---- SMTP, as raw as it gets --------------------------------------------------------------------------------------


class Smtp:
    """One connection; replies are (code, text of all lines joined by newlines)."""

    def __init__(self, address, port=PORT, timeout=20.0, greet=True):
        self.socket = socket.create_connection((address, port), timeout=timeout * SLOW)
        self.buffer = b""
        self.banner = self.reply() if greet else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        while b"\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError("the server closed the connection")
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode(errors="replace")

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return int(lines[-1][:3]), "\n".join(line[4:] for line in lines)

    def command(self, text):
        self.send(text + "\r\n")
        return self.reply()

    def eof(self):
        """True when the server closes now."""
        try:
            return not self.buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def starttls(self):
        code, _ = reply = self.command("STARTTLS")
        if code == 220:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        return reply

    def envelope(self, rcpts=("user1@b.test",), mail_from="u@a.test", helo="EHLO a.test"):
        """Up to and with DATA; the last reply, or the first refusal."""
        for text in ([helo] if helo else []) + [f"MAIL FROM:<{mail_from}>"] + [f"RCPT TO:<{r}>" for r in rcpts] + ["DATA"]:
            reply = self.command(text)
            if reply[0] >= 400:
                return reply
        return reply

    def message(self, body=b"Subject: test\r\n\r\nhello\r\n", **envelope):
        """The reply to the final dot, or the first refusal. body: with CRLF, not dot-stuffed."""
        reply = self.envelope(**envelope)
        if reply[0] != 354:
            return reply
        self.send(re.sub(rb"(?m)^\.", b"..", body) + b".\r\n")
        return self.reply()


def queue_id(reply):
    found = re.search(r"queued as ([0-9A-F]+)$", reply[1])
    return found[1] if found else None


# ---- the next hop -----------------------------------------------------------------------------------------------------


class Sink:
    """An SMTP server that keeps what it gets: self.messages is a list of (mail_from, [rcpt], bytes)."""

    def __init__(self, address=None, port=PORT, replies=None, offers=b"250-PIPELINING\r\n250 8BITMIME\r\n"):
        self.address, self.port = address or fresh_address(), port
        self.replies = replies or {}  # "RCPT": b"550 no\r\n" in place of the usual; "RCPT user@b.test": for one
        self.offers, self.commands = offers, []
        self.messages, self.sessions, self.ended = [], [], 0
        self.heard = []  # (address, the name in EHLO)
        self.server = socket.create_server((self.address, port), backlog=256)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, peer = self.server.accept()
                self.sessions.append(peer[0])
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError, ValueError):
            file = connection.makefile("rb")
            connection.sendall(b"220 sink ESMTP\r\n")
            mail_from, rcpts = "", []
            while line := file.readline():
                verb = line.split(b":")[0].strip().upper().decode().split(" ")[0]
                self.commands.append(line.decode(errors="replace").strip())
                if verb == "EHLO":
                    self.heard.append((connection.getpeername()[0], line[5:].strip().decode(errors="replace")))
                address = re.search(rb"<(.*?)>", line)
                one = f"{verb} {address[1].decode(errors='replace')}" if address else verb
                if one in self.replies or verb in self.replies:
                    connection.sendall(self.replies.get(one) or self.replies[verb])
                    continue
                if verb == "MAIL":
                    mail_from, rcpts = address[1].decode(), []
                elif verb == "RCPT":
                    rcpts.append(address[1].decode())
                elif verb == "DATA":
                    connection.sendall(b"354 go\r\n")
                    rows = []
                    while (row := file.readline()) not in (b".\r\n", b""):
                        rows.append(row[1:] if row.startswith(b".") else row)
                    self.messages.append((mail_from, rcpts, b"".join(rows)))
                connection.sendall({"EHLO": b"250-sink\r\n" + self.offers, "QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n"))
                if verb == "QUIT":
                    self.ended += 1
                    return


# ---- DNS ------------------------------------------------------------------------------------------------------------------

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".") if label) + b"\0"


def wire_data(kind, value):
    if kind in ("A", "AAAA"):
        return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)
    if kind == "MX":
        preference, host = value.split()
        return struct.pack(">H", int(preference)) + wire_name(host)
    if kind == "TXT":
        data = value.encode()
        return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, max(len(data), 1), 255))
    return wire_name(value)


class Dns:
    """A resolver over UDP: records is {(name, type): [value]}; a name of "silent" is never answered; anything else is NXDOMAIN."""

    def __init__(self, records, silent=(), port=5353, ttl=60):
        self.records, self.silent, self.ttl, self.asked = records, tuple(silent), ttl, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = fresh_address()
        self.socket.bind((self.address, port))
        self.where = f'"{self.address}@{port}"'
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        self.socket.close()

    def serve(self):
        with contextlib.suppress(OSError, ValueError):
            while True:
                packet, peer = self.socket.recvfrom(4096)
                answer = self.answer(packet)
                if answer:
                    self.socket.sendto(answer, peer)

    def answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode(errors="replace"))
            at += 1 + packet[at]
        name = ".".join(labels).lower()
        number, = struct.unpack(">H", packet[at + 1:at + 3])
        kind = next((text for text, value in TYPES.items() if value == number), str(number))
        self.asked.append((name, kind))
        if "*" in self.silent or any(name == s or name.endswith("." + s) for s in self.silent):
            return None
        values = self.records.get((name, kind), [])
        exists = values or any(n == name or n.endswith("." + name) for n, _ in self.records)
        question = packet[12:at + 5]
        body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", number, 1, self.ttl, len(d)) + d for d in (wire_data(kind, v) for v in values))
        flags = 0x8180 if exists else 0x8183
        return packet[:2] + struct.pack(">HHHHH", flags, 1, len(values), 0, 0) + question + body

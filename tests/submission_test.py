# SPDX-License-Identifier: MIT
"""Submission with a real server: users of the password file and of Dovecot, by real clients. TAP."""

import base64
import hashlib
import hmac
import os
import pwd
import re
import shutil
import smtplib
import ssl
import subprocess
import sys
import time

from harness import IS_ROOT, PORT, SLOW, Daemon, Smtp, Tap, folder, hikyaku, make_certificate, msmtp_scram, run_cases, wait_until

PASSWORD = "correct horse"
TOKEN = "23bf83be-aad7-46aa-9e0f-39191ccf402f"
MAIL = "From: alice@b.test\r\nTo: user1@b.test\r\nBcc: hidden@b.test\r\nSubject: hello\r\n\r\nhello\r\n"


def b64(text):
    return base64.b64encode(text.encode()).decode()


PLAIN = "AUTH PLAIN " + b64(f"\0alice@b.test\0{PASSWORD}")
WRONG = "AUTH PLAIN " + b64("\0alice@b.test\0wrong horse")


def add_user(root, name, *more, password=PASSWORD, action="add"):
    code, _, said = hikyaku("users", action, "--file", root / "users", *more, name, given=(password + "\n").encode())
    assert code == 0, said


def server(root, items="", auth=None, **settings):
    make_certificate(root / "tls")
    if auth is None:
        add_user(root, "alice@b.test")
        add_user(root, "bob", "--sender", "bob@b.test", "--sender", "@c.test")
    listener = ("listen mua { address %(address)s:%(port)d; role submission; starttls on; certificate %(root)s/tls.crt; "
                "certificate-key %(root)s/tls.key; auth " + (auth or "file %(root)s/users") + "; " + items + " }")
    return Daemon(root, listener, **settings)


class Mua(Smtp):
    """A client behind STARTTLS and EHLO."""

    def __init__(self, address, context=None):
        super().__init__(address)
        self.command("EHLO pc.b.test")
        code, _ = self.command("STARTTLS")
        assert code == 220
        if context is None:
            context = ssl._create_unverified_context()
        self.socket = context.wrap_socket(self.socket)
        self.ehlo = self.command("EHLO pc.b.test")[1]


def client_certificate(root, name, common, address=None, ca="ca"):
    """NAME.pem with its key, signed by the authority `ca`."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    if not (root / f"{ca}.crt").exists():
        openssl("req", "-x509", *new, "-days", "30", "-subj", f"/CN={ca}", "-addext", "basicConstraints=critical,CA:TRUE",
                "-keyout", root / f"{ca}.key", "-out", root / f"{ca}.crt")
        (root / f"{ca}.crt").chmod(0o644)
    openssl("req", *new, "-subj", common, "-keyout", root / f"{name}.key", "-out", root / f"{name}.csr")
    (root / "ext").write_text(f"subjectAltName=email:{address}\n" if address else "keyUsage=digitalSignature\n")
    openssl("x509", "-req", "-in", root / f"{name}.csr", "-CA", root / f"{ca}.crt", "-CAkey", root / f"{ca}.key", "-set_serial", "7",
            "-days", "30", "-extfile", root / "ext", "-out", root / f"{name}.crt")
    context = ssl._create_unverified_context()
    context.load_cert_chain(root / f"{name}.crt", root / f"{name}.key")
    return context


def test_external(root, tap):
    """RFC 4422 appendix A: a user by his certificate."""
    by_address = client_certificate(root, "address", "/CN=Alice", "alice@b.test")
    rows = [("its e-mail address", by_address, 235, "alice@b.test"),
            ("its common name, where it has no address", client_certificate(root, "common", "/CN=bob"), 235, "bob@b.test"),
            ("its common name, beside an address", client_certificate(root, "beside", "/CN=bob", "nobody@b.test"), 535, None),
            ("two common names", client_certificate(root, "two", "/CN=bob/CN=alice@b.test"), 535, None),
            ("nobody that we know", client_certificate(root, "nobody", "/CN=Nobody", "nobody@b.test"), 535, None),
            ("an authority that is not ours", client_certificate(root, "other", "/CN=Alice", "alice@b.test", "otherca"), 535, None),
            ("no certificate", None, 535, None)]
    for single in (True, False):
        with server(root, "client-authorities %(root)s/ca.crt; auth-failures 0;", None if single else "file %(root)s/users", single=single) as daemon:
            with Smtp(daemon.address) as plain:
                plain.command("EHLO pc.b.test")
                tap.equal(plain.command("AUTH EXTERNAL =")[0] in (504, 538), True, "EXTERNAL: not without TLS")
            for title, context, code, sender in rows:
                with Mua(daemon.address, context) as mua:
                    tap.ok(re.search(r"AUTH .*\bEXTERNAL\b", mua.ehlo), "EXTERNAL: it is offered under TLS", mua.ehlo)
                    tap.equal(mua.command("AUTH EXTERNAL =")[0], code, f"EXTERNAL: {title}: {code}")
                    if sender:
                        tap.equal(mua.command("MAIL FROM:<mallory@b.test>")[0] // 100, 5, f"EXTERNAL: {title}: not as somebody else")
                        tap.equal(send(mua, sender, mail=MAIL.replace("alice@b.test", sender)), [250, 250, 354, 250], f"EXTERNAL: {title}: he sends")
                    else:
                        tap.equal(mua.command(PLAIN)[0], 235, f"EXTERNAL: {title}: a password does all the same")
            with Mua(daemon.address, by_address) as mua:
                tap.equal(mua.command("AUTH EXTERNAL " + b64("bob"))[0], 535, "EXTERNAL: nobody acts for another user")
            tap.ok(daemon.wait_log("user=alice@b.test mechanism=EXTERNAL tls=1"), "EXTERNAL: the log says who it was", daemon.log()[-800:])


def send(mua, mail_from="alice@b.test", rcpt="user1@b.test", mail=MAIL):
    codes = [mua.command(f"MAIL FROM:<{mail_from}>")[0], mua.command(f"RCPT TO:<{rcpt}>")[0], mua.command("DATA")[0]]
    mua.send(mail + ".\r\n")
    return codes + [mua.reply()[0]]


# ---- the password file ----


def test_smtplib(root, tap):
    with server(root) as daemon:
        for count, mechanism in enumerate(("PLAIN", "LOGIN"), 1):
            with smtplib.SMTP(daemon.address, PORT, timeout=20 * SLOW) as client:
                client.starttls(context=ssl._create_unverified_context())
                client.ehlo()
                client.user, client.password = "alice@b.test", PASSWORD
                code, _ = client.auth(mechanism, getattr(client, "auth_" + mechanism.lower()))
                client.sendmail("alice@b.test", ["user1@b.test"], MAIL)
            stored = daemon.wait_mail(count=count)
            tap.equal(code, 235, f"S3-039: smtplib authenticates with {mechanism}")
        tap.ok(len(stored) == 2 and all(b" with ESMTPSA id " in mail for mail in stored), "S0-025: Received says ESMTPSA", stored)
        tap.ok(all(b"hidden" not in mail for mail in stored), "S3-013: Bcc is gone", stored)
        tap.ok(all(re.search(rb"(?m)^Message-ID: <\w+@mx.b.test>\r?$", mail) and b"\nDate: " in mail for mail in stored),
               "S3-081, S0-031: Message-ID and Date were added", stored)
        tap.equal(len(daemon.wait_log(r"ev=accept .* user=alice@b\.test", count=2)), 2, "the log names the user")
        log = daemon.log()
        secrets = [PASSWORD, b64(PASSWORD), b64(f"\0alice@b.test\0{PASSWORD}")]
        tap.ok(not any(secret in log for secret in secrets), "SEC-88: no secret stands in the log")


def test_dialogue(root, tap):
    """The replies, as they stand on the wire."""
    with server(root) as daemon, Smtp(daemon.address) as clear:
        said = clear.command("EHLO pc.b.test")[1]
        tap.ok("AUTH" not in said, "S0-011: in clear AUTH is not offered", said)
        tap.equal([clear.command(PLAIN), clear.command("MAIL FROM:<alice@b.test>")[0]],
                  [(538, "5.7.11 Authentication needs TLS first: STARTTLS (RFC 4954 4) [auth-needs-tls]"), 530],
                  "S0-011: on a submission port nobody authenticates in clear, nor sends without")
        with Mua(daemon.address) as mua:
            offered = re.search(r"(?m)^AUTH (.*)$", mua.ehlo)[1]
            tap.equal(offered, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN", "under TLS it is, the strongest first")
            tap.equal(mua.command("MAIL FROM:<alice@b.test>")[0], 530, "TLS alone is no proof")
            tap.equal(mua.command(WRONG)[1][:5], "5.7.8", "S3-039: a wrong password is 535 5.7.8")
            nobody = mua.command("AUTH PLAIN " + b64(f"\0nobody\0{PASSWORD}"))
            tap.equal((nobody[0], nobody[1].split(" [")[0]), (535, "5.7.8 The credentials are not valid (RFC 4954 6)"), "so is a user whom nobody knows")
            blob = mua.command("AUTH LOGIN dGVzdAB0ZXN0ADEyMzQ=")
            tap.ok(blob[0] == 501, "E-09: a response of PLAIN given to LOGIN is 501", blob)
            code, text = mua.command(PLAIN)
            tap.equal((code, text[:5]), (235, "2.7.0"), "S3-039: the right one is 235 2.7.0")
            tap.equal(send(mua), [250, 250, 354, 250], "S0-011: the eight steps, on a submission port")
            tap.equal(mua.command("MAIL FROM:<bob@b.test>")[0], 553, "another's address is 553")
            tap.equal(mua.command(PLAIN)[0], 503, "nobody authenticates twice")
        tap.ok(daemon.wait_mail(), "the message arrived")


def test_users_change(root, tap):
    with server(root, single=not IS_ROOT) as daemon:
        add_user(root, "alice@b.test", password="another horse", action="passwd")
        add_user(root, "carol@b.test")
        with Mua(daemon.address) as mua:
            tap.equal(mua.command(PLAIN)[0], 235, "before a reload the old password counts")
        daemon.reload()
        daemon.wait_log("ev=reload")
        with Mua(daemon.address) as mua:
            tap.equal([mua.command(PLAIN)[0], mua.command("AUTH PLAIN " + b64(f"\0carol@b.test\0{PASSWORD}"))[0]], [535, 235],
                      "after it the new one and the new user")
        (root / "users").write_text("broken\n")
        daemon.reload()
        tap.ok(daemon.wait_log(r"users: line 1: the second field"), "a broken file is refused, with its line", daemon.log())
        with Mua(daemon.address) as mua:
            tap.equal(mua.command("AUTH PLAIN " + b64(f"\0carol@b.test\0{PASSWORD}"))[0], 235, "and the old one goes on")


def test_supervisor(root, tap):
    """The mail process cannot read the file: the supervisor opens it."""
    if not IS_ROOT:
        tap.skip("a password file that only root may read", "not root")
        return
    daemon = server(root, single=False, clientid_key=f"{root}/device.key")
    (root / "device.key").write_bytes(b"k" * 32)
    for name in ("users", "device.key"):
        (root / name).chmod(0o600)
    with daemon, Mua(daemon.address) as mua:
        tap.equal([mua.command(PLAIN)[0], *send(mua)], [235, 250, 250, 354, 250], "a password file that only root may read")


def test_failures(root, tap):
    with server(root, "auth-failures 3/10m;") as daemon:
        with Mua(daemon.address) as mua:
            begun = time.monotonic()
            codes = [mua.command(WRONG)[0] for _ in range(3)]
            passed = time.monotonic() - begun
            tap.equal(codes, [535, 535, 421], "SEC-88: the third failure of three is the end")
            tap.ok(passed > 0.5 + 1 + 2 - 0.1, "SEC-88: and each took longer than the one before", passed)  # clocks have steps
        with Mua(daemon.address) as mua:
            begun = time.monotonic()
            code, text = mua.command(PLAIN)
            tap.ok(code == 421 and "4.7.0" in text and time.monotonic() - begun < 5, "the client is sent away at once", code, text)
        with Smtp(daemon.address) as other:
            tap.equal(other.command("EHLO x")[0], 250, "others are served meanwhile")


def test_clientid(root, tap):
    with server(root, "clientid required;") as daemon:
        with Smtp(daemon.address) as clear:
            said = clear.command("EHLO x")[1]
            tap.ok("CLIENTID" not in said and clear.command("CLIENTID UUID " + TOKEN)[0] == 530, "S4-120, S4-123: not without TLS", said)
        with Mua(daemon.address) as mua:
            tap.ok("CLIENTID" in mua.ehlo.split("\n"), "S4-120: offered under TLS", mua.ehlo)
            tap.equal(mua.command(PLAIN)[0], 530, "S4-125: without one nobody authenticates here")
            codes = [mua.command(text)[0] for text in ("CLIENTID UUID " + TOKEN, "CLIENTID UUID " + TOKEN, "RSET", "CLIENTID UUID " + TOKEN,
                                                       "AUTH LOGIN " + b64("alice@b.test"), b64(PASSWORD), "CLIENTID UUID " + TOKEN)]
            tap.equal(codes, [250, 503, 250, 250, 334, 235, 503], "S4-121, S4-122, S4-124: once, before AUTH, discarded by RSET")
            tap.equal(send(mua), [250, 250, 354, 250], "S4-124: and then MAIL")
        stored = daemon.wait_mail()
        device, accepted = daemon.wait_log(r"ev=auth ok=1 .* device=([0-9a-f]{64})"), daemon.wait_log(r"ev=accept .*")
        log = daemon.log()
        tap.ok(device and accepted and f"device={device[0]}" in accepted[0], "S4-125: the log knows the device by an HMAC", log)
        kept = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file() and path.stat().st_size < 1 << 26)
        tap.ok(TOKEN.encode() not in kept and stored, "the token itself is nowhere: not in the log, the spool, the message")


# ---- SCRAM ----


class Scram:
    """The client's side of RFC 5802 with SHA-256, as plainly as it can be written."""

    def __init__(self, name, password, header="n,,", binding=b""):
        self.first, self.password = f"n={name},r=fyko+d2lbbFgONRv9qkxdawL", password
        self.header, self.binding = header, binding

    def start(self):
        return (self.header + self.first).encode()

    def answer(self, challenge):
        server_first = challenge.decode()
        fields = dict(item.split("=", 1) for item in server_first.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))

        def mac(key, text):
            return hmac.new(key, text, hashlib.sha256).digest()

        final = "c=" + base64.b64encode(self.header.encode() + self.binding).decode() + ",r=" + fields["r"]
        message = f"{self.first},{server_first},{final}".encode()
        key = mac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), message)))
        self.expected = mac(mac(salted, b"Server Key"), message)
        return (final + ",p=" + base64.b64encode(proof).decode()).encode()


def scram(mua, client, mechanism="SCRAM-SHA-256"):
    """The codes of the exchange, and whether the server proved itself."""
    code, text = mua.command(f"AUTH {mechanism} " + base64.b64encode(client.start()).decode())
    codes, proved = [code], False
    if code == 334:
        code, text = mua.command(base64.b64encode(client.answer(base64.b64decode(text))).decode())
        codes.append(code)
    if code == 334:
        proved = base64.b64decode(text) == b"v=" + base64.b64encode(client.expected)
        codes.append(mua.command("")[0])
    return codes, proved


def test_scram(root, tap):
    with server(root, "auth-failures 0;") as daemon:
        with Mua(daemon.address) as mua:
            tap.equal(scram(mua, Scram("alice@b.test", PASSWORD)), ([334, 334, 235], True), "S3-039: SCRAM-SHA-256, and the server proves itself")
            tap.equal(send(mua), [250, 250, 354, 250], "and the user may send")
        with Mua(daemon.address) as mua:
            tap.equal(scram(mua, Scram("alice@b.test", "wrong")), ([334, 535], False), "with a wrong password it fails at the proof")
            tap.equal(scram(mua, Scram("nobody", PASSWORD)), ([334, 535], False), "for somebody unknown no earlier")
            tap.equal(scram(mua, Scram("alice@b.test", PASSWORD, "y,,"))[0][-1], 535,
                      "a client that could bind, and thinks that the server cannot, was lied to (RFC 5802 6)")
        context = ssl._create_unverified_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with Mua(daemon.address, context) as mua:
            unique = mua.socket.get_channel_binding("tls-unique")
            good = Scram("alice@b.test", PASSWORD, "p=tls-unique,,", unique)
            bad = Scram("alice@b.test", PASSWORD, "p=tls-unique,,", bytes(len(unique)))
            tap.equal(scram(mua, bad, "SCRAM-SHA-256-PLUS")[0][-1], 535, "SCRAM-SHA-256-PLUS: the binding of another channel fails")
            tap.equal(scram(mua, good, "SCRAM-SHA-256-PLUS"), ([334, 334, 235], True), "SCRAM-SHA-256-PLUS binds to this one")


# ---- old machines ----


def old_tls(address):
    context = ssl._create_unverified_context()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    try:
        with Mua(address, context) as mua:
            return mua.socket.version(), mua.command(PLAIN)[0]
    except (ssl.SSLError, ConnectionError, EOFError) as error:
        return type(error).__name__, 0


def test_legacy(root, tap):
    with server(root, "legacy-clients 127.0.0.0/8;") as daemon:
        tap.equal(old_tls(daemon.address), ("TLSv1", 235), "a client that is named may speak TLS 1.0")
        with Mua(daemon.address) as mua:
            mua.command(PLAIN)
            codes = send(mua, mail=MAIL + "one\ntwo\r\n")
        stored = daemon.wait_mail()
        tap.ok(codes[-1] == 250 and b"one\r\ntwo\r\n" in stored[0].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), "and its bare line feeds are mended", codes)
        done = subprocess.run([*daemon.command(), "--check-config"], capture_output=True, text=True)
        tap.ok("warning: listen mua: legacy-clients" in done.stderr and done.returncode == 0, "--check-config warns of it", done.stderr)
    with server(root, "legacy-clients 10.0.0.0/8;", auth="file %(root)s/users") as daemon:
        tap.ok(old_tls(daemon.address)[1] == 0, "one that is not named may not")
        with Mua(daemon.address) as mua:
            mua.command(PLAIN)
            tap.equal(send(mua, mail=MAIL + "one\ntwo\r\n")[-1], 550, "nor are its line feeds mended")


# ---- clients of others ----


def run(*command, given=None, **more):
    done = subprocess.run([str(word) for word in command], input=given, capture_output=True, text=True, timeout=60 * SLOW, **more)
    return done.returncode, done.stdout + done.stderr


def test_clients(root, tap):
    (root / "mail.txt").write_text(MAIL)
    with server(root) as daemon:
        at = f"{daemon.address}:{PORT}"
        commands = {
            "swaks": [(mechanism, ["swaks", "--server", daemon.address, "--port", PORT, "--tls", "--auth", mechanism, "--auth-user", "alice@b.test",
                                   "--auth-password", PASSWORD, "--from", "alice@b.test", "--to", "user1@b.test"]) for mechanism in ("PLAIN", "LOGIN")],
            "curl": [(mechanism, ["curl", "-sS", "--ssl-reqd", "--insecure", "--url", f"smtp://{at}/pc.b.test", "--mail-from", "alice@b.test",
                                  "--mail-rcpt", "user1@b.test", "--upload-file", root / "mail.txt", "--user", f"alice@b.test:{PASSWORD}",
                                  "--login-options", f"AUTH={mechanism}"]) for mechanism in ("PLAIN", "LOGIN")],
            "msmtp": [(mechanism, ["msmtp", "--host", daemon.address, "--port", PORT, "--tls=on", "--tls-certcheck=off", f"--auth={mechanism.lower()}",
                                   "--user=alice@b.test", f"--passwordeval=echo '{PASSWORD}'", "--from=alice@b.test", "user1@b.test"])
                      for mechanism in ("PLAIN", "LOGIN", msmtp_scram() if shutil.which("msmtp") else "SCRAM-SHA-256")],
        }
        count = 0
        for program, cases in commands.items():
            for mechanism, command in cases:
                title = f"S3-039: {program} authenticates with {mechanism} and sends"
                if not shutil.which(program):
                    tap.skip(title, f"no {program} here")
                    continue
                code, said = run(*command, given=MAIL if program == "msmtp" else None, env={**os.environ, "HOME": str(root)})
                if code and "not support" in said:
                    tap.skip(title, said.strip().splitlines()[-1][:100])
                    continue
                count += code == 0
                tap.ok(code == 0 and len(daemon.wait_mail(count=count)) == count, title, code, said)


# ---- Dovecot ----

DOVECOT = """
{version}
base_dir = {root}/run
log_path = {root}/dovecot.log
auth_debug = yes
ssl = no
protocols =
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
auth_mechanisms = plain login scram-sha-256
auth_failure_delay = 0
{users}
service auth {{
  unix_listener {root}/auth-client {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""

DOVECOT_2_3 = {"version": "", "users": """
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {root}/passwd
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
"""}
DOVECOT_2_4 = {"version": "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0", "users": """
auth_allow_cleartext = yes
passdb passwd-file {{
  default_password_scheme = PLAIN
  auth_username_format = %{{user}}
  passwd_file_path = {root}/passwd
}}
userdb static {{
  fields {{
    uid = 65534
    gid = 65534
    home = /nonexistent
  }}
}}
"""}


class Dovecot:
    def __init__(self, root):
        self.root = root / "dovecot"
        self.root.mkdir()
        self.root.chmod(0o755)
        (self.root / "passwd").write_text(f"alice@b.test:{{PLAIN}}{PASSWORD}\n")
        user = "dovecot" if IS_ROOT else pwd.getpwuid(os.getuid()).pw_name
        rest = "" if IS_ROOT else "service anvil {\n  chroot =\n}\n"  # which only root may; nobody would count the failures
        form = DOVECOT_2_3 if run("dovecot", "--version")[1].startswith("2.3") else DOVECOT_2_4
        (self.root / "dovecot.conf").write_text(DOVECOT.format(root=self.root, user=user, group=user, version=form["version"],
                                                               users=form["users"].format(root=self.root)) + rest)

    def __enter__(self):
        self.process = subprocess.Popen(["dovecot", "-F", "-c", str(self.root / "dovecot.conf")], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_until(lambda: (self.root / "auth-client").exists(), 20):
            log = self.root / "dovecot.log"
            raise RuntimeError(log.read_text() if log.exists() else "dovecot did not begin to log")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def test_dovecot(root, tap):
    if not shutil.which("dovecot"):
        tap.skip("S3-039: users of Dovecot", "no dovecot here")
        return
    with Dovecot(root) as dovecot, server(root, "clientid on;", auth=f"dovecot {dovecot.root}/auth-client") as daemon:
        with Mua(daemon.address) as mua:
            tap.equal(set(re.search(r"(?m)^AUTH (.*)$", mua.ehlo)[1].split()), {"PLAIN", "LOGIN", "SCRAM-SHA-256"}, "Dovecot's mechanisms are offered")
            tap.equal(mua.command(WRONG)[0], 535, "S3-039: its FAIL is 535")
            tap.equal(mua.command("CLIENTID UUID " + TOKEN)[0], 250, "a device is named")
            tap.equal([mua.command("AUTH LOGIN")[0], mua.command(b64("alice@b.test"))[0], mua.command(b64(PASSWORD))[0]], [334, 334, 235],
                      "S3-039: CONT, CONT, OK are 334, 334, 235")
            tap.equal(send(mua), [250, 250, 354, 250], "its user may send")
            tap.equal(mua.command("MAIL FROM:<bob@b.test>")[0], 553, "in his own name")
        with Mua(daemon.address) as mua:
            tap.equal(scram(mua, Scram("alice@b.test", PASSWORD)), ([334, 334, 235], True), "S3-039: SCRAM-SHA-256 goes through Dovecot too")
        log = (dovecot.root / "dovecot.log").read_text()
        device = daemon.wait_log(r"ev=auth ok=1 .* device=([0-9a-f]{64})")
        tap.ok("rip=127." in log and "secured" in log and "service=smtp" in log, "Dovecot is told the client's address and that there is TLS", log[-3000:])
        tap.ok(device and device[0] in log and TOKEN not in log, "S4-125: and the device, by its HMAC", log[-3000:])
    with server(root / "dovecot", auth=f"dovecot {root}/none") as daemon, Mua(daemon.address) as mua:
        tap.equal(mua.command(PLAIN)[0], 454, "where it is not there, 454")


def in_folder(case):
    def run_case(tap):
        with folder() as root:
            case(root, tap)
    run_case.__name__ = case.__name__
    return run_case


CASES = [test_smtplib, test_dialogue, test_users_change, test_supervisor, test_failures, test_clientid, test_scram, test_external, test_legacy, test_clients, test_dovecot]

if __name__ == "__main__":
    sys.exit(run_cases([in_folder(case) for case in CASES], Tap()))

# SPDX-License-Identifier: MIT
"""How deliveries use TLS, with a signed zone (NSD, ldns-signzone, a trust anchor of ours), mail servers with certificates of all
kinds and a server of MTA-STS policies. TAP.

usage: tls_policy_test.py [CASE...]"""

import contextlib
import hashlib
import http.server
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import Daemon, folder, fresh_address, IS_ROOT, PORT, RELAY, run_cases, Sink, Smtp, Tap, wait_until  # noqa: E402

TOOLS = ("nsd", "ldns-keygen", "ldns-signzone", "openssl")


def find(tool):
    return shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin")


def run(*arguments, **options):
    return subprocess.run([str(a) for a in arguments], check=True, capture_output=True, **options).stdout


# ---- certificates ----------------------------------------------------------------------------------------


class Authority:
    """Signs certificates; one for each name, kind "good", "expired" or "self"."""

    def __init__(self, root):
        self.root = root
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=Test CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign", "-keyout", root / "ca.key", "-out", root / "ca.crt")
        (root / "ca.db").write_text("")
        (root / "ca.serial").write_text("01\n")

    def certificate(self, name, kind="good"):
        path = self.root / f"{name}-{kind}"
        key, crt, csr = (path.with_name(path.name + end) for end in (".key", ".crt", ".csr"))
        if crt.exists():
            return crt, key
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name]
        if kind != "cn":  # no name but that of the subject
            new += ["-addext", "subjectAltName=DNS:" + name]
        if kind == "self":
            run("openssl", "req", "-x509", *new, "-days", "30", "-keyout", key, "-out", crt)
            return crt, key
        run("openssl", "req", "-new", *new, "-keyout", key, "-out", csr)
        conf = self.root / "ca.cnf"
        conf.write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={self.root}/ca.db\nserial={self.root}/ca.serial\nnew_certs_dir={self.root}\n"
                        "default_md=sha256\npolicy=p\ncopy_extensions=copy\nunique_subject=no\n[p]\ncommonName=supplied\n")
        dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"] if kind == "expired" else ["-days", "30"]
        run("openssl", "ca", "-batch", "-notext", "-config", conf, "-cert", self.root / "ca.crt", "-keyfile", self.root / "ca.key", *dates, "-in", csr, "-out", crt)
        return crt, key

    def tlsa(self, name, kind="good"):
        """3 1 1 of its key"""
        crt, _ = self.certificate(name, kind)
        public = run("openssl", "x509", "-in", crt, "-pubkey", "-noout")
        return "3 1 1 " + hashlib.sha256(run("openssl", "pkey", "-pubin", "-outform", "DER", input=public)).hexdigest()


class TlsSink(Sink):
    """A mail server with STARTTLS."""

    def __init__(self, certificate, **options):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.names, self.tls = [], 0
        self.context.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__(**options)

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            file = connection.makefile("rb", buffering=0)
            connection.sendall(b"220 sink ESMTP\r\n")
            while line := file.readline():
                verb = line[:4].upper()
                if verb == b"STAR":
                    connection.sendall(b"220 go\r\n")
                    with self.context.wrap_socket(connection, server_side=True) as inside:
                        self.tls += 1
                        self.after_tls(inside)
                    return
                connection.sendall(b"250-sink\r\n250 STARTTLS\r\n" if verb == b"EHLO" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    def after_tls(self, connection):
        file = connection.makefile("rb")
        while line := file.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                connection.sendall(b"354 go\r\n")
                rows = []
                while (row := file.readline()) not in (b".\r\n", b""):
                    rows.append(row)
                self.messages.append(b"".join(rows))
            connection.sendall(b"250-sink\r\n250 REQUIRETLS\r\n" if verb == b"EHLO" else b"250 ok\r\n")


# ---- the signed zone ----------------------------------------------------------------------------------------


class Zones:
    """NSD with test., signed, and old.test., whose signatures have run out."""

    def __init__(self, root, rows):
        self.root = root / "zones"
        self.root.mkdir()
        self.keys = {}
        self.address, self.port = fresh_address(), 5355
        head = "$TTL 60\n@ IN SOA ns.test. root.test. 1 3600 900 86400 60\n@ IN NS ns.test.\n"
        ds = self.sign("old.test", head + "@ MX 1 mx.old.test.\nmx A 127.0.0.1\n", ["-e", "20210101", "-i", "20200101"])
        self.text = head + f"ns A {self.address}\nold NS ns.test.\n{ds}\n"
        anchor = self.sign("test", self.text + rows, [])
        self.anchor = root / "anchor"
        self.anchor.write_text("; ours\n" + anchor + "\n")
        self.spoil()
        self.start()

    def sign(self, name, text, options):
        path = self.root / name
        path.write_text(text)
        key = self.keys.get(name) or run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name, cwd=self.root).decode().strip()
        self.keys[name] = key
        run("ldns-signzone", *options, "-o", name, "-f", self.root / (name + ".signed"), path, key, cwd=self.root)
        return (self.root / (key + ".ds")).read_text().strip()

    def publish(self, rows):
        """Other rows in test., which go out at once."""
        self.sign("test", self.text + rows, [])
        self.close()
        self.start()

    def spoil(self):
        """The TLSA of bogus.test, and of bogus-x.test, is another one than was signed."""
        path = self.root / "test.signed"
        text = path.read_text()
        changed = re.sub(r"(?m)^(_25\._tcp\.mx\.bogus[-\w]*\.test\.\s.*\bTLSA\s+3 1 1 )(..)", lambda m: m[1] + ("00" if m[2] != "00" else "11"), text)
        assert changed != text
        path.write_text(changed)

    def start(self):
        version = subprocess.run([find("nsd"), "-v"], capture_output=True, text=True)
        found = re.search(r"(\d+)\.(\d+)", version.stdout + version.stderr)
        old = found and (int(found[1]), int(found[2])) < (4, 8)
        rows = ["server:", f'  zonesdir: "{self.root}"', '  chroot: ""', '  username: ""', '  database: ""' if old else "", f'  pidfile: "{self.root}/pid"',
                f'  xfrdfile: "{self.root}/xfrd"', f'  zonelistfile: "{self.root}/list"', f'  xfrdir: "{self.root}"', f"  ip-address: {self.address}@{self.port}",
                "  server-count: 1", "remote-control:", "  control-enable: no"]
        for name in ("test", "old.test"):
            rows += ["zone:", f'  name: "{name}"', f'  zonefile: "{name}.signed"']
        (self.root / "nsd.conf").write_text("\n".join(row for row in rows if row) + "\n")
        log = open(self.root / "log", "wb")
        self.process = subprocess.Popen([find("nsd"), "-d", "-c", self.root / "nsd.conf"], stdout=log, stderr=log)
        time.sleep(1)

    @property
    def where(self):
        return f'"stub:{self.address}@{self.port}"'

    def close(self):
        self.process.terminate()
        self.process.wait()


# ---- policies --------------------------------------------------------------------------------------------------


class Policies:
    """An HTTPS server: answers[domain] is what it says to GET, in full; asked counts. Certificates by SNI."""

    def __init__(self, authority, kinds):
        self.answers, self.asked, self.stop = {}, [], threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                domain = self.headers["Host"].split(":")[0].removeprefix("mta-sts.")
                outer.asked.append((domain, self.path))
                status, headers, body = outer.answers.get(domain, (404, {}, b"none"))
                if status is None:  # never
                    outer.stop.wait()
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):  # what is too long is not read to its end
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        contexts = {}
        for domain, kind in kinds.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*(kind if isinstance(kind, tuple) else authority.certificate("mta-sts." + domain, kind)))
            contexts["mta-sts." + domain] = context
        first = next(iter(contexts.values()))
        first.sni_callback = lambda connection, name, _: setattr(connection, "context", contexts.get(name, first))
        self.address, self.port = fresh_address(), 8443
        self.server = http.server.ThreadingHTTPServer((self.address, self.port), Handler)
        self.server.socket = first.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def policy(self, domain, mode, mx=None, status=200, **headers):
        body = f"version: STSv1\r\nmode: {mode}\r\nmx: {mx or '*.' + domain}\r\nmax_age: 86400\r\n".encode()
        self.answers[domain] = (status, {"Content-Type": "text/plain", **{k.replace("_", "-"): v for k, v in headers.items()}}, body)

    def close(self):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()


# ---- the world ---------------------------------------------------------------------------------------------------


class World:
    """Domains with one mail server each: kind is that of its certificate, or a function of the authority that gives the server;
    tlsa None or the kind of certificate it is made of; more(self) is what else stands in the zone."""

    def __init__(self, root, domains, sts=(), more=lambda world: ""):
        self.root, self.authority, self.sinks = root, Authority(root), {}
        rows = ""
        for domain, kind, tlsa in domains:
            if callable(kind):
                sink = kind(self.authority)
            else:
                sink = TlsSink(self.authority.certificate(f"mx.{domain}.test", kind)) if kind != "plain" else Sink()
            self.sinks[domain] = sink
            rows += f"{domain} MX 1 mx.{domain}.test.\nmx.{domain} A {sink.address}\n"
            if tlsa:
                rows += f"_25._tcp.mx.{domain} TLSA {self.authority.tlsa(f'mx.{domain}.test', tlsa)}\n"
        for domain, number in sts:
            rows += f'_mta-sts.{domain} TXT "v=STSv1; id={number};"\n'
        if "bogus" not in self.sinks:
            rows += "_25._tcp.mx.bogus TLSA 3 1 1 " + "ab" * 32 + "\n"
        self.rows = rows + more(self)
        self.zones = Zones(root, self.rows)

    def daemon(self, rest="route * { via mx; }", **settings):
        settings.setdefault("mta_sts", "off")
        return Daemon(self.root, RELAY, rest, resolver=self.zones.where, trust_anchor=self.zones.anchor, authorities=self.root / "ca.crt",
                      port_map_25=PORT, retry="60s", **settings)

    def close(self):
        self.zones.close()
        for sink in self.sinks.values():
            sink.close()


@contextlib.contextmanager
def world(tap, *arguments, **options):
    missing = [tool for tool in TOOLS if not find(tool)]
    if missing:
        tap.skip("a signed zone", "there is no " + ", ".join(missing))
        yield None
        return
    with folder() as root:
        w = World(root, *arguments, **options)
        try:
            yield w
        finally:
            w.close()


def send(d, domain, body=b"Subject: x\r\n\r\nhello\r\n"):
    """What the log says of the delivery: (rule, result, outcome, status)."""
    at = len(d.log())
    Smtp(d.address).message(body, rcpts=[f"r@{domain}.test"])
    pattern = rf"ev=delivery rcpt=r@{re.escape(domain)}\.test outcome=(\w+) .*?status=(\S+)"
    wait_until(lambda: re.search(pattern, d.log()[at:]), 20)
    log = d.log()[at:]
    done = re.search(pattern, log)
    rule = re.findall(r"ev=tls_policy .*?rule=(\S+)", log)
    result = re.findall(r"ev=tls_result .*?result=(\S+)", log)
    return (rule[-1] if rule else None, result[-1] if result else None, *(done.groups() if done else (None, None)))


def dane_with_a_signed_zone(tap):
    """SEC-97: match, mismatch, expired, bogus, missing."""
    domains = [("match", "self", "self"), ("expired", "expired", "expired"), ("mismatch", "good", "self"), ("missing", "self", None),
               ("bogus", "self", "self"), ("stripped", "plain", "self")]
    # the TLSA of "stripped" is of a certificate that it would have
    with world(tap, domains) as w:
        if not w:
            return
        with w.daemon() as d:
            for domain, want in [
                    ("match", ("dane", None, "delivered")), ("expired", ("dane", None, "delivered")),
                    ("mismatch", ("dane", "validation-failure", "deferred", "4.7.5")), ("missing", ("opportunistic", None, "delivered")),
                    ("bogus", ("tlsa-failed", "dnssec-invalid", "deferred", "4.7.5")),
                    ("stripped", ("dane", "starttls-not-supported", "deferred", "4.7.5"))]:
                got = send(d, domain)
                tap.ok(got[:len(want)] == want, f"SEC-97: DANE, {domain}: {want[0]}, {want[2]}", got, d.log()[-3000:])
            Smtp(d.address).message(rcpts=["r@old.test"])
            tap.ok(d.wait_log(r"ev=rest domain=old\.test .*status=4\.4\.3", 20) and d.wait_log("ev=deferred rcpts=1"),
                   "signatures that have run out are no answer", d.log()[-2000:])
            tap.equal([len(w.sinks[name].messages) for name, _, _ in domains], [1, 1, 0, 1, 0, 0], "only those got it that should")
            tap.equal(w.sinks["match"].names, ["mx.match.test"], "SNI is the TLSA base domain (RFC 7672 8.1)")
        with w.daemon(rest="route * { via mx; tls dane; }") as d:
            tap.equal(send(d, "missing")[:3], ("dane-required", "dane-required", "deferred"), "tls dane: no TLSA, no mail")


def mta_sts_with_a_server_of_policies(tap):
    """SEC-97: match, mismatch, expired, self-signed; the policy cannot be had, in each way; kept over a restart."""
    domains = [(name, kind, None) for name, kind in [
        ("good", "good"), ("self", "self"), ("expired", "expired"), ("testing", "self"), ("host", "good"), ("gone", "good"), ("moved", "good"),
        ("html", "good"), ("large", "good"), ("badcert", "good"), ("nonsense", "good"), ("norecord", "self"), ("stripped", "plain")]]
    names = [name for name, _, _ in domains]
    with world(tap, domains, sts=[(name, "1") for name in names if name != "norecord"]) as w:
        if not w:
            return
        policies = Policies(w.authority, {f"{name}.test": "self" if name == "badcert" else "good" for name in names})
        for name in names:
            policies.policy(f"{name}.test", "enforce")
        policies.policy("testing.test", "testing")
        policies.policy("host.test", "enforce", mx="other.host.test")
        policies.answers["gone.test"] = (404, {"Content-Type": "text/plain"}, b"no")
        policies.policy("moved.test", "enforce", status=301, Location="https://mta-sts.good.test/.well-known/mta-sts.txt")
        policies.policy("html.test", "enforce", Content_Type="text/html")
        policies.answers["large.test"] = (200, {"Content-Type": "text/plain"}, policies.answers["good.test"][2] + b"\r\n" * 40000)
        policies.answers["nonsense.test"] = (200, {"Content-Type": "text/plain"}, b"version: STSv9\r\n")
        settings = {"mta_sts": "on", "mta_sts_server": f'"{policies.address}@{policies.port}"'}
        with w.daemon(single=False, **settings) as d:
            for name, want in [
                    ("good", ("sts-enforce", None, "delivered")), ("self", ("sts-enforce", "certificate-not-trusted", "deferred", "4.7.5")),
                    ("expired", ("sts-enforce", "certificate-expired", "deferred", "4.7.5")),
                    ("testing", ("sts-testing", "certificate-not-trusted", "delivered")),
                    ("host", ("sts-host", "validation-failure", "deferred", "4.7.5")),
                    ("gone", ("opportunistic", "sts-policy-fetch-error", "delivered")),
                    ("moved", ("opportunistic", "sts-policy-fetch-error", "delivered")),
                    ("html", ("opportunistic", "sts-policy-fetch-error", "delivered")),
                    ("large", ("opportunistic", "sts-policy-fetch-error", "delivered")),
                    ("badcert", ("opportunistic", "sts-webpki-invalid", "delivered")),
                    ("nonsense", ("opportunistic", "sts-policy-invalid", "delivered")),
                    ("norecord", ("opportunistic", None, "delivered")),
                    ("stripped", ("sts-enforce", "starttls-not-supported", "deferred", "4.7.5"))]:
                got = send(d, name)
                tap.ok(got[:len(want)] == want, f"SEC-97: MTA-STS, {name}: {want[0]}, {want[2]}", got, d.log()[-3000:])
            asked = [domain for domain, _ in policies.asked]
            tap.ok("norecord.test" not in asked, "without a record nothing is fetched", asked)
            tap.equal({path for _, path in policies.asked}, {"/.well-known/mta-sts.txt"}, "it is the well-known place")
            before = len(policies.asked)
            tap.equal(send(d, "good")[0], "sts-enforce", "the second message goes by the kept policy")
            tap.equal(send(d, "gone")[0], "opportunistic", "and one that was not there is not asked for again at once")
            tap.equal(len(policies.asked), before, "nothing is fetched twice")
            tap.equal(w.sinks["good"].names[:1], ["mx.good.test"], "SNI is the MX host's name (RFC 8461 4.2)")
        policies.close()
        kept = w.root / "spool/sts/good.test"
        tap.ok(b"mode: enforce" in kept.read_bytes(), "a file holds it")
        with w.daemon(single=True, **settings) as d:
            tap.equal(send(d, "self")[:3], ("sts-enforce", "certificate-not-trusted", "deferred"),
                      "SEC-97: a kept policy outlives a restart and its server")
        kept.write_bytes(b"hikyaku-sts 1\n0ld\n1\n\nrubbish")
        with w.daemon(single=True, **settings) as d:
            tap.equal(send(d, "good")[0], "opportunistic", "a damaged file is as if it was not there")


# ---- the server ------------------------------------------------------------------------------------------------------


def shown(d, port, name=None, session=None, rsa=False, options=()):
    """Subject's name, kind of key, whether it was resumed, and the session, of a handshake after connect."""
    with folder() as root:
        out = root / "session"
        done = subprocess.run(["openssl", "s_client", "-ign_eof", "-connect", f"{d.address}:{port}", *(["-servername", name] if name else ["-noservername"]),
                               *(["-sess_in", str(session)] if session else []), "-sess_out", str(out),
                               *(["-sigalgs", "rsa_pss_rsae_sha256"] if rsa else []), *options], input=b"EHLO x\r\nQUIT\r\n", capture_output=True, timeout=20)
        text = done.stdout.decode(errors="replace")
        kept = out.read_bytes() if out.exists() else b""
    subject = re.search(r"subject=.*CN ?= ?(\S+)", text)
    kind = re.search(r"Server public key is (\d+) bit", text)
    return (subject and subject[1], kind and kind[1], "Reused," in text, kept, text)


def resumption(tap, d, ports):
    """T3 SEC-12: a ticket is for one listener and one name. ports: two listeners."""
    with folder() as root:
        for version in ("-tls1_2", "-tls1_3"):
            def resumes(port, name, kept):
                (root / "session").write_bytes(kept)
                return shown(d, port, name, root / "session", options=(version,))
            for name in ("one.test", "x.two.test", None):
                title = f"T3 SEC-12 {version[1:]}, {name or 'no name'}: a session"
                first = shown(d, ports[0], name, options=(version,))
                tap.ok(first[3] and not first[2], f"{title} is kept by the client", first[4][-800:])
                again = resumes(ports[0], name, first[3])
                tap.ok(again[2] and "220 mx.b.test" in again[4], f"{title} is resumed at its own listener by its own name", again[4][-800:])
                tap.ok(not resumes(ports[1], name, first[3])[2], f"{title} is not resumed at another listener")
                for other in {"one.test", "x.two.test", "y.two.test", "nobody.test", None} - {name}:
                    full = resumes(ports[0], other, first[3])
                    tap.ok(not full[2] and "220 mx.b.test" in full[4], f"{title} is not resumed by {other or 'no name'}, which gets one of its own", full[4][-500:])
        kept = shown(d, ports[0], "one.test")[3]
        return kept


def held_back(tap):
    """S4-104: a certificate that does not fit the published TLSA record waits; the one before it is served on."""
    with world(tap, []) as w:
        if not w:
            return
        host, crt, key = "mx.hold.test", w.root / "served.crt", w.root / "served.key"

        def install(kind, name=host):
            for source, target in zip(w.authority.certificate(name, kind), (crt, key)):
                target.write_bytes(source.read_bytes())
                target.chmod(0o644)

        def record(*kinds):
            return "".join(f"_25._tcp.{host.removesuffix('.test')} 1 TLSA {w.authority.tlsa(host, kind)}\n" for kind in kinds)

        def serial(d):
            text = shown(d, PORT, host)[4]
            return re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.S)[0].split()

        def of(kind):
            return w.authority.certificate(host, kind)[0].read_text().split()

        bogus = "_25._tcp.mx.bogus TLSA 3 1 1 " + "ab" * 32 + "\n"
        w.zones.publish(record("good") + bogus)
        listener = f"listen mx {{ address %(address)s:%(port)d; implicit-tls on; hostname {host}; reject-early-talkers off; certificate {crt}; certificate-key {key}; }}"
        for name, single in (("--single", True), ("the processes", False)):
            spool = w.root / name.replace(" ", "-").strip("-")
            spool.mkdir()
            install("good")
            with Daemon(spool, listener, resolver=w.zones.where, trust_anchor=w.zones.anchor, port_map_25=PORT, certificate_check="1s", single=single) as d:
                checked = subprocess.run([*d.command(), "--check-config"], capture_output=True, text=True, timeout=60)
                tap.ok("TLSA" not in checked.stderr and checked.returncode == 0, f"{name}: --check-config finds that it fits", checked.stderr)
                tap.equal(serial(d), of("good"), f"{name}: the certificate that fits is served")
                install("self")
                alarm = d.wait_log(r"ev=alarm id=(TLSA-[0-9A-F]{8}) listener=mx name=_25._tcp.mx.hold.test over=0 what=\"the new certificate does not fit", 30)
                tap.ok(alarm, f"{name}: a new one that does not fit is an alarm", d.log()[-1500:])
                tap.equal(serial(d), of("good"), f"{name}: and the one before it is served on")
                checked = subprocess.run([*d.command(), "--check-config"], capture_output=True, text=True, timeout=60)
                tap.ok("_25._tcp.mx.hold.test: the certificate does not fit" in checked.stderr, f"{name}: --check-config says so", checked.stderr)
                d.reload()
                d.wait_log("ev=reload ok=1", count=2)
                tap.equal((serial(d), len(d.wait_log("over=0"))), (of("good"), 1), f"{name}: it stays so over a reload, and is not told twice")
                w.zones.publish(record("good", "self") + bogus)
                tap.ok(d.wait_log(r"ev=certificate listener=mx what=\"the new certificate is in force", 60), f"{name}: once it is published it comes into force", d.log()[-1500:])
                tap.equal(serial(d), of("self"), f"{name}: and is served")
                tap.equal(d.wait_log(r"ev=alarm id=(TLSA-[0-9A-F]{8}) .*over=1"), alarm, f"{name}: the alarm ends by its id")
                install("expired", "mx.other.test")
                wait_until(lambda: "over=0" in d.log().split("over=1")[-1], 30)
                tap.equal(serial(d), of("self"), f"{name}: another that does not fit waits again")
                w.zones.publish(bogus)
                tap.ok(d.wait_log("the new certificate is in force", 60, count=2), f"{name}: where nothing is published any more nothing is held back", d.log()[-1500:])
                w.zones.publish(record("good") + bogus)


def protocols(tap, d):
    """SEC-12, ALPACA: who offers protocols and none of mail was led here by somebody."""
    for offered, chosen in (("smtp", "smtp"), ("h2,smtp", "smtp"), ("h2,http/1.1", None), ("ftp", None), ("imap", None)):
        for name in ("one.test", "x.two.test"):
            text = shown(d, PORT, name, options=("-alpn", offered))[4]
            good = f"ALPN protocol: {chosen}" in text and "220 mx.b.test" in text if chosen else "220 mx.b.test" not in text
            tap.ok(good, f"ALPACA: a client of {name} that offers {offered} {'is served' if chosen else 'is refused (RFC 7301 3.2)'}", text[-800:])


def certificates_of_a_listener(tap):
    """S4-104 SEC-12 SEC-89: implicit TLS, by name, by kind of key, resumption where it belongs, reload on change."""
    with folder() as root:
        authority = Authority(root)
        pairs = [authority.certificate(name) for name in ("one.test", "*.two.test")]
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=one.test", "-addext", "subjectAltName=DNS:one.test", "-days", "30",
            "-keyout", root / "rsa.key", "-out", root / "rsa.crt")
        pairs.append((root / "rsa.crt", root / "rsa.key"))
        for pair in pairs:
            for path in pair:
                path.chmod(0o644)
        both = " ".join(f'certificate "{crt}"; certificate-key "{key}";' for crt, key in pairs)
        listeners = ("listen a { address %(address)s:%(port)d; implicit-tls on; reject-early-talkers off; " + both + " }\n"
                     "listen b { address %(address)s:2842; implicit-tls on; reject-early-talkers off; " + both + " }")
        with Daemon(root, listeners, certificate_check="1s") as d:
            first = shown(d, PORT, "one.test")
            tap.equal(first[:2], ("one.test", "256"), "S4-104: a listener has TLS from the first byte")
            tap.ok("220 mx.b.test" in first[4], "and greets behind it", first[4][-500:])
            tap.equal(shown(d, PORT, "x.two.test")[0], "*.two.test", "SNI chooses by the certificates' own wildcards")
            tap.equal(shown(d, PORT, "nobody.test")[0], "one.test", "an unknown name gets the first")
            tap.equal(shown(d, PORT)[0], "one.test", "no name, too")
            tap.equal(shown(d, PORT, "one.test", rsa=True)[:2], ("one.test", "2048"), "a client without ECDSA gets RSA")
            (root / "session").write_bytes(resumption(tap, d, (PORT, 2842)))
            protocols(tap, d)
            d.reload()
            d.wait_log("ev=reload ok=1")
            tap.ok(shown(d, PORT, "one.test", root / "session")[2], "SEC-12: a reload that changes no certificate ends no session")
            slow = socket.create_connection((d.address, PORT))
            slow.sendall(b"\x16\x03\x01")
            began = time.monotonic()
            shown(d, PORT, "one.test")
            tap.ok(time.monotonic() - began < 5, "a slow handshake slows nobody else")
            slow.close()
            crt, key = authority.certificate("three.test")
            shutil.copyfile(crt, pairs[1][0])
            shutil.copyfile(key, pairs[1][1])
            tap.ok(wait_until(lambda: shown(d, PORT, "three.test")[0] == "three.test", 10, 0.5), "a new certificate is served without being told", d.log()[-1500:])
            full = shown(d, PORT, "one.test", root / "session")
            tap.ok(not full[2] and full[0] == "one.test" and "220 mx.b.test" in full[4], "SEC-12: a session of before another certificate begins anew", full[4][-800:])


if __name__ == "__main__":
    sys.exit(run_cases([certificates_of_a_listener, held_back, dane_with_a_signed_zone, mta_sts_with_a_server_of_policies], Tap()))

# SPDX-License-Identifier: MIT
"""`hikyaku keys`: keys are made once, published as text that verifiers accept, watched at each name server, changed and imported. TAP."""

import fcntl
import json
import os
import re
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import harness
from harness import BUILD, Tap
from schemas import faults, schema

NOW = "1795000000"  # 18 November 2026
tap = Tap()
ok = tap.ok


def hikyaku(*arguments, given=b""):
    code, out, err = harness.hikyaku(*arguments, given=given)
    return code, out.decode(), err


def keys(what, folder, *arguments):
    return hikyaku("keys", what, "--dir", folder, "--now", NOW, *arguments)


def states(folder):
    lines = [line.split() for line in (folder / "_keys").read_text().splitlines()[1:]]
    return {f"{line[0]} {line[1]}": line[3] for line in lines}


def records(folder):
    """What dns prints, as name -> the strings."""
    _, out, _ = keys("dns", folder)
    return {line.split()[0].rstrip("."): re.findall(r'"([^"]*)"', line) for line in out.splitlines()}


class Server:
    """A name server of TXT records on loopback, authoritative and not recursive; others: (name, type) -> data of records."""

    def __init__(self, texts, others=None, at=("127.0.0.1", 0), outside=0):
        self.texts, self.others, self.outside = texts, others or {}, outside  # the rcode for names not below a.test
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(at)
        self.address = f"127.0.0.1@{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            if query == b"stop":
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
                at += 1 + query[at]
            name, kind = ".".join(labels), struct.unpack("!H", query[at + 1:at + 3])[0]
            found = self.others.get((name, kind), [])
            if kind == 16 and name in self.texts:
                found = [b"".join(bytes([len(part)]) + part.encode() for part in self.texts[name])]
            if not found and (name, 5) in self.others:  # a CNAME answers for every type
                found, kind = self.others[name, 5], 5
            rcode = 0 if name.endswith("a.test") else self.outside
            answer = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data for data in found)
            self.socket.sendto(query[:2] + struct.pack("!HHHHH", 0x8400 | rcode, 1, len(found), 0, 0) + query[12:at + 5] + answer, peer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.sendto(b"stop", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


def check_new(folder):
    code, out, err = keys("new", folder, "a.test", "B.test.")
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.pem"))
    ok(code == 0 and files == [f"{d}.test/202611-{a}.pem" for d in "ab" for a in ("ed25519", "rsa")],
       "new makes a pair for each domain, named after the month", f"{code} {files} {err}")
    ok(all((folder / name).as_posix() in out for name in files), "the files are named", out)
    modes = {stat.S_IMODE((folder / name).stat().st_mode) for name in files}
    ok(modes == {0o600}, "nobody else may read a key", modes)
    before = {name: (folder / name).read_bytes() for name in files}
    code, _, err = keys("new", folder, "a.test")
    ok(code == 2 and "already" in err and before == {name: (folder / name).read_bytes() for name in files},
       "new never writes over a key", err)
    whole = (folder / "_keys").read_text()
    (folder / "_keys").write_text("\n".join(whole.splitlines()[:2]) + "\n")  # a run that was cut off before it wrote the rest
    (folder / "a.test/_new").write_text("half a k")
    code, out, err = keys("new", folder, "--alg", "ed25519", "--selector-template", "%Y%m-%a", "a.test")
    ok(code == 0 and before == {name: (folder / name).read_bytes() for name in files} and states(folder)["a.test 202611-ed25519"] == "staged"
       and not (folder / "a.test/_new").exists(), "a key that a run left without a line is taken by the next one", err)
    (folder / "_keys").write_text(whole)
    (folder / "c.test").mkdir()
    (folder / "c.test/202611-rsa.pem").write_text("a stranger's")
    code, _, err = keys("new", folder, "c.test", "d.test")
    ok(code == 2 and (folder / "c.test/202611-rsa.pem").read_text() == "a stranger's" and (folder / "d.test/202611-rsa.pem").exists(),
       "a file that is there already stays, and the other domains get theirs", err)
    for title, arguments in [("a name with a slash", ["../e.test"]), ("no domain", []), ("a name that is no domain", ["a..test"]),
                             ("a template that makes no selector", ["--selector-template", "a/b", "e.test"]),
                             ("an unknown letter in a template", ["--selector-template", "%H", "e.test"]),
                             ("RSA under 1024 bits", ["--rsa-bits", "512", "e.test"]), ("an unknown algorithm", ["--alg", "dsa", "e.test"])]:
        code, out, err = keys("new", folder, *arguments)
        ok(code == 2 and err and not out, f"refused: {title}", err)
    code, _, err = keys("new", folder, "--selector-template", "Mail%d.%a", "--alg", "rsa", "--rsa-bits", "1024", "e.test")
    ok(code == 0 and (folder / "e.test/mail18.rsa.pem").exists(), "a template may name day and algorithm", err)


def check_dns(folder):
    _, out, _ = keys("dns", folder, "a.test")
    lines = out.splitlines()
    ok(len(lines) == 2 and all(re.fullmatch(r'202611-(rsa|ed25519)\._domainkey\.a\.test\. \d+ IN TXT( "[^"]{1,255}")+', line) for line in lines),
       "zone text has strings of at most 255 octets", out)
    ok('" "' in lines[0] and "v=DKIM1; k=rsa; p=MII" in lines[0] and re.search(r'"v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}="', lines[1]),
       "RSA-2048 takes two strings, Ed25519 one", out)
    _, script, _ = keys("dns", folder, "--nsupdate", "a.test")
    ok(script.count("\nsend\n") == 2 and script.startswith("update delete 202611-rsa._domainkey.a.test. TXT\nupdate add 202611-rsa._domainkey.a.test. 3600 TXT \"v=DKIM1"),
       "--nsupdate gives a message for each record", script)
    code, _, err = keys("dns", folder, "nobody.test")
    ok(code == 2 and err, "a domain without keys is said", err)


def check_sign(folder):
    """A message signed with the files verifies by the text that dns printed."""
    _, zone, _ = keys("dns", folder)
    (folder / "zone").write_text(zone)
    message = b"From: u@a.test\r\nSubject: hello\r\n\r\nbody\r\n"
    (folder / "message").write_bytes(message)
    for selector in ("202611-rsa", "202611-ed25519"):
        code, out, err = hikyaku("sign", "--key", folder / f"a.test/{selector}.pem", "--domain", "a.test", "--selector", selector,
                                 "--now", NOW, folder / "message")
        signed = out.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        code, out, err = hikyaku("verify", "--dns", folder / "zone", "--checks", "dkim", "--now", NOW, "-", given=signed)
        ok(code == 0 and "dkim=pass" in out, f"a message signed with {selector} verifies by the published text", out + err)
    keys("new", folder, "--alg", "rsa", "--selector-template", "smtpbook", "y.test")
    _, out, err = hikyaku("sign", "--key", folder / "y.test/smtpbook.pem", "--domain", "y.test", "--selector", "smtpbook", folder / "message")
    b = re.sub(r"\s", "", re.search(r"[\s;]b=([^;]*?)\r?\n(?![ \t])", out)[1])
    ok(len(b) == 344, "without --rsa-bits a key has 2048 bits, a signature 344 characters (S0-089)", out + err)


def check_life(folder):
    published = records(folder)
    both = {name: text for name, text in published.items() if name.endswith("a.test")}
    some = {name: text for name, text in both.items() if "-rsa" in name}
    with Server(both) as one, Server(some) as two:
        servers = f"{one.address},{two.address}"
        code, out, _ = keys("status", folder, "--json", "--server", servers, "a.test")
        told = {key["selector"]: key for key in json.loads(out)["keys"]}
        ok(code == 0 and told["202611-rsa"]["state"] == "published" and told["202611-ed25519"]["state"] == "staged",
           "a key is published when each name server shows it", out)
        ok([server["sight"] for server in told["202611-ed25519"]["servers"]] == ["seen", "absent"], "each name server is told", out)
        code, out, err = keys("activate", folder, "--server", servers, "a.test")
        ok(code == 3 and states(folder)["a.test 202611-rsa"] == "active" and states(folder)["a.test 202611-ed25519"] == "staged",
           "only what every name server shows becomes active", out + err)
        two.texts = both
        code, out, err = keys("activate", folder, "--server", servers, "a.test")
        ok(code == 0 and states(folder)["a.test 202611-ed25519"] == "active", "the other follows when it is seen", out + err)
        code, out, _ = keys("rotate", folder, "a.test")
        ok(code == 0 and states(folder)["a.test 202611-rsa-2"] == "staged" and states(folder)["a.test 202611-rsa"] == "active",
           "rotate makes the next pair, staged", out)
        code, out, _ = keys("activate", folder, "--server", servers, "a.test")
        ok(code == 3 and states(folder)["a.test 202611-rsa"] == "active", "the old key signs until the new one is seen", out)
        one.texts = two.texts = records(folder)
        code, out, _ = keys("activate", folder, "--server", servers, "a.test")
        now = states(folder)
        ok(code == 0 and [now[f"a.test 202611-{name}"] for name in ("rsa", "ed25519", "rsa-2", "ed25519-2")] == ["retiring"] * 2 + ["active"] * 2,
           "then the new pair is active and the old one retiring", now)
        code, out, _ = keys("status", folder, "--server", servers, "a.test")
        ok(code == 0 and out.count("2 of 2") == 4 and "retiring" in out, "status shows a table", out)
        other = dict(one.texts)
        other["202611-rsa-2._domainkey.a.test"] = published["202611-rsa._domainkey.a.test"]
        one.texts = other
        code, out, _ = keys("status", folder, "--server", servers, "a.test")
        ok(code == 1 and "another key is published" in out, "an active key whose record is another's is a failure", out)
        one.texts = two.texts
        code, out, err = keys("revoke", folder, "a.test", "202611-rsa")
        ok(code == 0 and records(folder)["202611-rsa._domainkey.a.test"] == ["v=DKIM1; k=rsa; p="], "revoke empties p=", out + err)
        code, out, _ = keys("status", folder, "--server", servers, "a.test")
        ok(code == 1, "a revoked key whose record still stands is a failure", out)
        one.texts = two.texts = records(folder)
        code, out, _ = keys("status", folder, "--json", "--server", servers, "a.test")
        ok(code == 0 and json.loads(out)["keys"][0]["state"] == "revoked" and json.loads(out)["keys"][0]["servers"][0]["sight"] == "revoked",
           "until the name servers have the empty record", out)
    code, _, err = keys("retire", folder, "a.test", "202611-rsa")
    ok(code == 2 and "final" in err, "a revoked key stays revoked", err)
    code, _, err = keys("retire", folder, "a.test", "202611-rsa-2")
    ok(code == 0 and states(folder)["a.test 202611-rsa-2"] == "retiring", "retire takes a key out of use", err)
    (folder / "broken").write_text("$TIMEOUT 202611-rsa-2._domainkey.a.test. TXT\na.test. A 192.0.2.1\n")
    code, out, _ = keys("status", folder, "--dns", folder / "broken", "a.test")
    ok(code == 1 and "TIMEOUT" in out, "a zone file may stand for the name servers", out)


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def check_found(folder):
    """In a network of its own, where port 53 is free: the name servers are those of the nearest zone's NS records."""
    inside = "--inside" in sys.argv
    if not inside:
        command = ["unshare", "--net", "--"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user", "--net", "--"]
        if subprocess.run([*command, "true"], capture_output=True).returncode != 0:
            ok(True, "name servers are found by NS records # SKIP no network namespaces")
            return
        done = subprocess.run([*command, sys.executable, __file__, "--inside"], capture_output=True, timeout=100)
        ok(done.returncode == 0, "name servers are found by NS records of the domain or above it, and each address is asked",
           (done.stdout + done.stderr).decode())
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lo:  # lo up
        fcntl.ioctl(lo, 0x8914, struct.pack("16sH14s", b"lo", 0x49, b""))
    keys("new", folder, "--alg", "ed25519", "mail.a.test")
    text = records(folder)
    others = {("a.test", 2): [wire("ns1.a.test"), wire("ns2.a.test")],
              ("ns1.a.test", 1): [bytes([127, 0, 0, 1])], ("ns2.a.test", 1): [bytes([127, 0, 0, 2])]}
    both = {}
    with Server(both, others, ("127.0.0.3", 53)), Server(text, at=("127.0.0.1", 53)), Server({}, at=("127.0.0.2", 53)) as two:
        code, out, err = keys("status", folder, "--json", "--resolver", "127.0.0.3")
        told = json.loads(out)["keys"][0]
        ok(code == 0 and told["state"] == "staged" and {(server["server"], server["sight"]) for server in told["servers"]}
           == {("ns1.a.test (127.0.0.1)", "seen"), ("ns2.a.test (127.0.0.2)", "absent")}, "each address is asked", out + err)
        two.texts = text
        code, out, err = keys("status", folder, "--resolver", "127.0.0.3")
        ok(code == 0 and "published" in out and "2 of 2" in out, "published when both have it", out + err)
        two.outside, two.texts = 5, {}  # it refuses what is not its own
        two.others = {(name, 5): [wire("key.host.test")] for name in text}
        both["key.host.test"] = next(iter(text.values()))
        code, out, err = keys("status", folder, "--resolver", "127.0.0.3")
        ok(code == 0 and "published" in out and "2 of 2" in out, "a record may be a CNAME into another zone", out + err)
        keys("new", folder, "--alg", "ed25519", "--selector-template", "one", "b.test")
        code, out, err = keys("activate", folder, "--resolver", "127.0.0.3", "b.test")
        ok(code == 3 and "no name server could be found" in out, "a domain without name servers waits", out + err)


def check_json(folder):
    """Every output for programs is as docs/schema/keys.json says."""
    where = folder / "json"
    with Server({}) as server:
        for verb, more, members in [("new", ["--alg", "ed25519", "j.test"], {"file"}), ("rotate", ["--alg", "ed25519"], {"file"}), ("dns", [], {"text", "ttl"}),
                                    ("status", ["--server", server.address], {"as_wanted", "servers"}),
                                    ("activate", ["--server", server.address], {"as_wanted", "servers"})]:
            _, out, err = keys(verb, where, "--json", *more)
            told = json.loads(out)
            wrong = faults(schema("keys"), told)
            ok(not wrong and told["keys"] and members <= set(told["keys"][0]), f"{verb} --json is as docs/schema/keys.json", *wrong, err, out)


def check_state(folder):
    code, _, err = hikyaku("keys", "status", "--dns", folder / "zone")
    ok(code == 2 and "--dir" in err, "--dir is needed", err)
    code, _, err = keys("dns", folder / "absent")
    ok(code == 2 and err, "a folder that is not there is said", err)
    good = (folder / "_keys").read_text()
    for title, text in [("another version", good.replace("version 1", "version 2")), ("a path for a domain", good + "../x 1 rsa staged 1\n"),
                        ("an unknown state", good + "x.test 1 rsa new 1\n"), ("a line cut short", good + "x.test 1 rsa")]:
        (folder / "_keys").write_text(text)
        code, _, err = keys("rotate", folder)
        ok(code == 2 and err and (folder / "_keys").read_text() == text, f"a state file is refused and left alone: {title}", err)
    (folder / "_keys").write_text(good)
    code, _, err = keys("frobnicate", folder)
    ok(code == 2 and "rotate" in err, "an unknown verb", err)


KEYTABLE = """# keys
book x.test:smtpbook:/etc/opendkim/x.pem
any %:s1:/etc/opendkim/%/s1.pem   # of each domain
idle w.test:s2:/k"1.pem
odd/name v.test:s3:/k3
relative u.test:s4:./k4
"""
SIGNINGTABLE = """*@x.test book
boss@y.test any
*@y.test any
*@*.x.test book
z.test any
*@v.test odd/name
a*@x.test book
*@*.y.test any
*@u.test relative
*@t.test nobody
* book
"""
CONFIGURATION = """hostname mx.test;
listen in { address 127.0.0.1:2525; role relay; relay-from 127.0.0.1; }
route * { via smtp 127.0.0.1:2526; }
"""


def conf_accepts(folder, items):
    """What the daemon finds wrong with the items, but for the keys' files."""
    (folder / "conf").write_text(CONFIGURATION + items)
    done = subprocess.run([BUILD / "hikyakud", "--check-config", "--config", folder / "conf"], capture_output=True, timeout=60)
    return done.returncode, done.stderr.decode()


def check_import(folder):
    (folder / "KeyTable").write_text(KEYTABLE)
    (folder / "SigningTable").write_text(SIGNINGTABLE)
    code, out, err = hikyaku("keys", "import", "--opendkim", folder / "KeyTable", f"refile:{folder}/SigningTable")
    ok(out == """key book {
	domain x.test;
	selector smtpbook;
	file "/etc/opendkim/x.pem";
}
key any-y.test {
	domain y.test;
	selector s1;
	file "/etc/opendkim/y.test/s1.pem";
}
key any-z.test {
	domain z.test;
	selector s1;
	file "/etc/opendkim/z.test/s1.pem";
}
key imported-4 {
	domain v.test;
	selector s3;
	file "/k3";
}
key idle {
	domain w.test;
	selector s2;
	file "/k\\"1.pem";
}
sign *@x.test book;
sign boss@y.test any-y.test;
sign *@y.test any-y.test;
sign .x.test book;
sign z.test any-z.test;
sign *@v.test imported-4;
sign * book;
""", "KeyTable and SigningTable of OpenDKIM become key and sign items", out)
    places = re.findall(r"(SigningTable|KeyTable):(\d+)", err)
    ok(code == 1 and places == [("SigningTable", "7"), ("SigningTable", "8"), ("KeyTable", "6"), ("SigningTable", "10"), ("KeyTable", "6")],
       "what has no equal is named by file and line", err)
    ok(conf_accepts(folder, out)[0] == 0, "the configuration takes the items", conf_accepts(folder, out)[1])
    (folder / "plain").write_text("* book\n.y.test any\n.a.y.test book\nx.test book\nu@x.test book\n")
    code, out, err = hikyaku("keys", "import", "--opendkim", folder / "KeyTable", folder / "plain")
    ok([line.split()[1] for line in out.splitlines() if line.startswith("sign")] == ["u@x.test", "x.test", ".a.y.test", "*"],
       "a table without patterns is put in the order of its look-ups", out)
    rspamd = folder / "rspamd"
    rspamd.mkdir()
    for name in ("x.test.smtpbook.key", "sub.x.test.dkim.key", "x.test.zweite.key", "x.test.smtpbook.pub", "nonsense.key"):
        (rspamd / name).write_text("")
    code, out, err = hikyaku("keys", "import", "--rspamd", rspamd)
    signs = [line for line in out.splitlines() if line.startswith("sign")]
    ok(signs == ["sign sub.x.test sub.x.test.dkim;", "sign .sub.x.test sub.x.test.dkim;", "sign x.test x.test.zweite x.test.smtpbook;",
                  "sign .x.test x.test.zweite x.test.smtpbook;"]
       and out.count("key ") == 3 and f'file "{rspamd.resolve()}/x.test.smtpbook.key";' in out,
       "DOMAIN.SELECTOR.key of rspamd becomes key and sign items", out)
    ok(code == 1 and "nonsense" in err, "another name is said", err)
    for title, arguments in [("no layout", []), ("no signing table", ["--opendkim", folder / "KeyTable"]),
                             ("no such folder", ["--rspamd", folder / "absent"]), ("no such table", ["--opendkim", folder / "absent", folder / "plain"])]:
        code, out, err = hikyaku("keys", "import", *arguments)
        ok(code == 2 and err and not out, f"import refuses: {title}", err)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "keys"
        checks = (check_new, check_dns, check_sign, check_life, check_json, check_state, check_import, check_found)
        for check in checks if "--inside" not in sys.argv else [check_found]:
            check(folder)
    print(f"1..{tap.number}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())

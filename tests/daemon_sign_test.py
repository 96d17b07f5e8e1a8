# SPDX-License-Identifier: MIT
"""The daemon signs: keys of `hikyaku keys`, of OpenDKIM's tables and of rspamd's folders; rotation while mail goes out, and the key
before where the newest is not published. TAP.

usage: daemon_sign_test.py [CASE...]"""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import (  # noqa: E402
    BUILD, Daemon, Dns, folder, FORMS, hikyaku, IS_ROOT, make_key, PORT, queue_id, RELAY, run_cases, Sink, Smtp, Tap, USER, wait_until)

from schemas import faults, schema  # noqa: E402

ROUTE = " route * { via smtp %s:%d; }"


def letter(number, domain="a.test"):
    return (f"From: Someone <u{number}@{domain}>\r\nTo: r@b.test\r\nSubject: letter {number}\r\nDate: Thu, 26 Nov 2026 12:00:00 +0900\r\n"
            f"Message-ID: <{number}@{domain}>\r\n\r\nHello {number}\r\n").encode()


def record(path, kind="rsa"):
    """Makes a key and gives its record."""
    return f"v=DKIM1; k={kind}; p={base64.b64encode(make_key(path, kind)).decode()}"


def readable(*paths):
    """One process reads keys as its user after the start; the supervisor reads them as root."""
    for path in paths:
        for entry in [path, *(path.rglob("*") if path.is_dir() else ())]:
            if IS_ROOT:
                os.chown(entry, USER, USER)


def keys(verb, where, *arguments):
    return hikyaku("keys", verb, "--dir", where, *arguments)


def published(where, *domains):
    """What `keys dns` prints, as records of Dns."""
    _, out, _ = keys("dns", where, *domains)
    return {(line.split()[0].rstrip("."), "TXT"): ["".join(re.findall(r'"([^"]*)"', line))] for line in out.decode().splitlines()}


def zone_of(root, records):
    text = "".join(f'{name}. TXT {" ".join(chr(34) + v[i:i + 255] + chr(34) for i in range(0, len(v), 255))}\n'
                   for (name, kind), (v,) in records.items() if kind == "TXT")
    (root / "zone").write_text(text)
    return root / "zone"


def signatures(message):
    """(d, s, a) of each, top first."""
    header = re.sub(rb"\r\n[ \t]+", b" ", message.split(b"\r\n\r\n")[0])
    found = []
    for field in re.findall(rb"(?m)^DKIM-Signature: (.*?)\r?$", header):
        tags = dict(part.strip().split(b"=", 1) for part in field.split(b";") if b"=" in part)
        found.append(tuple(tags[name].decode() for name in (b"d", b"s", b"a")))
    return found


def verify(root, records, message):
    """The results, in the order of the fields."""
    (root / "stored.eml").write_bytes(message)
    _, out, err = hikyaku("verify", "--json", "--checks", "dkim", "--dns", zone_of(root, records), root / "stored.eml")
    return [verdict["result"] for verdict in json.loads(out)["dkim"]] if out else [err]


def send(d, sink, body):
    """Sends one message and gives what the next hop got, and the queue id."""
    before = len(sink.messages)
    reply = Smtp(d.address).message(body)
    wait_until(lambda: len(sink.messages) > before, 10)
    return (sink.messages[-1][2] if len(sink.messages) > before else b""), queue_id(reply)


def relay(root, dns, sink, rest, single, **settings):
    return Daemon(root, RELAY, rest + ROUTE % (sink.address, PORT), single=single, resolver=dns.where, key_check="1s", **settings)


# ---- two algorithms, and the key before --------------------------------------------------------------------------------


def a_message_gets_both_algorithms_and_the_newest_published_key(t):
    for form, single in FORMS:
        sink = Sink()
        with folder() as root:
            records = {("old._domainkey.a.test", "TXT"): [record(root / "old.pem")],
                       ("e._domainkey.a.test", "TXT"): [record(root / "e.pem", "ed25519")]}
            new = record(root / "new.pem")
            readable(*root.glob("*.pem"))
            dns = Dns(records)
            rest = "".join(f"key {s} {{ domain a.test; selector {s}; file {root}/{s}.pem; }} " for s in ("new", "old", "e")) + "sign *@a.test new e old;"
            with relay(root, dns, sink, rest, single) as d:
                t.ok(d.wait_log(r'ev=key d=a.test s=new sight="no record is published"') and d.wait_log(r'ev=key d=a.test s=old sight="published"'),
                     f"{form}: what is found of each key is logged", d.log())
                got, qid = send(d, sink, letter(1))
                t.equal(signatures(got), [("a.test", "old", "rsa-sha256"), ("a.test", "e", "ed25519-sha256")],
                        f"{form}: the key before signs while the newest is not published")
                t.equal(verify(root, records, got), ["pass", "pass"], f"{form}: both signatures verify")
                t.ok(d.wait_log(rf'qid={qid} ev=signed d=a.test s=old a=rsa first=new why="no record is published"'), f"{form}: and the log says so", d.log())
                explains(t, form, root, qid)
                records["new._domainkey.a.test", "TXT"] = [new]
                t.ok(d.wait_log(r'ev=key d=a.test s=new sight="published"', 20), f"{form}: its record is found", d.log())
                got, _ = send(d, sink, letter(2))
                t.equal(signatures(got), [("a.test", "new", "rsa-sha256"), ("a.test", "e", "ed25519-sha256")], f"{form}: and the newest signs")
                t.equal(verify(root, records, got), ["pass", "pass"], f"{form}: and verifies")
            dns.close()
        sink.close()


def explains(t, form, root, qid):
    """The evidence of the server has what it signed with, also where it checked nothing of the message."""
    where = root / "spool/evidence"
    found = wait_until(lambda: hikyaku("explain", "--queue-id", qid, "--evidence-dir", where, "--lang", "en")[1].decode(), 5)
    t.ok("1. The first key of a.test, new, did not sign but old instead: no record is published  [RFC 6376 3.6.1]" in found
         and "2. It was signed for a.test with the key old (rsa): published  [RFC 6376 5.2]" in found
         and "3. It was signed for a.test with the key e (ed25519): published" in found, f"{form}: explain says which keys signed, and why", found)
    _, out, err = hikyaku("explain", "--queue-id", qid, "--evidence-dir", where, "--lang", "ja")
    t.ok("a.test の第一の鍵 new の代わりに old で署名しました: レコードが公開されていません" in out.decode(), f"{form}: also in Japanese", out.decode() + err)
    code, out, err = hikyaku("explain", "--queue-id", qid, "--evidence-dir", where, "--json")
    told = json.loads(out)
    t.ok(code == 0 and not faults(schema("signing"), told), f"{form}: and as docs/schema/signing.json", *faults(schema("signing"), told))
    t.equal([(s["selector"], s["first"], s["signed"]) for s in told["signing"]], [("old", "new", True), ("e", "e", True)], f"{form}: for programs")
    code, out, err = hikyaku("verify", "--queue-id", qid, "--evidence-dir", where)
    t.ok(code == 2 and "checked nothing" in err and not out, f"{form}: there is no verdict to give", err)


def where_nothing_is_published_it_is_as_configured(t):
    for form, single in FORMS:
        sink = Sink()
        with folder() as root:
            record(root / "k.pem")
            readable(root / "k.pem")
            dns = Dns({})
            rest = f"key k {{ domain a.test; selector k; file {root}/k.pem; }} sign * k;"
            with relay(root, dns, sink, rest, single) as d:
                d.wait_log("ev=key d=a.test s=k sight")
                got, _ = send(d, sink, letter(1))
                t.equal(signatures(got), [("a.test", "k", "rsa-sha256")], f"{form}: unpublished-key sign: it signs all the same")
                d.settings["unpublished-key"] = "defer"
                d.write_conf()
                d.reload()
                d.wait_log("ev=reload ok=1")
                Smtp(d.address).message(letter(2))
                t.ok(d.wait_log("No key of the signing domain is published"), f"{form}: unpublished-key defer: it waits", d.log())
                t.equal(len(sink.messages), 1, f"{form}: and nothing leaves")
                d.settings["unpublished-key"] = "sign"
                d.write_conf()
                d.reload()
                t.ok(wait_until(lambda: len(sink.messages) == 2, 20), f"{form}: until it may go", d.log())
            dns.close()
        sink.close()


def mail_that_waits_is_signed_by_the_key_of_its_delivery(t):
    """SEC 1.8: DKIM key rotated while mail waits in queue: the key of its arrival is gone when it is sent, with its record."""
    for form, single in FORMS:
        sink = Sink(replies={"RCPT": b"451 4.7.1 later\r\n"})
        with folder() as root:
            records = {("old._domainkey.a.test", "TXT"): [record(root / "old.pem")]}
            new = {("new._domainkey.a.test", "TXT"): [record(root / "new.pem")]}
            readable(*root.glob("*.pem"))
            dns = Dns(records)
            rest = "key old { domain a.test; selector old; file %s/old.pem; } sign *@a.test old;" % root
            with relay(root, dns, sink, rest, single) as d:
                d.wait_log(r'ev=key d=a.test s=old sight="published"')
                t.equal(Smtp(d.address).message(letter(1))[0], 250, f"SEC 1.8: DKIM key rotated while mail waits in queue, {form}: mail is taken")
                t.ok(d.wait_log("ev=deferred"), f"SEC 1.8: DKIM key rotated while mail waits in queue, {form}: and waits", d.log())
                records.update(new)
                del records["old._domainkey.a.test", "TXT"]
                d.write_conf(d.conf_text().replace("old", "new"))
                d.reload()
                t.ok(d.wait_log("ev=reload ok=1") and d.wait_log(r'ev=key d=a.test s=new sight="published"'), f"{form}: the key is another", d.log())
                sink.messages.clear()
                sink.replies.clear()
                got = (wait_until(lambda: [message[2] for message in sink.messages if message[1]], 30) or [b""])[0]
                t.equal(signatures(got), [("a.test", "new", "rsa-sha256")], f"SEC 1.8: DKIM key rotated while mail waits in queue, {form}: the new one signs")
                t.equal(verify(root, records, got), ["pass"], f"SEC 1.8: DKIM key rotated while mail waits in queue, {form}: and it verifies")
            dns.close()
        sink.close()


# ---- a folder of `hikyaku keys` ------------------------------------------------------------------------------------------


def every_message_verifies_while_keys_rotate(t):
    for form, single in FORMS:
        sink = Sink()
        with folder() as root:
            where = root / "keys"
            keys("new", where, "--rsa-bits", "1024", "a.test")
            records = published(where)
            dns = Dns(records)
            where.chmod(0o700)
            keys("activate", where, "--dns", zone_of(root, records))
            readable(where)
            with relay(root, dns, sink, f"keys-folder {where};", single) as d:
                number = 0

                def letters(count):
                    nonlocal number
                    for _ in range(count):
                        number += 1
                        Smtp(d.address).message(letter(number))

                letters(3)
                keys("rotate", where, "--rsa-bits", "1024")
                readable(where)
                d.reload()
                d.wait_log("ev=reload ok=1")
                letters(3)
                records.update(published(where))
                letters(3)
                keys("activate", where, "--dns", zone_of(root, records))
                readable(where)
                d.reload()
                d.wait_log("ev=reload ok=1", count=2)
                letters(3)
                new = [name.split("._")[0] for name, _ in records if re.search(r"-2\._", name)]
                for selector in new:
                    t.ok(d.wait_log(rf'ev=key d=a.test s={selector} sight="published"', 20), f"{form}: {selector} is found", d.log())
                letters(3)
                t.ok(wait_until(lambda: len(sink.messages) == number, 20), f"{form}: all {number} messages go out", d.log())
                all_signed = [signatures(message) for _, _, message in sink.messages]
                t.ok(all(len(each) == 2 for each in all_signed), f"{form}: each with two signatures", all_signed)
                results = [verify(root, records, message) for _, _, message in sink.messages]
                t.ok(all(each == ["pass", "pass"] for each in results), f"{form}: each verifies, before, during and after the rotation", results)
                first, last = {s for _, s, _ in all_signed[0]}, {s for _, s, _ in all_signed[-1]}
                t.ok(last == set(new) and not first & last, f"{form}: the last ones by the new pair", all_signed)
                check_with_dkimpy(t, form, records, [sink.messages[0][2], sink.messages[-1][2]])
            dns.close()
        sink.close()


def check_with_dkimpy(t, form, records, messages):
    title = f"{form}: dkimpy verifies the first and the last (RSA and Ed25519)"
    try:
        import dkim
    except ImportError:
        t.skip(title, "no dkimpy")
        return

    def get(name, timeout=5):
        value = records.get((name.decode().rstrip("."), "TXT"))
        return value[0].encode() if value else None

    t.equal([dkim.DKIM(message).verify(idx=i, dnsfunc=get) for message in messages for i in range(2)], [True] * 4, title)


def hundreds_of_domains_sign_each_with_its_own_key(t):
    for form, single in FORMS:
        sink = Sink()
        with folder() as root:
            where = root / "keys"
            domains = [f"d{i}.test" for i in range(300)]
            # one algorithm more would be 300 RSA keys, which take their time to make
            keys("new", where, "--alg", "ed25519", "--selector-template", "one", *domains)
            keys("new", where, "--alg", "ed25519", "--selector-template", "two", *domains)
            records = published(where)
            dns = Dns(records)
            keys("activate", where, "--dns", zone_of(root, records))
            readable(where)
            with relay(root, dns, sink, f"keys-folder {where};", single) as d:
                t.ok(d.wait_log("ev=key .*published", 30, count=600), f"{form}: 600 keys are looked up", len(re.findall("ev=key", d.log())))
                for number in (0, 150, 299):
                    got, _ = send(d, sink, letter(number, f"d{number}.test"))
                    t.equal(signatures(got), [(f"d{number}.test", "two", "ed25519-sha256")], f"{form}: d{number}.test")
                    t.equal(verify(root, records, got), ["pass"], f"{form}: and it verifies")
                got, _ = send(d, sink, letter(1, "elsewhere.test"))
                t.equal(signatures(got), [], f"{form}: another domain is not signed for")
                if not single:
                    os.kill(d.pids()["keys"], 9)
                    t.ok(d.wait_log("ev=ended role=keys"), f"{form}: the keys process dies", d.log())
                    Smtp(d.address).message(letter(9, "d9.test"))
                    t.ok(wait_until(lambda: b"letter 9" in b"".join(m[2] for m in sink.messages), 20), f"{form}: a new one gets all 600", d.log())
                    t.equal(signatures(sink.messages[-1][2]), [("d9.test", "two", "ed25519-sha256")], f"{form}: and signs")
            dns.close()
        sink.close()


# ---- tables of others ------------------------------------------------------------------------------------------------------


def tables_of_opendkim_are_read_as_they_stand(t):
    for form, single in FORMS:
        sink = Sink()
        with folder() as root:
            records = {("smtpbook._domainkey.y.test", "TXT"): [record(root / "y.pem")],
                       ("s1._domainkey.p.test", "TXT"): [record(root / "p.test.pem")]}
            (root / "KeyTable").write_text(f"# keys\nbook y.test:smtpbook:{root}/y.pem\nany %:s1:{root}/%.pem\n")
            (root / "SigningTable").write_text("boss@x.test book\n*@*.x.test book\n*@p.test any\n")
            readable(*root.glob("*.pem"))
            dns = Dns(records)
            rest = f"key-table {root}/KeyTable; signing-table refile:{root}/SigningTable;"
            with relay(root, dns, sink, rest, single) as d:
                for address, want in (("boss@x.test", [("y.test", "smtpbook", "rsa-sha256")]), ("u@sub.x.test", [("y.test", "smtpbook", "rsa-sha256")]),
                                      ("u@p.test", [("p.test", "s1", "rsa-sha256")]), ("u@x.test", [])):
                    got, _ = send(d, sink, b"From: " + address.encode() + b"\r\nSubject: x\r\n\r\nhi\r\n")
                    t.equal(signatures(got), want, f"{form}: S0-086: the header From {address} decides")
                    if want:
                        t.equal(verify(root, records, got), ["pass"], f"{form}: and it verifies")
                (root / "SigningTable").write_text("*@x.test nobody\n")
                d.reload()
                found = d.wait_log(r"ev=reload ok=0 what=\"([^\"]*)")
                t.ok(found and "SigningTable:1: the key table has no key of this name" in found[0], f"{form}: a table with a mistake is refused with its line", d.log())
                got, _ = send(d, sink, b"From: boss@x.test\r\nSubject: x\r\n\r\nhi\r\n")
                t.equal(len(signatures(got)), 1, f"{form}: and mail is signed as before")
                (root / "SigningTable").write_text("*@x.test book\n")
                d.reload()
                d.wait_log("ev=reload ok=1")
                got, _ = send(d, sink, b"From: u@x.test\r\nSubject: x\r\n\r\nhi\r\n")
                t.equal(len(signatures(got)), 1, f"{form}: a reload reads the tables anew")
            dns.close()
        sink.close()


def a_folder_of_rspamd_is_read_as_it_stands(t):
    for form, single in FORMS:
        sink = Sink()
        with folder() as root:
            where = root / "dkim"
            where.mkdir()
            records = {("202611._domainkey.x.test", "TXT"): [record(where / "x.test.202611.key")]}
            record(where / "x.test.202605.key")
            readable(where)
            dns = Dns(records)
            with relay(root, dns, sink, f"rspamd-keys {where};", single) as d:
                for domain in ("x.test", "sub.x.test"):
                    got, _ = send(d, sink, letter(1, domain))
                    t.equal(signatures(got), [("x.test", "202611", "rsa-sha256")], f"{form}: DOMAIN.SELECTOR.key signs for {domain}")
                t.equal(verify(root, records, got), ["pass"], f"{form}: and it verifies")
            dns.close()
        sink.close()


def mistakes_are_found_before_the_start(t):
    with folder() as root:
        record(root / "k.pem")
        where = root / "keys"
        keys("new", where, "--alg", "ed25519", "a.test")
        (root / "KeyTable").write_text(f"k x.test:s:{root}/k.pem\n")
        (root / "SigningTable").write_text("*@x.test k\n")
        (root / "bad").write_text("*@x.test k\na*@x.test k\n")
        (root / "odd").mkdir()
        (root / "odd/nonsense.key").write_text("")
        (root / "broken").mkdir()
        (root / "broken/_keys").write_text("a.test\n")
        for title, items, code, text in [
                ("tables", f"key-table {root}/KeyTable; signing-table {root}/SigningTable;", 0, "1 keys"),
                ("a folder of ours", f"keys-folder {where};", 0, "1 keys"),
                ("a pattern that has no equal", f"key-table {root}/KeyTable; signing-table refile:{root}/bad;", 1, "bad:2: such a pattern has no equal here"),
                ("a table that is not there", f"key-table {root}/absent; signing-table {root}/SigningTable;", 1, "absent: No such file"),
                ("one table without the other", f"key-table {root}/KeyTable;", 1, "need each other"),
                ("a relative path", "signing-table refile:x;", 1, "absolute path"),
                ("a name in rspamd's folder", f"rspamd-keys {root}/odd;", 1, "nonsense.key: its name is not DOMAIN.SELECTOR.key"),
                ("a folder that is not there", f"rspamd-keys {root}/absent;", 1, "absent: No such file"),
                ("a state file", f"keys-folder {root}/broken;", 1, "_keys: not a file of this version"),
                ("a folder that is none of ours", f"keys-folder {root}/odd;", 1, "odd/_keys: No such file")]:
            d = Daemon(root, RELAY, items + " route * { via maildir %(root)s/mail/%%u; }")
            done = subprocess.run([BUILD / "hikyakud", "--check-config", "--config", d.conf_path], capture_output=True, timeout=60)
            t.ok(done.returncode == code and text in (done.stdout + done.stderr).decode(), f"--check-config: {title}", done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(run_cases([a_message_gets_both_algorithms_and_the_newest_published_key, where_nothing_is_published_it_is_as_configured,
                        mail_that_waits_is_signed_by_the_key_of_its_delivery, every_message_verifies_while_keys_rotate, hundreds_of_domains_sign_each_with_its_own_key,
                        tables_of_opendkim_are_read_as_they_stand, a_folder_of_rspamd_is_read_as_it_stands,
                        mistakes_are_found_before_the_start], Tap()))

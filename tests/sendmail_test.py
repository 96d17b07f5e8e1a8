# SPDX-License-Identifier: MIT
"""sendmail, mailq and newaliases as other programs call them: options of Postfix's sendmail(1), exit status of sysexits.h,
recipients of -t, Bcc, fields that are missing. TAP.

usage: sendmail_test.py [CASE...]"""

import json
import os
import re
import socket
import subprocess
import sys

from harness import BUILD, PORT, RELAY, Daemon, Sink, Tap, folder, fresh_address, run_cases, wait_until

HOST = socket.gethostname()
OK, USAGE, DATAERR, UNAVAILABLE, TEMPFAIL = 0, 64, 65, 69, 75


class World:
    """A server, the next hop behind it, and the programs under their names."""

    def __init__(self, root, replies=None):
        self.root = root
        self.sink = Sink(replies=replies)
        self.daemon = Daemon(root, RELAY, f"route * {{ via smtp {self.sink.address}:{PORT}; }}", retry="1h", lifetime="1d",
                             accept="b.test c.test a.test", operator_socket=root / "operator").start()
        for name in ("sendmail", "mailq", "newaliases"):
            (root / name).symlink_to(BUILD / "hikyaku")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.daemon.stop()
        self.sink.close()

    def run(self, name, *arguments, given=b"", server=None, stdout=subprocess.PIPE):
        to = ["-O", f"Server={server or f'{self.daemon.address}:{PORT}'}", "-O", f"Operator={self.root}/operator"]
        done = subprocess.run([self.root / name, *to, *arguments], input=given, stdout=stdout, stderr=subprocess.PIPE, timeout=120,
                              env={**os.environ, "TZ": "JST-9", "LOGNAME": "forged", "USER": "forged"})
        return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()

    def mail(self, count=1):
        wait_until(lambda: len(self.sink.messages) >= count, 30)
        return self.sink.messages[count - 1] if len(self.sink.messages) >= count else (None, [], b"")


def field(message, name):
    found = re.search(rb"(?mi)^" + name + rb": *(.*?)\r\n(?![ \t])", message, re.S)
    return found[1] if found else None


def a_message_is_sent(t):
    with folder() as root, World(root) as w:
        status, out, err = w.run("sendmail", "-f", "u@a.test", "-F", 'A "quoted" name', "x@b.test", "y@c.test", given=b"Subject: one\n\nhello\n.\nafter the dot\n")
        t.equal((status, out, err), (OK, "", ""), "recipients of the command line")
        sender, to, message = w.mail()
        t.equal((sender, sorted(to)), ("u@a.test", ["x@b.test", "y@c.test"]), "the envelope")
        t.ok(message.endswith(b"\r\nhello\r\n"), "ends at a line that is a dot", message)
        t.ok(field(message, b"From") == b'"A \\"quoted\\" name" <u@a.test>', "From is made where there is none", message)
        t.ok(field(message, b"Date") and b"+0900" in field(message, b"Date") and field(message, b"Message-ID").endswith(f"@{HOST}>".encode()), "Date and Message-ID too (S0-031)", message)
        for option in ("-i", "-oi"):
            count = len(w.sink.messages) + 1
            w.run("sendmail", option, "-fu@a.test", "x@b.test", given=b"From: q@a.test\r\nSubject: two\r\n\r\nhello\r\n.\r\nafter")
            message = w.mail(count)[2]
            t.ok(message.endswith(b"\r\nhello\r\n.\r\nafter\r\n") and field(message, b"From") == b"q@a.test", f"{option}: a dot is a line like any other; From stays", message)
        w.run("sendmail", "-f", "<>", "x@b.test", given=b"Subject: bounce\n\nx\n")
        t.equal(w.mail(4)[0], "", "-f <> is the null sender")
        w.run("sendmail", "x@b.test", given=b"From somebody Thu Nov 26\nno header here\n")
        sender, _, message = w.mail(5)
        t.ok(sender.endswith(f"@{HOST}") and "forged" not in sender, "the sender is who the kernel says, not the environment", sender)
        t.ok(b"\r\n\r\nno header here\r\n" in message and b"From somebody" not in message, "text without a header is a body, a mailbox's From line goes", message)
        w.run("sendmail", "-f", "u@a.test", "-B", "8BITMIME", "x@b.test", given="Subject: 飛\n\n飛脚\n".encode())
        t.ok("飛脚\r\n".encode() in w.mail(6)[2], "eight bits stay")
        status, out, err = w.run("sendmail", "-f", "u@a.test", "飛脚@b.test", given=b"Subject: one\n\nhello\n")
        t.ok((status, out, err) == (OK, "", "") and w.daemon.wait_log(r"rcpt=\S*xE9\S*@b.test"), "an address of UTF-8 is handed over as one (RFC 6531)", err)
        w.run("sendmail", "-f", "u@a.test", "x@b.test", given=b"")
        t.ok(field(w.mail(7)[2], b"From") == b"<u@a.test>" or b"<u@a.test>" in w.mail(7)[2], "an empty message")


def what_cron_hands_over_is_sent(t):
    """MAILTO with commas is one word; a progress bar has CR without LF; some output has NUL, or no empty line in a thousand."""
    with folder() as root, World(root) as w:
        for n, (word, expected) in enumerate([("x@b.test,y@c.test", ["x@b.test", "y@c.test"]), ("x@b.test, A B <y@c.test>", ["x@b.test", "y@c.test"]), ('"a,b"@b.test', ['"a,b"@b.test']),
                                              ("root,x@b.test", [f"root@{HOST}", "x@b.test"]), ("root, A <root>, (x, y) \"a\\\"b, c\" <x@b.test>", [f"root@{HOST}", "x@b.test"]), ('"X, Y" <x@b.test>', ["x@b.test"])], 1):
            status, _, err = w.run("sendmail", "-i", "-FCronDaemon", "-B8BITMIME", "-oem", "-fu@a.test", word, given=b"Subject: cron\n\nx\n")
            t.equal((status, err, sorted(w.mail(n)[1])), (OK, "", expected), f"one word: {word}")
        for n, (given, expected) in enumerate([(b"\r10%\r20%\r\r\nd\0ne\n\r", b"\r\n\r\n 10% 20% \r\nd ne\r\n \r\n"), (b"\0\r", b"\r\n\r\n  \r\n")], n + 1):
            status, _, err = w.run("sendmail", "-fu@a.test", "x@b.test", given=b"Subject: cron\n\n" + given)
            t.ok((status, err) == (OK, "") and w.mail(n)[2].endswith(expected), f"{given}: a blank stands for what cannot be sent", status, err, w.mail(n)[2])
        lines = b"".join(b"line %d\n" % i for i in range(30000))
        status, _, err = w.run("sendmail", "-fu@a.test", "x@b.test", given=lines)
        t.ok((status, err) == (OK, "") and w.mail(n + 1)[2].endswith(b"\r\n\r\n" + lines.replace(b"\n", b"\r\n")), "text of any length without a header", status, err)
        for word in ("x@b.test,(", "x@b.test,\ty@b.test", "x@b.test,@", "x@b.test,y z"):
            status, _, err = w.run("sendmail", "-fu@a.test", word, given=b"Subject: x\n\nx\n")
            t.ok(status == USAGE and "no " in err, f"EX_USAGE: {word!r}", status, err)
        t.equal(len(w.sink.messages), n + 1, "and nothing was sent of those")


def recipients_stand_in_the_header(t):
    with folder() as root, World(root) as w:
        status, _, err = w.run("sendmail", "-t", "-i", "-f", "u@a.test", "z@b.test",
                               given=b'To: "X, Y" <x@b.test>,\n y@b.test\nCc: Group: v@c.test;\nBcc: secret@c.test\nbcc: more@c.test\nSubject: t\n\nbody\n')
        sender, to, message = w.mail()
        for n in (2, 3):
            if len(to) < 6:
                to = to + w.mail(n)[1]
        t.equal((status, err, sorted(to)), (OK, "", ["more@c.test", "secret@c.test", "v@c.test", "x@b.test", "y@b.test", "z@b.test"]), "-t: To, Cc, Bcc, and the command line")
        t.ok(all(b"secret" not in m[2] and b"more@" not in m[2] and b"cc: " not in m[2].lower().replace(b"\r\ncc: ", b"") for m in w.sink.messages),
             "Bcc is seen by nobody (S3-013)", *w.sink.messages)
        count = len(w.sink.messages)
        w.run("sendmail", "-t", "-f", "u@a.test", given=b"To: x@b.test\nResent-To: y@b.test\nResent-Bcc: w@b.test\nSubject: t\n\nbody\n")
        _, to, message = w.mail(count + 1)
        t.ok(sorted(to) == ["w@b.test", "y@b.test"] and b"w@b.test" not in message, "resent: those alone", to, message)
        w.run("sendmail", "-f", "u@a.test", "x@b.test", given=b"Bcc: hidden@b.test\nSubject: t\n\nbody\n")
        t.ok(b"hidden" not in w.mail(count + 2)[2], "Bcc goes without -t too (S3-013)")
        w.run("sendmail", "-t", "-f", "u@a.test", given=b"To: x@b.test\nBcc: hidden@b.test\nSubject: t\nno empty line\nin front: of it\n")
        _, to, message = w.mail(count + 3)
        t.ok(sorted(to) == ["hidden@b.test", "x@b.test"] and b"hidden" not in message.split(b"\r\nTo: ")[1] and
             message.endswith(b"To: x@b.test\r\nSubject: t\r\n\r\nno empty line\r\nin front: of it\r\n"), "the header ends where no field stands, and Bcc goes (S3-013)", to, message)
        w.run("sendmail", "-t", "-f", "u@a.test", given=b"To: root,\n hostmaster\nCc: Group: Name <web.master>, x@b.test;\n\nmdadm writes so\n")
        t.equal(sorted(w.mail(count + 4)[1]), [f"hostmaster@{HOST}", f"root@{HOST}", f"web.master@{HOST}", "x@b.test"], "a name alone is one of this host")
        count += 2
        w.run("sendmail", "-t", "-f", "u@a.test", "x@b.test", given=b"To:\nCc: X <x@b.test>, y@b.test\nBcc: \t\n \nBcc: y@B.test\nSubject: t\n\nbody\n")
        t.equal(sorted(w.mail(count + 3)[1]), ["x@b.test", "y@b.test"], "a field of nobody is one (RFC 5322 3.6.3), and who stands there twice gets one copy")
        count += 1
        for title, given in [("a field that is no list", b"To: x@b.test, (\n\nx\n"), ("nobody", b"Subject: t\n\nx\n")]:
            status, _, err = w.run("sendmail", "-t", "-f", "u@a.test", given=given)
            t.ok(status == DATAERR and err, f"EX_DATAERR: {title}", status, err)
        t.equal(len(w.sink.messages), count + 2, "and nothing was sent of those")


def exit_status_is_that_of_sysexits(t):
    with folder() as root, World(root) as w:
        for title, arguments in [("no recipient", []), ("an unknown option", ["-Z", "x@b.test"]), ("no value", ["-f"]), ("-N of nonsense", ["-N", "sometimes", "x@b.test"]),
                                 ("-N never with others", ["-N", "never,delay", "x@b.test"]), ("-R of nonsense", ["-R", "some", "x@b.test"]), ("-bv", ["-bv", "x@b.test"]),
                                 ("a line end in an address", ["x@b.test\r\nRCPT TO:<y@b.test>"]), ("in the sender", ["-f", "u@a.test>\r\nDATA", "x@b.test"]), ("-q nonsense", ["-qX"])]:
            status, _, err = w.run("sendmail", *arguments, given=b"Subject: x\n\nx\n")
            t.ok(status == USAGE and err, f"EX_USAGE: {title}", status, err)
        for name, arguments in [("mailq", []), ("sendmail", ["-bp"]), ("newaliases", []), ("sendmail", ["-bi"]), ("sendmail", ["-q"]), ("sendmail", ["-qRb.test"]), ("sendmail", ["-bs"])]:
            for more in ("x@b.test", "-t"):
                status, _, err = w.run(name, *arguments, more, given=b"To: x@b.test\n\nx\n")
                t.ok(status == USAGE and err, f"EX_USAGE: {name} {' '.join(arguments)} delivers nothing, and is not asked to: {more}", status, err)
        status, _, err = w.run("sendmail", "x@b.test", given=b"x\n", server=f"{fresh_address()}:{PORT}")
        t.ok(status == TEMPFAIL and "reached" in err, "EX_TEMPFAIL: no server", status, err)
        status, _, err = w.run("sendmail", "-f", "u@a.test", "x@b.test", "not an address", given=b"Subject: x\n\nx\n")
        t.ok(status == USAGE and "not an address" in err and not w.sink.messages, "what is no address sends nothing to anybody", status, err)
        t.equal(w.run("sendmail", "x@b.test", "\\y", given=b"x\n")[2], "sendmail: \\\\y: no address\n", "which is said, quoted once")
        status, _, err = w.run("sendmail", "-f", "u@a.test", "x@b.test", "y" * 65 + "@b.test", given=b"Subject: x\n\nx\n")
        t.ok(status == USAGE and not w.sink.messages, "nor does one that is too long", status, err)
        status, _, err = w.run("sendmail", "--", "-x@b.test", given=b"Subject: x\n\nx\n")
        t.equal(status, OK, "behind -- all are recipients")
        status, _, _ = w.run("sendmail", "-G", "-U", "-v", "-n", "-m", "-h", "3", "-Am", "-L", "tag", "-p", "ESMTP:h", "-X", "log", "-O", "DeliveryMode=b", "-oem", "-em", "-e", "m", "-c", "-o7", "-bm", "x@b.test", given=b"x\n")
        t.equal(status, OK, "what means nothing here is taken")


def parameters_of_dsn_go_along(t):
    with folder() as root, World(root, replies={"RCPT": b"451 later\r\n"}) as w:
        status, _, err = w.run("sendmail", "-f", "u@a.test", "-N", "failure,delay", "-R", "hdrs", "-V", "id+7", "x@b.test", given=b"Subject: x\n\nx\n")
        t.equal((status, err), (OK, ""), "-N -R -V are taken")
        dump = subprocess.run([BUILD / "hikyaku", "spool", "dump", "--json", root / "spool"], capture_output=True).stdout.splitlines()
        mails = [row for row in map(json.loads, dump) if row["type"] == "message"]
        t.ok(mails and mails[0].get("envid") == "id+2B7", "and are kept with the message", mails)


def mailq_shows_the_queue(t):
    with folder() as root, World(root, replies={"RCPT": b"451 4.2.1 later\r\n"}) as w:
        status, out, _ = w.run("mailq")
        t.equal((status, out), (OK, "Mail queue is empty\n"), "mailq of an empty queue")
        w.run("sendmail", "-f", "u@a.test", "x@b.test", "y@b.test", given=b"Subject: x\n\nx\n")
        wait_until(lambda: "451 4.2.1" in w.run("mailq")[1], 30)
        status, out, _ = w.run("mailq")
        lines = out.splitlines()
        t.ok(lines[0].startswith("-Queue ID-") and re.match(r"[0-9A-F]{14}[ *] +\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d  u@a.test$", re.sub(r" +(?=\w{3} \w{3})", " ", lines[1])), "in the form of Postfix", out)
        t.ok(re.search(r"\(.*451 4\.2\.1 later\)", lines[2]) and lines[3].strip() == "x@b.test" and lines[-1].startswith("-- 1 Kbytes in 1 Request."), "with one reason and both recipients", out)
        [row] = [json.loads(line) for line in w.run("mailq", "-j")[1].splitlines()]
        t.equal([r["address"] for r in row["recipients"]], ["x@b.test", "y@b.test"], "mailq -j gives JSON")
        w.sink.replies["RCPT"] = b'451 4.2.1 "no" \\ \x01 \xc3\xbc\r\n'
        w.run("sendmail", "-qI" + row["queue_id"])
        wait_until(lambda: "\\x01" in w.run("mailq")[1], 30)
        again = w.run("mailq")[1].splitlines()
        t.ok(again[2].endswith(r'451 4.2.1 "no" \\ \x01 \xC3\xBC)') and len(again[2]) == len(lines[2]) == 76,
             "a reason ends in the same column, also one with escapes", again[2], lines[2])
        out = w.run("mailq")[1]
        t.equal(w.run("sendmail", "-bp")[1], out, "sendmail -bp is the same")
        with open("/dev/full", "wb") as full:
            status, _, err = w.run("mailq", stdout=full)
        t.ok(status == os.EX_IOERR and "could not be written" in err, "an output that cannot be written is EX_IOERR, and is said", status, err)
        id = row["queue_id"]
        w.sink.replies.clear()
        t.equal(w.run("sendmail", f"-qI{id}")[0], OK, "sendmail -qI tries one message now")
        t.ok(wait_until(lambda: w.run("mailq")[1] == "Mail queue is empty\n", 30), "and it goes")
        t.equal((w.run("sendmail", "-q")[0], w.run("sendmail", "-qRb.test")[0]), (OK, OK), "-q and -qR")
        t.equal(w.run("newaliases")[0], OK, "newaliases has nothing to do")
        w.daemon.stop()
        status, _, err = w.run("mailq")
        t.ok(status == UNAVAILABLE and err.startswith("mailq: "), "EX_UNAVAILABLE without a server, and it speaks under the name that it was called by", status, err)
        w.daemon.start()


def bs_is_the_caller_s_session(t):
    with folder() as root, World(root) as w:
        status, out, _ = w.run("sendmail", "-bs", given=b"EHLO a.test\r\nMAIL FROM:<u@a.test>\r\nRCPT TO:<x@b.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n")
        t.ok(status == OK and out.startswith("220 ") and "queued as" in out and "221 " in out, "-bs", out)
        t.equal(w.mail()[1], ["x@b.test"], "and the message goes")
        begun = b"EHLO a.test\r\nMAIL FROM:<u@a.test>\r\nRCPT TO:<y@b.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n"
        status, out, _ = w.run("sendmail", "-bs", given=begun + b".\r\n")
        t.ok(status == OK and "queued as" in out and "221 " in out, "an input that ends without QUIT", out)
        status, out, _ = w.run("sendmail", "-bs", given=begun)
        t.ok(status == OK and "354 " in out and "queued as" not in out, "one that ends within a message ends the session, and sends nothing", out)
        status, out, _ = w.run("sendmail", "-bs", given=b"HELO a.test\nQUIT\n")
        t.ok(status == OK and "500 5.5.2" in out, "one without CR is told so, and ends too", out)


CASES = [a_message_is_sent, what_cron_hands_over_is_sent, recipients_stand_in_the_header, exit_status_is_that_of_sysexits, parameters_of_dsn_go_along, mailq_shows_the_queue, bs_is_the_caller_s_session]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

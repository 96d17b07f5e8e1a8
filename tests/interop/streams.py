# SPDX-License-Identifier: MIT
"""Random streams of commands, the same ones to Postfix and to us: the class of each reply, and whether a message was taken.

A stream is a list of steps; a step is some commands in one segment. Where the two differ in a way that DIFFERENCES has, the reason
stands there and both are brought into step again; any other difference is a failure. What is drawn hangs on the seed alone."""

import collections
import random
import socket
import threading

import peers
from harness import SLOW, Daemon

NAME = "random streams of commands"  # the feature, for --only
SEED = 20261126
BODY = b"From: a@a.test\r\nDate: Thu, 26 Nov 2026 09:00:00 +0900\r\nMessage-ID: <s@a.test>\r\nSubject: s\r\n\r\n"

ADDRESSES = {
    "plain": "<a@ours.test>", "no brackets": "a@ours.test", "space before the bracket": " <a@ours.test>", "upper case": "<A@OURS.TEST>",
    "quoted local part": '<"a b"@ours.test>', "quoted pair": r'<"a\"b"@ours.test>', "source route": "<@x.test,@y.test:a@ours.test>",
    "two dots": "<a..b@ours.test>", "a dot at the end": "<a.@ours.test>", "no domain": "<pepe>", "no local part": "<@ours.test>", "empty domain": "<a@>",
    "two at signs": "<a@b@ours.test>", "literal": "<a@[192.0.2.1]>", "broken literal": "<a@[1.2]>", "label with a hyphen": "<a@-x.ours.test>",
    "underscore": "<a@a_b.ours.test>", "empty label": "<a@x..ours.test>", "no closing bracket": "<a@ours.test", "no opening bracket": "a@ours.test>",
    "text behind": "<a@ours.test>x", "comment": "<a@ours.test> (c)", "local part of 65": "<" + "l" * 65 + "@ours.test>", "domain of 300": "<a@" + "d" * 50 + ".ours.test" * 25 + ">",
    "8-bit": "<ä@ours.test>", "white space inside": "<a b@ours.test>", "control character": "<a\x01@ours.test>", "percent": "<a%b@ours.test>", "bang": "<b!a@ours.test>",
    "slash": "<a/b@ours.test>", "plus": "<a+b@ours.test>", "nothing": "",
}
MAIL_PARAMS = {
    "": "", "SIZE": " SIZE=10", "SIZE too large": " SIZE=99999999999", "SIZE no number": " SIZE=x", "SIZE empty": " SIZE=", "SIZE twice": " SIZE=1 SIZE=2",
    "BODY": " BODY=8BITMIME", "BODY 7bit": " body=7bit", "BODY unknown": " BODY=x", "BODY binary": " BODY=BINARYMIME", "unknown": " X=y", "unknown keyword": " XYZ", "two spaces": "  SIZE=10",
    "RET": " RET=FULL", "RET unknown": " RET=x", "ENVID": " ENVID=a+2B", "ENVID no xtext": " ENVID=a+zz", "AUTH": " AUTH=<>", "SMTPUTF8": " SMTPUTF8", "REQUIRETLS": " REQUIRETLS",
}
RCPT_PARAMS = {"": "", "NOTIFY": " NOTIFY=SUCCESS,DELAY", "NOTIFY never and more": " NOTIFY=NEVER,DELAY", "NOTIFY unknown": " NOTIFY=x", "ORCPT": " ORCPT=rfc822;a@b.test",
               "ORCPT no type": " ORCPT=x", "unknown": " X=y", "SIZE": " SIZE=10"}
OTHERS = {
    "EHLO": "EHLO x.test", "HELO": "HELO x.test", "EHLO lower case": "ehlo x.test", "EHLO nothing": "EHLO", "HELO nothing": "HELO", "EHLO literal": "EHLO [192.0.2.1]",
    "EHLO two words": "EHLO x.test y", "EHLO underscore": "EHLO a_b", "EHLO strange": "EHLO a<b>", "EHLO two dots": "EHLO a..b", "DATA with text": "DATA x", "RSET": "RSET",
    "RSET with text": "RSET x", "NOOP": "NOOP", "NOOP with text": "NOOP x", "QUIT": "QUIT", "QUIT with text": "QUIT x", "VRFY": "VRFY a@ours.test", "VRFY nothing": "VRFY",
    "EXPN": "EXPN list", "HELP": "HELP", "TURN": "TURN", "SEND": "SEND FROM:<a@a.test>", "SAML": "SAML FROM:<a@a.test>", "unknown": "FOO", "empty line": "",
    "space in front": " NOOP", "tab behind": "NOOP\t", "bare CR": "NO\rOP", "AUTH": "AUTH PLAIN", "STARTTLS with text": "STARTTLS x", "ETRN": "ETRN x.test", "ETRN nothing": "ETRN",
    "LHLO": "LHLO x.test", "BDAT no number": "BDAT x", "BDAT nothing": "BDAT", "MAIL no colon": "MAIL FROM <a@ours.test>", "MAIL TO": "MAIL TO:<a@ours.test>",
    "RCPT no colon": "RCPT TO <a@ours.test>", "RCPT FROM": "RCPT FROM:<a@ours.test>", "MAIL nothing": "MAIL", "RCPT nothing": "RCPT", "MAIL two spaces": "MAIL  FROM:<a@ours.test>",
    "MAIL space before the colon": "MAIL FROM :<a@ours.test>", "long line": "NOOP " + "x" * 1500, "NUL": "NO\0OP",
}
CONTENTS = {
    "content": BODY + b"x\r\n", "content empty": b"", "content dots": BODY + b"..\r\n..x\r\nx.\r\n", "content 8-bit": BODY + b"\xe9\r\n", "content bare CR": BODY + b"a\rb\r\n",
    "content bare LF": BODY + b"a\nb\r\n", "content NUL": BODY + b"a\0b\r\n", "content long line": BODY + b"x" * 1200 + b"\r\n", "content no header": b"hello\r\n",
    "content no From": b"Subject: x\r\n\r\nx\r\n",
}

# (what, Postfix's class, ours): why
DIFFERENCES = {
    ("EHLO strange", "2", "5"): "the argument is a domain or an address literal (RFC 5321 4.1.1.1); Postfix takes any text",
    ("EHLO two dots", "2", "5"): "as for what is strange",
    ("EHLO two words", "2", "5"): "text behind the argument must not be there (5321bis 4.1.1.1)",
    ("ETRN", "4", "5"): "off unless the configuration offers it",
    ("HELP", "5", "2"): "Postfix has no HELP; RFC 5321 4.1.1.8 has it",
    ("MAIL after one with too large a SIZE", "5", "2"): "Postfix keeps the SIZE= of the MAIL that it refused",
    ("MAIL 8-bit", "2", "5"): "such an address needs SMTPUTF8 (RFC 6531 3.5); Postfix takes it as it is",
    ("RCPT 8-bit", "2", "5"): "as for MAIL",
    ("MAIL control character", "2", "5"): "no part of an address (RFC 5321 4.1.2)",
    ("RCPT control character", "2", "5"): "as for MAIL",
    ("MAIL local part of 65", "2", "5"): "64 octets at most (RFC 5321 4.5.3.1.1)",
    ("RCPT local part of 65", "2", "5"): "as for MAIL",
    ("MAIL no domain", "2", "5"): "a mailbox has a domain (RFC 5321 4.1.2); Postfix puts its own there",
    ("MAIL no local part", "2", "5"): "a mailbox has a local part (RFC 5321 4.1.2)",
    ("RCPT no local part", "2", "5"): "as for MAIL",
    ("MAIL no opening bracket", "2", "5"): "half of the brackets is neither form; Postfix strips it",
    ("RCPT no opening bracket", "2", "5"): "as for MAIL",
    ("MAIL two at signs", "2", "5"): "the first would have to be quoted (RFC 5321 4.1.2)",
    ("RCPT underscore", "2", "5"): "no host name (RFC 5321 2.3.5), so no folder of a Maildir either; Postfix's mail is discarded here",
    ("MAIL with AUTH", "2", "5"): "an mx of hikyakud offers no AUTH, so it is no parameter (RFC 5321 4.1.1.11); Postfix takes it without offering it",
    ("MAIL with SIZE twice", "2", "5"): "a keyword stands once (RFC 5321 4.1.1.11)",
    ("QUIT with text", "2", "5"): "QUIT has no argument (RFC 5321 4.1.1.10)",
    ("RCPT quoted local part", "2", "5"): "no name for a Maildir, where mail goes here; Postfix's mail is discarded here",
    ("RCPT quoted pair", "2", "5"): "as for the quoted local part",
    ("RCPT slash", "2", "5"): "as for the quoted local part",
    ("MAIL with BODY binary", "5", "2"): "Postfix has no BINARYMIME (RFC 3030 3)",
    ("command after a refused chunk", "5", "2"): "Postfix waits for RSET or the last chunk; RFC 3030 2 wants further chunks read over, no more",
    ("BDAT of nothing", "5", "2"): "RFC 3030 2 has no least size; Postfix sees abuse in a chunk of nothing that is not the last",
    ("BDAT content NUL", "2", "5"): "as behind DATA: only BODY=BINARYMIME may hold it (RFC 3030 3)",
    ("BDAT content bare CR", "2", "5"): "as behind DATA",
    ("BDAT content bare LF", "2", "5"): "as behind DATA",
    ("content NUL", "2", "5"): "no byte of a message (RFC 5321 2.3.1, 4.5.2); Postfix takes it",
    ("content bare CR", "2", "5"): "a CR that is no part of CRLF must not be sent (RFC 5321 2.3.8): what another server takes for a line end smuggles",
    ("content bare LF", "2", "5"): "the same for LF; Postfix of this version takes it for a line end",
    ("space in front", "2", "5"): "a command begins with its verb (RFC 5321 4.1.1); Postfix skips the space",
}


def draw(rng):
    """One stream: [[(label, bytes)]]; DATA carries its content behind it as a third member."""
    def other():
        label = rng.choice(list(OTHERS))
        return label, OTHERS[label].encode() + b"\r\n", None

    def mail():
        if rng.random() < 0.55:
            return "MAIL", b"MAIL FROM:<a@a.test>\r\n", None
        if rng.random() < 0.1:
            return "MAIL null", b"MAIL FROM:<>\r\n", None
        if rng.random() < 0.5:
            label = rng.choice(list(MAIL_PARAMS))
            return f"MAIL with {label}" if label else "MAIL", f"MAIL FROM:<a@a.test>{MAIL_PARAMS[label]}\r\n".encode(), None
        label = rng.choice(list(ADDRESSES))
        return f"MAIL {label}", f"MAIL FROM:{ADDRESSES[label]}\r\n".encode(), None

    def rcpt():
        if rng.random() < 0.5:
            return "RCPT", f"RCPT TO:<u{rng.randrange(9)}@ours.test>\r\n".encode(), None
        if rng.random() < 0.1:
            return "RCPT elsewhere", b"RCPT TO:<u@elsewhere.test>\r\n", None
        if rng.random() < 0.15:
            return rng.choice([("RCPT postmaster", b"RCPT TO:<Postmaster>\r\n", None), ("RCPT null", b"RCPT TO:<>\r\n", None)])
        if rng.random() < 0.5:
            label = rng.choice(list(RCPT_PARAMS))
            return f"RCPT with {label}" if label else "RCPT", f"RCPT TO:<u@ours.test>{RCPT_PARAMS[label]}\r\n".encode(), None
        label = rng.choice(list(ADDRESSES))
        return f"RCPT {label}", f"RCPT TO:{ADDRESSES[label]}\r\n".encode(), None

    def chunk(label, last=b" LAST"):
        content = CONTENTS[label] if label else b""
        return f"BDAT {label}" if label else "BDAT of nothing", b"BDAT %d%s\r\n%s" % (len(content), last, content), None

    def data():
        if rng.random() < 0.2:
            return chunk(rng.choice(("content", "content", "content 8-bit", "content bare LF", "content bare CR", "content NUL", "content no header", "")),
                         rng.choice((b" LAST", b" LAST", b" LAST", b"")))
        label = rng.choice(list(CONTENTS)) if rng.random() < 0.5 else "content"
        return "DATA", b"DATA\r\n", (label, CONTENTS[label] + b".\r\n")

    def greeting():
        return ("EHLO", b"EHLO x.test\r\n", None) if rng.random() < 0.85 else ("HELO", b"HELO x.test\r\n", None)

    commands = [greeting()] if rng.random() < 0.9 else []
    for _ in range(rng.randint(1, 3)):
        flow = [mail(), *(rcpt() for _ in range(rng.choice((1, 1, 1, 2, 3)))), data()]
        while rng.random() < 0.35:
            flow.insert(rng.randrange(len(flow) + 1), other())
        if rng.random() < 0.15:
            rng.shuffle(flow)
        commands += flow
    commands = commands[:14]
    steps, pipelined = [], rng.random() < 0.3
    for command in commands:
        # RFC 2920 3.1: EHLO, DATA and the like end a segment; nothing is glued behind
        if pipelined and steps and len(steps[-1]) < 6 and steps[-1][-1][0].split(" ")[0] in ("MAIL", "RCPT", "RSET") and command[0].split(" ")[0] in ("MAIL", "RCPT", "DATA"):
            steps[-1].append(command)
        else:
            steps.append([command])
    return steps


class Side:
    """One connection to one of the two; a reply is its class, or "closed"."""

    def __init__(self, address, port):
        self.socket = socket.create_connection((address, port), timeout=20 * SLOW)
        self.buffer = b""
        self.text = ""
        self.greeted = False
        self.reply()

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.buffer = b""

    def reply(self):
        try:
            while True:
                while b"\n" not in self.buffer:
                    more = self.socket.recv(65536)
                    if not more:
                        return "closed"
                    self.buffer += more
                line, self.buffer = self.buffer.split(b"\n", 1)
                self.text = line.decode(errors="replace").strip()
                if line[3:4] != b"-":
                    return self.text[:1]
        except OSError as error:
            self.text = str(error)
            return "closed" if isinstance(error, ConnectionError) else "silent"


def plain(text):
    return text.encode("unicode_escape").decode()[:80]


class Comparison:
    def __init__(self, postfix, ours):
        self.postfix, self.ours, self.lock = postfix, ours, threading.Lock()
        self.kinds, self.unknown, self.streams, self.replies, self.taken = collections.Counter(), [], 0, 0, 0

    def note(self, label, theirs, ours, both, stream):
        if label.startswith("MAIL") and "SIZE too" not in label and both[0].startswith("552 5.3.4"):
            label = "MAIL after one with too large a SIZE"
        if both[0].startswith("503 5.5.1 Error: ") and both[0].endswith(" after BDAT"):
            label = "command after a refused chunk"
        with self.lock:
            if (label, theirs, ours) in DIFFERENCES:
                self.kinds[(label, theirs, ours)] += 1
            else:
                shown = " | ".join(plain(data.decode(errors="replace")) for step in stream for _, data, _ in step)
                self.unknown.append((label, theirs, ours, both, shown))

    def step(self, sides, step, stream):
        """False when the two are out of step, or one is gone."""
        for side in sides:
            side.send(b"".join(data for _, data, _ in step))
        same = True
        for label, _, content in step:
            got = [side.reply() for side in sides]
            self.replies += 1
            if same and got[0] != got[1]:  # what follows in the same segment may follow from it
                self.note(label, *got, [side.text for side in sides], stream)
            same &= got[0] == got[1]
            # 421 and 521 are the last words of a session
            if "closed" in got or "silent" in got or any(side.text[1:3] == "21" and side.text[:1] in "45" for side in sides):
                return False
            if content:
                same &= self.content(sides, got, content, stream)
            if label.split(" ")[0] == "QUIT" and "2" in got:
                return False
        return same

    def content(self, sides, got, content, stream):
        answers = []
        for side, answer in zip(sides, got):
            if answer == "3":
                side.send(content[1])
                answers.append(side.reply())
        if len(answers) < 2:
            return True
        self.replies += 1
        self.taken += answers == ["2", "2"]
        if answers[0] == answers[1]:
            return True
        self.note(content[0], *answers, [side.text for side in sides], stream)
        return False

    def in_step_again(self, sides):
        if any(side.text[:3] in ("221", "421", "521") for side in sides):
            return False
        for side in sides:
            side.send(b"EHLO again.test\r\n")
        return all(side.reply() == "2" for side in sides)

    def stream(self, number):
        stream = draw(random.Random(f"{SEED}/{number}"))
        sides = []
        try:
            sides = [Side(*self.postfix), Side(*self.ours)]
            for step in stream:
                if not self.step(sides, step, stream) and not self.in_step_again(sides):
                    break
        finally:
            for side in sides:
                side.close()
        with self.lock:
            self.streams += 1

    def run(self, count, threads=6):
        numbers = iter(range(count))

        def work():
            while True:
                with self.lock:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    self.stream(number)
                except OSError as error:
                    with self.lock:
                        self.unknown.append(("stream", "-", "-", [str(error)], str(number)))
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return self


def run(world, count):
    """The row of it, and its part of the page."""
    postfix = world.peers.get("Postfix")
    if not postfix or not count:
        return ""
    (world.root / "streams").mkdir(mode=0o755)
    with Daemon(world.root / "streams", accept=".ours.test ours.test", hostname="hikyaku.test") as daemon:
        comparison = Comparison((postfix.address, peers.STREAM_PORT), (daemon.address, peers.PORT)).run(count)
    seen = collections.OrderedDict(((label, theirs, ours), (both, shown)) for label, theirs, ours, both, shown in comparison.unknown)
    note = "\n".join(f"{key}: {both} in {shown}" for key, (both, shown) in seen.items())
    result = "FAILED" if note or not comparison.taken else "ok"
    world.rows.add("Postfix", postfix.version, "beside us", f"{count} {NAME}", result,
                   note or f"{comparison.replies} replies, {comparison.taken} messages taken by both")
    return page(comparison)


def page(comparison):
    """For docs/interop.md."""
    lines = ["", "## Replies to random streams of commands, beside Postfix", "",
             f"{comparison.streams} streams drawn from a seed, the same ones to Postfix's smtpd and to hikyakud: {comparison.replies} replies compared by their class,",
             f"{comparison.taken} messages taken by both. Where they differ on purpose:", "", "| command | Postfix | hikyakud | times | why |", "|---|---|---|---|---|"]
    for (what, theirs, ours), count in sorted(comparison.kinds.items()):
        why = DIFFERENCES[(what, theirs, ours)]
        lines.append(f"| {what} | {theirs}xx | {ours}xx | {count} | {why} |")
    return "\n".join(lines) + "\n"

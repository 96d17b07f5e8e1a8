# SPDX-License-Identifier: MIT
"""Delivery status notifications (RFC 3461, 3464) over Postfix and Exim and back: what was asked goes on, and whoever must report does."""

import email
import json
import re

from harness import RELAY, Daemon, fresh_address, hikyaku, wait_until
from wire import PLAIN, PORT

ORIGINAL = "rfc822;orig+2Bx@first.test"  # what ORCPT says: orig+x@first.test
ENVID = " ENVID=e+2B1"
# What a program does otherwise than RFC 3461 6.3 and RFC 3464 2.2.1, 2.3.1, 2.3.3 have it
KNOWN = {"Exim": {"Action: relayed", "ORCPT decoded", "ENVID decoded", "nobody else"}}


def read(report):
    """{"Action": ...} of a report: its message's and its recipients' fields, a list of those per recipient as "each"; the kind of the third part as "third"."""
    mail = email.message_from_bytes(report)
    if mail.get_content_type() != "multipart/report":
        raise ValueError(f"no report: {report[:1000]!r}")
    parts = mail.get_payload()
    blocks = parts[1].get_payload()
    return {**blocks[0], "each": [dict(block.items()) for block in blocks[1:]], "third": parts[2].get_content_type() if len(parts) > 2 else ""}


def bare(value):
    return re.sub(r"\s", "", value or "").lower()


class Reports:
    def __init__(self, world, peer, inject):
        self.world, self.peer, self.key, self.inject = world, peer, peer.name.lower(), inject
        self.count = 0

    def add(self, direction, feature, check):
        self.world.case(self.peer.name, self.peer.version, direction, feature, check)

    # from us: the peer is the last one that knows DSN, and reports to a sender of ours

    def send(self, *notify, domain, to=None):
        """One message with ENVID and RET=HDRS to as many recipients; gives (sender, recipients)."""
        self.count += 1
        self.world.to_peer[self.key].clear()
        self.world.to_us.clear()
        sender = f"dsn{self.key}{self.count}"
        rcpts = [f"{word.split(',')[0].lower()}{self.count}@{self.key}.{domain}" for word in notify]
        self.inject(to or self.world.relay_address, PLAIN, [(rcpt, f" NOTIFY={word} ORCPT={ORIGINAL}") for rcpt, word in zip(rcpts, notify)],
                    mail_from=f"{sender}@{self.key}.ours.test", parameters=" RET=HDRS" + ENVID)
        return sender, rcpts

    def went_on(self, *notify):
        said = self.world.to_peer[self.key].said().decode(errors="replace")
        missing = [word for word in ("RET=HDRS", ENVID, f"ORCPT={ORIGINAL}", *(f"NOTIFY={word}" for word in notify)) if word not in said]
        return f"{missing} did not go on: {said[:1500]}" if missing else ""

    def reported(self, sender, rcpt, action):
        mails = self.world.daemon.wait_mail(sender, 1, 20)
        if len(mails) != 1:
            return "FAILED", f"{len(mails)} reports; {self.peer.log()[-2000:]}"
        return self.judge(mails[0], rcpt, action, KNOWN.get(self.peer.name, set()))

    @staticmethod
    def judge(mail, rcpt, action, known=frozenset()):
        said = read(mail)
        one = next((block for block in said["each"] if bare(block.get("Final-Recipient")) == f"rfc822;{rcpt}"), {})
        wrong = {text for good, text in (
            (one, "the final recipient"), (len(said["each"]) == 1, "nobody else"), (one.get("Action", "").split(" ")[0] == action, f"Action: {action}"),
            (bare(one.get("Original-Recipient")) == "rfc822;orig+x@first.test", "ORCPT decoded"),
            (said.get("Original-Envelope-Id") == "e+1", "ENVID decoded"), (said["third"] == "text/rfc822-headers", "RET=HDRS")) if not good}
        if wrong - known:
            return "FAILED", f"without {wrong}: {mail[:3000].decode(errors='replace')}"
        told = f"{said['Reporting-MTA']}: {one['Action']}, {one['Status']}"
        return ("peer's bug", f"{told}; not {', '.join(sorted(wrong))}") if wrong else (True, told)

    def success(self):
        sender, rcpts = self.send("SUCCESS", domain="nodsn.test")
        result = self.reported(sender, rcpts[0], "relayed")
        if result[0] != "FAILED" and (wrong := self.went_on("SUCCESS")):
            return "FAILED", wrong
        return result

    def passed_on(self):
        """The sink behind it knows DSN: nobody reports."""
        sender, rcpts = self.send("SUCCESS,FAILURE", domain="sink.test")
        result = self.world.arrived_at_sink(rcpts, PLAIN)
        if result is not True:
            return result
        wrong = self.went_on("SUCCESS,FAILURE") or ("reported all the same" if self.world.daemon.files(sender) else "")
        return ("FAILED", wrong) if wrong else True

    def failure_and_never(self, together):
        if together:
            sender, rcpts = self.send("NEVER", "FAILURE", domain="refused.test")
        else:
            silent, _ = self.send("NEVER", domain="refused.test")
            if not wait_until(lambda: "never" in self.peer.log() and self.world.to_peer[self.key].said().count(b"\nDATA"), 10):
                return "FAILED", "it was not handed over"
            sender, rcpts = self.send("FAILURE", domain="refused.test")
        result = self.reported(sender, rcpts[-1], "failed")
        if result[0] != "FAILED" and (wrong := self.went_on(*(("NEVER", "FAILURE") if together else ("FAILURE",)))):
            return "FAILED", wrong
        if not together and self.world.daemon.files(silent):
            return "FAILED", "there is a report for NEVER"
        return result

    def drained(self, *notify, action, domain):
        """The spool of a server that is gone, handed over by `hikyaku queue drain`: the peer reports as if that server had given it the mail."""
        root = self.world.root / f"drained-{self.key}-{action}"
        root.mkdir()
        root.chmod(0o755)
        with Daemon(root, RELAY, f"route * {{ via smtp {fresh_address()}:{PORT}; }}", retry="1h", lifetime="1d") as gone:
            sender, rcpts = self.send(*notify, domain=domain, to=gone.address)
        status, out, err = hikyaku("queue", "drain", "--spool", root / "spool", "--to", f"{self.world.to_peer[self.key].address}:{PORT}", "--tls", "off",
                                   "--helo", "hikyaku.test", "--json")
        rows = [json.loads(line) for line in out.splitlines()]
        if status or rows[-1].get("messages") != 1 or rows[-1].get("reports"):
            return "FAILED", f"exit status {status}: {out!r} {err}"
        result = self.reported(sender, rcpts[-1], action)
        if result[0] != "FAILED" and (wrong := self.went_on(*notify)):
            return "FAILED", wrong
        return result

    # to us: we are the last one, and report to a sender behind the peer

    def send_to_us(self, *notify, domain):
        self.count += 1
        sender = f"back{self.count}@{self.key}.sink.test"
        rcpts = [f"{self.key}{word.split(',')[0].lower()}{self.count}@{self.key}.{domain}" for word in notify]
        self.inject(self.peer.address, PLAIN, [(rcpt, f" NOTIFY={word} ORCPT={ORIGINAL}") for rcpt, word in zip(rcpts, notify)],
                    mail_from=sender, parameters=" RET=HDRS" + ENVID)
        return sender, rcpts

    def our_report(self, sender, rcpt, action):
        def there():
            return [message for message in self.world.sink.messages if sender in message[1]]
        got = wait_until(there, 20) or []
        self.world.sink.messages[:] = []
        if len(got) != 1 or got[0][0] != "":
            return "FAILED", f"{len(got)} reports; {self.world.daemon.log()[-2500:]}"
        return self.judge(got[0][2], rcpt, action)

    def success_to_us(self):
        sender, rcpts = self.send_to_us("SUCCESS", domain="ours.test")
        result = self.world.arrived_here(rcpts[0].split("@")[0], PLAIN)
        return self.our_report(sender, rcpts[0], "delivered") if result is True else result

    def failure_to_us(self):
        sender, rcpts = self.send_to_us("NEVER", "FAILURE", domain="fail.test")
        return self.our_report(sender, rcpts[1], "failed")

    def run(self):
        self.add("from us", "DSN, NOTIFY=SUCCESS, behind it no DSN", self.success)
        self.add("from us", "DSN, NOTIFY=SUCCESS, behind it DSN", self.passed_on)
        self.add("from us", "DSN, NOTIFY=FAILURE; none for NOTIFY=NEVER before it", lambda: self.failure_and_never(False))
        self.add("from us", "DSN, NOTIFY=NEVER and NOTIFY=FAILURE in one message", lambda: self.failure_and_never(True))
        self.add("from us (hikyaku queue drain)", "DSN, NOTIFY=SUCCESS, behind it no DSN", lambda: self.drained("SUCCESS", action="relayed", domain="nodsn.test"))
        self.add("from us (hikyaku queue drain)", "DSN, NOTIFY=NEVER and NOTIFY=FAILURE in one message",
                 lambda: self.drained("NEVER", "FAILURE", action="failed", domain="refused.test"))
        self.add("to us", "DSN, NOTIFY=SUCCESS", self.success_to_us)
        self.add("to us", "DSN, NOTIFY=NEVER and NOTIFY=FAILURE in one message", self.failure_to_us)

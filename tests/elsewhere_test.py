# SPDX-License-Identifier: MIT
"""Another country, another time (SEC 1.8): neither the locale of whoever starts us, or of a program that uses the library, nor what the calendar
says changes a verdict, a date or a reply. tests/elsewhere.c brings both about.

usage: elsewhere_test.py [CASE...]     TAP"""

import email
import email.utils
import json
import os
import re
import struct
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from harness import BUILD, PORT, RELAY, SLOW, Daemon, Sink, Smtp, Tap, folder, preload, run_cases, tls_daemon, wait_until

TOP = Path(__file__).resolve().parent.parent
ELSEWHERE = TOP / "tests/elsewhere.c"


def loaded():
    """As harness.preload; None too where ThreadSanitizer watches the clock that is another here."""
    return None if b"__tsan_init" in (BUILD / "hikyakud").read_bytes() else preload(ELSEWHERE)


# ---- another country ------------------------------------------------------------------------------------------------


def charmap():
    """Octets as in ISO 8859-9, which Turkish is written in."""
    rows = [f"<U{ord(bytes([i]).decode('iso8859-9')):04X}> /x{i:02x} x" for i in range(256)]
    return "<code_set_name> ISO-8859-9\n<comment_char> %\n<escape_char> /\nCHARMAP\n" + "\n".join(rows) + "\nEND CHARMAP\n"


def country():
    """What Turkey and Germany do otherwise than C, together: I and i are no pair, 1.5 is 1,5, and days and months have other names."""
    def chars(text):
        return ";".join(f"<U{ord(c):04X}>" for c in text)

    def words(text):
        return ";".join('"' + "".join(f"<U{ord(c):04X}>" for c in word) + '"' for word in text.split())
    upper, lower = "ABCDEFGHJKLMNOPQRSTUVWXYZ", "abcdefghjklmnopqrstuvwxyz"
    pairs = [*zip(lower, upper), ("i", "\u0130"), ("\u0131", "I")]
    lower, upper = "".join(a for a, _ in pairs), "".join(b for _, b in pairs)
    days, months = "Paz Pzt Sal Car Per Cum Cmt", "Oca Sub Mar Nis May Haz Tem Agu Eyl Eki Kas Ara"
    return f"""comment_char %
escape_char /
LC_CTYPE
upper {chars(upper)}
lower {chars(lower)}
digit {chars("0123456789")}
space {chars(chr(32) + chr(12) + chr(10) + chr(13) + chr(9) + chr(11))}
blank {chars(chr(32) + chr(9))}
toupper {";".join(f"(<U{ord(a):04X}>,<U{ord(b):04X}>)" for a, b in pairs)}
tolower {";".join(f"(<U{ord(b):04X}>,<U{ord(a):04X}>)" for a, b in pairs)}
END LC_CTYPE
LC_NUMERIC
decimal_point {words(",")}
thousands_sep {words(".")}
grouping 3
END LC_NUMERIC
LC_TIME
abday {words(days)}
day {words(days)}
abmon {words(months)}
mon {words(months)}
d_t_fmt {words("%d")}
d_fmt {words("%d")}
t_fmt {words("%T")}
am_pm {words("oo os")}
t_fmt_ampm {words("%T")}
END LC_TIME
"""


def make_country(root):
    """The environment of a program that is there; None where none can be made."""
    made = loaded()
    (root / "charmap").write_text(charmap())
    (root / "country").write_text(country())
    (root / "locales").mkdir()
    subprocess.run(["localedef", "-c", "--no-archive", "-f", root / "charmap", "-i", root / "country", root / "locales/xx_XX"], capture_output=True, check=False)
    if not made or not (root / "locales/xx_XX/LC_CTYPE").exists():
        return None
    return {**os.environ, "LD_PRELOAD": str(made), "LOCPATH": str(root / "locales"), "LC_ALL": "xx_XX", "HIKYAKU_LOCALE": "1"}


PROBE = """
import ctypes
c = ctypes.CDLL(None)
room = ctypes.create_string_buffer(99)
c.snprintf(room, 99, b"%.1f", ctypes.c_double(1.5))
print(room.value.decode(), c.tolower(ord("I")) != ord("i"), c.strcasecmp(b"MAIL", b"mail") != 0)
"""


# these take seconds, and no locale touches what they are about: memory that runs out, the spool, limits
SLOW_UNITS = re.compile(r"oom|heap|split|spool|work|hostile|crypto|limits|render|tls|cache|publish|vectors")


def units():
    """The unit tests that were built: name, program, environment, folder."""
    tests = json.loads((BUILD / "meson-info/intro-tests.json").read_text())
    for test in tests:
        program = next((TOP / word for word in test["cmd"] if "/test-" in word), None)
        if program and any(suite.split(":")[-1] == "unit" for suite in test["suite"]) and not SLOW_UNITS.search(test["name"]) and program.exists():
            yield test["name"], program, test["env"], test["workdir"] or BUILD


def no_locale_changes_what_is_said(t):
    """SEC 1.8: locale. What the unit tests hold of verdicts, dates, numbers and replies holds there too."""
    title = "SEC 1.8: locale"
    with folder() as root:
        there = make_country(root)
        if not there:
            t.skip(title, "no locale can be made here, or no library loaded before the daemon")
            return
        probe = subprocess.run([sys.executable, "-c", PROBE], env=there, capture_output=True, text=True, check=False).stdout.split()
        t.equal(probe, ["1,5", "True", "True"], f"{title}: it is a country where 1.5 is 1,5 and MAIL is not mail")
        failed, number = [], 0
        for name, program, environment, where in units():
            done = subprocess.run([program], env={**there, **environment}, cwd=where, capture_output=True, text=True, errors="replace", timeout=120 * SLOW)
            failed += [f"{name}: {done.stdout[-600:]}"] if done.returncode else []
            number += 1
        t.ok(number > 50 and not failed, f"{title}: the unit tests pass there", number, *failed)
        a_session_there_is_as_anywhere(t, title, root, there)


SCRIPT = ["ehlo TITLE.test", "MAIL FROM:<I@INFO.test> SIZE=100", "RCPT TO:<user1@B.TEST>", "rcpt to:<user2@INFO.test>", "NOOP", "DATA"]


def session(root, environment):
    """What a server says: without what is another each time."""
    (root / "mail").mkdir(parents=True)
    listener = "listen mx { address %(address)s:%(port)d; checks spf dkim dmarc; reject-early-talkers off; max-message 1500000; }"
    d = Daemon(root, listener, accept="b.test info.TEST", log=root / "daemon.log", log_format="postfix")
    d.log_path = root / "daemon.log"
    d.start(wait=False, env=environment)
    try:
        wait_until(lambda: d.log_path.exists() and "ready" in d.log(), 30)
        with Smtp(d.address) as client:
            said = [client.banner, *(client.command(line) for line in SCRIPT)]
            client.send(b"From: I@INFO.test\r\nSubject: \xdd\xfd Ii\r\nDATE: Thu, 1 Jan 1998 00:00:00 +0000\r\n\r\n.\r\n")
            said.append(client.reply())
        mails = [d.wait_mail(user) for user in ("user1", "user2")]
        dates = [re.search(rb"(?m)^\t?.*; (.*)$", mail[0])[1].decode() for mail in mails if mail]
        return re.sub(r"127\.\d+\.\d+\.\d+|queued as \w+", "...", repr(said)), [email.utils.parsedate_to_datetime(date) for date in dates], d.log()
    finally:
        d.stop()


def a_session_there_is_as_anywhere(t, title, root, there):
    here, _, _ = session(root / "here", dict(os.environ))
    said, dates, log = session(root / "there", there)
    t.equal(said, here, f"{title}: each reply is what it is anywhere")
    t.ok(len(dates) == 2 and all(abs(date.timestamp() - time.time()) < 120 * SLOW for date in dates), f"{title}: dates of the trace are of RFC 5322", dates)
    lines = log.splitlines()
    t.ok(len(lines) > 4 and all(re.match(r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d ", line) for line in lines),
         f"{title}: dates of the log have the months of RFC 3164", log)


# ---- another time -----------------------------------------------------------------------------------------------------


class Clock:
    """The calendar of whoever is started with environment; set(utc) may be called whenever it is wanted."""

    def __init__(self, root, utc):
        self.path = root / "clock"
        self.path.write_bytes(bytes(8))
        self.file = open(self.path, "r+b", buffering=0)
        self.set(utc)
        made = loaded()
        self.environment = made and {**os.environ, "LD_PRELOAD": str(made), "HIKYAKU_CLOCK": str(self.path)}

    def set(self, utc):
        self.ahead = int(utc - time.time())
        self.file.seek(0)
        self.file.write(struct.pack("=q", self.ahead))

    def now(self):
        return time.time() + self.ahead


def date_of(mail):
    """Of the uppermost Received."""
    return email.utils.parsedate_to_datetime(email.message_from_bytes(mail)["Received"].rsplit(";", 1)[1].strip()).timestamp()


def delivered(sink):
    """What it took for somebody."""
    return [message for message in sink.messages if message[1]]


YEARS = {"1970": 3, "2038": (1 << 31) - 2, "2106": (1 << 32) - 2}


def whatever_the_year(t):
    """SEC 1.8: system clock 1970/2038/2106: mail is taken before and behind the last second that 32 bits have, put off, and delivered, also over a
    start; its dates are those of the calendar. (The queue alone, and its reports: engine/owner_trouble_test.c.)"""
    for year, utc in YEARS.items():
        title = f"SEC 1.8: system clock {year}"
        sink = Sink(replies={"RCPT x@c.test": b"451 4.7.1 later\r\n"})
        with folder() as root:
            clock = Clock(root, utc)
            if not clock.environment:
                t.skip(title, "no library can be loaded before the daemon here")
                sink.close()
                continue
            d = Daemon(root, RELAY, f"route b.test {{ via maildir {root}/mail/%%u; }} route * {{ via smtp {sink.address}:{PORT}; }}", lifetime="30d")
            d.start(env=clock.environment)
            t.equal(Smtp(d.address).message(rcpts=["user1@b.test", "x@c.test"])[0], 250, f"{title}: mail is taken")
            t.ok(d.wait_log("outcome=(?:deferred|pending)|ev=deferred"), f"{title}: and put off", d.log())
            first = d.wait_mail()
            t.ok(first and abs(date_of(first[0]) - clock.now()) < 30 * SLOW, f"{title}: its date is that of the calendar", first)
            wait_until(lambda: clock.now() > utc + 3)
            t.equal(Smtp(d.address).message(rcpts=["user2@b.test"])[0], 250, f"{title}: so it is three seconds later")
            second = d.wait_mail("user2")
            t.ok(second and utc <= date_of(second[0]) < utc + 60 * SLOW, f"{title}: with its date", second)
            d.stop()
            sink.replies.clear()
            d.start(env=clock.environment)
            t.ok(wait_until(lambda: delivered(sink), 30), f"{title}: what waited goes out after a start", d.log())
            t.equal(d.stop(), 0, f"{title}: it ends")
        sink.close()


def a_second_that_comes_twice(t):
    """SEC 1.8: leap second: the calendar of the system stands at 23:59:59 for two seconds. (23:59:60 in a Date field: lib/message/date_test.c.)"""
    title = "SEC 1.8: leap second"
    last = int(datetime(2016, 12, 31, 23, 59, 59, tzinfo=timezone.utc).timestamp())
    sink = Sink(replies={"RCPT x@c.test": b"451 4.7.1 later\r\n"})
    with folder() as root:
        clock = Clock(root, last - 1)
        if not clock.environment:
            t.skip(title, "no library can be loaded before the daemon here")
            sink.close()
            return
        d = Daemon(root, RELAY, f"route b.test {{ via maildir {root}/mail/%%u; }} route * {{ via smtp {sink.address}:{PORT}; }}")
        d.start(env=clock.environment)
        sent = 0
        while clock.now() < last + 2 or sent < 2:
            t.equal(Smtp(d.address).message(rcpts=["user1@b.test", "x@c.test"])[0], 250, f"{title}: mail {sent + 1} is taken")
            if clock.now() >= last and not sent:
                clock.set(clock.now() - 1)
            sent += 1
        mails = d.wait_mail(count=sent)
        t.ok(len(mails) == sent and all(last - 2 <= date_of(mail) <= last + 60 * SLOW for mail in mails), f"{title}: each has a date of those seconds", mails)
        sink.replies.clear()
        t.ok(wait_until(lambda: len(delivered(sink)) == sent, 30), f"{title}: and is delivered", delivered(sink), sent, d.log())
        t.equal(d.stop(), 0, f"{title}: it ends")
    sink.close()


def ends(made):
    """The day on which a certificate for 30 days ends."""
    return datetime.fromtimestamp(made + 30 * 86400, timezone.utc).strftime("%Y-%m-%d")


def a_certificate_of_ours_that_is_over(t):
    """SEC 1.8: expired own certificate: it is served on, and the log says so from two weeks before."""
    title = "SEC 1.8: expired own certificate"
    for days, words in ((10, None), (17, "warning ev=certificate listener=mx what=\"it expires on "), (31, "error ev=certificate listener=mx what=\"it expired on ")):
        with folder() as root:
            clock = Clock(root, time.time() + days * 86400)
            if not clock.environment:
                t.skip(title, "no library can be loaded before the daemon here")
                return
            made, d = time.time(), tls_daemon(root)
            if os.getuid() == 0:
                os.chmod(root / "tls.key", 0o644)
            d.start(env=clock.environment)
            if words:
                t.ok(d.wait_log(re.escape(words) + f"({ends(made)}|{ends(time.time())})"), f"{title}: after {days} of 30 days the log says so, and the day", d.log())
            client = Smtp(d.address)
            client.command("EHLO a.test")
            t.equal(client.starttls()[0], 220, f"{title}: after {days} days TLS is spoken")
            t.equal(client.message()[0], 250, f"{title}: after {days} days mail is taken by it")
            t.ok(words or "ev=certificate" not in d.log(), f"{title}: and nothing is said of a certificate that is good", d.log())
            t.equal(d.stop(), 0, f"{title}: it ends")


CASES = [no_locale_changes_what_is_said, whatever_the_year, a_second_that_comes_twice, a_certificate_of_ours_that_is_over]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

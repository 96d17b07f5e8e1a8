# SPDX-License-Identifier: MIT
"""Links and odd files where a server of root's writes (T9 of security.md; SEC-29, SEC-65): what they lead to is left alone.

usage: links_test.py [CASE...]     TAP"""

import os
import sys

from harness import IS_ROOT, SLOW, USER, Daemon, Smtp, Tap, folder, run_cases, wait_until

VICTIM = b"root:secret\n"


def victim_in(root):
    """Somebody else's file, and what it is now."""
    (root / "victim").write_bytes(VICTIM)
    (root / "victim").chmod(0o600)
    return root / "victim"


def is_untouched(victim):
    st = victim.stat()
    return victim.read_bytes() == VICTIM and st.st_uid == os.getuid() and st.st_mode & 0o777 == 0o600


LINKS = {"a link": lambda victim, path: path.symlink_to(victim), "another name": lambda victim, path: path.hardlink_to(victim),
         "a link to nothing": lambda victim, path: path.symlink_to(victim.parent / "none")}


def refuses(t, title, d, *words):
    d.start(wait=False)
    wait_until(lambda: d.process.poll() is not None, 20)
    t.ok(d.process.poll() == 1 and any(word in d.log() for word in words), f"{title}: it does not start, and says why", d.log())
    d.stop()


def a_log_is_no_link(t):
    """SEC-29 (CVE-2020-28007): the supervisor opens it as root, and gives it to the user of the mail process."""
    for kind, link in LINKS.items():
        with folder() as root:
            victim = victim_in(root)
            (root / "logs").mkdir()
            path = root / "logs/daemon.log"
            link(victim, path)
            d = Daemon(root, single=False, log=path)
            refuses(t, f"SEC-29: a log that is {kind}", d, str(path))
            t.ok(is_untouched(victim) and not (root / "none").exists(), f"SEC-29: a log that is {kind}: what it leads to is as it was")


def a_log_does_not_become_one(t):
    for kind, link in LINKS.items():
        with folder() as root:
            victim = victim_in(root)
            (root / "logs").mkdir()
            path = root / "logs/daemon.log"
            d = Daemon(root, single=False, log=path)
            d.log_path = path
            d.start(wait=False)
            wait_until(lambda: path.exists() and "ev=ready" in d.log(), 20)
            path.rename(root / "logs/daemon.log.1")
            d.log_path = root / "logs/daemon.log.1"
            link(victim, path)
            d.reload()
            title = f"SEC-29: a log that becomes {kind}"
            t.ok(d.wait_log("warning ev=log what=") and d.wait_log("ev=reload ok=1"), f"{title}: it is said, in the one before", d.log())
            t.equal(Smtp(d.address).message()[0], 250, f"{title}: mail goes on")
            t.equal(d.stop(), 0, f"{title}: it ends")
            t.ok(is_untouched(victim) and not (root / "none").exists(), f"{title}: what it leads to is as it was")


def a_pid_file_is_no_link(t):
    """SEC-29 (CVE-2020-28014)."""
    for kind, link in LINKS.items():
        with folder() as root:
            victim = victim_in(root)
            path = root / "pid"
            link(victim, path)
            with Daemon(root, single=False, pid_file=path) as d:
                t.equal((path.is_symlink(), path.read_text()), (False, f"{d.process.pid}\n"), f"SEC-29: a pid file that is {kind} is replaced")
            t.ok(is_untouched(victim) and not (root / "none").exists(), f"SEC-29: a pid file that is {kind}: what it leads to is as it was")


def a_spool_is_a_folder_of_its_user(t):
    """SEC-29 (CVE-2020-28008), SEC-65."""
    def link(root):
        (root / "elsewhere").mkdir()
        (root / "spool").symlink_to(root / "elsewhere")

    def open_to_all(root):
        (root / "spool").mkdir()
        (root / "spool").chmod(0o777)
        give(root / "spool")

    def of_a_group(root):
        (root / "spool").mkdir()
        (root / "spool").chmod(0o770)
        give(root / "spool")

    cases = [("a link", link, ("Not a directory", "symbolic links")), ("a file", lambda root: (root / "spool").write_text(""), ("Not a directory",)),
             ("a folder where all may write", open_to_all, ("others may write",)), ("a folder where a group may write", of_a_group, ("others may write",))]
    if IS_ROOT:
        cases.append(("a folder of somebody else", lambda root: (root / "spool").mkdir(mode=0o700), ("it belongs to user 0",)))
    for kind, make, words in cases:
        for single in (True, False):
            with folder() as root:
                make(root)
                refuses(t, f"SEC-65: a spool that is {kind}", Daemon(root, single=single), *words)
                t.ok(not (root / "elsewhere").exists() or not list((root / "elsewhere").iterdir()), f"SEC-65: a spool that is {kind}: nothing is made in there")


def give(path):
    if IS_ROOT:
        os.chown(path, USER, USER)


def what_lies_in_a_spool_is_no_link(t):
    """SEC-65: each file of it in turn is a link to one outside, or a pipe: it is not read, and not written."""
    with folder() as root:
        with Daemon(root, rest="route * { via smtp 127.0.0.1:9; }", retry="1h") as d:
            Smtp(d.address).message()
            Smtp(d.address).message(b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 30000)
        names = [path.relative_to(root / "spool") for path in (root / "spool").rglob("*") if path.is_file()]
        names = [name for name in names if name.name in ("VERSION", "lock") or name.parts[0] in ("journal", "body")]
        t.ok(len(names) >= 4, "there are files to put in the place of", names)
        for name in names:
            for kind in ("link", "pipe"):
                path, kept = root / "spool" / name, root / "kept"
                path.rename(kept)
                before = kept.read_bytes()
                if kind == "link":
                    path.symlink_to(kept)
                else:
                    os.mkfifo(path)
                    give(path)
                title = f"SEC-65: {'a body file' if name.parts[0] == 'body' else name} as a {kind}"
                d.start(wait=False)
                done = wait_until(lambda: d.process.poll() is not None or "ev=ready" in d.log(), 20)
                t.ok(done, f"{title}: it starts or it does not, and never waits", d.log())
                t.ok(d.process.poll() == 1 or name.suffix != ".seg", f"{title}: it does not start", d.log())
                d.stop()
                t.ok(kept.read_bytes() == before, f"{title}: what it leads to is as it was")
                path.unlink(missing_ok=True)
                kept.rename(path)
        with d:
            t.equal(Smtp(d.address).message()[0], 250, "SEC-65: without them it serves as before")


CASES = [a_log_is_no_link, a_log_does_not_become_one, a_pid_file_is_no_link, a_spool_is_a_folder_of_its_user, what_lies_in_a_spool_is_no_link]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))

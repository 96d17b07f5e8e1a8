# SPDX-License-Identifier: MIT
"""Programs of other projects from Debian packages that are never installed: unpacked into a folder and run from there.

Postfix, Exim and OpenSMTPD conflict with each other and with whatever delivers mail on this host. Libraries that they need and this
host lacks are unpacked beside them."""

import os
import re
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("HIKYAKU_PEERS") or Path(__file__).resolve().parent.parent.parent / "build/peers").resolve()


class Missing(Exception):
    """The package cannot be had here; the reason."""


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)


def is_installed(package):
    return run("dpkg-query", "-W", "-f", "${db:Status-Status}", package).stdout == "installed"


def download(package, folder):
    """The package file; from the folder where it is there already."""
    found = sorted(folder.glob(f"{package}_*.deb"))
    if not found:
        done = run("apt-get", "download", "-q", package, cwd=folder)
        found = sorted(folder.glob(f"{package}_*.deb"))
        if not found:
            raise Missing(f"{package} cannot be downloaded: {done.stderr.strip().splitlines()[-1:] or 'no reason given'}")
    return found[-1]


def depends(deb):
    """Packages that it needs, the first of alternatives."""
    text = run("dpkg", "-f", deb, "Depends").stdout
    return [re.split(r"[\s(:|]", item.strip())[0] for item in text.split(",") if item.strip()]


def unpack(package, also=()):
    """The folder with the package's tree; also: packages that belong to it."""
    tree, debs = CACHE / package, CACHE / "deb"
    done = tree / ".unpacked"
    if done.exists():
        return tree
    if not run("sh", "-c", "command -v apt-get").stdout:
        raise Missing("there is no apt-get here")
    debs.mkdir(parents=True, exist_ok=True)
    waiting, seen = [package, *also], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        deb = download(name, debs)
        run("dpkg", "-x", deb, tree)
        waiting += [need for need in depends(deb) if need.startswith("lib") and not is_installed(need)]
    run("chmod", "-R", "ug-s", tree)  # no setuid program is left lying in a build folder
    done.write_text(version_of_file(download(package, debs)))
    return tree


def version_of_file(deb):
    return run("dpkg", "-f", deb, "Version").stdout.strip()


def version(package):
    """Of the unpacked package, or of the installed one."""
    mark = CACHE / package / ".unpacked"
    text = mark.read_text() if mark.exists() else run("dpkg-query", "-W", "-f", "${Version}", package).stdout
    return text.strip()


def library_path(tree):
    """LD_LIBRARY_PATH for its programs."""
    folders = [tree / "usr/lib/postfix", tree / "usr/lib", *sorted(tree.glob("usr/lib/*-linux-gnu*")), *sorted(tree.glob("lib/*-linux-gnu*"))]
    return ":".join(str(folder) for folder in folders if folder.is_dir())

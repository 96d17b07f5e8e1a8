# SPDX-License-Identifier: MIT
"""What `meson install` places: daemon, command, library, headers, pkg-config file, unit, man pages, example configuration. TAP."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import Tap

BUILD = Path(os.environ["HIKYAKU_BUILD"])
ROOT = Path(__file__).resolve().parent.parent
WANTED = {
    "sbin/hikyakud": "the daemon",
    "bin/hikyaku": "the command",
    "libhikyaku.so": "the library",
    "libhikyaku-names.so": "the library of names",
    "pkgconfig/hikyaku-names.pc": "its pkg-config file",
    "include/hikyaku/verify.h": "the headers",
    "pkgconfig/hikyaku.pc": "the pkg-config file",
    "system/hikyakud.service": "the unit",
    "man8/hikyakud.8": "the daemon's man page",
    "man1/hikyaku.1": "the command's man page",
    "hikyakud.conf": "the example configuration",
    "example-mx.conf": "the example of an MX for tests",
    "share/hikyaku/shaping.conf": "the table of what large providers take",
}
HARDENING = ["NoNewPrivileges=", "ProtectSystem=strict", "ProtectHome=", "PrivateTmp=", "PrivateDevices=", "RestrictAddressFamilies=", "Type=notify"]
PROGRAM = """
#include <hikyaku/verify.h>
#include <stdio.h>
int main(void)
{
	struct hk_ip ip;
	char text[HK_IP_TEXT_MAX];

	if (hk_ip_parse(hk_slice_str("192.0.2.1"), &ip) != HK_OK)
		return 1;
	hk_ip_format(&ip, text);
	puts(text);
	return 0;
}
"""

tap = Tap()
ok = tap.ok


def find(tree, end):
    return next((path for path in sorted(tree.rglob("*")) if str(path).endswith("/" + end)), None)


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def main():
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "root"
        done = run("meson", "install", "-C", BUILD, "--no-rebuild", env=dict(os.environ, DESTDIR=str(tree)))
        ok(done.returncode == 0, "meson install with DESTDIR works", done.stdout + done.stderr)
        for end, what in WANTED.items():
            ok(find(tree, end) is not None, f"it places {what} ({end})")
        unit = find(tree, "system/hikyakud.service")
        text = unit.read_text() if unit else ""
        missing = [line for line in HARDENING if line not in text]
        ok(unit is not None and not missing, "the unit is hardened and of type notify", missing)
        example = find(tree, "hikyakud.conf")
        done = run(find(tree, "sbin/hikyakud") or "false", "--check-config", "--config", example or "")
        ok(done.returncode == 0, "hikyakud --check-config accepts the example", done.stdout + done.stderr)
        shaping = Path(folder) / "shaping.conf"
        shaping.write_text(example.read_text() + f"\nshaping {find(tree, 'hikyaku/shaping.conf')};\n" if example else "")
        done = run(find(tree, "sbin/hikyakud") or "false", "--check-config", "--config", shaping)
        ok(done.returncode == 0, "and the table of shapes", done.stdout + done.stderr)
        library = find(tree, "libhikyaku.so")
        if library:
            needed = re.findall(r"\(NEEDED\).*\[(.*?)\]", run("readelf", "-d", library).stdout)
            own = [name for name in needed if not name.startswith(("libc.so", "libcrypto.so", "ld-linux", "libasan", "libubsan", "libtsan", "libm.so", "libgcov"))]
            ok(needed and not own, "libhikyaku.so needs libc and libcrypto alone", needed)
            exported = [line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", library).stdout.splitlines()
                        if " A " not in line]  # the version's own
            foreign = [name for name in exported if not name.startswith("hk_")]
            sanitized = any(name.startswith(("libasan", "libtsan")) for name in needed)
            ok(exported and (sanitized or not foreign), "it exports hk_* names only", foreign[:10])
        example_program(tree, Path(folder))
        headers_alone(Path(folder))
    return tap.end()


def example_program(tree, folder):
    """A C program that knows nothing but pkg-config builds and runs against what was installed."""
    pc, header, library = find(tree, "hikyaku.pc"), find(tree, "include/hikyaku/base.h"), find(tree, "libhikyaku.so")
    if not (pc and header and library) or not shutil.which("pkg-config"):
        ok(False, "a program builds against the installed library")
        return
    (folder / "program.c").write_text(PROGRAM)
    flags = run("pkg-config", "--cflags", "--libs", "hikyaku",
                env=dict(os.environ, PKG_CONFIG_PATH=str(pc.parent), PKG_CONFIG_SYSROOT_DIR=str(tree))).stdout.split()
    extra = ["-fsanitize=address,undefined"] if "libasan" in run("readelf", "-d", library).stdout else []
    done = run("cc", folder / "program.c", *flags, *extra, "-o", folder / "program")
    ran = run(folder / "program", env=dict(os.environ, LD_LIBRARY_PATH=str(library.parent))) if done.returncode == 0 else done
    ok(ran.stdout.strip() == "192.0.2.1", "a program builds against the installed library and runs", done.stderr + ran.stderr)


def headers_alone(folder):
    """Each public header compiles by itself, as C and (where there is a compiler) as C++."""
    compilers = [("cc", "c", "-std=c17"), ("cc", "c", "-std=c2x")] + ([("c++", "c++", "-std=c++17")] if shutil.which("c++") else [])
    for compiler, language, standard in compilers:
        bad = []
        for header in sorted((ROOT / "include/hikyaku").glob("*.h")):
            done = run(compiler, "-x", language, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", ROOT / "include", "-",
                       input=f"#include <hikyaku/{header.name}>\n")
            if done.returncode != 0:
                bad.append(done.stderr)
        ok(not bad, f"every public header compiles alone ({standard})", "\n".join(bad))


if __name__ == "__main__":
    sys.exit(main())

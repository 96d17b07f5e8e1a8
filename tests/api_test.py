# SPDX-License-Identifier: MIT
"""The library as a programmer finds it installed: what it exports, its contracts and man pages, its ABI, the worked examples. TAP."""

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from harness import BUILD, Dns, Tap, folder, make_key

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = {  # and what each may need beside libc and libhikyaku
    "hikyaku": ["libcrypto"],
    "hikyaku-resolve": [],
    "hikyaku-unbound": ["libunbound"],
    "hikyaku-cares": ["libcares"],
    "hikyaku-names": ["libpsl", "libidn2", "libunistring"],
}
SANITIZERS = ("libasan", "libubsan", "libtsan", "libgcov")
MESSAGE = b"From: User <u@a.test>\r\nTo: v@b.test\r\nSubject: a letter\r\nDate: Sun, 10 Nov 2024 21:59:09 +0900\r\n\r\nHello.\r\n"

tap = Tap()
ok = tap.ok


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, timeout=120, check=False, **options)


def text_of(*command, **options):
    return run(*command, **options).stdout.decode(errors="replace")


def find(tree, name):
    return next((path for path in sorted(tree.rglob("*")) if str(path).endswith("/" + name)), None)


def needed_by(library):
    return re.findall(r"\(NEEDED\).*\[(.*?)\.so", text_of("readelf", "-d", library))


def libraries(tree):
    exported = set()
    for name, allowed in LIBRARIES.items():
        library = find(tree, f"lib{name}.so")
        needed = needed_by(library) if library else []
        own = [one for one in needed if not one.startswith(("libc", "ld-linux", "libhikyaku", *SANITIZERS)) or one.startswith(("libcrypto", "libcares"))]
        ok(library and sorted(own) == sorted(set(own) & set(allowed)), f"lib{name}.so needs libc and {', '.join(allowed) or 'nothing else'}", needed)
        ok(library and f"lib{name}.so.0" in text_of("readelf", "-d", library), f"lib{name}.so has its number in its soname")
        ok(find(tree, f"pkgconfig/{name}.pc") is not None, f"{name}.pc is there")
        if library:
            lines = text_of("nm", "-D", "--defined-only", library).splitlines()
            exported |= {line.split()[-1].split("@")[0] for line in lines if " T " in line}
    return {name for name in exported if name.startswith("hk_")}


def contracts(tree, exported):
    headers = sorted((ROOT / "include/hikyaku").glob("*.h"))
    listed = [line.split() for line in text_of(sys.executable, "-B", ROOT / "tools/headers.py", "list", *headers).splitlines()]
    declared = {name for name, _, _ in listed}
    ok(exported and exported == declared, "what is exported is what public headers declare",
       f"exported only: {sorted(exported - declared)}", f"declared only: {sorted(declared - exported)}")
    bare = [f"{header}: {name}" for name, header, contract in listed if contract != "ok"]
    ok(declared and not bare, "every public function has a contract over it", *bare)
    unsized = [f"{header.name}: {found[1]}" for header in headers
               for found in re.finditer(r"struct (hk_\w+_(?:input|options|config|transaction|event|record)) \{\n\s*([^\n]*)", header.read_text())
               if not found[2].startswith("size_t size;")]
    ok(not unsized, "every struct that callers fill in begins with its size", *unsized)
    pages = {path.name: path.read_text() for path in tree.rglob("man3/*.3")}
    missing = [f"{header}: {name}" for name, header, _ in listed if not re.search(rf"\b{name}\b", pages.get(f"hikyaku_{header[:-2]}.3", ""))]
    ok(pages and not missing, "every exported function is in the man page of its header", *missing)
    ok("libhikyaku.3" in pages and all(f"hikyaku_{h.stem} 3" in pages["libhikyaku.3"] or h.stem in ("cares", "resolve", "unbound") for h in headers),
       "libhikyaku(3) leads to all of them")
    title = "the man pages are clean for mandoc"
    if not shutil.which("mandoc"):
        tap.skip(title, "no mandoc")
        return
    done = run("mandoc", "-Tlint", "-Wwarning", *sorted(tree.rglob("man3/*.3")))
    ok(done.returncode == 0, title, done.stdout.decode())


def abi():
    title = "the ABI is that of tests/abi, grown only where it may"
    if any(name.startswith(SANITIZERS) for name in needed_by(BUILD / "libhikyaku.so")):
        tap.skip(title, "a sanitizer's build")
        return
    if os.uname().machine != "x86_64" or "GCC" not in text_of("readelf", "-p", ".comment", BUILD / "libhikyaku.so"):
        tap.skip(title, "it was written down from gcc on x86-64")
        return
    done = run(sys.executable, "-B", ROOT / "tools/abi.py", BUILD)
    if done.returncode == 77:
        tap.skip(title, done.stdout.decode().strip())
    else:
        ok(done.returncode == 0, title, done.stdout.decode(), done.stderr.decode())
        if done.returncode == 0 and done.stdout:
            print(f"# not released yet, so it may; {len(done.stdout.splitlines())} lines of changes: tools/abi.py {BUILD.name}")


# ---- the examples ------------------------------------------------------------------------------------------------


def build(tree, place, source, packages, compiler=("cc", "-std=c17")):
    """A program of examples/, made with nothing but what pkg-config says of the installed tree."""
    pc = find(tree, "pkgconfig/hikyaku.pc").parent
    env = {**os.environ, "PKG_CONFIG_PATH": str(pc), "PKG_CONFIG_SYSROOT_DIR": str(tree)}
    own = text_of("pkg-config", "--cflags", "--libs", *packages, env=env).split()
    # what newer versions of c-ares call deprecated is all that Debian 12's has
    foreign = [*text_of("pkg-config", "--libs", "libcares").split(), "-Wno-deprecated-declarations"] if "hikyaku-cares" in packages else []
    libdir = find(tree, "libhikyaku.so").parent
    sanitized = [f"-fsanitize={'thread' if n == 'libtsan' else 'address,undefined'}" for n in needed_by(find(tree, "libhikyaku.so")) if n in ("libasan", "libtsan")]
    program = place / (Path(source).stem + "-" + compiler[0])
    done = run(*compiler, "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-missing-field-initializers", find(tree, "examples/" + source),
               *own, *foreign, *sanitized[:1], f"-Wl,-rpath,{libdir}", "-Wl,--allow-shlib-undefined", "-o", program)
    ok(done.returncode == 0, f"examples/{source} builds with pkg-config and {' '.join(compiler)}", done.stderr.decode())
    return program


def examples(tree, place):
    public = base64.b64encode(make_key(place / "key.pem")).decode()
    dns = Dns({("a.test", "TXT"): ["v=spf1 ip4:192.0.2.1 -all"], ("_dmarc.a.test", "TXT"): ["v=DMARC1; p=reject"],
               ("s1._domainkey.a.test", "TXT"): [f"v=DKIM1; k=rsa; p={public}"]})
    sign = build(tree, place, "sign.c", ["hikyaku"])
    signed = run(sign, place / "key.pem", "a.test", "s1", input=MESSAGE)
    ok(signed.returncode == 0 and signed.stdout.startswith(b"DKIM-Signature:") and signed.stdout.endswith(MESSAGE),
       "examples/sign.c signs with a key that it does not hold", signed.stderr.decode())
    ok(run(sign, place / "none.pem", "a.test", "s1", input=MESSAGE).returncode == 1, "and says so when there is none")
    compilers = [("cc", "-std=c17")] + ([("c++", "-x", "c++", "-std=c++17")] if shutil.which("c++") else [])
    for compiler in compilers:
        verify = build(tree, place, "verify.c", ["hikyaku-resolve"], compiler)
        done = run(verify, "192.0.2.1", "a.test", "u@a.test", f"{dns.address}@5353", input=signed.stdout)
        results = done.stdout.decode()
        ok(all(word in results for word in ("dkim=pass", "spf=pass", "dmarc=pass")), f"examples/verify.c ({compiler[0]}) verifies it", results, done.stderr.decode())
    done = run(verify, "192.0.2.2", "a.test", "u@a.test", f"{dns.address}@5353", input=signed.stdout.replace(b"Hello", b"Hullo"))
    ok(all(word in done.stdout.decode() for word in ("dkim=fail", "spf=fail", "dmarc=fail")), "and tells a message that was changed", done.stdout.decode())
    loop = build(tree, place, "spf_loop.c", ["hikyaku-cares"])
    done = run(loop, "-s", f"{dns.address}:5353", "192.0.2.1", "u@a.test", "u@none.test", "v@a.test")
    ok(sorted(done.stdout.decode().split("\n")) == ["", "u@a.test pass", "u@none.test none", "v@a.test pass"],
       "examples/spf_loop.c checks many senders in one loop", done.stdout.decode(), done.stderr.decode())
    dns.close()


def main():
    with folder() as place:
        place = Path(place)
        tree = place / "root"
        done = run("meson", "install", "-C", BUILD, "--no-rebuild", env={**os.environ, "DESTDIR": str(tree)})
        ok(done.returncode == 0, "meson install works", done.stderr.decode())
        contracts(tree, libraries(tree))
        abi()
        examples(tree, place)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

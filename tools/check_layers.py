# SPDX-License-Identifier: MIT
"""The floors of the house: a folder may include only what lies on its own floor's own folder, or on lower floors.

usage: check_layers.py [ROOT]     TAP; also checks file length, functions' length and banned functions.
"""

import re
import sys
from pathlib import Path

from tree import files

FLOORS = [
    ["lib/base"],
    ["lib/crypto", "lib/message", "lib/tags", "lib/dns", "lib/milter"],
    ["lib/spf", "lib/dkim", "lib/dmarc", "lib/authres", "lib/srs", "lib/mime", "lib/bimi", "lib/sts", "lib/smtp"],
    ["lib/arc", "lib/dkim2", "lib/lint", "lib/report"],
    ["lib/verify"],
    ["lib/explain", "conf", "log"],
    ["engine", "adapters"],
    ["io", "sim"],
    ["daemon", "milterd", "cli", "web"],
]
FLOOR = {folder: number for number, floor in enumerate(FLOORS, 1) for folder in floor}
# A public header belongs to the folder of its name; these carry another name.
HEADER_HOME = {"base": "lib/base", "json": "lib/base", "trace": "lib/base", "work": "lib/base", "names": "adapters", "resolve": "adapters",
               "unbound": "adapters", "cares": "adapters"}
# A sister on the same floor that a folder may use, with the reason.
SISTERS = {
    ("lib/dkim", "lib/spf"): False,
    ("conf", "log"): "an item names the form of its lines",
    ("lib/authres", "lib/spf"): "prints its verdicts",
    ("lib/authres", "lib/dkim"): "prints its verdicts",
    ("lib/authres", "lib/dmarc"): "prints its verdicts",
}
LINES_MAX = 600
README_MAX = 39  # a page that is read before the code
# SEC 1.8: locale: what is printed and compared is the same in every country.
# SEC-24: no work in signal handlers, no jumps out of them. SEC-32, SEC-33: no name of a peer goes to libc's resolver.
BANNED = ("strcpy strcat sprintf vsprintf strtok strtok_r atoi atol atoll strtol strtoul strtoll strtoull gets alloca system popen "
          "setjmp longjmp gethostbyname getaddrinfo regcomp scanf sscanf fscanf tmpnam mktemp rand srand signal setlocale uselocale newlocale").split()
LIBRARY_BANNED = ("open read write close fopen fprintf printf puts perror exit abort _exit time gettimeofday clock_gettime getenv setenv "
                  "socket connect send recv syslog").split()
# Where a banned function is right after all, with the reason.
ALLOWED = {**{(name, "getaddrinfo"): "the host is typed by who runs the command" for name in ("cli/smtp_wire.c", "cli/drain_wire.c")},
           ("tests/elsewhere.c", "setlocale"): "for the test that it changes nothing"}
# SEC-93: no matcher that goes back over its text, so no pattern of anybody's can make one slow.
# SEC-44, SEC-57: no text of anybody's becomes part of a query's, as there is no language of queries here.
BANNED_HEADERS = ("ctype.h", "alloca.h", "regex.h", "sqlite3.h", "mysql.h", "mysql/mysql.h", "libpq-fe.h", "sql.h", "ldap.h")


def folder_of(path):
    parts = path.parts
    return "/".join(parts[:2]) if parts[0] == "lib" else parts[0]


def is_test(path):
    """Tests, their support files and fuzz targets: they may use what they like of the house."""
    return path.parts[0] == "tests" or bool(
        re.search(r"(_test|_testing|_fuzz|_cases|_harness|_support|_reference|_rig)\b|_test_", path.stem + " "))


def strip(text):
    """Without comments, strings and character constants, the line breaks kept."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def target_of(include, root):
    if include.startswith("hikyaku/"):
        name = include[len("hikyaku/"):-2]
        return HEADER_HOME.get(name, f"lib/{name}")
    if (root / include).exists():
        return folder_of(Path(include))
    return None


def check_includes(path, text, root):
    home = folder_of(path)
    if is_test(path):
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not found:
            continue
        if found[1] in BANNED_HEADERS:
            yield f"{path}:{number}: <{found[1]}> is banned"
        if found[1].startswith("tests/"):
            yield f"{path}:{number}: only tests may include {found[1]}"
        target = target_of(found[1], root)
        if target and target in FLOOR and target != home and home in FLOOR:
            allowed = FLOOR[target] < FLOOR[home] or SISTERS.get((home, target))
            if not allowed:
                yield f"{path}:{number}: {home} (floor {FLOOR[home]}) includes {target} (floor {FLOOR[target]})"


def check_words(path, text):
    banned = list(BANNED)
    if path.parts[0] == "lib" and not is_test(path):
        banned += LIBRARY_BANNED
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(banned) + r")\s*\(")
    for number, line in enumerate(strip(text).splitlines(), 1):
        for found in pattern.finditer(line):
            if (str(path), found[1]) in ALLOWED:
                continue
            yield f"{path}:{number}: {found[1]}() is banned here"


def check_functions(path, text):
    """A function fits a screen: 60 lines aimed at, 80 the wall."""
    lines = strip(text).splitlines()
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start > 80 and not is_test(path):
                yield f"{path}:{start}: a function of {number - start} lines"
            start = None


def main(root):
    problems = {"floors": [], "words": [], "functions": [], "length": [], "readme": []}
    for name in files(root, "*.c", "*.h", "*.py", "*/README.md"):
        path = Path(name)
        text = (root / path).read_text(encoding="utf-8", errors="replace")
        lines = text.count("\n")
        if path.name == "README.md":
            problems["readme"] += [f"{path}: {lines} lines"] if lines > README_MAX else []
            continue
        if lines > LINES_MAX:
            problems["length"].append(f"{path}: {lines} lines")
        if path.suffix in (".c", ".h"):
            problems["floors"] += check_includes(path, text, root)
            problems["words"] += check_words(path, text)
            problems["functions"] += check_functions(path, text)
    titles = {
        "floors": "every include goes to a lower floor",
        "words": "no banned function is called",
        "functions": "every function fits a screen",
        "length": f"no file is over {LINES_MAX} lines",
        "readme": f"no folder's README is over {README_MAX} lines",
    }
    print(f"1..{len(titles)}")
    for number, (key, title) in enumerate(titles.items(), 1):
        for problem in problems[key]:
            print(f"# {problem}")
        print(f"{'not ' if problems[key] else ''}ok {number} - {title}")
    return 1 if any(problems.values()) else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))

# SPDX-License-Identifier: MIT
"""The public headers, read as what they are: types, functions and the contract over each. Man pages are made of them, and a
test sees that nothing is without a contract.

usage: headers.py man HEADER...    the man page of one header, mdoc on standard output
       headers.py list HEADER...   each function: its name, and "-" where it has no contract
"""

import itertools
import re
import sys
from pathlib import Path

ATTRIBUTES = re.compile(r"\s*\b(HK_MUSTCHECK|HK_PRINTF\([^)]*\))")


class Item:
    def __init__(self, code, comment, names):
        self.code, self.comment, self.names = code, comment, names  # names: of functions; empty for types and macros


def functions_of(code):
    """The names that a declaration declares; none for types."""
    plain = re.sub(r"/\*.*?\*/", "", ATTRIBUTES.sub("", code), flags=re.S).strip()
    if plain.startswith(("#", "typedef")) or "{" in plain or not plain.endswith(";"):
        return []
    return re.findall(r"\b(hk_\w+)\s*\((?!\*)", plain)


def words_of(comment):
    """A comment's text, its lines kept."""
    body = re.sub(r"^/\*+|\*/$", "", comment.strip())
    return "\n".join(re.sub(r"^\s*\* ?", "", line).rstrip() for line in body.splitlines()).strip("\n")


def read(path):
    """(the words at the top, the items below)"""
    text = Path(path).read_text(encoding="utf-8")
    head = re.match(r"/\*.*?\*/", text, flags=re.S)[0]
    rest = re.search(r"visibility push\(default\)\n(.*)#pragma GCC visibility pop", text, flags=re.S)[1]
    items, comment, after_comment = [], "", False
    while rest:
        if rest[0] == "\n":  # a contract ends at an empty line
            comment, after_comment, rest = "", False, rest[1:]
            continue
        found = re.match(r"[ \t]*/\*.*?\*/[ \t]*\n", rest, flags=re.S)
        if found:
            words = words_of(found[0])
            comment = "" if words.startswith("----") else (comment + "\n" + words if after_comment else words)
            after_comment, rest = True, rest[found.end():]
            continue
        code = take_code(rest)
        rest = rest[len(code):]
        after_comment = False
        if not code.strip() or code.startswith(("#ifdef", "#else", "#endif")):
            continue
        beside = re.search(r";[ \t]*(/\*.*?\*/)\s*$", code, flags=re.S) if functions_of(code) else None
        items.append(Item(code.rstrip("\n"), words_of(beside[1]) if beside and not comment else comment, functions_of(code)))
    return head, items


def take_code(text):
    """One declaration or directive with its line break."""
    if text.startswith("#"):
        end = re.match(r"(?:[^\n]*\\\n)*[^\n]*\n?", text).end()
        return text[:end]
    depth = at = 0
    while at < len(text):
        if text.startswith("/*", at):
            at = text.index("*/", at) + 2
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if text[at] == ";" and depth == 0:
            return text[:re.compile(r"[^\n]*\n?").match(text, at).end()]
        at += 1
    return text


# ---- the man page --------------------------------------------------------------------------------------------


def plain(text):
    text = text.replace("\\", "\\e").replace("\t", "    ")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.splitlines())


def prose(words):
    """Paragraphs: filled where it is prose, as it stands where it is indented by a tab."""
    part, literal = [], False
    for line in [*words.split("\n"), None]:
        indented = line is not None and line.startswith("\t")
        if part and (line is None or not line.strip() and not literal or line.strip() and indented != literal):
            text = "\n".join(one.replace("\t", "", 1) if literal else one.strip() for one in part).strip("\n")
            text = text if literal else re.sub(r"(?<=[.?!]) +(?=[A-Z*])", "\n", text)
            yield f".Bd -literal -offset indent\n{plain(text)}\n.Ed" if literal else f".Pp\n{plain(text)}"
            part = []
        if line is not None and (line.strip() or part):
            part, literal = [*part, line], indented if line.strip() else literal


def man(path):
    head, items = read(path)
    name = Path(path).stem
    words = words_of(head).split("\n")
    about = next(at for at, line in enumerate(words) if line.startswith(f"{name}.h"))
    end = next((at for at in range(about, len(words)) if not words[at].strip()), len(words))
    title = " ".join(line.strip() for line in words[about:end]).split(" - ", 1)[1].rstrip(".:")
    yield ".\\\" SPDX-License-Identifier: MIT\n.\\\" Made from the header by tools/headers.py.\n.Dd November 26, 2026"
    yield f".Dt HIKYAKU_{name.upper()} 3\n.Os\n.Sh NAME\n.Nm hikyaku_{name}\n.Nd {plain(title)}"
    yield f".Sh SYNOPSIS\n.In hikyaku/{name}.h\n.Sh DESCRIPTION"
    yield "See\n.Xr libhikyaku 3\nfor what all of these have in common."
    yield from prose("\n".join(words[end:]))
    for functions, section in ((False, "TYPES AND LIMITS"), (True, "FUNCTIONS")):
        chosen = [item for item in items if bool(item.names) == functions]
        if not chosen:
            continue
        yield f".Sh {section}"
        for comment, group in itertools.groupby(chosen, key=lambda item: item.comment):
            yield from prose(comment)
            code = "\n".join(item.code for item in group)
            yield ".Bd -literal -offset indent\n" + plain(ATTRIBUTES.sub("", code) if functions else code) + "\n.Ed"
    yield ".Sh SEE ALSO\n.Xr hikyaku 1 ,\n.Xr libhikyaku 3"


def main(command, paths):
    for path in paths:
        if command == "man":
            print(re.sub(r"(\.Sh [A-Z ]+\n)\.Pp\n", r"\1", "\n".join(man(path))))
        else:
            for item in read(path)[1]:
                for name in item.names:
                    print(name, Path(path).name, "ok" if item.comment else "-")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

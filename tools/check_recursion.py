# SPDX-License-Identifier: MIT
"""SEC-83: no function of the library calls itself, not even by way of others, so no input can choose how deep its stack gets.

usage: check_recursion.py LIBRARY...     TAP; skipped without objdump. Calls through pointers are not seen.
"""

import re
import shutil
import subprocess
import sys

FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
# x86-64, arm64, s390x
JUMP = re.compile(r"\s(?P<how>call|bl|brasl|j\w+|b(?:\.\w+)?|[ct]bn?z)\s+(?:\S+,\s*)*[0-9a-f]+ <(?P<to>[^>+]+)>$")


def read_calls(text):
    """Function -> those that it calls or jumps to, from what objdump -d says. A jump back to its own start is a loop."""
    calls, now = {}, None
    for line in text.splitlines():
        if found := FUNCTION.match(line):
            now = calls.setdefault(found[1], set())
            name = found[1]
        elif now is not None and (found := JUMP.search(line)):
            target = found["to"].removesuffix("@plt")
            if target != name or found["how"] in ("call", "bl", "brasl"):
                now.add(target)
    return calls


def find_cycles(calls):
    """Groups of functions that reach each other, by taking away, again and again, what calls nothing that is left and what
    nothing that is left calls."""
    left = {name: {to for to in targets if to in calls} for name, targets in calls.items()}
    while True:
        called = set().union(*left.values()) if left else set()
        keep = {name for name, targets in left.items() if targets and name in called}
        if len(keep) == len(left):
            return sorted(left)
        left = {name: left[name] & keep for name in keep}


SAMPLE = """
0000000000001000 <one>:
    1000:	call   2000 <two@plt>
    1005:	jne    1000 <one>
0000000000002000 <two>:
    2000:	jmp    3000 <three>
0000000000003000 <three>:
    3000:	%s   %s
    3005:	ret
"""


def main(libraries):
    cases = [("a call", "call", "1000 <one>", ["one", "three", "two"]), ("a jump", "jmp", "2000 <two>", ["three", "two"]),
             ("a call of itself", "call", "3000 <three>", ["three"]), ("a loop", "jmp", "3000 <three>", []), ("a call of others", "call", "9 <puts@plt>", [])]
    failed = 0
    print(f"1..{len(cases) + len(libraries)}")
    for number, (title, how, to, wanted) in enumerate(cases, 1):
        good = find_cycles(read_calls(SAMPLE % (how, to))) == wanted
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {title} is told from a cycle or found to be one")
    for number, library in enumerate(libraries, len(cases) + 1):
        if not shutil.which("objdump"):
            print(f"ok {number} # SKIP objdump is not here")
            continue
        done = subprocess.run(["objdump", "-d", "--no-show-raw-insn", library], capture_output=True, text=True, check=True)
        calls = read_calls(done.stdout)
        cycle = find_cycles(calls)
        good = len(calls) > 100 and not cycle
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - none of {len(calls)} functions calls itself", *cycle)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

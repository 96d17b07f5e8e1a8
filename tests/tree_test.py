# SPDX-License-Identifier: MIT
"""Which files are the tree's (tools/tree.py): in a checkout, in one that is another user's, and without git. TAP."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import folder, IS_ROOT, run_cases, Tap  # noqa: E402

TOP = Path(__file__).resolve().parent.parent
WHOLE = ["a.c", "b/c_test.py", "b/d.h"]


def make(root, *more):
    for name in [*WHOLE, "build-x/made.c", "build/meson-private/check.c", *more]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name}\n")


def listed(root, *patterns):
    done = subprocess.run([sys.executable, "-B", str(TOP / "tools/tree.py"), str(root), *patterns], capture_output=True, text=True, check=False,
                          env={**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent), "GIT_CONFIG_GLOBAL": "/dev/null"})
    return done.stdout.split()


def without_git_all_but_what_was_built(t):
    with folder() as root:
        make(root)
        t.equal(listed(root), WHOLE, "all files but those of build folders")
        t.equal(listed(root, "*.c", "b/*.h"), ["a.c", "b/d.h"], "a '*' matches slashes")


def with_git_what_it_knows(t):
    with folder() as root:
        make(root, "stray.c")
        git = ["git", "-C", str(root)]
        if subprocess.run([*git, "init", "-q"], check=False).returncode:
            return t.skip("what git knows", "no git")
        t.equal(listed(root), [*WHOLE, "stray.c"], "a repository of others around it that knows none of its files is none")
        subprocess.run([*git, "add", *WHOLE], check=True)
        t.equal(listed(root), WHOLE, "what git knows")
        if IS_ROOT:
            for path in [root, *root.rglob("*")]:
                os.chown(path, 65534, 65534)
            t.equal(listed(root), WHOLE, "of a checkout that another user owns, too")
        return None


if __name__ == "__main__":
    sys.exit(run_cases([without_git_all_but_what_was_built, with_git_what_it_knows], Tap()))

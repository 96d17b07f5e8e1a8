# SPDX-License-Identifier: MIT
"""The files of this tree, whoever owns it: a checkout of another user's (which git would not read by itself), or one without git.

usage: tree.py ROOT [PATTERN...]     their names, a line each; a '*' matches slashes, too
"""

import fnmatch
import os
import subprocess
import sys
from pathlib import Path


def files(root, *patterns):
    try:
        listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z", *patterns], capture_output=True, check=False)
        if listed.returncode == 0 and listed.stdout:
            return listed.stdout.decode().split("\0")[:-1]
    except FileNotFoundError:
        pass
    names = []
    for place, folders, found in os.walk(root):
        folders[:] = [name for name in folders if not (name.startswith("build") or name in (".git", "__pycache__"))]
        names += [os.path.relpath(os.path.join(place, name), root) for name in found]
    return sorted(name for name in names if not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns))


if __name__ == "__main__":
    print("\n".join(files(Path(sys.argv[1]), *sys.argv[2:])))

# SPDX-License-Identifier: MIT
"""Power cuts: the file system ends without a flush of its journal (FS_IOC_SHUTDOWN, as xfstests does), and is mounted again."""

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import time

from campaign import Campaign, Store
from harness import IS_ROOT, USER, wait_until

FS_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NOLOGFLUSH = 2
IMAGE_MIB = 400


class Cuts(Campaign):
    title = "power cuts on ext4"
    option = "--cuts"
    make = ("mkfs.ext4", "-q", "-F")

    def prepare(self):
        memory, self.where = self.root / "memory", self.root / "disk"
        self.keep_in_memory(memory)  # the image: what its file system did not write is lost there as well
        self.image = memory / "image"
        self.where.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_MIB << 20)
        subprocess.run([*self.make, self.image], check=True)
        self.mount()
        os.chown(self.where, USER, USER)
        self.daemon = self.new_daemon(self.where)
        # configuration and log are not what is tested: they stay on a disk that goes on
        self.daemon.log_path, self.daemon.conf_path = self.root / "log", self.root / "hikyakud.conf"
        self.daemon.write_conf()
        self.store = Store(self.where)
        subprocess.run(["sync", "-f", self.where], check=True)

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.where], check=True)

    def unmount(self):
        done = wait_until(lambda: subprocess.run(["umount", self.where], capture_output=True).returncode == 0, 10, 0.05)
        if not done:
            raise SystemExit("the file system stays busy")

    def crash(self):
        self.cut()
        self.daemon.kill()

    def cut(self):
        fd = os.open(self.where, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(fd)

    def recover(self):
        self.unmount()
        self.mount()

    def crash_again(self):
        with contextlib.suppress(RuntimeError):
            self.daemon.start(wait=False)
            time.sleep(self.random.uniform(0, 0.05))
        self.cut()
        self.daemon.kill()
        self.recover()

    def finish(self):
        with contextlib.suppress(SystemExit):
            self.unmount()
        self.forget(self.image.parent)


class CutsXfs(Cuts):
    title = "power cuts on XFS"
    option = "--cuts-xfs"
    make = ("mkfs.xfs", "-q", "-f")


def can_cut(root, kind):
    """Loop devices, the file system and the ioctl are not everywhere. None, or the reason why not."""
    if not IS_ROOT:
        return "needs root"
    if not shutil.which(kind.make[0]):
        return f"no {kind.make[0]} here"
    image, where = root / "probe", root / "probe-disk"
    where.mkdir()
    with open(image, "wb") as file:
        file.truncate(IMAGE_MIB << 20)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run([*kind.make, image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, where], check=True, capture_output=True)
        try:
            fd = os.open(where, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
                return None
            finally:
                os.close(fd)
        finally:
            subprocess.run(["umount", where], check=False)
            image.unlink()
    return "no loop device, no such file system or no FS_IOC_SHUTDOWN here"

"""Runs a program in a folder as a container runtime would run it in an image.

    unshare --mount --pid --fork --kill-child confine.py [--proc] [--mount FROM:AT]... \\
        ROOT PROGRAM ARGUMENT...

The root is read-only, without devices and setuid; the program is 65532, alone in its
process ids, with no capability, no way to more of them, and no environment but PATH
and HOME.
"""

import argparse
import ctypes
import os
import pathlib
import subprocess

USER = 65532
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 38, 24
LAST_CAPABILITY = int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text())


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


def put_mounts(root, mounts, proc):
    """Runtimes create what they mount over before they make the root read-only."""
    mount("--bind", root, root)
    mount("--make-private", root)
    for one in mounts:
        source, _, name = one.partition(":")
        place = root / name.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        mount("--bind", source, place)
        mount("-o", "remount,bind,ro", place)
    if proc:
        mount("-t", "proc", "-o", "nosuid,nodev,noexec", "proc", root / "proc")
    mount("-o", "remount,bind,ro,nosuid,nodev", root)


def give_up():
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--proc", action="store_true")
    arguments.add_argument("--mount", action="append", default=[])
    arguments.add_argument("root", type=pathlib.Path)
    arguments.add_argument("command", nargs=argparse.REMAINDER)
    options = arguments.parse_args()

    put_mounts(options.root, options.mount, options.proc)
    os.chroot(options.root)
    os.chdir("/")
    give_up()
    environment = {"PATH": "/usr/bin", "HOME": "/home/nonroot"}
    os.execve(options.command[0], options.command, environment)


main()

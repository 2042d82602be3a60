#!/usr/bin/env python3
"""The program leaves no core dump, which would contain its secrets."""

import os
import pathlib
import subprocess
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from common import Case, binary, environment, event, line, main, settings, skip_all  # noqa: E402
from support import minted  # noqa: E402
from support.scripted_registry import ScriptedRegistry  # noqa: E402

# The sanitizers disable core dumps themselves, so a test would prove nothing.
ALLOWED = {"TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "") + ":disable_coredump=0"}

UNLIMITED = ["sh", "-c", 'ulimit -Sc "$(ulimit -Hc)" && exec "$@"', "sh"]


def _is_sleep(child):
    while not pathlib.Path(f"/proc/{child.pid}/cmdline").read_bytes().startswith(b"sleep"):
        pass


class CoreDump(Case):
    def aborted(self, command, ready, **options):
        """Whether a program that is killed with SIGABRT once it is ready dumps a core."""
        child = subprocess.Popen([*UNLIMITED, *command], cwd=self.directory, **options)
        ready(child)
        os.kill(child.pid, 6)
        _, status = os.waitpid(child.pid, 0)
        child.returncode = status
        self.assertEqual(os.WTERMSIG(status), 6)
        return os.WCOREDUMP(status)

    def test_none(self):
        if not self.aborted(["sleep", "60"], _is_sleep):
            self.skipTest("no program leaves a core dump here")
        for path in self.directory.glob("core*"):
            path.unlink()
        password = minted.mint()
        with ScriptedRegistry("auth-basic", "hang", users={"pusher": password}) as registry:
            credentials = {"username": "pusher", "password": password}
            path = self.config(settings(f"{registry.address}/att", credentials))
            source = self.write("event.json", line(event("a")))

            def ready(child):
                while registry.count()["stages"]["post"] == 0:
                    self.assertIsNone(child.poll())

            dumped = self.aborted(
                [binary(), "--config", path, "push", source],
                ready,
                stdout=subprocess.DEVNULL,
                env=environment(self.directory, ALLOWED),
            )
        self.assertFalse(dumped)
        minted.look_for_cores(self.directory)


if __name__ == "__main__":
    if b"__asan_init" in pathlib.Path(binary()).read_bytes():
        skip_all("under the address sanitizer the program lets itself be dumped (process.c)")
    main()

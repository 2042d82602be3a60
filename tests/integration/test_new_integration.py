#!/usr/bin/env python3
"""A new integration takes one file and one row, and nothing else. In a clone of this checkout
the file of tests/support is copied in and its row added. The resulting program checks,
describes, delivers, explains and displays it.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from common import main, skip_all, tool
from directory import DirectoryCase

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = "consumer/integration/directory.c"
TABLE = "consumer/integration/integrations.def"
# Generated files that depend on the descriptor and are committed
GENERATED = {
    "deploy/debian/waybill.yaml.5",
    "deploy/reference/config.schema.json",
    "deploy/reference/configuration.md",
}

for needed in ("git", "cmake", "cc"):
    if not tool(needed):
        skip_all(f"there is no {needed} here to build a program with")


if not (ROOT / ".git").exists():
    skip_all("this is no git checkout, of which there could be a clone")


def run(*command, **more):
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **more,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout[-8000:]}")
    return done.stdout


class Clone:
    """A clone of this checkout, as it was committed, with one more integration"""

    def __init__(self, folder):
        self.source = folder / "source"
        self.build = folder / "build"
        # The owner of the checkout may be another user.
        run("git", "-c", "safe.directory=*", "clone", "--quiet", ROOT, self.source)
        shutil.copy(ROOT / "tests/support/directory_integration.c", self.source / FILE)
        with (self.source / TABLE).open("a") as table:
            table.write("INTEGRATION(directory)\n")

    def changed(self):
        found = run("git", "status", "--porcelain", "--untracked-files=all", cwd=self.source)
        return {line[3:] for line in found.splitlines()}

    def make(self):
        """The program as it is shipped, built without the options that take long"""
        command = ["cmake", "-S", self.source, "-B", self.build, "-DCMAKE_BUILD_TYPE=Release"]
        command += ["-DCMAKE_C_FLAGS=-Werror", "-DWAYBILL_TESTS=OFF", "-DWAYBILL_DEMO=OFF"]
        if tool("ccache"):
            command += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"]
        run(*command)
        jobs = str(os.cpu_count() or 1)
        run("cmake", "--build", self.build, "--target", "waybill", "--parallel", jobs)
        return self.build / "consumer" / "waybill"


class NewIntegration(DirectoryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="waybill-test-clone-")
        cls.addClassCleanup(folder.cleanup)
        cls.clone = Clone(pathlib.Path(folder.name))
        cls.binary = cls.clone.make()
        before = os.environ["WAYBILL_TEST_BINARY"]
        cls.addClassCleanup(os.environ.__setitem__, "WAYBILL_TEST_BINARY", before)
        os.environ["WAYBILL_TEST_BINARY"] = str(cls.binary)

    def test_it_takes_one_file_and_one_row(self):
        self.assertEqual(self.clone.changed(), {FILE, TABLE})
        run(sys.executable, self.clone.source / "tests/lint/check_layers.py")
        self.assert_described()
        self.assert_checked()
        self.assert_checked_online()
        self.assert_pushed()
        service, address = self.assert_delivered_and_explained()
        self.assert_displayed(address)
        self.assert_in_sandbox(service)
        self.stop(service)
        self.assertEqual(self.clone.changed(), {FILE, TABLE})

    def test_the_references_follow_by_themselves(self):
        """Only generated files have to change, and then none is stale."""
        checks = self.clone.source / "tests/lint/check_docs.py"
        run(sys.executable, checks, self.binary, "--write")
        run(sys.executable, checks, self.binary)
        self.assertEqual(self.clone.changed(), {FILE, TABLE} | GENERATED)
        run("git", "checkout", "--quiet", "--", *GENERATED, cwd=self.clone.source)


if __name__ == "__main__":
    main()

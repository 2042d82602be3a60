#!/usr/bin/env python3
"""`cmake --install` into another prefix than that of the build: the unit names the
program that was installed with it, and each shell finds its completion.

WAYBILL_TEST_PACKAGE_BUILD=FOLDER is where the preset `package` was built.
"""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

from package_build import BUILD, need, run, scratch

UNIT = "lib/systemd/system/waybill.service"
FILES = (
    *("bin/waybill", "share/man/man1/waybill.1", "share/man/man5/waybill.yaml.5"),
    *("share/bash-completion/completions/waybill", "share/fish/vendor_completions.d/waybill.fish"),
)


def install(prefix, destination=None):
    environment = {**os.environ, "DESTDIR": str(destination)} if destination else os.environ
    run("cmake", "--install", BUILD, "--prefix", prefix, env=environment)
    base = str(destination or "") + str(prefix)
    return pathlib.Path(base)


class Install(unittest.TestCase):
    def command(self, base):
        (line,) = re.findall(r"^ExecStart=(.*)$", (base / UNIT).read_text(), flags=re.M)
        return line

    def assert_complete(self, base):
        for name in FILES:
            self.assertTrue((base / name).is_file(), name)
        self.assertEqual(len(list(base.glob("share/zsh/*/_waybill"))), 1)

    def test_the_unit_names_the_program_of_the_prefix(self):
        base = install(scratch(self) / "opt")
        program = base / "bin" / "waybill"
        self.assertEqual(self.command(base).split(" ")[0], str(program))
        self.assert_complete(base)
        self.assertIn("librdkafka", run(program, "version"))

    def test_with_destdir_the_unit_names_the_prefix_alone(self):
        base = install("/opt/waybill", scratch(self))
        self.assertTrue(self.command(base).startswith("/opt/waybill/bin/waybill run "))
        self.assert_complete(base)

    def test_one_build_is_installed_to_several_prefixes(self):
        destination = scratch(self)
        for prefix in ("/opt/one", "/usr/local", "/usr"):
            base = install(prefix, destination)
            self.assertTrue(self.command(base).startswith(f"{prefix}/bin/waybill run "))

    def test_a_prefix_with_blanks_and_percent_signs_is_quoted(self):
        base = install(scratch(self) / "my 100%")
        path = str(base / "bin" / "waybill").replace("%", "%%")
        self.assertTrue(self.command(base).startswith(f'"{path}" run '))

    def test_systemd_accepts_the_unit(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("there is no systemd-analyze")
        base = install(scratch(self) / "opt")
        done = subprocess.run(
            ["systemd-analyze", "verify", str(base / UNIT)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = [line for line in done.stderr.splitlines() if "waybill" in line]
        self.assertEqual(said, [])


if __name__ == "__main__":
    need("cmake")
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""The demonstration of README.md: started, looked at and stopped as it says there, and
what it has built is installed as the guide says. It builds in build/release."""

import json
import os
import re
import subprocess
import tempfile
import unittest
import urllib.request

from package_build import ROOT, skip_all

BUILD = ROOT / "build" / "release"


class Demo(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="waybill-demo-")
        self.addCleanup(temporary.cleanup)
        self.state = temporary.name
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("WAYBILL_")
        } | {"XDG_STATE_HOME": self.state, "NO_COLOR": "1"}

    def run_here(self, *command):
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True,
            check=False, timeout=800, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def start(self, *options):
        self.addCleanup(self.run_here, "deploy/demo", "stop")
        return self.run_here("deploy/demo", *options)

    def test_it_shows_what_the_readme_shows_and_stops(self):
        shown = self.start()
        readme = (ROOT / "README.md").read_text()
        example = readme[readme.index("Published 9 events") :]
        for line in example[: example.index("```")].splitlines():
            if line.strip():
                self.assertIn(re.sub(r"\s+", " ", line), re.sub(r"[ \t]+", " ", shown))
        address = re.search(r"watch +(http://\S+/)", shown).group(1)
        with urllib.request.urlopen(f"{address}status", timeout=10) as answer:
            self.assertTrue(json.load(answer)["ready"])
        self.assertIn("Everything is stopped.", self.run_here("deploy/demo", "stop"))
        self.assertIn("Nothing was running.", self.run_here("deploy/demo", "stop"))
        self.install()

    def test_it_does_the_same_with_apache_kafka(self):
        shown = self.start("--kafka")
        self.assertIn("Apache Kafka", shown)
        self.assertEqual(len(re.findall(r"^  succeeded", shown, re.M)), 6)

    def install(self):
        """Runs the commands below "From source" that install, for another root."""
        self.environment["DESTDIR"] = f"{self.state}/root"
        self.run_here("cmake", "--install", str(BUILD))
        cache = (BUILD / "CMakeCache.txt").read_text()
        prefix = re.search(r"CMAKE_INSTALL_PREFIX:PATH=(.*)", cache).group(1)
        self.run_here(f"{self.state}/root{prefix}/bin/waybill", "version")


if __name__ == "__main__":
    if not os.access(ROOT, os.W_OK):
        skip_all(f"the demonstration builds in {BUILD}, and that is not writable")
    unittest.main(verbosity=2)

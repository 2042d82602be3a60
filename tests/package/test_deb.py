#!/usr/bin/env python3
"""The Debian package: made by cpack, judged by lintian, installed into a scratch root,
used there and taken away again; its manual pages by man, its completion in bash.

WAYBILL_TEST_PACKAGE_BUILD=FOLDER is where the preset `package` was built. Takes root.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from package_build import BUILD, become_root, need, run, scratch

EPOCH = "1700000000"
UNIT = "usr/lib/systemd/system/waybill.service"
COMPLETION = "usr/share/bash-completion/completions/waybill"
COMMANDS = {"run", "check", "push", "publish", "replay", "credential-helper", "config", "version"}
# It has no shell of its own: scripts run outside, and get its path in DPKG_ROOT. Without
# triggers: those of this machine's packages would run on this machine.
DPKG = ["--force-script-chrootless", "--no-triggers", "--log=/dev/null"]


def package(folder):
    folder.mkdir()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    # In a copy of the settings: another process may be packing the same build.
    run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder, env=environment)
    (found,) = folder.glob("*.deb")
    return found


class Made(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = scratch(cls)
        cls.deb = package(cls.folder / "made")

    def field(self, name):
        return run("dpkg-deb", "--field", self.deb, name).strip()

    def test_lintian_has_nothing_to_say(self):
        if not shutil.which("lintian"):
            self.skipTest("there is no lintian")
        said = run("lintian", "--allow-root", "--fail-on", "error,warning,info", self.deb)
        self.assertEqual(said, "")

    def test_it_depends_on_what_it_was_linked_with(self):
        names = {one.split()[0] for one in self.field("Depends").split(", ")}
        needed = {"libc6", "libcjson1", "libcurl4", "libmicrohttpd12", "libpsl5"}
        needed |= {"librdkafka1", "libssl3", "libyaml-0-2", "ca-certificates"}
        self.assertLessEqual(needed, names)

    def test_it_is_the_same_when_it_is_made_again(self):
        again = package(self.folder / "again")
        self.assertEqual(self.deb.read_bytes(), again.read_bytes())


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = scratch(cls)
        cls.deb = package(folder / "made")
        cls.root = folder / "root"
        # What is installed here counts as installed there, so that the dependencies are
        # checked.
        cls.database = cls.root / "var/lib/dpkg"
        (cls.database / "updates").mkdir(parents=True)
        shutil.copytree("/var/lib/dpkg/info", cls.database / "info")
        text = pathlib.Path("/var/lib/dpkg/status").read_text()
        stanzas = [one for one in text.split("\n\n") if not one.startswith("Package: waybill\n")]
        (cls.database / "status").write_text("\n\n".join(stanzas))
        cls.before = cls.there()
        cls.dpkg("--install", cls.deb)

    @classmethod
    def dpkg(cls, *arguments):
        return run("dpkg", f"--root={cls.root}", *DPKG, *arguments)

    @classmethod
    def there(cls):
        """Returns all entries except dpkg's own."""
        return {
            str(path.relative_to(cls.root))
            for path in cls.root.rglob("*")
            if cls.database not in path.parents
        }

    def test_it_is_installed_but_neither_enabled_nor_configured(self):
        self.assertIn("install ok installed", self.dpkg("--status", "waybill"))
        unit = (self.root / UNIT).read_text()
        self.assertIn("\nExecStart=/usr/bin/waybill run ", unit)
        self.assertFalse((self.root / "etc").exists())
        self.assertNotIn("Conffiles", self.dpkg("--status", "waybill"))
        self.assertEqual(self.dpkg("--verify", "waybill"), "")

    def test_the_program_runs_and_its_example_passes(self):
        program = self.root / "usr/bin/waybill"
        self.assertIn("librdkafka", run(program, "version"))
        run(program, "check", "--config", self.root / "usr/share/doc/waybill/config.yaml")

    def test_man_shows_both_pages_without_a_warning(self):
        for name, words in (
            ("man1/waybill.1.gz", ["SYNOPSIS", "waybill replay", "EXIT STATUS", "78"]),
            ("man5/waybill.yaml.5.gz", ["kafka.brokers", "registrations[].repository"]),
        ):
            page = self.root / "usr/share/man" / name
            environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
            done = subprocess.run(
                ["man", "--warnings", "-E", "UTF-8", "-l", str(page)],
                capture_output=True, text=True, check=False, env=environment,
            )  # fmt: skip
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for word in words:
                self.assertIn(word, done.stdout)

    def test_every_command_option_and_key_is_in_the_pages(self):
        program = self.root / "usr/bin/waybill"
        page = run(program, "config", "man").replace("\\-", "-")
        for word in re.findall(r"^  (?:-\w, )?(--[\w-]+)", run(program, "config", "cli"), flags=re.M):
            self.assertIn(f"\\fB{word}\\fR", page)
        for command in COMMANDS:
            self.assertIn(f'.SS "waybill {command}', page)
        page = run(program, "config", "man-yaml").replace("\\-", "-")
        keys = re.findall(r"^\| `([^`]+)` ", run(program, "config", "reference"), flags=re.M)
        self.assertGreater(len(keys), 50)
        for key in keys:
            self.assertIn(f"\\fB{key}\\fR", page)

    def test_what_is_in_etc_is_kept_by_an_upgrade_and_by_a_purge(self):
        config = self.root / "etc/waybill/config.yaml"
        enabled = self.root / "etc/systemd/system/multi-user.target.wants/waybill.service"
        for path in (config, enabled):
            path.parent.mkdir(parents=True, exist_ok=True)
        config.write_text("mine")
        self.dpkg("--install", self.deb)
        self.assertEqual(config.read_text(), "mine")
        enabled.symlink_to(f"/{UNIT}")
        self.dpkg("--purge", "waybill")
        self.assertEqual(config.read_text(), "mine")
        self.assertFalse(enabled.is_symlink())
        shutil.rmtree(self.root / "etc")
        self.assertEqual(self.there(), self.before)
        done = subprocess.run(
            ["dpkg", f"--root={self.root}", "--status", "waybill"],
            capture_output=True, check=False,
        )  # fmt: skip
        self.assertNotEqual(done.returncode, 0)
        self.dpkg("--install", self.deb)

    # Completion: what bash would offer at the end of these words

    def offered(self, *words, cwd="/"):
        script = (
            'set -u; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
            '_waybill; printf "%s\\n" "${COMPREPLY[@]-}"'
        )
        said = run(
            "bash", "--norc", "-c", script, "bash", self.root / COMPLETION, *words, cwd=cwd
        )
        return set(said.split("\n")) - {""}

    def test_completion_is_asked_for_waybill(self):
        script = '. "$1"; complete -p waybill'
        said = run("bash", "--norc", "-c", script, "bash", self.root / COMPLETION)
        self.assertEqual(said, "complete -F _waybill waybill\n")

    def test_completion_offers_commands_and_their_words(self):
        self.assertEqual(self.offered("waybill", "") & COMMANDS, COMMANDS)
        self.assertEqual(self.offered("waybill", "re"), {"replay"})
        self.assertEqual(self.offered("waybill", "--config", "x", "ver"), {"version"})
        self.assertEqual(self.offered("waybill", "--config", "=", "x", "ver"), {"version"})
        verbs = {"list", "show", "stats", "run", "purge"}
        self.assertEqual(self.offered("waybill", "replay", ""), verbs)
        self.assertEqual(self.offered("waybill", "replay", "list", ""), set())
        self.assertEqual(self.offered("waybill", "config", "sch"), {"schema"})
        self.assertEqual(self.offered("waybill", "credential-helper", ""), {"get"})
        self.assertEqual(self.offered("waybill", "nonsense", ""), set())

    def test_completion_offers_the_options_of_the_command(self):
        self.assertEqual(self.offered("waybill", "--he"), {"--help"})
        self.assertEqual(self.offered("waybill", "check", "--o"), {"--online"})
        self.assertEqual(self.offered("waybill", "replay", "run", "--ra"), {"--rate"})
        self.assertEqual(self.offered("waybill", "run", "--ra"), set())
        listed = set(self.offered("waybill", "replay", "--"))
        told = run(self.root / "usr/bin/waybill", "replay", "--help")
        self.assertEqual(listed, set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", told, flags=re.M)))

    def test_completion_offers_files_and_what_an_option_may_be(self):
        folder = scratch(self)
        (folder / "event one.json").write_text(json.dumps({}))
        for words in (
            ("push", "ev"),
            ("push", "other.json", "ev"),
            ("check", "--config", "ev"),
            ("--config", "=", "ev"),
        ):
            self.assertEqual(self.offered("waybill", *words, cwd=folder), {"event one.json"})
        self.assertEqual(self.offered("waybill", "run", "ev", cwd=folder), set())
        self.assertEqual(self.offered("waybill", "replay", "list", "--class", "sch"), {"schema"})
        self.assertEqual(self.offered("waybill", "replay", "--class", "=", "sch"), {"schema"})
        self.assertEqual(self.offered("waybill", "publish", "--key", "", cwd=folder), set())


if __name__ == "__main__":
    become_root()
    need("cpack", "dpkg", "dpkg-deb", "dpkg-shlibdeps", "file", "man")
    unittest.main(verbosity=2)

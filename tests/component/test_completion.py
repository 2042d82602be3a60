#!/usr/bin/env python3
"""Completion in bash, zsh and fish: what each shell offers with the generated script."""

import pathlib
import re
import shlex
import shutil
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from common import Case, main  # noqa: E402

COMMANDS = {"run", "check", "push", "publish", "replay", "config", "version", "help"}
BASH = (
    'set -u; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
    '_waybill; printf "%s\\n" "${COMPREPLY[@]-}"'
)


class Completion:
    """The tests for every shell. `offered` of a subclass returns the completions of the words."""

    shell = ""

    def setUp(self):
        super().setUp()
        if shutil.which(self.shell) is None:
            self.skipTest(f"there is no {self.shell}")
        done = self.waybill("config", "completion", self.shell)
        self.assert_status(done, 0)
        self.script = self.write("script", done.out)
        self.write("event one.json", "{}")
        self.write("other.yaml", "")

    def ask(self, *command):
        done = subprocess.run(
            command, cwd=self.directory, capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_commands(self):
        self.assertLessEqual(COMMANDS, self.offered("waybill", ""))
        self.assertEqual(self.offered("waybill", "re"), {"replay"})
        self.assertEqual(self.offered("waybill", "--config", "x", "ver"), {"version"})

    def test_words_of_a_command(self):
        verbs = {"list", "show", "stats", "run", "purge"}
        self.assertEqual(self.words("waybill", "replay", ""), verbs)
        self.assertEqual(self.words("waybill", "replay", "list", ""), set())
        self.assertEqual(self.words("waybill", "config", "sch"), {"schema"})
        self.assertEqual(self.words("waybill", "help", "che"), {"check"})
        self.assertEqual(self.words("waybill", "credential-helper", ""), {"get"})
        self.assertEqual(self.words("waybill", "kafka", ""), {"prepare"})
        self.assertEqual(self.words("waybill", "run", "ev"), set())

    def test_words_after_a_word(self):
        groups = {"available", "registered", "attached"}
        self.assertEqual(self.words("waybill", "integration", ""), groups)
        verbs = {"add", "list", "delete"}
        self.assertEqual(self.words("waybill", "integration", "attached", ""), verbs)
        described = self.words("waybill", "integration", "available", "des")
        self.assertEqual(described, {"describe"})
        self.assertEqual(self.words("waybill", "integration", "attached", "list", ""), set())

    def words(self, *line):
        return {word for word in self.offered(*line) if not word.startswith("-")}

    def test_options_of_a_command(self):
        self.assertEqual(self.offered("waybill", "--he"), {"--help"})
        self.assertEqual(self.offered("waybill", "check", "--o"), {"--online"})
        self.assertEqual(self.offered("waybill", "replay", "run", "--ra"), {"--rate"})
        self.assertEqual(self.offered("waybill", "run", "--ra"), set())
        told = self.waybill("help", "replay").out
        options = set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", told, flags=re.M))
        offered = {word for word in self.offered("waybill", "replay", "--") if word[:2] == "--"}
        self.assertEqual(offered, options)

    def test_values_of_options(self):
        self.assertEqual(self.offered("waybill", "replay", "list", "--class", "sch"), {"schema"})
        self.assertEqual(self.offered("waybill", "check", "--config", "oth"), {"other.yaml"})
        self.assertEqual(self.words("waybill", "publish", "--key", ""), set())

    def test_files(self):
        for words in (("push", "ev"), ("publish", "other.yaml", "ev")):
            self.assertEqual(self.offered("waybill", *words), {"event one.json"})


class Bash(Completion, Case):
    shell = "bash"

    def offered(self, *words):
        said = self.ask("bash", "--norc", "-c", BASH, "bash", self.script, *words)
        return set(said.split("\n")) - {""}


class Zsh(Completion, Case):
    shell = "zsh"

    def offered(self, *words):
        capture = str(TESTS / "support" / "capture.zsh")
        said = self.ask("zsh", "-f", capture, self.script, " ".join(words))
        return {one.replace("\\ ", " ") for one in re.findall(r"OFFERED:([^\r\n]*)\r?\n", said)}


class Fish(Completion, Case):
    shell = "fish"

    def offered(self, *words):
        line = " ".join(words)
        command = f"source {shlex.quote(self.script)}; complete -C {shlex.quote(line)}"
        said = self.ask("fish", "--no-config", "-c", command)
        return {one.split("\t")[0].replace("\\ ", " ") for one in said.splitlines()}


if __name__ == "__main__":
    main()

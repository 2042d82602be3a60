#!/usr/bin/env python3
"""Wrong command lines: the message of each, and its exit status.

tests/fixtures/command-lines/wrong.txt contains them with their output. It fixes the
wording: `test_command_lines.py --write` regenerates it, for a review of the changes.
"""

import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from common import FIXTURES, Case, binary, environment, main  # noqa: E402

GOLDEN = FIXTURES / "command-lines" / "wrong.txt"
CONFIG = """\
kafka: {brokers: "127.0.0.1:9"}
admin: {listen: "127.0.0.1:9"}
registrations: [{name: ghcr, integration: oci-registry, repository: "localhost:9/x"}]
attachments: [{registration: ghcr, workflow: {project: "*", name: "*"}}]
"""
# Commands that succeed and print something
PRINTING = (
    *(["help"], ["--help"], ["-h"], ["-V"], ["version"], ["version", "--json"]),
    *(["help", "replay"], ["check"], ["check", "--json"], ["push", "event.json"]),
    *(["config", name] for name in ("reference", "schema", "cli", "registries", "metrics")),
    *(["config", name] for name in ("errors", "man", "man-yaml", "completion")),
    *(["integration", *verb.split()] for verb in ("available list", "attached list --json")),
)


class Prepared(Case):
    def setUp(self):
        super().setUp()
        self.write("config.yaml", CONFIG)
        self.write("event.json", "{}\n")
        self.write("wrong.yaml", "kafka: {brokers: a, borkers: b}\n")
        self.write("unreachable.yaml", 'kafka: {brokers: "127.0.0.1:9"}\n')
        (self.directory / "folder").mkdir()


class CommandLines(Prepared):
    def run_line(self, line):
        """Returns what a terminal would show, and the exit status."""
        words = shlex.split(line)
        variables = {}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        self.assertEqual(words[0], "waybill", line)
        done = self.waybill(*words[1:], env=variables)
        self.assertEqual(done.out, "", line)
        return f"{done.err}[{done.status}]\n".replace(str(self.directory), "DIRECTORY")

    def transcript(self, text):
        written = []
        for block in text.split("\n\n"):
            lines = block.splitlines()
            if not lines or not lines[0].startswith("$ "):
                written.append("\n".join(lines) + "\n")
                continue
            written.append(f"{lines[0]}\n{self.run_line(lines[0][2:])}")
        return "\n".join(written)

    def test_each_wrong_command_line_says_what_is_wrong_and_what_to_do(self):
        text = GOLDEN.read_text()
        if "--write" in sys.argv:
            text = self.transcript(text)
            GOLDEN.write_text(text)
        self.assertGreaterEqual(text.count("\n$ waybill"), 60)
        self.assertEqual(self.transcript(text), text)

    def test_none_of_them_succeeds(self):
        for line in GOLDEN.read_text().splitlines():
            self.assertNotEqual(line, "[0]")


class Output(Prepared):
    def start(self, arguments, **options):
        return subprocess.Popen(
            [binary(), *arguments],
            cwd=self.directory,
            env=environment(self.directory),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **options,
        )

    def test_a_full_disk_is_reported_with_its_reason(self):
        for arguments in PRINTING:
            with self.subTest(arguments), open("/dev/full", "wb") as full:
                process = self.start(arguments, stdout=full)
                _, err = process.communicate(timeout=60)
                self.assertNotEqual(process.returncode, 0)
                reason = b"standard output cannot be written: No space left on device\n"
                self.assertEqual(err, b"waybill: " + reason)

    def test_a_closed_standard_output_is_reported(self):
        for arguments in PRINTING:
            with self.subTest(arguments):
                done = subprocess.run(
                    ["sh", "-c", 'exec "$@" >&-', "sh", binary(), *arguments],
                    cwd=self.directory, env=environment(self.directory), timeout=60,
                    stdin=subprocess.DEVNULL, capture_output=True, check=False,
                )  # fmt: skip
                self.assertEqual(done.returncode, 1)
                self.assertIn(b"standard output cannot be written", done.stderr)

    def test_a_pipe_that_nobody_reads_ends_it_silently_by_sigpipe(self):
        for arguments in PRINTING:
            with self.subTest(arguments):
                reader, writer = os.pipe()
                os.close(reader)
                process = self.start(arguments, stdout=writer)
                os.close(writer)
                _, err = process.communicate(timeout=60)
                self.assertEqual(process.returncode, -signal.SIGPIPE)
                self.assertEqual(err, b"")

    def test_help_fits_a_terminal(self):
        for line in self.waybill("config", "cli").out.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_manual_pages_fit_a_terminal(self):
        if shutil.which("man") is None:
            self.skipTest("there is no man")
        for name in ("man", "man-yaml"):
            page = self.write(name, self.waybill("config", name).out)
            shown = subprocess.run(
                ["man", "--warnings", "-E", "UTF-8", "-l", page],
                env={**environment(self.directory), "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
                capture_output=True, text=True, check=True, timeout=60,
            )  # fmt: skip
            self.assertEqual(shown.stderr, "")
            for line in re.sub(".\b", "", shown.stdout).expandtabs(8).splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_help_of_a_command_is_the_same_in_every_form(self):
        for command in ("run", "check", "replay", "help"):
            told = self.waybill("help", command)
            self.assertEqual(told.status, 0)
            for arguments in ([command, "--help"], [command, "-h"], ["-h", command]):
                self.assertEqual(self.waybill(*arguments).out, told.out)
        self.assertEqual(self.waybill("help").out, self.waybill("-h").out)
        self.assertEqual(self.waybill("-V").out, self.waybill("version").out)


if __name__ == "__main__":
    if "--write" in sys.argv:
        unittest.main(argv=[sys.argv[0], "CommandLines"])
    main()

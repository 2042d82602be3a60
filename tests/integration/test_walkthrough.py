#!/usr/bin/env python3
"""Follows README.md and the guide as a reader does: every block of commands and every
file, as it is written, in one shell, with a Kafka of one's own that wants SASL and
permits only what was granted, and a registry of one's own that wants a password.

Changed are only the names that the documents ask the reader to change: addresses,
passwords, and TLS, which the servers of the test do not speak.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.request

from common import Case, artifact_of, binary, envelope, environment, main, skip_all

from support import documents as docs
from support import minted
from support.parts import Registry
from support.process import parts

try:
    from support.sasl_kafka import ADMIN, SaslKafka, make_tools
except ImportError as problem:
    skip_all(f"{problem} (Debian's python3-confluent-kafka)")

QUICK_START = "deploy/guide/quick-start.md"
PREPARING = "deploy/guide/preparing-kafka.md"
FILE = re.compile(r"Write this to\s+`([^`]+)`")


class Shell:
    """A persistent shell, as the reader uses it, so that programs started in it keep running."""

    def __init__(self, folder, env):
        self._folder, self._count = folder, 0
        self.log = folder / "terminal.log"
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "bash", "-e"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=env,
                start_new_session=True,
            )

    def text(self):
        return self.log.read_text(errors="replace")

    def run(self, block, seconds=90):
        """Waits until its last command in the foreground has ended; returns its output."""
        self._count += 1
        before = len(self.text())
        name, mark = f"block-{self._count}.sh", f"-- end of block {self._count} --"
        (self._folder / name).write_text(block + "\n")
        self._child.stdin.write(f". ./{name} </dev/null\necho '{mark}'\n".encode())
        self._child.stdin.flush()
        self.wait_for(mark, seconds, before)
        return self.text()[before:]

    def wait_for(self, text, seconds=30, start=0):
        deadline = time.monotonic() + seconds
        while text not in self.text()[start:]:
            if self._child.poll() is not None:
                raise AssertionError(f"a command failed:\n{self.text()[-4000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no '{text}' in {seconds} s:\n{self.text()[-4000:]}")
            time.sleep(0.05)

    def close(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._child.pid, number)
            except ProcessLookupError:
                break
            time.sleep(0.5)
        self._child.wait()
        self._child.stdin.close()


class Walkthrough(Case):
    def setUp(self):
        super().setUp()
        self.kafka = SaslKafka({"waybill": minted.mint()}, minted.mint())
        self.addCleanup(self.kafka.close)
        self.users = {"waybill": minted.mint()}
        self.registry = Registry(htpasswd=self.users)
        self.addCleanup(self.registry.close)
        self.admin, self.prometheus = (
            f"127.0.0.1:{port}" for port in parts("parts_free_ports", 2).split()
        )
        self.write("envelope.json", json.dumps(envelope("of-the-reader")))
        (self.directory / "deploy").symlink_to(docs.ROOT / "deploy")
        self.bin = make_tools(self.directory / "bin")
        (self.bin / "waybill").symlink_to(os.path.abspath(binary()))

    def open(self, **more):
        path = f"{self.bin}:{os.environ['PATH']}"
        shell = Shell(self.directory, environment(self.directory, {"PATH": path, **more}))
        self.addCleanup(self.look, shell)
        self.addCleanup(shell.close)
        return shell

    def look(self, shell):
        minted.look_at_process("the reader's terminal", shell.log.read_bytes())
        self.assertNotIn("Sanitizer", shell.text())

    def own(self, text, user="waybill"):
        """Replaces what the documents assume by what the test has."""
        for old, new in (
            ("kafka.example.com:9092", self.kafka.address),
            ("registry.example.com", self.registry.address),
            ("admin-secret", self.kafka.passwords[ADMIN]),
            ("sasl.username: waybill", f"sasl.username: {user}"),
            ("sasl_ssl", "sasl_plaintext"),
            ("SASL_SSL", "SASL_PLAINTEXT"),
            ("127.0.0.1:9464", self.admin),
            ("127.0.0.1:9090", self.prometheus),
        ):
            text = text.replace(old, new)
        return text

    def section(self, document, heading):
        """Returns the blocks of a section, as (name of the file, or None for commands; text)."""
        lines = docs.lines_of(document)
        start = lines.index(heading) + 1
        ends = (n for n, line in enumerate(lines[start:], start) if line.startswith("## "))
        end = next(ends, len(lines))
        found = []
        for block in docs.blocks(document):
            if not start < block.line <= end:
                continue
            if block.language == "sh":
                found.append((None, block.text))
            elif block.language == "yaml":
                before = " ".join(lines[max(start, block.line - 6) : block.line - 1])
                found.append((FILE.findall(before)[-1], block.text))
        self.assertTrue(found, f"{document}: nothing to do in {heading}")
        return found

    def assert_delivered(self, count):
        """Asserts that there are that many artifacts, among them that of the envelope."""
        found = [name for name in self.registry.catalog() if name.startswith("attestations/")]
        self.assertEqual(len(found), count)
        self.assert_stored(self.registry, "attestations", artifact_of(envelope("of-the-reader")))

    # The quick start

    def test_the_quick_start_of_the_readme_delivers(self):
        ((_, block),) = self.section("README.md", "## Quick start")
        self.assertLess(len(block.splitlines()), 10)
        # Its principal may create topics.
        shell = self.open(
            KAFKA_PASSWORD=self.kafka.passwords[ADMIN],
            WAYBILL_OWN_USERNAME="waybill",
            WAYBILL_OWN_PASSWORD=self.users["waybill"],
        )
        # Another program on this machine may use the port of the page.
        os.environ.pop("WAYBILL_ADMIN_LISTEN", None)
        shell.run(self.own(block, ADMIN))
        shell.wait_for('"msg":"delivery succeeded"')
        self.assert_delivered(1)

    # The guide

    def test_the_guide_leads_to_an_artifact_an_alert_a_dead_letter_and_its_replay(self):
        try:
            program = parts("parts_prometheus")
        except subprocess.CalledProcessError:
            self.skipTest("no prometheus (Debian's)")
        (self.bin / "prometheus").symlink_to(shutil.which(program) or program)
        started = time.monotonic()
        shell = self.open(
            KAFKA_PASSWORD=self.kafka.passwords["waybill"],
            REGISTRY_PASSWORD=self.users["waybill"],
        )
        for name, heading in (
            (QUICK_START, "## 1. Configure"),
            (PREPARING, "## The commands"),
            (QUICK_START, "## 3. Deliver"),
            (QUICK_START, "## 4. Watch"),
            (QUICK_START, "## 5. A dead letter"),
        ):
            for file, text in self.section(name, heading):
                if file:
                    pathlib.Path(self.directory, file).write_text(self.own(text) + "\n")
                else:
                    self.run_block(shell, self.own(text))
        self.assertIn("deleted 1 dead letter, 0 remain", shell.text())
        self.assert_delivered(2)
        print(f"followed within {time.monotonic() - started:.0f} s", flush=True)

    def run_block(self, shell, text):
        """Then waits for what the guide announces."""
        said = shell.run(text)
        if "envelope.json" in text:
            shell.wait_for('"msg":"delivery succeeded"')
            self.assert_delivered(1)
        elif "waybill explain" in text:
            self.assertIn("succeeded", said)
            self.assertIn(self.registry.address, said)
        elif "prometheus --config.file" in text:
            self.until(self.is_scraped, shell)
        elif "large.json" in text:
            shell.wait_for('"msg":"delivery failed"')
        elif "/api/v1/alerts" in text:
            self.until(lambda: self.fires(shell.run(text)), shell, 45)
            self.assertIn("too_large", shell.text())
        elif "sed -i" in text:
            shell.wait_for('"msg":"configuration applied"')

    def until(self, ready, shell, seconds=30):
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                self.fail(f"not within {seconds} s:\n{shell.text()[-4000:]}")
            time.sleep(0.5)

    def is_scraped(self):
        url = f"http://{self.prometheus}/api/v1/query?query=waybill_records_completed_total"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]["result"]
        except OSError:
            return None

    @staticmethod
    def fires(said):
        line = next(line for line in said.splitlines() if line.startswith('{"status"'))
        # The next command continues the line.
        answer, _ = json.JSONDecoder().raw_decode(line)
        return any(
            one["labels"]["alertname"] == "WaybillDeadLetters" and one["state"] == "firing"
            for one in answer["data"]["alerts"]
        )


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Nothing outside blocks the main thread: neither a FIFO in place of a file, nor a stderr
that nobody reads."""

import fcntl
import os
import pathlib
import socket
import subprocess
import sys
import time
import unittest
import urllib.request

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from common import Case, binary, environment, event, line, main, settings  # noqa: E402

EXIT_CONFIG = 78
KAFKA = {"brokers": "127.0.0.1:9", "group": "g"}


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Fifo(Case):
    """Each command would wait for the other end of the FIFO until its timeout."""

    def setUp(self):
        super().setUp()
        self.fifo = str(self.directory / "fifo")
        os.mkfifo(self.fifo)

    def assert_refused(self, *arguments):
        done = self.waybill(*arguments, timeout=30)
        self.assertEqual(done.status, EXIT_CONFIG, done.err)
        self.assertIn("not a regular file", done.err)

    def test_the_configuration(self):
        self.assert_refused("--config", self.fifo, "check")

    def test_a_reference(self):
        credentials = {"username": "u", "password": f"${{file:{self.fifo}}}"}
        path = self.config(settings("localhost:9/att", credentials))
        self.assert_refused("--config", path, "check")

    def test_certificates(self):
        for key in ("ca_file", "client_certificate"):
            more = {key: self.fifo}
            if key == "client_certificate":
                more["client_key"] = self.fifo
            path = self.config(settings("localhost:9/att", more))
            self.assert_refused("--config", path, "check")

    def test_files_of_kafka(self):
        source = self.write("event.json", line(event("a")))
        for name in ("ssl.ca.location", "ssl.key.location", "ssl.crl.location"):
            properties = {"security.protocol": "ssl", name: self.fifo}
            path = self.config(
                settings("localhost:9/att", kafka={**KAFKA, "properties": properties})
            )
            self.assert_refused("--config", path, "publish", source)


class Stderr(Case):
    def test_a_full_pipe(self):
        """The service starts, serves and stops, and counts the log lines that it dropped."""
        port = _free_port()
        path = self.config(
            settings("localhost:9/att", kafka=KAFKA, admin={"listen": f"127.0.0.1:{port}"})
        )
        reader, writer = os.pipe()
        flags = fcntl.fcntl(writer, fcntl.F_GETFL)
        fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        try:
            while True:
                os.write(writer, b"x")
        except BlockingIOError:
            fcntl.fcntl(writer, fcntl.F_SETFL, flags)
        child = subprocess.Popen(
            [binary(), "run", "--config", path],
            stderr=writer,
            env=environment(self.directory),
            cwd=self.directory,
        )
        try:
            self.assertGreater(self._dropped(child, port), 0)
            # Other processes that write to the pipe share its flags.
            self.assertEqual(fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK, 0)
            child.terminate()
            self.assertEqual(child.wait(60), 0)
        finally:
            child.kill()
            child.wait()
            os.close(reader)
            os.close(writer)

    def _dropped(self, child, port):
        name = b"waybill_log_dropped_total "
        until = time.monotonic() + 60
        while time.monotonic() < until:
            self.assertIsNone(child.poll())
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as got:
                    text = got.read()
            except OSError:
                time.sleep(0.05)
                continue
            (value,) = (row for row in text.splitlines() if row.startswith(name))
            return float(value.split()[1])
        self.fail("the admin port does not answer")


if __name__ == "__main__":
    main()

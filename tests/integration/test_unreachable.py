#!/usr/bin/env python3
"""The commands that read and write Kafka, when the address that the brokers advertise
cannot be reached: each ends within 30 seconds, says which address it is, and can be
interrupted at once.
"""

import contextlib
import signal
import subprocess
import time

from common import EXIT_CONFIG, EXIT_FAILED, EXIT_TEMPORARY, Case, binary, environment, main

from support.unreachable_kafka import BlackHole, UnreachableKafka, closed_port

EVENT = b'{"workflow": {"id": "w"}}'
COMMANDS = {
    "explain": ["explain", "0/1"],
    "list": ["replay", "list"],
    "show": ["replay", "show", "0/1"],
    "stats": ["replay", "stats"],
    "run": ["replay", "run", "--yes"],
    "dry run": ["replay", "run"],
    "purge": ["replay", "purge", "--yes"],
    "publish": ["publish"],
}


class UnreachableCase(Case):
    def configure(self, brokers, **properties):
        kafka = {"brokers": brokers, "properties": properties}
        return self.config({"kafka": kafka}, f"{len(properties)}.yaml")

    def start(self, config, command):
        process = subprocess.Popen(
            [binary(), "--config", config, *COMMANDS[command]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(self.directory),
        )
        self.addCleanup(process.kill)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(EVENT)
            process.stdin.close()
        process.stdin = None
        return process

    def all_end(self, config, commands, seconds=30):
        """Runs them at the same time, and returns status and messages of each."""
        started = time.monotonic()
        processes = {command: self.start(config, command) for command in commands}
        found = {}
        for command, process in processes.items():
            left = started + seconds - time.monotonic()
            try:
                _, err = process.communicate(timeout=max(left, 0.1))
            except subprocess.TimeoutExpired:
                self.fail(f"'{command}' has not ended within {seconds} s")
            self.assertNotIn(b"Sanitizer", err)
            found[command] = process.returncode, err.decode()
        return found

    def assert_names(self, found, status, *texts):
        for command, (got, err) in found.items():
            with self.subTest(command):
                self.assertEqual(got, status, err)
                for text in texts:
                    self.assertIn(text, err)
                self.assertEqual(err.count("\n"), 1, err)


class AdvertisedAddress(UnreachableCase):
    def test_that_refuses_connections(self):
        port = closed_port()
        with UnreachableKafka("127.0.0.1", port) as kafka:
            found = self.all_end(self.configure(kafka.address), COMMANDS)
        self.assert_names(found, EXIT_TEMPORARY, f"127.0.0.1:{port}", "advertise")

    def test_that_swallows_every_packet(self):
        with contextlib.closing(BlackHole()) as hole:
            with UnreachableKafka("127.0.0.1", hole.port) as kafka:
                found = self.all_end(self.configure(kafka.address), COMMANDS)
        self.assert_names(found, EXIT_TEMPORARY, f"127.0.0.1:{hole.port}", "advertise")

    def test_that_accepts_and_is_silent(self):
        with contextlib.closing(BlackHole(silent=True)) as hole:
            with UnreachableKafka("127.0.0.1", hole.port) as kafka:
                found = self.all_end(self.configure(kafka.address), COMMANDS)
        self.assert_names(found, EXIT_TEMPORARY, f"127.0.0.1:{hole.port}", "advertise")

    def test_check_does_not_call_usable_what_cannot_be_reached(self):
        with contextlib.closing(BlackHole()) as hole:
            with UnreachableKafka("127.0.0.1", hole.port) as kafka:
                path = self.configure(kafka.address)
                done = self.waybill("check", "--online", "--config", path)
        self.assert_status(done, EXIT_TEMPORARY)
        text = " ".join(done.out.split())
        self.assertIn(f"the brokers advertise 127.0.0.1:{hole.port}, which must be", text)
        self.assertNotIn("may be used", text)

    def test_that_has_no_address(self):
        with UnreachableKafka("nowhere.invalid", 9092) as kafka:
            found = self.all_end(self.configure(kafka.address), ["list", "publish"])
        self.assert_names(found, EXIT_TEMPORARY, "nowhere.invalid:9092")

    def test_a_signal_ends_them_at_once(self):
        with contextlib.closing(BlackHole()) as hole:
            with UnreachableKafka("127.0.0.1", hole.port) as kafka:
                config = self.configure(kafka.address)
                for number in (signal.SIGINT, signal.SIGTERM):
                    self.interrupted(config, number)

    def interrupted(self, config, number):
        processes = {command: self.start(config, command) for command in COMMANDS}
        time.sleep(3)  # By now each is in a call of librdkafka.
        for process in processes.values():
            self.assertIsNone(process.poll())
            process.send_signal(number)
        deadline = time.monotonic() + 3
        for command, process in processes.items():
            with self.subTest(command, signal=number):
                process.communicate(timeout=max(deadline - time.monotonic(), 0.1))
                self.assertIn(process.returncode, (128 + number, -number))


class Bootstrap(UnreachableCase):
    def test_that_refuses_connections(self):
        address = f"127.0.0.1:{closed_port()}"
        found = self.all_end(self.configure(address), COMMANDS)
        self.assert_names(found, EXIT_TEMPORARY, address, "Connection refused")

    def test_that_speaks_no_tls(self):
        with UnreachableKafka("127.0.0.1", closed_port()) as kafka:
            config = self.configure(kafka.address, **{"security.protocol": "ssl"})
            found = self.all_end(config, ["list", "publish"])
        self.assert_names(found, EXIT_TEMPORARY, kafka.address, "SSL")

    def test_a_certificate_file_that_is_missing_is_a_configuration_fault(self):
        properties = {"security.protocol": "ssl", "ssl.ca.location": "/nowhere/ca.pem"}
        config = self.configure("127.0.0.1:9", **properties)
        for status, err in self.all_end(config, ["list", "explain"]).values():
            self.assertEqual(status, EXIT_CONFIG, err)

    def test_credentials_that_are_rejected(self):
        with UnreachableKafka(sasl_error="wrong password for alice") as kafka:
            properties = {
                "security.protocol": "sasl_plaintext",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "alice",
                "sasl.password": "s3cret-of-alice",
            }
            found = self.all_end(self.configure(kafka.address, **properties), COMMANDS)
        self.assert_names(found, EXIT_FAILED, kafka.address, "wrong password for alice")
        for _, err in found.values():
            self.assertNotIn("s3cret", err)


class Service(UnreachableCase):
    """`waybill run` logs it once, where librdkafka reports every attempt."""

    def reports(self, brokers, seconds):
        registration = {"name": "a", "repository": "localhost:9/x"}
        path = self.config(
            {
                "kafka": {"brokers": brokers},
                "admin": {"listen": "off"},
                "registrations": [{**registration, "integration": "oci-registry"}],
                "attachments": [{"registration": "a", "workflow": {"id": "w"}}],
            }
        )
        service = self.serve(path)
        time.sleep(seconds)
        self.stop(service)
        return [one["err"] for one in service.entries() if one.get("msg") == "kafka"]

    def assert_one_line(self, said, *texts):
        self.assertEqual(len(said), 1, said)
        for text in ("nothing is consumed until one answers", "is attempted again", *texts):
            self.assertIn(text, said[0])

    def test_a_broker_that_refuses_connections_is_one_line(self):
        address = f"127.0.0.1:{closed_port()}"
        said = self.reports(address, 15)
        self.assert_one_line(said, f"no broker of {address} can be reached", "Connection refused")

    def test_a_broker_that_swallows_every_packet_is_one_line(self):
        with contextlib.closing(BlackHole()) as hole:
            said = self.reports(f"127.0.0.1:{hole.port}", 18)
        self.assert_one_line(said, f"no broker of 127.0.0.1:{hole.port} can be reached")


class Publish(UnreachableCase):
    def publish(self, *arguments, stdin=b""):
        config = self.configure(f"127.0.0.1:{closed_port()}")
        return self.waybill("--config", config, "publish", *arguments, stdin=stdin)

    def test_files_are_read_before_the_brokers_are_contacted(self):
        good = self.write("good.json", EVENT)
        done = self.publish(good, "missing.json", str(self.directory))
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual(done.out, "")
        self.assertIn("missing.json cannot be read: No such file", done.err)
        self.assertIn(f"{self.directory} cannot be read: Is a directory", done.err)
        self.assertIn("nothing was published", done.err)
        self.assertNotIn("127.0.0.1", done.err)

    def test_events_are_checked_before_the_brokers_are_contacted(self):
        path = self.write("events.json", EVENT + b'\n\n{"workflow": \n' + EVENT + b"\n{]\n")
        done = self.publish(path)
        self.assert_status(done, EXIT_TEMPORARY)
        lines = done.err.splitlines()
        self.assertRegex(lines[0], r"events\.json:3: event 1 was not published: \S")
        self.assertRegex(lines[1], r"events\.json:5: event 3 was not published: \S")
        self.assertIn("cannot be reached", lines[2])

    def test_without_an_event_that_can_be_published_no_broker_is_contacted(self):
        done = self.publish(stdin=b"{]")
        self.assert_status(done, EXIT_FAILED)
        self.assertIn("published 0 events", done.out)
        self.assertNotIn("127.0.0.1", done.err)


class Permissions(UnreachableCase):
    def test_that_are_missing_are_named(self):
        properties = {"sasl.username": "alice"}
        with UnreachableKafka(denied=True) as kafka:
            found = self.all_end(self.configure(kafka.address, **properties), COMMANDS)
        topics = {
            "explain": "topic 'attestations': the brokers deny the operation Read",
            "publish": "topic 'attestations': the brokers deny the operation Write",
        }
        other = "topic 'attestation-dead-letters': the brokers deny the operation Read"
        for command, (status, err) in found.items():
            with self.subTest(command):
                self.assertEqual(status, EXIT_FAILED, err)
                self.assertIn(f"{topics.get(command, other)} to User:alice", err)
                self.assertIn(" --add --allow-principal User:alice ", err)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What `waybill run` and `waybill check --online` say about topics and permissions, on
an Apache Kafka that enforces them."""

import struct
import unittest

from admin import ask, listening
from common import EXIT_FAILED, EXIT_OK, main

# Before confluent_kafka, which may not be there
from test_kafka import KafkaCase, message_of

from support.kafka import Kafka, _ask, _text
from support.parts import Registry

TOPIC, GROUP, TRANSACTIONAL_ID = 2, 3, 5
READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS = 3, 4, 8, 10


def setUpModule():
    global kafka
    # Everybody may do what nobody was granted, so that a topic is closed by the first
    # grant of another permission.
    kafka = Kafka(
        {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        }
    )
    unittest.addModuleCleanup(kafka.close)


def grant(resource, name, operation):
    # CreateAcls, version 1; 3: a literal name, and to allow
    body = struct.pack(">ib", 1, resource) + _text(name) + b"\3"
    body += _text("User:ANONYMOUS") + _text("*") + struct.pack(">bb", operation, 3)
    answer = _ask(kafka.address, 30, 1, body)
    answer.take("i"), answer.take("i")  # throttle time, results
    error = answer.take("h")
    if error:
        raise RuntimeError(f"cannot grant: error {error}")


class ReadinessCase(KafkaCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kafka
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)

    def start(self, **sections):
        sections.setdefault("admin", {"listen": "127.0.0.1:0"})
        self.path = self.configure(**sections)
        service = self.serve(self.path)
        self.address = listening(service)
        return service

    def reasons(self):
        return ask(self.address, "/readyz").json["reasons"]

    def until_reason(self, service, *texts):
        """A reason that contains all of them; status and page have it, too."""

        def named():
            return [one for one in self.reasons() if all(text in one for text in texts)]

        (reason,) = self.until(named, 20, f"reason with {texts}", service)
        status = ask(self.address, "/status").json
        self.assertIn(reason, status["reasons"])
        self.assertFalse(status["ready"])
        self.assertTrue(
            any(
                entry.get("level") == "error" and entry.get("err") == reason
                for entry in service.entries()
            ),
            service.tail(),
        )
        return reason

    def until_ready(self, service):
        self.until(
            lambda: ask(self.address, "/readyz").status == 200, 30, "readiness", service
        )

    def check(self, status):
        done = self.waybill("check", "--online", "--config", self.path)
        self.assert_status(done, status)
        return " ".join(done.out.split())

    def assert_checked(self, text):
        """check --online fails with it; its lines may break anywhere."""
        self.assertIn(text.replace(" ", ""), self.check(EXIT_FAILED).replace(" ", ""))

    def prove(self, service, name="event-0"):
        """It delivers."""
        self.kafka.produce(self.source, [message_of(name)])
        self.until_done(service)


class Topics(ReadinessCase):
    def test_a_missing_topic_is_named_and_nothing_is_read_until_it_exists(self):
        for missing, key in (
            ("attestations", "kafka.topics.attestations"),
            ("dead_letters", "kafka.topics.dead_letters"),
        ):
            with self.subTest(missing):
                self.topics = {role: f"{name}-{missing}" for role, name in self.topics.items()}
                self.source = self.topics["attestations"]
                for role, topic in self.topics.items():
                    if role != missing:
                        self.kafka.create_topic(topic)
                if missing != "attestations":
                    self.kafka.produce(self.source, [message_of("event-0")])
                service = self.start()
                reason = self.until_reason(
                    service, f"topic '{self.topics[missing]}'", key, "does not exist"
                )
                self.assertIn(f"kafka-topics.sh --bootstrap-server {self.kafka.address}", reason)
                self.assertFalse(service.says("partition assigned"))
                self.assert_checked(f"topic '{self.topics[missing]}' ({key})")
                status = self.waybill(
                    "status", "--config", self.path, env={"WAYBILL_ADMIN_LISTEN": self.address}
                )
                self.assertIn("does not exist", " ".join(status.out.split()))
                self.kafka.create_topic(self.topics[missing])
                self.until_ready(service)
                self.prove(service, "event-1")
                self.stop(service)

    def test_a_topic_that_disappears_stops_the_reading_until_it_is_back(self):
        self.create()
        service = self.start()
        self.until_ready(service)
        self.prove(service)
        self.kafka.delete_topic(self.topics["dead_letters"])
        reason = self.until(
            lambda: [one for one in self.reasons() if "does not exist" in one],
            45,
            "reason",
            service,
        )
        self.assertIn(self.topics["dead_letters"], reason[0])
        self.kafka.create_topic(self.topics["dead_letters"])
        self.until_ready(service)
        self.prove(service, "event-1")
        self.stop(service)


class Permissions(ReadinessCase):
    def test_each_missing_permission_is_named_and_nothing_is_read_without_it(self):
        self.create()
        self.kafka.produce(self.source, [message_of("event-0")])
        wanted = {
            "attestations": (WRITE, READ, "Read"),
            "outcomes": (READ, WRITE, "Write"),
            "dead_letters": (DESCRIBE_CONFIGS, WRITE, "Write"),
        }
        for role, (other, _, _) in wanted.items():
            grant(TOPIC, self.topics[role], other)
        service = self.start()
        for role, (_, operation, word) in wanted.items():
            name = self.topics[role]
            words = (f"topic '{name}' (kafka.topics.{role})", f"permission {word} is missing")
            reason = self.until_reason(service, *words)
            self.assertIn(f"kafka-acls.sh --bootstrap-server {self.kafka.address}", reason)
            self.assert_checked(reason)
            grant(TOPIC, name, operation)
        self.until_ready(service)
        self.until_done(service)
        self.assertIn("they exist, and may be used", self.check(EXIT_OK))
        # Trying it has written nothing that a reader of any kind sees.
        grant(TOPIC, self.topics["outcomes"], READ)
        grant(TOPIC, self.topics["dead_letters"], READ)
        self.assertEqual(len(self.kafka.read_all(self.topics["outcomes"])), 1)
        self.assertEqual(self.kafka.read_all(self.topics["dead_letters"]), [])
        self.stop(service)

    def test_the_group_and_the_transactional_id_are_named(self):
        self.create()
        self.kafka.produce(self.source, [message_of("event-0")])
        grant(GROUP, self.group, DESCRIBE)
        grant(TRANSACTIONAL_ID, self.name, DESCRIBE)
        service = self.start(kafka={"transactional_id": self.name})
        self.until_reason(
            service, f"transactional id '{self.name}' (kafka.transactional_id)", "Write"
        )
        self.assertIn("permission to write was not tried", self.check(EXIT_OK))
        grant(TRANSACTIONAL_ID, self.name, WRITE)
        self.until_reason(service, f"group '{self.group}' (kafka.group)", "permission Read")
        grant(GROUP, self.group, READ)
        self.until_ready(service)
        self.until_done(service)
        self.stop(service)

    def test_a_permission_that_is_lost_stops_the_reading_until_it_is_back(self):
        self.create()
        service = self.start()
        self.until_ready(service)
        self.prove(service)
        grant(TOPIC, self.topics["outcomes"], DESCRIBE)
        self.kafka.produce(self.source, [message_of("event-1")])
        self.until_reason(service, self.topics["outcomes"], "permission Write")
        grant(TOPIC, self.topics["outcomes"], WRITE)
        self.until_ready(service)
        self.until_done(service)
        grant(TOPIC, self.topics["outcomes"], READ)
        self.assert_each_once(2)
        self.stop(service)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What `waybill run` and `waybill check --online` report about topics and permissions, on
an Apache Kafka that enforces permissions."""

import struct
import time
import unittest

from admin import ask, listening
from common import EXIT_FAILED, EXIT_OK, main

# This precedes confluent_kafka, which may be missing.
from test_kafka import KafkaCase, message_of

from support.kafka import Kafka, _ask, _text
from support.parts import Registry

TOPIC, GROUP, TRANSACTIONAL_ID = 2, 3, 5
READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS = 3, 4, 8, 10


def setUpModule():
    global kafka
    # Every principal may use a resource without ACLs, so the first grant of another
    # permission closes a topic.
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
        """Waits for a reason that contains all of the texts; status and page have it, too."""

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
        """Asserts that check --online fails with it; its lines may be wrapped anywhere."""
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


class Conditions(ReadinessCase):
    """Conditions that block records although everything is permitted"""

    def until_warning(self, service, *texts, seconds=70):
        def named():
            status = ask(self.address, "/status").json
            return [one for one in status["warnings"] if all(text in one for text in texts)]

        (warning,) = self.until(named, seconds, f"warning with {texts}", service)
        self.assertTrue(
            any(
                entry.get("level") == "warn" and entry.get("err") == warning
                for entry in service.entries()
            )
        )
        done = self.waybill(
            "status", "--config", self.path, env={"WAYBILL_ADMIN_LISTEN": self.address}
        )
        self.assertIn(warning.replace(" ", ""), "".join(done.out.split()))

    def explain(self, where):
        return self.waybill("explain", where, "--config", self.path, "--json")

    def test_an_open_transaction_and_another_application_are_named(self):
        self.create()
        self.kafka.produce(self.source, [message_of("event-0")])
        service = self.start()
        self.until_ready(service)
        self.until_done(service)
        producer = self.kafka.producer(
            **{"transactional.id": self.name, "transaction.timeout.ms": 120000}
        )
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(self.source, message_of("event-1")[1])
        producer.flush(30)
        self.kafka.produce(self.source, [message_of("event-2")])
        done = self.explain("0/2")
        self.assert_status(done, EXIT_OK)
        self.assertIn('"not_stable"', done.out)
        self.assertIn("offset 1 is still open", done.out)
        self.assert_status(self.explain("0/3"), EXIT_FAILED)
        self.kafka.create_topic(f"{self.name}.other")
        other = self.kafka.member(self.group, f"{self.name}.other", "orders")
        self.addCleanup(other.close)
        self.until_warning(service, f"group '{self.group}'", "client 'orders'")
        self.until_warning(
            service,
            f"partition 0 of topic '{self.source}'",
            "began at offset 1 is still open",
            "--start-offset 1",
        )
        producer.commit_transaction(30)
        other.close()
        self.until_done(service)
        self.until(
            lambda: not [
                one
                for one in ask(self.address, "/status").json["warnings"]
                if "still open" in one or "orders" in one
            ],
            30,
            "end of the warnings",
            service,
        )
        self.assert_each_once(3)
        self.stop(service)

    def test_a_transactional_id_that_is_shared_is_named(self):
        self.create()
        service = self.start(kafka={"transactional_id": self.name})
        self.until_ready(service)
        for number in range(3):
            rival = self.kafka.producer(**{"transactional.id": self.name})
            rival.init_transactions(30)
            self.prove(service, f"event-{number}")
        self.assertTrue(
            service.says(f"with the transactional id '{self.name}', kafka.transactional_id"),
            service.tail(),
        )
        self.until_warning(service, f"the transactional id '{self.name}'", "is used by another")
        self.assert_each_once(3)
        self.stop(service)

    def test_another_assignor_in_the_group_is_named(self):
        self.create()
        other = self.kafka.member(self.group, self.source, "orders", strategy="range")
        self.addCleanup(other.close)
        self.until(lambda: other.poll(0.1) or other.assignment(), 20, "assignment")
        service = self.start()
        self.until_reason(service, f"group '{self.group}' (kafka.group)", "another application")
        other.close()
        self.until_ready(service)
        self.prove(service)
        self.stop(service)

    def test_another_protocol_in_the_group_is_named(self):
        self.create()
        self.kafka.join_newer(self.group, self.source, "AAAAAAAAAAAAAAAAAAAAAQ")
        service = self.start()
        self.until_ready(service)
        self.until_warning(
            service, f"group '{self.group}' (kafka.group) uses the group protocol 'consumer'"
        )
        self.stop(service)

    def test_after_retention_the_safe_offset_is_named(self):
        self.create()
        self.produce_events(10)
        # 0 and 1 are not done, and 5 is.
        path = self.configure(admin={"listen": "off"})
        self.kafka.commit(self.group, self.source, 0, 2)
        self.kafka.delete_records(self.source, 0, 6)
        service = self.serve(path)
        self.assertEqual(service.ended(30), EXIT_FAILED, service.tail())
        advice = [one["err"] for one in service.entries() if one.get("msg") == "cannot go on"][-1]
        self.assertIn("begins at offset 6 now. Up to 4 offsets were deleted before delivery, from 2 on", advice)
        self.assertIn(f"--topic {self.source}:0 --reset-offsets --to-offset 6", advice)
        self.assertIn("Nothing is delivered twice", advice)


class Replays(ReadinessCase):
    """The replays topic, without which everything else works"""

    def warnings(self):
        """Returns the warnings about the topic or the members."""
        return [
            one
            for one in ask(self.address, "/status").json["warnings"]
            if "kafka.topics.replays" in one or "kafka.group" in one
        ]

    def test_it_may_be_missing_and_a_second_instance_may_consume_it(self):
        self.create()
        service = self.start()
        self.until_ready(service)
        note = f"topic'{self.topics['replays']}'(kafka.topics.replays)doesnotexistyet"
        self.assertIn(note, self.check(EXIT_OK).replace(" ", ""))
        self.assertEqual(self.warnings(), [])
        self.kafka.create_topic(self.topics["replays"], 2)
        second = self.serve(self.configure(admin={"listen": "off"}))
        self.until(lambda: second.says("partition assigned"), 60, "assignment", second)
        self.assertNotIn("kafka.group", self.check(EXIT_OK).replace(" ", ""))
        self.assertEqual(self.warnings(), [])
        self.stop(second)
        self.stop(service)

    def test_it_is_a_warning_that_it_may_not_be_read(self):
        self.create(replays=True)
        grant(TOPIC, self.topics["replays"], DESCRIBE)
        service = self.start()
        self.until_ready(service)
        name = f"topic '{self.topics['replays']}' (kafka.topics.replays)"
        for wait_s in (0, 16):
            # A later check, which does not try every permission again, reports it, too.
            time.sleep(wait_s)
            (warning,) = self.until(self.warnings, 60, "warning", service)
            self.assertIn(f"{name}: the permission Read is missing", warning)
            self.prove(service)
        self.assertIn(warning.replace(" ", ""), self.check(EXIT_OK).replace(" ", ""))
        grant(TOPIC, self.topics["replays"], READ)
        self.until(lambda: not self.warnings(), 60, "end of the warning", service)
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
        # The attempt has written nothing that a consumer of any isolation level sees.
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

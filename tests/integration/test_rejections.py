#!/usr/bin/env python3
"""`waybill run` on Apache Kafka when a topic rejects outcomes or dead letters: only the
records concerned wait, all reports name them, and the topics are not filled with aborted
messages."""

import json
import time

import admin
from common import main
from support.kafka import Kafka
from support.process import parts
from test_kafka import KafkaCase, message_of

HOUR_MS = 3600 * 1000


class RejectionCase(KafkaCase):
    def begin(self, **sections):
        config = self.configure(admin={"listen": "127.0.0.1:0"}, **sections)
        self.config_file = config
        self.service = self.serve(config)
        self.address = admin.listening(self.service)
        return self.service

    def status(self):
        return admin.ask(self.address, "/status").json

    def rejected(self, count, seconds=60):
        """Returns the deliveries that are held, once there are that many."""
        self.until(
            lambda: self.status()["rejected"]["deliveries"] == count,
            seconds,
            f"{count} rejected deliveries",
            self.service,
        )
        return self.status()["rejected"]["first"]

    def ready(self):
        return admin.ask(self.address, "/readyz").status == 200

    def blocked(self, which):
        """Waits for the reason why it is not ready, once messages for that topic were rejected. The
        check of the topics may have found a missing topic before that."""
        begin = f"topic '{self.topics[which]}' accepts no messages"
        self.until(
            lambda: begin in admin.ask(self.address, "/readyz").body,
            60,
            f"'{begin}'",
            self.service,
        )
        return admin.ask(self.address, "/readyz").body

    def aborted(self):
        samples = admin.scrape(self.address)
        return sum(
            admin.sample(samples, "waybill_transactions_total", result=result)
            for result in ("aborted", "refused_message")
        )

    def assert_quiet(self, seconds, at_most):
        """Asserts that transactions are not aborted again and again."""
        before = self.aborted()
        time.sleep(seconds)
        self.assertLessEqual(self.aborted() - before, at_most)

    def assert_reported(self, to, offset, code):
        """Once in the log, in /status, in `waybill status` and in the metrics"""
        held = self.status()["rejected"]["first"]
        self.assertIn(
            (to, self.source, 0, offset, code),
            [(one["to"], one["topic"], one["partition"], one["offset"], one["code"]) for one in held],
        )
        lines = [
            entry
            for entry in self.service.entries()
            if "message rejected by its topic" in entry.get("msg", "") and entry["offset"] == offset
        ]
        self.assertEqual(len(lines), 1, lines)
        self.assertEqual(lines[0]["level"], "error")
        self.assertEqual((lines[0]["to"], lines[0]["code"]), (to, code))
        done = self.waybill(
            "--config", self.config_file, "status", env={"WAYBILL_ADMIN_LISTEN": self.address}
        )
        # Its lines are wrapped.
        text = " ".join(done.out.split())
        self.assertIn(f"{self.source}/0/{offset} is held since", text, done.err)
        self.assertIn(code, text)
        samples = admin.scrape(self.address)
        self.assertGreaterEqual(admin.sample(samples, "waybill_deliveries_withheld", topic=to), 1)


class Rejections(RejectionCase):
    def test_a_compacted_topic_gets_messages_with_a_key(self):
        self.create()
        for which in ("outcomes", "dead_letters"):
            self.kafka.configure_topic(self.topics[which], {"cleanup.policy": "compact"})
        self.kafka.produce(self.source, [(None, b"no JSON", None), message_of("a", key=None), (b"k", b"{", None)])
        self.begin()
        outcomes = self.read("outcomes", 3)
        letters = self.read("dead_letters", 2)
        keys = {json.loads(one.value)["input"]["offset"]: one for one in outcomes}
        # The id of the outcome
        self.assertEqual(keys[0].key, dict(keys[0].headers)["ce_id"])
        self.assertEqual(keys[2].key, b"k")
        self.assertEqual({one.key for one in letters}, {keys[0].key, b"k"})
        self.until_done(self.service)
        self.assertEqual(self.status()["rejected"]["deliveries"], 0)

    def test_dead_letters_beyond_the_limit_of_their_topic_hold_only_their_records(self):
        self.create()
        self.kafka.configure_topic(self.topics["dead_letters"], {"max.message.bytes": 2000})
        # Incompressible data; lz4 would make everything else small.
        noise = "".join(chr(33 + (i * i * 7919 + i // 3) % 90) for i in range(30000)).encode()
        messages = []
        for number in range(20):
            messages.append((b"k", noise, None))
            messages.append(message_of(f"good-{number}"))
            messages.append((b"k", b"small", None))
        self.kafka.produce(self.source, messages)
        self.begin(kafka={"properties": {"compression.codec": "none"}})
        self.assertEqual(len(self.read("outcomes", 40)), 40)
        held = self.rejected(20)
        self.assertEqual(sorted(one["offset"] for one in held), list(range(0, 60, 3)))
        self.assert_reported(self.topics["dead_letters"], held[0]["offset"], "MSG_SIZE_TOO_LARGE")
        # 20 individually, a few together, and trials
        self.assertLessEqual(self.aborted(), 60)
        self.assertTrue(self.ready())
        self.assert_quiet(10, at_most=6)
        # The others are committed at once.
        self.kafka.produce(self.source, [message_of("later")])
        self.assertEqual(len(self.read("outcomes", 41, timeout=15)), 41)
        self.kafka.configure_topic(self.topics["dead_letters"], {"max.message.bytes": 1000000})
        self.assertEqual(len(self.read("outcomes", 61, timeout=120)), 61)
        self.assertEqual(len(self.read("dead_letters", 40)), 40)
        self.until_done(self.service)

    def test_the_limit_of_the_client_itself_is_as_good_as_the_topics(self):
        self.create()
        noise = "".join(chr(33 + (i * i * 7919 + i // 3) % 90) for i in range(30000)).encode()
        self.kafka.produce(
            self.source, [(b"k", noise, None), message_of("a"), (b"k", b"small", None)]
        )
        self.begin(kafka={"properties": {"message.max.bytes": "20000"}})
        self.assertEqual(len(self.read("outcomes", 2)), 2)
        self.rejected(1)
        self.assert_reported(self.topics["dead_letters"], 0, "MSG_SIZE_TOO_LARGE")

    def test_limits_of_timestamps_do_not_concern_old_records(self):
        """The timestamp of a dead letter is the time of writing."""
        self.create()
        limits = {
            "message.timestamp.before.max.ms": HOUR_MS,
            "message.timestamp.after.max.ms": HOUR_MS,
        }
        self.kafka.configure_topic(self.topics["dead_letters"], limits)
        old = int(time.time() * 1000) - 100 * 24 * HOUR_MS
        self.kafka.produce(self.source, [(b"k", b"no JSON", None)], timestamp=old)
        self.begin()
        (letter,) = self.read("dead_letters", 1)
        self.assertLess(abs(letter.timestamp / 1000 - time.time()), 600)
        self.assertEqual(dict(letter.headers)["waybill-timestamp"], str(old).encode())
        self.until_done(self.service)

    def test_all_headers_of_a_record_are_in_its_dead_letter(self):
        self.create()
        headers = [(f"h{number}", b"x") for number in range(20000)]
        self.kafka.produce(
            self.source, [(b"k", b"no JSON", headers[:1000]), (b"k", b"no JSON", headers)]
        )
        self.begin()
        letters = self.read("dead_letters", 2)
        self.assertEqual(letters[0].headers[:1000], headers[:1000])
        self.assertEqual(letters[1].headers[:20000], headers)
        self.assertFalse(letters[1].headers[20000][0].startswith("h"))

    def test_a_deleted_topic_is_named_and_written_to_when_it_is_there_again(self):
        self.create()
        self.begin()
        self.kafka.produce(self.source, [message_of("before"), (b"k", b"no JSON", None)])
        self.assertEqual(len(self.read("outcomes", 2)), 2)
        self.kafka.delete_topic(self.topics["dead_letters"])
        self.kafka.produce(self.source, [message_of("after"), (b"k", b"no JSON", None)])
        answer = self.blocked("dead_letters")
        self.assertIn("create the topic", answer)
        self.assertFalse(self.ready())
        # The outcome that needs no dead letter is committed nevertheless. No further
        # records are read.
        self.assertEqual(len(self.read("outcomes", 3)), 3)
        self.assert_quiet(10, at_most=5)
        self.kafka.create_topic(self.topics["dead_letters"])
        self.assertEqual(len(self.read("outcomes", 4, timeout=120)), 4)
        self.assertEqual(len(self.read("dead_letters", 1)), 1)
        self.until(self.ready, 30, "ready", self.service)
        self.kafka.produce(self.source, [message_of("last")])
        self.assertEqual(len(self.read("outcomes", 5)), 5)


class Forbidden(RejectionCase):
    """With a broker that enforces permissions"""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka = Kafka(
            {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found": "true",
            }
        )
        cls.addClassCleanup(cls.kafka.close)

    def acl(self, topic, *arguments):
        server = ("--bootstrap-server", self.kafka.address)
        parts("parts_java", "org.apache.kafka.tools.AclCommand", *server, "--topic", topic, *arguments)

    def forbid(self, topic):
        user = "User:ANONYMOUS"
        self.acl(topic, "--add", "--allow-principal", user, "--operation", "All")
        self.acl(topic, "--add", "--deny-principal", user, "--operation", "Write")

    def allow(self, topic):
        denied = ("--deny-principal", "User:ANONYMOUS", "--operation", "Write")
        self.acl(topic, "--remove", "--force", *denied)

    def check(self, which, committed):
        """`committed`: how many outcomes there are while writing is denied"""
        self.create()
        self.begin()
        self.kafka.produce(self.source, [message_of("before"), (b"k", b"no JSON", None)])
        self.assertEqual(len(self.read("outcomes", 2)), 2)
        self.forbid(self.topics[which])
        self.kafka.produce(self.source, [message_of("after"), (b"k", b"no JSON", None)])
        answer = self.blocked(which)
        self.assertFalse(self.ready())
        self.assertIn("TOPIC_AUTHORIZATION_FAILED", answer)
        self.assertIn("allow Write", answer)
        samples = admin.scrape(self.address)
        self.assertEqual(admin.sample(samples, "waybill_topic_blocked", topic=self.topics[which]), 1)
        self.assertEqual(len(self.read("outcomes", committed)), committed)
        self.assert_quiet(10, at_most=5)
        self.allow(self.topics[which])
        self.assertEqual(len(self.read("outcomes", 4, timeout=120)), 4)
        self.assertEqual(len(self.read("dead_letters", 2)), 2)
        self.until(self.ready, 30, "ready", self.service)

    def test_the_topic_of_dead_letters_may_not_be_written_to(self):
        self.check("dead_letters", 3)

    def test_the_topic_of_outcomes_may_not_be_written_to(self):
        self.check("outcomes", 2)


if __name__ == "__main__":
    main()

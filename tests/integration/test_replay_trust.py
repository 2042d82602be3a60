#!/usr/bin/env python3
"""A producer of the attestations topic that writes every header of Waybill, on Apache Kafka:
these headers must have no effect. Also the replays topic, which is created when it is
needed.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import json

from common import EVENT_TYPE, EXIT_CONFIG, EXIT_OK, artifact_of, envelope, event, main

# This skips the whole file if confluent_kafka is missing.
from test_delivery import BOTH, DeliveryCase

from support.scripted_registry import ScriptedRegistry
from support.unreachable_kafka import UnreachableKafka

VICTIM = "the-victims-id"


class TrustCase(DeliveryCase):
    def replay(self, config, *arguments, status=EXIT_OK):
        done = self.waybill("--config", config, "replay", *arguments, timeout=90)
        self.assert_status(done, status)
        return done

    def states(self, config):
        done = self.replay(config, "list", "--all", "--json")
        rows = [json.loads(line) for line in done.out.splitlines()]
        return {row["dead_letter"]: row["state"] for row in rows}


class HostileProducer(TrustCase):
    def headers(self, letter, **more):
        """All headers that Waybill ever writes, as of the victim's dead letter"""
        where = f"{self.topics['dead_letters']}/{letter.partition}/{letter.offset}"
        given = {
            "waybill-error-class": "rejected",
            "waybill-replays": "1000",
            "waybill-attachment": "one",
            "waybill-registration": "local",
            "waybill-event-id": VICTIM,
            "waybill-topic": self.source,
            "waybill-partition": "0",
            "waybill-offset": "0",
            "waybill-group": "somebody-else",
            "waybill-dead-letter": where,
            "waybill-last-failure": "2099-01-01T00:00:00.000Z",
            "__connect.errors.topic": self.source,
            **more,
        }
        return [(name, text.encode()) for name, text in given.items()]

    def send(self, name, body, headers=()):
        own = [
            ("ce_specversion", b"1.0"),
            ("ce_id", VICTIM.encode()),
            ("ce_type", EVENT_TYPE.encode()),
            ("ce_source", b"/test"),
        ]
        self.kafka.produce(self.source, [(name.encode(), body, [*own, *headers])], partition=0)
        return [*own, *headers]

    def prepare(self, other):
        """The victim's event, whose delivery to the second registry has failed"""
        self.create(1, replays=True)
        other.play("400-manifest-invalid")
        path = self.configure_two(self.registry, other, BOTH)
        service = self.serve(path)
        self.send("victim", json.dumps(event("victim")).encode())
        self.outcomes(2)
        (letter,) = self.read("dead_letters", 1)
        # The offset before it may be that of a transaction marker.
        self.victim = f"{letter.partition}/{letter.offset}"
        self.assertEqual(self.states(path), {self.victim: "waiting"})
        other.play()
        return path, service, letter

    def test_chooses_nobody_who_receives_its_event(self):
        with ScriptedRegistry() as other:
            _, service, letter = self.prepare(other)
            self.send("forged", json.dumps(event("forged")).encode(), self.headers(letter))
            found = self.outcomes(4)[2:]
            self.finish(service)
            self.assertEqual({data["attachment"] for data in found}, {"one", "two"})
            self.assertEqual({data["status"] for data in found}, {"succeeded"})
            self.assertEqual({data["input"]["offset"] for data in found}, {1})
            for data in found:
                self.assertNotIn("origin", data["input"])
            self.assert_stored(self.registry, self.repository, artifact_of(envelope("forged")))
            self.assert_holds(other, "forged")

    def test_hides_consumes_and_purges_no_dead_letter_of_others(self):
        with ScriptedRegistry() as other:
            path, service, letter = self.prepare(other)
            attachments = ("one", "two", "nobody's")
            for attachment in attachments:
                headers = self.headers(letter, **{"waybill-attachment": attachment})
                self.send("forged", json.dumps(event("forged")).encode(), headers)
                # It fails, with the same id and, according to its headers, of the same
                # record.
                self.send("forged", b"not JSON", headers)
            self.outcomes(2 + 3 * len(attachments))
            self.assertEqual(self.states(path)[self.victim], "waiting")
            explained = self.waybill("--config", path, "explain", "0/0", "--json")
            found = json.loads(explained.out)
            self.assertEqual(len(found["outcomes"]), 2)
            self.assertEqual([one["state"] for one in found["dead_letters"]], ["waiting"])
            self.replay(path, "purge", "--yes")
            self.assertEqual(self.states(path)[self.victim], "waiting")
            # It is an error of its own event: nothing of it is attributed to Waybill.
            letters = self.read("dead_letters", 1 + len(attachments))[1:]
            for number, one in enumerate(letters):
                own = dict(one.headers[16:])
                self.assertEqual(own["waybill-error-class"], b"schema")
                self.assertEqual(own["waybill-group"], self.group.encode())
                self.assertEqual(own["waybill-offset"], str(2 * number + 2).encode())
                self.assertNotIn("waybill-attachment", own)
                self.assertNotIn("waybill-replays", own)
            # The victim's dead letter can still be replayed, and only that.
            self.replay(path, "run", "--attachment", "two", "--yes")
            data = self.outcomes(2 + 3 * len(attachments) + 1)[-1]
            self.finish(service)
            self.assertEqual((data["status"], data["attachment"]), ("succeeded", "two"))
            self.assertEqual(data["input"]["origin"]["offset"], 0)
            self.assert_holds(other, "victim")
            self.assertEqual(self.states(path)[self.victim], "replayed")

    def test_gets_its_headers_back_unchanged(self):
        with ScriptedRegistry() as other:
            path, service, letter = self.prepare(other)
            given = self.send("forged", b"not JSON", self.headers(letter))
            self.outcomes(3)
            for count in (2, 3):  # as a dead letter, and as that of its replay
                one = self.read("dead_letters", count)[-1]
                self.assertEqual(one.headers[: len(given)], given)
                self.assertEqual(one.headers[len(given)][0], "waybill-error-class")
                self.assertEqual(dict(one.headers[len(given) :])["waybill-offset"], b"1")
                self.replay(path, "run", "--class", "schema", "--yes")
                replay = self.read("replays", count - 1)[-1]
                self.assertEqual(replay.headers[: len(given)], given)
                self.assertEqual(
                    replay.headers[len(given)], ("waybill-replays", str(count - 1).encode())
                )
                self.outcomes(count + 2)
            self.stop(service)


class TheTopic(TrustCase):
    def test_is_created_by_the_first_replay_and_then_read(self):
        with ScriptedRegistry() as other:
            self.create(3)
            other.play("400-manifest-invalid")
            path = self.configure_two(self.registry, other, BOTH)
            service = self.serve(path)
            self.await_log(service, "does not exist yet")
            self.produce("a")
            self.outcomes(2)
            other.play()
            self.assertEqual([one for one in service.entries() if one["level"] == "error"], [])
            self.replay(path, "run", "--yes")
            self.assertEqual(len(self.kafka.end_offsets(self.topics["replays"])), 3)
            data = self.outcomes(3, 90)[-1]
            self.assertEqual((data["status"], data["attachment"]), ("succeeded", "two"))
            self.finish(service)

    def test_that_may_not_be_created_is_named_with_the_command(self):
        topic = self.topics["replays"]
        with UnreachableKafka(missing={topic}) as kafka:
            path = self.configure(kafka={"brokers": kafka.address})
            done = self.replay(path, "run", "--yes", status=EXIT_CONFIG)
            command = f"kafka-topics.sh --bootstrap-server {kafka.address} --create"
            self.assertIn(f"{command} --if-not-exists --topic {topic} --partitions 12", done.err)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`waybill explain` on Apache Kafka: every verdict, for records that are in that state.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import json
import re
import time

from common import EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY, EXIT_USAGE, main
from common import artifact_of, envelope

from admin import listening

# This skips the whole file if confluent_kafka is missing.
from test_delivery import BOTH, NEVER, DeliveryCase
from test_kafka import QUICK, message_of

from support.scripted_registry import ScriptedRegistry

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class ExplainCase(DeliveryCase):
    def explain(self, config, place, verdict=None, status=EXIT_OK, env=None):
        """Returns the JSON output; the text has the same content."""
        done = self.waybill("--config", config, "explain", place, "--json", env=env)
        self.assert_status(done, status)
        found = json.loads(done.out)
        self.assertEqual(found["verdict"], verdict, done.out)
        full = place if place.count("/") > 1 else f"{self.source}/{place}"
        text = self.waybill("--config", config, "explain", full, env=env)
        self.assert_status(text, status)
        flat = " ".join(text.out.split())
        self.assertIn(found["means"], flat)
        for one in found["next"]:
            self.assertIn(one["command"], text.out)
        return found

    def commands(self, found):
        return [one["command"] for one in found["next"]]


class Verdicts(ExplainCase):
    def test_what_is_settled(self):
        with ScriptedRegistry("400-manifest-invalid") as other:
            self.create(2, replays=True)
            path = self.configure_two(self.registry, other)
            service = self.serve(path)
            headers = [("traceparent", TRACEPARENT.encode())]
            messages = [
                message_of("good", headers=headers),
                (b"k", b"{", None),
                message_of("nobody", project="lab"),
                message_of("refused", project="payments", headers=headers),
            ]
            self.kafka.produce(self.source, messages, partition=0)
            self.outcomes(4)
            self.kafka.abort(self.source, [b"no"], 0)
            self.produce("last")
            self.until_done(service)

            good = self.explain(path, "0/0", "done")
            (outcome,) = good["outcomes"]
            wanted = artifact_of(envelope("good"))
            self.assertEqual(outcome["digest"], wanted.digest)
            self.assertTrue(outcome["reference"].endswith(f"@{wanted.digest}"))
            self.assertEqual((outcome["status"], outcome["own"]), ("succeeded", True))
            self.assertEqual(outcome["traceparent"], TRACEPARENT)
            self.assertEqual((good["next"], good["dead_letters"]), ([], []))
            # The log line has the same trace, and a span of its own.
            (line,) = [
                one for one in self.logged(service, "delivery succeeded") if one["offset"] == 0
            ]
            self.assertEqual((line["trace_id"], line["digest"]), (TRACE, wanted.digest))
            self.assertRegex(line["span_id"], "^(?!b7ad6b7169203331)[0-9a-f]{16}$")

            broken = self.explain(path, "0/1", "done")
            self.assertEqual(broken["outcomes"][0]["error"]["class"], "schema")
            self.assertEqual([one["state"] for one in broken["dead_letters"]], ["waiting"])
            skipped = self.explain(path, "0/2", "done")
            self.assertEqual(skipped["outcomes"][0]["status"], "skipped")
            # The aborted record and its marker
            self.explain(path, "0/4", "no_record", EXIT_FAILED)
            self.explain(path, "0/5", "no_record", EXIT_FAILED)
            self.explain(path, "0/6", "done")
            self.assertIn("numbered from 0", self.explain(path, "9/0", "no_partition", 1)["means"])
            self.explain(path, "0/7", "not_written", EXIT_FAILED)
            self.explain(path, "1/0", "not_written", EXIT_FAILED)

            refused = self.explain(path, "0/3", "done")
            (line,) = [
                one for one in self.logged(service, "delivery failed") if one["offset"] == 3
            ]
            shown = {one["headers"].get("traceparent") for one in other.log()} - {None}
            self.assertEqual(shown, {f"00-{TRACE}-{line['span_id']}-01"})
            self.assertEqual((line["err_code"], line["http_status"]), ("MANIFEST_INVALID", 400))
            self.assertEqual(refused["outcomes"][0]["error"]["code"], "MANIFEST_INVALID")
            (letter,) = refused["dead_letters"]
            show, run = self.commands(refused)
            self.assertIn(f"replay show {letter['partition']}/{letter['offset']}", show)
            other.play()
            # The commands that it prints can be run.
            arguments = re.sub(r"^waybill --config '[^']*' ", "", run).split()
            self.assert_status(self.waybill("--config", path, *arguments), EXIT_OK)
            self.outcomes(6)
            self.until_done(service)
            after = self.explain(path, "0/3", "done")
            self.assertEqual([one["own"] for one in after["outcomes"]], [True, False])
            again = after["outcomes"][1]
            self.assertEqual(again["status"], "succeeded")
            self.assertEqual([one["state"] for one in after["dead_letters"]], ["replayed"])
            self.assertEqual(after["next"], [])
            where = again["input"]
            self.assertEqual(where["topic"], self.topics["replays"])
            place = f"{where['topic']}/{where['partition']}/{where['offset']}"
            replay = self.explain(path, place, "done")
            self.assertEqual(
                replay["record"]["replay_of"],
                f"{self.topics['dead_letters']}/{letter['partition']}/{letter['offset']}",
            )
            self.finish(service)

        before = self.committed()
        self.kafka.delete_records(self.source, 0, 2)
        gone = self.explain(path, "0/0", "gone")
        self.assertEqual(gone["outcomes"][0]["digest"], wanted.digest)
        self.assertEqual(self.committed(), before)
        self.check_other_groups()

    def check_other_groups(self):
        """A group that has read nothing, and one whose offset was set manually"""
        self.group += "-2"
        path = self.configure(name="second.yaml")
        self.assertIn("has no committed offset in this partition", self.explain(path, "0/2", "unread")["means"])
        self.explain(path, "0/1", "lost")
        self.assertEqual(self.kafka.committed(self.group, self.source), {})
        self.kafka.commit(self.group, self.source, 0, 3)
        self.assertEqual(self.explain(path, "0/2", "passed")["outcomes"], [])
        self.assertIn("which is this record", self.explain(path, "0/3", "unread")["means"])
        self.assertIn(f"--group {self.group} ", self.commands(self.explain(path, "0/2", "passed"))[0])
        # Metadata that cannot be decoded hides nothing else.
        self.kafka.commit(self.group, self.source, 0, 3, "what?")
        self.assertIn("unreadable", self.explain(path, "0/6", "unread")["group"])

    def test_a_group_whose_offset_was_set_back_or_is_gone(self):
        with ScriptedRegistry() as other:
            self.create(1)
            self.produce("one", "two")
            path = self.configure_two(self.registry, other, BOTH)
            service = self.serve(path)
            self.outcomes(4)
            self.finish(service)

            def explain(place, text):
                found = self.explain(path, place, "set_back")
                self.assertIn(text, found["means"])
                self.assertEqual([one["own"] for one in found["outcomes"]], [True, True])
                (command,) = self.commands(found)
                self.assertIn(f"--group {self.group} --describe", command)

            self.explain(path, "0/1", "done")
            self.kafka.commit(self.group, self.source, 0, 1)
            self.explain(path, "0/0", "done")
            explain("0/1", "which is this record. The offset was reset")
            self.kafka.commit(self.group, self.source, 0, 0)
            explain("0/1", "is 0, 1 offset before this record.")
            self.kafka.commit(self.group, self.source, 0, 0, "what?")
            explain("0/1", "cannot be decoded")
            self.kafka.delete_group(self.group)
            self.assertIsNone(self.committed())
            explain("0/0", "no longer has an offset in this partition")

            # The prediction is true: each record is read again, and then its state is as
            # before.
            service = self.serve(path)
            self.read("outcomes", 8)
            self.finish(service)
            self.explain(path, "0/1", "done")

    def test_an_outcome_of_long_before_its_record(self):
        """The clock was wrong, and another outcome of the event is where the search begins."""
        self.create(1)
        self.kafka.produce(self.source, [message_of("a", headers=[("ce_id", b"e")])])
        self.kafka.commit(self.group, self.source, 0, 1)
        path = self.configure()
        self.explain(path, "0/0", "passed")
        now = int(time.time() * 1000)
        for offset, timestamp in ((0, now - 2 * 3600_000), (7, now)):
            place = {"topic": self.source, "partition": 0, "offset": offset, "id": "e"}
            if offset > 0:
                place["origin"] = {"topic": self.source, "partition": 0, "offset": 0}
            headers = [
                ("ce_id", f"{self.source}/0/{offset}/one".encode()),
                ("ce_source", f"waybill/{self.group}".encode()),
                ("ce_causationid", b"e"),
            ]
            data = {"status": "succeeded", "input": place, "attachment": "one"}
            self.kafka.produce(
                self.topics["outcomes"],
                [(b"k", json.dumps(data).encode(), headers)],
                partition=0,
                timestamp=timestamp,
            )
        found = self.explain(path, "0/0", "done")
        self.assertEqual([one["own"] for one in found["outcomes"]], [True, False])
        self.assertEqual(found["searched"], 2)

    def test_what_waits_for_a_registry(self):
        with ScriptedRegistry(NEVER) as other:
            self.create(1)
            self.produce("later", project="payments")
            self.produce("now")
            path = self.configure_two(self.registry, other)
            service = self.serve(path)
            self.outcomes(1)
            waiting = self.explain(path, "0/0", "in_flight")
            self.assertEqual(waiting["outcomes"], [])
            self.assertIn("check --online", self.commands(waiting)[-1])
            self.explain(path, "0/1", "done")
            # The number of attempts is part of the next commit.
            self.await_log(service, "trying again")
            self.produce("more")
            self.outcomes(2)
            (delivery,) = self.explain(path, "0/0", "in_flight")["deliveries"]
            self.assertEqual((delivery["attachment"], delivery["done"]), ("two", False))
            self.assertGreater(delivery["attempts"], 0)
            self.assertEqual(waiting["waiting"]["error"],
                             "admin.listen is 'off': the service has no admin port")  # fmt: skip
            other.play()
            self.outcomes(3)
            self.finish(service)
            self.explain(path, "0/0", "done")

    def test_the_service_says_what_each_delivery_waits_for(self):
        with ScriptedRegistry(NEVER) as other:
            self.create(1)
            admin = {"listen": "127.0.0.1:0", "token": "s3cret"}
            path = self.configure_two(self.registry, other, admin=admin)
            self.produce("later", project="payments")
            service = self.serve(path)
            env = {"WAYBILL_ADMIN_LISTEN": listening(service)}
            self.await_log(service, "trying again")
            # Nothing is committed, so Kafka knows nothing of it.
            waiting = self.explain(path, "0/0", "unread", env=env)["waiting"]
            self.assertTrue(waiting["record"]["in_memory"])
            (delivery,) = waiting["record"]["deliveries"]
            self.assertEqual(delivery["attachment"], "two")
            self.assertEqual(delivery["host"], other.address)
            self.assertIn(delivery["waits_for"], ("backoff", "endpoint_down", "attempt_in_flight"))
            self.assertGreater(delivery["attempts"], 0)
            self.assertTrue(delivery["reason"])
            done = self.waybill("--config", path, "explain", "0/0", env=env)
            self.assertIn(f"as reported by http://{listening(service)}", done.out)
            self.assertIn("last error: ", done.out)
            denied = {**env, "WAYBILL_ADMIN_TOKEN": "another"}
            error = self.explain(path, "0/0", "unread", env=denied)["waiting"]["error"]
            self.assertIn("requires another admin.token", error)
            self.stop(service)
            error = self.explain(path, "0/0", "unread", env=env)["waiting"]["error"]
            self.assertIn("the service does not respond", error)

    def test_one_delivery_of_two(self):
        for mode in ("binary", "structured"):
            with self.subTest(mode), ScriptedRegistry("hang") as other:
                self.topics = {name: f"{topic}.{mode}" for name, topic in self.topics.items()}
                self.source = self.topics["attestations"]
                self.group += f".{mode}"
                self.create(1)
                self.produce("a")
                kafka = {"outcome_mode": mode}
                path = self.configure_two(
                    self.registry, other, BOTH, delivery={**QUICK, "drain": "1s"}, kafka=kafka
                )
                service = self.serve(path)
                self.read("outcomes", 1)
                found = self.explain(path, "0/0", "partly_done")
                self.assertEqual([one["attachment"] for one in found["outcomes"]], ["one"])
                self.assertIn({"attachment": "one", "done": True}, found["deliveries"])
                self.stop(service)


class Refusals(ExplainCase):
    def test_what_cannot_be_asked(self):
        self.create(1)
        path = self.configure()

        def refused(place, status, text, *more):
            done = self.waybill("--config", path, "explain", place, *more)
            self.assert_status(done, status)
            self.assertIn(text, done.err)
            self.assertEqual(done.out, "")

        refused("0", EXIT_USAGE, "write TOPIC/PARTITION/OFFSET")
        refused("a/b/0", EXIT_USAGE, "write TOPIC/PARTITION/OFFSET")
        refused("0/9223372036854775808", EXIT_USAGE, "write TOPIC/PARTITION/OFFSET")
        refused("0/0", EXIT_USAGE, "--limit must be a number", "--limit", "many")
        refused(f"{self.source}x/0/0", EXIT_FAILED, f"did you mean '{self.source}/0/0'?")
        refused(f"{self.topics['dead_letters']}/0/7", EXIT_FAILED, "'waybill replay show 0/7'")
        refused(f"{self.topics['outcomes']}/0/7", EXIT_FAILED, "the outcome's 'input' names")
        self.topics["attestations"] = "no-such-topic"
        path = self.configure(name="wrong.yaml")
        refused("0/0", EXIT_FAILED, "no-such-topic")
        path = self.configure(name="nobody.yaml", kafka={"brokers": "127.0.0.1:1"})
        refused("0/0", EXIT_TEMPORARY, "127.0.0.1:1")

    def test_a_search_with_a_limit(self):
        self.create(1)
        path = self.configure()
        self.produce_events(20)
        service = self.serve(path)
        self.outcomes(20)
        self.until_done(service)
        self.finish(service)
        done = self.waybill("--config", path, "explain", "0/19", "--json", "--limit", "1")
        self.assert_status(done, EXIT_OK)
        found = json.loads(done.out)
        self.assertEqual((found["searched"], found["complete"]), (1, False))
        self.assertEqual(found["verdict"], "passed")
        self.assertIn("among those that were searched", found["means"])


if __name__ == "__main__":
    main()

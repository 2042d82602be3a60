#!/usr/bin/env python3
"""Tests that a failure affects nothing else: `waybill run` on Apache Kafka, with registries
that hang, refuse, limit and recover.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import collections
import json
import pathlib
import random
import signal
import subprocess

from common import EXIT_FAILED, EXIT_OK, artifact_of, envelope, main

# This skips the whole file if confluent_kafka is missing.
from test_kafka import QUICK, KafkaCase, held, message_of

from support.kafka import Kafka
from support.minted import mint
from support.parts import Registry
from support.scripted_registry import ScriptedRegistry
from support.token_server import TokenServer

# The group removes a killed member sooner than by default.
SESSION = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}
# One event goes to both registrations.
BOTH = [
    {"registration": "local", "workflow": {"project": "shop"}, "name": "one"},
    {"registration": "other", "workflow": {"project": "shop"}, "name": "two"},
]
# Project shop is delivered to the first registration, payments to the other one.
EACH = [
    {"registration": "local", "workflow": {"project": "shop"}, "name": "one"},
    {"registration": "other", "workflow": {"project": "payments"}, "name": "two"},
]
NEVER = "503*0"
PASSWORD = mint()


class DeliveryCase(KafkaCase):
    def configure_two(self, local, other, attachments=EACH, name="config.yaml", **sections):
        """A configuration in which registration `local` is one registry and `other` another one"""
        credentials = sections.pop("credentials", {})
        kafka = {"properties": SESSION, **sections.pop("kafka", {})}
        path = self.configure(
            address=local.address, attachments=attachments, name=name, kafka=kafka, **sections
        )
        written = json.loads(pathlib.Path(path).read_bytes())
        repository = f"{other.address}/{self.repository}"
        written["registrations"].append({"name": "other", "repository": repository, **credentials})
        return self.config(written, name)

    def produce(self, *names, project="shop", partition=0):
        messages = [message_of(name, project=project) for name in names]
        self.kafka.produce(self.source, messages, partition=partition)

    def outcomes(self, expected, timeout=60):
        """Returns the data of the outcomes, in the order in which they were written."""
        found = [self.parse(message) for message in self.read("outcomes", expected, timeout)]
        self.assertEqual(len({attributes["id"] for attributes, _ in found}), len(found))
        self.assertEqual(len(found), expected)
        return [data for _, data in found]

    def committed(self, partition=0):
        return self.kafka.committed(self.group, self.source).get(partition)

    def await_log(self, service, text, seconds=30):
        self.until(lambda: service.says(text), seconds, f"'{text}'", service)

    def finish(self, service):
        """Asserts that all records have an outcome, and that the service stops in order."""
        self.until_done(service)
        self.stop(service)

    def ended(self, service, seconds=30):
        """Waits until the service ends by itself; returns its exit status."""
        try:
            return service.ended(seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"it goes on after {seconds} s:\n{service.tail()}")

    def logged(self, service, message):
        return [entry for entry in service.entries() if entry.get("msg") == message]

    def assert_holds(self, registry, name):
        """Asserts that a scripted registry has the artifact of the event of that name."""
        wanted = artifact_of(envelope(name))
        repository = f"{self.repository}/chainloop-{wanted.layer_digest.partition(':')[2]}"
        stored = registry.get_manifest(repository, "latest")
        self.assertIsNotNone(stored, f"{name} is not there")
        self.assertEqual(stored[0], wanted.manifest)

    def assert_each_delivered(self, found, names):
        """Asserts one success for each event, and its artifact."""
        self.assertEqual({data["status"] for data in found}, {"succeeded"})
        delivered = collections.Counter(data["run"]["id"] for data in found)
        self.assertEqual(delivered, {f"run-{name}": 1 for name in names})
        for data in found:
            wanted = artifact_of(envelope(data["run"]["id"].removeprefix("run-")))
            self.assertEqual(data["artifact"]["digest"], wanted.digest)
        self.assertEqual(self.read("dead_letters"), [])


class Neighbours(DeliveryCase):
    """A failure delays only the deliveries that it concerns."""

    def test_a_hanging_registry_holds_up_no_other_attachment_of_its_event(self):
        with ScriptedRegistry() as local, ScriptedRegistry("hang") as other:
            self.create(1)
            self.produce("a")
            path = self.configure_two(local, other, BOTH)
            service = self.serve(path)
            (data,) = self.outcomes(1)
            self.assertEqual((data["attachment"], data["status"]), ("one", "succeeded"))
            self.until(other.log, 30, "request to the one that hangs", service)
            self.assertEqual(self.committed().offset, 0)
            self.assertNotEqual(self.committed().metadata, "")
            service.kill()

            local.reset()
            other.play()
            service = self.serve(path)
            found = self.outcomes(2)
            self.finish(service)
            self.assertEqual([data["attachment"] for data in found], ["one", "two"])
            self.assertEqual(local.log(), [], "the first was repeated")
            for registry in (local, other):
                self.assert_holds(registry, "a")
        self.assertEqual(len(self.outcomes(2)), 2)
        self.assertEqual(self.committed(), (1, ""))

    def test_a_registry_that_is_down_holds_up_no_other_far_beyond_max_records(self):
        count = 400
        names = [f"event-{number}" for number in range(count)]
        with Registry() as other:
            other.stop()
            self.create(2)
            messages = [
                message_of(name, project=("shop", "payments")[number % 2])
                for number, name in enumerate(names)
            ]
            self.kafka.produce(self.source, messages)
            reader = self.reader()
            delivery = {**QUICK, "max_records": 50}
            service = self.serve(self.configure_two(self.registry, other, delivery=delivery))
            self.until(lambda: reader.look() >= count // 2, 60, "those that can", service)
            self.assert_each_delivered(self.outcomes(count // 2), names[::2])
            for partition in range(2):
                self.assertNotEqual(self.committed(partition).metadata, "")
            other.start()
            self.until(lambda: reader.look() >= count, 60, "the others", service)
            self.finish(service)
            found = self.outcomes(count)
            self.assert_each_delivered(found, names)
            self.assertEqual(len(other.catalog()), count // 2)
            for data in found[:: count // 10]:
                registry = {"local": self.registry, "other": other}[data["registration"]]
                self.assert_delivered(data, data["run"]["id"].removeprefix("run-"), registry)
        self.assertEqual(self.kafka.lag(self.group), 0)
        for partition in range(2):
            self.assertLess(len(self.committed(partition).metadata), 40)

    def test_tokens_that_live_for_five_seconds(self):
        self.create(4)
        with TokenServer(users={"pusher": PASSWORD}, lifetime=5) as server:
            with Registry(token=server, storage="inmemory") as registry:
                credentials = {"username": "pusher", "password": PASSWORD}
                path = self.configure(credentials, registry.address, log={"level": "debug"})
                self.produce_events(500)
                service = self.serve(path)
                self.until_done(service, 120)
                self.stop(service)
                self.assert_each_once(500, registry)
        self.assertEqual(server.counts["denied"], 0)

    def test_refused_credentials_hold_one_registration_with_few_requests(self):
        waiting = [f"waiting-{number}" for number in range(60)]
        others = [f"event-{number}" for number in range(20)]
        users = {"pusher": "not-yet-known"}
        with ScriptedRegistry("auth-basic", users=users) as guarded:
            self.create(1)
            self.produce(*waiting, project="payments")
            credentials = {"username": "pusher", "password": PASSWORD}
            path = self.configure_two(self.registry, guarded, credentials=credentials)
            service = self.serve(path)
            self.await_log(service, "holding registration")
            self.produce(*others)
            self.assert_each_delivered(self.outcomes(20), others)
            # Some of these were scheduled for a retry meanwhile.
            asked = len(guarded.log())
            self.until(lambda: len(guarded.log()) > asked, 30, "another try", service)
            self.assertLess(len(guarded.log()), len(waiting))
            guarded.users = {"pusher": PASSWORD}
            found = self.outcomes(80)
            self.finish(service)
            self.assert_each_delivered(found, waiting + others)
            for name in waiting:
                self.assert_holds(guarded, name)
        self.assertEqual(len(self.logged(service, "credentials refused, holding registration")), 1)
        self.await_log(service, "credentials accepted, registration continues")
        self.assertFalse(service.says(PASSWORD))

    def test_retry_after_is_heeded_by_all_that_go_to_that_registry_only(self):
        with ScriptedRegistry("429-seconds=3*1@post") as limited, ScriptedRegistry() as free:
            self.create(1)
            attachments = [
                {"registration": "local", "workflow": {"name": "a-*"}},
                {"registration": "twin", "workflow": {"name": "b-*"}},
                {"registration": "other", "workflow": {"name": "c-*"}},
            ]
            path = self.configure_two(limited, free, attachments)
            written = json.loads(pathlib.Path(path).read_bytes())
            twin = f"{limited.address}/{self.repository}"
            written["registrations"].append({"name": "twin", "repository": twin})
            service = self.serve(self.config(written))
            self.kafka.produce(self.source, [message_of("a", flow="a-1")])
            self.await_log(service, "trying again")
            before = len(limited.log())
            (refused,) = [one for one in limited.log() if one["status"] == 429]
            flows = [(f"{flow}{number}", f"{flow}-{number}") for flow in "abc" for number in (2, 3)]
            self.kafka.produce(self.source, [message_of(name, flow=flow) for name, flow in flows])
            found = self.outcomes(7)
            self.finish(service)
            self.assert_each_delivered(found, ["a", *(name for name, _ in flows)])
            after = limited.log()[before:]
            self.assertGreaterEqual(min(one["time"] for one in after), refused["time"] + 3)
            self.assertLess(free.log()[0]["time"], after[0]["time"])
        self.assertEqual({data["registration"] for data in found[:2]}, {"other"})


class Restarts(DeliveryCase):
    """State that an instance passes on to its successor"""

    def test_attempts_and_the_first_failure_survive_a_kill(self):
        with ScriptedRegistry(NEVER) as other:
            self.create(1)
            self.produce("stuck", project="payments")
            delivery = {**QUICK, "max_attempts": 1000}
            service = self.serve(self.configure_two(self.registry, other, delivery=delivery))
            failed = lambda one: self.logged(one, "delivery failed, trying again")  # noqa: E731
            self.until(lambda: len(failed(service)) >= 3, 30, "third attempt", service)
            first = failed(service)[0]["ts"]
            # Attempts are committed together with finished deliveries.
            self.produce("event-0")
            self.outcomes(1)
            service.kill()

            delivery = {**QUICK, "max_attempts": 5, "max_age": "1s"}
            path = self.configure_two(self.registry, other, delivery=delivery)
            service = self.serve(path)
            data = self.outcomes(2)[1]
            self.finish(service)
        again = failed(service)
        self.assertTrue(all(entry["attempt"] > 3 for entry in again), again)
        self.assertEqual(data["error"]["class"], "attempts_exhausted")
        self.assertGreaterEqual(data["attempts"], 5)
        # In whole seconds
        self.assertLessEqual(data["started_at"], first)
        self.assertGreaterEqual(data["duration_ms"], 1000)
        (letter,) = self.read("dead_letters", 1)
        headers = dict(letter.headers)
        self.assertEqual(headers["waybill-attempts"], str(data["attempts"]).encode())
        self.assertLessEqual(headers["waybill-first-failure"].decode(), first)
        self.assertGreater(headers["waybill-last-failure"], headers["waybill-first-failure"])

    def test_a_redelivered_record_first_asks_for_its_manifest(self):
        # The registry stores the manifest, but its response never arrives.
        with ScriptedRegistry("slow=3600*1@manifest") as registry:
            self.create(1)
            self.produce("a")
            path = self.configure_two(registry, registry)
            service = self.serve(path)
            self.until(registry.repositories, 30, "push", service)
            self.until(lambda: registry.count()["stages"]["manifest"], 30, "manifest", service)
            # A delivery that has begun is committed together with finished ones.
            self.produce("b")
            self.outcomes(1)
            service.kill()

            registry.reset()
            registry.play()
            service = self.serve(path)
            found = self.outcomes(2)
            self.finish(service)
            self.assertEqual([data["artifact"]["already_present"] for data in found], [False, True])
            self.assertEqual(found[1]["run"]["id"], "run-a")
            asked = registry.log()[-1]
            self.assertEqual({one["method"] for one in registry.log()} - {"GET"}, {"HEAD"})
            self.assertEqual((asked["method"], asked["status"]), ("HEAD", 200))
            self.assertIn("/manifests/", asked["path"])
            self.assert_holds(registry, "a")
        self.assert_each_delivered(found, ["a", "b"])

    def test_sigterm_ends_what_hangs_within_its_drain(self):
        names = [f"event-{number}" for number in range(5)]
        with ScriptedRegistry("hang") as registry:
            self.create(1)
            self.produce(*names)
            path = self.configure_two(registry, registry, delivery={**QUICK, "drain": "1s"})
            service = self.serve(path)
            self.until(registry.log, 30, "request", service)
            self.stop(service, 15)
            self.assertEqual(self.outcomes(0), [])
            registry.play()
            service = self.serve(path)
            found = self.outcomes(5)
            self.finish(service)
        self.assert_each_delivered(found, names)

    def test_a_second_sigterm_ends_it_at_once(self):
        with ScriptedRegistry("hang") as registry:
            self.create(1)
            self.produce("a")
            path = self.configure_two(registry, registry, delivery={**QUICK, "drain": "10m"})
            service = self.serve(path)
            self.until(registry.log, 30, "request", service)
            service.signal(signal.SIGTERM)
            self.await_log(service, "stopping")
            self.assertEqual(service.terminate(15), EXIT_FAILED)
            self.assertTrue(service.says("second signal"))
        # The next instance does it.
        self.assertIsNone(self.committed())
        self.assertEqual(self.outcomes(0), [])


class Positions(DeliveryCase):
    """The start position, and reasons not to start"""

    def refuse(self, path, *said):
        """Asserts that the service does not start, states the reason, and delivers nothing."""
        service = self.serve(path)
        self.assertEqual(self.ended(service), EXIT_FAILED, service.tail())
        why = [entry["err"] for entry in self.logged(service, "cannot go on")]
        self.assertEqual(len(why), 1, service.tail())
        for text in (*said, f"topic '{self.source}'", f"group '{self.group}'", "--reset-offsets"):
            self.assertIn(text, why[0])
        self.assertEqual(self.read("outcomes"), [])

    def test_metadata_that_is_not_understood_stops_it(self):
        self.create(2)
        self.produce("event-0", "event-1", partition=1)
        foreign = "NEhHSm9yZHk="
        self.kafka.commit(self.group, self.source, 1, 1, foreign)
        path = self.configure()
        self.refuse(path, "partition 1", "offset 1")
        self.assertEqual(self.committed(1), (1, foreign))
        # As kafka-consumer-groups --reset-offsets --to-current does
        self.kafka.commit(self.group, self.source, 1, 1)
        service = self.serve(path)
        found = self.outcomes(1)
        self.finish(service)
        self.assert_each_delivered(found, ["event-1"])

    def test_an_offset_that_is_out_of_range_stops_it(self):
        self.create(1)
        self.produce("event-0", "event-1")
        self.kafka.commit(self.group, self.source, 0, 1000)
        path = self.configure()
        self.refuse(path, "partition 0", "offset 1000")
        self.assertEqual(self.committed(), (1000, ""))
        self.kafka.commit(self.group, self.source, 0, 0)
        service = self.serve(path)
        found = self.outcomes(2)
        self.finish(service)
        self.assert_each_delivered(found, ["event-0", "event-1"])

    def test_an_offset_of_a_topic_that_was_made_anew_stops_it(self):
        self.create(1)
        self.produce(*(f"event-{number}" for number in range(5)))
        path = self.configure()
        self.kafka.commit(self.group, self.source, 0, 5)
        self.kafka.delete_topic(self.source)
        self.kafka.create_topic(self.source)
        self.produce("event-0", "event-1")
        # Kafka deletes the offsets together with the topic; a tool or a mirror may have
        # restored them.
        self.assertIsNone(self.committed())
        self.kafka.commit(self.group, self.source, 0, 5)
        self.refuse(path, "partition 0", "offset 5", "created again")

    def test_a_topic_that_is_made_anew_under_it_is_read_from_its_start(self):
        self.create(1)
        self.produce("event-0", "event-1")
        properties = {**SESSION, "topic.metadata.refresh.interval.ms": "500"}
        path = self.configure(kafka={"properties": properties})
        service = self.serve(path)
        self.outcomes(2)
        self.until_done(service)
        self.kafka.delete_topic(self.source)
        self.await_log(service, "partition lost")
        self.kafka.create_topic(self.source)
        self.produce("event-2")
        self.until(lambda: len(self.read("outcomes")) > 2, 30, "outcome", service)
        data = [self.parse(message)[1] for message in self.read("outcomes")]
        self.assertEqual(data[2]["run"]["id"], "run-event-2")
        self.assertEqual(data[2]["input"]["offset"], 0)
        self.finish(service)

    def test_new_partitions_are_read_from_their_start(self):
        names = [f"event-{number}" for number in range(9)]
        self.create(1)
        self.produce(*names[:3])
        properties = {**SESSION, "topic.metadata.refresh.interval.ms": "500"}
        service = self.serve(self.configure(kafka={"properties": properties}))
        self.outcomes(3)
        self.kafka.add_partitions(self.source, 3)
        self.produce(*names[3:6], partition=1)
        self.produce(*names[6:], partition=2)
        found = self.outcomes(9)
        self.finish(service)
        self.assert_each_delivered(found, names)
        where = collections.Counter(data["input"]["partition"] for data in found)
        self.assertEqual(where, {0: 3, 1: 3, 2: 3})


class Limits(DeliveryCase):
    """Messages that Kafka rejects"""

    def test_a_dead_letter_larger_than_its_topic_takes_waits_for_room(self):
        names = [f"event-{number}" for number in range(6)]
        dead = self.topics["dead_letters"]
        for which in ("attestations", "outcomes"):
            self.kafka.create_topic(self.topics[which])
        self.kafka.create_topic(dead, 1, {"max.message.bytes": "20000"})
        # Neither JSON nor compressible
        noise = random.Random(1).randbytes(60_000)
        self.produce(*names[:3])
        self.kafka.produce(self.source, [(b"large", noise, [("own", b"1")])])
        self.produce(*names[3:])
        service = self.serve(self.configure())
        found = self.outcomes(6)
        self.assert_each_delivered(found, names)
        begin = "message rejected by its topic"
        self.await_log(service, begin)
        said, *_ = [entry for entry in service.entries() if entry["msg"].startswith(begin)]
        self.assertEqual((said["level"], said["to"], said["offset"]), ("error", dead, 3))
        self.assertEqual(said["code"], "MSG_SIZE_TOO_LARGE")
        self.assertEqual(self.committed().offset, 3)
        self.kafka.configure_topic(dead, {"max.message.bytes": "200000"})
        (letter,) = self.read("dead_letters", 1)
        self.finish(service)
        data = self.outcomes(7)[6]
        original = self.kafka.read_committed(self.source, 7)[3]
        self.assertEqual(original.value, noise)
        self.assert_dead_letter(letter, original, data)
        self.assertEqual(len(self.read("dead_letters", 1)), 1)
        self.assertEqual(self.committed(), (7, ""))


class ShortMetadata(DeliveryCase):
    """A broker that accepts little metadata with an offset"""

    @classmethod
    def setUpClass(cls):
        cls.kafka = Kafka({"offset.metadata.max.bytes": 100})
        cls.addClassCleanup(cls.kafka.close)
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)

    def test_all_is_delivered_once_when_metadata_has_no_room(self):
        count = 600
        names = [f"event-{number}" for number in range(count)]
        stuck = {number for number in range(count) if number % 7 % 3 == 1}
        with ScriptedRegistry(NEVER) as other:
            self.create(1)
            messages = [
                message_of(name, project="payments" if number in stuck else "shop")
                for number, name in enumerate(names)
            ]
            self.kafka.produce(self.source, messages)
            path = self.configure_two(self.registry, other, log={"level": "debug"})
            service = self.serve(path)
            # Not all finished records fit into the metadata; nothing is recorded that is
            # not finished.
            self.await_log(service, "transaction aborted, trying again")
            done = lambda entry: entry.get("state") == "done"  # noqa: E731
            pushed = lambda: sum(map(done, self.logged(service, "delivery state")))  # noqa: E731
            self.until(lambda: pushed() >= 200, 60, "pushes", service)
            other.play()
            reader = self.reader()
            self.until(lambda: reader.look() >= count, 60, "outcomes", service)
            self.finish(service)
            self.assert_each_delivered(self.outcomes(count), names)
        self.assertEqual(self.kafka.lag(self.group), 0)


class Instances(DeliveryCase):
    """kafka.instance_id"""

    def static(self, name, **properties):
        kafka = {"instance_id": name, "properties": {**SESSION, **properties}}
        return self.configure(kafka=kafka, name=f"{name}.yaml")

    def test_the_second_with_one_id_ends_the_first(self):
        self.create(1)
        path = self.static("only")
        first = self.serve(path)
        self.await_log(first, "partition assigned")
        second = self.serve(path)
        self.assertEqual(self.ended(first), EXIT_FAILED, first.tail())
        self.assertEqual(len(self.logged(first, "cannot go on")), 1, first.tail())
        self.assertIn("fenced", self.logged(first, "cannot go on")[0]["err"].lower())
        self.produce("event-0")
        found = self.outcomes(1)
        self.finish(second)
        self.assert_each_delivered(found, ["event-0"])

    def test_a_restart_within_the_session_moves_no_partition_of_another(self):
        self.create(4)
        paths = [self.static(name, **{"session.timeout.ms": "30000"}) for name in ("a", "b")]
        first, second = [self.serve(path) for path in paths]
        self.until(lambda: [held(first), held(second)] == [2, 2], 60, "sharing", first)
        before = first.log.read_text().count('"msg":"partition ')
        for end in (second.kill, lambda: self.stop(second)):
            end()
            second = self.serve(paths[1])
            self.until(lambda: held(second) == 2, 60, "its partitions", second)
        names = [f"event-{number}" for number in range(8)]
        for number, name in enumerate(names):
            self.produce(name, partition=number % 4)
        found = self.outcomes(8)
        self.assert_each_delivered(found, names)
        self.assertEqual(first.log.read_text().count('"msg":"partition '), before, first.tail())
        self.assertEqual((held(first), held(second)), (2, 2))
        self.stop(first)
        self.stop(second)


class Replays(DeliveryCase):
    """A dead letter that is written again"""

    def bury(self, other):
        """An event without an id of its own, with two attachments, one of which fails"""
        self.create(1, replays=True)
        other.play("400-manifest-invalid")
        self.produce("before", "a")
        path = self.configure_two(self.registry, other, BOTH)
        service = self.serve(path)
        found = self.outcomes(4)
        self.assertEqual(len(self.read("dead_letters", 2)), 2)
        return path, service, found

    def replay(self, path):
        done = self.waybill("--config", path, "replay", "run", "--offset", "1", "--yes", timeout=90)
        self.assert_status(done, EXIT_OK)

    def test_only_what_failed_is_delivered_again_under_the_same_id(self):
        with ScriptedRegistry() as other:
            path, service, _ = self.bury(other)
            other.play()
            self.replay(path)
            data = self.outcomes(5)[4]
            self.finish(service)
            self.assert_holds(other, "a")
        self.assertEqual((data["status"], data["attachment"]), ("succeeded", "two"))
        self.assertEqual(data["input"]["id"], f"{self.source}/0/1")
        self.assertEqual(data["input"]["topic"], self.topics["replays"])
        origin = {"topic": self.source, "partition": 0, "offset": 1}
        self.assertEqual(data["input"]["origin"], origin)
        self.assertEqual(len(self.outcomes(5)), 5)
        self.assertEqual(len(self.read("dead_letters", 2)), 2)

    def test_what_fails_again_is_still_of_the_first_record(self):
        with ScriptedRegistry() as other:
            path, service, _ = self.bury(other)
            self.replay(path)
            data = self.outcomes(5)[4]
            self.finish(service)
        self.assertEqual((data["status"], data["error"]["class"]), ("failed", "rejected"))
        letters = self.read("dead_letters", 3)
        of_first = [one for one in letters if one.value == letters[2].value]
        self.assertEqual(len(of_first), 2)
        first, second = of_first
        self.assertEqual(first.key, second.key)
        self.assertLess(first.timestamp, second.timestamp)
        headers = dict(second.headers)
        self.assertEqual(len(headers), len(second.headers), "a header is there twice")
        changed = {"waybill-replays", "waybill-first-failure", "waybill-last-failure"}
        self.assertEqual(
            {name: text for name, text in headers.items() if name not in changed},
            {name: text for name, text in first.headers if name not in changed},
        )
        self.assertEqual(headers["waybill-replays"], b"1")
        self.assertEqual(headers["waybill-offset"], b"1")
        self.assertEqual(headers["waybill-event-id"].decode(), f"{self.source}/0/1")
        last = dict(first.headers)["waybill-last-failure"]
        self.assertGreater(headers["waybill-first-failure"], last)

    def test_an_attachment_that_is_gone_and_back_is_the_only_one_to_have_it_again(self):
        with ScriptedRegistry() as other:
            path, service, _ = self.bury(other)
            self.stop(service)
            self.replay(path)
            service = self.serve(self.configure_two(self.registry, other, BOTH[:1]))
            data = self.outcomes(5)[4]
            self.finish(service)
            self.assertEqual((data["status"], data["error"]["class"]), ("failed", "config"))
            self.assertIn("'two'", data["error"]["message"])
            self.assertEqual(data["input"]["id"], f"{self.source}/0/1")
            headers = dict(self.read("dead_letters", 3)[2].headers)
            self.assertEqual(headers["waybill-error-class"], b"config")
            self.assertEqual(headers["waybill-replays"], b"1")
            self.assertEqual(headers["waybill-attachment"], b"two")

            other.play()
            path = self.configure_two(self.registry, other, BOTH)
            self.replay(path)
            service = self.serve(path)
            data = self.outcomes(6)[5]
            self.finish(service)
            self.assert_holds(other, "a")
        self.assertEqual((data["status"], data["attachment"]), ("succeeded", "two"))
        self.assertEqual(len(self.outcomes(6)), 6)


if __name__ == "__main__":
    main()

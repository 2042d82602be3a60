#!/usr/bin/env python3
"""`waybill run` and `waybill publish` on Apache Kafka, with real registries.

WAYBILL_TEST_KAFKA=host:port names a broker to share; each test has topics and a
group of its own. Else one is started.
"""

import collections
import itertools
import json
import os
import pathlib
import re
import socket
import time
import unittest

from admin import listening, sample, scrape
from common import EVENT_TYPE, EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY, EXIT_USAGE, FIXTURES
from common import OUTCOME_TYPES, Case, artifact_of, envelope, event, line, main, settings, skip_all
from support import minted
from support.parts import Registry
from support.scripted_registry import ScriptedRegistry

try:
    import confluent_kafka
    import confluent_kafka.admin

    from support.kafka import Kafka
except ImportError as problem:
    skip_all(f"{problem} (Debian's python3-confluent-kafka)")

BAD = FIXTURES / "bad-events"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STRUCTURED = b"application/cloudevents+json; charset=UTF-8"
QUICK = {"backoff_initial": "50ms", "backoff_max": "500ms", "hold_retry": "1s"}

_numbers = itertools.count()


def message_of(name, key=True, headers=None, **more):
    """Returns (key, value, headers) of an event."""
    given = name.encode() if key is True else key
    return given, json.dumps(event(name, **more)).encode(), headers


def held(service):
    """Returns how many partitions the instance has, according to its log."""
    messages = collections.Counter(entry.get("msg") for entry in service.entries())
    lost = messages["partition revoked"] + messages["partition lost"]
    return messages["partition assigned"] - lost


def counted(service, name):
    """Returns a counter of an instance that has an admin port."""
    return sample(scrape(listening(service)), name)


def coordinates(data):
    return data["input"]["partition"], data["input"]["offset"]


class Reader:
    """Continues to read where it stopped, so that frequent calls cost little."""

    def __init__(self, kafka, topic):
        self._consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": kafka.address,
                "group.id": "waybill-test",  # Required by the library, but not used
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        known = self._consumer.list_topics(topic, timeout=10).topics[topic]
        self._consumer.assign(
            [confluent_kafka.TopicPartition(topic, one, 0) for one in known.partitions]
        )
        self.count = 0

    def look(self, seconds=0.05):
        """Returns the number of messages so far."""
        for message in self._consumer.consume(1000, seconds):
            self.count += not message.error()
        return self.count

    def close(self):
        self._consumer.close()


class KafkaCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.kafka = shared()
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)

    def setUp(self):
        super().setUp()
        # Used by this test alone.
        self.name = f"{self.id().rpartition('.')[2]}-{os.getpid()}-{next(_numbers)}"
        self.name = self.name.replace("_", "-").removeprefix("test-")
        self.topics = {
            "attestations": f"{self.name}.in",
            "replays": f"{self.name}.again",
            "outcomes": f"{self.name}.out",
            "dead_letters": f"{self.name}.dead",
        }
        self.source = self.topics["attestations"]
        self.group = f"{self.name}.group"
        self.repository = self.name

    def create(self, partitions=1, config=None, kafka=None, replays=False):
        """Creates all topics except the replays topic, as before the first replay."""
        # As the guide advises: otherwise each run warns that it is too small.
        larger = {"max.message.bytes": "1179648", **(config or {})}
        for which, topic in self.topics.items():
            if replays or which != "replays":
                (kafka or self.kafka).create_topic(
                    topic, partitions, larger if which == "dead_letters" else config
                )

    def configure(self, registration=None, address=None, name="config.yaml", **sections):
        kafka = {
            "brokers": self.kafka.address,
            "group": self.group,
            "topics": self.topics,
            **sections.pop("kafka", {}),
        }
        repository = f"{address or self.registry.address}/{self.repository}"
        sections.setdefault("delivery", QUICK)
        sections.setdefault("admin", {"listen": "off"})
        return self.config(settings(repository, registration, kafka=kafka, **sections), name)

    def read(self, which, expected=0, timeout=60):
        found = self.kafka.read_committed(self.topics[which], expected, timeout)
        if which not in ("attestations", "replays"):
            for one in found:
                headers = (value or b"" for _, value in one.headers)
                minted.look(f"a message in {which}", one.value or b"", *headers)
        return found

    def until(self, ready, seconds, what, service=None):
        """Returns the first true thing ready() returns."""
        deadline = time.monotonic() + seconds
        while True:
            found = ready()
            if found:
                return found
            if service is not None and not service.running():
                self.fail(f"it ended while waiting for {what}:\n{service.tail()}")
            if time.monotonic() > deadline:
                tail = service.tail() if service is not None else ""
                self.fail(f"no {what} within {seconds} s\n{tail}")
            time.sleep(0.05)

    def until_done(self, service=None, seconds=30):
        """Asserts that everything that was written is committed."""
        self.until(
            lambda: self.kafka.lag(self.group, self.source) == 0, seconds, "end of lag", service
        )

    def reader(self, which="outcomes"):
        reader = Reader(self.kafka, self.topics[which])
        self.addCleanup(reader.close)
        return reader

    # The expected result of it

    def parse(self, message):
        """Returns (attributes, data) of an outcome in binary mode."""
        headers = dict(message.headers)
        self.assertEqual(len(headers), len(message.headers))
        self.assertEqual(headers.pop("content-type"), b"application/json")
        for name in ("traceparent", "tracestate"):
            self.assertEqual(headers.pop(name, None), headers.get(f"ce_{name}"))
        attributes = {name: value.decode() for name, value in headers.items()}
        self.assertTrue(all(name.startswith("ce_") for name in attributes))
        attributes = {name[3:]: value for name, value in attributes.items()}
        data = json.loads(message.value)
        self.assert_data(data)
        always = {"specversion", "id", "source", "type", "time", "causationid"}
        self.assertLessEqual(always, set(attributes))
        self.assertLessEqual(set(attributes), always | {"subject", "traceparent", "tracestate"})
        self.assertEqual(attributes["specversion"], "1.0")
        self.assertEqual(attributes["source"], f"waybill/{self.group}")
        self.assertEqual(attributes["type"], OUTCOME_TYPES[data["status"]])
        self.assertEqual(attributes["causationid"], data["input"]["id"])
        self.assert_time(attributes["time"])
        where = (data["input"][name] for name in ("topic", "partition", "offset"))
        wanted = re.escape("/".join(map(str, where))) + "@[0-9]{13}"
        if "attachment" in data:
            wanted += re.escape(f"/{data['attachment']}")
        self.assertRegex(attributes["id"], f"^{wanted}$")
        if data["status"] == "succeeded":
            self.assertEqual(attributes["subject"], data["artifact"]["reference"])
        return attributes, data

    def assert_delivered(self, data, name, registry=None):
        """Asserts that the outcome is a success, and that the registry has the artifact."""
        self.assertEqual(data["status"], "succeeded")
        wanted = artifact_of(envelope(name))
        artifact = data["artifact"]
        self.assertEqual(artifact["layer_digest"], wanted.layer_digest)
        self.assertEqual(artifact["digest"], wanted.digest)
        self.assertEqual(artifact["size"], len(wanted.manifest))
        self.assert_stored(registry or self.registry, self.repository, wanted)

    def assert_each_once(self, count, registry=None, messages=None):
        """Asserts one successful outcome for each of the records named event-NUMBER, and its
        artifact."""
        messages = self.read("outcomes", count) if messages is None else messages
        self.assertEqual(len(messages), count)
        parsed = [self.parse(message) for message in messages]
        self.assertEqual(len({attributes["id"] for attributes, _ in parsed}), count)
        self.assertEqual(len({coordinates(data) for _, data in parsed}), count)
        names = collections.Counter(data["run"]["id"] for _, data in parsed)
        self.assertEqual(names, {f"run-event-{number}": 1 for number in range(count)})
        for _, data in parsed:
            self.assert_delivered(data, data["run"]["id"].removeprefix("run-"), registry)
        self.assertEqual(self.read("dead_letters"), [])
        return parsed

    def produce_events(self, count, first=0, **where):
        numbers = range(first, first + count)
        self.kafka.produce(
            self.source, [message_of(f"event-{number}") for number in numbers], **where
        )

    def assert_dead_letter(self, letter, original, data):
        """Checks a dead letter: the original record, and the reason of its failure (wire format,
        section 3)."""
        self.assertEqual((letter.key, letter.value), (original.key, original.value))
        # Retention counts from the failure.
        self.assertGreaterEqual(letter.timestamp, original.timestamp)
        own = len(original.headers)
        self.assertEqual(letter.headers[:own], original.headers)
        added = [(name, value.decode()) for name, value in letter.headers[own:]]
        self.assertEqual(len(dict(added)), len(added))
        added = dict(added)
        error = data["error"]
        where = {name: str(data["input"][name]) for name in ("topic", "partition", "offset")}
        self.assertEqual(
            (where["partition"], where["offset"]), (str(original.partition), str(original.offset))
        )
        version = added.pop("waybill-version")
        self.assertRegex(version, r"^\d+\.\d+\.\d+")
        self.assertEqual(added.pop("waybill-last-failure"), data["finished_at"])
        if data["attempts"]:
            self.assert_time(added.pop("waybill-first-failure"))
            self.assertEqual(added.pop("waybill-attempts"), str(data["attempts"]))
            for name in ("integration", "registration", "attachment"):
                self.assertEqual(added.pop(f"waybill-{name}"), data[name])
        if "code" in error:
            self.assertEqual(added.pop("waybill-error-code"), error["code"])
        if "http_status" in error:
            self.assertEqual(added.pop("waybill-http-status"), str(error["http_status"]))
        self.assertEqual(
            added,
            {
                "waybill-error-class": error["class"],
                "waybill-error-message": error["message"],
                **{f"waybill-{name}": value for name, value in where.items()},
                "waybill-timestamp": str(original.timestamp),
                "waybill-group": self.group,
                "waybill-event-id": data["input"]["id"],
                **{f"__connect.errors.{name}": value for name, value in where.items()},
                "__connect.errors.exception.message": error["message"],
            },
        )
        self.assertEqual(data["dead_letter"], {"topic": self.topics["dead_letters"]})


class Thousand(KafkaCase):
    def test_thousand_events(self):
        self.create(4)
        good = [message_of(f"event-{number}") for number in range(930)]
        skipped = [message_of(f"skipped-{number}", project="lab") for number in range(50)]
        bad = []
        rows = [row.split("\t") for row in (BAD / "INDEX").read_text().splitlines()]
        for number, (name, *_) in enumerate(rows[:: len(rows) // 20][:20]):
            headers = [("a", b"1"), ("b", b"\xff\0"), ("a", b"2"), ("empty", b"")]
            value = (BAD / name).read_bytes()
            bad.append((f"bad-{number}".encode(), value, headers[: number % 5]))
        self.assertEqual(len(bad), 20)
        # The invalid records are distributed over the topic.
        mixed = list(good)
        for number, one in enumerate(bad + skipped):
            mixed.insert(number * 13, one)
        self.kafka.produce(self.source, mixed)
        originals = {
            (one.partition, one.offset): one
            for one in self.kafka.read_committed(self.source, len(mixed))
        }

        path = self.configure()
        service = self.serve(path)
        messages = self.read("outcomes", 1000, 120)
        self.until_done(service)
        self.assertEqual(self.kafka.lag(self.group), 0)
        self.stop(service)
        messages = self.read("outcomes", 1000)
        self.check(messages, originals)
        self.assertGreaterEqual(sum(self.kafka.end_offsets(self.topics["outcomes"]).values()), 1000)

        # A restart delivers nothing again.
        before = self.kafka.end_offsets(self.topics["outcomes"])
        again = self.serve(path)
        self.until(lambda: again.says("partition assigned"), 30, "assignment", again)
        self.kafka.produce(self.source, [message_of("one-more")])
        self.assertEqual(len(self.read("outcomes", 1001)), 1001)
        self.until_done(again)
        self.stop(again)
        after = self.kafka.end_offsets(self.topics["outcomes"])
        # One outcome, and the marker of its transaction
        self.assertLessEqual(sum(after.values()) - sum(before.values()), 4)
        self.assertEqual(len(self.read("dead_letters", 20)), 20)

    def check(self, messages, originals):
        self.assertEqual(len(messages), 1000)
        parsed = [self.parse(message) for message in messages]
        self.assertEqual(len({attributes["id"] for attributes, _ in parsed}), 1000)
        statuses = collections.Counter(data["status"] for _, data in parsed)
        self.assertEqual(statuses, {"succeeded": 930, "failed": 20, "skipped": 50})
        self.assertEqual({coordinates(data) for _, data in parsed}, set(originals))
        letters = collections.defaultdict(list)
        for letter in self.read("dead_letters", 20):
            headers = dict(letter.headers)
            where = (int(headers["waybill-partition"]), int(headers["waybill-offset"]))
            letters[where].append(letter)
        self.assertEqual({len(some) for some in letters.values()}, {1})
        self.assertEqual(len(letters), 20)
        for message, (attributes, data) in zip(messages, parsed):
            original = originals[coordinates(data)]
            self.assertEqual(message.key, original.key)
            self.assertEqual(data["input"]["topic"], self.source)
            name = original.key.decode()
            if data["status"] == "succeeded":
                self.assert_delivered(data, name)
                self.assertEqual(data["run"]["id"], f"run-{name}")
            elif data["status"] == "skipped":
                self.assertEqual(data["run"]["id"], f"run-{name}")
                self.assertEqual(attributes["subject"], "lab/build-api")
            else:
                self.assert_dead_letter(letters[coordinates(data)][0], original, data)


class Forms(KafkaCase):
    """Unusual records, and their outcomes"""

    def outcomes_of(self, messages, config=None, expected=None, **sections):
        """Writes the messages to one partition, and returns (message, attributes, data) of their
        outcomes in the same order."""
        self.create(1, config)
        self.kafka.produce(self.source, messages)
        service = self.serve(self.configure(**sections))
        found = self.read("outcomes", len(messages) if expected is None else expected)
        self.until_done(service)
        self.stop(service)
        # They arrive as deliveries finish, so they are looked up by their records.
        return sorted(
            ((message, *self.parse(message)) for message in found),
            key=lambda one: one[2]["input"]["offset"],
        )

    def originals(self, count):
        return self.kafka.read_committed(self.source, count)

    def test_tombstone(self):
        headers = [("ce_id", b"gone"), ("null", None), ("x", b"")]
        found = self.outcomes_of([(b"k", None, headers), message_of("a")])
        message, attributes, data = found[0]
        self.assertEqual(message.key, b"k")
        self.assertEqual((data["status"], data["error"]["class"]), ("failed", "schema"))
        self.assertTrue(data["error"]["message"].startswith("$: "))
        self.assertNotIn("subject", attributes)
        self.assertNotIn("workflow", data)
        (letter,) = self.read("dead_letters", 1)
        self.assertIsNone(letter.value)
        self.assert_dead_letter(letter, self.originals(2)[0], data)
        self.assert_delivered(found[1][2], "a")

    def test_other_types_fail_by_default(self):
        headers = [("ce_type", b"com.example.order"), ("ce_id", b"o1")]
        found = self.outcomes_of([(b"k", b"\0\1binary", headers), message_of("a")])
        self.assertEqual(found[0][2]["error"]["class"], "schema")
        self.assertIn("'com.example.order'", found[0][2]["error"]["message"])
        self.assertEqual(found[0][2]["input"]["id"], "o1")
        self.assertEqual(len(self.read("dead_letters", 1)), 1)
        self.assert_delivered(found[1][2], "a")

    def test_other_types_are_skipped_where_that_is_configured(self):
        self.create(1)
        binary = [("CE-Type", b"com.example.order"), ("ce-id", b"o1")]
        structured = {"specversion": "1.0", "type": "com.example.order", "id": "o2"}
        framed = b"\0\0\0\0\7" + json.dumps(event("a")).encode()
        others = [
            (b"k", b"\0\1binary", binary),
            (b"k", None, binary),
            (b"k", json.dumps(structured).encode(), [("content-type", STRUCTURED)]),
        ]
        self.kafka.produce(self.source, [*others, (b"a", framed, None), *others])
        admin = {"listen": "127.0.0.1:0"}
        path = self.configure(kafka={"other_types": "skip"}, admin=admin, log={"level": "debug"})
        service = self.serve(path)
        (message,) = self.read("outcomes", 1)
        self.assert_delivered(self.parse(message)[1], "a")
        self.until_done(service)
        skipped = [
            entry for entry in service.entries() if entry["msg"] == "event of another type skipped"
        ]
        self.assertEqual([entry["offset"] for entry in skipped], [0, 1, 2, 4, 5, 6])
        self.assertEqual({entry["type"] for entry in skipped}, {"com.example.order"})
        self.assertEqual([entry["event_id"] for entry in skipped[:3]], ["o1", "o1", "o2"])
        self.assertEqual(counted(service, "waybill_records_other_type_total"), 6)
        self.stop(service)
        self.assertEqual(len(self.read("outcomes", 1)), 1)
        self.assertEqual(self.read("dead_letters"), [])
        # The offset was advanced: nothing is read again.
        again = self.serve(path)
        self.until(lambda: held(again) == 1, 30, "assignment", again)
        self.until_done(again)
        self.assertEqual(counted(again, "waybill_records_consumed_total"), 0)
        self.stop(again)

    def test_large_records(self):
        limits = {"max.message.bytes": "2000000"}
        self.create(1, limits)
        good = json.dumps(event("large", padding=1_050_000)).encode()
        wrong = json.dumps(event("wrong", run=[], padding=1_050_000)).encode()
        producer = confluent_kafka.Producer(
            {
                "bootstrap.servers": self.kafka.address,
                "message.max.bytes": 3_000_000,
                "log_level": 0,
            }
        )
        for value in (good, wrong):
            self.assertGreater(len(value), 1_300_000)
            producer.produce(self.source, value, b"k")
        self.assertEqual(producer.flush(30), 0)
        service = self.serve(self.configure())
        found = [self.parse(message)[1] for message in self.read("outcomes", 2)]
        found.sort(key=lambda data: data["input"]["offset"])
        self.until_done(service)
        self.stop(service)
        wanted = artifact_of(envelope("large", 1_050_000))
        self.assertEqual(found[0]["artifact"]["layer_digest"], wanted.layer_digest)
        self.assert_stored(self.registry, self.repository, wanted)
        (letter,) = self.read("dead_letters", 1)
        self.assert_dead_letter(letter, self.originals(2)[1], found[1])

    def test_cloud_event_in_binary_mode(self):
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", "é-1".encode()),
            ("ce_type", EVENT_TYPE.encode()),
            ("ce_source", b"/chainloop"),
            ("ce_time", b"2026-03-06T09:18:47Z"),
            ("ce_traceparent", TRACEPARENT.encode()),
            ("ce_tracestate", b"a=1"),
            ("content-type", b"application/json"),
        ]
        wrong = [(n, b"another.type") if n == "ce_type" else (n, v) for n, v in headers]
        untyped = [row for row in headers if row[0] != "ce_type"]
        found = self.outcomes_of(
            [
                message_of("a", headers=headers),
                message_of("b", headers=wrong),
                message_of("c", headers=untyped),
            ]
        )
        _, attributes, data = found[0]
        self.assert_delivered(data, "a")
        self.assertEqual(data["input"]["id"], "é-1")
        self.assertEqual(data["input"]["time"], "2026-03-06T09:18:47.000Z")
        self.assertEqual(attributes["traceparent"], TRACEPARENT)
        self.assertEqual(attributes["tracestate"], "a=1")
        for _, attributes, data in found[1:]:
            self.assertEqual(data["error"]["class"], "schema")
            self.assertTrue(data["error"]["message"].startswith("$.type: "))
            self.assertEqual(attributes["traceparent"], TRACEPARENT)
        self.assertEqual(len(self.read("dead_letters", 2)), 2)

    def test_cloud_event_in_structured_mode(self):
        wrapped = {
            "specversion": "1.0",
            "id": "s-1",
            "source": "/chainloop",
            "type": EVENT_TYPE,
            "time": "2026-03-06T10:18:47.5+01:00",
            "traceparent": TRACEPARENT,
            "data": event("a"),
        }
        value = json.dumps(wrapped).encode()
        spaced = b"Application/CloudEvents+JSON"
        found = self.outcomes_of(
            [
                (b"k", value, [("content-type", STRUCTURED)]),
                (b"k", value, [("Content-Type", spaced)]),
                (b"k", value, None),
                (b"k", b"{}", [("content-type", STRUCTURED)]),
            ]
        )
        for _, attributes, data in found[:3]:
            self.assert_delivered(data, "a")
            self.assertEqual(data["input"]["id"], "s-1")
            self.assertEqual(data["input"]["time"], "2026-03-06T09:18:47.500Z")
            self.assertEqual(attributes["traceparent"], TRACEPARENT)
            self.assertNotIn("tracestate", attributes)
        self.assertEqual(found[3][2]["error"]["class"], "schema")

    def test_structured_outcomes(self):
        self.create(1)
        trace = [("traceparent", TRACEPARENT.encode()), ("tracestate", b"a=1")]
        self.kafka.produce(
            self.source,
            [message_of("a", headers=trace), (b"k", b"{", None), message_of("b", project="lab")],
        )
        service = self.serve(self.configure(kafka={"outcome_mode": "structured"}))
        found = self.read("outcomes", 3)
        found.sort(key=lambda message: json.loads(message.value)["data"]["input"]["offset"])
        self.until_done(service)
        self.stop(service)
        for message, status in zip(found, ("succeeded", "failed", "skipped")):
            traced = trace if status == "succeeded" else []
            self.assertEqual(message.headers, [("content-type", STRUCTURED), *traced])
            outcome = json.loads(message.value)
            data = self.assert_cloud_event(outcome)
            self.assertEqual(data["status"], status)
            self.assertEqual(outcome["source"], f"waybill/{self.group}")
        self.assert_delivered(json.loads(found[0].value)["data"], "a")

    def test_keys(self):
        by_id = {"workflow": {"id": "w-1", "project": "shop", "name": "build-api"}}
        rows = (
            (message_of("a", b"\0\xff key"), b"\0\xff key"),
            (message_of("b", None, **by_id), b"w-1"),
            (message_of("c", None), b"shop/build-api"),
            (message_of("d", None, project="lab"), b"lab/build-api"),
            ((None, b"[", None), None),
            ((b"mine", b"[", None), b"mine"),
            (message_of("e", b""), b""),
        )
        found = self.outcomes_of([message for message, _ in rows])
        self.assertEqual([message.key for message, *_ in found], [key for _, key in rows])
        letters = self.read("dead_letters", 2)
        self.assertEqual({letter.key for letter in letters}, {None, b"mine"})

    def test_ids_and_times_that_stand_in(self):
        found = self.outcomes_of([message_of("a"), message_of("b")])
        originals = self.originals(2)
        for number, (_, _, data) in enumerate(found):
            self.assertEqual(data["input"]["id"], f"{self.source}/0/{number}")
            at = time.gmtime(originals[number].timestamp / 1000)
            self.assertTrue(
                data["input"]["time"].startswith(time.strftime("%Y-%m-%dT%H:%M:%S.", at))
            )
            self.assertEqual(int(data["input"]["time"][20:23]), originals[number].timestamp % 1000)

    def test_several_attachments(self):
        attachments = [
            {"registration": "local", "workflow": {"project": "shop"}, "name": "one"},
            {"registration": "refuses", "workflow": {"project": "shop"}, "name": "two"},
            {"registration": "local", "workflow": {"name": "*"}, "prefix": "p", "name": "three"},
        ]
        with ScriptedRegistry("400-manifest-invalid") as refuses:
            self.create(1)
            self.kafka.produce(self.source, [message_of("a", headers=[("h", b"1")])])
            path = self.configure(attachments=attachments)
            written = json.loads(pathlib.Path(path).read_bytes())
            written["registrations"].append(
                {"name": "refuses", "repository": f"{refuses.address}/x"}
            )
            service = self.serve(self.config(written))
            found = [self.parse(message) for message in self.read("outcomes", 3)]
            self.until_done(service)
            self.stop(service)
        found.sort(key=lambda one: ["one", "two", "three"].index(one[1]["attachment"]))
        self.assertEqual(
            [data["status"] for _, data in found], ["succeeded", "failed", "succeeded"]
        )
        self.assertEqual(found[1][1]["error"]["class"], "rejected")
        (letter,) = self.read("dead_letters", 1)
        self.assert_dead_letter(letter, self.originals(1)[0], found[1][1])


class Publish(KafkaCase):
    def publish(self, *arguments, stdin=b"", **sections):
        path = self.configure(**sections)
        return self.waybill("publish", "--config", path, *arguments, stdin=stdin, timeout=90)

    def messages(self, count):
        return self.kafka.read_committed(self.source, count)

    def test_bytes_keys_and_types(self):
        self.create(1)
        by_id = {"workflow": {"id": "w-1"}}
        first = json.dumps(event("a", **by_id), indent=2).encode()
        second = json.dumps(event("b")).encode()
        third = (FIXTURES / "events" / "cloudevent.json").read_bytes().strip()
        fourth = b'{"no": "event"}'
        done = self.publish("-", stdin=b"\n".join((first, second, third, fourth)) + b"\n")
        self.assert_status(done, EXIT_OK)
        self.assertEqual(done.out, f"published 4 events to topic '{self.source}'\n")
        found = self.messages(4)
        self.assertEqual([one.value for one in found], [first, second, third, fourth])
        workflow = json.loads(third)["data"]["workflow"]["id"].encode()
        self.assertEqual([one.key for one in found], [b"w-1", b"shop/build-api", workflow, None])
        plain = [("content-type", b"application/json")]
        self.assertEqual(
            [one.headers for one in found],
            [plain, plain, [("content-type", STRUCTURED)], plain],
        )

    def test_key_and_headers(self):
        self.create(1)
        path = self.write("event.json", line(event("a")))
        options = (
            *("--key", "my key", "--header", "ce_id=42", "--header=ce_specversion=1.0"),
            *("--header", f"ce_type={EVENT_TYPE}", "--header", "x=a=b", "--header", "none="),
        )
        self.assert_status(self.publish(*options, path, path), EXIT_OK)
        for one in self.messages(2):
            self.assertEqual(one.key, b"my key")
            self.assertEqual(
                one.headers,
                [
                    ("ce_id", b"42"),
                    ("ce_specversion", b"1.0"),
                    ("ce_type", EVENT_TYPE.encode()),
                    ("x", b"a=b"),
                    ("none", b""),
                    ("content-type", b"application/json"),
                ],
            )
        done = self.publish("--header", "content-type=application/x", path)
        self.assert_status(done, EXIT_OK)
        self.assertEqual(self.messages(3)[2].headers, [("content-type", b"application/x")])
        for wrong in ("nothing", "=x"):
            self.assert_status(self.publish("--header", wrong, path), EXIT_USAGE)
        self.assertEqual(len(self.messages(3)), 3)

    def test_what_is_published_is_delivered(self):
        self.create(1)
        self.assert_status(self.publish(stdin=line(event("a"))), EXIT_OK)
        service = self.serve(self.configure())
        (message,) = self.read("outcomes", 1)
        self.assertEqual(message.key, b"shop/build-api")
        self.assert_delivered(self.parse(message)[1], "a")
        self.stop(service)

    def test_broken_between_good_ones(self):
        self.create(1)
        done = self.publish(stdin=line(event("a")) + b'{"x": \n' + line(event("b")))
        self.assert_status(done, EXIT_FAILED)
        self.assertIn("standard input:2: event 1 was not published: ", done.err)
        self.assertIn("published 2 events", done.out)
        self.assertEqual(len(self.messages(2)), 2)

    def test_bare_envelopes_are_wrapped(self):
        self.create(1)
        stdin = line(envelope("a")) + line(event("b"))
        done = self.publish("--workflow", "shop/build-wrapped", "-", stdin=stdin)
        self.assert_status(done, EXIT_OK)
        first, second = self.messages(2)
        self.assertEqual(first.key, b"shop/build-wrapped")
        self.assertEqual(
            json.loads(first.value),
            {
                "workflow": {"project": "shop", "name": "build-wrapped"},
                "attestation": {"envelope": envelope("a")},
            },
        )
        self.assertEqual(second.value, json.dumps(event("b")).encode())

    def test_encodings_are_named(self):
        self.create(1)
        done = self.publish("-", stdin=json.dumps(event("a")).encode("utf-16"))
        self.assert_status(done, EXIT_FAILED)
        self.assertIn(
            "event 0 was not published: $: is UTF-16; write the event as UTF-8", done.err
        )

    def test_needs_kafka_only(self):
        self.create(1)
        path = self.configure()
        written = json.loads(pathlib.Path(path).read_bytes())
        path = self.config({"kafka": written["kafka"]})
        done = self.waybill("--config", path, "publish", stdin=line(event("a")))
        self.assert_status(done, EXIT_OK)
        self.assertEqual(len(self.messages(1)), 1)

    def test_topic_that_is_not_there(self):
        done = self.publish(stdin=line(event("a")))
        self.assertIn(self.source, done.err)
        self.assertNotIn("Success", done.err)
        self.assert_status(done, EXIT_FAILED)

    def test_larger_than_the_topic_takes(self):
        self.create(1)
        # It would be small enough otherwise.
        kafka = {"properties": {"compression.codec": "none"}}
        stdin = line(event("a", padding=1_000_000)) + line(event("b"))
        done = self.publish(stdin=stdin, kafka=kafka)
        self.assert_status(done, EXIT_FAILED)
        self.assertIn("standard input:1: event 0 was not published: ", done.err)
        self.assertIn(f"larger than topic '{self.source}' accepts", done.err)
        self.assertIn("raise max.message.bytes of the topic", done.err)
        self.assertEqual(done.out, f"published 1 event to topic '{self.source}'\n")
        (message,) = self.messages(1)
        self.assertEqual(message.value, json.dumps(event("b")).encode())

    def test_broker_out_of_reach(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = f"127.0.0.1:{closed.getsockname()[1]}"
        before = time.monotonic()
        done = self.publish(stdin=line(event("a")), kafka={"brokers": address})
        self.assertLess(time.monotonic() - before, 45)
        self.assert_status(done, EXIT_TEMPORARY)
        self.assertIn(address, done.err)


class Stops(KafkaCase):
    """Under load: no record is lost or delivered twice."""

    SLOW = {**QUICK, "concurrency": 2}

    def load(self, count, partitions=4):
        self.create(partitions)
        self.produce_events(count)
        return self.reader()

    def test_sigterm(self):
        count = 400
        reader = self.load(count)
        path = self.configure(delivery=self.SLOW)
        service = self.serve(path)
        self.until(lambda: reader.look() >= 50, 30, "first outcomes", service)
        self.stop(service, 15)
        self.assertLess(reader.look(1), count, "it was done before the signal")
        second = self.serve(path)
        self.until(lambda: reader.look() >= count, 90, "the rest", second)
        self.until_done(second)
        self.stop(second)
        self.assert_each_once(count)

    def test_sigterm_while_a_registry_hangs(self):
        with ScriptedRegistry("hang") as registry:
            self.create(1)
            self.produce_events(5)
            delivery = {**QUICK, "drain": "2s"}
            service = self.serve(self.configure(address=registry.address, delivery=delivery))
            self.until(lambda: registry.log(), 30, "request", service)
            self.stop(service, 15)
        self.assertEqual(self.read("outcomes"), [])
        service = self.serve(self.configure())
        self.read("outcomes", 5)
        self.stop(service)
        self.assert_each_once(5)

    def test_sigterm_when_idle(self):
        self.create(1)
        service = self.serve(self.configure())
        self.until(lambda: service.says("partition assigned"), 30, "assignment", service)
        self.stop(service, 5)

    def test_kill(self):
        count = 800
        reader = self.load(count)
        path = self.configure(delivery=self.SLOW)
        service = self.serve(path)
        for kill in range(3):
            goal = 100 + reader.look()
            self.until(lambda: reader.look() >= goal, 60, "outcomes", service)
            service.kill()
            killed = time.monotonic()
            # First the commits of the killed instance become visible.
            seen = reader.look(1)
            self.assertLess(seen, count, "it was done before the signal")
            service = self.serve(path)
            self.until(lambda: reader.look() > seen, 30, f"work after kill {kill}", service)
            self.assertLess(time.monotonic() - killed, 30)
        self.until(lambda: reader.look() >= count, 120, "the rest", service)
        self.until_done(service)
        self.stop(service)
        self.assert_each_once(count)

    def test_two_instances_share(self):
        count = 400
        self.create(4)
        reader = self.reader()
        path = self.configure()
        both = [self.serve(path), self.serve(path)]
        self.until(lambda: [held(one) for one in both] == [2, 2], 30, "sharing", both[0])
        self.produce_events(count)
        self.until(lambda: reader.look() >= count, 60, "outcomes")
        self.until_done()
        for service in both:
            self.assertTrue(service.says("delivery succeeded"))
            self.stop(service)
        self.assert_each_once(count)

    def test_second_instance_under_load(self):
        """Partitions move while records of theirs are in flight."""
        count = 400
        reader = self.load(count)
        path = self.configure(delivery=self.SLOW)
        first = self.serve(path)
        self.until(lambda: reader.look() >= 50, 30, "outcomes", first)
        second = self.serve(path)
        self.until(lambda: second.says("delivery succeeded"), 60, "work of the second", second)
        self.stop(first)
        self.until(lambda: reader.look() >= count, 90, "the rest", second)
        self.until_done(second)
        self.stop(second)
        self.assert_each_once(count)


class Trouble(KafkaCase):
    """A topic that is missing, or not created yet"""

    def test_registry_down_at_start(self):
        with Registry() as registry:
            registry.stop()
            self.create(2)
            self.produce_events(50)
            service = self.serve(self.configure(address=registry.address))
            self.until(lambda: service.says("trying again"), 30, "retry", service)
            time.sleep(3)
            self.assertEqual(self.read("outcomes"), [])
            registry.start()
            self.read("outcomes", 50)
            self.until_done(service)
            self.stop(service)
            parsed = self.assert_each_once(50, registry)
            # The others have waited for the breaker, without an attempt.
        self.assertTrue(any(data["attempts"] > 1 for _, data in parsed))

    def test_registry_down_for_good(self):
        """A delivery is given up only when both attempts and age are used up."""
        with Registry(storage="inmemory") as registry:
            registry.stop()
            self.create(1)
            self.produce_events(2)
            delivery = {**QUICK, "max_attempts": 3, "max_age": "2s"}
            service = self.serve(self.configure(address=registry.address, delivery=delivery))
            found = self.read("outcomes", 2)
            self.until_done(service)
            self.stop(service)
        originals = self.kafka.read_committed(self.source, 2)
        letters = self.read("dead_letters", 2)
        place = lambda headers: int(headers["waybill-offset"])  # noqa: E731
        letters.sort(key=lambda letter: place(dict(letter.headers)))
        found.sort(key=lambda message: self.parse(message)[1]["input"]["offset"])
        for message, letter, original in zip(found, letters, originals):
            _, data = self.parse(message)
            self.assertEqual(data["error"]["class"], "attempts_exhausted")
            self.assertGreaterEqual(data["attempts"], 3)
            self.assertGreaterEqual(data["duration_ms"], 2000)
            self.assert_dead_letter(letter, original, data)
            headers = dict(letter.headers)
            self.assertLess(headers["waybill-first-failure"], headers["waybill-last-failure"])

    def test_wrong_password_is_held(self):
        with Registry(htpasswd={"pusher": "not-yet-known"}) as guarded:
            self.create(2)
            attachments = [
                {"registration": "local", "workflow": {"project": "shop"}},
                {"registration": "guarded", "workflow": {"project": "payments"}},
            ]
            path = self.configure(attachments=attachments)
            written = json.loads(pathlib.Path(path).read_bytes())
            repository = f"{guarded.address}/{self.repository}"
            written["registrations"].append(
                {
                    "name": "guarded",
                    "repository": repository,
                    "username": "pusher",
                    "password": "its-password",
                }
            )
            self.kafka.produce(self.source, [message_of("held", project="payments")], partition=0)
            self.produce_events(20, partition=1)
            service = self.serve(self.config(written))
            found = self.read("outcomes", 20)
            self.until(lambda: service.says("holding delivery"), 30, "hold", service)
            time.sleep(2.5)
            self.assertEqual(len(self.read("outcomes")), 20)
            self.assertEqual(self.read("dead_letters"), [])
            self.assert_each_once(20, messages=found)
            guarded.set_users({"pusher": "its-password"})
            self.read("outcomes", 21, 15)
            self.until_done(service)
            self.stop(service)
            self.assertFalse(service.says("its-password"))
            parsed = [self.parse(message)[1] for message in self.read("outcomes", 21)]
            (held,) = [data for data in parsed if data["registration"] == "guarded"]
            self.assertGreater(held["attempts"], 1)
            self.assert_delivered(held, "held", guarded)

    def test_topic_missing_at_start(self):
        properties = {"topic.metadata.refresh.interval.ms": "1000"}
        service = self.serve(self.configure(kafka={"properties": properties}))
        self.until(
            lambda: service.says(
                f"topic '{self.source}' (kafka.topics.attestations) does not exist"
            ),
            30,
            "word of it",
            service,
        )
        self.assertTrue(service.running())
        self.create(1)
        self.produce_events(3)
        self.read("outcomes", 3)
        self.until_done(service)
        self.stop(service)
        self.assert_each_once(3)

    def test_outcome_topic_missing_at_start(self):
        """Nothing is committed before its outcome can be written."""
        outcomes = self.topics.pop("outcomes")
        self.create(1)
        self.topics["outcomes"] = outcomes
        self.produce_events(3)
        service = self.serve(self.configure())
        self.until(lambda: service.says(outcomes), 60, "word of it", service)
        self.assertEqual(self.kafka.lag(self.group, self.source), 3)
        self.kafka.create_topic(outcomes)
        self.read("outcomes", 3, 90)
        self.until_done(service, 60)
        self.stop(service)
        self.assert_each_once(3)


class OwnBroker(KafkaCase):
    """With a broker that the tests may stop."""

    @classmethod
    def setUpClass(cls):
        shared_one = os.environ.pop("WAYBILL_TEST_KAFKA", None)
        try:
            cls.kafka = Kafka()
        finally:
            if shared_one:
                os.environ["WAYBILL_TEST_KAFKA"] = shared_one
        cls.addClassCleanup(cls.kafka.close)
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)

    def test_broker_down_at_start(self):
        self.create(2)
        self.produce_events(20)
        self.kafka.stop()
        try:
            service = self.serve(self.configure())
            time.sleep(4)
            self.assertTrue(service.running(), service.tail())
            self.assertTrue(service.says("kafka"), service.tail())
        finally:
            self.kafka.start()
        self.read("outcomes", 20)
        self.until_done(service)
        self.stop(service)
        self.assert_each_once(20)

    def test_broker_restarts_under_load(self):
        count = 300
        self.create(2)
        self.produce_events(count)
        reader = self.reader()
        service = self.serve(self.configure(delivery={**QUICK, "concurrency": 2}))
        self.until(lambda: reader.look() >= 30, 30, "outcomes", service)
        self.kafka.kill()
        self.kafka.start()
        self.until(lambda: reader.look() >= count, 90, "the rest", service)
        self.until_done(service)
        self.stop(service)
        self.assert_each_once(count)

    def test_stops_while_the_broker_is_down(self):
        self.create(1)
        self.kafka.stop()
        try:
            service = self.serve(self.configure())
            self.until(lambda: service.says("started"), 10, "start", service)
            self.stop(service, 15)
        finally:
            self.kafka.start()


_shared = None


def shared():
    global _shared
    if _shared is None:
        _shared = Kafka()
        unittest.addModuleCleanup(_shared.close)
    return _shared


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Tests that the checker detects each violation: a history without fault, and then with one
fault at a time. It also tests how the proxy parses requests of Kafka."""

import base64
import copy
import json
import pathlib
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

try:
    from chaos_suite import checker
    from chaos_suite.fleet import Exit, Idle, Usage
    from chaos_suite.kafka_proxy import transactional_id
    from chaos_suite.logs import Logs, Stored, Throttled
    from chaos_suite.metadata import NOTHING, Progress, Undecodable
    from chaos_suite.metadata import attachment_id, decode_metadata
    from chaos_suite.readers import Message, Sample
    from chaos_suite.workload import Maker, Place, expectation
except ImportError as problem:
    print(f"SKIPPED: {problem} (Debian's python3-confluent-kafka)")
    sys.exit(77)

from integration.common import digest, event  # noqa: E402

BEGAN = 1_000_000.0  # The wall clock time at which the run began
IN, OUT, DEAD = "in", "out", "dead"
ADDRESSES = {"a": "127.0.0.1:1", "b": "127.0.0.1:2"}


def record(offset, value, key=b"k", headers=()):
    return Message(IN, 0, offset, key, value, list(headers), 1_000_000_500)


def good(offset, project="shop", flow="build-api"):
    return record(offset, json.dumps(event(f"e{offset}", project, flow)).encode())


class History:
    """A history in which all goes well: at offset n the outcome follows after n seconds, and
    the commit half a second later."""

    def __init__(self, *inputs):
        self.inputs = list(inputs)
        self.outcomes, self.letters, self.samples = [], [], []
        self.registries = {"a": {}, "b": {}}
        for one in inputs:
            wanted = expectation(one)
            for attachment, (place, artifact) in wanted.deliveries.items():
                self.store(place, artifact)
                self.succeed(one, attachment, place, artifact)
            if not wanted.deliveries:
                self.end(one, wanted.status, wanted.error)
            self.samples.append(Sample(one.offset + 0.5, 0, one.offset + 1, ""))

    def store(self, place, artifact):
        blobs = {digest(one): one for one in (artifact.layer, artifact.config)}
        self.registries[place.registry][place.repository] = Stored(
            ["latest"], artifact.manifest, blobs
        )

    def succeed(self, one, attachment, place, artifact):
        said = {
            "registry": ADDRESSES[place.registry],
            "repository": place.repository,
            "digest": artifact.digest,
            "layer_digest": artifact.layer_digest,
        }
        self.outcome(one, "succeeded", attachment=attachment, artifact=said)

    def end(self, one, status, error=None):
        self.outcome(one, status, **({"error": {"class": error}} if error else {}))
        if error:
            self.letter(one)

    def outcome(self, one, status, **more):
        data = {
            "status": status,
            "input": {"topic": IN, "partition": one.partition, "offset": one.offset},
            "attempts": 1,
            **more,
        }
        id_ = f"{IN}/{one.partition}/{one.offset}"
        if "attachment" in more:
            id_ += f"/{more['attachment']}"
        self.outcomes.append(
            Message(
                *(OUT, 0, len(self.outcomes), one.key, json.dumps(data).encode()),
                *([("ce_id", id_.encode())], int((BEGAN + one.offset) * 1000)),
            )
        )

    def letter(self, one, attachment=None):
        added = [
            ("waybill-partition", str(one.partition).encode()),
            ("waybill-offset", str(one.offset).encode()),
            ("waybill-timestamp", str(one.timestamp).encode()),
        ]
        if attachment:
            added.append(("waybill-attachment", attachment.encode()))
        self.letters.append(
            one._replace(
                topic=DEAD,
                offset=len(self.letters),
                headers=[*one.headers, *added],
                timestamp=one.timestamp + 1,
            )
        )

    def logs(self, **more):
        return Logs(
            inputs=self.inputs,
            outcomes=self.outcomes,
            letters=self.letters,
            live=[one._replace(seen=1.0) for one in [*self.outcomes, *self.letters]],
            samples=self.samples,
            registries=self.registries,
            addresses=ADDRESSES,
            began=BEGAN,
            **more,
        )


def history():
    wrong = event("e3")
    wrong["attestation"]["digest"] = digest(b"another")
    return History(
        good(0),
        good(1, flow="build-both"),  # two outcomes
        record(2, b"{", headers=[("x", b"1"), ("x", b"\xff")]),
        record(3, json.dumps(wrong).encode()),
        good(4, project="lab"),  # skipped
        record(6, None),  # There is a gap before it.
        good(7),
    )


class CheckerCase(unittest.TestCase):
    def setUp(self):
        self.history = history()

    def found(self, logs=None, **more):
        logs = logs or self.history.logs(**more)
        return {(one.invariant, one.text) for one in checker.check(logs)}

    def assert_only(self, invariant, text, logs=None, **more):
        found = self.found(logs, **more)
        self.assertIn((invariant, text), found)
        self.assertEqual({one for one, _ in found}, {invariant}, found)

    def changed(self, **changes):
        logs = self.history.logs()
        for name, value in changes.items():
            setattr(logs, name, value)
        return logs


class Nothing(CheckerCase):
    def test_no_fault(self):
        self.assertEqual(self.found(), set())

    def test_expectations(self):
        wanted = [expectation(one) for one in self.history.inputs]
        self.assertEqual([len(one.deliveries) for one in wanted], [1, 2, 0, 0, 0, 0, 1])
        self.assertEqual(
            [one.error for one in wanted],
            [None, None, "schema", "digest_mismatch", None, "schema", None],
        )
        self.assertEqual(wanted[4].status, "skipped")
        places = {place.registry for place, _ in wanted[1].deliveries.values()}
        self.assertEqual(places, {"a", "b"})

    def test_the_same_seed_makes_the_same(self):
        one, other, third = Maker(7), Maker(7), Maker(8)
        messages = [one.message() for _ in range(300)]
        self.assertEqual(messages, [other.message() for _ in range(300)])
        self.assertNotEqual(messages, [third.message() for _ in range(300)])
        for key, value, headers, outcomes in messages:
            wanted = expectation(record(0, value, key, headers))
            self.assertEqual(max(1, len(wanted.deliveries)), outcomes)


class Outcomes(CheckerCase):
    def test_lost(self):
        del self.history.outcomes[0]
        found = self.found()
        self.assertIn(("I1", "an outcome is lost"), found)
        # Its artifact exists, and its offset was committed.
        self.assertIn(("I2", "an artifact without an outcome"), found)
        self.assertIn(("I5", "recorded as done before its outcome existed"), found)

    def test_one_of_two_attachments_lost(self):
        del self.history.outcomes[2]
        self.assertIn(("I1", "an outcome is lost"), self.found())

    def test_doubled(self):
        again = self.history.outcomes[0]
        self.history.outcomes.append(again._replace(offset=len(self.history.outcomes)))
        self.assert_only("I1", "a duplicate outcome")

    def test_contradicting(self):
        self.history.outcome(
            self.history.inputs[0], "failed", attachment="shop", error={"class": "rejected"}
        )
        self.history.letter(self.history.inputs[0], "shop")
        self.assertIn(("I1", "outcomes contradict each other"), self.found())

    def test_wrong_status(self):
        self.history.outcomes.pop()
        self.history.outcome(
            self.history.inputs[-1], "failed", attachment="shop", error={"class": "rejected"}
        )
        self.history.letter(self.history.inputs[-1], "shop")
        self.assert_only("I1", "the wrong outcome")

    def test_failed_because_the_registry_lied(self):
        self.test_wrong_status()
        ((place, _),) = expectation(self.history.inputs[-1]).deliveries.values()
        self.assertEqual(self.found(lies={place}), set())

    def test_wrong_class(self):
        one = self.history.outcomes[3]
        value = one.value.replace(b'"schema"', b'"rejected"')
        self.history.outcomes[3] = one._replace(value=value)
        self.assert_only("I1", "the wrong class of error")

    def test_of_nothing(self):
        self.history.outcome(record(5, b""), "skipped")
        self.assert_only("I1", "an outcome without an input")

    def test_of_an_attachment_that_does_not_match(self):
        self.history.outcome(self.history.inputs[0], "skipped", attachment="payments")
        self.assert_only("I1", "an outcome without an input")

    def test_id_of_another(self):
        one = self.history.outcomes[1]
        self.history.outcomes[1] = one._replace(headers=self.history.outcomes[0].headers)
        self.assert_only("I1", "one id for several deliveries")

    def test_unreadable(self):
        one = self.history.outcomes[0]
        self.history.outcomes[0] = one._replace(value=b"{}")
        self.assertIn(("I1", "an outcome that cannot be read"), self.found())


class Artifacts(CheckerCase):
    TEXT = "an outcome without its artifact"

    def first(self):
        return next(iter(self.history.registries["a"].items()))

    def test_missing(self):
        del self.history.registries["a"][self.first()[0]]
        self.assert_only("I2", self.TEXT)

    def test_manifest_missing(self):
        name, stored = self.first()
        self.history.registries["a"][name] = stored._replace(tags=[], manifest=None)
        self.assert_only("I2", self.TEXT)

    def test_another_manifest(self):
        name, stored = self.first()
        self.history.registries["a"][name] = stored._replace(manifest=stored.manifest + b" ")
        self.assert_only("I2", self.TEXT)

    def test_each_blob(self):
        name, stored = self.first()
        self.assertEqual(len(stored.blobs), 2)
        for one in stored.blobs:
            for wrong in (None, b"something else"):
                with self.subTest(one=one, wrong=wrong):
                    changed = stored._replace(blobs={**stored.blobs, one: wrong})
                    self.history.registries["a"][name] = changed
                    self.assert_only("I2", self.TEXT)

    def test_without_outcome(self):
        _, stored = self.first()
        self.history.registries["b"]["chaos/two/chainloop-00"] = stored
        self.assert_only("I2", "an artifact without an outcome")

    def test_said_to_be_elsewhere(self):
        one = self.history.outcomes[0]
        value = one.value.replace(ADDRESSES["a"].encode(), ADDRESSES["b"].encode())
        self.history.outcomes[0] = one._replace(value=value)
        self.assert_only("I2", "an outcome has wrong data")


class DeadLetters(CheckerCase):
    def test_missing(self):
        del self.history.letters[1]
        self.assert_only("I3", "a dead letter is missing")

    def test_doubled(self):
        one = self.history.letters[0]
        self.history.letters.append(one._replace(offset=len(self.history.letters)))
        self.assert_only("I3", "a duplicate dead letter")

    def test_other_bytes(self):
        original = copy.copy(self.history.letters)
        changes = (
            {"value": b"{ "},
            {"key": None},
            {"headers": [*original[0].headers, ("waybill-timestamp", b"1")]},
            {"headers": original[0].headers[1:]},
            {"headers": [("x", b"\xff"), ("x", b"1"), *original[0].headers[2:]]},
        )
        for change in changes:
            with self.subTest(**change):
                self.history.letters[0] = original[0]._replace(**change)
                self.assert_only("I3", "a dead letter with other bytes")

    def test_tombstone_with_an_empty_value(self):
        self.history.letters[2] = self.history.letters[2]._replace(value=b"")
        self.assert_only("I3", "a dead letter with other bytes")

    def test_of_what_succeeded(self):
        self.history.letter(self.history.inputs[0], "shop")
        self.assert_only("I3", "a dead letter of a delivery that did not fail")

    def test_without_outcome(self):
        self.history.letter(record(5, b""))
        self.assert_only("I3", "a dead letter without an outcome")

    def test_that_says_nothing(self):
        self.history.letter(record(5, b""))
        self.history.letters[-1] = self.history.letters[-1]._replace(headers=[])
        self.assert_only("I3", "a dead letter without an outcome")


class ReadingAlong(CheckerCase):
    def test_gone(self):
        live = self.history.logs().live
        live.insert(3, live[2]._replace(offset=2, partition=1))
        self.assert_only("I4", "a message that was read does not exist at the end", self.changed(live=live))

    def test_different(self):
        live = self.history.logs().live
        live[0] = live[0]._replace(value=b"{}")
        self.assert_only("I4", "a message that was read differs at the end", self.changed(live=live))

    def test_not_seen(self):
        live = self.history.logs().live[1:]
        self.assert_only(
            "I4", "the concurrent reader has not received a message", self.changed(live=live)
        )

    def test_twice(self):
        live = self.history.logs().live
        self.assert_only("I4", "two messages were read at one offset", self.changed(live=[live[0], *live]))

    def test_in_another_order(self):
        live = self.history.logs().live
        live[0], live[1] = live[1], live[0]
        self.assert_only("I4", "messages were read in a different order", self.changed(live=live))


class Commits(CheckerCase):
    def test_backwards(self):
        self.history.samples.append(Sample(20, 0, 3, ""))
        self.assert_only("I5", "the watermark moves backwards")

    def test_undecodable(self):
        self.history.samples.append(Sample(20, 0, 8, "what is this?"))
        self.assert_only("I5", "metadata that cannot be decoded")
        with self.assertRaises(Undecodable):
            decode_metadata(8, "what is this?")
        self.assertEqual(decode_metadata(8, ""), NOTHING)

    def test_done_before_its_outcome(self):
        self.history.samples[0] = Sample(0.5, 0, 2, "")
        self.assert_only("I5", "recorded as done before its outcome existed")

    def above(self, *rows):
        """Replaces the decoder of the metadata: the text is an index into rows."""

        def decode(_, text):
            return rows[int(text)] if text else NOTHING

        original, checker.decode_metadata = checker.decode_metadata, decode
        self.addCleanup(setattr, checker, "decode_metadata", original)

    def done(self, *offsets):
        self.above(Progress(frozenset(offsets), {}))

    def test_out_of_order(self):
        self.done(4)
        self.history.samples[3:5] = [Sample(4.5, 0, 3, "0")]
        self.assertEqual(self.found(), set())

    def test_done_above_before_its_outcome(self):
        self.done(4)
        self.history.samples[3:5] = [Sample(3.5, 0, 3, "0")]
        self.assert_only("I5", "recorded as done before its outcome existed")

    def test_no_longer_done(self):
        self.done(4)
        self.history.samples[3:5] = [Sample(4.4, 0, 3, "0"), Sample(4.5, 0, 3, "")]
        self.assert_only("I5", "a finished delivery is no longer recorded")

    def test_below_the_watermark(self):
        self.done(2)
        self.history.samples[3] = Sample(3.5, 0, 3, "0")
        self.assert_only("I5", "metadata about offsets below the watermark")

    def test_one_delivery_of_two(self):
        id_ = attachment_id("both")
        self.above(Progress(frozenset(), {id_: frozenset({1})}))
        self.history.samples.insert(1, Sample(1.2, 0, 1, "0"))
        self.assertEqual(self.found(), set())
        self.history.samples[1] = Sample(0.9, 0, 1, "0")
        self.assert_only("I5", "recorded as done before its outcome existed")

    def test_one_delivery_is_no_longer_done(self):
        self.above(Progress(frozenset(), {attachment_id("both"): frozenset({1})}))
        self.history.samples[1:1] = [Sample(1.2, 0, 1, "0"), Sample(1.3, 0, 1, "")]
        self.assert_only("I5", "a finished delivery is no longer recorded")


class Metadata(unittest.TestCase):
    """Texts in the offsets topics of earlier releases."""

    ROWS = (
        (100, "VwEBAAAAAEWPLIM=", set(), {}),
        (100, "VwEKAAIKAgAAyqvU7Q==", {101, 103, 109}, {}),
        (100, "VwGsAgEDAaECAACQrxqv", set(range(101, 390)), {}),
        (7, "VwECAAABAAAAAAAAAAAAAQIApJ2fow==", set(), {None: {8}}),
        (
            *(1000, "VwEoAAEGAmoKFWrlTC5fwdZLLUyzDxsAAQkBAh4BAOEPEPc=", {1001, 1002}),
            {"ghcr:w1": {1000, 1003}, "harbor": {1030}},
        ),
        (
            *(5000000000, "VwGsAgABAgFqChVq5UwuXwAAAgAAA6Xr3MoGyAEArALc69zKBjSkAjQ="),
            *({5000000001}, {"ghcr:w1": set()}),
        ),
    )

    def test_texts(self):
        for offset, text, done, parts in self.ROWS:
            with self.subTest(text):
                found = decode_metadata(offset, text)
                self.assertEqual(found.done, done)
                wanted = {attachment_id(name): some for name, some in parts.items()}
                self.assertEqual(found.parts, wanted)
                for name, some in parts.items():
                    self.assertTrue(all(found.has(one, name) for one in some))

    def test_every_other_bit_is_noticed(self):
        offset, text, *_ = self.ROWS[4]
        data = base64.b64decode(text)
        for bit in range(8 * len(data)):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            with self.assertRaises(Undecodable):
                decode_metadata(offset, base64.b64encode(changed).decode())
        for wrong in (text[:-4], text + "AAAA", text[1:], " " + text):
            with self.assertRaises(Undecodable):
                decode_metadata(offset, wrong)
        with self.assertRaises(Undecodable):
            decode_metadata(offset + 1, text)


class Running(CheckerCase):
    def test_not_drained(self):
        self.assert_only("I6", "work does not end after the faults", drained=None)
        self.assert_only("I6", "work ends late", drained=61.0)

    def test_busy(self):
        self.assert_only("I6", "the processor is used without work", idles=[Idle("i1", 0.9)])
        self.assertEqual(self.found(idles=[Idle("i1", 0.01)]), set())

    def test_bounds(self):
        self.assert_only("I7", "too much memory", usages=[Usage("i1", 1 << 20, 30)])
        self.assert_only("I7", "too many descriptors", usages=[Usage("i1", 30_000, 1000)])

    def test_endings(self):
        fine = [
            Exit("i1", -9, "kill", 0.0, False),
            Exit("i2", 0, "term", 3.0, False),
            Exit("i3", -9, "point", 3.0, False),
            Exit("i4", -6, "", 3.0, True),
        ]
        self.assertEqual(self.found(exits=fine), set())
        self.assert_only("I8", "SIGTERM takes too long", exits=[Exit("i", -9, "term", 60, False)])
        self.assert_only(
            "I8", "SIGTERM ends with another status", exits=[Exit("i", 1, "term", 1, False)]
        )
        self.assert_only("I8", "it ended by itself", exits=[Exit("i", -11, "", 1, False)])
        self.assert_only("I8", "a sanitizer complains", complaints=["i1.log: Sanitizer"])

    def test_given_up(self):
        self.history.outcomes.pop()
        self.history.outcome(
            *(self.history.inputs[-1], "failed"),
            attachment="shop",
            error={"class": "attempts_exhausted"},
        )
        self.history.letter(self.history.inputs[-1], "shop")
        self.assertIn(("I9", "given up too early"), self.found())

    def test_storm(self):
        self.assertEqual(self.found(requests={"a": 60, "b": 20}), set())
        self.assert_only("I10", "a storm of requests", requests={"a": 100, "b": 2000})
        self.assertEqual(self.found(requests={"a": 2000}, disturbances=[1.0]), set())

    def test_retry_after(self):
        ((place, _),) = expectation(self.history.inputs[0]).deliveries.values()
        self.assertIsInstance(place, Place)
        waited = Throttled(*place, 1.0, 3.0, [(1.01, "put")])
        early = Throttled(*place, 1.0, 3.0, [(2.0, "post")])
        self.assertEqual(self.found(throttles=[waited]), set())
        self.assert_only("I10", "Retry-After is not honored", throttles=[waited, early])
        # Another instance took over, which does not know of the throttle.
        self.assertEqual(self.found(throttles=[early], disturbances=[1.5]), set())


class Proxy(unittest.TestCase):
    def frame(self, api, version, body, client=b"waybill"):
        head = struct.pack(">hhih", api, version, 1, len(client)) + client
        return head + body

    def test_transactional_ids(self):
        name = "waybill-0"
        plain = struct.pack(">h", len(name)) + name.encode() + b"rest"
        compact = b"\0" + bytes([len(name) + 1]) + name.encode() + b"rest"
        for api, version, body in (
            (26, 1, plain),
            (26, 3, compact),
            (28, 3, compact),
            (24, 0, plain),
            (25, 0, plain),
            (0, 7, plain),
            (0, 9, compact),
        ):
            self.assertEqual(transactional_id(self.frame(api, version, body)), name)

    def test_others(self):
        self.assertIsNone(transactional_id(self.frame(12, 3, b"")))
        self.assertIsNone(transactional_id(self.frame(0, 7, struct.pack(">h", -1))))
        self.assertIsNone(transactional_id(self.frame(26, 1, b"")))


if __name__ == "__main__":
    unittest.main(verbosity=2)

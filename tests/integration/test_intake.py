#!/usr/bin/env python3
"""What `waybill run` reads, on Apache Kafka: far beyond a stuck record, a topic that was
created again, and batches that cannot be held in memory.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import time
import unittest

from common import main

# This skips the whole file if confluent_kafka is missing.
from test_delivery import NEVER, DeliveryCase
from test_kafka import Reader, message_of

from support.scripted_registry import ScriptedRegistry

import confluent_kafka


class Window(DeliveryCase):
    COUNT = 52000

    def test_one_stuck_record_holds_up_nothing_after_it(self):
        """This also holds across a kill, and nothing is delivered twice."""
        with ScriptedRegistry(NEVER) as other:
            self.create(1)
            path = self.configure_two(self.registry, other)
            messages = [message_of("nobody", project="lab")] * self.COUNT
            messages.insert(0, message_of("stuck", project="payments"))
            self.kafka.produce(self.source, messages, partition=0)
            reader = Reader(self.kafka, self.topics["outcomes"])
            self.addCleanup(reader.close)
            service = self.serve(path)
            self.until(lambda: reader.look() > self.COUNT * 2 // 3, 180, "outcomes", service)
            service.kill()
            service = self.serve(path)
            self.until(lambda: reader.look() >= self.COUNT, 120, "all outcomes", service)
            self.assertEqual(self.committed().offset, 0)
            self.assertLess(len(self.committed().metadata), 200)
            other.play()
            self.finish(service)
        self.assertEqual(reader.look(2), self.COUNT + 1)
        self.assertEqual(self.committed().offset, self.COUNT + 1)


class Recreated(DeliveryCase):
    """A topic is deleted, created under the same name, and filled beyond the old position."""

    def setUp(self):
        super().setUp()
        self.create(1)
        self.path = self.configure()

    def fill(self, prefix, count):
        self.produce(*(f"{prefix}-{number}" for number in range(count)))

    def recreate(self):
        self.kafka.delete_topic(self.source)
        self.kafka.create_topic(self.source, 1)
        self.fill("new", 40)

    def until_read(self, ready, service):
        """Depending on the first response of the broker, Waybill reads the new topic at once, or it
        stops with a message about the invalid position and reads from the beginning
        after a restart."""
        deadline = time.monotonic() + 120
        while not ready():
            if not service.running():
                self.assertTrue(service.says("cannot be read from offset"), service.tail())
                service = self.serve(self.path)
            self.assertLess(time.monotonic(), deadline, service.tail())
            time.sleep(0.5)
        return service

    def check_all(self, service):
        service = self.until_read(lambda: len(self.read("outcomes")) >= 60, service)
        # The outcomes are compared by run id, because twenty of the new records have the same
        # coordinates as old ones.
        self.finish(service)
        found = self.outcomes(60)
        runs = {data["run"]["id"] for data in found}
        wanted = {f"run-old-{number}" for number in range(20)}
        wanted |= {f"run-new-{number}" for number in range(40)}
        self.assertEqual(runs, wanted)
        self.assertEqual(self.committed(), (40, ""))

    def test_while_it_is_read(self):
        service = self.serve(self.path)
        self.fill("old", 20)
        self.outcomes(20)
        self.recreate()
        self.check_all(service)

    def test_while_nothing_was_read_since_the_start(self):
        self.fill("old", 20)
        service = self.serve(self.path)
        self.outcomes(20)
        self.finish(service)
        service = self.serve(self.path)
        self.await_log(service, "partition assigned")
        time.sleep(1)
        self.recreate()
        self.check_all(service)

    def test_while_waybill_is_stopped(self):
        self.fill("old", 20)
        service = self.serve(self.path)
        self.outcomes(20)
        self.finish(service)
        self.recreate()
        self.check_all(self.serve(self.path))

    def test_while_a_record_is_in_work(self):
        """Its position is committed after the topic was deleted."""
        with ScriptedRegistry() as other:
            path = self.configure_two(self.registry, other)
            service = self.serve(path)
            self.fill("old", 19)
            self.outcomes(19)
            other.play("hang")
            self.produce("old-19", project="payments")
            self.until(other.log, 30, "a request", service)
            self.kafka.delete_topic(self.source)
            other.play()
            self.kafka.create_topic(self.source, 1)
            self.fill("new", 40)
            found = self.await_new(service)
        self.assertEqual(found, {f"run-new-{number}" for number in range(40)})

    def await_new(self, service):
        """The record in work may have an outcome or none."""

        def new():
            found = [self.parse(message)[1] for message in self.read("outcomes")]
            return {data["run"]["id"] for data in found if "new" in data["run"]["id"]}

        self.finish(self.until_read(lambda: len(new()) == 40, service))
        return new()


class Unreadable(DeliveryCase):
    """Batches that the client cannot decompress or hold"""

    def bomb(self, codec, size, count=1):
        """Some kilobytes that decompress to hundreds of megabytes"""
        producer = confluent_kafka.Producer(
            {
                "bootstrap.servers": self.kafka.address,
                "compression.codec": codec,
                "message.max.bytes": 1000000000,
                "linger.ms": 5000,
                "batch.size": 2000000000,
                "queue.buffering.max.kbytes": 2000000,
            }
        )
        value = bytes(size)
        for _ in range(count):
            producer.produce(self.source, value, partition=0)
        self.assertEqual(producer.flush(60), 0)

    def command(self, service):
        """Returns the command that the log contains once it has the end of the batch."""

        def find():
            known = [
                entry["command"]
                for entry in self.logged(
                    service,
                    "partition cannot be read further, holding it; to skip what cannot be "
                    "read, wait until everything before this offset is committed, stop all "
                    "instances, run the command, start again",
                )
            ]
            return [one for one in known if "OFFSET" not in one]

        self.until(find, 60, "the command", service)
        return find()[-1]

    def skip(self, service, bad, after):
        command = self.command(service)
        self.assertIn(f"--topic {self.source}:0 ", command)
        self.assertIn(f"--to-offset {after} ", command)
        self.until(lambda: self.committed().offset == bad, 30, "the offset", service)
        self.stop(service)
        # The effect of the command
        self.kafka.commit(self.group, self.source, 0, after)

    def check_others_continue(self):
        self.produce("other", partition=1)
        self.outcomes(3)

    def check(self, bomb, end, last=False):
        self.create(2)
        self.produce("a", "b")
        self.bomb(*bomb)
        if not last:
            self.produce("after")
        service = self.serve(self.configure())
        self.outcomes(2)
        self.check_others_continue()
        self.skip(service, 2, end)
        service = self.serve(self.configure())
        if last:
            self.produce("after")
        self.outcomes(4)
        self.finish(service)

    def test_a_batch_of_one_that_is_too_large_for_zstd(self):
        self.check(("zstd", 150_000_000), 3)

    def test_a_batch_of_many_that_is_the_last_one(self):
        self.check(("zstd", 1_000_000, 150), 152, last=True)

    def test_a_batch_of_many_between_others(self):
        self.check(("zstd", 1_000_000, 150), 152)

    def test_a_record_larger_than_the_memory(self):
        self.check(("gzip", 100_000_000), 3)


if __name__ == "__main__":
    main()

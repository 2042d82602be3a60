"""See tests/bench/hol."""

import argparse
import random
import threading
import time

from kafka_bench import Bench, await_true, message, parsed, percentile

from support.parts import Registry
from support.scripted_registry import ScriptedRegistry


class Publisher(threading.Thread):
    """Publishes that many events a second, independent of their outcomes. Both runs are the
    same."""

    def __init__(self, kafka, topic, options):
        super().__init__(daemon=True)
        self._kafka, self._topic, self._options = kafka, topic, options

    def run(self):
        rng = random.Random(1)
        rate, step = self._options.rate, 0.1
        began, sent = time.monotonic(), 0
        while sent < self._options.events:
            due = min(self._options.events, int((time.monotonic() - began) * rate))
            some = [self._one(number, rng) for number in range(sent, due)]
            if some:
                self._kafka.produce(self._topic, some)
            sent = due
            time.sleep(step)

    def _one(self, number, rng):
        slow = rng.random() < self._options.slow_share
        return message(f"e{number}", "payments" if slow else "shop")


def measure(bench, name, options, slow_registry, quick_registry):
    topics = bench.topics(name)
    config = bench.config(
        name,
        topics,
        registrations=[
            {"name": "quick", "repository": f"{quick_registry.address}/{name}"},
            {"name": "slow", "repository": f"{slow_registry.address}/{name}"},
        ],
        attachments=[
            {"registration": "quick", "workflow": {"project": "shop"}, "name": "quick"},
            {"registration": "slow", "workflow": {"project": "payments"}, "name": "slow"},
        ],
    )
    service = bench.serve(config)
    await_true(lambda: b"partition assigned" in service.log.read_bytes(), 60, "assignment")
    publisher = Publisher(bench.kafka, topics["attestations"], options)
    publisher.start()
    publisher.join()
    time.sleep(min(10, options.delay / 3))
    seen = bench.kafka.read_committed(topics["outcomes"])
    expected = options.events
    found = bench.kafka.read_committed(topics["outcomes"], expected, options.timeout)
    service.kill()
    inputs = {
        (one.partition, one.offset): one.timestamp
        for one in bench.kafka.read_committed(topics["attestations"], options.events)
    }
    waits = {"quick": [], "slow": []}
    for data, at in parsed(found):
        where = data["input"]["partition"], data["input"]["offset"]
        waits[data["attachment"]].append(at - inputs[where])
    print(
        f"{name:12} {len(found)} outcomes, {len(seen)} of them while or soon after the load; "
        f"quick: p50 {percentile(waits['quick'], 0.5)} ms, "
        f"p99 {percentile(waits['quick'], 0.99)} ms; "
        f"other: p50 {percentile(waits['slow'], 0.5)} ms",
        flush=True,
    )
    return percentile(waits["quick"], 0.99)


def main():
    parser = argparse.ArgumentParser(description="one slow attachment, and the others' p99")
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--slow-share", type=float, default=0.05)
    parser.add_argument("--delay", type=float, default=30)
    parser.add_argument("--timeout", type=float, default=900)
    options = parser.parse_args()
    with Bench() as bench:
        quick = bench.own(Registry(storage="inmemory"))
        prompt = bench.own(ScriptedRegistry())
        without = measure(bench, "without", options, prompt, quick)
        slow = bench.own(ScriptedRegistry(f"slow={options.delay}"))
        with_it = measure(bench, "with", options, slow, quick)
    print(
        f"p99 of the others: {without} ms without, {with_it} ms with an attachment that answers "
        f"after {options.delay:.0f} s: ratio {with_it / max(without, 1):.2f}"
    )


main()

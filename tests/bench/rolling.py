"""See tests/bench/rolling."""

import argparse
import collections
import itertools
import threading
import time

from kafka_bench import Bench, await_true, message, parsed

from support.parts import Registry


class Load(threading.Thread):
    def __init__(self, kafka, topic, rate):
        super().__init__(daemon=True)
        self._kafka, self._topic, self._rate = kafka, topic, rate
        self._stopping = threading.Event()
        self.sent = 0

    def run(self):
        while not self._stopping.wait(0.25):
            count = max(1, self._rate // 4)
            names = itertools.islice(itertools.count(self.sent), count)
            self._kafka.produce(self._topic, [message(f"e{number}") for number in names])
            self.sent += count

    def stop(self):
        self._stopping.set()
        self.join()


def ready(service):
    return b"partition assigned" in service.log.read_bytes()


def main():
    parser = argparse.ArgumentParser(description="rolling restarts under load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=60, help="events a second")
    parser.add_argument("--pause", type=float, default=4, help="seconds between two restarts")
    options = parser.parse_args()
    with Bench() as bench:
        registry = bench.own(Registry(storage="inmemory"))
        topics = bench.topics("rolling", 6)
        config = bench.config(
            "rolling",
            topics,
            registrations=[{"name": "r", "repository": f"{registry.address}/rolling"}],
            attachments=[{"registration": "r", "workflow": {"project": "shop"}}],
        )
        load = Load(bench.kafka, topics["attestations"], options.rate)
        load.start()
        fleet = [bench.serve(config) for _ in range(3)]
        await_true(lambda: all(map(ready, fleet)), 60, "assignment")
        time.sleep(options.pause)
        began = time.time() * 1000
        stops = []
        for number in range(3 * options.rounds):
            slot = number % 3
            before = time.monotonic()
            fleet[slot].stop(30)
            stops.append(time.monotonic() - before)
            fleet[slot] = bench.serve(config)
            await_true(lambda one=fleet[slot]: ready(one), 60, "assignment")
            time.sleep(options.pause)
        ended = time.time() * 1000
        load.stop()
        found = bench.kafka.read_committed(topics["outcomes"], load.sent, 300)
        for service in fleet:
            service.stop(30)
        found = bench.kafka.read_committed(topics["outcomes"], load.sent)
    report(found, load.sent, stops, began, ended)


def report(found, sent, stops, began, ended):
    rows = parsed(found)
    times = sorted(at for _, at in rows if began <= at <= ended)
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    each = collections.Counter((d["input"]["partition"], d["input"]["offset"]) for d, _ in rows)
    by_partition = collections.defaultdict(list)
    for data, at in rows:
        if began <= at <= ended:
            by_partition[data["input"]["partition"]].append(at)
    longest = max(
        later - earlier
        for some in by_partition.values()
        for earlier, later in zip(sorted(some), sorted(some)[1:])
    )
    print(
        f"{len(stops)} restarts, {sent} events: {sent - len(each)} lost, "
        f"{len(rows) - len(each)} doubled; longest time without progress {max(gaps)} ms, "
        f"of one partition {longest} ms; longest stop {max(stops):.1f} s"
    )


if __name__ == "__main__":
    main()

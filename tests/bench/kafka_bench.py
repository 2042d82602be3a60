"""Shared by the benchmarks with Kafka: brokers, topics, the program and its outcomes."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from integration.common import environment, event  # noqa: E402
from support.kafka import Kafka  # noqa: E402
from support.process import Process  # noqa: E402

QUICK = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"}


def binary():
    """Returns the program that WAYBILL_TEST_BINARY names, or builds an optimized one."""
    given = os.environ.pop("WAYBILL_TEST_BINARY", None)
    if given:
        return os.path.abspath(given)
    build = ROOT / "build" / "bench"
    subprocess.run(
        ["cmake", "--preset", "release", "-B", build, "-G", "Ninja"],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )
    subprocess.run(
        ["cmake", "--build", build, "--target", "waybill"],
        check=True, stdout=subprocess.DEVNULL,
    )
    return str(build / "consumer" / "waybill")


class Bench:
    """A broker, a directory, and topics that only this run uses"""

    def __init__(self):
        self.binary = binary()
        self._temporary = tempfile.TemporaryDirectory(
            prefix="waybill-bench-", ignore_cleanup_errors=True
        )
        self.directory = pathlib.Path(self._temporary.name)
        self.kafka = Kafka()
        self._things = [self.kafka]
        self._number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for thing in reversed(self._things):
            thing.close()
        self._temporary.cleanup()

    def own(self, thing):
        self._things.append(thing)
        return thing

    def topics(self, name, partitions=4):
        """Creates the topics. The broker sets the timestamps of the outcomes."""
        found = {"attestations": f"{name}-in", "outcomes": f"{name}-out",
                 "dead_letters": f"{name}-dead"}
        stamped = {"message.timestamp.type": "LogAppendTime"}
        self.kafka.create_topic(found["attestations"], partitions)
        self.kafka.create_topic(found["outcomes"], 2, stamped)
        self.kafka.create_topic(found["dead_letters"])
        return found

    def config(self, name, topics, **sections):
        path = self.directory / f"{name}.yaml"
        kafka = {"brokers": self.kafka.address, "group": name, "topics": topics,
                 "properties": QUICK, **sections.pop("kafka", {})}
        path.write_text(json.dumps({"kafka": kafka, **sections}, indent=1))
        return path

    def serve(self, config):
        self._number += 1
        log = self.directory / f"run-{self._number}.log"
        return Process(
            [self.binary, "run", "--config", config], log, environment(self.directory)
        )


def message(name, project="shop"):
    return name.encode(), json.dumps(event(name, project)).encode(), None


def parsed(messages):
    """Returns (data, the broker's time in milliseconds) for each outcome."""
    return [(json.loads(one.value), one.timestamp) for one in messages]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def await_true(ready, seconds, what):
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            sys.exit(f"no {what} within {seconds:.0f} s")
        time.sleep(0.1)

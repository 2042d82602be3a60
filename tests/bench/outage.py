"""See tests/bench/outage."""

import argparse
import collections
import os
import pathlib
import time

from kafka_bench import Bench, message, parsed

from support.parts import Registry

TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(one for one in status.splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def outage(service, seconds):
    """Returns the CPU time as a share of one processor, the peak memory in MiB, and the maximum
    of descriptors."""
    began, before, most = time.monotonic(), cpu(service.pid), 0
    while time.monotonic() - began < seconds:
        if not service.running():
            raise SystemExit(f"it ended:\n{service.tail()}")
        most = max(most, descriptors(service.pid))
        time.sleep(0.5)
    return (cpu(service.pid) - before) / (time.monotonic() - began), peak(service.pid), most


def main():
    parser = argparse.ArgumentParser(description="a registry that is down, and a backlog")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60, help="of outage")
    options = parser.parse_args()
    with Bench() as bench:
        registry = bench.own(Registry(storage="inmemory"))
        registry.stop()
        topics = bench.topics("outage", 6)
        bench.kafka.produce(
            topics["attestations"], (message(f"e{number}") for number in range(options.events))
        )
        print(f"backlog: {options.events} events; the registry is down", flush=True)
        config = bench.config(
            "outage",
            topics,
            registrations=[{"name": "r", "repository": f"{registry.address}/outage"}],
            attachments=[{"registration": "r", "workflow": {"project": "shop"}}],
        )
        service = bench.serve(config)
        share, memory, most = outage(service, options.seconds)
        letters = len(bench.kafka.read_committed(topics["dead_letters"]))
        ended = len(bench.kafka.read_committed(topics["outcomes"]))
        log = service.log.stat().st_size / 1024
        print(
            f"outage of {options.seconds:.0f} s: {letters} dead letters, {ended} outcomes, peak "
            f"{memory:.1f} MiB, {most} descriptors, {share:.1%} of a processor, "
            f"{log:.0f} KiB of log",
            flush=True,
        )
        began = time.monotonic()
        registry.start()
        first = None
        while first is None:
            if bench.kafka.read_committed(topics["outcomes"]):
                first = time.monotonic() - began
        found = bench.kafka.read_committed(topics["outcomes"], options.events, 3600)
        drained = time.monotonic() - began
        memory, most = peak(service.pid), descriptors(service.pid)
        letters = len(bench.kafka.read_committed(topics["dead_letters"]))
        service.stop(20)
        statuses = collections.Counter(data["status"] for data, _ in parsed(found))
        inputs = {(data["input"]["partition"], data["input"]["offset"]) for data, _ in parsed(found)}
        print(
            f"registry back: first outcome after {first:.1f} s, all after {drained:.1f} s "
            f"({options.events / drained:.0f} a second): {dict(statuses)}, "
            f"{options.events - len(inputs)} lost, {len(found) - len(inputs)} doubled, "
            f"{letters} dead letters; peak {memory:.1f} MiB, {most} descriptors"
        )


main()

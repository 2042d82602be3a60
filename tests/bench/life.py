"""See tests/bench/life."""

import argparse
import pathlib
import statistics
import subprocess
import time

from kafka_bench import Bench, await_true
from rolling import Load

from integration.admin import ask, listening
from support.parts import Registry

TOPIC_PARTITIONS = 6


def await_line(service, text):
    while text not in service.log.read_bytes():
        time.sleep(0.001)


def start(bench, config):
    """Returns the service, its admin port, and the seconds until that port, an assignment and
    /readyz."""
    began = time.monotonic()
    service = bench.serve(config)
    address = listening(service)
    port = time.monotonic() - began
    await_line(service, b'"partition assigned"')
    assigned = time.monotonic() - began
    while ask(address, "/readyz").status != 200:
        time.sleep(0.001)
    return service, address, (port, assigned, time.monotonic() - began)


def stop(service):
    began = time.monotonic()
    service.stop(30)
    return time.monotonic() - began


def join(bench, topic, group):
    """Returns the seconds from the start of kcat to its first assignment."""
    began = time.monotonic()
    command = ["kcat", "-b", bench.kafka.address, "-G", group, topic]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as child:
        for line in child.stderr:
            if b"assigned:" in line:
                break
        took = time.monotonic() - began
        child.terminate()
    return took


def memory(service, name):
    text = pathlib.Path(f"/proc/{service.pid}/status").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith(name + ":")]
    return int(row.split()[1]) / 1024


def configure(bench, name, topics, registry):
    return bench.config(
        name,
        topics,
        registrations=[{"name": "r", "repository": f"{registry.address}/life"}],
        attachments=[{"registration": "r", "workflow": {"project": "shop"}}],
        admin={"listen": "127.0.0.1:0"},
    )


def measure_starts(bench, topics, registry, rounds):
    """Measures each in a group of its own, alternating with kcat, under the same load of the
    machine."""
    ours, theirs, idle = [], [], []
    for number in range(rounds):
        service, _, times = start(bench, configure(bench, f"start-{number}", topics, registry))
        ours.append(times)
        idle.append(memory(service, "VmRSS"))
        stop(service)
        theirs.append(join(bench, topics["attestations"], f"kcat-{number}"))
    return list(zip(*ours)), theirs, idle


def measure_stops(bench, topics, registry, rounds, rate):
    config = configure(bench, "stop", topics, registry)
    load = Load(bench.kafka, topics["attestations"], rate)
    load.start()
    times, resident, peak, flying = [], [], [], []
    for _ in range(rounds):
        service, address, _ = start(bench, config)
        await_true(lambda at=address: succeeded(at) >= rate, 60, "progress")
        resident.append(memory(service, "VmRSS"))
        peak.append(memory(service, "VmHWM"))
        flying.append(ask(address, "/status").json["in_flight"]["records"])
        times.append(stop(service))
    load.stop()
    service, address, _ = start(bench, config)
    found = bench.kafka.read_committed(topics["outcomes"], load.sent, 300)
    stop(service)
    return times, resident, peak, flying, len(found) - load.sent


def succeeded(address):
    return ask(address, "/status").json["registrations"][0]["succeeded"]


def row(name, values, unit="ms"):
    scale = 1000 if unit == "ms" else 1
    middle, least, most = (
        scale * one for one in (statistics.median(values), min(values), max(values))
    )
    digits = 0 if unit == "ms" else 1
    print(f"  {name:42} {middle:8.{digits}f} {least:8.{digits}f} {most:8.{digits}f}  {unit}")


def main():
    parser = argparse.ArgumentParser(description="to begin and to end")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--rate", type=int, default=100, help="events a second")
    options = parser.parse_args()
    with Bench() as bench:
        registry = bench.own(Registry(storage="inmemory"))
        # The first member of a new broker waits until the internal topics of groups exist.
        quiet = bench.topics("quiet", TOPIC_PARTITIONS)
        join(bench, quiet["attestations"], "first")
        stop(start(bench, configure(bench, "first", quiet, registry))[0])
        starts, kcat, idle = measure_starts(bench, quiet, registry, options.rounds)
        busy = bench.topics("busy", TOPIC_PARTITIONS)
        times, resident, peak, flying, wrong = measure_stops(
            bench, busy, registry, options.rounds, options.rate
        )
    print(f"{options.rounds} rounds, {TOPIC_PARTITIONS} partitions, {options.rate} events a second")
    print(f"  {'':42} {'median':>8} {'least':>8} {'most':>8}")
    for name, values in zip(("exec to the admin port", "exec to an assignment",
                             "exec to /readyz 200"), starts):
        row(name, values)
    row("exec of kcat -G to its assignment", kcat)
    row("SIGTERM under load to exit", times)
    row("records in flight at SIGTERM", flying, "")
    row("resident memory, just ready", idle, "MiB")
    row("resident memory under load", resident, "MiB")
    row("its peak", peak, "MiB")
    ratio = statistics.median(starts[-1]) / statistics.median(kcat)
    print(f"  ready / kcat: {ratio:.2f}; outcomes too many or too few: {wrong}")


main()

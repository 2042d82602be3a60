"""Measures the CPU time per event of waybill with Kafka, and of a bare libcurl loop."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.kafka import Kafka  # noqa: E402
from support.parts import Registry  # noqa: E402

ROUNDS = 3
CONCURRENCY = 32


def events(count, mark):
    event = json.loads((ROOT / "tests/fixtures/events/shop-build.json").read_text())
    event["attestation"].pop("digest", None)
    for i in range(count):
        event["run"]["id"] = f"{mark}-{i}"
        event["attestation"]["envelope"]["signatures"][0]["keyid"] = f"{mark}-{i}"
        yield json.dumps(event).encode()


def layer_size():
    event = json.loads((ROOT / "tests/fixtures/events/shop-build.json").read_text())
    return len(json.dumps(event["attestation"]["envelope"], separators=(",", ":")))


def write_config(folder, kafka, registry, mark):
    path = pathlib.Path(folder) / "config.yaml"
    path.write_text(
        f"kafka:\n  brokers: {kafka.address}\n  group: {mark}\n"
        f"  topics: {{attestations: {mark}-in, outcomes: {mark}-out,"
        f" dead_letters: {mark}-dead}}\n"
        f"registrations: [{{name: r, repository: '{registry.address}/acme/att'}}]\n"
        "attachments: [{registration: r, workflow: {project: shop}}]\n"
        f"delivery: {{concurrency: {CONCURRENCY}}}\nlog: {{level: info}}\n"
    )
    return str(path)


def run_waybill(binary, kafka, registry, folder, count, mark):
    for topic, partitions in (("in", 4), ("out", 2), ("dead", 1)):
        kafka.create_topic(f"{mark}-{topic}", partitions)
    kafka.produce(f"{mark}-in", [(None, value, []) for value in events(count, mark)])
    config = write_config(folder, kafka, registry, mark)
    began = time.monotonic()
    with subprocess.Popen(
        [binary, "run", "--config", config], stderr=subprocess.DEVNULL
    ) as process:
        outcomes = kafka.read_committed(f"{mark}-out", count, 300)
        seconds = time.monotonic() - began
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        process.terminate()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    succeeded = sum(json.loads(o.value)["status"] == "succeeded" for o in outcomes)
    if succeeded != count or len(outcomes) != count:
        sys.exit(f"{succeeded} of {count} succeeded")
    cost = (usage.ru_utime + usage.ru_stime) * 1e6 / count
    return cost, count / seconds, int(peak.split()[1]) / 1024


def run_bare(binary, registry, count):
    result = subprocess.run(
        [binary, f"{registry.address}/acme/bare", str(count), str(CONCURRENCY),
         str(layer_size())],
        capture_output=True, text=True, check=True,
    )
    return float(result.stdout)


def main():
    build, count = sys.argv[1], int(sys.argv[2])
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        kafka, registry = Kafka(), Registry(storage="inmemory")
        for round_number in range(ROUNDS):
            bare = run_bare(f"{build}/tests/bench/bench_bare", registry, count)
            ours, rate, peak = run_waybill(
                f"{build}/consumer/waybill", kafka, registry, folder, count,
                f"bench-{round_number}",
            )
            ratios.append(ours / bare)
            print(
                f"round {round_number + 1}: waybill {ours:.0f} us an event, bare loop "
                f"{bare:.0f} us, ratio {ours / bare:.2f} ({rate:.0f} events/s, "
                f"peak {peak:.1f} MiB)", flush=True,
            )
        kafka.close()
        registry.close()
    print(
        f"CPU per event, Kafka included, against a bare libcurl loop: "
        f"median {statistics.median(ratios):.2f} "
        f"(from {min(ratios):.2f} to {max(ratios):.2f}; {count} events a round, "
        f"{CONCURRENCY} at a time)"
    )


main()

"""See tests/bench/idle."""

import argparse
import os
import time

from kafka_bench import Bench

from integration.admin import ask, listening, sample, scrape

PROBE_S, SCRAPE_S = 5, 15


def watch(address, seconds):
    """Polls the service as a kubelet and a Prometheus server do."""
    began, turn = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        ask(address, "/livez")
        ask(address, "/readyz")
        if turn % (SCRAPE_S // PROBE_S) == 0:
            scrape(address)
        turn += 1
        time.sleep(PROBE_S)
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description="what waiting costs")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with Bench() as bench:
        topics = bench.topics("idle", 6)
        config = bench.config(
            "idle",
            topics,
            registrations=[{"name": "r", "repository": "127.0.0.1:1/idle"}],
            attachments=[{"registration": "r", "workflow": {"project": "shop"}}],
            admin={"listen": "127.0.0.1:0"},
        )
        service = bench.serve(config)
        address = listening(service)
        while ask(address, "/readyz").status != 200:
            time.sleep(0.1)
        time.sleep(2)
        before = sample(scrape(address), "process_cpu_seconds_total")
        elapsed = watch(address, options.seconds)
        after = scrape(address)
        share = (sample(after, "process_cpu_seconds_total") - before) / elapsed
        memory = sample(after, "process_resident_memory_bytes") / (1 << 20)
        late = sample(after, "waybill_loop_lag_seconds_sum")
        ticks = sample(after, "waybill_loop_lag_seconds_count")
        print(
            f"idle for {elapsed:.0f} s with 6 partitions, probed and scraped: "
            f"{memory:.1f} MiB resident, {share:.2%} of a processor, "
            f"{len(os.listdir(f'/proc/{service.pid}/task'))} threads, "
            f"{sample(after, 'process_open_fds'):.0f} descriptors; timers "
            f"{1000 * late / ticks:.1f} ms late in the mean"
        )
        service.stop(20)


main()

#!/usr/bin/env python3
"""Prometheus itself scrapes a service, with the alerts and the dashboard of deploy/:
what they ask for is there, a service that is well has no alert, and one that is not has
those that it should.

Alerts that wait are `pending` here; that they fire in the end is what their tests with
promtool are for (tests/lint/check_metrics.py). WAYBILL_TEST_KAFKA as for test_kafka.py.
"""

import json
import pathlib
import subprocess
import sys
import urllib.parse
import urllib.request

from admin import sample, scrape
from common import EXIT_OK, TESTS, main
from test_admin import AdminCase

# This skips the whole file if confluent_kafka is missing.
from test_kafka import message_of

from support.parts import Registry
from support.process import Process, parts

sys.path.insert(0, str(TESTS / "lint"))
import check_metrics  # noqa: E402

# The variables of a dashboard, set as by the choice `All`
VARIABLES = {
    "$__rate_interval": "1m",
    "$job": "waybill",
    "$instance": ".+",
    "$registration": ".+",
}


class Prometheus(Process):
    """It scrapes one service every second, and evaluates its alerts as often."""

    def __init__(self, binary, folder, address):
        folder = pathlib.Path(folder) / "prometheus"
        folder.mkdir()
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(check_metrics.ROOT / check_metrics.RULES)],
            "scrape_configs": [{"job_name": "waybill", "static_configs": [{"targets": [address]}]}],
        }
        file = folder / "prometheus.yml"
        file.write_text(json.dumps(settings))
        super().__init__(
            [
                binary,
                f"--config.file={file}",
                f"--storage.tsdb.path={folder}/data",
                "--web.listen-address=127.0.0.1:0",
            ],
            folder / "log",
        )
        self.address = self.wait_until(self.port, 30)

    def ask(self, what, **parameters):
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.address}/api/v1/{what}?{query}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def scraped(self):
        try:
            return self.query('up{job="waybill"} == 1')
        except OSError:
            return None

    def alerts(self):
        return {one["labels"]["alertname"]: one["state"] for one in self.ask("alerts")["alerts"]}


class Scraped(AdminCase):
    def prometheus(self, address):
        try:
            binary = parts("parts_prometheus")
        except subprocess.CalledProcessError:
            self.skipTest("no prometheus (Debian's)")
        prometheus = Prometheus(binary, self.directory, address)
        self.addCleanup(prometheus.kill)
        prometheus.wait_until(prometheus.scraped, 30)
        return prometheus

    def await_alert(self, prometheus, name, state):
        self.until(lambda: prometheus.alerts().get(name) == state, 60, f"{name} {state}")

    def test_a_service_that_is_well_has_all_that_is_asked_for_and_no_alert(self):
        self.create(2)
        service, address = self.watched()
        self.await_ready(service, address)
        prometheus = self.prometheus(address)
        for batch in range(3):
            self.kafka.produce(self.source, [message_of(f"{batch}-{n}") for n in range(10)])
            least = 10 * batch + 10
            self.await_sample(service, address, least, "waybill_records_completed_total")
        lag = "waybill_consumer_lag_records"
        self.until(lambda: sample(scrape(address), lag) == 0, 30, "lag 0", service)
        done = "sum(waybill_records_completed_total) == 30 and sum(waybill_consumer_lag_records) == 0"
        self.until(lambda: prometheus.query(done), 30, "all of it in Prometheus")

        queries = check_metrics.read_queries()
        text = check_metrics.read_rules() + "\n".join(queries)
        names = sorted(set(check_metrics.OURS.findall(text)))
        self.assertGreater(len(names), 25)
        for name in names:
            self.assertTrue(prometheus.query(name), f"nothing is scraped of {name}")
        drawn = 0
        for query in queries:
            if query.startswith("label_values("):
                continue
            for variable, value in VARIABLES.items():
                query = query.replace(variable, value)
            found = prometheus.query(query)
            drawn += 1
            # These panels are empty as long as there are no problems.
            if not query.endswith("> 0") and not query.startswith("ALERTS"):
                self.assertTrue(found, f"the dashboard has nothing to draw for {query}")

        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        self.assertEqual({rule["health"] for rule in rules}, {"ok"}, rules)
        # Lag before the first completed record may have made an alert pending for a second.
        self.until(lambda: prometheus.alerts() == {}, 30, "silence")
        self.assertEqual(prometheus.query('count_over_time(ALERTS{alertstate="firing"}[1h])'), [])
        print(
            f"{len(names)} metrics scraped, {drawn} queries of the dashboard drawn, "
            f"{len(rules)} alerts silent",
            flush=True,
        )
        self.assertEqual(service.terminate(30), EXIT_OK)

    def test_a_service_in_trouble_has_the_alerts_that_say_which(self):
        self.create(2)
        with Registry() as other:
            other.stop()
            service, address = self.watched(other)
            self.await_ready(service, address)
            prometheus = self.prometheus(address)
            # The first evaluation may have preceded the first scrape.
            self.until(lambda: prometheus.alerts() == {}, 30, "silence")
            self.kafka.produce(self.source, [(b"k", b"{", None)])
            self.await_alert(prometheus, "WaybillDeadLetters", "firing")
            self.kafka.produce(self.source, [message_of("stuck", project="payments")])
            self.await_alert(prometheus, "WaybillRegistryDown", "pending")
            service.kill()
            self.await_alert(prometheus, "WaybillInstanceDown", "pending")
            self.await_alert(prometheus, "WaybillNoneReady", "pending")


if __name__ == "__main__":
    main()

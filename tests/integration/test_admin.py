#!/usr/bin/env python3
"""The admin port of a working service, on Apache Kafka: before, during and after its work, for
Prometheus and for a person with a browser.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
WAYBILL_TEST_PICTURES=FOLDER keeps screenshots of the page.
"""

import os
import pathlib
import subprocess
import unittest

from admin import ask, listening, sample, scrape
from common import EXIT_OK, main

# This skips the whole file if confluent_kafka is missing.
from test_kafka import KafkaCase, message_of

from support.browser import Browser, chromium_path
from support.page_layout import FAINT, OPEN_ALL, TOO_WIDE
from support.parts import Registry
from support.process import parts
from support.scripted_registry import ScriptedRegistry
from support.status_documents import healthy

# Families on which dashboards and alerts of users depend
PROMISED = """
    waybill_build_info waybill_config_info waybill_ready
    waybill_records_consumed_total waybill_records_in_flight
    waybill_records_completed_total waybill_record_age_seconds_bucket
    waybill_last_completed_timestamp_seconds waybill_deliveries_total
    waybill_last_delivery_timestamp_seconds
    waybill_delivery_duration_seconds_bucket waybill_delivery_retries_total
    waybill_dead_letters_total waybill_rebalances_total waybill_transactions_total
    waybill_log_messages_total waybill_loop_lag_seconds_bucket
    process_cpu_seconds_total process_resident_memory_bytes process_open_fds
    process_start_time_seconds
""".split()
OF_PARTITIONS = ["waybill_consumer_lag_records", "waybill_offsets_pending"]
TWO = [
    {"registration": "local", "workflow": {"project": "shop"}, "name": "one"},
    {"registration": "other", "workflow": {"project": "payments"}, "name": "two"},
]


class AdminCase(KafkaCase):
    def watched(self, other=None, **sections):
        """A service and the address of its admin port. With another registry there is a second
        registration, `other`."""
        sections.setdefault("admin", {"listen": "127.0.0.1:0"})
        if other is not None:
            sections["attachments"] = TWO
        path = self.configure(**sections)
        if other is not None:
            text = pathlib.Path(path).read_text()
            row = f'{{"name": "other", "repository": "{other.address}/{self.repository}"}},'
            text = text.replace('"registrations": [', f'"registrations": [{row}', 1)
            pathlib.Path(path).write_text(text)
        service = self.serve(path)
        return service, listening(service)

    def await_ready(self, service, address):
        self.until(lambda: ask(address, "/readyz").status == 200, 60, "readiness", service)

    def await_sample(self, service, address, least, name, **labels):
        def there():
            return (sample(scrape(address), name, **labels) or 0) >= least

        self.until(there, 60, f"{name} {labels}", service)


class Watched(AdminCase):
    def test_every_series_is_there_from_the_start_and_counts_what_was_done(self):
        self.create(2)
        service, address = self.watched()
        before = scrape(address)
        for name in PROMISED:
            self.assertIsNotNone(sample(before, name), name)
        self.await_ready(service, address)
        for name in OF_PARTITIONS:
            self.until(lambda: sample(scrape(address), name) is not None, 30, name, service)
        self.assertEqual(sample(before, "waybill_deliveries_total", registration="local"), 0)
        start = scrape(address)

        good = [message_of(f"event-{number}") for number in range(5)]
        skipped = [message_of("lab", project="lab")]
        self.kafka.produce(self.source, [*good, *skipped, (b"k", b"{", None)])
        self.await_sample(service, address, 7, "waybill_records_completed_total")
        after = scrape(address)
        self.assertLessEqual(set(start), set(after))  # No session was lost and none is new:
        self.assertEqual({name for name, _ in after}, {name for name, _ in start})
        for name, labels, expected in (
            ("waybill_records_consumed_total", {"topic": self.source}, 7),
            ("waybill_records_completed_total", {"result": "succeeded"}, 5),
            ("waybill_records_completed_total", {"result": "skipped"}, 1),
            ("waybill_records_completed_total", {"result": "failed"}, 1),
            ("waybill_deliveries_total", {"registration": "local", "result": "succeeded"}, 5),
            ("waybill_deliveries_total", {"result": "failed"}, 0),
            ("waybill_delivery_duration_seconds_count", {"registration": "local"}, 5),
            ("waybill_record_age_seconds_count", {}, 7),
            ("waybill_dead_letters_total", {"class": "schema"}, 1),
            # Deprecated; the same value
            ("waybill_dead_letters_total", {"kind": "schema"}, 1),
            ("waybill_dead_letters_total", {}, 1),
            ("waybill_records_in_flight", {}, 0),
            ("waybill_partitions_assigned", {}, 2),
        ):
            self.assertEqual(sample(after, name, **labels), expected, (name, labels))
        self.assertGreater(sample(after, "waybill_last_completed_timestamp_seconds"), 1.7e9)
        self.assertGreaterEqual(sample(after, "waybill_transactions_total", result="committed"), 1)
        # The last record is followed by markers; then there is no lag.
        lag = "waybill_consumer_lag_records"
        self.until(lambda: sample(scrape(address), lag) == 0, 30, "lag 0", service)
        self.assertEqual(sample(scrape(address), "waybill_offsets_pending"), 0)
        self.assertEqual(service.terminate(30), EXIT_OK)

    def test_promtool_finds_nothing_to_say(self):
        try:
            promtool = parts("parts_promtool")
        except subprocess.CalledProcessError:
            self.skipTest("no promtool (Debian's prometheus)")
        self.create(1)
        service, address = self.watched()
        self.await_ready(service, address)
        self.kafka.produce(self.source, [message_of("a")])
        self.await_sample(service, address, 1, "waybill_records_completed_total")
        text = ask(address, "/metrics").body
        done = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_lag_and_what_is_stuck_show_while_a_registry_is_down(self):
        self.create(1)
        with Registry() as other:
            other.stop()
            service, address = self.watched(other)
            self.await_ready(service, address)
            names = [f"event-{number}" for number in range(8)]
            waiting = [message_of(name, project="payments") for name in names]
            self.kafka.produce(self.source, waiting)
            self.kafka.produce(self.source, [message_of("flows")])
            self.await_sample(service, address, 1, "waybill_registration_down")
            self.await_sample(service, address, 1, "waybill_deliveries_total", registration="local")
            status = ask(address, "/status").json
            down, up = status["registrations"]
            self.assertEqual((down["name"], down["state"]), ("other", "down"))
            self.assertEqual((up["name"], up["state"]), ("local", "flowing"))
            self.assertIn("since", down)
            self.assertIn("Failed to connect", down["last_error"]["message"])
            self.assertEqual(down["waiting"] + down["running"], 8)
            self.assertEqual(status["in_flight"]["records"], 8)
            first = status["in_flight"]["oldest"][0]
            self.assertEqual((first["offset"], first["registration"]), (0, "other"))
            self.assertEqual(status["recent"][0]["status"], "succeeded")
            self.assertEqual(status["recent"][0]["registration"], "local")
            (partition,) = status["partitions"]
            self.assertGreaterEqual(partition["lag"], 9)
            self.assertTrue(status["ready"])  # A restart would not help.
            self.assertGreaterEqual(
                sample(scrape(address), "waybill_delivery_retries_total", kind="unreachable"), 1
            )
            other.start()
            self.await_sample(service, address, 9, "waybill_records_completed_total")
            samples = scrape(address)
            self.assertEqual(sample(samples, "waybill_registration_down"), 0)
            self.assertEqual(sample(samples, "waybill_records_in_flight"), 0)
        self.assertEqual(service.terminate(30), EXIT_OK)

    def test_a_member_without_a_partition_is_ready_and_one_that_stops_is_not(self):
        self.create(1)
        with ScriptedRegistry("hang") as other:
            one = self.watched(other)
            self.await_ready(*one)
            two = self.watched(other)
            self.await_ready(*two)

            def assigned(address):
                return len(ask(address, "/status").json["partitions"])

            self.until(lambda: assigned(one[1]) + assigned(two[1]) == 1, 30, "one owner", one[0])
            owner, address = one if assigned(one[1]) else two
            self.kafka.produce(self.source, [message_of("a", project="payments")])
            self.await_sample(owner, address, 1, "waybill_deliveries_running")
            owner.signal(15)  # It hangs during a push, and waits for that for a while.
            answer = self.until(
                lambda: (found := ask(address, "/readyz")).status == 503 and found, 10, "503", owner
            )
            self.assertIn("stopping", answer.json["reasons"][0])
            self.assertEqual(ask(address, "/livez").status, 200)

    def test_it_says_what_it_is_and_with_which_configuration(self):
        self.create(1)
        service, address = self.watched()
        self.await_ready(service, address)
        status = ask(address, "/status").json
        self.assertEqual(status["kafka"]["group"], self.group)
        path, env = self.directory / "config.yaml", {"WAYBILL_ADMIN_LISTEN": address}
        done = self.waybill("--config", path, "status", env=env)
        self.assert_status(done, EXIT_OK)
        self.assertTrue(done.out.startswith("ready\n"), done.out)
        self.assertIn(f"\ngroup          {self.group},", done.out)
        self.assertLessEqual({"waybill", "librdkafka", "libcurl", "cJSON"}, set(status["build"]))
        self.assertRegex(status["configuration"], r"^sha256:[0-9a-f]{64}$")
        labels = {"revision": status["configuration"].removeprefix("sha256:")}
        self.assertEqual(sample(scrape(address), "waybill_config_info", **labels), 1)


@unittest.skipUnless(chromium_path(), "Chromium is not installed")
class Page(AdminCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser.of(cls)

    def setUp(self):
        super().setUp()
        # What people see in the screenshots
        number = self.name.rpartition("-")[2]
        self.topics = {
            "attestations": f"attestations-{os.getpid()}-{number}",
            "replays": f"attestation-replays-{os.getpid()}-{number}",
            "outcomes": f"attestation-outcomes-{os.getpid()}-{number}",
            "dead_letters": f"attestation-dead-letters-{os.getpid()}-{number}",
        }
        self.source = self.topics["attestations"]
        self.group = f"waybill-{os.getpid()}-{number}"

    def shown(self, address, size=(1400, 900), dark=False, condition="#all:not([hidden])"):
        """Returns the page after its first update."""
        page = self.browser.page(*size, dark)
        self.addCleanup(page.close)
        page.open(f"http://{address}/")
        page.wait_for("document.readyState === 'complete'")
        page.wait_for(f"document.querySelectorAll('{condition}').length")
        return page

    def title(self, page):
        return page.evaluate("document.title")

    def check_layout(self, address, name):
        """On a phone, a tablet and a desktop, light and dark"""
        for size in ((390, 844), (768, 1024), (1400, 900)):
            for dark in (False, True):
                page = self.shown(address, size, dark)
                self.assertEqual(page.evaluate(TOO_WIDE), [], (name, size))
                self.assertEqual(page.evaluate(FAINT), [], (name, size, dark))
                self.assertEqual(page.complaints(), [], name)
                if folder := os.environ.get("WAYBILL_TEST_PICTURES"):
                    shade = "-dark" if dark else ""
                    page.screenshot(pathlib.Path(folder) / f"real-{name}-{size[0]}{shade}.png")

    def test_it_shows_that_all_is_well(self):
        self.create(2)
        service, address = self.watched()
        self.await_ready(service, address)
        self.kafka.produce(self.source, [message_of(f"event-{number}") for number in range(12)])
        self.await_sample(service, address, 12, "waybill_records_completed_total")
        page = self.shown(address)
        self.assertEqual(self.title(page), "No problems · Waybill")
        self.assertIn("Ready to deliver; no registration has a problem;", page.text("body"))
        self.assertIn("Succeeded\n12", page.text("body"))
        page.evaluate(OPEN_ALL)
        self.assertEqual(page.count("#problems > li"), 0)
        outcomes = page.evaluate(
            "[...document.querySelectorAll('#recent tr, #more-recent tr')].map((r) => r.innerText)"
        )
        done = [row for row in outcomes if row.startswith("succeeded")]
        self.assertEqual(len(done), 12)
        self.assertIn(f"/{self.repository}", done[0])
        # A sample is taken every ten seconds.
        page.wait_for("document.querySelector('#charts path.first').getAttribute('d')")
        self.check_layout(address, "healthy")
        # The members of the recorded documents are those of a real one.
        real, recorded = ask(address, "/status").json, healthy()
        self.assertEqual(set(real) - {"sandbox"}, set(recorded) - {"sandbox"})
        for name in ("partitions", "recent", "registrations"):
            self.assertEqual(set(real[name][0]), set(recorded[name][0]), name)

    def test_it_shows_that_the_service_is_gone(self):
        self.create(1)
        service, address = self.watched()
        self.await_ready(service, address)
        page = self.shown(address)
        self.assertEqual(service.terminate(30), EXIT_OK)
        page.wait_for("document.title === 'No response · Waybill'")
        self.assertRegex(page.text("body"), r"^No response since \d\d:\d\d:\d\d")
        self.assertTrue(page.count("body.stale"))

    def test_it_shows_that_a_configuration_is_refused(self):
        self.create(1)
        service, address = self.watched()
        self.await_ready(service, address)
        path = self.directory / "config.yaml"
        path.write_text(path.read_text().replace('"delivery"', '"delivry"'))
        self.await_sample(service, address, 1, "waybill_config_reloads_total", result="refused")
        page = self.shown(address)
        self.assertEqual(self.title(page), "1 problem · Waybill")
        self.assertIn("The new configuration is invalid", page.text("body"))
        self.assertIn("did you mean 'delivery' (since", page.text("body"))
        self.assertIn("The previous configuration stays active.", page.text("body"))

    def test_it_shows_which_registry_is_down_and_that_the_rest_is_delivered(self):
        self.create(2)
        with Registry() as other:
            other.stop()
            service, address = self.watched(other)
            self.await_ready(service, address)
            names = [f"event-{number}" for number in range(12)]
            self.kafka.produce(self.source, [message_of(name) for name in names])
            self.kafka.produce(self.source, [message_of("stuck", project="payments")] * 6)
            self.await_sample(service, address, 1, "waybill_registration_down")
            self.await_sample(service, address, 12, "waybill_records_completed_total")
            page = self.shown(address)
            self.assertEqual(self.title(page), "1 problem · Waybill")
            problem = page.text("#problems")
            self.assertIn(f"{other.address} is down", problem)
            self.assertRegex(problem, r"since \d\d:\d\d:\d\d \(.+\)")
            self.assertRegex(problem, r"Registration other: \d deliver(y waits|ies wait)")
            self.assertRegex(problem, r"Next attempt in|An attempt is in progress")
            self.assertIn("Failed to connect", problem)
            self.assertIn("Succeeded\n12", page.text("body"))
            self.check_layout(address, "registry-down")

    def test_it_shows_dead_letters_and_what_to_do(self):
        self.create(2)
        with ScriptedRegistry("400-manifest-invalid") as other:
            service, address = self.watched(other)
            self.await_ready(service, address)
            self.kafka.produce(self.source, [message_of(f"event-{n}") for n in range(6)])
            self.kafka.produce(self.source, [message_of("refused", project="payments")])
            self.kafka.produce(self.source, [(b"k", b"<script>alert(1)</script>", None)] * 2)
            self.await_sample(service, address, 9, "waybill_records_completed_total")
            page = self.shown(address)
            self.assertEqual(self.title(page), "1 warning · Waybill")
            text = page.text("body")
            self.assertIn("3 dead letters since the start", text)
            self.assertIn(f"to topic {self.topics['dead_letters']}: schema 2, rejected 1.", text)
            self.assertIn("waybill replay stats", text)
            outcomes = page.text("#recent")
            self.assertIn("failed: schema", outcomes)
            self.assertIn("failed: rejected", outcomes)
            self.assertIn("(project payments)", outcomes)
            self.assertIn("Reason: ", outcomes)
            self.assertEqual(page.count("script"), 4)
            self.check_layout(address, "dead-letters")

    def test_it_asks_for_the_token(self):
        self.create(1)
        service, address = self.watched(admin={"listen": "127.0.0.1:0", "token": "s3cret"})
        self.await_ready(service, address)
        page = self.shown(address, condition="#login:not([hidden])")
        self.assertIn("A token is required", page.text("body"))
        self.assertNotIn(self.group, page.text("body"))
        page.evaluate(
            "document.getElementById('token').value = 's3cret';"
            "document.querySelector('#login button').click()"
        )
        page.wait_for("document.title === 'No problems · Waybill'")
        self.assertIn(self.group, page.text("body"))


if __name__ == "__main__":
    main()

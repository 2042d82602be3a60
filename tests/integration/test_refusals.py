#!/usr/bin/env python3
"""Which deliveries a refusal concerns: `waybill run` on Apache Kafka, with a registry that
denies one path, is hidden by another server, or accepts nothing for a while.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import time

from common import main
from test_delivery import DeliveryCase
from test_kafka import QUICK

from support.scripted_registry import ScriptedRegistry

# Two attachments of one registration. The registry denies the prefix of the second one.
PATHS = [
    {"registration": "local", "workflow": {"project": "shop"}, "name": "allowed"},
    {
        "registration": "local",
        "workflow": {"project": "payments"},
        "name": "refused",
        "prefix": "closed",
    },
]
# With these limits, everything that may be given up is given up at once.
HASTY = {**QUICK, "max_attempts": 2, "max_age": "1s", "hold_retry": "1s"}


class Refusals(DeliveryCase):
    def configure_one(self, registry, attachments=PATHS, **delivery):
        self.create(1)
        return self.configure(
            address=registry.address, attachments=attachments, delivery=delivery
        )

    def test_a_denied_path_delays_no_other_path_of_its_registration(self):
        with ScriptedRegistry("denied-path=/closed-") as registry:
            path = self.configure_one(registry, **{**QUICK, "hold_retry": "5s"})
            service = self.serve(path)
            self.produce(*(f"refused-{i}" for i in range(20)), project="payments")
            self.await_log(service, "credentials refused, holding delivery")
            for i in range(3):
                self.produce(*(f"again-{i}-{j}" for j in range(10)), project="payments")
                began = time.monotonic()
                self.produce(f"allowed-{i}")
                found = self.outcomes(i + 1, timeout=20)
                self.assertLess(time.monotonic() - began, 5)
                self.assertEqual({data["status"] for data in found}, {"succeeded"})
            self.await_log(service, "attachment refused, holding it")
            registry.play()
            self.finish(service)
        self.assertEqual({data["status"] for data in self.outcomes(53)}, {"succeeded"})

    def test_a_denied_path_ends_by_attempts_and_age_while_others_succeed(self):
        with ScriptedRegistry("denied-path=/closed-") as registry:
            path = self.configure_one(registry, **HASTY)
            service = self.serve(path)
            self.produce("refused", project="payments")
            self.await_log(service, "credentials refused, holding delivery")
            time.sleep(3)  # Alone it would be held for ever.
            for i in range(4):
                self.produce(f"allowed-{i}")
                time.sleep(1)
            self.finish(service)
        failed = [data for data in self.outcomes(5) if data["status"] == "failed"]
        self.assertEqual([data["error"]["class"] for data in failed], ["auth"])
        self.assertEqual(failed[0]["attachment"], "refused")
        self.assertGreaterEqual(failed[0]["attempts"], 2)

    def check_passes(self, scenario, delivery, always=()):
        names = [f"event-{i}" for i in range(60)]
        with ScriptedRegistry(*always) as registry:
            path = self.configure_one(registry, **delivery)
            service = self.serve(path)
            self.produce("first")
            self.outcomes(1)
            registry.play(*always, scenario)
            self.produce(*names)
            time.sleep(3)
            registry.play(*always)
            self.finish(service)
        found = self.outcomes(61)
        self.assertEqual([data for data in found if data["status"] != "succeeded"], [])
        return service

    def test_an_ingress_without_a_backend_makes_no_dead_letters(self):
        self.check_passes("ingress", {**QUICK, "max_age": "1h"})

    def test_a_login_page_makes_no_dead_letters(self):
        self.check_passes("login-page", {**QUICK, "max_age": "1h"})

    def test_an_ingress_in_front_of_the_token_server_makes_no_dead_letters(self):
        tokens = ("auth-bearer", "token-anonymous")
        service = self.check_passes("ingress@token", {**QUICK, "max_age": "1h"}, tokens)
        self.assertFalse(service.says("credentials refused"))

    def test_a_registry_that_is_read_only_makes_no_dead_letters(self):
        self.check_passes("read-only", HASTY)

    def test_a_quota_makes_no_dead_letters(self):
        self.check_passes("quota", HASTY)


if __name__ == "__main__":
    main()

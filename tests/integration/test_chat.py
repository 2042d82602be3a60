#!/usr/bin/env python3
"""`waybill run` to stand-ins of Slack and Discord on Apache Kafka: what is posted, what is
written, and how little is sent to a service that limits or refuses.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
WAYBILL_TEST_CHAT_EVENTS=1000 makes the test of the pace as slow as Slack itself: one
message per second.
"""

import collections
import json
import os
import threading
import time
import urllib.parse

from common import main

# This skips the whole file if confluent_kafka is missing.
from test_kafka import QUICK, KafkaCase, message_of

from support import minted
from support.scripted_registry import ScriptedRegistry
from support.webhook_receiver import WebhookReceiver

EVENTS = int(os.environ.get("WAYBILL_TEST_CHAT_EVENTS", "300"))
PER_SECOND = 1 if EVENTS >= 1000 else 10
GONE = {"slack": (404, {}, b"no_service")}
GONE["discord"] = (404, {}, b'{"message": "Unknown Webhook", "code": 10015}')
DONE = {"slack": (200, {}, b"ok"), "discord": (200, {}, b'{"id": "1102673482913091604"}')}
PATHS = {"slack": "services/T0/B0", "discord": "api/webhooks/123"}


class Limited:
    """Accepts a message only if the previous one is 1/per_second old, as a channel of Slack."""

    def __init__(self, per_second):
        self.interval = 1 / per_second
        self.lock = threading.Lock()
        self.next, self.answers, self.accepted = 0.0, collections.Counter(), []

    def __call__(self, request):
        with self.lock:
            now = time.monotonic()
            wait = self.next - now
            status = 429 if wait > 0 else 200
            self.answers[status] += 1
            if wait > 0:
                return 429, {"Retry-After": f"{self.interval:.9g}"}, b"rate_limited"
            self.next = now + self.interval
            self.accepted.append(json.loads(request.body)["blocks"][-1])
            return DONE["slack"]


class Chat(KafkaCase):
    def setUp(self):
        super().setUp()
        self.create()

    def chat(self, receivers, registry=None, delivery=QUICK, **attachment):
        """receivers: {"slack" or "discord", or one of these and a number: WebhookReceiver}"""
        registrations = [
            {
                "name": name,
                "integration": f"{name.rstrip('0123456789')}-webhook",
                "webhook": f"{receiver.url}/{PATHS[name.rstrip('0123456789')]}/{minted.mint()}",
            }
            for name, receiver in receivers.items()
        ]
        if registry:
            repository = f"{registry.address}/{self.repository}"
            registrations.append({"name": "registry", "repository": repository})
        attachments = [
            {"registration": row["name"], "workflow": {"project": "shop"}}
            | (attachment if row["name"] != "registry" else {})
            for row in registrations
        ]
        kafka = {"brokers": self.kafka.address, "group": self.group, "topics": self.topics}
        return self.config(
            {
                "kafka": kafka,
                "registrations": registrations,
                "attachments": attachments,
                "delivery": delivery,
                "admin": {"listen": "off"},
            }
        )

    def produce(self, count):
        self.kafka.produce(self.source, [message_of(f"event-{i}") for i in range(count)])

    def outcomes(self, count, timeout=60):
        return [json.loads(message.value) for message in self.read("outcomes", count, timeout)]

    def test_an_event_is_a_message_in_slack_and_in_discord(self):
        with WebhookReceiver(DONE["slack"]) as slack, WebhookReceiver(DONE["discord"]) as discord:
            self.produce(1)
            service = self.serve(self.chat({"slack": slack, "discord": discord}))
            found = {data["registration"]: data for data in self.outcomes(2)}
            self.until_done(service)
            self.stop(service)
            (to_slack,), (to_discord,) = slack.requests(), discord.requests()
        self.assertEqual({data["status"] for data in found.values()}, {"succeeded"})
        self.assertEqual(found["discord"]["result"]["id"], "1102673482913091604")
        self.assertEqual(found["discord"]["result"]["reference"], "1102673482913091604")
        blocks = json.loads(to_slack.body)["blocks"]
        self.assertEqual(blocks[0]["type"], "header")
        event_id = f"{self.source}/0/0"
        self.assertIn(event_id, json.dumps(blocks[-1]))
        query = urllib.parse.urlsplit(to_discord.path).query
        self.assertEqual(urllib.parse.parse_qs(query), {"wait": ["true"]})
        body = json.loads(to_discord.body)
        self.assertEqual(body["allowed_mentions"], {"parse": []})
        self.assertEqual(body["embeds"][0]["footer"], {"text": event_id})

    def test_a_delay_is_heeded_by_its_own_webhook_only(self):
        times = []

        def limit_first(_):
            times.append(time.monotonic())
            return (429, {"Retry-After": "2.5"}, b"") if len(times) == 1 else DONE["slack"]

        with WebhookReceiver(limit_first) as limited, WebhookReceiver(DONE["slack"]) as free:
            self.produce(3)
            service = self.serve(self.chat({"slack1": limited, "slack2": free}))
            found = [data["registration"] for data in self.outcomes(6)]
            self.until_done(service)
            self.stop(service)
        self.assertEqual(found, ["slack2"] * 3 + ["slack1"] * 3)
        self.assertEqual(len(times), 4)
        self.assertGreaterEqual(times[1] - times[0], 2.5)

    def test_a_bucket_that_discord_says_is_empty_is_not_asked(self):
        bucket = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "0.8"}
        times = []

        def take(_):
            times.append(time.monotonic())
            return 200, bucket, b"{}"

        with WebhookReceiver(take) as discord:
            self.produce(4)
            service = self.serve(self.chat({"discord": discord}))
            self.outcomes(4)
            self.until_done(service)
            self.stop(service)
        gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
        self.assertEqual(len(times), 4)
        self.assertGreaterEqual(min(gaps), 0.8)

    def test_a_webhook_that_is_gone_is_hardly_asked_until_it_is_back(self):
        for name in ("slack", "discord"):
            with self.subTest(name), WebhookReceiver(GONE[name]) as receiver:
                self.produce(20)
                service = self.serve(
                    self.chat({name: receiver}, delivery={**QUICK, "hold_retry": "2s"})
                )
                held = "credentials refused, holding registration"
                self.until(lambda: service.says(held), 30, "held", service)  # noqa: B023
                before = len(receiver.requests())
                time.sleep(5)
                after = len(receiver.requests())
                self.assertLessEqual(before, 4)
                self.assertLessEqual(after - before, 3)
                receiver.answer(DONE[name])
                found = self.outcomes(20 if name == "slack" else 40)
                self.until_done(service)
                self.stop(service)
                self.assertEqual({data["status"] for data in found}, {"succeeded"})

    def test_a_rejected_message_is_a_dead_letter_without_secrets(self):
        def echo(request):
            return 400, {}, f"invalid_blocks {request.path}".encode()

        with WebhookReceiver(echo) as receiver:
            self.produce(1)
            service = self.serve(self.chat({"slack": receiver}))
            (data,) = self.outcomes(1)
            (letter,) = self.read("dead_letters", 1)
            self.stop(service)
        self.assertEqual(data["error"]["class"], "rejected")
        self.assertIn("invalid_blocks", data["error"]["message"])
        self.assertEqual(dict(letter.headers)["waybill-integration"], b"slack-webhook")

    def until_pushed(self, registry, count, service):
        """Returns how many seconds it takes until the registry has so many manifests."""
        begin = time.monotonic()
        put = lambda: sum(  # noqa: E731
            one["method"] == "PUT" and "/manifests/" in one["path"] for one in registry.log()
        )
        self.until(lambda: put() >= count, 120, f"{count} manifests", service)
        return time.monotonic() - begin

    def test_many_messages_keep_the_pace_of_slack_and_slow_nothing_else(self):
        with ScriptedRegistry() as alone:
            self.produce(EVENTS)
            service = self.serve(self.chat({}, alone))
            usual = self.until_pushed(alone, EVENTS, service)
            self.outcomes(EVENTS)
            self.until_done(service)
            self.stop(service)
        limited = Limited(PER_SECOND)
        with WebhookReceiver(limited) as slack, ScriptedRegistry() as beside:
            service = self.serve(self.chat({"slack": slack}, beside))
            self.produce(EVENTS)
            beside_slack = self.until_pushed(beside, EVENTS, service)
            self.outcomes(3 * EVENTS, EVENTS / PER_SECOND * 2 + 60)
            self.until_done(service)
            self.stop(service)
        rejected, answers = limited.answers[429], sum(limited.answers.values())
        print(f"{rejected} of {answers} responses were 429; the registry took {usual:.1f} s alone")
        print(f"and {beside_slack:.1f} s beside Slack")
        self.assertEqual(limited.answers[200], EVENTS)
        self.assertEqual(len({json.dumps(block) for block in limited.accepted}), EVENTS)
        self.assertLess(rejected, 0.05 * answers)
        self.assertLess(beside_slack, 2 * usual + 3)


if __name__ == "__main__":
    main()

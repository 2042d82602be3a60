#!/usr/bin/env python3
"""`waybill run` to webhooks, in its sandbox, on Apache Kafka: what is sent, what is written,
and what remains the same after a kill.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import base64
import json

from common import main

# This skips the whole file if confluent_kafka is missing.
from test_kafka import QUICK, KafkaCase, message_of

from support import minted
from support.webhook_receiver import HANG, WebhookReceiver


class Run(KafkaCase):
    def setUp(self):
        super().setUp()
        self.create()

    def hook(self, receiver, delivery=QUICK, **attachment):
        key = base64.b64encode(minted.mint().encode()).decode()
        return self.config(
            {
                "kafka": {
                    "brokers": self.kafka.address,
                    "group": self.group,
                    "topics": self.topics,
                },
                "registrations": [
                    {
                        "name": "hook",
                        "integration": "webhook",
                        "url": f"{receiver.url}/{minted.mint()}",
                        "secret": f"whsec_{key}",
                        "headers": {"Authorization": f"Bearer {minted.mint()}"},
                    }
                ],
                "attachments": [
                    {"registration": "hook", "workflow": {"project": "shop"}, **attachment}
                ],
                "delivery": delivery,
                "admin": {"listen": "off"},
            }
        )

    def outcomes(self, count):
        return [json.loads(message.value) for message in self.read("outcomes", count)]

    def requested(self, receiver, count, service):
        self.until(lambda: len(receiver.requests()) >= count, 30, "request", service)
        return receiver.requests()

    def test_each_event_is_one_message(self):
        count = 50
        with WebhookReceiver() as receiver:
            self.kafka.produce(self.source, [message_of(f"event-{i}") for i in range(count)])
            service = self.serve(self.hook(receiver))
            outcomes = self.outcomes(count)
            self.until_done(service)
            self.stop(service)
            requests = receiver.requests()
        sent = {request.headers["webhook-id"] for request in requests}
        self.assertEqual((len(requests), len(sent)), (count, count))
        self.assertEqual({data["result"]["id"] for data in outcomes}, sent)
        for data in outcomes:
            self.assertEqual(data["status"], "succeeded")
            self.assertIs(data["possibly_repeated"], False)

    def test_a_refused_event_is_a_dead_letter_without_secrets(self):
        def echo(request):
            return 400, {}, f"{request.path} {request.headers}".encode()

        with WebhookReceiver(echo) as receiver:
            self.kafka.produce(self.source, [message_of("event-0")])
            service = self.serve(self.hook(receiver))
            (data,) = self.outcomes(1)
            (letter,) = self.read("dead_letters", 1)
            self.stop(service)
        headers = dict(letter.headers)
        self.assertEqual(data["error"]["class"], "rejected")
        self.assertEqual(headers["waybill-error-class"], b"rejected")
        self.assertEqual(headers["waybill-integration"], b"webhook")

    def test_after_a_kill_the_id_is_the_same(self):
        with WebhookReceiver(HANG, 200) as receiver:
            config = self.hook(receiver)
            self.kafka.produce(self.source, [message_of("event-0")])
            first = self.serve(config)
            self.requested(receiver, 1, first)
            first.kill()
            second = self.serve(config)
            self.requested(receiver, 2, second)
            (data,) = self.outcomes(1)
            self.stop(second)
            ids = {request.headers["webhook-id"] for request in receiver.requests()}
        self.assertEqual(ids, {data["result"]["id"]})
        self.assertIs(data["possibly_repeated"], True)
        self.assertEqual(data["attempts"], 1)

    def test_after_a_kill_only_what_had_begun_is_in_doubt(self):
        """The first delivery is done, the second is in flight, and the third record has been read."""
        with WebhookReceiver(200, HANG, 200) as receiver:
            one_by_one = {**QUICK, "concurrency": 1}
            config = self.hook(receiver, delivery=one_by_one, on_doubt="skip")
            self.kafka.produce(self.source, [message_of(f"event-{i}") for i in range(3)])
            first = self.serve(config)
            self.requested(receiver, 2, first)
            first.kill()
            second = self.serve(config)
            outcomes = {data["input"]["offset"]: data for data in self.outcomes(3)}
            self.until_done(second)
            self.stop(second)
            self.assertEqual(len(receiver.requests()), 3)
        self.assertEqual(
            [outcomes[i]["status"] for i in range(3)], ["succeeded", "skipped", "succeeded"]
        )
        self.assertIn("may have arrived", outcomes[1]["skip_reason"])
        self.assertIs(outcomes[2]["possibly_repeated"], False)

    def test_what_was_refused_before_a_restart_is_not_in_doubt(self):
        """Nothing listens there: an attempt cannot have arrived."""
        with WebhookReceiver(200) as receiver:
            config = self.hook(receiver, on_doubt="skip")
        self.kafka.produce(self.source, [message_of("event-0")])
        first = self.serve(config)
        self.until(lambda: first.says("trying again"), 30, "attempt", first)
        self.stop(first)
        with WebhookReceiver(200, port=receiver.port):
            second = self.serve(config)
            (data,) = self.outcomes(1)
            self.stop(second)
        self.assertEqual(data["status"], "succeeded")
        self.assertGreater(data["attempts"], 1)
        self.assertIs(data["possibly_repeated"], False)


if __name__ == "__main__":
    main()

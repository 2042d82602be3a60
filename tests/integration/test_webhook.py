#!/usr/bin/env python3
"""`waybill push` to webhooks: the requests, verified by the code of others, and the
reaction to responses."""

import base64
import json
import subprocess
import sys
import time

from common import EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY
from common import Case, artifact_of, envelope, event, line, main
from support import minted
from support.process import parts
from support.tls import CA
from support.webhook_receiver import CLOSE, WebhookReceiver

CYCLONEDX = b'{"bomFormat": "CycloneDX"}'
SPDX = b'{"spdxVersion": "SPDX-2.3"}'

# As the program of a receiver would do it, with the library of Standard Webhooks
VERIFIER = """
import json, sys
from standardwebhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    secret, body, headers = json.loads(line)
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
        print("verified")
    except WebhookVerificationError as fault:
        print(f"refused: {fault}")
"""


def secret():
    """A header of Standard Webhooks that occurs where it does not belong"""
    return "whsec_" + base64.b64encode(minted.mint().encode()).decode()


def verify(secrets, request):
    """Returns the verdict of the library on a request with each of the secrets."""
    lines = [json.dumps([one, request.body.decode(), request.headers]) for one in secrets]
    done = subprocess.run(
        [parts("parts_standardwebhooks"), "-c", VERIFIER],
        input="\n".join(lines),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def materials():
    def material(name, kind, content):
        return {"name": name, "type": kind, "content": base64.b64encode(content).decode()}

    return [
        material("sbom", "SBOM_CYCLONEDX_JSON", CYCLONEDX),
        material("log", "SARIF", b"{}"),
        material("spdx", "SBOM_SPDX_JSON", SPDX),
    ]


class WebhookCase(Case):
    def settings(self, receiver, registration=None, path=None, attachments=None, **attachment):
        """A registration `hook`, whose path and token are secrets"""
        self.path = path or f"/services/{minted.mint()}?key={minted.mint()}"
        self.token = minted.mint()
        return self.config(
            {
                "registrations": [
                    {
                        "name": "hook",
                        "integration": "webhook",
                        "url": receiver.url + self.path,
                        "headers": {"Authorization": f"Bearer {self.token}"},
                        **(registration or {}),
                    }
                ],
                "attachments": attachments
                or [{"registration": "hook", "workflow": {"project": "shop"}, **attachment}],
                "delivery": {"backoff_initial": "10ms", "backoff_max": "100ms", "max_attempts": 3},
            }
        )

    def deliver(self, config, status=EXIT_OK, **more):
        done = self.push(config, stdin=line(event("a", id="e-1", **more)))
        self.assert_status(done, status)
        return done.outcome["data"]

    def assert_ids(self, requests, count):
        """Asserts that many messages, each with one id however often it was sent."""
        ids = {request.headers["webhook-id"] for request in requests}
        self.assertEqual(len(ids), count)


class Messages(WebhookCase):
    def test_the_library_verifies_with_either_secret_while_one_rotates(self):
        old, new, other = secret(), secret(), secret()
        for given, good in (([new, old], [new, old]), (new, [new])):
            with self.subTest(len(good)), WebhookReceiver() as receiver:
                self.deliver(self.settings(receiver, {"secret": given}))
                (request,) = receiver.requests()
                self.assertEqual(verify(good, request), ["verified"] * len(good))
                (refused,) = verify([other], request)
                self.assertIn("No matching signature", refused)
                self.assertLess(abs(int(request.headers["webhook-timestamp"]) - time.time()), 60)

    def test_a_changed_body_is_refused_by_the_library(self):
        mine = secret()
        with WebhookReceiver() as receiver:
            self.deliver(self.settings(receiver, {"secret": mine}))
            (request,) = receiver.requests()
            changed = request._replace(body=request.body + b" ")
            self.assertEqual(verify([mine], request), ["verified"])
            self.assertIn("No matching signature", verify([mine], changed)[0])

    def test_without_a_secret_there_is_no_signature(self):
        with WebhookReceiver() as receiver:
            self.deliver(self.settings(receiver))
            self.assertNotIn("webhook-signature", receiver.requests()[0].headers)

    def test_the_request_is_as_the_registration_says(self):
        with WebhookReceiver() as receiver:
            config = self.settings(receiver, {"method": "PUT"})
            data = self.deliver(config)
            (request,) = receiver.requests()
            self.assertEqual((request.method, request.path), ("PUT", self.path))
            self.assertEqual(request.headers["authorization"], f"Bearer {self.token}")
            self.assertEqual(request.headers["content-type"], "application/json")
            self.assertEqual(data["result"]["id"], request.headers["webhook-id"])
            self.assertEqual(data["integration"], "webhook")
            self.assertFalse({"artifact", "error"} & set(data))
            self.assertFalse({"url", "reference", "items"} & set(data["result"]))
            self.assertIs(data["possibly_repeated"], False)

    def test_chainloops_format(self):
        with WebhookReceiver() as receiver:
            config = self.settings(receiver, send_sbom=True)
            data = self.deliver(config, materials=materials())
            bodies = [json.loads(request.body) for request in receiver.requests()]
        self.assertEqual(
            [body["Kind"] for body in bodies],
            ["ATTESTATION", "SBOM_CYCLONEDX_JSON", "SBOM_SPDX_JSON"],
        )
        content = [base64.b64decode(body["Data"]) for body in bodies]
        self.assertEqual(content[1:], [CYCLONEDX, SPDX])
        attestation = json.loads(content[0])
        self.assertEqual(attestation["Envelope"], envelope("a"))
        self.assertEqual(attestation["Hash"], artifact_of(envelope("a")).layer_digest)
        statement = json.loads(base64.b64decode(envelope("a")["payload"]))
        self.assertEqual(attestation["Predicate"], statement["predicate"])
        self.assertEqual(attestation["Statement"]["predicate_type"], statement["predicateType"])
        for body in bodies:
            self.assertEqual(set(body), {"Metadata", "Data", "Kind"})
            self.assertEqual(body["Metadata"]["Workflow"]["Project"], "shop")
            self.assertEqual(body["Metadata"]["WorkflowRun"]["ID"], "run-a")
        items = data["result"]["items"]
        self.assertEqual([item["name"] for item in items], ["attestation", "sbom", "spdx"])
        self.assertEqual(len({item["reference"] for item in items}), 3)

    def test_a_body_of_ones_own(self):
        template = """{
          "text": "{{ .workflow.name }}: {{ .run.state }}",
          "workflow": {{ .workflow.name | json }},
          "team": {{ .workflow.team | json }},
          "dedup_key": "{{ .id }}"
        }"""
        name = 'a "quoted" name\\ of </script> \u00e9'
        with WebhookReceiver() as receiver:
            config = self.settings(receiver, template=template)
            self.deliver(config, flow=name)
            (request,) = receiver.requests()
        self.assertEqual(
            json.loads(request.body),
            {
                "text": f"{name}: success",
                "workflow": name,
                "team": None,
                "dedup_key": request.headers["webhook-id"],
            },
        )

    def test_attachments_that_differ_in_a_template_or_in_materials_alone(self):
        where = {"registration": "hook", "workflow": {"project": "shop"}}
        attachments = [
            {**where, "template": '"one"'},
            {**where, "template": '"two"'},
            {**where, "materials": ["SARIF"]},
            {**where, "materials": ["JUNIT"]},
        ]
        with WebhookReceiver() as receiver:
            config = self.settings(receiver, attachments=attachments)
            done = self.push(config, stdin=line(event("a", materials=materials())))
            self.assert_status(done, EXIT_OK)
            self.assertEqual(len({one["data"]["attachment"] for one in done.outcomes}), 4)
            self.assert_ids(receiver.requests(), 5)

    def test_nothing_to_send_is_skipped(self):
        with WebhookReceiver() as receiver:
            config = self.settings(receiver, send_attestation=False, send_sbom=True)
            done = self.push(config, stdin=line(event("a")))
            self.assert_status(done, EXIT_OK)
            self.assertEqual(done.outcome["type"], "dev.waybill.delivery.skipped.v1")
            self.assertIn("no material", done.outcome["data"]["skip_reason"])
            self.assertEqual(receiver.requests(), [])


class Again(WebhookCase):
    def receivers(self, *answers):
        """By http, and by https, where a failure could be taken for one of HTTP/2"""
        ca = CA(self.directory / "ca")
        for tls in (None, ca.issue(["localhost", "127.0.0.1"])):
            with self.subTest(tls=tls is not None):
                with WebhookReceiver(*answers, tls=tls, host="localhost") as receiver:
                    yield receiver, {"ca_file": tls.ca} if tls else {}

    def test_what_may_have_arrived_is_sent_again_and_the_outcome_says_so(self):
        for receiver, tls in self.receivers(CLOSE, 200):
            data = self.deliver(self.settings(receiver, tls))
            self.assertEqual(data["attempts"], 2)
            self.assertIs(data["possibly_repeated"], True)
            first, second = receiver.requests()
            self.assertEqual(first.headers["webhook-id"], second.headers["webhook-id"])
            self.assertEqual(first.body, second.body)
            self.assertNotEqual(first.connection, second.connection)

    def test_what_may_have_arrived_is_skipped_where_that_is_wanted(self):
        for receiver, tls in self.receivers(CLOSE, 200):
            config = self.settings(receiver, tls, on_doubt="skip")
            data = self.deliver(config)
            self.assertEqual(data["status"], "skipped")
            self.assertIn("may have arrived", data["skip_reason"])
            self.assertEqual(len(receiver.requests()), 1)

    def test_what_was_refused_is_sent_again_without_doubt(self):
        for answer in (500, 503, 408, 425, (429, {"Retry-After": "1"})):
            with self.subTest(answer), WebhookReceiver(answer, 200) as receiver:
                before = time.monotonic()
                data = self.deliver(self.settings(receiver, on_doubt="skip"))
                self.assertEqual((data["status"], data["attempts"]), ("succeeded", 2))
                self.assertIs(data["possibly_repeated"], False)
                self.assert_ids(receiver.requests(), 1)
                if isinstance(answer, tuple):
                    self.assertGreater(time.monotonic() - before, 1)

    def test_a_gateway_leaves_doubt(self):
        for status in (502, 504):
            with self.subTest(status), WebhookReceiver(status, 200) as receiver:
                self.assertIs(self.deliver(self.settings(receiver))["possibly_repeated"], True)

    def test_a_closed_port_leaves_none(self):
        with WebhookReceiver() as receiver:
            config = self.settings(receiver, on_doubt="skip")
        data = self.deliver(config, EXIT_TEMPORARY)
        self.assertEqual(data["status"], "failed")
        self.assertEqual(data["attempts"], 3)
        self.assertIs(data["possibly_repeated"], False)

    def test_a_message_that_was_accepted_is_not_sent_again_for_another(self):
        with WebhookReceiver(200, 503, CLOSE, 200) as receiver:
            config = self.settings(receiver, send_sbom=True)
            data = self.deliver(config, materials=materials())
            kinds = [json.loads(request.body)["Kind"] for request in receiver.requests()]
        self.assertEqual(kinds, ["ATTESTATION", *["SBOM_CYCLONEDX_JSON"] * 3, "SBOM_SPDX_JSON"])
        self.assertEqual(data["attempts"], 3)
        self.assertIs(data["possibly_repeated"], True)

    def test_ids_are_the_same_in_another_process(self):
        with WebhookReceiver() as receiver:
            config = self.settings(receiver, send_sbom=True)
            for _ in range(2):
                self.deliver(config, materials=materials())
            self.assertEqual(len(receiver.requests()), 6)
            self.assert_ids(receiver.requests(), 3)

    def test_a_long_answer_is_a_success_all_the_same(self):
        with WebhookReceiver((200, {}, b"x" * 1_000_000)) as receiver:
            self.deliver(self.settings(receiver))
            self.assertEqual(len(receiver.requests()), 1)


class Refusals(WebhookCase):
    def test_what_is_final(self):
        rows = (
            (400, "rejected"),
            (401, "auth"),
            (403, "auth"),
            (404, "not_found"),
            (410, "rejected"),
            (413, "too_large"),
            (301, "rejected"),
            (302, "rejected"),
        )
        for status, kind in rows:
            answer = (status, {"Location": "/elsewhere"}, b"because I say so")
            with self.subTest(status), WebhookReceiver(answer) as receiver:
                error = self.deliver(self.settings(receiver), EXIT_FAILED)["error"]
                self.assertEqual((error["class"], error["http_status"]), (kind, status))
                self.assertIn(receiver.address, error["message"])
                self.assertIn("because I say so", error["message"])
                self.assertEqual(len(receiver.requests()), 1)

    def test_what_the_receiver_repeats_is_no_secret_told(self):
        def echo(request):
            shown = f"{request.method} {request.path} {request.headers} {request.path.split('/')}"
            return 400, {}, shown.encode()

        with WebhookReceiver(echo) as receiver:
            config = self.settings(receiver, {"secret": secret()})
            message = self.deliver(config, EXIT_FAILED)["error"]["message"]
            self.assertIn("POST ***", message)
            # and these do not either
            for arguments in (("check",), ("check", "--online"), ("check", "--online", "--json")):
                self.assert_status(self.waybill("--config", config, *arguments), EXIT_OK)

    def test_a_fault_of_the_configuration_shows_no_secret(self):
        with WebhookReceiver() as receiver:
            for wrong in (
                {"url": f"https://me:{minted.mint()}@hooks.example.com/"},
                {"url": f"http://hooks.example.com/{minted.mint()}"},
                {"url": f"{minted.mint()}"},
                {"secret": minted.mint()},
                {"secret": [minted.mint()]},
                {"headers": {"Authorization": f"Bearer {minted.mint()}\u00e9"}},
            ):
                with self.subTest(wrong):
                    config = self.settings(receiver, wrong)
                    done = self.waybill("--config", config, "check")
                    self.assertEqual(done.status, 78)
                    self.assertIn(f"registrations[0].{next(iter(wrong))}", done.err)


class Redirects(WebhookCase):
    def test_the_metadata_service_is_never_asked(self):
        for target in (
            "http://169.254.169.254/latest/meta-data/",
            "http://[fd00:ec2::254]/latest/",
            "http://metadata.google.internal/",
            "http://10.0.0.1/",
        ):
            with self.subTest(target), WebhookReceiver((307, {"Location": target})) as receiver:
                error = self.deliver(self.settings(receiver), EXIT_FAILED)["error"]
                self.assertEqual(error["class"], "rejected")
                self.assertIn("registries.allowed", error["message"])
                self.assertEqual(len(receiver.requests()), 1)

    def test_at_home_the_message_follows(self):
        for status in (307, 308):
            answer = (status, {"Location": "/new?a=b"})
            with self.subTest(status), WebhookReceiver(answer, 200) as receiver:
                self.deliver(self.settings(receiver))
                first, second = receiver.requests()
                self.assertEqual((second.method, second.path), ("POST", "/new?a=b"))
                self.assertEqual(first.body, second.body)
                self.assertEqual(second.headers["authorization"], f"Bearer {self.token}")

    def test_elsewhere_it_leaves_the_secrets_behind(self):
        mine = secret()
        with WebhookReceiver() as other:
            answer = (307, {"Location": f"{other.url}/inbox"})
            with WebhookReceiver(answer, host="localhost") as receiver:
                self.deliver(self.settings(receiver, {"secret": mine}))
                (request,) = other.requests()
        self.assertEqual(request.path, "/inbox")
        self.assertNotIn("authorization", request.headers)
        self.assertEqual(verify([mine], request), ["verified"])


class Tls(WebhookCase):
    def test_its_authority_must_be_trusted(self):
        pair = CA(self.directory / "ca").issue(["localhost"])
        with WebhookReceiver(tls=pair, host="localhost") as receiver:
            self.deliver(self.settings(receiver, {"ca_file": pair.ca}))
            data = self.deliver(self.settings(receiver), EXIT_TEMPORARY)
            self.assertIn("set ca_file", data["error"]["message"])
            self.assertIs(data["possibly_repeated"], False)
            self.assertEqual(len(receiver.requests()), 1)


if __name__ == "__main__":
    try:
        parts("parts_standardwebhooks")
    except subprocess.CalledProcessError:
        print("SKIPPED: standardwebhooks cannot be had from PyPI")
        sys.exit(77)
    main()

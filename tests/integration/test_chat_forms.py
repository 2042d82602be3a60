#!/usr/bin/env python3
"""Messages to Slack and Discord, judged by the code of others: Chainloop's table by the
libraries that Chainloop uses, and the forms of messages by those of the services.

WAYBILL_TEST_DISCORD_SPEC=FILE names specs/openapi.json of discord/discord-api-spec, for the
test of the messages to Discord.
"""

import base64
import functools
import json
import os
import pathlib
import random
import re
import subprocess
import unittest

from common import EXIT_OK, Case, event, line, main

from support import minted
from support.process import parts
from support.webhook_receiver import WebhookReceiver

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "fixtures" / "summary_table" / "cases"
WIDTHS = ROOT / "consumer" / "integration" / "display_width.def"
TYPES = ("CONTAINER_IMAGE", "SBOM_CYCLONEDX_JSON", "STRING", "ARTIFACT")
# Ordinary text, whatever has another width than one column, and what Waybill itself replaces
ALPHABETS = (
    "abc xyz-_/.:=0123",
    "a \t\n\r|`<>&*@#",
    "生命한국어ツﾂＷ é̀ñ",
    "🚀👍🏽👨‍👩‍👧🇩🇪❤️✔☺",
    "\u00a0\u3000\u2003\u200b\u00ad\u2028\ufeff\u202eא",
    "│─█░\ue000\U000f0000",
    "\x1b[2J\x07\x7f\x9b",
)
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

SLACK = """
import json, sys
from slack_sdk.models.blocks import Block

for line in sys.stdin:
    blocks = json.loads(line)["blocks"]
    assert len(blocks) <= 50, len(blocks)
    for block in Block.parse_all(blocks):
        block.validate_json()
    for given in blocks:
        for field in given.get("fields", []):
            assert len(field["text"]) <= 2000, field
    print("good")
"""
DISCORD = """
import json, sys
from jsonschema import Draft202012Validator

spec = json.load(open(sys.argv[1]))
name = "IncomingWebhookRequestPartial"
validator = Draft202012Validator({"$ref": f"#/components/schemas/{name}", **spec})
for line in sys.stdin:
    faults = [fault.message for fault in validator.iter_errors(json.loads(line))]
    print(faults or "good")
"""


@functools.cache
def had(name):
    """Returns the path of a part of deploy/parts.sh; otherwise the test is skipped."""
    try:
        return parts(name)
    except subprocess.CalledProcessError:
        return None  # It has reported the reason.


def part(name):
    if had(name) is None:
        raise unittest.SkipTest(f"{name} fails: that requires a package registry")
    return had(name)


def oracle(*arguments, case=None):
    done = subprocess.run(
        [part("parts_summary_table"), *arguments],
        input=json.dumps(case).encode() if case else b"",
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "TZ": "UTC"},
    )
    return done.stdout


def judged(python, script, bodies, *arguments):
    done = subprocess.run(
        [python, "-c", script, *arguments],
        input="\n".join(json.dumps(body) for body in bodies),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def shown(value):
    """What Waybill shows of a value: control characters as U+FFFD."""
    if isinstance(value, dict):
        return {shown(name): shown(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shown(one) for one in value]
    return CONTROL.sub("\ufffd", value) if isinstance(value, str) else value


class Maker:
    """Makes predicates and events with texts of all kinds."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, most=30):
        alphabet = self.random.choice(ALPHABETS)
        length = self.random.randrange(most) * self.random.choice((1, 1, 1, 8))
        return "".join(self.random.choice(alphabet) for _ in range(length))

    def pairs(self):
        """Names by which rows are sorted are those that are shown."""
        return {shown(self.text(12)): self.text() for _ in range(self.random.randrange(5))}

    def material(self):
        kind, content = self.random.choice(TYPES), shown(self.text(60))
        encode = lambda text: base64.b64encode(text.encode()).decode()  # noqa: E731
        values = (1.5, 12, 1e21, 1e-7, 123456, 1234567, True, None, [1, "a"], {"b": 1, "a": "<&>"})
        return {
            "digest": {"sha256": f"{self.random.getrandbits(256):064x}"},
            **({"content": encode(content)} if kind == "STRING" else {"name": content or "x"}),
            "annotations": {
                "chainloop.material.name": self.text(15),
                "chainloop.material.type": kind,
                **self.pairs(),
                **({"value": self.random.choice(values)} if self.random.random() < 0.3 else {}),
            },
        }

    def predicate(self):
        return {
            "annotations": self.pairs(),
            "env": self.pairs(),
            "materials": [self.material() for _ in range(self.random.randrange(6))],
        }

    def event(self, number):
        """Returns an event, and its predicate."""
        predicate = self.predicate()
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": self.text() or "a", "digest": {"sha256": "1"}}],
            "predicateType": "chainloop.dev/attestation/v0.2",
            "predicate": predicate,
        }
        payload = base64.b64encode(json.dumps(statement).encode()).decode()
        envelope = {"payloadType": "application/vnd.in-toto+json", "payload": payload}
        more = {
            "workflow": {"project": "shop", "name": f"b{number}", "team": self.text()},
            "run": {
                "id": f"run-{number}",
                "state": self.text(12),
                "run_url": self.random.choice((self.text(), "https://ci.example/1?a=b&c")),
                "started_at": "2026-01-02T03:04:05.6Z",
                "finished_at": "2026-02-03T04:05:06+05:30",
            },
            "attestation": {"envelope": {**envelope, "signatures": []}},
        }
        return event(f"e{number}", id=f"e-{number}", **more), predicate


class Forms(Case):
    def posted(self, receiver, kind, events, **attachment):
        """Pushes the events, and returns the requests in the order of the events."""
        path = self.config(
            {
                "registrations": [
                    {
                        "name": "chat",
                        "integration": kind,
                        "webhook": f"{receiver.url}/hooks/{minted.mint()}",
                    }
                ],
                "attachments": [
                    {"registration": "chat", "workflow": {"project": "shop"}, **attachment}
                ],
            }
        )
        self.assert_status(self.push(path, stdin=b"".join(line(one) for one in events)), EXIT_OK)
        return receiver.requests()

    def test_the_table_is_chainloops(self):
        made = [Maker(seed).event(seed) for seed in range(200)]
        with WebhookReceiver((200, {}, b"{}")) as receiver:
            events = [one for one, _ in made]
            requests = self.posted(receiver, "discord-webhook", events, format="chainloop")
        files = [request.body.split(b"\r\n\r\n")[2] for request in requests]
        files = sorted(files, key=lambda file: int(re.search(rb" b(\d+) ", file)[1]))
        self.assertEqual(len(files), len(made))
        for file, (one, predicate) in zip(files, made, strict=True):
            file = file.rsplit(b"\r\n--", 1)[0]
            case = shown({"event": one, "predicate": predicate})
            case["digest"] = re.search(rb"Attestation +\xe2\x94\x82 (sha256:\w+)", file)[1].decode()
            self.assertEqual(file.decode(), oracle(case=case).decode())

    def test_the_fixtures_are_what_the_libraries_make(self):
        self.assertEqual(oracle("-widths").decode(), WIDTHS.read_text())
        for path in sorted(CASES.glob("*.txt")):
            name, _, limit = path.stem.partition("-")
            limited = limit.isdigit()
            source = CASES / f"{name if limited else path.stem}.json"
            case = json.loads(source.read_text())
            with self.subTest(path.name):
                table = oracle(*(("-max", limit) if limited else ()), case=case)
                self.assertEqual(table.decode(), path.read_text())

    def large_event(self):
        materials = [{"name": f"<{number}> " + "x" * 200, "type": "A"} for number in range(100)]
        return event("a", id="e-large", materials=materials)

    def test_slacks_library_accepts_the_blocks(self):
        python = part("parts_slack_sdk")
        events = [self.large_event(), *(Maker(seed).event(seed)[0] for seed in range(50))]
        with WebhookReceiver((200, {}, b"ok")) as receiver:
            requests = self.posted(receiver, "slack-webhook", events)
        bodies = [json.loads(request.body) for request in requests]
        self.assertEqual(judged(python, SLACK, bodies), ["good"] * len(events))

    def test_discords_schema_accepts_the_messages(self):
        spec = os.environ.get("WAYBILL_TEST_DISCORD_SPEC")
        if not spec:
            self.skipTest("WAYBILL_TEST_DISCORD_SPEC does not name Discord's openapi.json")
        python = part("parts_jsonschema")
        events = [self.large_event(), *(Maker(seed).event(seed)[0] for seed in range(50))]
        with WebhookReceiver((200, {}, b"{}")) as receiver:
            requests = self.posted(receiver, "discord-webhook", events)
            requests += self.posted(receiver, "discord-webhook", events[:1], format="chainloop")[-1:]
        bodies = [json.loads(request.body) for request in requests[:-1]]
        bodies.append(json.loads(requests[-1].body.split(b"\r\n")[4]))
        self.assertEqual(judged(python, DISCORD, bodies, spec), ["good"] * len(bodies))
        self.assertEqual(bodies[-1]["attachments"][0]["filename"], "statement.txt")


if __name__ == "__main__":
    main()

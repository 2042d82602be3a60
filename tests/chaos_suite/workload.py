"""Generates the events, and predicts the outcome of each record from its bytes and the
attachments below, without asking Waybill.
"""

import fnmatch
import hashlib
import json
import random
import threading
import time
import typing

import confluent_kafka
from integration.common import Artifact, artifact_of, event

FLOWS = (
    # (project, name, weight)
    ("shop", "build-api", 8),
    ("shop", "build-both", 4),  # Two attachments to two registries
    ("payments", "release", 4),
    ("infra", "deploy", 2),
    ("lab", "scratch", 1),  # no attachment
)
ATTACHMENTS = (
    # (name, registration, project, name of the workflow, prefix)
    ("shop", "one", "shop", "build-*", "chainloop"),
    ("both", "two", "shop", "build-both", "chainloop"),
    ("payments", "two", "payments", "*", "acme/payments"),
    ("infra", "three", "infra", "deploy", "chainloop"),
)
REPOSITORIES = {"one": "chaos/one", "two": "chaos/two", "three": "chaos/three"}
# The registry of each registration
HOMES = {"one": "a", "two": "b", "three": "a"}

SUCCEEDED, FAILED, SKIPPED = "succeeded", "failed", "skipped"


class Place(typing.NamedTuple):
    registry: str  # The registry, a or b
    repository: str


class Expectation(typing.NamedTuple):
    """deliveries: {attachment: (Place, Artifact)}. If there are none, the record itself ends
    with this status and error class."""

    deliveries: dict
    status: str | None = None
    error: str | None = None


def attachments_of(project, name):
    return [
        row
        for row in ATTACHMENTS
        if row[2] == project and fnmatch.fnmatchcase(name, row[3])
    ]


def expectation(record):
    """Predicts the outcome of a record of this workload."""
    if record.value is None:
        return Expectation({}, FAILED, "schema")
    try:
        content = json.loads(record.value)
        wrapped = content["attestation"]["envelope"]
        if not isinstance(wrapped["payload"], str):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        return Expectation({}, FAILED, "schema")
    artifact = artifact_of(wrapped)
    given = content["attestation"].get("digest")
    if given is not None and given != artifact.layer_digest:
        return Expectation({}, FAILED, "digest_mismatch")
    workflow = content["workflow"]
    rows = attachments_of(workflow["project"], workflow["name"])
    if not rows:
        return Expectation({}, SKIPPED)
    return Expectation({row[0]: (_place(row, artifact), artifact) for row in rows})


def _place(row, artifact: Artifact):
    _, registration, _, _, prefix = row
    hexadecimal = artifact.layer_digest.partition(":")[2]
    return Place(HOMES[registration], f"{REPOSITORIES[registration]}/{prefix}-{hexadecimal}")


def settings(kafka, registries, token_user, token_password):
    """The configuration of the program; `registries` is {a, b: address}."""
    registrations = []
    for name, path in REPOSITORIES.items():
        row = {"name": name, "repository": f"{registries[HOMES[name]]}/{path}"}
        if HOMES[name] == "b":
            row |= {"username": token_user, "password": token_password}
        registrations.append(row)
    attachments = [
        {
            "name": name,
            "registration": registration,
            "workflow": {"project": project, "name": flow},
            "prefix": prefix,
        }
        for name, registration, project, flow, prefix in ATTACHMENTS
    ]
    return {
        "kafka": kafka,
        "registrations": registrations,
        "attachments": attachments,
        "admin": {"listen": "off"},
    }


class Maker:
    """Generates messages one after the other; the same seed gives the same messages."""

    def __init__(self, seed):
        self._random = random.Random(f"{seed}/load")
        self._number = 0
        self._recent = []

    def message(self):
        """Returns (key, value, headers, number of outcomes)."""
        self._number += 1
        chance = self._random.random()
        name = f"e{self._number}"
        if chance < 0.03 and self._recent:
            return self._random.choice(self._recent)  # The same event again
        if chance < 0.04:
            return name.encode(), None, self._headers(), 1
        if chance < 0.06:
            return name.encode(), self._malformed(name), self._headers(), 1
        if chance < 0.08:
            return name.encode(), self._mismatch(name), self._headers(), 1
        project, flow = self._flow()
        padding = 60_000 if chance > 0.99 else self._random.randrange(400)
        value = json.dumps(event(name, project, flow, padding)).encode()
        outcomes = max(1, len(attachments_of(project, flow)))
        made = name.encode(), value, self._headers(), outcomes
        self._recent = [*self._recent[-20:], made]
        return made

    def transaction(self):
        """Returns (messages, whether to commit them)."""
        count = self._random.randrange(1, 12)
        return [self.message() for _ in range(count)], self._random.random() < 0.7

    def _flow(self):
        weights = [row[2] for row in FLOWS]
        return self._random.choices(FLOWS, weights)[0][:2]

    def _headers(self):
        if self._random.random() < 0.7:
            return []
        return [("trace", self._random.randbytes(8)), ("empty", b""), ("trace", b"\xff\x00")]

    def _malformed(self, name):
        whole = json.dumps(event(name)).encode()
        broken = event(name)
        broken["attestation"]["envelope"]["payload"] = 5
        return self._random.choice(
            [whole[: len(whole) // 2], b"", b"[]", json.dumps(broken).encode()]
        )

    def _mismatch(self, name):
        wrong = event(name)
        digest = hashlib.sha256(b"something else").hexdigest()
        wrong["attestation"]["digest"] = f"sha256:{digest}"
        return json.dumps(wrong).encode()


class Load(threading.Thread):
    """Publishes so that there is always something to do, and never too much.

    outcomes  a function: how many there have been
    backlog   how many outcomes may be outstanding
    rate      at most so many messages a second
    """

    def __init__(self, journal, address, topic, maker, outcomes, backlog, rate):
        super().__init__(daemon=True)
        self._journal, self._address, self._topic = journal, address, topic
        self._maker, self._outcomes = maker, outcomes
        self._backlog, self._rate = backlog, rate
        self._stopping = threading.Event()
        self.published = self.expected = self.aborted = 0
        self.failures = []

    def stop(self):
        self._stopping.set()
        self.join(60)

    def run(self):
        producer = self._producer()
        due = time.monotonic() + 3
        written = None
        while not self._stopping.wait(0.02):
            for _ in range(max(1, int(self._rate * 0.02))):
                if self.expected - self._outcomes() < self._backlog:
                    self._publish(producer, *self._maker.message())
            producer.poll(0)
            if time.monotonic() > due and self.expected - self._outcomes() < self._backlog:
                written = self._transaction(written)
                due = time.monotonic() + 3
        if producer.flush(60):
            self.failures.append("the brokers did not take all of the load")

    def _producer(self, **more):
        return confluent_kafka.Producer(
            {
                "bootstrap.servers": self._address,
                "log_level": 0,
                "linger.ms": 5,
                "enable.idempotence": True,
                "acks": "all",
                **more,
            }
        )

    def _publish(self, producer, key, value, headers, outcomes):
        def delivered(error, _):
            if error:
                self.expected -= outcomes
                self._journal.say("load: not taken", error=error)

        producer.produce(self._topic, value, key, headers=headers, on_delivery=delivered)
        self.published += 1
        self.expected += outcomes

    def _transaction(self, producer):
        """Leaves gaps in the log: transaction markers and aborted records."""
        messages, commits = self._maker.transaction()
        try:
            if producer is None:
                producer = self._producer(
                    **{"transactional.id": f"{self._topic}-load", "transaction.timeout.ms": 5000}
                )
                producer.init_transactions(10)
            producer.begin_transaction()
            for key, value, headers, _ in messages:
                producer.produce(self._topic, value, key, headers=headers)
            producer.flush(5)
            if commits:
                producer.commit_transaction(5)
                self.published += len(messages)
                self.expected += sum(row[3] for row in messages)
            else:
                producer.abort_transaction(5)
                self.aborted += len(messages)
            return producer
        except confluent_kafka.KafkaException as error:
            # The transaction may have ended either way; the log shows which messages were
            # written.
            self._journal.say("load: a transaction of its own failed", error=error.args[0])
            return None

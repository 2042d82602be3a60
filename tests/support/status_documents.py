"""Documents of /status, for tests of its readers: from a service without work to one with
all problems, and with long or hostile names."""

import datetime
import random

# A line break, markup, an override of the writing direction, and the end of a script
HOSTILE = '<img src=x onerror="document.title=1">\u202egnp.exe\u2069</script>\n& "quoted"'


def at(seconds_ago=0.0):
    moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds_ago)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def registration(name, host="registry.example.com", **members):
    return {
        "name": name,
        "integration": "oci-registry",
        "host": host,
        "state": "flowing",
        "running": 0,
        "waiting": 0,
        "limit": 8,
        "parked": False,
        "rate": 0.0,
        "succeeded": 0,
        "failed": 0,
        "retries": 0,
        "held_attachments": [],
        **members,
    }


def partition(number, topic="attestations", **members):
    return {
        "topic": topic,
        "partition": number,
        "watermark": 1000,
        "read": 1000,
        "end": 1000,
        "lag": 0,
        "window": 0,
        "records": 0,
        "parked": False,
        "paused": False,
        "revoked": False,
        **members,
    }


def outcome(number, status="succeeded", **members):
    return {
        "at": at(number * 3),
        "status": status,
        "id": f"event-{number}",
        "topic": "attestations",
        "partition": number % 3,
        "offset": 1000 - number,
        "project": "shop",
        "workflow": "build-image",
        "registration": "main",
        "destination": f"registry.example.com/acme/attestations@sha256:{number:064x}",
        "attempts": 1,
        "duration_ms": 40 + number,
        **members,
    }


def record(number, **members):
    return {
        "topic": "attestations",
        "partition": number % 3,
        "offset": 2000 + number,
        "id": f"event-{2000 + number}",
        "age_ms": 5000,
        "state": "retrying",
        "registration": "main",
        "attempts": 3,
        **members,
    }


def samples(rate=20, failed=0, count=90):
    source = random.Random(14)
    succeeded = [source.randint(rate // 2, rate * 2) for _ in range(count)]
    median = [source.randint(30, 60) if n else None for n in succeeded]
    return {
        "interval_ms": 10000,
        "end": at(4),
        "consumed": succeeded,
        "succeeded": succeeded,
        "failed": [source.randint(0, failed) for _ in range(count)],
        "median_ms": median,
        "p95_ms": [m and m * 3 for m in median],
    }


def healthy():
    return {
        "now": at(),
        "started": at(260000),
        "uptime_ms": 260000000,
        "phase": "running",
        "ready": True,
        "reasons": [],
        "warnings": [],
        "warnings_since": [],
        "build": {"waybill": "0.3.0", "librdkafka": "2.0.2", "libcurl": "7.88.1"},
        "configuration": "sha256:" + "5f" * 32,
        "reload": {"applied": 0, "refused": 0, "faults": 0},
        "sandbox": {"seccomp": True, "landlock_abi": 3},
        "kafka": {
            "brokers": "kafka-1:9092,kafka-2:9092",
            "group": "waybill",
            "topic": "attestations",
        },
        "totals": {
            "consumed": 21000,
            "parked": 0,
            "other_type": 0,
            "succeeded": 20990,
            "failed": 0,
            "skipped": 10,
            "dead_letters": 0,
            "transactions": 2300,
            "rebalances": 1,
            "last_completed_at": at(2),
        },
        "deliveries": {
            "succeeded": 41980,
            "failed": 0,
            "skipped": 0,
            "running": 1,
            "waiting": 0,
            "last_completed_at": at(2),
        },
        "dead_letters": {"topic": "attestation-dead-letters", "classes": {}},
        "in_flight": {
            "records": 1,
            "most_records": 10000,
            "bytes": 30000,
            "most_bytes": 268435456,
            "full": False,
            "oldest": [record(1, age_ms=30, state="running", attempts=1)],
        },
        "rejected": {"deliveries": 0, "first": []},
        "partitions": [partition(i) for i in range(3)],
        "registrations": [
            registration("main", running=1, rate=2.1, succeeded=20990),
            registration("archive", "archive.example.com", rate=2.1, succeeded=20990),
        ],
        "recent": [outcome(i) for i in range(50)],
        "samples": samples(),
    }


def long_name(prefix, length):
    """A text without spaces"""
    return (prefix + "x" * length)[:length]


def many():
    """50 registrations and 100 partitions with long names; seven have problems"""
    status = healthy()
    error = (
        "upload of blob sha256:" + "ab" * 32 + " failed: " + "Connection refused by peer, "
    ) * 3
    registrations = []
    for i in range(50):
        name = long_name(f"registration-{i:02}-of-the-platform-team-", 60)
        host = long_name(f"registry-{i:02}.", 66) + ":443"
        row = registration(name, host, succeeded=1234567 * i, failed=i, limit=32)
        if i % 10 == 3:
            failure = {"at": at(12), "message": error, "http_status": 503}
            row.update(state="down", since=at(1500 + i), retry_at=at(-16), waiting=12345)
            row.update(last_error=failure)
        elif i % 25 == 7:
            row.update(state="held", since=at(4000), retry_at=at(-50), waiting=7, reason=error)
        elif i < 20:
            row.update(running=3, waiting=41, rate=17.5)
        registrations.append(row)
    status["registrations"] = registrations
    status["deliveries"].update(waiting=62000, running=50)
    topic = long_name("attestations-of-the-platform-team-", 60)
    status["partitions"] = [
        partition(i, topic, watermark=2**40, read=2**40 + 5, end=2**40 + i, lag=i % 7 * 1000)
        for i in range(100)
    ]
    brokers = ",".join(long_name(f"b{i}.", 66) + ":9092" for i in range(9))
    status["kafka"].update(topic=topic, brokers=brokers)
    status["recent"] = [
        outcome(
            i,
            "failed" if i % 2 else "succeeded",
            id=long_name("event-", 95),
            project=long_name("project-", 60),
            workflow=long_name("workflow-", 60),
            registration=registrations[i]["name"],
            destination=long_name("registry.example.com/", 255),
            offset=2**40 + i,
            duration_ms=86400000,
            **({"class": "attempts_exhausted", "reason": error[:255]} if i % 2 else {}),
        )
        for i in range(50)
    ]
    status["in_flight"]["oldest"] = [
        record(
            i,
            topic=topic,
            id=long_name("event-", 95),
            age_ms=3600000 + i,
            registration=registrations[i % 50]["name"],
        )
        for i in range(50)
    ]
    return status


def registry_down():
    """Twelve attachments for each record, and one of the twelve registries is down: no
    record is completed, and eleven of twelve deliveries are."""
    status = healthy()
    failure = {
        "at": at(9),
        "message": "POST https://ghcr.io/v2/acme/attestations/blobs/uploads/: Failed to connect to "
        "ghcr.io port 443 after 3 ms: Couldn't connect to server",
    }
    rows = [
        registration(f"copy-{i}", f"registry-{i}.example.com", succeeded=218, rate=1.9)
        for i in range(11)
    ]
    down = {"state": "down", "since": at(1512), "retry_at": at(-16), "last_error": failure}
    rows.append(registration("ghcr", "ghcr.io", waiting=218, retries=31, **down))
    status["registrations"] = rows
    status["totals"].update(consumed=218, succeeded=0, skipped=0)
    del status["totals"]["last_completed_at"]
    status["deliveries"].update(succeeded=2398, waiting=218, running=0, last_completed_at=at(1))
    status["in_flight"].update(
        records=218, oldest=[record(i, age_ms=1512000 - i, registration="ghcr") for i in range(9)]
    )
    behind = {"lag": 80, "records": 73, "watermark": 900, "window": 80}
    status["partitions"] = [partition(i, **behind) for i in range(3)]
    status["recent"] = [outcome(i, registration=f"copy-{i % 11}") for i in range(50)]
    return status


def dead_letters():
    status = healthy()
    classes = {"schema": 212, "rejected": 431, "auth": 17}
    status["totals"].update(dead_letters=660, failed=660)
    status["deliveries"].update(failed=448)
    status["dead_letters"].update(last_at=at(95), classes=classes)
    status["recent"] = [
        outcome(
            i,
            "failed",
            **{"class": "rejected"},
            destination="acme/att-*",
            reason="registry.example.com rejects the manifest: MANIFEST_INVALID: manifest schema "
            "is not supported (400)",
        )
        for i in range(40)
    ]
    status["registrations"][0]["failed"] = 448
    status["samples"] = samples(failed=9)
    return status


def held():
    """An attachment and a registration that are refused, records whose messages Kafka rejects,
    a partition that cannot be read, warnings and an invalid configuration"""
    status = healthy()
    refusal = "upload: denied: permission_denied: write_package (HTTP 403)"
    attachment = {"name": "payments-to-main", "since": at(700), "waiting": 9, "reason": refusal}
    status["registrations"][0]["held_attachments"] = [attachment]
    status["registrations"][1].update(
        state="held",
        since=at(400),
        retry_at=at(-30),
        waiting=5,
        reason="token: invalid credentials (HTTP 401)",
    )
    rejection = {
        "to": "attestation-dead-letters",
        "topic": "attestations",
        "partition": 1,
        "offset": 4711,
        "code": "MSG_SIZE_TOO_LARGE",
        "reason": "Broker: Message size too large",
        "remedy": "raise the topic's max.message.bytes",
        "since": at(800),
        "attempts": 5,
    }
    status["deliveries"]["waiting"] = 14
    status["rejected"] = {
        "deliveries": 7,
        "first": [{**rejection, "offset": 4711 + i} for i in range(7)],
    }
    status["partitions"][2]["unreadable"] = {
        "offset": 815,
        "since": at(300),
        "reason": "Local: Bad message format: CRC mismatch",
        "skip_command": "kafka-consumer-groups.sh --bootstrap-server kafka-1:9092 --group waybill "
        "--topic attestations:2 --reset-offsets --to-offset 816 --execute",
    }
    status["warnings"] = ["topic 'dead-letters' (kafka.topics.dead_letters) is compacted"]
    status["warnings_since"] = [at(100000)]
    fault = "config.yaml:12:3: unknown key 'delivry'"
    status["reload"].update(at=at(60), refused=1, faults=2, fault=fault)
    return status


def not_ready():
    status = healthy()
    status.update(
        ready=False,
        not_ready_since=at(45),
        reasons=[
            "topic 'attestation-outcomes' (kafka.topics.outcomes) does not exist, and Waybill "
            "creates none. Correct the name, or create it: kafka-topics.sh --bootstrap-server "
            "kafka-1:9092 --create --topic attestation-outcomes",
            "no assignment: the group has assigned no partitions yet",
        ],
    )
    status["partitions"] = []
    return status


def hostile():
    """Texts that an event, a registry or a broker can control"""

    def spoil(value, key=""):
        kept = ("state", "phase", "status", "class", "now", "started", "at", "end")
        if isinstance(value, dict):
            return {k: spoil(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [spoil(v, key) for v in value]
        is_time = "since" in key or key.endswith("_at")
        return HOSTILE if isinstance(value, str) and key not in kept and not is_time else value

    status = held()
    status["registrations"] += registry_down()["registrations"]
    return spoil(status)


DOCUMENTS = {
    function.__name__.replace("_", "-"): function
    for function in (healthy, many, registry_down, dead_letters, held, not_ready, hostile)
}


def at_present(status):
    """Returns a copy whose `now` is later, as in the next response of the service."""
    return {**status, "now": at()}

#!/usr/bin/env python3
"""`waybill replay` on Apache Kafka, with dead letters made by the test and real ones.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import collections
import json
import os
import signal
import subprocess
import time

from common import EVENT_TYPE, EXIT_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY, EXIT_USAGE
from common import binary, envelope, environment, event, main, artifact_of

# This skips the whole file if confluent_kafka is missing.
from test_kafka import QUICK, KafkaCase, message_of

import confluent_kafka

from support.kafka import Kafka

SUCCEEDED = "dev.waybill.delivery.succeeded.v1"
ATTACHMENT = "local:shop/build-*"


class ReplayCase(KafkaCase):
    def create(self, *arguments, **more):
        super().create(*arguments, **{"replays": True, **more})

    def letter(self, number, **more):
        """Returns a dead letter as (key, value, headers), of record `number` of partition 0."""
        rows = {
            "error-class": "not_found",
            "error-code": "NAME_UNKNOWN",
            "error-message": "push 'x': not found",
            "http-status": "404",
            "last-failure": f"2026-01-02T03:{number // 60 % 60:02}:{number % 60:02}.000Z",
            "integration": "oci-registry",
            "registration": "local",
            "attachment": ATTACHMENT,
            "topic": self.source,
            "partition": "0",
            "offset": str(number),
            "group": self.group,
            "event-id": f"id-{number}",
            **{name.replace("_", "-"): text for name, text in more.items()},
        }
        headers = [("ce_id", f"id-{number}".encode()), ("own", b"\xff\0"), ("own", b"2")]
        headers += [
            (f"waybill-{name}", text.encode()) for name, text in rows.items() if text is not None
        ]
        value = json.dumps(event(f"event-{number}")).encode()
        return f"key-{number}".encode(), value, headers

    def bury(self, letters, **where):
        self.kafka.produce(self.topics["dead_letters"], letters, **where)

    def prepare(self, count, partitions=1, **sections):
        self.create(partitions)
        self.bury([self.letter(number) for number in range(count)])
        return self.configure(**sections)

    def replay(self, config, *arguments, status=EXIT_OK, timeout=120):
        done = self.waybill("--config", config, "replay", *arguments, timeout=timeout)
        self.assert_status(done, status)
        return done

    def listed(self, config, *arguments):
        """Returns the dead letters by their position."""
        done = self.replay(config, "list", "--json", *arguments)
        rows = [json.loads(line) for line in done.out.splitlines()]
        return {row["dead_letter"]: row for row in rows}

    def summary(self, config, *arguments, status=EXIT_OK):
        done = self.replay(config, "run", "--yes", "--json", *arguments, status=status)
        return json.loads(done.out)

    def start(self, config, *arguments):
        process = subprocess.Popen(
            [binary(), "--config", config, "replay", "run", "--yes", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(self.directory),
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def ended(self, process):
        out, err = process.communicate(timeout=60)
        self.assertNotIn("Sanitizer", err)
        return process.returncode, out, err

    def replayed(self, expected, kafka=None):
        """Returns the replays by their dead letter, and asserts that none occurs twice."""
        found = (kafka or self.kafka).read_committed(self.topics["replays"], expected)
        names = collections.Counter(dict(one.headers)["waybill-dead-letter"] for one in found)
        self.assertEqual(set(names.values()) - {1}, set())
        self.assertEqual(len(found), expected)
        return {dict(one.headers)["waybill-dead-letter"].decode(): one for one in found}

    def replay_killed(self, config, *arguments, times=5):
        """Kills a replay that often, each time after it has copied something."""
        reader = self.reader("replays")
        self.until(lambda: reader.look(0.5) == reader.look(0.5), 30, "quiet reader")
        for _ in range(times):
            before = reader.look()
            process = self.start(config, *arguments)
            self.until(lambda: reader.look() > before or process.poll() is not None, 30, "copy")
            self.assertIsNone(process.poll(), "it ended before it could be killed")
            process.kill()
            process.wait()


class Looking(ReplayCase):
    def test_list_stats_and_show(self):
        config = self.prepare(0, 2)
        self.assertEqual(self.replay(config, "list").out, "")
        self.assertIn("0 dead letters", self.replay(config, "stats").out)
        schema = self.letter(
            2, error_class="schema", error_code=None, attachment=None, registration=None
        )
        self.bury([self.letter(0), self.letter(1), schema], partition=1)
        rows = self.replay(config, "list").out.splitlines()
        self.assertRegex(rows[0], "^DEAD LETTER +FAILED AT +CLASS +CODE +ATTACHMENT +EVENT +REPLAYS")
        self.assertRegex(
            rows[1],
            r"^1/0 +2026-01-02T03:00:00Z +not_found +NAME_UNKNOWN +local:shop/build-\* +"
            r"id-0 +0 +waiting$",
        )
        self.assertRegex(rows[3], r"^1/2 +\S+ +schema +- +- +id-2 +0 +waiting$")
        row = self.listed(config)["1/1"]
        self.assertEqual(
            row["error"],
            {
                "class": "not_found",
                "code": "NAME_UNKNOWN",
                "http_status": 404,
                "message": "push 'x': not found",
            },
        )
        self.assertEqual(
            row["original"], {"topic": self.source, "partition": 0, "offset": 1}
        )
        stats = json.loads(self.replay(config, "stats", "--json").out)
        self.assertEqual(stats["total"], 3)
        self.assertEqual(stats["states"]["waiting"], 3)
        self.assertEqual(
            stats["classes"], [{"name": "not_found", "count": 2}, {"name": "schema", "count": 1}]
        )
        self.assertEqual(stats["attachments"][0], {"name": ATTACHMENT, "count": 2})
        self.assertEqual(stats["oldest_failure"], "2026-01-02T03:00:00.000Z")
        shown = self.replay(config, "show", "1/0").out
        for part in (
            "waybill-error-class",
            "key-0",
            "run-event-0",
            "The destination, such as a repository, does not exist, and the endpoint does",
            "Create it or correct the registration, then replay.",
            f"waybill --config '{config}' replay run --dead-letter 1/0 --yes",
        ):
            self.assertIn(part, shown)
        shown = json.loads(self.replay(config, "show", "1/2", "--json").out)
        self.assertIn("Correct the producer", shown["remedy"])
        # The names of both until 0.2 are deprecated, and still exist.
        self.assertEqual((shown["why"], shown["mend"]), (shown["meaning"], shown["remedy"]))
        self.assertEqual(shown["state"], "waiting")
        done = self.replay(config, "show", "0/7", status=EXIT_FAILED)
        self.assertIn("there is no dead letter 0/7", done.err)

    def test_filters(self):
        config = self.prepare(0, 1)
        other = json.dumps(event("x", project="lab")).encode()
        letters = [
            self.letter(0),
            self.letter(1, error_class="schema", attachment=None, registration=None),
            self.letter(2, attachment="local:w2", error_code="DENIED"),
            self.letter(300, topic="elsewhere", partition="3"),
        ]
        letters[2] = (letters[2][0], other, letters[2][2])
        self.bury(letters)
        rows = (
            (["--class", "schema"], [1]),
            (["--class", "schema", "--class", "not_found"], [0, 1, 2, 3]),
            (["--class", "schema", "--registration", "local"], []),
            (["--code", "DENIED"], [2]),
            (["--since", "2026-01-02T03:01:00Z"], [3]),
            (["--until", "2026-01-02T03:01:00Z"], [0, 1, 2]),
            (["--since", "1h"], []),
            (["--topic", "elsewhere"], [3]),
            (["--partition", "3"], [3]),
            (["--offset", "1-2"], [1, 2]),
            (["--offset", "0", "--offset", "300-"], [0, 3]),
            (["--dead-letter", "0/2"], [2]),
            (["--key", "key-1"], [1]),
            (["--event-id", "id-300"], [3]),
            (["--workflow", "shop/*"], [0, 1, 3]),
            (["--workflow", "lab/build-api"], [2]),
            (["--attachment", "local:w2"], [2]),
            (["--integration", "oci-registry"], [0, 1, 2, 3]),
            (["--limit", "2"], [0, 1]),
        )
        for arguments, expected in rows:
            with self.subTest(arguments):
                found = self.listed(config, *arguments)
                self.assertEqual(list(found), [f"0/{number}" for number in expected])

    def test_the_numbers_of_stats_add_up(self):
        """With dead letters of several classes, integrations and states"""
        config = self.prepare(0, 2)
        unset = {"integration": None, "registration": None, "attachment": None}
        self.bury([self.letter(0), self.letter(1), self.letter(2, error_code="DENIED")])
        self.bury([self.letter(3, error_class="schema", error_code=None, **unset)], partition=1)
        self.bury([self.letter(4, error_class="of_another_version", integration="webhook")])
        self.bury([self.letter(0, replays="1"), self.letter(5, replays="9")], partition=1)
        self.bury([self.letter(6, group="another"), (b"k", b"{}", [])])
        self.summary(config, "--event-id", "id-1")

        def add_up(*arguments):
            done = self.replay(config, "stats", "--json", *arguments)
            stats = json.loads(done.out)
            self.assertEqual(sum(stats["states"].values()), stats["total"], stats)
            for name in ("classes", "codes", "integrations", "registrations", "attachments"):
                rows = sum(row["count"] for row in stats[name])
                self.assertEqual(rows, stats["total"], (name, stats))
            self.assertEqual(len(self.listed(config, *arguments)), stats["total"])
            # The text has the same content: each block of rows, and what is not counted.
            text = self.replay(config, "stats", *arguments).out
            first, *blocks = text.split("by ")
            self.assertEqual(first.split()[:3], [str(stats["total"]), "dead", "letters"])
            for block in blocks:
                rows = [int(row.split()[-1]) for row in block.splitlines()[1:]]
                self.assertEqual(sum(rows), stats["total"], text)
            self.assertEqual(len(blocks), 6, text)
            return stats, text

        open_ones, text = add_up()
        self.assertEqual(open_ones["total"], 7)
        self.assertEqual(open_ones["not_counted"]["replayed"], 1)
        self.assertEqual(open_ones["not_counted"]["superseded"], 1)
        self.assertIn(
            "not counted: 2 that need no action (1 replayed, 1 superseded); --all counts them", text
        )
        everything, _ = add_up("--all")
        self.assertEqual((everything["total"], sum(everything["not_counted"].values())), (9, 0))
        add_up("--class", "not_found")
        add_up("--all", "--class", "not_found")
        done = self.replay(config, "list", "--limit", "2")
        self.assertIn(
            "2 dead letters of 7 (--limit); 2 more need no action (--all shows them)", done.err
        )

    def test_a_filter_that_names_nothing_is_an_error(self):
        config = self.prepare(1)
        wrong = (
            (["--class", "nofound"], "no error class has this name (did you mean 'not_found'?)"),
            (["--class", "unreachable"], "its class is 'attempts_exhausted'"),
            (["--registration", "locla"], "no registration has this name"),
            (["--attachment", "nobody"], "no attachment has this name"),
            (["--integration", "oci"], "no integration has this name"),
            (["--topic", f"{self.source}x"], "no topic has this name"),
        )
        for arguments, text in wrong:
            for verb in ("list", "stats", "run", "purge"):
                with self.subTest(verb=verb, arguments=arguments):
                    done = self.replay(config, verb, *arguments, status=EXIT_USAGE)
                    self.assertIn(text, done.err)
                    self.assertEqual(done.out, "")
        # Names that are or were configured; values of other options are not checked.
        for arguments in (
            ["--class", "expired"],
            ["--integration", "webhook"],
            ["--topic", self.topics["replays"]],
            ["--code", "NO_SUCH_CODE"],
            ["--event-id", "nobody's"],
        ):
            with self.subTest(arguments):
                self.assertEqual(self.listed(config, *arguments), {})

    def test_hostile_letters(self):
        config = self.prepare(0, 1)
        nasty = b"\x1b]0;owned\x07\xc2\x9b31m\xff\0\n"
        self.bury(
            [
                (None, None, None),
                (nasty, nasty, [("waybill-error-class", nasty), ("waybill-offset", nasty)]),
                (b"", b"", [(f"h{number}", nasty) for number in range(1000)]),
                self.letter(3, error_code=None),
            ]
        )
        headers = self.letter(4)[2]
        self.bury([(nasty, b"[" * 100_000, headers + [("waybill-error-code", nasty)])])
        self.bury([(nasty, b"", headers + [("waybill-event-id", nasty)])])
        texts = [
            self.replay(config, verb).out
            for verb in ("list", "stats", "run", "purge")
        ] + [self.replay(config, "show", f"0/{number}").out for number in range(6)]
        for text in texts:
            for wrong in ("\x1b", "\x07", "\x9b", "\0"):
                self.assertNotIn(wrong, text)
            self.assertLess(len(text), 1_000_000)
        for line in self.replay(config, "list", "--json").out.splitlines():
            json.loads(line)
        json.loads(self.replay(config, "show", "0/1", "--json").out)
        self.assertEqual(
            [row["state"] for row in self.listed(config, "--workflow", "*").values()], ["waiting"]
        )
        # Records that are no dead letters remain, and are reported.
        found = self.summary(config, status=EXIT_FAILED)
        self.assertEqual((found["replayed"], found["unreadable"]), (2, 4))
        copied = self.replayed(2)[f"{self.topics['dead_letters']}/0/4"]
        self.assertEqual((copied.key, copied.value), (nasty, b"[" * 100_000))

    def test_exit_statuses(self):
        config = self.prepare(1)
        for arguments in (
            [],
            ["lits"],
            ["list", "--yes"],
            ["list", "more"],
            ["show"],
            ["show", "7"],
            ["show", "0/0", "--class", "x"],
            ["run", "--since", "yesterday"],
            ["run", "--rate", "fast"],
            ["purge", "--rate", "5"],
        ):
            with self.subTest(arguments):
                done = self.replay(config, *arguments, status=EXIT_USAGE)
                self.assertIn("waybill help replay", done.err)
        self.replay(self.write("none.yaml", "{}"), "list", status=EXIT_CONFIG)
        away = self.configure(name="away.yaml", kafka={"brokers": "127.0.0.1:1"})
        self.assertIn("127.0.0.1:1", self.replay(away, "list", status=EXIT_TEMPORARY).err)
        self.replay(away, "run", "--yes", status=EXIT_TEMPORARY)
        topics = {**self.topics, "dead_letters": "nowhere"}
        lost = self.configure(name="lost.yaml", kafka={"topics": topics})
        self.assertIn("'nowhere'", self.replay(lost, "list", status=EXIT_FAILED).err)


class Running(ReplayCase):
    def test_dry_run_writes_nothing(self):
        config = self.prepare(5, 2)
        before = [self.kafka.end_offsets(topic) for topic in self.topics.values()]
        done = self.replay(config, "run", "--rate", "1")
        self.assertIn("would replay 5 dead letters", done.out)
        self.assertRegex(done.out, r"not_found +5\n")
        after = [self.kafka.end_offsets(topic) for topic in self.topics.values()]
        self.assertEqual(before, after)
        self.assertEqual(
            self.kafka.committed(f"{self.group}-replay", self.topics["dead_letters"]), {}
        )

    def test_copies_are_the_original(self):
        config = self.prepare(5, 2)
        found = self.summary(config)
        self.assertEqual((found["chosen"], found["replayed"]), (5, 5))
        self.assertEqual((found["end"], found["dry_run"]), ("done", False))
        letters = self.read("dead_letters", 5)
        copies = self.replayed(5)
        for letter in letters:
            name = f"{self.topics['dead_letters']}/{letter.partition}/{letter.offset}"
            copy = copies[name]
            self.assertEqual((copy.key, copy.value), (letter.key, letter.value))
            # Retention counts from the replay.
            self.assertGreaterEqual(copy.timestamp, letter.timestamp)
            given = dict(letter.headers)
            self.assertEqual(
                copy.headers,
                letter.headers[:3]
                + [
                    ("waybill-replays", b"1"),
                    ("waybill-attachment", ATTACHMENT.encode()),
                    ("waybill-event-id", given["waybill-event-id"]),
                    ("waybill-topic", self.source.encode()),
                    ("waybill-partition", b"0"),
                    ("waybill-offset", given["waybill-offset"]),
                    ("waybill-dead-letter", name.encode()),
                ],
            )
        # One replay suffices.
        self.assertEqual(self.summary(config)["chosen"], 0)
        self.replayed(5)
        self.assertEqual(self.listed(config), {})
        states = {row["state"] for row in self.listed(config, "--all").values()}
        self.assertEqual(states, {"replayed"})

    def test_some_now_the_others_later(self):
        config = self.prepare(0)
        classes = ["schema", "auth", "not_found"]
        self.bury([self.letter(n, error_class=classes[n % 3]) for n in range(300)])
        for name in ("auth", "schema"):
            self.assertEqual(self.summary(config, "--class", name, "--rate", "0")["replayed"], 100)
        (committed,) = self.kafka.committed(
            f"{self.group}-replay", self.topics["dead_letters"]
        ).values()
        self.assertEqual(committed.offset, 2)
        self.assertNotEqual(committed.metadata, "")
        self.assertEqual(self.summary(config, "--limit", "30", "--rate", "0")["replayed"], 30)
        self.assertEqual(len(self.listed(config)), 70)
        self.assertEqual(self.summary(config, "--rate", "0")["replayed"], 70)
        self.replayed(300)

    def test_rate(self):
        config = self.prepare(30)
        found = self.summary(config, "--rate", "10")
        self.assertGreaterEqual(found["duration_ms"], 2800)
        self.assertLess(found["duration_ms"], 10000)

    def test_quarantine(self):
        config = self.prepare(0)
        self.bury([self.letter(0, replays="5"), self.letter(1, replays="4"), self.letter(2)])
        self.assertEqual(self.listed(config)["0/0"]["state"], "quarantined")
        found = self.summary(config, status=EXIT_FAILED)
        self.assertEqual((found["replayed"], found["quarantined"]), (2, 1))
        copies = self.replayed(2)
        counts = sorted(dict(one.headers)["waybill-replays"] for one in copies.values())
        self.assertEqual(counts, [b"1", b"5"])
        self.assertEqual(list(self.listed(config)), ["0/0"])
        self.assertEqual(self.summary(config, "--force")["replayed"], 1)
        self.replayed(3)

    def test_letters_of_another_group(self):
        config = self.prepare(0)
        self.bury([self.letter(0, group="somebody"), self.letter(1)])
        found = self.summary(config, status=EXIT_FAILED)
        self.assertEqual((found["replayed"], found["foreign"]), (1, 1))
        self.assertEqual(self.listed(config)["0/0"]["state"], "foreign")

    def test_superseded(self):
        config = self.prepare(0)
        self.bury([self.letter(0), self.letter(0, replays="1"), self.letter(0, attachment="other")])
        rows = self.listed(config, "--all")
        self.assertEqual((rows["0/0"]["state"], rows["0/0"]["newer"]), ("superseded", "0/1"))
        found = self.summary(config)
        self.assertEqual((found["replayed"], found["superseded"]), (2, 1))
        names = {name.rpartition("/")[2] for name in self.replayed(2)}
        self.assertEqual(names, {"1", "2"})
        self.assertEqual(self.summary(config)["superseded"], 0)

    def outcome(
        self, number, attachment=ATTACHMENT, structured=False, source=None, offset=None, replay=False
    ):
        offset = number if offset is None else offset
        place = {"topic": self.source, "partition": 0, "offset": offset}
        if replay:
            place = {"topic": self.topics["replays"], "partition": 0, "offset": 0, "origin": place}
        data = {
            "status": "succeeded",
            "input": {"id": f"id-{number}", **place},
            "attachment": attachment,
        }
        source = source or f"waybill/{self.group}"
        if structured:
            whole = {"type": SUCCEEDED, "source": source, "causationid": "x", "data": data}
            return b"k", json.dumps(whole), [("content-type", b"application/cloudevents+json")]
        headers = [
            ("ce_type", SUCCEEDED.encode()),
            ("ce_source", source.encode()),
            ("ce_causationid", f"id-{number}".encode()),
            ("content-type", b"application/json"),
        ]
        return b"k", json.dumps(data), headers

    def test_delivered_since(self):
        config = self.prepare(0)
        none = self.letter(5, attachment=None, error_class="schema")
        self.bury([self.letter(number) for number in range(5)] + [none])
        self.kafka.produce(
            self.topics["outcomes"],
            [
                self.outcome(0),
                self.outcome(1, structured=True, replay=True),
                self.outcome(2, attachment="another"),
                self.outcome(3, source="waybill/somebody"),
                # Events whose producer chose the id of another one
                self.outcome(4, offset=9),
                self.outcome(4, offset=9, replay=True),
                self.outcome(5),
                (None, None, None),
                (b"k", b"not JSON", [("ce_type", SUCCEEDED.encode())]),
            ],
        )
        rows = self.listed(config, "--all")
        states = {place: row["state"] for place, row in rows.items()}
        delivered = {place for place, state in states.items() if state == "delivered"}
        self.assertEqual(delivered, {"0/0", "0/1", "0/5"})
        rows = self.listed(config, "--all", "--no-outcome-check")
        self.assertEqual({row["state"] for row in rows.values()}, {"waiting"})
        found = self.summary(config)
        self.assertEqual((found["replayed"], found["delivered"]), (3, 3))
        names = {name.rpartition("/")[2] for name in self.replayed(3)}
        self.assertEqual(names, {"2", "3", "4"})
        self.assertEqual(self.listed(config), {})

    def test_too_large_for_the_topic(self):
        self.kafka.create_topic(self.topics["replays"], 1, {"max.message.bytes": "20000"})
        for which in ("attestations", "outcomes", "dead_letters"):
            self.kafka.create_topic(self.topics[which])
        letters = [self.letter(number) for number in range(10)]
        noise = b"".join(number.to_bytes(2, "big") * 3 for number in range(9000))
        letters[4] = (letters[4][0], noise, letters[4][2])
        self.bury(letters)
        config = self.configure(kafka={"properties": {"compression.codec": "none"}})
        found = self.summary(config, status=EXIT_FAILED)
        self.assertEqual((found["replayed"], found["refused"]), (9, 1))
        self.assertNotIn(f"{self.topics['dead_letters']}/0/4", self.replayed(9))
        self.assertEqual(list(self.listed(config)), ["0/4"])

    def test_progress_that_cannot_be(self):
        config = self.prepare(3)
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": self.kafka.address, "group.id": f"{self.group}-replay"}
        )
        where = confluent_kafka.TopicPartition(self.topics["dead_letters"], 0, 1000)
        consumer.commit(offsets=[where], asynchronous=False)
        consumer.close()
        for arguments in (["list"], ["run", "--yes"], ["purge", "--yes"]):
            done = self.replay(config, *arguments, status=EXIT_FAILED)
            self.assertIn("created again", done.err)
        self.assertEqual(len(self.read("dead_letters", 3)), 3)


class Interrupted(ReplayCase):
    def test_killed_five_times(self):
        config = self.prepare(2000, 3)
        self.replay_killed(config, "--rate", "200")
        found = self.summary(config, "--rate", "0")
        self.assertLess(found["replayed"], 2000)
        self.replayed(2000)
        self.assertEqual(self.listed(config), {})

    def test_signals(self):
        config = self.prepare(1000)
        reader = self.reader("replays")
        done = 0
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.start(config, "--rate", "50", "--json")
            before = reader.look()
            self.until(lambda: reader.look() > before, 30, "copy")
            process.send_signal(number)
            found, out, err = self.ended(process)
            self.assertEqual(found, status, err)
            summary = json.loads(out)
            self.assertEqual(summary["end"], "interrupted")
            done += summary["replayed"]
            self.replayed(done)
        self.assertEqual(self.summary(config, "--rate", "0")["replayed"], 1000 - done)
        self.replayed(1000)

    def test_the_second_takes_over(self):
        config = self.prepare(600)
        reader = self.reader("replays")
        first = self.start(config, "--rate", "50", "--json")
        self.until(lambda: reader.look() > 0, 30, "copy")
        second = self.summary(config, "--rate", "0")
        status, out, err = self.ended(first)
        self.assertEqual(status, EXIT_FAILED, err)
        self.assertIn("another replay", err)
        self.assertEqual(json.loads(out)["replayed"] + second["replayed"], 600)
        self.replayed(600)

    def test_a_typo_in_a_filter_does_not_end_a_running_replay(self):
        config = self.prepare(150)
        reader = self.reader("replays")
        first = self.start(config, "--rate", "50", "--json")
        self.until(lambda: reader.look() > 0, 30, "copy")
        self.replay(config, "run", "--yes", "--class", "nofound", status=EXIT_USAGE)
        status, out, err = self.ended(first)
        self.assertEqual(status, EXIT_OK, err)
        self.assertEqual(json.loads(out)["replayed"], 150)
        self.replayed(150)

    def test_the_broker_is_killed(self):
        if os.environ.get("WAYBILL_TEST_KAFKA"):
            self.skipTest("the broker is shared")
        self.kafka = kafka = Kafka()
        self.addCleanup(kafka.close)
        config = self.prepare(1000, 2)
        process = self.start(config, "--rate", "100", "--json")
        reader = self.reader("replays")
        self.until(lambda: reader.look() > 0, 30, "copy")
        kafka.kill()
        time.sleep(1)
        kafka.start()
        status, out, err = self.ended(process)
        self.assertEqual(status, EXIT_OK, err)
        self.assertEqual(json.loads(out)["replayed"], 1000)
        self.replayed(1000)


class Purging(ReplayCase):
    def test_purge(self):
        config = self.prepare(0)
        classes = ["schema", "schema", "auth", "schema", "auth"]
        self.bury([self.letter(n, error_class=name) for n, name in enumerate(classes)])
        self.summary(config, "--class", "schema")
        done = self.replay(config, "purge")
        self.assertIn("would delete 2, 3 remain; the first of these is 0/2, waiting", done.out)
        self.assertEqual(len(self.read("dead_letters", 5)), 5)
        self.replay(config, "purge", "--yes")
        self.assertEqual([one.offset for one in self.read("dead_letters", 3)], [2, 3, 4])
        # A filter alone deletes no dead letters that were never replayed.
        done = self.replay(config, "purge", "--class", "auth", "--json")
        self.assertEqual(json.loads(done.out)["deleted"], 0)
        done = self.replay(
            config, "purge", "--dead-letter", "0/2", "--include-unreplayed", "--json", "--yes"
        )
        found = json.loads(done.out)
        self.assertEqual((found["deleted"], found["remaining"]), (2, 1))
        self.assertEqual(found["partitions"][0]["first_remaining"]["dead_letter"], "0/4")
        self.assertEqual(len(self.read("dead_letters", 1)), 1)
        self.assertEqual(self.summary(config)["replayed"], 1)
        self.replay(config, "purge", "--yes")
        self.assertEqual(self.read("dead_letters"), [])
        self.bury([self.letter(9)])
        self.assertEqual(self.summary(config)["replayed"], 1)
        self.replayed(5)


def cloud_event(name, value):
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", name.encode()),
        ("ce_type", EVENT_TYPE.encode()),
        ("ce_source", b"/test"),
    ]
    return name.encode(), value, headers


class WithTheService(ReplayCase):
    def fail_all(self, count):
        """Starts the service, and writes that many dead letters that will fail again."""
        self.create(2)
        config = self.configure()
        service = self.serve(config)
        self.kafka.produce(
            self.source, [cloud_event(f"bad-{number}", b"not JSON") for number in range(count)]
        )
        self.assertEqual(len(self.read("dead_letters", count)), count)
        return config, service

    def test_it_does_not_feed_itself(self):
        config, service = self.fail_all(60)
        found = self.summary(config, "--rate", "30", "--max-failures", "100")
        self.assertEqual(found["replayed"], 60)
        # There is always lag now: the markers of the replay's transactions.
        self.assertEqual(len(self.read("dead_letters", 120)), 120)
        self.assertEqual(len(self.kafka.read_committed(self.source, 60)), 60)
        self.replayed(60)
        rows = self.listed(config)
        self.assertEqual(len(rows), 60)
        self.assertEqual({row["replays"] for row in rows.values()}, {1})
        self.assertEqual({row["error"]["class"] for row in rows.values()}, {"schema"})
        self.stop(service)

    def test_it_stops_when_too_many_fail_again(self):
        config, service = self.fail_all(60)
        done = self.replay(config, "run", "--yes", "--rate", "10", status=EXIT_FAILED)
        self.assertIn("more than 50 % of the last replays have failed again", done.err)
        self.assertRegex(done.out, r"^replayed (1\d|2\d|3\d) of 60 dead letters")
        self.stop(service)

    def test_a_poisoned_record_per_hundred(self):
        """The events are too large for the configured limit; after a correction each is delivered
        once, by a replay that is killed five times."""
        self.create(2)
        small = self.configure(delivery={**QUICK, "max_event_size": "8KiB"}, name="small.yaml")
        large = self.configure()
        messages, poisoned = [], set()
        for number in range(2000):
            name = f"event-{number}"
            padding = 9000 if number % 100 == 50 else 0
            if padding:
                poisoned.add(name)
            messages.append(
                cloud_event(name, json.dumps(event(name, padding=padding)).encode())
            )
        service = self.serve(small)
        self.kafka.produce(self.source, messages)
        self.assertEqual(len(self.read("outcomes", 2000, 120)), 2000)
        self.until_done(service)
        self.stop(service)
        rows = self.listed(large)
        self.assertEqual({row["event_id"] for row in rows.values()}, poisoned)
        self.assertEqual(len(rows), 20)
        self.assertEqual({row["error"]["class"] for row in rows.values()}, {"too_large"})

        service = self.serve(large)
        self.replay_killed(large, "--rate", "3")
        self.assertLess(self.summary(large)["replayed"], 16)
        self.read("outcomes", 2020)
        self.stop(service)
        outcomes = [json.loads(one.value) for one in self.read("outcomes", 2020)]
        self.assertEqual(len(outcomes), 2020)
        delivered = collections.Counter(
            data["run"]["id"].removeprefix("run-")
            for data in outcomes
            if data["status"] == "succeeded"
        )
        self.assertEqual(delivered, {f"event-{number}": 1 for number in range(2000)})
        for name in poisoned:
            self.assert_stored(self.registry, self.repository, artifact_of(envelope(name, 9000)))
        self.assertEqual(len(self.read("dead_letters", 20)), 20)
        self.assertEqual(self.listed(large), {})


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The output of `waybill kafka prepare` suffices for an Apache Kafka that permits nothing
else, and none of it is superfluous: each missing permission is named."""

import itertools
import json
import os
import subprocess
import unittest

from admin import ask, listening
from common import EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY, EXIT_USAGE, main

# This precedes confluent_kafka, which may be missing.
from test_kafka import KafkaCase, message_of

from support.minted import mint
from support.parts import Registry
from support.sasl_kafka import ADMIN, Grant, SaslKafka, make_tools

USERS = ("run", "replay", "explain", "publish")
DEFAULTS = {
    "attestations": "attestations",
    "outcomes": "attestation-outcomes",
    "dead_letters": "attestation-dead-letters",
    "replays": "attestation-replays",
}


def setUpModule():
    global kafka
    kafka = SaslKafka({user: mint() for user in USERS}, mint())
    unittest.addModuleCleanup(kafka.close)


class PrepareCase(KafkaCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = kafka
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.revoke_all)
        self.tools = make_tools(self.directory / "tools")
        login = (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'username="{ADMIN}" password="{kafka.passwords[ADMIN]}";'
        )
        self.write(
            "admin.properties",
            f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={login}\n",
        )

    @staticmethod
    def revoke_all():
        for one in kafka.grants():
            kafka.revoke(one)

    def of(self, user, password=None, **more):
        """The configuration with the credentials of that user"""
        return self.configure(
            name=f"{user}.yaml",
            admin={"listen": "127.0.0.1:0"},
            kafka={"properties": kafka.properties(user, password), **more},
        )

    def prepare(self, user, *arguments, **more):
        return self.waybill("kafka", "prepare", "--config", self.of(user, **more), *arguments)

    def principals(self):
        return [word for user in USERS for word in ("--principal", f"{user}=User:{user}")]

    def plan(self):
        done = self.prepare("run", "--json", *self.principals())
        self.assert_status(done, EXIT_OK)
        return json.loads(done.out)

    def permissions(self):
        """Returns (user, Grant, kind of name) for each permission."""
        return [
            (row["for"], Grant(row["principal"], row["resource"], row["name"], row["pattern"], operation))
            for row in self.plan()["permissions"]
            for operation in row["operations"]
        ]

    def shell(self, script):
        """Runs the script in a shell, as the administrator would."""
        return subprocess.run(
            ["bash", "-c", script],
            env={**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}"},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        )

    def prepare_at_once(self):
        """Does what the script does, without a Java process for each command."""
        self.assert_status(self.prepare(ADMIN, "--apply"), EXIT_OK)
        for _, one in self.permissions():
            kafka.grant(one)

    def until_ready(self, service):
        self.until(lambda: ask(self.address, "/readyz").status == 200, 30, "readiness", service)

    def start(self):
        service = self.serve(self.of("run"))
        self.address = listening(service)
        return service

    def use(self, user, *arguments, stdin=b""):
        return self.waybill("--config", self.of(user), *arguments, stdin=stdin)


class Script(PrepareCase):
    """The names are the defaults, and the cluster is empty: the first test."""

    def setUp(self):
        super().setUp()
        self.topics, self.group = dict(DEFAULTS), "waybill"
        self.source = self.topics["attestations"]

    def test_the_printed_commands_suffice_for_every_command(self):
        done = self.prepare(
            "run", "--command-config", "admin.properties", "--partitions", "2", *self.principals()
        )
        self.assert_status(done, EXIT_OK)
        self.assertTrue(all(len(line) <= 80 for line in done.out.splitlines()))
        self.assertEqual(kafka.grants(), set())
        self.shell(done.out)
        self.assertEqual(kafka.grants(), {one for _, one in self.permissions()})
        for topic in self.plan()["topics"]:
            self.assertEqual(
                kafka.topic_settings(topic["topic"]),
                {row["setting"]: row["value"] for row in topic["settings"]},
            )
        # Nothing differs from the requirements of the readiness checks and of --apply.
        done = self.prepare(ADMIN, "--apply", "--json", "--partitions", "2")
        self.assert_status(done, EXIT_OK)
        self.assertEqual({row["result"] for row in json.loads(done.out)["topics"]}, {"ok"})
        self.every_command_works()

    def every_command_works(self):
        service = self.start()
        self.until_ready(service)
        good, bad = message_of("event-0")[1], b'{"workflow": {"project": "shop", "name": "build-api"}}'
        for event in (good, bad):
            self.assert_status(self.use("publish", "publish", stdin=event), EXIT_OK)
        self.until(lambda: kafka.lag(self.group, self.source) == 0, 30, "end of lag", service)
        checked = self.use("run", "check", "--online", "--json")
        self.assert_status(checked, EXIT_OK)
        self.assertEqual(
            [row for row in json.loads(checked.out)["kafka"] if row["result"] != "ok"], []
        )
        self.assertEqual(ask(self.address, "/status").json["warnings"], [])
        for where in ("0/0", "1/0"):
            self.assertIn(
                self.use("explain", "explain", where, "--json").status, (EXIT_OK, EXIT_FAILED)
            )
        for arguments in (
            ("list", "--json"),
            ("stats",),
            ("show", "0/0"),
            ("run", "--yes"),
            ("purge", "--yes", "--include-unreplayed"),
        ):
            done = self.use("replay", "replay", *arguments)
            self.assertNotIn("deny", done.err)
            # The replay of an invalid event fails again.
            self.assertIn(done.status, (EXIT_OK, EXIT_FAILED), done)
        self.assertEqual(len(self.read("replays", 1)), 1)
        self.stop(service)


class Missing(PrepareCase):
    """Each permission in turn is revoked."""

    def setUp(self):
        super().setUp()
        self.prepare_at_once()
        # Without a dead letter a replay has nothing to do.
        service = self.start()
        self.until_ready(service)
        self.kafka.produce(self.source, [message_of("event-0"), (b"k", b"{", None)], partition=0)
        self.until_done(service)
        self.stop(service)

    def test_what_run_lacks_is_named_before_it_reads_anything(self):
        for user, one in self.permissions():
            if user != "run" or one.operation == "DescribeConfigs":
                continue
            with self.subTest(one):
                kafka.revoke(one)
                service = self.start()
                known = "reasons" if one.name != self.topics["replays"] else "warnings"

                def named():
                    return [
                        text
                        for text in ask(self.address, "/status").json[known]
                        if f"permission {one.operation} is missing" in text
                        and f"--operation {one.operation} --{one.resource} {one.name}" in text
                    ]

                (text,) = self.until(named, 30, f"message about {one}", service)
                self.assertEqual("prefixed" in text, one.pattern == "prefixed")
                # The command that it names is the remedy, except for the principal.
                command = text.partition("Grant it: ")[2].replace("User:PRINCIPAL", "User:run")
                kafka.grant(self.parse(command))
                self.until_ready(service)
                self.until(lambda: not named(), 60, "end of the message", service)
                self.assertIn(one, kafka.grants())
                self.stop(service)

    @staticmethod
    def parse(command):
        """Parses a kafka-acls.sh command about one resource into a Grant."""
        words = command.split()
        value = dict(itertools.pairwise(words))
        resource = next(name for name in ("topic", "group", "transactional-id") if f"--{name}" in words)
        return Grant(
            value["--allow-principal"],
            resource,
            value[f"--{resource}"],
            value.get("--resource-pattern-type", "literal"),
            value["--operation"],
        )

    def test_check_names_what_run_lacks(self):
        for user, one in self.permissions():
            if user != "run":
                continue
            with self.subTest(one):
                kafka.revoke(one)
                done = self.use("run", "check", "--online", "--json")
                kafka.grant(one)
                optional = one.operation == "DescribeConfigs" or one.name == self.topics["replays"]
                self.assert_status(done, EXIT_OK if optional else EXIT_FAILED)
                texts = [row["detail"] for row in json.loads(done.out)["kafka"]]
                wanted = f"--operation {one.operation} --{one.resource} {one.name}"
                self.assertEqual(len([text for text in texts if wanted in text]), 1, texts)

    def test_what_the_other_commands_lack_is_named(self):
        for user, one in self.permissions():
            if user == "run":
                continue
            with self.subTest(one):
                kafka.revoke(one)
                done = self.lacking(user, one)
                kafka.grant(one)
                self.assert_status(done, EXIT_FAILED)
                self.assertIn(
                    f"{one.resource} '{one.name}': the brokers deny the operation "
                    f"{one.operation} to {one.principal}",
                    done.err,
                )
                self.assertIn(
                    f"kafka-acls.sh --bootstrap-server {kafka.address} --add --allow-principal "
                    f"{one.principal} --operation {one.operation} --{one.resource} {one.name}",
                    done.err,
                )

    def lacking(self, user, one):
        if user == "publish":
            return self.use(user, "publish", stdin=message_of("event-1")[1])
        if user == "explain":
            topic = one.name if one.name == self.topics["replays"] else self.source
            return self.use(user, "explain", f"{topic}/0/1")
        if one.operation == "Delete":
            return self.use(user, "replay", "purge", "--yes", "--include-unreplayed")
        return self.use(user, "replay", "run", "--yes")


class Apply(PrepareCase):
    def rows(self, done):
        return {(row["topic"], row.get("setting")): row for row in json.loads(done.out)["topics"]}

    def test_missing_topics_are_created_with_settings_that_suit(self):
        kafka.create_topic(self.source, 3, {"max.message.bytes": "2000000", "retention.ms": "-1"})
        done = self.prepare(ADMIN, "--apply", "--json")
        self.assert_status(done, EXIT_OK)
        rows = self.rows(done)
        self.assertEqual(rows[self.source, None]["result"], "ok")
        self.assertEqual(rows[self.topics["dead_letters"], None]["result"], "created")
        self.assertEqual(
            kafka.topic_settings(self.topics["dead_letters"]),
            {"cleanup.policy": "delete", "max.message.bytes": "2008192", "retention.ms": "-1"},
        )
        self.assertEqual(len(kafka.end_offsets(self.topics["replays"])), 3)
        done = self.prepare(ADMIN, "--apply")
        self.assert_status(done, EXIT_OK)
        self.assertIn("exists with 3 partitions", done.out)

    def test_differences_of_existing_topics_are_reported_with_the_command(self):
        self.create(
            1,
            {"cleanup.policy": "compact", "message.timestamp.after.max.ms": "5"},
            replays=True,
        )
        kafka.configure_topic(
            self.topics["dead_letters"], {"max.message.bytes": "1000", "retention.ms": "1000"}
        )
        before = {topic: kafka.topic_settings(topic) for topic in self.topics.values()}
        done = self.prepare(
            ADMIN, "--apply", "--json", "--partitions", "2", "--command-config", "admin.properties"
        )
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual(
            before, {topic: kafka.topic_settings(topic) for topic in self.topics.values()}
        )
        rows = self.rows(done)
        written = ("outcomes", "replays")
        self.assertEqual(
            set(rows),
            {(self.topics[role], "cleanup.policy") for role in ("attestations", *written)}
            | {(self.topics[role], "message.timestamp.after.max.ms") for role in written}
            | {(self.topics[role], "partitions") for role in ("attestations", *written)}
            | {(self.topics["dead_letters"], name) for name in ("max.message.bytes", "retention.ms")},
        )
        self.shell("\n".join(["set -e", *(row["command"] for row in rows.values())]))
        done = self.prepare(ADMIN, "--apply", "--json", "--partitions", "2")
        self.assert_status(done, EXIT_OK)
        self.assertEqual({row["result"] for row in json.loads(done.out)["topics"]}, {"ok"})

    def test_a_principal_that_may_not_create_is_told_what_it_lacks(self):
        done = self.prepare("run", "--apply")
        self.assert_status(done, EXIT_FAILED)
        text = " ".join(done.out.split())
        self.assertIn("the permission Describe is missing", text)
        self.assertIn("--allow-principal User:run --operation Create", text)
        for operation in ("Describe", "Create"):
            for topic in self.topics.values():
                kafka.grant(Grant("User:run", "topic", topic, "literal", operation))
            done = self.prepare("run", "--apply")
            self.assert_status(done, EXIT_FAILED)
            text = " ".join(done.out.split())
            missing = "Create" if operation == "Describe" else "DescribeConfigs"
            self.assertIn(f"permission {missing} is missing", text)

    def test_brokers_that_do_not_answer_and_wrong_passwords(self):
        done = self.prepare("run", "--apply", brokers="127.0.0.1:1")
        self.assert_status(done, EXIT_TEMPORARY)
        self.assertIn("127.0.0.1:1", done.err)
        path = self.of("run", password=mint())
        done = self.waybill("kafka", "prepare", "--apply", "--config", path)
        self.assert_status(done, EXIT_FAILED)
        self.assertIn("uthentication", done.err)

    def test_options_that_make_no_sense(self):
        for arguments in (
            (),
            ("prepares",),
            ("prepare", "--partitions", "0"),
            ("prepare", "--replication-factor", "x"),
            ("prepare", "--principal", "waybill"),
            ("prepare", "--principal", "replay=waybill"),
        ):
            done = self.waybill("--config", self.of("run"), "kafka", *arguments)
            self.assert_status(done, EXIT_USAGE)


if __name__ == "__main__":
    main()

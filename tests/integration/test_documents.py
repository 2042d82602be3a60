#!/usr/bin/env python3
"""The commands of the documents, as they are written there.

Those that tests/lint/document_commands.txt marks `run` are run by a shell, in the order
in which they stand, in a folder that has what the documents speak of: a config.yaml, an
event, an envelope, topics by their default names with 50 events and 50 dead letters, and
on the PATH `waybill` and Kafka's own tools. The brokers that the documents name are those
of the test; nothing else is changed.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import json
import os
import re
import subprocess

from admin import listening
from common import binary, envelope, environment, event, main
from support import documents as docs
from support import minted
from support.process import PARTS
from test_kafka import message_of

# This skips the whole file if confluent_kafka is missing.
from test_replay import ReplayCase

COUNT = 50
TOPICS = {
    "attestations": "attestations",
    "replays": "attestation-replays",
    "outcomes": "attestation-outcomes",
    "dead_letters": "attestation-dead-letters",
}
KAFKA_TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-acls.sh": "kafka.admin.AclCommand",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
}
SHIM = """#!/usr/bin/env bash
. "{parts}"
words=()
for word; do
    [ "${{words[-1]-}}" = --bootstrap-server ] && word={broker}
    words+=("$word")
done
parts_java {tool} "${{words[@]}}"
"""
# cosign is not available; its output for an image is one envelope on each line.
COSIGN = '#!/bin/sh\nexec cat "{envelope}"\n'
BACKGROUND = {"waybill run"}


class Documents(ReplayCase):
    def setUp(self):
        super().setUp()
        self.topics = TOPICS
        self.source = "attestations"
        for topic in TOPICS.values():
            self.forget(topic)

    def forget(self, topic):
        if topic in self.kafka_topics():
            self.kafka.delete_topic(topic)

    def kafka_topics(self):
        import confluent_kafka.admin

        client = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.kafka.address})
        return client.list_topics(timeout=10).topics

    # The folder

    def program(self, name, text):
        path = self.directory / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def furnish(self):
        self.create(partitions=1, replays=False)
        self.produce_events(COUNT)
        more = {"registration": "ghcr", "attachment": "ghcr:shop/build-*"}
        self.bury([self.letter(number, **more) for number in range(COUNT)])
        self.write("event.json", json.dumps(event("of-a-file")))
        self.write("envelope.json", json.dumps(envelope("of-a-file")))
        self.program("waybill", f'#!/bin/sh\nexec "{os.path.abspath(binary())}" "$@"\n')
        self.program("cosign", COSIGN.format(envelope=self.directory / "envelope.json"))
        for name, tool in KAFKA_TOOLS.items():
            self.program(name, SHIM.format(parts=PARTS, broker=self.kafka.address, tool=tool))
        (self.directory / "tools").mkdir()
        (self.directory / "deploy").symlink_to(docs.ROOT / "deploy")
        self.config(
            {
                "kafka": {"brokers": self.kafka.address, "group": self.group},
                "registrations": [
                    {"name": "ghcr", "repository": f"{self.registry.address}/{self.repository}"}
                ],
                "attachments": [
                    {"registration": "ghcr", "workflow": {"project": "shop", "name": "build-*"}}
                ],
                "admin": {"listen": self.admin},
            }
        )

    @property
    def shell(self):
        path = f"{self.directory / 'bin'}:{os.environ['PATH']}"
        return environment(self.directory, {"PATH": path, "GHCR_TOKEN": "a-token"})

    # The commands

    def wanted(self):
        """Returns the commands to run, in the order of the guide, without duplicates."""
        table = docs.rows()
        guide = re.findall(r"\]\(([\w-]+\.md)\)", (docs.ROOT / "deploy/guide/README.md").read_text())
        first = [f"deploy/guide/{name}" for name in guide]
        names = [*dict.fromkeys(first), *(one for one in docs.documents() if one not in first)]
        found = {}
        for name in names:
            for command in docs.commands(name) if (docs.ROOT / name).exists() else ():
                row = docs.row_of(command, table)
                if row is not None and row.how == "run":
                    found.setdefault(command.text, command)
        return list(found.values())

    def run_command(self, command):
        text = command.text.replace("127.0.0.1:9464", self.admin)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.shell,
            cwd=self.directory,
            timeout=120,
            check=False,
        )
        minted.look_at_process(text, done.stdout.encode(), done.stderr.encode())
        place = f"{command.document}:{command.line}: {command.text}"
        self.assertEqual(done.returncode, 0, f"{place}\n{done.stdout}\n{done.stderr}")
        self.assertNotIn("Sanitizer", done.stderr)

    def test_each_command_of_the_documents_works_as_it_is_written(self):
        self.admin = "127.0.0.1:0"
        self.furnish()
        service = self.serve(str(self.directory / "config.yaml"))
        self.admin = listening(service).removeprefix("http://").rstrip("/")
        # `waybill status` queries the address at which the configuration says that the
        # service listens.
        path = self.directory / "config.yaml"
        path.write_text(path.read_text().replace("127.0.0.1:0", self.admin))
        self.until(lambda: self.kafka.lag(self.group, self.source) == 0, 60, "delivery", service)
        commands = self.wanted()
        self.assertGreater(len(commands), 15)
        for command in commands:
            if command.text in BACKGROUND:
                continue  # It is the service that runs.
            with self.subTest(command.text):
                self.run_command(command)
        self.stop(service)
        print(f"{len(commands)} commands of the documents were run")


if __name__ == "__main__":
    main()

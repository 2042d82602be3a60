"""The requirements of every kind of integration, tested with the one that delivers to a
directory (tests/support/directory_integration.c)."""

import json
import pathlib

from admin import ask, listening, sample, scrape
from common import EXIT_CONFIG, EXIT_OK, artifact_of, configuration_keys, envelope, event, line

# This skips the whole file if confluent_kafka is missing.
from test_kafka import QUICK, KafkaCase, message_of, shared

KIND = "directory"
SHOP = {"project": "shop", "name": "build-*"}


class DirectoryCase(KafkaCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = shared()

    def setUp(self):
        super().setUp()
        self.out = self.folder("out")

    def folder(self, name):
        path = self.directory / name
        path.mkdir()
        return path

    def files_config(self, more=(), attachments=(), name="config.yaml", **sections):
        """A registration `files` with two attachments, and further sections"""
        kafka = {"brokers": self.kafka.address, "group": self.group, "topics": self.topics}
        return self.config(
            {
                "registrations": [
                    {"name": "files", "integration": KIND, "path": str(self.out)},
                    *more,
                ],
                "attachments": [
                    {"registration": "files", "workflow": SHOP},
                    {"registration": "files", "workflow": SHOP, "suffix": "-copy"},
                    *attachments,
                ],
                "kafka": kafka,
                "delivery": QUICK,
                "admin": {"listen": "127.0.0.1:0"},
                **sections,
            },
            name,
        )

    def path_of(self, name, suffix="", out=None):
        digest = artifact_of(envelope(name)).layer_digest.partition(":")[2]
        return (out or self.out) / f"{digest}{suffix}.json"

    def assert_written(self, name, suffix="", out=None):
        wanted = artifact_of(envelope(name)).layer
        self.assertEqual(self.path_of(name, suffix, out).read_bytes(), wanted)

    def assert_file_outcome(self, data, name, suffix="", already_present=False):
        self.assertEqual(data["status"], "succeeded", data)
        self.assertEqual((data["integration"], data["registration"]), (KIND, "files"))
        self.assertNotIn("artifact", data)
        self.assertNotIn("possibly_repeated", data)
        self.assertEqual(
            data["result"],
            {"reference": str(self.path_of(name, suffix)), "already_present": already_present},
        )
        self.assert_written(name, suffix)

    def outcomes(self, count):
        found = [json.loads(message.value) for message in self.read("outcomes", count)]
        self.assertEqual(len(found), count)
        return found

    def produce(self, *names):
        self.kafka.produce(self.source, [message_of(name) for name in names])

    # The output of the program about it, and its behavior. Each function takes the program
    # from WAYBILL_TEST_BINARY, as all tests do.

    def assert_described(self):
        reference = self.waybill("config", "reference").out
        self.assertIn(f"With `integration: {KIND}` (", reference)
        self.assertLessEqual({"repository", "path"}, configuration_keys())
        schema = json.loads(self.waybill("config", "schema").out)
        rules = schema["properties"]["registrations"]["items"]["allOf"]
        (rule,) = [
            one["then"]
            for one in rules
            if one["if"]["properties"]["integration"]["const"] == KIND
        ]
        self.assertEqual(set(rule["properties"]), {"name", "description", "integration", "path"})
        self.assertEqual(rule["required"], ["name", "path"])
        self.assertEqual(schema["$defs"][f"{KIND}-registration-inputs"]["required"], ["path"])
        self.assertIn(f"integration: {KIND}", self.waybill("config", "man-yaml").out)

    def assert_checked(self):
        done = self.waybill("--config", self.files_config(), "check")
        self.assert_status(done, EXIT_OK)
        self.assertIn("(attachment 'files:shop/build-*:suffix=-copy')", done.out)
        self.out = self.directory / "nowhere"
        done = self.waybill("--config", self.files_config(name="wrong.yaml"), "check")
        self.assert_status(done, EXIT_CONFIG)
        self.assertIn("the directory cannot be used: No such file", done.err)
        self.out = self.directory / "out"
        unknown = [{"name": "odd", "integration": KIND, "path": "out", "repository": "a.b/c"}]
        done = self.waybill("--config", self.files_config(unknown, name="wrong.yaml"), "check")
        self.assert_status(done, EXIT_CONFIG)
        self.assertIn("registrations[1].repository: unknown key", done.err)

    def assert_checked_online(self):
        self.create()
        done = self.waybill("--config", self.files_config(), "check", "--online", "--json")
        self.assert_status(done, EXIT_OK)
        (row,) = json.loads(done.out)["registrations"][0]["steps"]
        self.assertEqual((row["step"], row["result"]), ("delivery", "skipped"))
        self.assertIn("not tried", row["detail"])
        self.assertEqual(list(self.out.iterdir()), [])

    def assert_pushed(self):
        config = self.files_config()
        for present in (False, True):
            done = self.push(config, "-", stdin=line(event("pushed")))
            self.assert_status(done, EXIT_OK)
            for suffix, outcome in zip(("", "-copy"), done.outcomes, strict=True):
                self.assertEqual(outcome["subject"], str(self.path_of("pushed", suffix)))
                self.assert_file_outcome(outcome["data"], "pushed", suffix, present)

    def assert_delivered_and_explained(self):
        """Runs `waybill run`. Returns the running service and the address of its admin port."""
        self.create()
        config = self.files_config()
        service = self.serve(config)
        self.produce("run")
        for data in self.outcomes(2):
            suffix = "-copy" if data["attachment"].endswith("-copy") else ""
            self.assert_file_outcome(data, "run", suffix)
        self.until_done(service)
        done = self.waybill("--config", config, "explain", "0/0", "--json")
        self.assert_status(done, EXIT_OK)
        explained = json.loads(done.out)
        self.assertEqual(explained["verdict"], "done")
        self.assertEqual(
            {one["reference"] for one in explained["outcomes"]},
            {str(self.path_of("run")), str(self.path_of("run", "-copy"))},
        )
        text = self.waybill("--config", config, "explain", "0/0").out
        self.assertIn(str(self.path_of("run")), text)
        self.assertNotIn("registry", text)
        logged = [one for one in service.entries() if one.get("msg") == "delivery succeeded"]
        self.assertEqual({one["integration"] for one in logged}, {KIND})
        references = {one["reference"] for one in explained["outcomes"]}
        self.assertEqual({one["reference"] for one in logged}, references)
        return service, listening(service)

    def assert_displayed(self, address):
        (shown,) = ask(address, "/status").json["registrations"]
        self.assertEqual(
            (shown["name"], shown["integration"], shown["host"], shown["state"]),
            ("files", KIND, str(self.out), "flowing"),
        )
        self.assertEqual(shown["succeeded"], 2)
        page = ask(address, "/")
        self.assertEqual(page.status, 200)
        # It is drawn from /status, whose members it names.
        for member in ("r.name", "r.host"):
            self.assertIn(member, page.body)
        samples = scrape(address)
        labels = {"integration": KIND, "registration": "files"}
        succeeded = sample(samples, "waybill_deliveries_total", result="succeeded", **labels)
        self.assertEqual(succeeded, 2)
        self.assertEqual(sample(samples, "waybill_registration_down", **labels), 0)
        asking = self.config({"admin": {"listen": address}}, "asking.yaml")
        text = self.waybill("--config", asking, "status").out
        self.assertIn("files: flowing, 2 succeeded", text)

    def assert_in_sandbox(self, service):
        """Returns the log line about the sandbox."""
        (closed,) = [one for one in service.entries() if one.get("msg") == "sandbox closed"]
        if closed["seccomp"] != "on":
            self.skipTest("this kernel has no seccomp filters")
        status = pathlib.Path(f"/proc/{service.pid}/status").read_text()
        self.assertIn("Seccomp:\t2\n", status)
        self.assertEqual(closed["written"], int(closed["landlock_abi"] > 0))
        return closed

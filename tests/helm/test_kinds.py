#!/usr/bin/env python3
"""What the chart knows of an integration follows from its rows. The test generates a copy
of the chart for a program with an additional integration, one key of which is a secret."""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

from charts import ROOT, documents, one, run, tool

BINARY = os.environ.get(
    "WAYBILL_TEST_DIRECTORY_BINARY", str(ROOT / "build/dev/tests/waybill-directory")
)
KIND = "directory"
REGISTRY = {"name": "house", "repository": "registry.internal:5000/attestations"}


def schema():
    """The schema of the program, as if `path` had FIELD_SECRET"""
    found = json.loads(run(BINARY, "config", "schema").stdout)
    for rule in found["properties"]["registrations"]["items"]["allOf"]:
        if rule["if"]["properties"]["integration"]["const"] == KIND:
            rule["then"]["properties"]["path"]["writeOnly"] = True
            return found
    raise AssertionError(f"no rule of {KIND}")


class Kinds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        tool("parts_helm", "3")
        folder = tempfile.TemporaryDirectory(prefix="waybill-test-chart-")
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        shutil.copytree(ROOT / "helm", cls.root / "helm")
        shutil.copytree(ROOT / "deploy", cls.root / "deploy")
        written = cls.root / "deploy/reference/config.schema.json"
        written.write_text(json.dumps(schema()))
        done = run(sys.executable, cls.root / "helm/generate")
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)

    def template(self, *registrations, **values):
        config = {
            "kafka": {"brokers": "kafka:9092", "group": "waybill"},
            "registrations": registrations,
            "attachments": [
                {"registration": registrations[-1]["name"], "workflow": {"project": "a"}}
            ],
        }
        path = self.root / "values.yaml"
        path.write_text(json.dumps({"config": config, **values}))
        chart = self.root / "helm/waybill"
        return run(tool("parts_helm", "3"), "template", "waybill", chart, "--values", path)

    def files(self, **more):
        return {"name": "files", "integration": KIND, "path": "${env:OUT}", **more}

    def takes(self, *registrations, **values):
        done = self.template(*registrations, **values)
        self.assertEqual(done.returncode, 0, done.stderr)
        return documents(done.stdout)

    def refuses(self, said, *registrations):
        done = self.template(*registrations)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(said, done.stderr)

    def test_its_secrets_are_secrets(self):
        secrets = json.loads((self.root / "helm/waybill/files/secrets.json").read_text())
        found = secrets["registrations"]
        self.assertEqual(found[KIND]["keys"]["path"], {"kind": "value"})
        self.assertNotIn("path", found["oci-registry"]["keys"])
        self.assertEqual(found["oci-registry"]["keys"]["password"], {"kind": "value"})
        self.refuses("config.registrations[0].path: holds a secret in plain text",
                     self.files(path="/srv/out"))  # fmt: skip

    def test_each_kind_has_its_own_keys(self):
        self.takes(REGISTRY, self.files())
        self.refuses("repository", self.files(repository="registry.internal/a"))
        self.refuses("path", {**REGISTRY, "path": "${env:OUT}"})
        self.refuses("integration", self.files(integration="nonsense"))

    def test_the_network_policy_knows_where_it_goes(self):
        def ports(*registrations):
            found = self.takes(*registrations, networkPolicy={"enabled": True})
            rules = one(found, "NetworkPolicy")["spec"]["egress"]
            return {port["port"] for rule in rules for port in rule["ports"]}

        usual = ports(self.files())
        self.assertLessEqual({443, 9092}, usual)
        self.assertEqual(ports(self.files(), REGISTRY) - usual, {5000})
        plain = {"name": "plain", "repository": "registry.internal/a", "plain_http": True}
        self.assertEqual(ports(plain, self.files()) - usual, {80})


if __name__ == "__main__":
    unittest.main(verbosity=2)

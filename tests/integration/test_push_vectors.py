#!/usr/bin/env python3
"""Every golden vector through `waybill push` into a real registry."""

import json
import unittest

from common import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, FIXTURES, Artifact, Case, artifact_of
from common import digest, envelope, event, main, settings
from support.parts import Registry

VECTORS = FIXTURES / "vectors"
# Both forms are parsed from the same JSON, so that they have the same meaning.
BUNDLED = ("plain", "two-signers", "payload-1mib", "prefix-nested", "signatures-100")
BUNDLE_TYPE = b"application/vnd.dev.sigstore.bundle.v0.3+json"


class Vectors(Case):
    @classmethod
    def setUpClass(cls):
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)

    def push_vector(self, prefix, attestation):
        attachment = {"registration": "local", "workflow": {"project": "shop", "name": "*"}}
        if prefix is not None:
            attachment["prefix"] = prefix
        repository = f"{self.registry.address}/acme/att"
        # The workflow is the last member, so that an event is complete only with what
        # follows the envelope.
        whole = b'{"attestation":{%s},"workflow":{"project":"shop","name":"build"}}' % attestation
        path = self.write("event.json", whole)
        return self.push(self.config(settings(repository, attachments=[attachment])), path)

    def check_accepted(self, expected, layer, done):
        self.assert_status(done, EXIT_OK)
        data = self.assert_cloud_event(done.outcome)
        self.assertEqual(data["status"], "succeeded")
        artifact = data["artifact"]
        name = f"acme/att/{expected['name']}"
        self.assertEqual(artifact["registry"], self.registry.address)
        self.assertEqual(artifact["repository"], name)
        self.assertEqual(artifact["tag"], expected["tag"])
        self.assertEqual(artifact["digest"], expected["manifest"]["digest"])
        self.assertEqual(artifact["size"], expected["manifest"]["size"])
        self.assertEqual(artifact["media_type"], expected["manifest"]["media_type"])
        self.assertEqual(artifact["layer_digest"], expected["layer"]["digest"])
        self.assertEqual(self.registry.tags(name), [expected["tag"]])
        manifest = self.registry.get_manifest(name, expected["tag"])
        self.assertEqual(manifest.digest, expected["manifest"]["digest"])
        self.assertEqual(manifest.media_type, expected["manifest"]["media_type"])
        for part in ("config", "layer"):
            blob = self.registry.get_blob(name, expected[part]["digest"])
            self.assertEqual(len(blob), expected[part]["size"])
            if part == "layer" and layer is not None:
                self.assertEqual(blob, layer)
        return name, manifest

    def accepted(self, vector, expected):
        raw = (vector / "envelope.json").read_bytes()
        layer = vector / "layer.bin"  # only up to 64 KiB
        layer = layer.read_bytes() if layer.exists() else None
        done = self.push_vector(expected["prefix"], b'"envelope":' + raw)
        name, manifest = self.check_accepted(expected, layer, done)
        self.assertEqual(manifest.body, (vector / "manifest.json").read_bytes())
        self.assertEqual(
            self.registry.get_blob(name, expected["config"]["digest"]),
            (vector / "config.json").read_bytes(),
        )
        given = expected["layer"]["digest"].encode()
        done = self.push_vector(expected["prefix"], b'"envelope":%s,"digest":"%s"' % (raw, given))
        self.check_accepted(expected, layer, done)

    def refused(self, vector, expected):
        before = self.registry.catalog()
        raw = (vector / "envelope.json").read_bytes()
        done = self.push_vector(expected["prefix"], b'"envelope":' + raw)
        if expected["refused"].startswith("prefix"):
            self.assert_status(done, EXIT_CONFIG)
            self.assertEqual(done.out, "")
            self.assertRegex(done.err, r"config\.yaml:\d+:\d+: attachments\[0\]\.prefix: ")
            self.assertRegex(done.err, "a prefix is part of a repository name|longer than")
        else:
            self.assert_status(done, EXIT_FAILED)
            self.assertTrue(done.outcomes)
            for outcome in done.outcomes:
                data = self.assert_cloud_event(outcome)
                self.assertEqual(data["status"], "failed")
                self.assertEqual(data["error"]["class"], "schema")
                self.assertFalse(data["error"]["retriable"])
            self.check_reason(expected["refused"], done.outcomes[0]["data"]["error"]["message"])
        self.assertEqual(self.registry.catalog(), before)

    def check_reason(self, refused, message):
        if refused.startswith("not JSON"):
            # Inside an event the same fault may be reported differently, because what ends
            # early continues with what follows. The position must be reported.
            self.assertRegex(message, r"^\$(\.\w+)*: .*\bbyte \d+|^\$\.workflow: ")
            return
        subject = refused.partition(" is not ")[0]
        path = "" if subject == "the envelope" else f".{subject}"
        self.assertTrue(message.startswith(f"$.attestation.envelope{path}: "), message)

    def test_bundle_form(self):
        for name in BUNDLED:
            with self.subTest(name):
                vector = VECTORS / name
                expected = json.loads((vector / "expected.json").read_bytes())
                raw = (vector / "envelope.json").read_bytes()
                bundle = b'"bundle":{"mediaType":"%s","verificationMaterial":{},' % BUNDLE_TYPE
                done = self.push_vector(expected["prefix"], b'%s"dsseEnvelope":%s}' % (bundle, raw))
                self.check_accepted(expected, None, done)

    def test_our_own_arithmetic(self):
        """test_kafka.py computes artifacts in Python; this checks that."""
        vector = VECTORS / "plain"
        parts = (vector / name for name in ("layer.bin", "config.json", "manifest.json"))
        wanted = Artifact(*(part.read_bytes() for part in parts))
        self.assertEqual(artifact_of(json.loads(wanted.layer)), wanted)

    def test_digest_that_differs(self):
        attestation = {"envelope": envelope("differs"), "digest": digest(b"something else")}
        path = self.write("event.json", json.dumps(event("x", attestation=attestation)))
        done = self.push(self.config(settings(f"{self.registry.address}/differs")), path)
        self.assert_status(done, EXIT_FAILED)
        error = self.assert_cloud_event(done.outcome)["error"]
        self.assertEqual(error["class"], "digest_mismatch")
        self.assertTrue(error["message"].startswith("$.attestation.digest: "))
        self.assertIn(artifact_of(envelope("differs")).layer_digest, error["message"])


def _add(vector):
    expected = json.loads((vector / "expected.json").read_bytes())
    verb = "refused" if "refused" in expected else "accepted"

    def test(self):
        getattr(self, verb)(vector, expected)

    test.__doc__ = expected["covers"]
    setattr(Vectors, f"test_{verb}_{vector.name.replace('-', '_')}", test)


for one in sorted(VECTORS.iterdir()):
    _add(one)


class Found(unittest.TestCase):
    def test_there_are_vectors(self):
        self.assertGreater(len(list(VECTORS.iterdir())), 100)


if __name__ == "__main__":
    main()

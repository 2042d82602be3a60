#!/usr/bin/env python3
"""The image on its way to a registry, with the commands of the guide: built as an OCI
layout (deploy/image/oci), pushed by skopeo, signed with its SBOM and its provenance
(deploy/image/sign), and verified by cosign, against a docker-registry.

WAYBILL_TEST_PACKAGE_BUILD=FOLDER is where the preset `package` was built.
"""

import base64
import json
import os
import unittest

from package_build import BUILD, ROOT, need, run, scratch

from support.parts import Registry, go_tool

IMAGE_TOOLS = ROOT / "deploy" / "image"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = "https://git.example.com/waybill"
LABEL = "org.opencontainers.image"


def build(output, *options, **variables):
    """Returns the digest of the manifest, which is printed last."""
    said = run(
        IMAGE_TOOLS / "oci", "--build", BUILD, "--output", output, *options,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **variables},
    )  # fmt: skip
    return said.split()[-1]


def manifest_of(layout, digest):
    return json.loads((layout / "blobs/sha256" / digest.partition(":")[2]).read_text())


class Published(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = scratch(cls)
        cls.layout = cls.folder / "image"
        cls.digest = build(cls.layout, "--label", f"{LABEL}.revision={COMMIT}")
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)
        cls.name = f"{cls.registry.address}/tools/waybill"
        cls.push(cls.layout, f"{cls.name}:0.2.0")

    @staticmethod
    def push(layout, name):
        tag = json.loads((layout / "index.json").read_text())["manifests"][0]["annotations"]
        tag = tag["org.opencontainers.image.ref.name"]
        run("skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false",
            f"oci:{layout}:{tag}", f"docker://{name}")  # fmt: skip

    def inspect(self, *words):
        command = ["skopeo", "inspect", "--tls-verify=false", *words]
        return json.loads(run(*command, f"docker://{self.name}:0.2.0"))


class Layout(Published):
    def test_the_registry_has_the_image_that_was_built(self):
        self.assertEqual(self.inspect()["Digest"], self.digest)

    def test_it_runs_as_the_dockerfile_says(self):
        config = self.inspect("--config")["config"]
        self.assertEqual(config["User"], "65532:65532")
        self.assertEqual(config["Entrypoint"], ["/usr/bin/waybill"])
        self.assertEqual(config["Cmd"], ["run"])
        self.assertEqual(config["ExposedPorts"], {"9464/tcp": {}})
        self.assertEqual(config["Labels"][f"{LABEL}.title"], "waybill")
        self.assertNotIn(f"{LABEL}.base.name", config["Labels"])

    def test_the_same_source_makes_the_same_image(self):
        again = build(self.folder / "again", "--label", f"{LABEL}.revision={COMMIT}")
        self.assertEqual(again, self.digest)

    def test_the_list_of_contents_lies_beside_it(self):
        (bill,) = self.layout.glob("waybill-*.spdx.json")
        self.assertEqual(json.loads(bill.read_text())["spdxVersion"], "SPDX-2.3")

    def test_a_folder_of_something_else_is_left_alone(self):
        other = self.folder / "other"
        other.mkdir()
        (other / "file").write_text("x")
        with self.assertRaisesRegex(AssertionError, "is not an OCI layout"):
            build(other)
        self.assertTrue((other / "file").exists())


class Signed(Published):
    @classmethod
    def setUpClass(cls):
        cls.cosign = go_tool("cosign")
        super().setUpClass()
        path = cls.folder / "bin"
        path.mkdir()
        (path / "cosign").symlink_to(cls.cosign)
        cls.environment = {
            **os.environ,
            "COSIGN_PASSWORD": "word",
            "PATH": f"{path}:{os.environ['PATH']}",
            "HOME": str(cls.folder),
        }
        for name in ("cosign", "other"):
            cls.ask("cosign", "generate-key-pair", "--output-key-prefix", cls.folder / name)

    @classmethod
    def ask(cls, *command):
        return run(*command, env=cls.environment)

    def sign(self, name, *options):
        return self.ask(IMAGE_TOOLS / "sign", name, "--key", self.folder / "cosign.key",
                        "--plain-http", *options)  # fmt: skip

    def verify(self, *words, key="cosign"):
        return self.ask(
            "cosign", words[0], "--key", self.folder / f"{key}.pub", "--insecure-ignore-tlog",
            "--allow-http-registry", "--allow-insecure-registry", *words[1:],
            f"{self.name}@{self.digest}",
        )  # fmt: skip

    def predicate(self, kind):
        """Returns the predicate of the attestation, as cosign has verified it."""
        envelope = json.loads(self.verify("verify-attestation", "--type", kind))
        statement = json.loads(base64.b64decode(envelope["payload"]))
        digest = statement["subject"][0]["digest"]["sha256"]
        self.assertEqual(f"sha256:{digest}", self.digest)
        return statement["predicate"]

    def test_cosign_verifies_signature_sbom_and_provenance(self):
        said = self.sign(f"{self.name}:0.2.0", "--source", SOURCE, "--builder", "https://ci/1")
        self.assertIn(f"cosign verify --key cosign.pub --insecure-ignore-tlog {self.name}@", said)
        self.verify("verify")
        with self.assertRaises(AssertionError):
            self.verify("verify", key="other")
        bill = self.predicate("spdxjson")
        (own,) = self.layout.glob("waybill-*.spdx.json")
        self.assertEqual(bill, json.loads(own.read_text()))
        provenance = self.predicate("slsaprovenance1")
        definition = provenance["buildDefinition"]
        self.assertEqual(definition["externalParameters"]["revision"], COMMIT)
        first, *packages = definition["resolvedDependencies"]
        self.assertEqual(first["digest"], {"gitCommit": COMMIT})
        self.assertEqual(first["uri"], f"git+{SOURCE}@{COMMIT}")
        self.assertTrue([one for one in packages if "librdkafka1@" in one["uri"]])
        self.assertEqual(provenance["runDetails"]["builder"]["id"], "https://ci/1")

    def refused(self, name, said, *options):
        with self.assertRaisesRegex(AssertionError, said):
            self.sign(name, *options)

    def test_an_image_of_no_commit_is_not_signed(self):
        dirty = self.folder / "dirty"
        build(dirty, "--label", f"{LABEL}.revision={COMMIT}-dirty")
        self.push(dirty, f"{self.name}:dirty")
        self.refused(f"{self.name}:dirty", "is not a commit", "--source", SOURCE)
        self.refused(f"{self.name}:0.2.0", "name the source with --source URL")
        self.refused(f"{self.name}:none", "none")


if __name__ == "__main__":
    need("skopeo", "cmake", "dpkg-query")
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""Real servers as they are used in production, under load, and what other programs read
from them."""

import base64
import json
import shutil
import subprocess
import unittest

from common import EXIT_TEMPORARY, artifact_of, configuration_keys, digest, envelope, environment
from common import main, tool
from support.parts import Registry, go_tool
from support.scripted_registry import ScriptedRegistry
from support.tls import CA
from support.token_server import TokenServer
from test_registries import CREDENTIALS, PASSWORD, USER, Secretive

LOAD = 200
BUSY = {"concurrency": 32, "max_attempts": 2, "backoff_initial": "10ms"}


def names(count):
    return [f"event-{number}" for number in range(count)]


class Tokens(Secretive):
    """Lifetimes so short that tokens expire during pushes"""

    def test_docker_registry_under_load(self):
        for lifetime in (60, 5):
            with self.subTest(lifetime):
                server = TokenServer(users={USER: PASSWORD}, lifetime=lifetime)
                self.addCleanup(server.close)
                with Registry(token=server, storage="inmemory") as registry:
                    path = self.configure(f"{registry.address}/att", CREDENTIALS, delivery=BUSY)
                    done = self.push(path, stdin=self.events(*names(LOAD)))
                    self.assert_pushed(done, registry, "att", *names(LOAD))
                self.assertEqual(server.counts["denied"], 0)
                # Each push has a repository, and therefore a token, of its own.
                self.assertLessEqual(server.counts["get"] + server.counts["post"], LOAD + 40)

    def test_strict_registry_under_load(self):
        for lifetime, slow, count in ((5, 0.2, LOAD), (2, 0.5, LOAD // 2)):
            with self.subTest(lifetime):
                scenarios = (f"token-lifetime={lifetime}", f"slow={slow}")
                with ScriptedRegistry(*scenarios, users={USER: PASSWORD}) as registry:
                    path = self.configure(f"{registry.address}/att", CREDENTIALS, delivery=BUSY)
                    done = self.push(path, stdin=self.events(*names(count)))
                    self.assert_status(done, 0)
                    found = [outcome["data"]["attempts"] for outcome in done.outcomes]
                    self.assertEqual(found, [1] * count)
                    self.assertEqual(len(registry.repositories()), count)
                    counted = registry.count()
                    self.assertEqual(counted["complaints"], [])
                    self.assertLessEqual(counted["requests"], 7 * count)


class ClientCertificates(Secretive):
    def setUp(self):
        super().setUp()
        if not {"client_certificate", "client_key"} <= configuration_keys():
            self.skipTest("there is no registrations[].client_certificate")
        self.ca = CA(self.directory / "ca")
        self.own = self.ca.issue(["waybill"])
        self.registry = Registry(
            tls=self.ca.issue(), client_ca=self.ca, htpasswd={USER: PASSWORD}, storage="inmemory"
        )
        self.addCleanup(self.registry.close)

    def push_with(self, registration):
        path = self.configure(f"{self.registry.address}/att", {**CREDENTIALS, **registration})
        return self.push(path, stdin=self.events("a", "b"))

    def test_shown(self):
        shutil.copy(self.own.cert, self.directory / "own.crt")
        shutil.copy(self.own.key, self.directory / "own.key")
        for certificate, key in (
            (self.own.cert, self.own.key),
            ("own.crt", "own.key"),  # relative to the configuration
        ):
            with self.subTest(certificate):
                files = {"client_certificate": certificate, "client_key": key}
                done = self.push_with({"ca_file": self.ca.cert, **files})
                self.assert_pushed(done, self.registry, "att", "a", "b")

    def test_not_shown(self):
        done = self.push_with({"ca_file": self.ca.cert})
        error = self.assert_refused(done, "attempts_exhausted", EXIT_TEMPORARY)
        self.assertRegex(error["message"], "(?i)certificate|alert|closed|reset")

    def test_of_another_authority(self):
        foreign = CA(self.directory / "foreign", "another CA").issue(["waybill"])
        files = {"client_certificate": foreign.cert, "client_key": foreign.key}
        done = self.push_with({"ca_file": self.ca.cert, **files})
        self.assert_refused(done, "attempts_exhausted", EXIT_TEMPORARY)

    def test_folder_of_certificates(self):
        if "certs_dir" not in configuration_keys():
            self.skipTest("there is no registrations[].certs_dir")
        folder = self.directory / "certs.d" / self.registry.address
        folder.mkdir(parents=True)
        shutil.copy(self.ca.cert, folder / "ca.crt")
        shutil.copy(self.own.cert, folder / "client.cert")
        shutil.copy(self.own.key, folder / "client.key")
        done = self.push_with({"certs_dir": str(folder.parent), "plain_http": False})
        self.assert_pushed(done, self.registry, "att", "a", "b")


class Others(Secretive):
    """Servers other than Debian's"""

    def test_distribution_3_with_a_password(self):
        ca = CA(self.directory / "ca")
        with Registry(kind="distribution", tls=ca.issue(), htpasswd={USER: PASSWORD}) as registry:
            path = self.configure(
                f"{registry.address}/att", {**CREDENTIALS, "ca_file": ca.cert}, delivery=BUSY
            )
            done = self.push(path, stdin=self.events(*names(50)))
            self.assert_pushed(done, registry, "att", *names(50))

    def test_distribution_3_with_tokens(self):
        for lifetime in (60, 5):
            with self.subTest(lifetime):
                server = TokenServer(users={USER: PASSWORD}, lifetime=lifetime)
                self.addCleanup(server.close)
                with Registry(kind="distribution", token=server, storage="inmemory") as registry:
                    path = self.configure(f"{registry.address}/att", CREDENTIALS, delivery=BUSY)
                    done = self.push(path, stdin=self.events(*names(50)))
                    self.assert_pushed(done, registry, "att", *names(50))

    def test_crane(self):
        with Registry(kind="crane") as registry:
            # It requires no password, so none is sent to it.
            path = self.configure(f"{registry.address}/att", CREDENTIALS, delivery=BUSY)
            done = self.push(path, stdin=self.events(*names(LOAD)))
            self.assert_pushed(done, registry, "att", *names(LOAD))


class Readers(Secretive):
    """Other programs read what was pushed, byte for byte."""

    def setUp(self):
        super().setUp()
        self.wanted = artifact_of(envelope("a"))
        self.authority = CA(self.directory / "ca")
        self.trust = self.directory / "trust"
        self.trust.mkdir()
        shutil.copy(self.authority.cert, self.trust / "ca.crt")

    def pushed(self, tls):
        """Returns (registry, the artifact as the outcome has it); with a password."""
        pair = self.authority.issue() if tls else None
        registry = Registry(htpasswd={USER: PASSWORD}, tls=pair)
        self.addCleanup(registry.close)
        registration = {**CREDENTIALS, "ca_file": self.authority.cert} if tls else CREDENTIALS
        path = self.configure(f"{registry.address}/att", registration)
        done = self.push(path, stdin=self.events("a"))
        artifact = self.assert_cloud_event(done.outcome)["artifact"]
        self.assertEqual(artifact["digest"], self.wanted.digest)
        docker = self.directory / "docker"
        docker.mkdir(exist_ok=True)
        # No secret appears on a command line, not even on those of the tests.
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        document = {"auths": {registry.address: {"auth": auth}}}
        (docker / "config.json").write_text(json.dumps(document))
        self.env = environment(
            self.directory, {"DOCKER_CONFIG": str(docker), "SSL_CERT_FILE": self.authority.cert}
        )
        return registry, artifact

    @staticmethod
    def tagged(artifact):
        return f"{artifact['registry']}/{artifact['repository']}:{artifact['tag']}"

    def ask(self, *command):
        done = subprocess.run(
            list(map(str, command)), env=self.env, capture_output=True, timeout=60, check=False
        )
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr.decode()}")
        return done.stdout

    def blobs(self):
        config = json.loads(self.wanted.manifest)["config"]["digest"]
        return ((config, self.wanted.config), (self.wanted.layer_digest, self.wanted.layer))

    @unittest.skipUnless(tool("skopeo"), "skopeo is not there")
    def test_skopeo(self):
        for tls in (False, True):
            with self.subTest(tls=tls):
                _, artifact = self.pushed(tls)
                access = [f"--tls-verify={str(tls).lower()}", f"--cert-dir={self.trust}"]
                auth = f"--authfile={self.directory}/docker/config.json"
                skopeo = ("skopeo", "--insecure-policy")
                for reference in (artifact["reference"], self.tagged(artifact)):
                    found = self.ask(
                        *(*skopeo, "inspect", "--raw", auth, *access, f"docker://{reference}")
                    )
                    self.assertEqual(found, self.wanted.manifest)
                copy = self.directory / f"copy-{tls}"
                access = [option.replace("--", "--src-", 1) for option in access]
                self.ask(
                    *(*skopeo, "copy", "--preserve-digests", auth, *access),
                    *(f"docker://{artifact['reference']}", f"dir:{copy}"),
                )
                self.assertEqual((copy / "manifest.json").read_bytes(), self.wanted.manifest)
                for name, body in self.blobs():
                    self.assertEqual((copy / name[7:]).read_bytes(), body)

    def test_crane(self):
        crane = go_tool("crane")
        for tls in (False, True):
            with self.subTest(tls=tls):
                _, artifact = self.pushed(tls)
                where = f"{artifact['registry']}/{artifact['repository']}"
                for reference in (artifact["reference"], self.tagged(artifact)):
                    self.assertEqual(self.ask(crane, "manifest", reference), self.wanted.manifest)
                    found = self.ask(crane, "digest", reference).decode().strip()
                    self.assertEqual(found, self.wanted.digest)
                for name, body in self.blobs():
                    self.assertEqual(self.ask(crane, "blob", f"{where}@{name}"), body)

    def test_regctl(self):
        regctl = go_tool("regctl")
        for tls in (False, True):
            with self.subTest(tls=tls):
                registry, artifact = self.pushed(tls)
                host = f"reg={registry.address},tls={'enabled' if tls else 'disabled'}"
                for reference in (artifact["reference"], self.tagged(artifact)):
                    found = self.ask(
                        *(regctl, "--host", host, "manifest", "get", "--format", "raw-body"),
                        reference,
                    )
                    self.assertEqual(found, self.wanted.manifest)
                where = f"{artifact['registry']}/{artifact['repository']}"
                for name, body in self.blobs():
                    found = self.ask(regctl, "--host", host, "blob", "get", where, name)
                    self.assertEqual((found, digest(found)), (body, name))


if __name__ == "__main__":
    main()

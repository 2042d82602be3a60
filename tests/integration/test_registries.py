#!/usr/bin/env python3
"""Real registries: permissions, transports, and that no secret is revealed."""

import pathlib
import subprocess
import time

from common import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY
from common import Case, artifact_of, binary, envelope, environment, event, line, main, settings
from support.minted import mint
from support.parts import Registry
from support.scripted_registry import ScriptedRegistry
from support.tls import CA
from support.token_server import TokenServer, User

USER, PASSWORD, WRONG = "pusher", mint("correct-"), mint("wrong-")
CREDENTIALS = {"username": USER, "password": PASSWORD}
FEW = {"max_attempts": 2, "backoff_initial": "10ms"}


class Secretive(Case):
    """Every command runs at log level debug, and must not reveal secrets."""

    def configure(self, repository, registration=None, **sections):
        sections.setdefault("delivery", FEW)
        return self.config(settings(repository, registration, log={"level": "debug"}, **sections))

    def assert_pushed(self, done, registry, repository, *names):
        self.assert_status(done, EXIT_OK)
        self.assertEqual(len(done.outcomes), len(names))
        for outcome, name in zip(done.outcomes, names):
            data = self.assert_cloud_event(outcome)
            wanted = artifact_of(envelope(name))
            self.assertEqual(data["artifact"]["digest"], wanted.digest)
            self.assertEqual(data["artifact"]["layer_digest"], wanted.layer_digest)
            self.assert_stored(registry, repository, wanted)

    def assert_refused(self, done, kind, status=EXIT_FAILED):
        self.assert_status(done, status)
        found = None
        for outcome in done.outcomes:
            data = self.assert_cloud_event(outcome)
            self.assertEqual(data["status"], "failed")
            found = data["error"]
            self.assertEqual(found["class"], kind)
        return found

    def events(self, *names):
        return b"".join(line(event(name)) for name in names)


class Basic(Secretive):
    @classmethod
    def setUpClass(cls):
        cls.registry = Registry(htpasswd={USER: PASSWORD})
        cls.addClassCleanup(cls.registry.close)

    def test_right_password(self):
        path = self.configure(f"{self.registry.address}/right", CREDENTIALS)
        done = self.push(path, stdin=self.events("a", "b", "c"))
        self.assert_pushed(done, self.registry, "right", "a", "b", "c")

    def test_wrong_password(self):
        before = self.registry.catalog()
        path = self.configure(
            f"{self.registry.address}/wrong", {"username": USER, "password": WRONG}
        )
        error = self.assert_refused(self.push(path, stdin=self.events("a", "b")), "auth")
        self.assertEqual(error["http_status"], 401)
        self.assertIn(self.registry.address, error["message"])
        self.assertEqual(self.registry.catalog(), before)

    def test_no_password(self):
        path = self.configure(f"{self.registry.address}/none")
        done = self.push(path, stdin=self.events("a"))
        error = self.assert_refused(done, "auth")
        self.assertIn(self.registry.address, error["message"])

    def test_one_of_a_pair(self):
        for key in CREDENTIALS:
            with self.subTest(key):
                path = self.configure(f"{self.registry.address}/x", {key: CREDENTIALS[key]})
                done = self.push(path, stdin=self.events("a"))
                self.assert_status(done, EXIT_CONFIG)
                self.assertIn("registrations[0].", done.err)

    def test_secrets_from_elsewhere(self):
        (self.directory / "password").write_text(PASSWORD + "\n")
        for number, (registration, env) in enumerate(
            (
                (
                    {"username": "${env:PUSH_USER}", "password": "${env:PUSH_PASSWORD}"},
                    {"PUSH_USER": USER, "PUSH_PASSWORD": PASSWORD},
                ),
                ({"username": USER, "password": "${file:password}"}, {}),
                ({"username": USER, "password": f"${{file:{self.directory}/password}}"}, {}),
                ({}, {"WAYBILL_LOCAL_USERNAME": USER, "WAYBILL_LOCAL_PASSWORD": PASSWORD}),
                (
                    {"username": USER, "password": WRONG},
                    {"WAYBILL_LOCAL_PASSWORD": PASSWORD},
                ),
            )
        ):
            with self.subTest(registration):
                repository = f"elsewhere-{number}"
                path = self.configure(f"{self.registry.address}/{repository}", registration)
                # A relative path starts at the directory of the configuration.
                done = self.push(path, stdin=self.events("a"), env=env, cwd="/")
                self.assert_pushed(done, self.registry, repository, "a")

    def test_secrets_that_are_not_there(self):
        for value, says in (
            ("${env:NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE"),
            ("${file:not-there}", "not-there"),
        ):
            with self.subTest(value):
                path = self.configure(
                    f"{self.registry.address}/x", {"username": USER, "password": value}
                )
                done = self.push(path, stdin=self.events("a"))
                self.assert_status(done, EXIT_CONFIG)
                self.assertRegex(done.err, r"config\.yaml:\d+:\d+: registrations\[0\]\.password: ")
                self.assertIn(says, done.err)

    def test_name_with_a_dash_in_the_environment(self):
        path = self.configure(
            f"{self.registry.address}/dash",
            {"name": "my-house.1"},
            attachments=[{"registration": "my-house.1", "workflow": {"project": "shop"}}],
        )
        env = {"WAYBILL_MY_HOUSE_1_USERNAME": USER, "WAYBILL_MY_HOUSE_1_PASSWORD": PASSWORD}
        done = self.push(path, stdin=self.events("a"), env=env)
        self.assert_pushed(done, self.registry, "dash", "a")

    def test_password_of_all_sorts(self):
        odd = "p ä:\"'\\${x}#%&"
        with Registry(htpasswd={USER: odd}, storage="inmemory") as registry:
            path = self.configure(
                f"{registry.address}/odd", {"username": USER, "password": "${env:ODD}"}
            )
            done = self.push(path, stdin=self.events("a"), env={"ODD": odd})
            self.assert_pushed(done, registry, "odd", "a")
            self.assertNotIn(odd, done.err)


class Tokens(Secretive):
    def run_with(self, server, registration, *names):
        registry = Registry(token=server, storage="inmemory")
        self.addCleanup(registry.close)
        path = self.configure(f"{registry.address}/att", registration)
        return registry, self.push(path, stdin=self.events(*names))

    def server(self, **options):
        server = TokenServer(users={USER: User(PASSWORD, options.pop("push", ("*",)))}, **options)
        self.addCleanup(server.close)
        return server

    def test_lifetimes(self):
        names = [f"event-{number}" for number in range(40)]
        for lifetime in (60, 5):
            with self.subTest(lifetime):
                server = self.server(lifetime=lifetime)
                registry, done = self.run_with(server, CREDENTIALS, *names)
                self.assert_pushed(done, registry, "att", *names)
                self.assertEqual(server.counts["denied"], 0)
                self.assertEqual(server.counts["reduced"], 0)

    def test_answers_of_all_sorts(self):
        for options in (
            {"field": "access_token"},
            {"field": "both"},
            {"omit": ("expires_in",)},
            {"omit": ("expires_in", "issued_at")},
            {"post": False},
            {"rotate": False},
        ):
            with self.subTest(options):
                registry, done = self.run_with(self.server(**options), CREDENTIALS, "a", "b")
                self.assert_pushed(done, registry, "att", "a", "b")

    def test_wrong_password(self):
        server = self.server()
        registration = {"username": USER, "password": WRONG}
        registry, done = self.run_with(server, registration, "a", "b")
        error = self.assert_refused(done, "auth")
        self.assertIn("401", error["message"])
        self.assertEqual(registry.catalog(), [])

    def test_no_password(self):
        server = self.server()
        registry, done = self.run_with(server, {}, "a")
        self.assert_refused(done, "auth")
        self.assertEqual(registry.catalog(), [])

    def test_no_right_to_push(self):
        server = self.server(push=("elsewhere/*",))
        registry, done = self.run_with(server, CREDENTIALS, "a", "b")
        error = self.assert_refused(done, "auth")
        # The registry refuses it, or the token server omits the action.
        self.assertRegex(error["message"], f"{registry.address}|does not grant push")
        self.assertEqual(registry.catalog(), [])
        self.assertGreater(server.counts["reduced"], 0)
        # It requests no more tokens than necessary.
        self.assertLess(server.counts["get"] + server.counts["post"], 10)

    def test_right_to_some(self):
        wanted = artifact_of(envelope("a")).layer_digest[7:]
        server = self.server(push=(f"att/chainloop-{wanted}",))
        registry, done = self.run_with(server, CREDENTIALS, "a", "b")
        self.assert_status(done, EXIT_FAILED)
        first, second = (self.assert_cloud_event(outcome) for outcome in done.outcomes)
        self.assertEqual((first["status"], second["status"]), ("succeeded", "failed"))
        self.assertEqual(second["error"]["class"], "auth")
        self.assert_stored(registry, "att", artifact_of(envelope("a")))


class Tls(Secretive):
    def setUp(self):
        super().setUp()
        self.ca = CA(self.directory / "ca")

    def test_private_authority(self):
        with Registry(tls=self.ca.issue(), htpasswd={USER: PASSWORD}) as registry:
            for host in ("127.0.0.1", "localhost"):
                with self.subTest(host):
                    path = self.configure(
                        f"{host}:{registry.port}/att", {**CREDENTIALS, "ca_file": self.ca.cert}
                    )
                    done = self.push(path, stdin=self.events("a", "b"))
                    self.assert_pushed(done, registry, "att", "a", "b")

    def test_authority_by_relative_path(self):
        (self.directory / "mine.pem").write_bytes(pathlib.Path(self.ca.cert).read_bytes())
        with Registry(tls=self.ca.issue(), storage="inmemory") as registry:
            path = self.configure(f"{registry.address}/att", {"ca_file": "mine.pem"})
            self.assert_pushed(self.push(path, stdin=self.events("a")), registry, "att", "a")

    def test_token_server_behind_the_same_authority(self):
        with TokenServer(users={USER: PASSWORD}, tls=self.ca.issue()) as server:
            with Registry(tls=self.ca.issue(), token=server, storage="inmemory") as registry:
                path = self.configure(
                    f"{registry.address}/att", {**CREDENTIALS, "ca_file": self.ca.cert}
                )
                done = self.push(path, stdin=self.events("a", "b"))
                self.assert_pushed(done, registry, "att", "a", "b")

    def assert_nothing_sent(self, pair, registration, says):
        with ScriptedRegistry("auth-basic", users={USER: PASSWORD}, tls=pair) as registry:
            path = self.configure(f"{registry.address}/att", {**CREDENTIALS, **registration})
            done = self.push(path, stdin=self.events("a"))
            error = self.assert_refused(done, "attempts_exhausted", EXIT_TEMPORARY)
            self.assertRegex(error["message"], says)
            self.assertIn("127.0.0.1", error["message"])
            self.assertEqual(registry.log(), [])

    def test_certificate_for_another_name(self):
        pair = self.ca.issue(["registry.example"])
        self.assert_nothing_sent(pair, {"ca_file": self.ca.cert}, "(?i)certificate.*name|match")

    def test_unknown_authority(self):
        pair = self.ca.issue()
        says = "(?i)self.signed|unable to get local issuer|certificate verif|authority"
        self.assert_nothing_sent(pair, {"plain_http": False}, says)
        other = CA(self.directory / "other", "another CA")
        self.assert_nothing_sent(pair, {"ca_file": other.cert}, says)

    def test_expired_certificate(self):
        pair = self.ca.issue(expired=True)
        self.assert_nothing_sent(pair, {"ca_file": self.ca.cert}, "(?i)expired")

    def test_plain_http_is_not_tried(self):
        with ScriptedRegistry("auth-basic", users={USER: PASSWORD}) as registry:
            path = self.configure(f"{registry.address}/att", {**CREDENTIALS, "plain_http": False})
            done = self.push(path, stdin=self.events("a"))
            self.assert_refused(done, "attempts_exhausted", EXIT_TEMPORARY)
            self.assertEqual(registry.log(), [])
            # By default, plain http is used for loopback addresses.
            path = self.configure(f"{registry.address}/att", CREDENTIALS)
            self.assert_status(self.push(path, stdin=self.events("a")), EXIT_OK)

    def test_authority_file_that_is_not_there(self):
        path = self.configure("127.0.0.1:1/att", {"ca_file": "not-there.pem"})
        done = self.push(path, stdin=self.events("a"))
        self.assert_status(done, EXIT_CONFIG)
        self.assertRegex(done.err, r"registrations\[0\]\.ca_file: .* the file cannot be read: No such file")


class Outside(Secretive):
    def test_command_line_and_environment_of_others(self):
        """The password is not visible in the list of processes."""
        with ScriptedRegistry("auth-basic", "slow=1", users={USER: PASSWORD}) as registry:
            path = self.configure(f"{registry.address}/att", CREDENTIALS)
            child = subprocess.Popen(
                [binary(), "--config", path, "push", "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(self.directory),
            )
            child.stdin.write(self.events("a"))
            child.stdin.close()
            seen = set()
            while child.poll() is None and len(seen) < 50:
                for process in [child.pid, *_children(child.pid)]:
                    seen.add(_command_line(process))
                time.sleep(0.05)
            with child.stdout, child.stderr:
                out, err = child.stdout.read(), child.stderr.read()
            self.assertEqual(child.wait(60), EXIT_OK)
        self.assertTrue(any(b"push" in one for one in seen))
        for text in (*seen, out, err):
            self.assertNotIn(PASSWORD.encode(), text)

    def test_check_and_faults_keep_secrets(self):
        secret = {"username": USER, "password": PASSWORD, "repositry": "x"}
        path = self.configure("127.0.0.1:1/att", secret)
        self.assert_status(self.waybill("--config", path, "check"), EXIT_CONFIG)
        path = self.configure("127.0.0.1:1/att", CREDENTIALS)
        for arguments in (("check",), ("check", "--json")):
            self.assert_status(self.waybill("--config", path, *arguments), EXIT_OK)
        kafka = {"brokers": "127.0.0.1:1", "properties": {"sasl.mechanism": PASSWORD}}
        path = self.configure("127.0.0.1:1/att", CREDENTIALS, kafka=kafka)
        self.waybill("--config", path, "check")


def _command_line(process):
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _children(process):
    try:
        text = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`waybill credential-helper get` as Bazel calls it: its requests and its responses."""

import base64
import datetime
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

from common import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from common import Case, binary, environment, main
from support import minted
from support.scripted_registry import ScriptedRegistry
from support.tls import CA
from support.token_server import TokenServer

GUESS = {"CREDENTIAL_HELPER_GUESS_OCI_REGISTRY": "1"}
MANIFESTS = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
]
NOTHING = '{"headers":{}}\n'
MARGIN = 30  # A token is not returned shortly before it expires.
PASSWORD = minted.mint()
USERS = {"waybill": PASSWORD}
SECRETS = ("hunter2", "opaque-", "refresh-", "eyJ")  # In addition to minted secrets


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def auths(address, **entry):
    return json.dumps({"auths": {address: entry}})


def login(address, name="waybill", password=PASSWORD):
    return auths(address, auth=base64.b64encode(f"{name}:{password}".encode()).decode())


class Front(http.server.ThreadingHTTPServer):
    """A registry that only names a token server, or responds with a status."""

    daemon_threads = True

    def __init__(self, status=401, realm=None, service="registry.test"):
        super().__init__(("127.0.0.1", 0), _Front)
        self.status, self.challenge = status, None
        if realm:
            self.challenge = f'Bearer realm="{realm}",service="{service}"'
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.paths = []
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def close(self):
        self.shutdown()
        self.server_close()


class _Front(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        if self.server.challenge:
            self.send_header("WWW-Authenticate", self.server.challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Helper(Case):
    def start(self, server):
        self.addCleanup(server.close)
        return server

    def get(self, request, env=None, **options):
        if not isinstance(request, bytes):
            request = json.dumps(request).encode()
        done = self.waybill(
            *("credential-helper", "get"), stdin=request, env=env, may_tell=True, **options
        )
        for secret in SECRETS:
            self.assertNotIn(secret, done.err)
        return done

    def ask(self, uri, env=None, **options):
        return self.get({"uri": uri}, env, **options)

    def configure(self, *urls, name=".tweag-credential-helper.json"):
        return self.write(name, json.dumps({"urls": urls}))

    def oci(self, host, **config):
        return self.configure({"host": host, "helper": "oci", "config": config})

    # The required members of a response

    def assert_refused(self, done, *words):
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual(done.out, "")
        for word in words:
            self.assertIn(word, done.err)
        self.assertTrue(done.err.startswith("waybill: "), done.err)
        self.assertEqual(done.err.count("\n"), 1, done.err)

    def assert_nothing(self, done):
        self.assert_status(done, EXIT_OK)
        self.assertEqual(done.out, NOTHING)

    def assert_shape(self, answer):
        """Validates a response against get-credentials-response.schema.json, without further
        members."""
        self.assertIs(type(answer), dict)
        self.assertLessEqual(set(answer), {"expires", "headers"})
        self.assertIs(type(answer["headers"]), dict)
        for name, values in answer["headers"].items():
            self.assertRegex(name, r"^[A-Za-z0-9-]+$")
            self.assertIs(type(values), list)
            self.assertTrue(values)
            for value in values:
                self.assertRegex(value, r"^[\x20-\x7e]+$")
        if "expires" in answer:
            self.assertRegex(answer["expires"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def answer(self, done):
        self.assert_status(done, EXIT_OK)
        self.assertTrue(done.out.endswith("}\n"))
        self.assertEqual(done.out.count("\n"), 1)
        answer = json.loads(done.out, object_pairs_hook=self._once)
        self.assert_shape(answer)
        headers = answer["headers"]
        self.assertEqual(headers["Accept"], MANIFESTS)
        self.assertEqual(headers["Docker-Distribution-API-Version"], ["registry/2.0"])
        self.assertLessEqual(
            set(headers), {"Accept", "Authorization", "Docker-Distribution-API-Version"}
        )
        return answer

    def _once(self, pairs):
        self.assertEqual(len(pairs), len(dict(pairs)))
        return dict(pairs)

    def authorization(self, done):
        (value,) = self.answer(done)["headers"]["Authorization"]
        return value

    def assert_expiry(self, done, seconds):
        """Asserts the remaining lifetime, allowing for the duration of the request."""
        expires = datetime.datetime.fromisoformat(
            self.answer(done)["expires"].replace("Z", "+00:00")
        ).timestamp()
        self.assertLessEqual(expires, time.time() + seconds)
        self.assertGreater(expires, time.time() + seconds - 10)

    def assert_admitted(self, registry, done, path="/v2/a/b/manifests/1"):
        """The registry accepts a request with these headers, and does not have the content."""
        request = urllib.request.Request(registry.url + path)
        for name, values in self.answer(done)["headers"].items():
            request.add_header(name, ", ".join(values))
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=10)
        self.assertEqual(raised.exception.code, 404)
        self.assertEqual(registry.count()["complaints"], [])


class Protocol(Helper):
    def test_other_urls_get_no_header(self):
        for uri in (
            "https://github.com/a/b/archive/v1.tar.gz",
            "https://remote.acme.corp",
            "grpcs://remote.acme.corp/",
            "https://ghcr.io/v2/",
            "https://ghcr.io/v2",
            "https://ghcr.io/token?scope=repository:a:pull",
            "https://reg.acme.corp/v2/a/manifests/1",
            "http://reg.acme.corp/v2/a/manifests/1",
        ):
            with self.subTest(uri):
                done = self.ask(uri)
                self.assert_nothing(done)
                self.assertEqual(done.err, "")
                self.assert_shape(json.loads(done.out))

    def test_requests_that_are_none(self):
        long = json.dumps({"uri": "https://a/", "x": "y" * 70_000}).encode()
        uri = {"uri": "https://ghcr.io/v2/a/b/manifests/1"}
        for request, word in (
            (b"", "not JSON"),
            (b"{", "not JSON"),
            (b"\0", "not JSON"),
            (b"\xff\xfe", "not JSON"),
            (json.dumps(uri).encode() * 2, "not JSON"),
            (json.dumps(uri).encode() + b"\0", "not JSON"),
            (b"[" * 60_000, "nested more than"),
            (b"[]", "expected an object"),
            (b"null", "expected an object"),
            (b"{}", "$.uri: is missing"),
            (b'{"uri":null}', "$.uri: is missing"),
            (b'{"uri":7}', "expected a string"),
            (b'{"uri":""}', "uri"),
            (b'{"uri":"ghcr.io/v2/a/manifests/1"}', "not a URL"),
            (b'{"uri":"https://ghcr.io/\\u0000"}', "U+0000"),
            (b'{"uri":"https://ghcr.io/\\r\\nX: y"}', "unprintable"),
            (b'{"uri":"https://waybill:hunter2@ghcr.io/v2/a/manifests/1"}', "credentials"),
            (b'{"uri":"https://gh%63r.io/v2/a/manifests/1"}', "host"),
            (b'{"uri":"https://ghcr.io\\\\@evil.example/"}', "backslash"),
            (json.dumps({"uri": "https://a/" + "a" * 9000}).encode(), "longer than"),
            (long, "larger than 65536 bytes"),
        ):
            with self.subTest(request[:60]):
                self.assert_refused(self.get(request), word)

    def test_the_last_uri_counts_and_what_is_unknown_does_not(self):
        request = b'\n {"uri":7, "later": {"x": [1]}, "uri": "https://example.com/x"}\r\n'
        self.assert_nothing(self.get(request))

    def test_a_request_may_come_in_pieces(self):
        child = subprocess.Popen(
            [binary(), "credential-helper", "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(self.directory),
            cwd=self.directory,
        )
        for piece in (b'{"uri":', b'"https://example.com/x"', b"}"):
            child.stdin.write(piece)
            child.stdin.flush()
        out, _ = child.communicate(timeout=30)
        self.assertEqual((child.returncode, out.decode()), (EXIT_OK, NOTHING))

    def test_only_get_is_known(self):
        for words in ((), ("store",), ("get", "more"), ("setup-uri", "https://a/")):
            with self.subTest(words):
                done = self.waybill("credential-helper", *words, stdin=b"{}")
                self.assert_status(done, EXIT_USAGE)
                self.assertEqual(done.out, "")
                self.assertIn("waybill help credential-helper", done.err)

    def test_a_link_is_the_command(self):
        link = self.directory / "waybill-credential-helper"
        link.symlink_to(os.path.abspath(binary()))
        for words, status in ((["get"], EXIT_OK), ([], EXIT_USAGE), (["run"], EXIT_USAGE)):
            done = subprocess.run(
                [link, *words],
                input=b'{"uri":"https://example.com/x"}',
                capture_output=True,
                env=environment(self.directory),
                cwd=self.directory,
                timeout=30,
                check=False,
            )
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertEqual(done.stdout.decode(), NOTHING if status == EXIT_OK else "")

    def test_config_yaml_is_of_no_interest(self):
        self.write("config.yaml", "registrations: {")
        self.assert_nothing(self.ask("https://example.com/x"))
        self.assert_nothing(self.ask("https://example.com/x", {"WAYBILL_CONFIG": "/nowhere"}))

    def test_a_full_disk_is_no_success(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [binary(), "credential-helper", "get"],
                input=b'{"uri":"https://example.com/x"}',
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment(self.directory),
                cwd=self.directory,
                timeout=30,
                check=False,
            )
        self.assertEqual(done.returncode, EXIT_FAILED)

    def test_notes_are_for_those_who_ask(self):
        uri = "https://reg.acme.corp/v2/a/manifests/1?signature=hunter2"
        for level, said in (("off", False), ("", False), ("basic", True), ("debug", True)):
            with self.subTest(level):
                done = self.ask(uri, {"CREDENTIAL_HELPER_LOGGING": level})
                self.assert_nothing(done)
                self.assertEqual("not a well-known registry" in done.err, said)
                self.assertEqual("configuration file" in done.err, level == "debug" or said)


class Tokens(Helper):
    def setUp(self):
        super().setUp()
        self.registry = self.start(ScriptedRegistry(users=USERS))
        self.uri = f"{self.registry.url}/v2/a/b/manifests/1"
        (self.directory / ".docker").mkdir()
        self.docker(login(self.registry.address))

    def docker(self, text):
        self.write(".docker/config.json", text)

    def test_bearer(self):
        self.registry.play("auth-bearer")
        done = self.ask(self.uri, GUESS)
        self.assertRegex(self.authorization(done), r"^Bearer opaque-")
        self.assert_expiry(done, 300 - MARGIN)
        self.assertEqual(self.registry.count()["stages"], {"ping": 1, "token": 1})
        self.assert_admitted(self.registry, done)

    def test_each_thing_that_is_pulled(self):
        self.registry.play("auth-bearer")
        for path in (
            "/v2/a/b/manifests/1",
            "/v2/a/b/blobs/sha256:" + "0" * 64,
            "/v2/a/b/referrers/sha256:" + "0" * 64,
        ):
            with self.subTest(path):
                done = self.ask(self.registry.url + path, GUESS)
                self.assertIn("Authorization", self.answer(done)["headers"])
        done = self.ask(self.registry.url + "/v2/a/b/tags/list", GUESS)
        self.assert_admitted(self.registry, done)

    def test_challenges_and_answers_of_many_kinds(self):
        for scenario in (
            *("two-challenges", "basic-then-bearer", "challenge-odd", "relative-realm"),
            *("realm-query", "token-access-token", "token-other-host", "set-cookie"),
        ):
            with self.subTest(scenario):
                self.registry.play("auth-bearer", scenario)
                self.registry.reset()
                done = self.ask(self.uri, GUESS)
                self.assertRegex(self.authorization(done), r"^Bearer opaque-")
                self.assertEqual(self.registry.count()["complaints"], [])

    def test_a_token_that_does_not_say_lives_a_minute(self):
        self.registry.play("token-no-expiry")
        self.assert_expiry(self.ask(self.uri, GUESS), 60 - 12)

    def test_a_short_token_is_no_longer_than_it_is(self):
        self.registry.play("token-lifetime=20")
        self.assert_expiry(self.ask(self.uri, GUESS), 20 - 4)

    def test_anonymous(self):
        self.registry.play("token-anonymous")
        self.docker("{}")
        done = self.ask(self.uri, GUESS)
        self.assertRegex(self.authorization(done), r"^Bearer opaque-")
        self.assert_admitted(self.registry, done)

    def test_nobody_may_not_be_let_in(self):
        self.registry.play("auth-bearer")
        self.docker("{}")
        self.assert_refused(self.ask(self.uri, GUESS), "token server", "401")

    def test_basic(self):
        self.registry.play("auth-basic")
        done = self.ask(self.uri, GUESS)
        self.assertEqual(self.authorization(done), basic("waybill", PASSWORD))
        self.assertNotIn("expires", self.answer(done))
        self.assert_admitted(self.registry, done)

    def test_basic_with_nothing_to_show(self):
        self.registry.play("auth-basic")
        self.docker("{}")
        self.assert_refused(self.ask(self.uri, GUESS), "requires a username and a password")

    def test_a_registry_for_everybody(self):
        done = self.ask(self.uri, GUESS)
        answer = self.answer(done)
        self.assertNotIn("Authorization", answer["headers"])
        self.assertNotIn("expires", answer)
        self.assert_admitted(self.registry, done)

    def test_a_registry_that_is_out_of_order_is_not_one_for_everybody(self):
        for status, refused in ((503, True), (500, True), (429, True), (404, False)):
            with self.subTest(status):
                front = self.start(Front(status))
                done = self.ask(f"http://{front.address}/v2/a/manifests/1", GUESS)
                if refused:
                    self.assert_refused(done, f"answers {status}")
                else:
                    self.assertNotIn("Authorization", self.answer(done)["headers"])

    def test_a_refresh_token_is_exchanged(self):
        for scenario in ("auth-bearer", "token-rotate"):
            with self.subTest(scenario):
                self.registry.play(scenario)
                token = self.registry.refresh_token("waybill")
                self.docker(auths(self.registry.address, identitytoken=token))
                done = self.ask(self.uri, GUESS)
                self.assertRegex(self.authorization(done), r"^Bearer opaque-")
                self.assert_admitted(self.registry, done)

    def test_a_wrong_password_is_refused(self):
        self.registry.play("auth-bearer")
        self.docker(login(self.registry.address, password="hunter2"))
        self.assert_refused(self.ask(self.uri, GUESS), "401")

    def test_a_registry_token_is_shown_as_it_is(self):
        self.registry.play("auth-bearer")
        self.docker(auths(self.registry.address, registrytoken="opaque-mine"))
        done = self.ask(self.uri, GUESS)
        self.assertEqual(self.authorization(done), "Bearer opaque-mine")
        self.assertNotIn("expires", self.answer(done))

    def test_hostile_token_servers(self):
        for scenario in (
            *("token-empty", "token-missing", "token-crlf", "token-huge", "token-html"),
            *("realm-metadata-ip", "500-always@token", "403-denied@token"),
            *("huge-error-body@token", "close*9@token", "chunked-garbage@token"),
        ):
            with self.subTest(scenario):
                self.registry.play("auth-bearer", scenario)
                self.assert_refused(self.ask(self.uri, GUESS))

    def test_nobody_there(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.assert_refused(self.ask(f"http://{address}/v2/a/manifests/1", GUESS), "127.0.0.1")

    def test_https_with_an_authority_of_ones_own(self):
        certificate = CA(self.directory / "ca").issue()
        registry = self.start(ScriptedRegistry("auth-bearer", tls=certificate, users=USERS))
        self.docker(login(registry.address))
        uri = f"https://{registry.address}/v2/a/b/manifests/1"
        self.assert_refused(self.ask(uri, GUESS), "127.0.0.1")
        done = self.ask(uri, {**GUESS, "SSL_CERT_FILE": certificate.ca})
        self.assertRegex(self.authorization(done), r"^Bearer opaque-")
        self.assertEqual(registry.count()["complaints"], [])

    def test_plain_http_is_for_loopback_and_for_whom_it_is_asked(self):
        uri = "http://reg.acme.corp.invalid/v2/a/manifests/1"
        self.assert_refused(self.ask(uri, GUESS), "plain http")
        self.configure({"scheme": "http", "host": "*.invalid", "helper": "oci"})
        self.assert_refused(self.ask(uri), "resolve")


class TokenServers(Helper):
    """With the token server that real registries trust"""

    def setUp(self):
        super().setUp()
        self.tokens = self.start(TokenServer(users=USERS, lifetime=600))
        self.front = self.start(Front(realm=self.tokens.realm))
        self.uri = f"http://{self.front.address}/v2/a/b/manifests/1"

    def ask_with(self, *chain, **config):
        self.oci(self.front.address, parse_docker_config=False, lookup_chain=chain, **config)
        return self.ask(self.uri, {"NAME": "waybill", "WORD": PASSWORD})

    PAIR = (
        {"source": "env", "name": "NAME", "binding": "username"},
        {"source": "env", "name": "WORD", "binding": "password"},
    )

    def access(self, done):
        scheme, token = self.authorization(done).split(" ")
        self.assertEqual(scheme, "Bearer")
        part = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

    def test_get(self):
        done = self.ask_with(*self.PAIR)
        claims = self.access(done)
        self.assertEqual(claims["sub"], "waybill")
        self.assertEqual(
            claims["access"], [{"type": "repository", "name": "a/b", "actions": ["pull"]}]
        )
        self.assert_expiry(done, 600 - MARGIN)
        self.assertEqual(self.front.paths, ["/v2/"])
        self.assertEqual(self.tokens.counts["get"], 1)
        self.assertEqual(self.tokens.counts["post"], 0)

    def test_each_method(self):
        for method, counted in (("auto", "get"), ("basic", "get"), ("oauth2", "password")):
            with self.subTest(method):
                self.tokens.counts.clear()
                done = self.ask_with(*self.PAIR, token_exchange_method=method)
                self.assertEqual(self.access(done)["sub"], "waybill")
                self.assertEqual(self.tokens.counts[counted], 1)

    def test_an_identity_token(self):
        token = self.tokens.refresh_token("waybill")
        self.write("token", token + "\n")
        done = self.ask_with({"source": "file", "path": "token", "binding": "identitytoken"})
        self.assertEqual(self.access(done)["sub"], "waybill")
        self.assertEqual(self.tokens.counts["refresh_token"], 1)

    def test_a_server_that_knows_no_post(self):
        self.tokens.post = False
        done = self.ask_with(
            {"source": "static", "name": PASSWORD, "binding": "identitytoken"},
        )
        self.assert_refused(done, "401")
        self.assertEqual((self.tokens.counts["post"], self.tokens.counts["get"]), (1, 1))

    def test_both_names_of_a_token(self):
        for field in ("token", "access_token", "both"):
            with self.subTest(field):
                self.tokens.field = field
                self.assertEqual(self.access(self.ask_with(*self.PAIR))["sub"], "waybill")

    def test_no_expiry(self):
        self.tokens.omit = ("expires_in", "issued_at")
        self.assert_expiry(self.ask_with(*self.PAIR), 60 - 12)

    def test_a_server_of_another_domain_must_be_allowed(self):
        front = self.start(Front(realm="https://auth.example.invalid/token"))
        uri = f"http://{front.address}/v2/a/b/manifests/1"
        self.assert_refused(self.ask(uri, GUESS), "may not be sent")
        for hosts in ("auth.example.invalid", "x, *.example.invalid"):
            with self.subTest(hosts):
                env = {**GUESS, "CREDENTIAL_HELPER_ALLOWED_HOSTS": hosts}
                self.assert_refused(self.ask(uri, env), "resolve")


class Chains(Helper):
    def setUp(self):
        super().setUp()
        self.registry = self.start(ScriptedRegistry("auth-basic", users=USERS))
        self.uri = f"{self.registry.url}/v2/a/b/manifests/1"

    def chain(self, *rows, env=None, **config):
        self.oci(self.registry.address, lookup_chain=rows, **config)
        return self.ask(self.uri, env)

    def docker(self, **login_):
        (self.directory / ".docker").mkdir(exist_ok=True)
        self.write(".docker/config.json", login(self.registry.address, **login_))

    def test_static_has_its_value_under_name(self):
        done = self.chain(
            {"source": "static", "name": "waybill", "binding": "username"},
            {"source": "static", "name": PASSWORD, "binding": "password"},
        )
        self.assertEqual(self.authorization(done), basic("waybill", PASSWORD))

    def test_the_first_that_there_is_counts(self):
        done = self.chain(
            {"source": "env", "name": "NOT_SET", "binding": "password"},
            {"source": "env", "name": "EMPTY", "binding": "password"},
            {"source": "env", "name": "ONE", "binding": "password"},
            {"source": "env", "name": "TWO", "binding": "password"},
            env={"EMPTY": "", "ONE": "1", "TWO": "2"},
        )
        self.assertEqual(self.authorization(done), basic("unset", "1"))

    def test_auth_is_both(self):
        value = base64.b64encode(f"waybill:{PASSWORD}".encode()).decode()
        done = self.chain({"source": "static", "name": value, "binding": "auth"})
        self.assertEqual(self.authorization(done), basic("waybill", PASSWORD))

    def test_the_docker_config_comes_behind(self):
        self.docker()
        self.oci(self.registry.address)
        self.assertEqual(self.authorization(self.ask(self.uri)), basic("waybill", PASSWORD))

    def test_a_chain_overrides_a_part_of_the_docker_config(self):
        self.docker(name="docker", password="old")
        for binding, expected in (
            ("username", basic("mine", "old")),
            ("password", basic("docker", "mine")),
            ("default", basic("docker", "mine")),
        ):
            with self.subTest(binding):
                done = self.chain({"source": "static", "name": "mine", "binding": binding})
                self.assertEqual(self.authorization(done), expected)

    def test_the_docker_config_can_be_left_out(self):
        self.docker()
        done = self.chain(parse_docker_config=False)
        self.assert_refused(done, "requires a username and a password")

    def test_our_own_sources(self):
        self.write("word", PASSWORD + "\n")
        self.write("docker.json", login(self.registry.address))
        done = self.chain({"source": "file", "path": "word"})
        self.assertEqual(self.authorization(done), basic("unset", PASSWORD))
        done = self.chain({"source": "docker", "path": "docker.json"})
        self.assertEqual(self.authorization(done), basic("waybill", PASSWORD))

    def test_a_source_that_fails_is_said(self):
        done = self.chain(
            {"source": "static", "name": f"%%%{PASSWORD}%%%", "binding": "auth"},
            parse_docker_config=False,
        )
        self.assert_refused(done, "static")


class Files(Helper):
    def setUp(self):
        super().setUp()
        self.registry = self.start(ScriptedRegistry("auth-basic", users=USERS))
        self.uri = f"{self.registry.url}/v2/a/b/manifests/1"
        self.entry = {
            "host": self.registry.address,
            "helper": "oci",
            "config": {
                "lookup_chain": [{"source": "static", "name": PASSWORD, "binding": "password"}]
            },
        }

    def assert_asked(self, done):
        self.assertEqual(self.authorization(done), basic("unset", PASSWORD))

    def test_places(self):
        (self.directory / "deep").mkdir()
        text = json.dumps({"urls": [self.entry]})
        self.write("deep/.tweag-credential-helper.json", text)
        self.write("deep/ch.json", text)
        deep = str(self.directory / "deep")
        self.assert_nothing(self.ask(self.uri))
        for env in (
            {"CREDENTIAL_HELPER_WORKSPACE_DIRECTORY": deep},
            {"BUILD_WORKSPACE_DIRECTORY": deep},
            {"CREDENTIAL_HELPER_CONFIG_FILE": f"{deep}/ch.json"},
            {"CREDENTIAL_HELPER_CONFIG_FILE": "deep/ch.json"},
            {"CREDENTIAL_HELPER_CONFIG_FILE": "~/deep/ch.json"},
            {"CREDENTIAL_HELPER_CONFIG_FILE": "%workspace%/deep/ch.json"},
            {"CREDENTIAL_HELPER_CONFIG_FILE": "%tmp%/ch.json", "TMPDIR": deep},
            {"CREDENTIAL_HELPER_CONFIG_FILE": "%cache%/ch.json", "XDG_CACHE_HOME": deep},
            {
                "CREDENTIAL_HELPER_CONFIG_FILE": "%workdir%/ch.json",
                "CREDENTIAL_HELPER_WORKDIR": deep,
            },
        ):
            with self.subTest(env):
                self.assert_asked(self.ask(self.uri, env))
        self.assert_asked(self.ask(self.uri, cwd=deep))

    def test_a_file_that_is_not_there_leaves_the_defaults(self):
        env = {"CREDENTIAL_HELPER_CONFIG_FILE": "/nowhere/ch.json"}
        self.assert_nothing(self.ask(self.uri, env))
        self.assert_refused(self.ask(self.uri, {**env, **GUESS}), "requires a username")

    def test_a_file_replaces_the_defaults(self):
        self.configure({"host": "other", "helper": "oci"})
        self.assert_nothing(self.ask("https://ghcr.io/v2/a/b/manifests/1"))
        self.assert_nothing(self.ask(self.uri, GUESS))
        self.assertEqual(self.registry.log(), [])

    def test_the_first_match_wins(self):
        null = {"host": "127.*", "helper": "null"}
        self.configure(null, self.entry)
        self.assert_nothing(self.ask(self.uri))
        for other in (
            {"scheme": "https", **null},
            {"host": "127.0.0.1", "helper": "null"},
            {"path": "/v2/*/blobs/*", **null},
            {"path": "/v2/?/b/*", **null},
        ):
            with self.subTest(other):
                self.configure(other, self.entry)
                self.assert_asked(self.ask(self.uri))
        self.configure({"path": "/v2/*/1", **null}, self.entry)
        self.assert_nothing(self.ask(self.uri))

    def test_other_helpers(self):
        for helper in ("s3", "gcs", "gar", "azstorage", "github", "remoteapis"):
            with self.subTest(helper):
                self.configure({"helper": helper, "config": {"any": ["thing"]}})
                words = f"helper '{helper}' is not for OCI registries, which are all that"
                self.assert_refused(self.ask("https://example.com/x"), words)
        self.configure({"host": "example.com", "helper": "teleport"})
        self.assert_refused(self.ask("https://example.com/x"), "unknown helper")
        self.assert_nothing(self.ask("https://example.org/x"))

    def test_faults_are_named_with_their_place(self):
        path = str(self.directory / ".tweag-credential-helper.json")
        for text, word in (
            ("", "not JSON"),
            ("urls: []", "not JSON"),
            ("{}", "$.urls: is missing"),
            ('{"urls":[]}', "names no helper"),
            ('{"urls":[{"helper":"oci","cofnig":{}}]}', "$.urls[0]: unknown key 'cofnig'"),
            (
                '{"urls":[{"helper":"oci","config":{"lookup_chain":[{"source":"env"}]}}]}',
                "$.urls[0].config.lookup_chain[0].name: the source 'env' requires this key",
            ),
            (
                '{"urls":[{"helper":"oci","config":{"lookup_chain":'
                '[{"source":"static","name":"hunter2","bindings":"x"}]}}]}',
                "unknown key 'bindings' (did you mean 'binding'?)",
            ),
            ('{"urls":[' + " " * (1 << 20) + "]}", "larger than"),
        ):
            with self.subTest(word):
                self.write(".tweag-credential-helper.json", text)
                for uri in (self.uri, "https://example.com/x"):
                    self.assert_refused(self.ask(uri), f"'{path}'", word)

    def test_a_folder_is_no_file(self):
        env = {"CREDENTIAL_HELPER_CONFIG_FILE": str(self.directory)}
        self.assert_refused(self.ask(self.uri, env), "cannot be read")


class Time(Helper):
    def test_it_does_not_wait_for_ever(self):
        registry = self.start(ScriptedRegistry("hang@ping", users=USERS))
        began = time.monotonic()
        self.assert_refused(self.ask(f"{registry.url}/v2/a/manifests/1", GUESS))
        self.assertLess(time.monotonic() - began, 40)

    def test_it_is_quick(self):
        registry = self.start(ScriptedRegistry("token-anonymous", users=USERS))
        began = time.monotonic()
        self.answer(self.ask(f"{registry.url}/v2/a/manifests/1", GUESS))
        self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    main()

"""Tests of the test support. ¶ Run from tests/: python3 -m unittest support.test_support"""

import base64
import hashlib
import http.client
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from support import minted
from support.parts import Registry
from support.process import Process
from support.scenarios import SCENARIOS
from support.scripted_registry import ScriptedRegistry
from support.tls import CA
from support.token_server import TokenServer, User

try:
    from support.kafka import Kafka
except ModuleNotFoundError:
    Kafka = None

SUPPORT = pathlib.Path(__file__).resolve().parent
LAYER = b"an attestation"
CONFIG = b"{}"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(data):
    return {"mediaType": "application/octet-stream", "digest": digest(data), "size": len(data)}


MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor(CONFIG),
        "layers": [descriptor(LAYER)],
    }
).encode()


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Client:
    """A minimal client that shows the behavior of a registry."""

    def __init__(self, address, authorization=None, cafile=None, cert=None):
        if cafile:
            context = ssl.create_default_context(cafile=cafile)
            if cert:
                context.load_cert_chain(cert.cert, cert.key)
            self.connection = http.client.HTTPSConnection(address, timeout=10, context=context)
        else:
            self.connection = http.client.HTTPConnection(address, timeout=10)
        self.authorization = authorization

    def __del__(self):
        self.connection.close()

    def ask(self, method, target, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.authorization:
            headers["Authorization"] = self.authorization
        self.connection.request(method, target, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def start(self, repository="a/b"):
        return self.ask("POST", f"/v2/{repository}/blobs/uploads/", b"")

    def blob(self, data, repository="a/b"):
        status, headers, _ = self.start(repository)
        if status != 202:
            return status
        return self.finish(headers["Location"], data)[0]

    def finish(self, location, data):
        parts = urllib.parse.urlsplit(location)
        target = f"{parts.path}?{parts.query}&digest={digest(data)}"
        return self.ask("PUT", target, data, Content_Type="application/octet-stream")

    def manifest(self, repository="a/b", reference="latest", body=MANIFEST):
        target = f"/v2/{repository}/manifests/{reference}"
        return self.ask("PUT", target, body, Content_Type=MANIFEST_TYPE)

    def push(self, repository="a/b"):
        return [
            self.blob(LAYER, repository),
            self.blob(CONFIG, repository),
            self.manifest(repository)[0],
        ]


def fetch(url, form=None, authorization=None):
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode() if form else None)
    if authorization:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


class RealRegistry(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def test_takes_a_push_and_keeps_it(self):
        with Registry() as registry:
            self.assertEqual(Client(registry.address).push(), [201, 201, 201])
            address = registry.address
            registry.stop()
            with self.assertRaises(OSError):
                Client(address).ask("GET", "/v2/")
            registry.start()
            self.assertEqual(registry.address, address)
            found = registry.get_manifest("a/b", "latest")
            self.assertEqual(found, (MANIFEST, MANIFEST_TYPE, digest(MANIFEST)))
            self.assertEqual(registry.get_blob("a/b", digest(LAYER)), LAYER)
            self.assertIsNone(registry.get_blob("a/b", digest(b"something else")))
            self.assertIsNone(registry.get_manifest("no/such", "latest"))
            self.assertEqual(registry.tags("a/b"), ["latest"])

    def test_lists_more_than_a_page(self):
        with Registry(storage="inmemory", relative=True) as registry:
            client = Client(registry.address)
            names = [f"r/{number:04}" for number in range(1003)]
            for name in names:
                # A blob suffices to create a repository.
                self.assertEqual(client.blob(CONFIG, name), 201)
            self.assertEqual(registry.catalog(), names)

    def test_wants_a_password(self):
        with Registry(htpasswd={"me": "pw"}) as registry:
            self.assertEqual(Client(registry.address).start()[0], 401)
            self.assertEqual(Client(registry.address, basic("me", "no")).start()[0], 401)
            self.assertEqual(Client(registry.address, basic("me", "pw")).push(), [201, 201, 201])
            self.assertEqual(registry.catalog(), ["a/b"])

    def test_wants_certificates(self):
        authority, other = CA(f"{self.directory.name}/1"), CA(f"{self.directory.name}/2")
        server, client, stranger = authority.issue(), authority.issue(["me"]), other.issue(["me"])
        with Registry(tls=server, client_ca=authority) as registry:
            trusted = Client(registry.address, cafile=server.ca, cert=client)
            self.assertEqual(trusted.push(), [201, 201, 201])
            self.assertEqual(registry.get_blob("a/b", digest(LAYER)), LAYER)
            for shown in (None, stranger):
                with self.assertRaises(OSError):
                    Client(registry.address, cafile=server.ca, cert=shown).start()
            with self.assertRaises(ssl.SSLCertVerificationError):
                Client(registry.address, cafile=other.cert, cert=client).start()
        with Registry(tls=authority.issue(expired=True)) as registry:
            with self.assertRaisesRegex(ssl.SSLCertVerificationError, "expired"):
                Client(registry.address, cafile=authority.cert).start()

    def test_verifies_tokens(self):
        users = {"me": User("pw", push=("a/*",)), "reader": User("pw", push=())}
        with TokenServer(users, omit=["issued_at"]) as tokens, Registry(token=tokens) as registry:
            status, headers, _ = Client(registry.address).start()
            self.assertEqual(status, 401)
            self.assertIn(f'realm="{tokens.realm}"', headers["WWW-Authenticate"])
            query = urllib.parse.urlencode(
                {"service": tokens.service, "scope": "repository:a/b:pull,push"}
            )
            url = f"{tokens.realm}?{query}"
            _, answer = fetch(url, authorization=basic("me", "pw"))
            self.assertEqual(sorted(answer), ["expires_in", "token"])
            client = Client(registry.address, f"Bearer {answer['token']}")
            self.assertEqual(client.push(), [201, 201, 201])
            self.assertEqual(client.push("b/a")[0], 401)
            head, claims, signature = answer["token"].split(".")
            forged = f"{head}.{claims}.{'A' * 8}{signature[8:]}"
            self.assertEqual(Client(registry.address, f"Bearer {forged}").start()[0], 401)
            _, answer = fetch(url, authorization=basic("reader", "pw"))
            self.assertEqual(Client(registry.address, f"Bearer {answer['token']}").start()[0], 401)
            self.assertEqual(tokens.counts["reduced"], 1)
            self.assertEqual(fetch(url, authorization=basic("me", "no"))[0], 401)
            self.assertEqual(registry.catalog(), ["a/b"])
            # Debian's registry accepts a token for one more minute.
            late = tokens.sign("me", json.loads(_padded(claims))["access"], lifetime=-70)
            self.assertEqual(Client(registry.address, f"Bearer {late}").start()[0], 401)


def _padded(claims):
    return base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))


class Tokens(unittest.TestCase):
    def test_refresh_tokens_rotate(self):
        with TokenServer({"me": "pw"}, field="both") as tokens:
            form = {
                "grant_type": "password",
                "username": "me",
                "password": "pw",
                "service": tokens.service,
                "client_id": "test",
                "scope": "repository:a:pull repository:localhost:5000/b:push",
                "access_type": "offline",
            }
            status, answer = fetch(tokens.realm, form)
            self.assertEqual(status, 200)
            self.assertEqual(answer["token"], answer["access_token"])
            claims = json.loads(_padded(answer["token"].split(".")[1]))
            names = [access["name"] for access in claims["access"]]
            self.assertEqual(names, ["a", "localhost:5000/b"])
            old = answer["refresh_token"]
            form = {
                "grant_type": "refresh_token",
                "refresh_token": old,
                "service": tokens.service,
                "client_id": "test",
                "scope": "repository:a:pull",
            }
            status, answer = fetch(tokens.realm, form)
            self.assertEqual(status, 200)
            self.assertNotEqual(answer["refresh_token"], old)
            self.assertEqual(fetch(tokens.realm, form)[0], 401)
            tokens.post = False
            self.assertEqual(fetch(tokens.realm, form)[0], 404)
            self.assertEqual(tokens.counts["refresh_token"], 2)

    def test_by_hand(self):
        with subprocess.Popen(
            [sys.executable, SUPPORT / "token_server.py", "--user", "me:pw:a/*"],
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                settings = json.loads(child.stdout.readline())
                url = f"{settings['realm']}?service={settings['service']}"
                self.assertIn("token", fetch(url, authorization=basic("me", "pw"))[1])
            finally:
                child.terminate()


class Scripted(unittest.TestCase):
    """The statuses are those of POST and PUT for two blobs, and of PUT for the manifest."""

    def play(self, *scenario, **options):
        registry = ScriptedRegistry(*scenario, **options)
        self.addCleanup(registry.close)
        return registry

    def assert_faults(self, registry, *expected):
        """Returns the results of a push: statuses, or None for a connection that ends."""
        met = []
        for entry in registry.log():
            if entry["stage"] in ("post", "put", "manifest"):
                met.append(entry["status"])
        self.assertEqual(tuple(met), expected)

    def test_takes_a_push(self):
        registry = self.play()
        client = Client(registry.address)
        self.assertEqual(client.push(), [201, 201, 201])
        found = client.ask("GET", "/v2/a/b/manifests/latest")
        self.assertEqual((found[0], found[2]), (200, MANIFEST))
        self.assertEqual(client.ask("HEAD", f"/v2/a/b/blobs/{digest(LAYER)}")[0], 200)
        self.assertEqual(registry.get_manifest("a/b", digest(MANIFEST))[0], MANIFEST)
        self.assertEqual(registry.repositories(), ["a/b"])
        log = json.loads(client.ask("GET", "/_log")[2])
        self.assertEqual(
            [entry["stage"] for entry in log],
            ["post", "put", "post", "put", "manifest", "get", "head"],
        )
        self.assertEqual(log[1]["body_bytes"], len(LAYER))
        count = json.loads(client.ask("GET", "/_count")[2])
        self.assertEqual((count["requests"], count["connections"]), (7, 1))
        self.assertEqual(count["complaints"], [])
        client.ask("POST", "/_reset", b"")
        self.assertEqual(registry.log(), [])

    def test_is_strict(self):
        registry = self.play()
        client = Client(registry.address)
        location = client.start()[1]["Location"]
        self.assertEqual(client.finish(location.replace("%2F", "/"), LAYER)[0], 404)
        self.assertEqual(client.finish(location.replace("+", "%20"), LAYER)[0], 404)
        target = f"/v2/a/b/blobs/uploads/?digest={digest(LAYER)}"
        self.assertEqual(client.ask("POST", target, b"damaged")[0], 400)
        self.assertEqual(client.ask("POST", target, LAYER)[0], 201)
        self.assertEqual(client.manifest()[0], 404)
        self.assertEqual(client.manifest(body=b"{}")[0], 400)
        self.assertEqual(client.ask("GET", "/v2/", Cookie="sid=1")[0], 200)
        chunked = iter([b"abc"])
        self.assertEqual(client.ask("PUT", "/v2/a/b/manifests/x", chunked)[0], 411)
        self.assertEqual(len(registry.count()["complaints"]), 9)
        registry.play("lenient")
        client.connection.close()
        self.assertEqual(client.push(), [201, 201, 201])
        self.assertEqual(client.manifest(body=iter([MANIFEST[:9], MANIFEST[9:]]))[0], 201)

    def test_patches(self):
        registry = self.play()
        client = Client(registry.address)
        location = client.start()[1]["Location"]
        kind = {"Content_Type": "application/octet-stream"}
        status, headers, _ = client.ask(
            "PATCH", location[len(registry.url) :], LAYER[:4], Content_Range="0-3", **kind
        )
        self.assertEqual((status, headers["Range"]), (202, "0-3"))
        self.assertNotEqual(headers["Location"], location)
        target = headers["Location"][len(registry.url) :]
        self.assertEqual(
            client.ask("PATCH", target, LAYER[4:], Content_Range="0-9", **kind)[0], 416
        )
        target += f"&digest={digest(LAYER)}"
        self.assertEqual(client.ask("PUT", target, LAYER[4:], **kind)[0], 201)

    def test_basic(self):
        registry = self.play("auth-basic", users={"me": "pw"})
        self.assertEqual(Client(registry.address).start()[0], 401)
        self.assertEqual(Client(registry.address, basic("me", "pw")).push(), [201] * 3)
        self.assertEqual({entry["authorization"] for entry in registry.log()}, {None, "basic"})

    def token(self, registry, scope="repository:a/b:pull,push"):
        challenge = Client(registry.address).start()[1].get_all("WWW-Authenticate")
        query = urllib.parse.urlencode({"service": "scripted registry", "scope": scope})
        answer = fetch(f"{registry.url}/token?{query}", authorization=basic("waybill", "secret"))
        return challenge, answer[1]

    def test_bearer(self):
        registry = self.play("token-lifetime=1")
        challenge, answer = self.token(registry)
        self.assertEqual(
            challenge,
            [
                f'Bearer realm="{registry.url}/token",service="scripted registry",'
                'scope="repository:a/b:pull,push"'
            ],
        )
        self.assertEqual(answer["expires_in"], 1)
        client = Client(registry.address, f"Bearer {answer['token']}")
        self.assertEqual(client.push(), [201, 201, 201])
        self.assertIn("insufficient_scope", client.start("x")[1]["WWW-Authenticate"])
        time.sleep(1.01)
        self.assertIn("invalid_token", client.start()[1]["WWW-Authenticate"])
        self.assertEqual(Client(registry.address, basic("waybill", "secret")).start()[0], 401)
        self.assertEqual(
            registry.count()["complaints"], ["Basic credentials where a token is wanted"]
        )

    def test_bearer_varies(self):
        registry = self.play("two-challenges")
        self.assertEqual(len(self.token(registry)[0]), 3)
        for scenario, pattern in (
            ("basic-then-bearer", '^Basic realm="one, two", Bearer realm="http:'),
            ("relative-realm", 'realm="/token"'),
            ("realm-http-foreign", 'realm="http://localhost:'),
            ("realm-metadata-ip", 'realm="http://169.254.169.254/token"'),
            ("realm-query", "/token\\?tenant=a%2Bb"),
            ("challenge-odd", '^bEaReR  REALM = "'),
            ("token-other-host", f'realm="http://localhost:{registry.other_port}/token"'),
        ):
            registry.play(scenario)
            self.assertRegex(self.token(registry)[0][0], pattern)
        registry.play("token-access-token", "token-no-expiry")
        self.assertEqual(list(self.token(registry)[1]), ["access_token"])
        registry.play("token-empty")
        self.assertEqual(self.token(registry)[1], {"token": ""})
        registry.play("token-crlf")
        self.assertIn("\r\n", self.token(registry)[1]["token"])
        registry.play("token-huge")
        self.assertEqual(len(self.token(registry)[1]["token"]), 1_000_000)
        registry.play("token-html")
        with self.assertRaises(json.JSONDecodeError):
            self.token(registry)
        registry.play("auth-bearer", "503=1@token")
        self.assertIn("errors", self.token(registry)[1])
        self.assertIn("token", self.token(registry)[1])

    def test_token_refused(self):
        registry = self.play("auth-bearer", "401-on-put")
        client = Client(registry.address, f"Bearer {self.token(registry)[1]['token']}")
        self.assertEqual(client.blob(LAYER), 401)
        self.assertEqual(client.start()[0], 401, "the token is revoked")
        client.authorization = f"Bearer {self.token(registry)[1]['token']}"
        self.assertEqual(client.push(), [201, 201, 201])

    def token_client(self, registry, repository="a/b", actions="pull,push"):
        answer = self.token(registry, f"repository:{repository}:{actions}")[1]
        return Client(registry.address, f"Bearer {answer['token']}")

    def post_token(self, registry, **form):
        form = {"client_id": "test", "service": "scripted registry", **form}
        return fetch(f"{registry.url}/token", form)

    def test_token_servers_of_all_sorts(self):
        password = {"grant_type": "password", "username": "waybill", "password": "secret"}
        registry = self.play("token-no-post=405")
        self.assertEqual(self.post_token(registry, **password)[0], 405)
        registry.play("token-only-post", "token-says-scope", "token-reduced")
        status, answer = self.post_token(registry, scope="repository:a/b:pull,push", **password)
        self.assertEqual((status, answer["scope"]), (200, "repository:a/b:pull"))
        self.assertEqual(fetch(f"{registry.url}/token")[0], 405)
        registry.play("token-says=soon")
        self.assertEqual(self.token(registry)[1]["expires_in"], "soon")
        registry.play("token-says=-1")
        self.assertEqual(self.token(registry)[1]["expires_in"], -1)
        registry.play("token-403")
        self.assertIn("errors", self.token(registry)[1])
        registry.play("token-invalid-grant")
        refresh = {
            "grant_type": "refresh_token",
            "refresh_token": registry.refresh_token("waybill"),
        }
        self.assertEqual(self.post_token(registry, **refresh), (400, {"error": "invalid_grant"}))
        self.assertIn("token", self.token(registry)[1])
        registry.play("token-jwt", "token-reduced")
        claims = json.loads(_padded(self.token(registry)[1]["token"].split(".")[1]))
        self.assertEqual(claims["access"][0]["actions"], ["pull"])

    def test_refresh_tokens_are_good_once(self):
        registry = self.play("token-rotate")
        refresh = {
            "grant_type": "refresh_token",
            "refresh_token": registry.refresh_token("waybill"),
        }
        status, answer = self.post_token(registry, **refresh)
        self.assertEqual(status, 200)
        self.assertEqual(self.post_token(registry, **refresh)[0], 401)
        refresh["refresh_token"] = answer["refresh_token"]
        self.assertEqual(self.post_token(registry, **refresh)[0], 200)

    def test_lockout(self):
        registry = self.play("lockout=2")
        url = f"{registry.url}/token?service=scripted+registry"
        for authorization, status in (("right", 200), ("wrong", 401), ("wrong", 401)):
            pair = basic("waybill", "secret" if authorization == "right" else "guess")
            self.assertEqual(fetch(url, authorization=pair)[0], status)
        self.assertEqual(fetch(url, authorization=basic("waybill", "secret"))[0], 401)
        self.assertEqual(registry.count()["wrong_passwords"], 2)

    def test_challenges_that_change(self):
        registry = self.play("another-scope")
        client = self.token_client(registry)
        self.assertEqual(client.push(), [201, 201, 401])
        asked = client.manifest()[1]["WWW-Authenticate"]
        self.assertIn('scope="repository:a/b:pull,push repository:base/image:pull"', asked)
        scopes = "repository:a/b:pull,push repository:base/image:pull"
        answer = self.token(registry, scopes)[1]
        client.authorization = f"Bearer {answer['token']}"
        self.assertEqual(client.push(), [201, 201, 201])

        registry.play("harbor-basic")
        client = self.token_client(registry)
        status, headers, _ = client.start()
        self.assertEqual((status, headers["WWW-Authenticate"]), (401, 'Basic realm="registry"'))
        client.authorization = basic("waybill", "secret")
        self.assertEqual(client.push(), [201, 201, 201])

        registry.play("realm-per-repository")
        client = Client(registry.address)
        asked = client.start()[1]["WWW-Authenticate"]
        self.assertIn(f'realm="{registry.url}/token/a/b"', asked)
        client = self.token_client(registry)
        self.assertEqual(client.start()[0], 401)

        registry.play("401-closes")
        self.assertEqual(Client(registry.address).start()[1]["Connection"], "close")

    def test_single_posts(self):
        target = f"/v2/a/b/blobs/uploads/?digest={digest(LAYER)}"
        registry = self.play()
        kind = {"Content_Type": "application/octet-stream"}
        self.assertEqual(Client(registry.address).ask("POST", target, LAYER, **kind)[0], 201)
        self.assertEqual(registry.count()["complaints"], [])
        registry.play("202-reads-nothing")
        client = Client(registry.address)
        with self.assertRaises(http.client.RemoteDisconnected):
            client.ask("POST", target, LAYER, **kind)
        self.assertEqual(client.push(), [201, 201, 201])

    def chunk(self, client, location, data, method="PATCH", first=0):
        target = location[location.index("/v2/") :]
        return client.ask(
            *(method, target, data),
            Content_Type="application/octet-stream",
            Content_Range=f"{first}-{first + len(data) - 1}",
        )

    def test_chunks(self):
        registry = self.play("chunk-min=4")
        client = Client(registry.address)
        headers = client.start()[1]
        self.assertEqual(headers["OCI-Chunk-Min-Length"], "4")
        status, headers, _ = self.chunk(client, headers["Location"], LAYER[:4])
        self.assertEqual(status, 202)
        status, headers, _ = self.chunk(client, headers["Location"], LAYER[4:6], first=4)
        self.assertEqual(status, 202, "it could be the last")
        self.assertEqual(self.chunk(client, headers["Location"], LAYER[6:], first=6)[0], 400)

        registry.play("413-over=8")
        client = Client(registry.address)
        location = client.start()[1]["Location"]
        self.assertEqual(client.finish(location, LAYER)[0], 413)
        headers = client.start()[1]
        headers = self.chunk(client, headers["Location"], LAYER[:8])[1]
        target = headers["Location"] + f"&digest={digest(LAYER)}"
        self.assertEqual(self.chunk(client, target, LAYER[8:], "PUT", 8)[0], 201)

    def test_repository_first(self):
        registry = self.play("repository-first", "auth-basic", users={"AWS": "pw"})
        client = Client(registry.address, basic("AWS", "pw"))
        self.assertEqual(client.push(), [404, 404, 404])
        amazon = Client(registry.address, "AWS4-HMAC-SHA256 Credential=x")

        def call(action, body):
            found = amazon.ask("POST", "/", json.dumps(body), X_Amz_Target=f"Ecr_V1.{action}")
            return found[0], json.loads(found[2])

        status, answer = call("GetAuthorizationToken", {})
        pair = base64.b64decode(answer["authorizationData"][0]["authorizationToken"])
        self.assertEqual((status, pair), (200, b"AWS:pw"))
        self.assertEqual(call("CreateRepository", {"repositoryName": "a/b"})[0], 200)
        status, answer = call("CreateRepository", {"repositoryName": "a/b"})
        self.assertEqual((status, answer["__type"]), (400, "RepositoryAlreadyExistsException"))
        self.assertEqual(client.push(), [201, 201, 201])
        amazon.authorization = None
        self.assertEqual(call("CreateRepository", {"repositoryName": "c"})[0], 403)

    def test_fallback_index(self):
        registry = self.play("index-race")
        client = Client(registry.address)
        client.push()
        tag = digest(MANIFEST).replace(":", "-")
        one = {**descriptor(MANIFEST), "mediaType": MANIFEST_TYPE}
        kind = "application/vnd.oci.image.index.v1+json"
        index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [one]}).encode()
        for expected in ([False], [True]):
            target = f"/v2/a/b/manifests/{tag}"
            self.assertEqual(client.ask("PUT", target, index, Content_Type=kind)[0], 201)
            found = json.loads(client.ask("GET", target)[2])["manifests"]
            self.assertEqual([one in found], expected)
        registry.play("fallback-not-an-index")
        self.assertEqual(client.ask("GET", target)[2], MANIFEST)

    def test_immutable_tags(self):
        registry = self.play("immutable-tags")
        client = Client(registry.address)
        self.assertEqual(client.push(), [201, 201, 201])
        self.assertEqual(client.push(), [201, 201, 400])

    def test_errors(self):
        for scenario, expected in (
            ("503=2", [503, 503, 201]),
            ("503=2@manifest", [201, 201, 503]),
            ("500-always", [500, 500, 500]),
            ("403-denied", [403, 403, 403]),
            ("404-name-unknown", [404, 404, 404]),
            ("404-upload-unknown", [404, 201, 404]),
            ("404-blob-unknown", [201, 201, 404]),
            ("400-manifest-invalid", [201, 201, 400]),
            ("400-digest-invalid", [400, 201, 404]),
            ("413", [413, 413, 413]),
            ("405-unsupported", [201, 201, 405]),
            ("412-immutable", [201, 201, 412]),
            ("403-expired", [403, 201, 404]),
            ("401-mid-upload", [401, 201, 404]),
            ("416", [416, 201, 404]),
            ("429*2", [429, 429, 404]),
            ("403-rate-limit*0", [403, 403, 403]),
            ("400-expired", [400, 201, 404]),
        ):
            with self.subTest(scenario):
                registry = self.play(scenario)
                client = Client(registry.address)
                met = client.push()
                if scenario == "503=2":
                    self.assertEqual(met[:2], [503, 503])
                    self.assertEqual(client.push(), [201, 201, 201])
                else:
                    self.assertEqual(met, expected)

    def test_retry_after(self):
        registry = self.play()
        for scenario, pattern in (
            ("429-seconds=7", "^7$"),
            ("429-date", "^[A-Z][a-z]{2}, .* GMT$"),
            ("429-absurd", "^9{14}$"),
        ):
            registry.play(scenario)
            status, headers, _ = Client(registry.address).start()
            self.assertEqual(status, 429)
            self.assertRegex(headers["Retry-After"], pattern)
        registry.play("429-body")
        self.assertIn(b"retry-after: 10.3ms", Client(registry.address).start()[2])

    def test_connections(self):
        for scenario, error in (
            ("close", http.client.RemoteDisconnected),
            ("reset", ConnectionResetError),
            ("close-after-headers", http.client.IncompleteRead),
            ("close-mid-body", http.client.IncompleteRead),
            ("chunked-garbage", http.client.IncompleteRead),
            ("huge-headers=200", http.client.HTTPException),
        ):
            with self.subTest(scenario):
                registry = self.play(scenario)
                with self.assertRaises(error):
                    Client(registry.address).start()
        registry = self.play("hang")
        client = Client(registry.address)
        client.connection.timeout = 0.2
        with self.assertRaises(TimeoutError):
            client.start()
        for scenario in ("slow-commit=0.3", "slow=0.3@post"):
            start = time.monotonic()
            self.assertEqual(Client(self.play(scenario).address).blob(LAYER), 201)
            self.assertGreaterEqual(time.monotonic() - start, 0.3)
        registry = self.play("slow=0.3")
        start = time.monotonic()
        self.assertEqual(Client(registry.address).start()[0], 202)
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_uploads_cut(self):
        registry = self.play("drop-201")
        client = Client(registry.address)
        location = client.start()[1]["Location"]
        with self.assertRaises(http.client.RemoteDisconnected):
            client.finish(location, LAYER)
        self.assertEqual(client.finish(location, LAYER)[0], 404)
        self.assertEqual(registry.get_blob("a/b", digest(LAYER)), LAYER)
        self.assert_faults(registry, 202, None, 404)
        registry.play("close-mid-upload")
        location = client.start()[1]["Location"]
        with self.assertRaises(OSError):
            client.finish(location, b"x" * 5_000_000)
        client.connection.close()
        registry.play("413-early")
        location = client.start()[1]["Location"]
        self.assertEqual(client.finish(location, b"x" * 100)[0], 413)

    def test_bodies(self):
        registry = self.play("html-error", "huge-error-body=2")
        client = Client(registry.address)
        status, headers, _ = client.start()
        self.assertEqual((status, headers["Content-Type"]), (502, "text/html"))
        status, _, body = client.start()
        self.assertEqual(status, 500)
        self.assertGreater(len(body), 2 << 20)
        self.assertEqual(client.start()[0], 202)

    def test_locations(self):
        registry = self.play()
        port, other = registry.port, registry.other_port
        for scenario, pattern in (
            ("location-relative", "^/v2/a/b/blobs/uploads/"),
            ("location-relative-path", "^\\.\\./uploads/[0-9a-f]{32}\\?"),
            ("location-absolute", f"^http://127.0.0.1:{port}/v2/"),
            ("location-http", f"^http://127.0.0.1:{port}/v2/"),
            ("location-other-port", f"^http://127.0.0.1:{other}/v2/"),
            ("location-cross-host", f"^http://localhost:{other}/v2/"),
            ("location-userinfo", f"^http://mallory:pw@127.0.0.1:{port}/v2/"),
            ("location-metadata-ip", "^http://169.254.169.254/v2/"),
            ("location-file", "^file:///etc/hostname$"),
        ):
            registry.play(scenario)
            location = Client(registry.address).start()[1]["Location"]
            self.assertRegex(location, pattern)
        registry.play("location-missing")
        self.assertNotIn("Location", Client(registry.address).start()[1])

    def test_other_host(self):
        registry = self.play("location-cross-host", "auth-basic")
        authorization = basic("waybill", "secret")
        location = Client(registry.address, authorization).start()[1]["Location"]
        other = Client(f"127.0.0.1:{registry.other_port}")
        self.assertEqual(other.finish(location, LAYER)[0], 201)
        self.assertEqual(registry.count()["authorization_at_other"], 0)
        self.assertEqual(registry.log()[-1]["host"], "other")
        other.authorization = authorization
        other.start()
        self.assertEqual(registry.count()["authorization_at_other"], 1)
        self.assertEqual(registry.count()["complaints"], ["Authorization at the other host"])

    def test_redirects(self):
        registry = self.play("redirect-307")
        client = Client(registry.address)
        status, headers, _ = client.start()
        self.assertEqual(status, 307)
        moved = urllib.parse.urlsplit(headers["Location"]).path
        self.assertEqual(client.ask("POST", moved, b"")[0], 202)
        registry.play("redirect-cross-host")
        location = client.start()[1]["Location"]
        self.assertEqual(location, f"http://{registry.other_address}/v2/a/b/blobs/uploads/")
        registry.play("redirect-loop")
        location = client.start()[1]["Location"]
        self.assertEqual(location, f"{registry.url}/v2/a/b/blobs/uploads/")

    def test_odd_answers(self):
        registry = self.play("wrong-digest", "set-cookie", "202-on-single-post")
        client = Client(registry.address)
        target = f"/v2/a/b/blobs/uploads/?digest={digest(LAYER)}"
        status, headers, _ = client.ask("POST", target, LAYER)
        self.assertEqual((status, headers["Set-Cookie"]), (202, "sid=1; Path=/; HttpOnly"))
        headers = client.finish(headers["Location"], LAYER)[1]
        self.assertEqual(headers["Docker-Content-Digest"], "sha256:" + "0" * 64)
        self.assertEqual(client.ask("GET", "/v2/", Cookie="sid=1")[0], 403)

    def test_referrers(self):
        registry = self.play()
        client = Client(registry.address)
        client.push()
        manifest = json.loads(MANIFEST)
        manifest["subject"] = descriptor(MANIFEST)
        headers = client.manifest(reference="about", body=json.dumps(manifest).encode())[1]
        self.assertEqual(headers["OCI-Subject"], digest(MANIFEST))
        target = f"/v2/a/b/referrers/{digest(MANIFEST)}"
        index = json.loads(client.ask("GET", target)[2])
        self.assertEqual(len(index["manifests"]), 1)
        for scenario, status in (("no-referrers", 404), ("referrers-303", 303)):
            registry.play(scenario)
            self.assertEqual(client.ask("GET", target)[0], status)

    def test_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            pair = CA(directory).issue()
            registry = self.play("location-http", tls=pair)
            client = Client(registry.address, cafile=pair.ca)
            location = client.start()[1]["Location"]
            self.assertTrue(location.startswith("http://127.0.0.1:"))
            self.assertEqual(client.finish(location, LAYER)[0], 201)
            self.assertEqual(Client(registry.address, "Bearer x").start()[0], 202)
            self.assertEqual(
                registry.count()["complaints"], ["plain HTTP", "Authorization in clear text"]
            )

    def test_by_hand(self):
        command = [sys.executable, SUPPORT / "scripted_registry.py"]
        listing = subprocess.run(
            [*command, "--list"], stdout=subprocess.PIPE, text=True, check=True
        )
        for name in SCENARIOS:
            self.assertIn(f"\n{name}", listing.stdout)
        wrong = subprocess.run(
            [*command, "--scenario", "no-such"], stderr=subprocess.PIPE, text=True, check=False
        )
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("no such scenario: no-such", wrong.stderr)
        with tempfile.TemporaryDirectory() as directory:
            with subprocess.Popen(
                [*command, "--scenario", "503", "--tls", directory, "--until-eof"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as child:
                address = child.stdout.readline().split()[1]
                client = Client(address, cafile=f"{directory}/ca.crt")
                self.assertEqual(client.start()[0], 503)
                self.assertEqual(client.start()[0], 202)
                client.ask("POST", "/_scenario", b'["500-always"]')
                self.assertEqual(client.start()[0], 500)
                child.stdin.close()
                self.assertEqual(child.wait(5), 0)


class Minted(unittest.TestCase):
    def test_finds_a_secret_in_any_spelling(self):
        secret = minted.mint("correct-horse-")
        for number in range(4):
            pair = f"{'x' * number}:{secret}".encode()
            for spelt in (pair, base64.b64encode(pair), base64.urlsafe_b64encode(pair)):
                with self.assertRaisesRegex(minted.Leak, "a secret in the log"):
                    minted.look("the log", b"innocent", b"before " + spelt + b" behind")
        with TokenServer() as tokens:
            with self.assertRaises(minted.Leak):
                minted.look("the log", tokens.sign("me", []).encode())
        minted.look("the log", b"innocent", b"d2JzZWNy", b"")

    def test_finds_a_secret_on_a_command_line(self):
        with subprocess.Popen(
            ["sh", "-c", "echo; read x", minted.mint()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as child:
            # Popen may return before the kernel shows the new command line.
            child.stdout.readline()
            minted.look_at_command_lines()
            child.stdin.close()
        with self.assertRaisesRegex(minted.Leak, "command line.*read x"):
            minted.look("nothing")

    def tearDown(self):
        minted.forgive()

    def test_finds_a_core_dump(self):
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "core.txt").write_text("no dump")
            minted.look_for_cores(directory)
            pathlib.Path(directory, "core.123").write_text("a dump")
            with self.assertRaises(minted.Leak):
                minted.look_for_cores(directory)


class Children(unittest.TestCase):
    def test_die_with_their_parent(self):
        script = """if True:
            import os, sys
            from support.process import Process
            child = Process(["sh", "-c", "echo up; exec sleep 60"], sys.argv[1])
            child.wait_until(child.tail, 5)
            print(child.pid, flush=True)
            os.kill(os.getpid(), 9)
        """
        with tempfile.NamedTemporaryFile() as log:
            done = subprocess.run(
                [sys.executable, "-c", script, log.name],
                cwd=SUPPORT.parent,
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
        deadline = time.monotonic() + 5
        while _alive(done.stdout.strip()):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_tell_why_they_ended(self):
        with tempfile.NamedTemporaryFile() as log:
            child = Process(["sh", "-c", "echo because; exit 1"], log.name)
            with self.assertRaisesRegex(RuntimeError, "because"):
                child.wait_until(lambda: False, 5)


def _alive(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@unittest.skipUnless(Kafka, "confluent_kafka (Debian's python3-confluent-kafka) is not there")
class RealKafka(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kafka = Kafka()
        cls.addClassCleanup(cls.kafka.close)

    def test_keeps_messages(self):
        import confluent_kafka

        kafka, topic, group = self.kafka, f"t{time.time_ns()}", f"g{time.time_ns()}"
        kafka.create_topic(topic, 2, {"retention.ms": "-1"})
        kafka.produce(topic, [(b"k", b"v", [("h", b"1")]), (None, b"w")], partition=1)
        first, second = kafka.read_committed(topic, 2)
        self.assertEqual(first[:5], (1, 0, b"k", b"v", [("h", b"1")]))
        self.assertEqual(second[:5], (1, 1, None, b"w", []))
        self.assertEqual(kafka.end_offsets(topic), {0: 0, 1: 2})
        with self.assertRaises(TimeoutError):
            kafka.read_committed(topic, 3, timeout=1)

        # Uncommitted messages are not visible.
        producer = confluent_kafka.Producer(
            {"bootstrap.servers": kafka.address, "transactional.id": group}
        )
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(topic, b"never", partition=0)
        producer.flush(10)
        producer.abort_transaction(10)
        self.assertEqual(len(kafka.read_committed(topic, 2)), 2)

        self.assertEqual(kafka.committed(group, topic), {})
        consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.address, "group.id": group})
        offset = confluent_kafka.TopicPartition(topic, 1, 1)
        consumer.commit(offsets=[offset], asynchronous=False)
        consumer.close()
        self.assertEqual(kafka.committed(group, topic), {1: (1, "")})
        self.assertEqual(kafka.lag(group), 1 + kafka.end_offsets(topic)[0])

        if kafka._process:
            address = kafka.address
            kafka.kill()
            kafka.start()
            self.assertEqual(kafka.address, address)
            self.assertEqual(len(kafka.read_committed(topic, 2)), 2)


if __name__ == "__main__":
    unittest.main()

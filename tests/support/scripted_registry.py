#!/usr/bin/env python3
"""An OCI registry in memory that is strict, and misbehaves on demand.

In a test: ScriptedRegistry("auth-bearer", "503=2@manifest"), by hand:
scripted_registry.py --help, and --list for the scenarios.

What it is strict about, it complains about, in the log and in the counters: a
body that is not what its digest says, a missing Content-Length, a Location whose
query does not come back byte for byte, a cookie that comes back, credentials
where they have no business to be.

Besides the registry it answers
    GET  /_log       every request so far, as JSON
    GET  /_count     counters, complaints, and the address of the other host
    POST /_scenario  a JSON list of scenarios, to play from now on
    POST /_reset     forgets log and counters, and starts the scenarios afresh
Who takes it for a proxy finds it to be any host there is, over plain HTTP. A
second socket, "the other host", serves the same content to whoever asks. It is
where redirects and foreign Locations lead, and nobody should be so foolish as to
show it credentials.
"""

import argparse
import base64
import collections
import hashlib
import http.server
import itertools
import json
import pathlib
import re
import secrets
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import urllib.parse

if __name__ == "__main__":
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from support import minted  # noqa: E402
from support.scenarios import ALWAYS, SPARED, STAGES  # noqa: E402
from support.scenarios import Answer, Call, Close, Played, failure, listing  # noqa: E402
from support.stand_in import Closing, block_signals, run_until  # noqa: E402
from support.stand_in import serve_in_background  # noqa: E402

MAXIMUM_MANIFEST = 4 << 20
INDEX = "application/vnd.oci.image.index.v1+json"
LOGGED_HEADERS = (
    *("Accept", "Connection", "Content-Length", "Content-Range", "Content-Type", "Cookie"),
    *("Expect", "Host", "Transfer-Encoding", "User-Agent", "traceparent", "tracestate"),
)


class Upload:
    def __init__(self, repository, length):
        self.repository = repository
        self.data = bytearray()
        self.short = False  # a chunk was smaller than permitted, so it must be the last
        self._length = length
        self.renew()

    def renew(self):
        # Characters that change when they are decoded and encoded again.
        state = f"{secrets.token_urlsafe(9)}%2F+%3d~%3D{'x' * self._length}"
        self.query = f"_nouploadcache=false&_state={state}"


class ScriptedRegistry(Closing):
    """The registry, from construction to close().

    scenario  names as --scenario takes them, one string or several
    users     {name: password}
    tls       CertPair; plain HTTP is then still served, and complained about
    port      0 lets the kernel choose
    """

    def __init__(self, *scenario, users=None, tls=None, port=0):
        self.users = users or {"waybill": "secret"}
        self.tls = tls
        self.scheme = "https" if tls else "http"
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._connections = itertools.count(1)
        self._open = set()
        self.blobs, self.manifests, self.tags = {}, {}, {}
        self._uploads, self._tokens, self._refresh = {}, {}, {}
        self._created, self._raced, self._refused = set(), set(), collections.Counter()
        self.reset()
        self.play(*scenario)
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.cert, tls.key)
        self._servers = [_Server(self, context, False, port), _Server(self, context, True, 0)]
        self.port, self.other_port = (server.server_address[1] for server in self._servers)
        self.address = f"127.0.0.1:{self.port}"
        self.other_address = f"localhost:{self.other_port}"
        self.url = f"{self.scheme}://{self.address}"
        for server in self._servers:
            serve_in_background(server)

    def close(self):
        """Also closes the connections that are open."""
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the client has closed it already

    # --- requests of tests

    def play(self, *scenario):
        """Replaces the scenarios by these."""
        played = [Played(text) for text in scenario]
        switches = {}
        for one in played:
            switches[one.scenario.name] = one.argument
            if one.scenario.implies:
                switches.setdefault(one.scenario.implies, None)
        with self._lock:
            self._played, self.switches = played, switches

    def reset(self):
        with self._lock:
            self._log, self._connected = [], 0
            for one in getattr(self, "_played", []):
                one.struck = 0

    def log(self):
        """Returns every request so far, as GET /_log does."""
        with self._lock:
            return [dict(entry) for entry in self._log]

    def count(self):
        """Returns what GET /_count does."""
        log = self.log()
        return {
            "requests": len(log),
            "stages": collections.Counter(entry["stage"] for entry in log),
            "statuses": collections.Counter(str(entry["status"]) for entry in log),
            "connections": self._connected,
            "wrong_passwords": sum(self._refused.values()),
            "struck": {one.text: one.struck for one in self._played},
            "complaints": [what for entry in log for what in entry["complaints"]],
            "authorization_at_other": sum(
                entry["host"] == "other" and entry["authorization"] is not None for entry in log
            ),
            "traceparent_at_other": sum(
                entry["host"] == "other" and "traceparent" in entry["headers"] for entry in log
            ),
            "other": self.other_address,
        }

    def create_repository(self, repository):
        """Creates a repository for the scenario repository-first."""
        with self._lock:
            self._created.add(repository)

    def repositories(self):
        with self._lock:
            return sorted({repository for repository, _ in (*self.blobs, *self.manifests)})

    def get_manifest(self, repository, reference):
        """Returns (bytes, media type), or None."""
        with self._lock:
            digest = self.tags.get((repository, reference), reference)
            return self.manifests.get((repository, digest))

    def get_blob(self, repository, digest):
        with self._lock:
            return self.blobs.get((repository, digest))

    def refresh_token(self, user):
        """Returns a new refresh token of a user, as `docker login` would have stored it."""
        token = minted.mint("refresh-")
        with self._lock:
            self._refresh[token] = user
        return token

    # --- the processing of a request

    def connected(self, connection):
        with self._lock:
            self._open.add(connection)
            self._connected += 1
            return next(self._connections)

    def disconnected(self, connection):
        with self._lock:
            self._open.discard(connection)

    def note(self, entry):
        with self._lock:
            entry["number"] = len(self._log) + 1
            self._log.append(entry)

    def handle(self, call):
        """Returns the response to a request, or Close."""
        self._mind(call)
        refusal = None
        if call.stage not in ("token", "amazon") and not call.other:
            refusal = self._admit(call)
        strikes = not refusal or call.stage == "ping"
        answer = self._strike(call, "early") if strikes else None
        if answer:
            return answer
        body = call.handler.body(call)
        if body is None:
            answer = failure(411, "SIZE_INVALID", "Content-Length is missing")
            answer.close = True
            return answer
        if strikes:
            answer = self._strike(call, "before")
        answer = answer or refusal or self._route(call, body)
        if strikes:
            self._strike(call, "after", answer)
        return answer

    def _strike(self, call, phase, *answer):
        """Applies the scenarios until one returns a response."""
        for one in self._played:
            scenario = one.scenario
            if scenario.phase != phase or call.stage not in one.stages:
                continue
            with self._lock:
                if one.times != ALWAYS and one.struck >= one.times:
                    continue
                one.struck += 1
            result = scenario.act(self, call, *answer, one.argument)
            if result is SPARED:
                with self._lock:
                    one.struck -= 1
            elif result:
                return result
        return None

    def _mind(self, call):
        headers = call.headers
        if self.tls and not call.tls:
            call.complain("plain HTTP")
        if "Cookie" in headers:
            call.complain("a cookie came back")
        if "Authorization" in headers:
            expected = call.stage == "token" and "token-other-host" in self.switches
            if call.other and not expected:
                call.complain("Authorization at the other host")
            if self.tls and not call.tls:
                call.complain("Authorization in clear text")
        if "X-Injected" in headers:
            call.complain("a header from within a token")

    # Authentication.

    def _admit(self, call):
        """Returns None if a request is permitted, else the refusal."""
        if "set-cookie" in self.switches and "Cookie" in call.headers:
            return failure(403, "FORBIDDEN", "CSRF token invalid")
        bearer, basic = "auth-bearer" in self.switches, "auth-basic" in self.switches
        if not bearer and not basic:
            return None
        scheme, _, credentials = call.headers.get("Authorization", "").partition(" ")
        scheme = scheme.lower()
        if not scheme:
            return self.challenge(call)
        if scheme == "basic" and (not bearer or "harbor-basic" in self.switches):
            return None if self._user(credentials) else self.challenge(call)
        if scheme == "basic":
            call.complain("Basic credentials where a token is wanted")
            return self.challenge(call)
        with self._lock:
            expiry, granted = self._tokens.get(credentials, (0, None))
        if time.monotonic() >= expiry:
            return self.challenge(call, "invalid_token")
        action = "pull" if call.method in ("GET", "HEAD") else "push"
        if call.stage != "ping" and not self._needed(call, action) <= granted:
            return self.challenge(call, "insufficient_scope")
        return None

    def _needed(self, call, action):
        needed = {(_repository(call.path), action)}
        if "another-scope" in self.switches and call.stage == "manifest":
            needed.add(("base/image", "pull"))
        return needed

    def challenge(self, call, error=None):
        switches = self.switches
        answer = failure(401, "UNAUTHORIZED", "authentication required")
        if "auth-bearer" not in switches or ("harbor-basic" in switches and error):
            answer.headers["WWW-Authenticate"] = 'Basic realm="registry"'
            return answer
        answer.close = "401-closes" in switches
        realm = f"{call.base}/token"
        if "relative-realm" in switches:
            realm = "/token"
        elif "token-other-host" in switches:
            realm = f"{self.scheme}://{self.other_address}/token"
        elif "realm-http" in switches:
            realm = f"http://{call.headers.get('Host', '')}/token"
        elif "realm-http-foreign" in switches:
            realm = f"http://{self.other_address}/token"
        elif "realm-metadata-ip" in switches:
            realm = "http://169.254.169.254/token"
        elif "realm-query" in switches:
            realm += "?tenant=a%2Bb"
        repository = _repository(call.path)
        if "realm-per-repository" in switches and repository:
            realm = f"{call.base}/token/{repository}"
        parameters = {"realm": realm, "service": "scripted registry"}
        if repository:
            parameters["scope"] = f"repository:{repository}:pull,push"
        if error == "insufficient_scope" and "another-scope" in switches:
            parameters["scope"] += " repository:base/image:pull"
        if error:
            parameters["error"] = error
        bearer = "Bearer " + ",".join(f'{key}="{value}"' for key, value in parameters.items())
        if "challenge-odd" in switches:
            escaped = {key: value.replace("r", "\\r") for key, value in parameters.items()}
            pairs = (f'{key.upper()} = "{value}"' for key, value in escaped.items())
            bearer = "bEaReR  " + " ,  ".join(pairs) + ", odd=token"
        challenges = [bearer]
        if "two-challenges" in switches:
            challenges = ["Negotiate", 'Basic realm="registry"', bearer]
        elif "basic-then-bearer" in switches:
            challenges = [f'Basic realm="one, two", {bearer}']
        answer.headers["WWW-Authenticate"] = challenges
        return answer

    def revoke(self, call):
        with self._lock:
            self._tokens.pop(call.headers.get("Authorization", "").partition(" ")[2], None)

    def _user(self, credentials):
        try:
            pair = base64.b64decode(credentials, validate=True).decode()
        except ValueError:
            return None
        name, _, password = pair.partition(":")
        return self._checked(name, password)

    def _checked(self, name, password):
        """Returns the name of a user who has sent the right password."""
        most = self.switches.get("lockout")
        with self._lock:
            if self.users.get(name) != password:
                self._refused[name] += 1
                return None
            return name if most is None or self._refused[name] < most else None

    def _token(self, call, body):
        switches = self.switches
        if "auth-bearer" not in switches:
            return failure(404, "UNSUPPORTED")
        if call.method == "POST" and "token-no-post" in switches:
            return failure(switches["token-no-post"], "UNSUPPORTED")
        if call.method == "GET" and "token-only-post" in switches:
            return failure(405, "UNSUPPORTED")
        if call.method == "POST":
            query = urllib.parse.parse_qs(body.decode("ascii", "replace"))
            user, offline = self._oauth2(call, query)
        else:
            query = urllib.parse.parse_qs(call.query)
            user, offline = self._basic_token(call, query)
        if user is None:
            return failure(401, "UNAUTHORIZED", "no token for you")
        if query.get("service") != ["scripted registry"]:
            call.complain("the service did not come back")
        if "realm-query" in switches and query.get("tenant") != ["a+b"]:
            call.complain("the realm's query did not come back")
        return self._grant(query, user if offline else None, call.path)

    def _oauth2(self, call, query):
        """Returns the user of a POST, and whether it requests a refresh token."""
        kind = query.get("grant_type", [""])[0]
        offline = query.get("access_type") == ["offline"]
        if not query.get("client_id"):
            call.complain("no client_id")
        if call.query:
            call.complain("a POST for a token with a query")
        if kind == "password":
            name, password = query.get("username", [""])[0], query.get("password", [""])[0]
            return self._checked(name, password), offline
        if kind != "refresh_token":
            return None, False
        token, rotates = query.get("refresh_token", [""])[0], "token-rotate" in self.switches
        with self._lock:
            user = self._refresh.get(token)
            if rotates:
                self._refresh.pop(token, None)
        return user, offline or rotates

    def _basic_token(self, call, query):
        """Does the same for GET."""
        scheme, _, credentials = call.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            return self._user(credentials), query.get("offline_token") == ["true"]
        anonymous = not scheme and "token-anonymous" in self.switches
        return "" if anonymous else None, False

    def _grant(self, query, offline_user, path):
        switches = self.switches
        granted = set()
        for scope in " ".join(query.get("scope", [])).split():
            _, _, rest = scope.partition(":")
            repository, _, actions = rest.rpartition(":")
            granted |= {(repository, action) for action in actions.split(",")}
        if "realm-per-repository" in switches:
            granted = {one for one in granted if path == f"/token/{one[0]}"}
        if "token-reduced" in switches or "harbor-basic" in switches:
            granted = {one for one in granted if one[1] == "pull"}
        token = minted.mint("opaque-")
        if "token-jwt" in switches:
            token = _unsigned(granted, switches.get("token-claims"))
        lifetime = switches.get("token-lifetime", 300)
        with self._lock:
            self._tokens[token] = (time.monotonic() + lifetime, granted)
        answer = {"access_token" if "token-access-token" in switches else "token": token}
        if "token-says" in switches:
            try:
                answer["expires_in"] = json.loads(switches["token-says"])
            except ValueError:
                answer["expires_in"] = switches["token-says"]
        elif "token-no-expiry" not in switches:
            answer["expires_in"] = lifetime
        if "token-says-scope" in switches:
            scopes = (f"repository:{name}:{action}" for name, action in sorted(granted))
            answer["scope"] = " ".join(scopes)
        if offline_user:
            answer["refresh_token"] = self.refresh_token(offline_user)
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    # --- the registry

    def _route(self, call, body):
        if call.stage == "token":
            return self._token(call, body)
        if call.stage == "ping":
            return Answer(200, {"Content-Type": "application/json"}, b"{}")
        if call.stage == "amazon":
            return self._amazon(call, body)
        match = _PATH.fullmatch(call.path)
        if not match:
            return failure(404, "NAME_UNKNOWN")
        repository, kind, reference = match.groups()
        if "repository-first" in self.switches and repository not in self._created:
            return failure(404, "NAME_UNKNOWN", "the repository does not exist in the registry")
        with self._lock:
            if kind == "blobs/uploads/":
                if call.method == "POST" and not reference:
                    return self._start_upload(call, repository, body)
                return self._go_on(call, repository, reference, body)
            if kind == "manifests/" and call.method == "PUT":
                return self._put_manifest(call, repository, reference, body)
            if call.method not in ("GET", "HEAD"):
                return failure(405, "UNSUPPORTED")
            if kind == "referrers/":
                return self._referrers(repository, reference)
            if kind == "tags/list":
                tags = sorted(tag for name, tag in self.tags if name == repository)
                return _document({"name": repository, "tags": tags})
            return self._read(call, repository, kind, reference)

    def _amazon(self, call, body):
        """The part of ECR's API that Waybill uses. The signature is not checked here."""
        action = call.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if not call.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            return _amazon_failure(403, "MissingAuthenticationTokenException")
        if action == "GetAuthorizationToken":
            pair = base64.b64encode(f"AWS:{self.users.get('AWS', '')}".encode()).decode()
            granted = {"authorizationToken": pair, "expiresAt": int(time.time()) + 43200}
            return _document({"authorizationData": [granted]}, "application/x-amz-json-1.1")
        if action != "CreateRepository":
            return _amazon_failure(400, "UnknownOperationException")
        name = json.loads(body).get("repositoryName")
        with self._lock:
            if name in self._created:
                return _amazon_failure(400, "RepositoryAlreadyExistsException")
            self._created.add(name)
        return _document({"repository": {"repositoryName": name}}, "application/x-amz-json-1.1")

    def _read(self, call, repository, kind, reference):
        if kind == "blobs/":
            body, code = self.blobs.get((repository, reference)), "BLOB_UNKNOWN"
            media_type, digest = "application/octet-stream", reference
        else:
            digest = self.tags.get((repository, reference), reference)
            if "fallback-not-an-index" in self.switches:
                digest = _subject_of(reference) or digest
            body, media_type = self.manifests.get((repository, digest), (None, None))
            code = "MANIFEST_UNKNOWN"
        if body is None:
            return failure(404, code)
        return Answer(200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, body)

    def _start_upload(self, call, repository, body):
        query = urllib.parse.parse_qs(call.query)
        digest = query.get("digest", [None])[0]
        if digest and body and "202-reads-nothing" in self.switches:
            raise Close
        refuses = "202-on-single-post" in self.switches
        if digest and not refuses and "mount" not in query:
            if call.headers.get("Content-Type") != "application/octet-stream":
                call.complain("a single POST of another type than application/octet-stream")
            return self._commit(call, repository, digest, body)
        name = secrets.token_hex(16)
        self._uploads[name] = upload = Upload(repository, self.switches.get("long-location", 0))
        return self._accepted(call, name, upload, 202)

    def _accepted(self, call, name, upload, status):
        path = f"/v2/{upload.repository}/blobs/uploads/{name}?{upload.query}"
        headers = {"Location": call.base + path, "Docker-Upload-UUID": name}
        if "chunk-min" in self.switches and call.method == "POST":
            headers["OCI-Chunk-Min-Length"] = self.switches["chunk-min"]
        if upload.data:
            headers["Range"] = f"0-{len(upload.data) - 1}"
        return Answer(status, headers)

    def _go_on(self, call, repository, name, body):
        upload = self._uploads.get(name)
        if not upload or upload.repository != repository:
            return failure(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        if not self._came_back(call.query, upload.query):
            call.complain("the query of the Location did not come back as it was")
            return failure(404, "BLOB_UPLOAD_UNKNOWN", "invalid state")
        if call.method == "DELETE":
            del self._uploads[name]
            return Answer(204)
        if call.method == "GET":
            return self._accepted(call, name, upload, 204)
        if call.method not in ("PATCH", "PUT"):
            return failure(405, "UNSUPPORTED")
        kind = call.headers.get("Content-Type")
        if body and kind != "application/octet-stream":
            call.complain(f"a blob of type {kind}")
        span = call.headers.get("Content-Range")
        if span is not None and body:
            first, last = len(upload.data), len(upload.data) + len(body) - 1
            if span != f"{first}-{last}":
                return failure(416, "BLOB_UPLOAD_INVALID", f"expected {first}-{last}")
        if body and upload.short:
            return failure(400, "SIZE_INVALID", "only the last chunk may be so small")
        upload.short = call.method == "PATCH" and len(body) < self.switches.get("chunk-min", 0)
        upload.data += body
        if call.method == "PATCH":
            upload.renew()
            return self._accepted(
                call, name, upload, 201 if "201-on-patch" in self.switches else 202
            )
        del self._uploads[name]
        digests = urllib.parse.parse_qs(call.query).get("digest", [])
        if len(digests) != 1:
            return failure(400, "DIGEST_INVALID", "there must be one digest")
        return self._commit(call, repository, digests[0], bytes(upload.data))

    def _came_back(self, query, expected):
        parameters = [one for one in query.split("&") if not one.startswith("digest=")]
        if "lenient" in self.switches:
            return sorted(map(urllib.parse.unquote_plus, parameters)) == sorted(
                map(urllib.parse.unquote_plus, expected.split("&"))
            )
        return "&".join(parameters) == expected

    def _commit(self, call, repository, digest, body):
        if _digest(body, digest) != digest:
            call.complain(f"a blob that is not {digest}")
            return failure(400, "DIGEST_INVALID")
        self.blobs[repository, digest] = body
        location = f"{call.base}/v2/{repository}/blobs/{digest}"
        return Answer(201, {"Location": location, "Docker-Content-Digest": digest})

    def _put_manifest(self, call, repository, reference, body):
        if len(body) > MAXIMUM_MANIFEST:
            return failure(413, "SIZE_INVALID")
        digest = _digest(body, reference if ":" in reference else "sha256:")
        if ":" in reference and digest != reference:
            call.complain(f"a manifest that is not {reference}")
            return failure(400, "DIGEST_INVALID")
        try:
            manifest = json.loads(body)
            found = self._fault(call, repository, manifest)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            found = failure(400, "MANIFEST_INVALID", repr(error))
        if found:
            call.complain(f"manifest: {found.body.decode()}")
            return found
        held = self.tags.get((repository, reference))
        if held and "immutable-tags" in self.switches:
            return failure(400, "TAG_INVALID", f"The image tag '{reference}' already exists")
        self.manifests[repository, digest] = body, call.headers["Content-Type"]
        if ":" not in reference:
            self.tags[repository, reference] = digest
            if "index-race" in self.switches and "manifests" in manifest:
                self._race(repository, reference, held)
        location = f"{call.base}/v2/{repository}/manifests/{digest}"
        answer = Answer(201, {"Location": location, "Docker-Content-Digest": digest})
        if "subject" in manifest and "no-referrers" not in self.switches:
            answer.headers["OCI-Subject"] = manifest["subject"]["digest"]
        return answer

    def _race(self, repository, tag, held):
        """Another client that had read the same index replaces ours, but only once."""
        if tag in self._raced:
            return
        self._raced.add(tag)
        theirs, _ = self.manifests.get((repository, held), (b"{}", None))
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []} | json.loads(theirs)
        foreign = b'{"foreign":true}'
        self.manifests[repository, _digest(foreign, "sha256:")] = foreign, INDEX
        one = {"mediaType": INDEX, "digest": _digest(foreign, "sha256:"), "size": len(foreign)}
        body = json.dumps({**index, "manifests": [*index["manifests"], one]}).encode()
        self.manifests[repository, _digest(body, "sha256:")] = body, INDEX
        self.tags[repository, tag] = _digest(body, "sha256:")

    def _fault(self, call, repository, manifest):
        """Returns the fault of a manifest as a response, or None."""
        media_type = call.headers.get("Content-Type")
        if manifest.get("mediaType", media_type) != media_type:
            return failure(400, "MANIFEST_INVALID", "mediaType and Content-Type differ")
        if manifest["schemaVersion"] != 2:
            return failure(400, "MANIFEST_INVALID", "schemaVersion")
        for child in manifest.get("manifests", []):
            known, _ = self.manifests.get((repository, child["digest"]), (None, None))
            if known is None or len(known) != child["size"]:
                return failure(404, "MANIFEST_UNKNOWN", child["digest"])
        if "manifests" in manifest:
            return None
        if "gitlab-media-types" in self.switches:
            kind = manifest["config"]["mediaType"]
            if "artifactType" in manifest or not kind.endswith("image.config.v1+json"):
                return failure(400, "MANIFEST_INVALID", f"unknown media type: {kind}")
        for blob in (manifest["config"], *manifest["layers"]):
            known = self.blobs.get((repository, blob["digest"]))
            if known is None:
                return failure(404, "MANIFEST_BLOB_UNKNOWN", blob["digest"])
            if len(known) != blob["size"]:
                return failure(400, "MANIFEST_INVALID", f"size of {blob['digest']}")
        return None

    def _referrers(self, repository, subject):
        if "no-referrers" in self.switches or "oci-subject-lies" in self.switches:
            return failure(404, "UNSUPPORTED")
        found = []
        for (name, digest), (body, media_type) in self.manifests.items():
            manifest = json.loads(body)
            if name == repository and manifest.get("subject", {}).get("digest") == subject:
                kind = manifest.get("artifactType") or manifest["config"]["mediaType"]
                one = {"mediaType": media_type, "digest": digest, "size": len(body)}
                one["artifactType"] = kind
                if "annotations" in manifest:
                    one["annotations"] = manifest["annotations"]
                found.append(one)
        return _document({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}, INDEX)


_NAME = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(
    rf"/v2/({_NAME}(?:/{_NAME})*)/"
    r"(blobs/uploads/|blobs/|manifests/|referrers/|tags/list)([A-Za-z0-9_:.+=-]*)"
)


def _repository(path):
    match = _PATH.fullmatch(path)
    return match[1] if match else None


def _stage(method, path):
    if path == "/token" or path.startswith("/token/"):
        return "token"
    if path == "/" and method == "POST":
        return "amazon"
    if path in ("/v2", "/v2/"):
        return "ping"
    upload, manifest = "/blobs/uploads/" in path, "/manifests/" in path
    if method == "PUT" and manifest:
        return "manifest"
    if upload and method in ("POST", "PATCH", "PUT"):
        return method.lower()
    if method == "GET" and "/referrers/" in path:
        return "referrers"
    return method.lower() if method in ("HEAD", "GET") else "other"


def _digest(body, like):
    algorithm = like.partition(":")[0]
    if algorithm not in ("sha256", "sha512"):
        return None
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def _subject_of(tag):
    """Returns the digest to which a fallback tag of the referrers belongs, or None."""
    match = re.fullmatch("(sha256|sha512)-([0-9a-f]{64})", tag)
    return f"{match[1]}:{match[2]}" if match else None


def _unsigned(granted, claims):
    """Returns a token in the form of a JWT, with a claim about its permissions. Claims other
    than the plain ones have the same meaning for the registry, and for nobody else."""
    names = {"pattern": "*", "renamed": "by-another-name"}
    access = [
        {"type": "repository", "name": names.get(claims, name), "actions": [action]}
        for name, action in sorted(granted)
        if claims != "push" or action == "push"
    ]
    if claims == "nothing":
        access = []
    claims = {"jti": minted.mint(), "access": access}
    parts = (json.dumps({"alg": "none"}).encode(), json.dumps(claims).encode(), b"unsigned")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _amazon_failure(status, kind):
    body = json.dumps({"__type": kind, "message": kind}).encode()
    return Answer(status, {"Content-Type": "application/x-amz-json-1.1"}, body)


def _document(value, kind="application/json"):
    return Answer(200, {"Content-Type": kind}, json.dumps(value).encode())


# HTTP.


class _Server(socketserver.ThreadingTCPServer):
    # The function of http.server looks up its own name in the DNS.
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, registry, context, other, port):
        self.registry, self.context, self.other = registry, context, other
        super().__init__(("127.0.0.1", port), _Handler)

    def finish_request(self, request, client_address):
        # The first byte distinguishes TLS from plain HTTP.
        if self.context and request.recv(1, socket.MSG_PEEK) == b"\x16":
            request = self.context.wrap_socket(request, server_side=True)
        with request:
            super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        # Clients may disconnect at any time.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self._drain = False
        self._number = self.server.registry.connected(self.connection)

    def finish(self):
        self.server.registry.disconnected(self.connection)
        super().finish()
        if self._drain:
            # Closing the connection before the client has sent everything would reset it,
            # and could discard the response.
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(5)
            while self.connection.recv(1 << 16):
                pass

    def _serve(self):
        path, _, query = self.path.partition("?")
        if path.startswith("http://"):
            path = "/" + path[7:].partition("/")[2]
        if path.startswith("/_"):
            self._send(self._control(path))
            return
        moved = path.startswith("/moved/")
        path = path[6:] if moved else path
        stage = _stage(self.command, path)
        entry = {
            "time": time.time(),
            "host": "other" if self.server.other else "main",
            "connection": self._number,
            "tls": isinstance(self.connection, ssl.SSLSocket),
            "method": self.command,
            "path": path,
            "query": query,
            "moved": moved,
            "stage": stage,
            "status": None,
            "authorization": self._scheme(),
            "headers": {
                name.lower(): self.headers[name] for name in LOGGED_HEADERS if name in self.headers
            },
            "body_bytes": 0,
            "complaints": [],
        }
        self.server.registry.note(entry)
        call = Call(
            *(self.command, path, query, self.headers, self, entry, stage),
            *(moved, self.server.other, entry["tls"]),
        )
        try:
            answer = self.server.registry.handle(call)
        except Close:
            self.close_connection = True
            return
        entry["status"] = answer.status
        self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _scheme(self):
        scheme = self.headers.get("Authorization", "").partition(" ")[0].lower()
        return (scheme if scheme in ("basic", "bearer") else "unknown") if scheme else None

    def _control(self, path):
        registry = self.server.registry
        if self.command == "GET" and path == "/_log":
            return _document(registry.log())
        if self.command == "GET" and path == "/_count":
            return _document(registry.count())
        if self.command == "POST" and path == "/_reset":
            registry.reset()
            return Answer(204)
        if self.command == "POST" and path == "/_scenario":
            try:
                registry.play(*json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            except (TypeError, ValueError) as error:
                return failure(400, "UNKNOWN", str(error))
            return Answer(204)
        return failure(404, "UNSUPPORTED")

    def body(self, call):
        """Returns the body of the request, or None if its length is missing."""
        length = self.headers.get("Content-Length")
        if length is None:
            if "lenient" in self.server.registry.switches:
                return self._chunked(call)
            if self.command in ("POST", "PUT", "PATCH"):
                call.complain("no Content-Length")
                return None
            return b""
        body = self.rfile.read(int(length))
        call.entry["body_bytes"] = len(body)
        if len(body) < int(length):
            raise Close
        return body

    def _chunked(self, call):
        body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        call.entry["body_bytes"] = len(body)
        return body

    def reset(self):
        """Makes the connection end with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _send(self, answer):
        headers = dict(answer.headers)
        if answer.status != 204 and "Transfer-Encoding" not in headers:
            headers.setdefault("Content-Length", len(answer.body))
        if answer.close or answer.raw is not None:
            self.close_connection = True
        if answer.close:
            headers["Connection"] = "close"
            self._drain = True
        self.send_response(answer.status)
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                self.send_header(name, str(one))
        self.end_headers()
        if answer.raw is not None:
            self.wfile.write(answer.raw)
        elif self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(
        description="An OCI registry on loopback that misbehaves as told.",
        epilog="A scenario is NAME[=ARGUMENT][*TIMES][@STAGE]; *0 means always. "
        f"Stages: {', '.join(STAGES)}. Once ready it prints `listening HOST:PORT`.",
    )
    parser.add_argument("--scenario", action="append", default=[], metavar="NAME[=ARGUMENT]")
    parser.add_argument("--list", action="store_true", help="print the scenarios")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user", action="append", default=[], metavar="NAME:PASSWORD")
    parser.add_argument("--tls", metavar="DIR", help="speak TLS; DIR/ca.crt is to be trusted")
    parser.add_argument("--until-eof", action="store_true", help="end with standard input")
    options = parser.parse_args()
    if options.list:
        print(listing())
        return
    pair = None
    if options.tls:
        from support.tls import CA

        pair = CA(options.tls).issue()
    users = dict(text.split(":", 1) for text in options.user)
    signals = block_signals()
    try:
        registry = ScriptedRegistry(*options.scenario, users=users, tls=pair, port=options.port)
    except ValueError as error:
        parser.error(str(error))
    with registry:
        run_until(signals, registry.address, options.until_eof)


if __name__ == "__main__":
    main()

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
A second socket, "the other host", serves the same content to whoever asks. It
is where redirects and foreign Locations lead, and nobody should be so foolish as
to show it credentials.
"""

import argparse
import base64
import collections
import email.utils
import hashlib
import http.server
import itertools
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import typing
import urllib.parse

ALWAYS = 0
SPARED = object()  # what a scenario returns that has let a request go
PUSH = ("post", "patch", "put", "manifest")
STAGES = {
    "ping": ("ping",),
    "token": ("token",),
    "head": ("head",),
    "get": ("get",),
    "referrers": ("referrers",),
    "post": ("post",),
    "patch": ("patch",),
    "put": ("put",),
    "manifest": ("manifest",),
    "push": PUSH,
    "any": ("ping", "head", "get", "referrers", *PUSH),
}
MAXIMUM_MANIFEST = 4 << 20
LOGGED_HEADERS = (
    *("Accept", "Connection", "Content-Length", "Content-Range", "Content-Type", "Cookie"),
    *("Expect", "Host", "Transfer-Encoding", "User-Agent"),
)


class Close(Exception):
    """Ends the connection with no answer."""


class Answer:
    def __init__(self, status, headers=None, body=b""):
        self.status = status
        self.headers = dict(headers or {})
        self.body = body
        self.close = False
        self.raw = None  # what goes out instead of the body, before closing


def failure(status, code, message="", headers=None):
    body = json.dumps({"errors": [{"code": code, "message": message or code.lower()}]})
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, body.encode())


class Call(typing.NamedTuple):
    """A request, as far as the scenarios and the registry are concerned."""

    method: str
    path: str
    query: str  # raw
    headers: typing.Any
    handler: typing.Any
    entry: dict  # in the log
    stage: str
    moved: bool  # it has already been redirected
    other: bool  # it came to the other host
    tls: bool

    @property
    def base(self):
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{self.headers.get('Host', '')}"

    def complain(self, what):
        self.entry["complaints"].append(what)


# The scenarios. Each row has a name, the phase it acts in, the requests it acts
# on, and how often: ONCE and the like for what passes, ALWAYS for what stays.
#
#   switch  changes what the registry itself does
#   early   acts before the body is read
#   before  answers instead of the registry
#   after   changes the registry's answer
#
# Only requests that are let in are struck, so that each combines with any
# authentication; pings and requests for tokens are struck in any case.


class Scenario(typing.NamedTuple):
    name: str
    phase: str
    stages: tuple
    times: int
    argument: typing.Any  # default; its type is that of the argument
    implies: str | None
    text: str
    act: typing.Callable | None


SCENARIOS = {}


def switch(name, text, argument=None, implies=None):
    SCENARIOS[name] = Scenario(name, "switch", (), ALWAYS, argument, implies, text, None)


def row(name, phase, text, stages=PUSH, times=ALWAYS, argument=None, implies=None):
    def register(act):
        SCENARIOS[name] = Scenario(name, phase, stages, times, argument, implies, text, act)
        return act

    return register


switch("auth-basic", "wants Basic authentication")
switch("auth-bearer", "wants a token, from its own /token")
switch("token-lifetime", "tokens live that many seconds, and not one more", 300, "auth-bearer")
switch("token-access-token", "names the token access_token", None, "auth-bearer")
switch("token-no-expiry", "leaves out expires_in", None, "auth-bearer")
switch("token-no-post", "answers POST to /token with 404", None, "auth-bearer")
switch("token-rotate", "a refresh token is good for one use", None, "auth-bearer")
switch("token-anonymous", "gives tokens to anybody", None, "auth-bearer")
switch("token-reduced", "gives tokens that may only pull", None, "auth-bearer")
switch("token-other-host", "the realm is on the other host", None, "auth-bearer")
switch("two-challenges", "three header lines: Negotiate, Basic and Bearer", None, "auth-bearer")
switch("basic-then-bearer", "two challenges in one header line", None, "auth-bearer")
switch("challenge-odd", "a challenge in odd spelling, but correct", None, "auth-bearer")
switch("relative-realm", "the realm is a path", None, "auth-bearer")
switch("realm-query", "the realm has a query of its own", None, "auth-bearer")
switch("realm-http-foreign", "the realm is plain HTTP on the other host", None, "auth-bearer")
switch("realm-metadata-ip", "the realm is a cloud's metadata address", None, "auth-bearer")
switch("no-referrers", "has no referrers API, and does not send OCI-Subject")
switch("oci-subject-lies", "has no referrers API, but sends OCI-Subject")
switch("202-on-single-post", "does not support pushing a blob with one POST")
switch("201-on-patch", "answers PATCH with 201, as ECR does")
switch("lenient", "for other clients: takes bodies in chunks, and queries encoded anew")
switch("gitlab-media-types", "400 for unknown artifact types, as GitLab does")


# -- authentication gone wrong


def _unauthorized(registry, call):
    registry.revoke(call)
    return registry.challenge(call, "invalid_token")


@row("401-on-put", "before", "401, and the token is no longer good", ("put",), 1)
def _(registry, call, _):
    return _unauthorized(registry, call)


@row("401-twice", "before", "401 two times over, whatever the token", PUSH, 2)
def _(registry, call, _):
    return _unauthorized(registry, call)


@row("400-expired", "before", "400 DENIED for an expired token, as ECR Public does", PUSH, 1)
def _(registry, call, _):
    registry.revoke(call)
    return failure(400, "DENIED", "Your Authorization Token is invalid.")


def _token_row(name, text, body, kind="application/json"):
    @row(name, "after", text, ("token",), implies="auth-bearer")
    def _(_registry, _call, answer, _argument):
        answer.status, answer.body = 200, body
        answer.headers["Content-Type"] = kind


_token_row("token-empty", "the token is empty", b'{"token":""}')
_token_row("token-missing", "an empty JSON object", b"{}")
_token_row("token-crlf", "the token holds a line break", b'{"token":"a\\r\\nX-Injected: 1"}')
_token_row("token-huge", "the token is 1 MB", b'{"token":"' + b"a" * 1_000_000 + b'"}')
_token_row("token-html", "HTML instead of JSON", b"<html>Log in</html>", "text/html")


# -- errors


@row("429", "before", "429, and no word on when to come back", times=1)
def _(_registry, _call, _):
    return failure(429, "TOOMANYREQUESTS")


@row("429-seconds", "before", "429 with Retry-After in seconds", times=1, argument=1)
def _(_registry, _call, seconds):
    return failure(429, "TOOMANYREQUESTS", headers={"Retry-After": seconds})


@row("429-date", "before", "429 with Retry-After as a date", times=1, argument=2)
def _(_registry, _call, seconds):
    # A date has whole seconds only, so it is rounded up.
    date = email.utils.formatdate(time.time() + seconds + 1, usegmt=True)
    return failure(429, "TOOMANYREQUESTS", headers={"Retry-After": date})


@row("429-absurd", "before", "429 with an absurd Retry-After", times=1, argument="99999999999999")
def _(_registry, _call, value):
    return failure(429, "TOOMANYREQUESTS", headers={"Retry-After": value})


@row("429-body", "before", "429 that says when only in its body, as GHCR", times=1)
def _(_registry, _call, _):
    return failure(429, "TOOMANYREQUESTS", "retry-after: 10.3ms, allowed: 2000/minute")


@row("403-rate-limit", "before", "403 that means 429, as GHCR", times=1)
def _(_registry, _call, _):
    return failure(403, "DENIED", "You have exceeded a secondary rate limit.")


@row("503", "before", "503; the argument is how often", times=1)
def _(_registry, _call, _):
    return failure(503, "UNAVAILABLE")


@row("500-always", "before", "500, for ever")
def _(_registry, _call, _):
    return failure(500, "UNKNOWN")


@row("403-denied", "before", "403: no right to push")
def _(_registry, _call, _):
    return failure(403, "DENIED", "requested access to the resource is denied")


@row("404-name-unknown", "before", "404: the repository must be made first")
def _(_registry, _call, _):
    return failure(404, "NAME_UNKNOWN", "repository name not known to registry")


@row("404-upload-unknown", "before", "404: the upload session is lost", ("patch", "put"), 1)
def _(_registry, _call, _):
    return failure(404, "BLOB_UPLOAD_UNKNOWN")


@row("404-blob-unknown", "before", "404: a blob is not there yet", ("manifest",), 1)
def _(_registry, _call, _):
    return failure(404, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")


@row("400-manifest-invalid", "before", "400 for any manifest", ("manifest",))
def _(_registry, _call, _):
    return failure(400, "MANIFEST_INVALID", "manifest invalid")


@row("400-digest-invalid", "before", "400: the blob came through damaged", ("put",), 1)
def _(_registry, _call, _):
    return failure(400, "DIGEST_INVALID", "provided digest did not match uploaded content")


@row("413", "before", "413 for any blob or manifest", ("put", "manifest"))
def _(_registry, _call, _):
    return failure(413, "SIZE_INVALID")


@row("413-early", "early", "413 before the body is read, then closes", ("put", "manifest"))
def _(_registry, _call, _):
    answer = failure(413, "SIZE_INVALID")
    answer.close = True
    return answer


@row("405-unsupported", "before", "405 for any manifest", ("manifest",))
def _(_registry, _call, _):
    return failure(405, "UNSUPPORTED")


@row("html-error", "before", "502 with a page for humans", times=1)
def _(_registry, _call, _):
    page = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
    return Answer(502, {"Content-Type": "text/html"}, page)


@row("huge-error-body", "before", "500 with so many MB of body", times=1, argument=5)
def _(_registry, _call, megabytes):
    body = b'{"errors":[{"code":"UNKNOWN","message":"' + b"x" * (megabytes << 20) + b'"}]}'
    return Answer(500, {"Content-Type": "application/json"}, body)


# -- connections


@row("hang", "before", "reads the request and never answers")
def _(registry, _call, _):
    registry.closing.wait()
    raise Close


@row("slow", "after", "answers so many seconds late", argument=1.0)
def _(registry, _call, _answer, seconds):
    registry.closing.wait(seconds)


@row("close", "before", "closes instead of doing anything", times=1)
def _(_registry, _call, _):
    raise Close


@row("reset", "before", "resets the connection", times=1)
def _(_registry, call, _):
    call.handler.reset()
    raise Close


@row("close-mid-upload", "early", "closes after half of the body", ("patch", "put"), 1)
def _(_registry, call, _):
    call.handler.rfile.read(int(call.headers.get("Content-Length") or 0) // 2)
    raise Close


@row("close-after-headers", "after", "promises a body, then closes", times=1)
def _(_registry, _call, answer, _):
    answer.headers["Content-Length"] = 100
    answer.raw = b""


@row("close-mid-body", "after", "sends half of its body, then closes", times=1)
def _(_registry, _call, answer, _):
    answer.headers["Content-Length"] = 100
    answer.raw = b"x" * 50


@row("drop-201", "after", "does it, then closes without a word", ("put",), 1)
def _(_registry, _call, answer, _):
    if answer.status != 201:
        return SPARED
    raise Close


@row("drip", "after", "a few bytes of its body a second, for ever", times=ALWAYS)
def _(registry, call, _answer, _):
    stream = call.handler.wfile
    stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not registry.closing.wait(0.2):
        stream.write(b"x")
        stream.flush()
    raise Close


@row("chunked-garbage", "after", "an answer in chunks that are none", times=1)
def _(_registry, _call, answer, _):
    answer.headers["Transfer-Encoding"] = "chunked"
    answer.raw = b"this is not a chunk size\r\nxyz\r\n"


@row("huge-headers", "after", "so many KB of headers", argument=400)
def _(_registry, _call, answer, kilobytes):
    for number in range(kilobytes):
        answer.headers[f"X-Filler-{number}"] = "x" * 1000


@row("set-cookie", "after", "sets a cookie; 403 when it comes back, as Harbor", STAGES["any"])
def _(_registry, _call, answer, _):
    answer.headers["Set-Cookie"] = "sid=1; Path=/; HttpOnly"


@row("warning", "after", "sends a Warning header")
def _(_registry, _call, answer, _):
    answer.headers["Warning"] = '299 - "this registry will be closed"'


# -- answers that are not what they should be


@row("wrong-digest", "after", "success with another Docker-Content-Digest", ("put", "manifest"))
def _(_registry, _call, answer, _):
    if answer.status in (200, 201):
        answer.headers["Docker-Content-Digest"] = "sha256:" + "0" * 64


@row("no-digest", "after", "success with no Docker-Content-Digest", ("put", "manifest"))
def _(_registry, _call, answer, _):
    answer.headers.pop("Docker-Content-Digest", None)


@row("404-with-digest", "after", "404 with the digest of what is there", ("head",))
def _(_registry, _call, answer, _):
    answer.status = 404


def _location_row(name, text, change):
    @row(name, "after", text, ("post", "patch"))
    def _(registry, call, answer, _):
        if "Location" in answer.headers:
            location = urllib.parse.urlsplit(answer.headers.pop("Location"))
            changed = change(registry, call, f"{location.path}?{location.query}")
            if changed:
                answer.headers["Location"] = changed


_location_row("location-relative", "Location is a path", lambda _r, _c, path: path)
_location_row(
    "location-relative-path",
    "Location is relative to the request's path",
    lambda _r, _c, path: "../uploads/" + path.rpartition("/")[2],
)
_location_row(
    "location-absolute",
    "Location is an URL (it is in any case)",
    lambda _r, call, path: call.base + path,
)
_location_row(
    "location-http",
    "Location is plain HTTP, behind a proxy that ends TLS",
    lambda _r, call, path: f"http://{call.headers.get('Host')}{path}",
)
_location_row(
    "location-other-port",
    "Location is on another port of the same host",
    lambda registry, call, path: f"{registry.scheme}://127.0.0.1:{registry.other_port}{path}",
)
_location_row(
    "location-cross-host",
    "Location is on the other host",
    lambda registry, _c, path: f"{registry.scheme}://{registry.other_address}{path}",
)
_location_row(
    "location-userinfo",
    "Location holds a user and a password",
    lambda registry, call, path: f"{registry.scheme}://mallory:pw@{call.headers.get('Host')}{path}",
)
_location_row(
    "location-metadata-ip",
    "Location is a cloud's metadata address",
    lambda _r, _c, path: f"http://169.254.169.254{path}",
)
_location_row("location-file", "Location is a file", lambda _r, _c, _p: "file:///etc/hostname")
_location_row("location-missing", "no Location", lambda _r, _c, _p: None)


@row("redirect-307", "before", "307 to another path", (*PUSH, "head", "get"))
def _(_registry, call, _):
    if call.moved or call.other:
        return SPARED
    return _redirect(f"{call.base}/moved{call.path}", call)


@row("redirect-cross-host", "before", "307 to the other host", (*PUSH, "head", "get"))
def _(registry, call, _):
    if call.other:
        return SPARED
    return _redirect(f"{registry.scheme}://{registry.other_address}{call.path}", call)


@row("redirect-http", "before", "307 from HTTPS to HTTP", (*PUSH, "head", "get"))
def _(_registry, call, _):
    if not call.tls:
        return SPARED
    return _redirect(f"http://{call.headers.get('Host')}{call.path}", call)


@row("redirect-loop", "before", "307 to itself", (*PUSH, "head", "get"))
def _(_registry, call, _):
    return _redirect(call.base + call.path, call)


@row("referrers-303", "before", "303 for referrers, as GHCR", ("referrers",))
def _(_registry, call, _):
    return Answer(303, {"Location": call.base + "/"})


def _redirect(url, call):
    return Answer(307, {"Location": url + (f"?{call.query}" if call.query else "")})


class Played:
    """A scenario as asked for: NAME[=ARGUMENT][*TIMES][@STAGE]"""

    _FORM = re.compile(r"([a-z0-9-]+)(?:=([^*@]+))?(?:\*(\d+))?(?:@([a-z]+))?")

    def __init__(self, text):
        match = self._FORM.fullmatch(text)
        if not match or match[1] not in SCENARIOS:
            raise ValueError(f"no such scenario: {text}")
        if match[4] and match[4] not in STAGES:
            raise ValueError(f"{text}: the stages are {', '.join(STAGES)}")
        self.text = text
        self.scenario = SCENARIOS[match[1]]
        self.argument = self.scenario.argument
        self.times = self.scenario.times
        if match[1] == "503" and match[2]:
            self.times = int(match[2])
        elif match[2]:
            if self.argument is None:
                raise ValueError(f"{text}: {match[1]} takes no argument")
            self.argument = type(self.argument)(match[2])
        if match[3]:
            self.times = int(match[3])
        self.stages = STAGES[match[4]] if match[4] else self.scenario.stages
        self.struck = 0


class Upload:
    def __init__(self, repository):
        self.repository = repository
        self.data = bytearray()
        self.renew()

    def renew(self):
        # Characters that do not survive being decoded and encoded again.
        self.query = f"_nouploadcache=false&_state={secrets.token_urlsafe(9)}%2F+%3d~%3D"


class ScriptedRegistry:
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
            threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
            ).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Also ends the connections that are open."""
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the client was quicker

    # What tests ask.

    def play(self, *scenario):
        """These scenarios from now on, and no others."""
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
        """Every request so far, as GET /_log shows it."""
        with self._lock:
            return [dict(entry) for entry in self._log]

    def count(self):
        """What GET /_count shows."""
        log = self.log()
        return {
            "requests": len(log),
            "stages": collections.Counter(entry["stage"] for entry in log),
            "statuses": collections.Counter(str(entry["status"]) for entry in log),
            "connections": self._connected,
            "struck": {one.text: one.struck for one in self._played},
            "complaints": [what for entry in log for what in entry["complaints"]],
            "authorization_at_other": sum(
                entry["host"] == "other" and entry["authorization"] is not None for entry in log
            ),
            "other": self.other_address,
        }

    def repositories(self):
        with self._lock:
            return sorted({repository for repository, _ in (*self.blobs, *self.manifests)})

    def get_manifest(self, repository, reference):
        """(bytes, media type), or None"""
        with self._lock:
            digest = self.tags.get((repository, reference), reference)
            return self.manifests.get((repository, digest))

    def get_blob(self, repository, digest):
        with self._lock:
            return self.blobs.get((repository, digest))

    def refresh_token(self, user):
        """A new refresh token of a user's, as `docker login` would have stored it."""
        token = "refresh-" + secrets.token_urlsafe(24)
        with self._lock:
            self._refresh[token] = user
        return token

    # The life of a request.

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
        """The answer to a request, or Close."""
        self._mind(call)
        refusal = None
        if call.stage != "token" and not call.other:
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
        """Has the scenarios act, until one answers."""
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
        """None for a request that is let in, else the refusal."""
        if "set-cookie" in self.switches and "Cookie" in call.headers:
            return failure(403, "FORBIDDEN", "CSRF token invalid")
        bearer, basic = "auth-bearer" in self.switches, "auth-basic" in self.switches
        if not bearer and not basic:
            return None
        scheme, _, credentials = call.headers.get("Authorization", "").partition(" ")
        scheme = scheme.lower()
        if not scheme:
            return self.challenge(call)
        if scheme == "basic" and not bearer:
            return None if self._user(credentials) else self.challenge(call)
        if scheme == "basic":
            call.complain("Basic credentials where a token is wanted")
            return self.challenge(call)
        with self._lock:
            expiry, granted = self._tokens.get(credentials, (0, None))
        if time.monotonic() >= expiry:
            return self.challenge(call, "invalid_token")
        action = "pull" if call.method in ("GET", "HEAD") else "push"
        if call.stage != "ping" and (_repository(call.path), action) not in granted:
            return self.challenge(call, "insufficient_scope")
        return None

    def challenge(self, call, error=None):
        switches = self.switches
        answer = failure(401, "UNAUTHORIZED", "authentication required")
        if "auth-bearer" not in switches:
            answer.headers["WWW-Authenticate"] = 'Basic realm="registry"'
            return answer
        realm = f"{call.base}/token"
        if "relative-realm" in switches:
            realm = "/token"
        elif "token-other-host" in switches:
            realm = f"{self.scheme}://{self.other_address}/token"
        elif "realm-http-foreign" in switches:
            realm = f"http://{self.other_address}/token"
        elif "realm-metadata-ip" in switches:
            realm = "http://169.254.169.254/token"
        elif "realm-query" in switches:
            realm += "?tenant=a%2Bb"
        parameters = {"realm": realm, "service": "scripted registry"}
        repository = _repository(call.path)
        if repository:
            parameters["scope"] = f"repository:{repository}:pull,push"
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
        return name if self.users.get(name) == password else None

    def _token(self, call, body):
        switches = self.switches
        if "auth-bearer" not in switches:
            return failure(404, "UNSUPPORTED")
        user, offline = None, False
        if call.method == "POST":
            if "token-no-post" in switches:
                return failure(404, "UNSUPPORTED")
            query = urllib.parse.parse_qs(body.decode("ascii", "replace"))
            kind = query.get("grant_type", [""])[0]
            offline = query.get("access_type") == ["offline"]
            if not query.get("client_id"):
                call.complain("no client_id")
            if kind == "password":
                name = query.get("username", [""])[0]
                if self.users.get(name) == query.get("password", [""])[0]:
                    user = name
            elif kind == "refresh_token":
                token = query.get("refresh_token", [""])[0]
                with self._lock:
                    user = self._refresh.get(token)
                    if "token-rotate" in switches:
                        self._refresh.pop(token, None)
                        offline = True
        else:
            query = urllib.parse.parse_qs(call.query)
            offline = query.get("offline_token") == ["true"]
            scheme, _, credentials = call.headers.get("Authorization", "").partition(" ")
            if scheme.lower() == "basic":
                user = self._user(credentials)
            elif not scheme and "token-anonymous" in switches:
                user = ""
        if user is None:
            return failure(401, "UNAUTHORIZED", "no token for you")
        if query.get("service") != ["scripted registry"]:
            call.complain("the service did not come back")
        if "realm-query" in switches and query.get("tenant") != ["a+b"]:
            call.complain("the realm's query did not come back")
        granted = set()
        for scope in " ".join(query.get("scope", [])).split():
            _, _, rest = scope.partition(":")
            repository, _, actions = rest.rpartition(":")
            granted |= {(repository, action) for action in actions.split(",")}
        if "token-reduced" in switches:
            granted = {one for one in granted if one[1] == "pull"}
        token = "opaque-" + secrets.token_urlsafe(24)
        lifetime = switches.get("token-lifetime", 300)
        with self._lock:
            self._tokens[token] = (time.monotonic() + lifetime, granted)
        name = "access_token" if "token-access-token" in switches else "token"
        answer = {name: token}
        if "token-no-expiry" not in switches:
            answer["expires_in"] = lifetime
        if offline and user:
            answer["refresh_token"] = self.refresh_token(user)
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    # The registry proper.

    def _route(self, call, body):
        if call.stage == "token":
            return self._token(call, body)
        if call.stage == "ping":
            return Answer(200, {"Content-Type": "application/json"}, b"{}")
        match = _PATH.fullmatch(call.path)
        if not match:
            return failure(404, "NAME_UNKNOWN")
        repository, kind, reference = match.groups()
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

    def _read(self, call, repository, kind, reference):
        if kind == "blobs/":
            body, code = self.blobs.get((repository, reference)), "BLOB_UNKNOWN"
            media_type, digest = "application/octet-stream", reference
        else:
            digest = self.tags.get((repository, reference), reference)
            body, media_type = self.manifests.get((repository, digest), (None, None))
            code = "MANIFEST_UNKNOWN"
        if body is None:
            return failure(404, code)
        return Answer(200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, body)

    def _start_upload(self, call, repository, body):
        query = urllib.parse.parse_qs(call.query)
        digest = query.get("digest", [None])[0]
        if digest and "202-on-single-post" not in self.switches and "mount" not in query:
            return self._commit(call, repository, digest, body)
        name = secrets.token_hex(16)
        self._uploads[name] = upload = Upload(repository)
        return self._accepted(call, name, upload, 202)

    @staticmethod
    def _accepted(call, name, upload, status):
        path = f"/v2/{upload.repository}/blobs/uploads/{name}?{upload.query}"
        headers = {"Location": call.base + path, "Docker-Upload-UUID": name}
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
        self.manifests[repository, digest] = body, call.headers["Content-Type"]
        if ":" not in reference:
            self.tags[repository, reference] = digest
        location = f"{call.base}/v2/{repository}/manifests/{digest}"
        answer = Answer(201, {"Location": location, "Docker-Content-Digest": digest})
        if "subject" in manifest and "no-referrers" not in self.switches:
            answer.headers["OCI-Subject"] = manifest["subject"]["digest"]
        return answer

    def _fault(self, call, repository, manifest):
        """What is wrong with a manifest, as an answer, or None."""
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
        index = "application/vnd.oci.image.index.v1+json"
        return _document({"schemaVersion": 2, "mediaType": index, "manifests": found}, index)


_NAME = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(
    rf"/v2/({_NAME}(?:/{_NAME})*)/"
    r"(blobs/uploads/|blobs/|manifests/|referrers/|tags/list)([A-Za-z0-9_:.+=-]*)"
)


def _repository(path):
    match = _PATH.fullmatch(path)
    return match[1] if match else None


def _stage(method, path):
    if path == "/token":
        return "token"
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


def _document(value, kind="application/json"):
    return Answer(200, {"Content-Type": kind}, json.dumps(value).encode())


# HTTP.


class _Server(socketserver.ThreadingTCPServer):
    # Not http.server's, which looks up its own name in the DNS.
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, registry, context, other, port):
        self.registry, self.context, self.other = registry, context, other
        super().__init__(("127.0.0.1", port), _Handler)

    def finish_request(self, request, client_address):
        # The first byte tells TLS from plain HTTP.
        if self.context and request.recv(1, socket.MSG_PEEK) == b"\x16":
            request = self.context.wrap_socket(request, server_side=True)
        with request:
            super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        # Clients come and go as they like.
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
            # To close before the client has sent everything would reset the
            # connection, and could take the answer with it.
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(5)
            while self.connection.recv(1 << 16):
                pass

    def _serve(self):
        path, _, query = self.path.partition("?")
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
        """The request's body, or None when its length is not told."""
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
        """Has the connection end with a reset."""
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


def listing():
    """The table of scenarios, for humans."""
    lines = [f"{'SCENARIO':24} {'TIMES':7} {'STAGES':34} WHAT IT DOES"]
    for one in SCENARIOS.values():
        name = one.name
        if one.name == "503":
            name = "503=1"
        elif one.argument is not None:
            name += f"={one.argument}"
        times = "always" if one.times == ALWAYS else str(one.times)
        stages = ",".join(one.stages)
        for group in ("any", "push"):
            stages = stages.replace(",".join(STAGES[group]), group)
        lines.append(f"{name:24} {times:7} {stages or '-':34} {one.text}")
    return "\n".join(lines)


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
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
        from support.tls import CA

        pair = CA(options.tls).issue()
    users = dict(text.split(":", 1) for text in options.user)
    # Before the first thread, which inherits it.
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        registry = ScriptedRegistry(*options.scenario, users=users, tls=pair, port=options.port)
    except ValueError as error:
        parser.error(str(error))
    with registry:
        print(f"listening {registry.address}", flush=True)
        if options.until_eof:
            threading.Thread(target=_signal_at_end, daemon=True).start()
        signal.sigwait(signals)


def _signal_at_end():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()

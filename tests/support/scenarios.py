"""The faults of the scripted registry: the table of its scenarios.

A new one must also be added to tests/integration/test_scenarios.py, which contains the
expected result.
"""

import email.utils
import gzip
import json
import re
import time
import typing
import urllib.parse
import zlib

ALWAYS = 0
SPARED = object()  # returned by a scenario that lets a request pass
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


class Close(Exception):
    """Closes the connection without a response."""


class Answer:
    def __init__(self, status, headers=None, body=b""):
        self.status = status
        self.headers = dict(headers or {})
        self.body = body
        self.close = False
        self.raw = None  # sent in place of the body, before the connection is closed


def failure(status, code, message="", headers=None):
    body = json.dumps({"errors": [{"code": code, "message": message or code.lower()}]})
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, body.encode())


class Call(typing.NamedTuple):
    """A request, as the scenarios and the registry use it."""

    method: str
    path: str
    query: str  # raw
    headers: typing.Any
    handler: typing.Any
    entry: dict  # in the log
    stage: str
    moved: bool  # it has been redirected already
    other: bool  # it was received by the other host
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
    argument: typing.Any  # the default; the argument has its type
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
switch("auth-bearer", "requires a token from its own /token")
switch("token-lifetime", "the lifetime of tokens in seconds, without a tolerance", 300, "auth-bearer")
switch("token-access-token", "returns the token as access_token", None, "auth-bearer")
switch("token-no-expiry", "omits expires_in", None, "auth-bearer")
switch("token-says", "expires_in has that value, whatever the lifetime is", "3600", "auth-bearer")
switch("token-no-post", "answers POST to /token with that status", 404, "auth-bearer")
switch("token-only-post", "answers GET to /token with 405", None, "auth-bearer")
switch("token-rotate", "a refresh token is valid for one use", None, "auth-bearer")
switch("token-anonymous", "issues tokens to anonymous clients", None, "auth-bearer")
switch("token-reduced", "issues tokens for pull only", None, "auth-bearer")
switch("token-says-scope", "returns the granted scope, as in OAuth2", None, "auth-bearer")
switch("token-jwt", "tokens are JWTs with an access claim", None, "auth-bearer")
switch(
    "token-claims",
    "what the JWTs claim: pattern, renamed, push, nothing",
    argument="pattern",
    implies="token-jwt",
)
switch("token-other-host", "the realm is on the other host", None, "auth-bearer")
switch("lockout", "locks the user after that many wrong passwords", 5, "auth-bearer")
switch("another-scope", "manifests require the scope of a base image, too", None, "auth-bearer")
switch("harbor-basic", "tokens permit pull only; then requires Basic, as Harbor", None, "auth-bearer")
switch("realm-per-repository", "each repository has its own realm", None, "auth-bearer")
switch("401-closes", "closes the connection after a 401, as Docker Hub", None, "auth-bearer")
switch("two-challenges", "three header lines: Negotiate, Basic and Bearer", None, "auth-bearer")
switch("basic-then-bearer", "two challenges in one header line", None, "auth-bearer")
switch("challenge-odd", "an unusual but valid form of a challenge", None, "auth-bearer")
switch("relative-realm", "the realm is a path", None, "auth-bearer")
switch("realm-query", "the realm has a query of its own", None, "auth-bearer")
switch("realm-http", "the realm is plain HTTP, because a proxy terminates TLS", None, "auth-bearer")
switch("realm-http-foreign", "the realm is plain HTTP on the other host", None, "auth-bearer")
switch("realm-metadata-ip", "the realm is a cloud's metadata address", None, "auth-bearer")
switch("no-referrers", "has no referrers API, and does not send OCI-Subject")
switch("oci-subject-lies", "has no referrers API, but sends OCI-Subject")
switch(
    "fallback-not-an-index", "the fallback tag is the subject, as at GitLab", None, "no-referrers"
)
switch("index-race", "another client replaces the fallback index once", None, "no-referrers")
switch("202-on-single-post", "does not support pushing a blob with one POST")
switch("202-reads-nothing", "the same, and closes the connection of such a client")
switch("long-location", "each Location has so many bytes of state", 20000)
switch("201-on-patch", "answers PATCH with 201, as ECR does")
switch("chunk-min", "requires chunks of that size (OCI-Chunk-Min-Length)", 5 << 20)
switch("repository-first", "NAME_UNKNOWN until CreateRepository is called, as ECR")
switch("immutable-tags", "a tag cannot be pushed again")
switch("lenient", "for other clients: takes bodies in chunks, and queries encoded anew")
switch("gitlab-media-types", "400 for unknown artifact types, as GitLab does")


# --- faults of authentication


def _unauthorized(registry, call):
    registry.revoke(call)
    return registry.challenge(call, "invalid_token")


@row("401-on-put", "before", "401, and the token is invalid from then on", ("put",), 1)
def _(registry, call, _):
    return _unauthorized(registry, call)


@row("401-twice", "before", "401 twice, whatever the token is", PUSH, 2)
def _(registry, call, _):
    return _unauthorized(registry, call)


@row("400-expired", "before", "400 DENIED for an expired token, as ECR Public does", PUSH, 1)
def _(registry, call, _):
    registry.revoke(call)
    return failure(400, "DENIED", "Your Authorization Token is invalid.")


@row("403-expired", "before", "403 in plain text for an expired token, as ECR", PUSH, 1)
def _(registry, call, _):
    registry.revoke(call)
    words = b"Your authorization token has expired. Reauthenticate and try again."
    return Answer(403, {"Content-Type": "text/plain"}, words)


@row("401-mid-upload", "early", "401 after half of the body, then closes", ("patch", "put"), 1)
def _(registry, call, _):
    call.handler.rfile.read(int(call.headers.get("Content-Length") or 0) // 2)
    answer = _unauthorized(registry, call)
    answer.close = True
    return answer


@row("token-403", "before", "403 from the token server", ("token",), implies="auth-bearer")
def _(_registry, _call, _):
    return failure(403, "DENIED", "your account is suspended")


@row(
    "token-invalid-grant",
    "before",
    "400 invalid_grant for any POST to /token",
    ("token",),
    implies="auth-bearer",
)
def _(_registry, call, _):
    if call.method != "POST":
        return SPARED
    return Answer(400, {"Content-Type": "application/json"}, b'{"error":"invalid_grant"}')


@row("token-201", "after", "201 with the token", ("token",), implies="auth-bearer")
def _(_registry, _call, answer, _):
    answer.status = 201 if answer.status == 200 else answer.status


@row("token-bom", "after", "a byte order mark before the JSON", ("token",), implies="auth-bearer")
def _(_registry, _call, answer, _):
    answer.body = b"\xef\xbb\xbf" + answer.body


@row("token-gzip", "after", "gzip, asked for or not", ("token",), implies="auth-bearer")
def _(_registry, _call, answer, _):
    _compress(answer, "gzip")


BOMB = gzip.compress(b" " * (4 << 20), 1)


@row("token-bomb", "after", "4 MB of blanks in 18 KB of gzip", ("token",), implies="auth-bearer")
def _(_registry, _call, answer, _):
    answer.headers["Content-Encoding"] = "gzip"
    answer.body = BOMB


def _compress(answer, coding):
    answer.headers["Content-Encoding"] = coding
    answer.body = {"gzip": gzip.compress, "deflate": zlib.compress}[coding](answer.body)


@row(
    "token-redirect",
    "before",
    "redirects token requests; the argument is the status",
    ("token",),
    argument=307,
    implies="auth-bearer",
)
def _(_registry, call, status):
    if call.path != "/token":
        return SPARED
    return Answer(status, {"Location": _with_query("/token/moved", call)})


@row(
    "token-redirect-http",
    "before",
    "redirects token requests to plain HTTP, because a proxy terminates TLS",
    ("token",),
    implies="auth-bearer",
)
def _(_registry, call, _):
    if call.path != "/token":
        return SPARED
    url = f"http://{call.headers.get('Host')}/token/moved"
    return Answer(301, {"Location": _with_query(url, call)})


@row(
    "token-redirect-foreign",
    "before",
    "redirects token requests to another host",
    ("token",),
    implies="auth-bearer",
)
def _(_registry, call, _):
    return Answer(302, {"Location": _with_query("https://elsewhere.test/token", call)})


@row(
    "token-redirect-loop",
    "before",
    "the token server redirects to itself",
    ("token",),
    implies="auth-bearer",
)
def _(_registry, call, _):
    return Answer(302, {"Location": _with_query(call.path, call)})


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


@row("429", "before", "429 without Retry-After", times=1)
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


@row("429-rfc850", "before", "429 with Retry-After in the form of RFC 850", times=1, argument=2)
def _(_registry, _call, seconds):
    date = time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(time.time() + seconds + 1))
    return failure(429, "TOOMANYREQUESTS", headers={"Retry-After": date})


@row("429-asctime", "before", "429 with Retry-After in the form of asctime()", times=1, argument=2)
def _(_registry, _call, seconds):
    date = time.asctime(time.gmtime(time.time() + seconds + 1))
    return failure(429, "TOOMANYREQUESTS", headers={"Retry-After": date})


@row("429-absurd", "before", "429 with an absurd Retry-After", times=1, argument="99999999999999")
def _(_registry, _call, value):
    return failure(429, "TOOMANYREQUESTS", headers={"Retry-After": value})


@row("429-body", "before", "429 with the delay in the body only, as GHCR", times=1)
def _(_registry, _call, _):
    return failure(429, "TOOMANYREQUESTS", "retry-after: 10.3ms, allowed: 2000/minute")


@row("403-rate-limit", "before", "403 that means 429, as GHCR", times=1)
def _(_registry, _call, _):
    return failure(403, "DENIED", "You have exceeded a secondary rate limit.")


@row("425", "before", "425, once", times=1)
def _(_registry, _call, _):
    return failure(425, "UNAVAILABLE")


@row("503", "before", "503; the argument is how often", times=1)
def _(_registry, _call, _):
    return failure(503, "UNAVAILABLE")


@row("500-always", "before", "500, for ever")
def _(_registry, _call, _):
    return failure(500, "UNKNOWN")


@row("403-denied", "before", "403: no right to push")
def _(_registry, _call, _):
    return failure(403, "DENIED", "requested access to the resource is denied")


@row("404-name-unknown", "before", "404: the repository must be created first")
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


BODIES = {
    "message": '{"message":"WHY"}',
    "strings": '{"errors":["WHY","and more"]}',
    "object": '{"errors":{"code":"TAG_INVALID","message":"WHY"}}',
    "fields": '{"errors":{"tag":["WHY"]}}',
    "error": '{"error":"WHY"}',
    "nested": '{"error":{"code":400,"message":"WHY"}}',
    "problem": '{"type":"about:blank","title":"Bad Request","status":400,"detail":"WHY"}',
    "text": "WHY\n",
    "bom": '\ufeff{"errors":[{"code":"TAG_INVALID","message":"WHY"}]}',
    "gzip": '{"errors":[{"code":"TAG_INVALID","message":"WHY"}]}',
    "deflate": '{"errors":[{"code":"TAG_INVALID","message":"WHY"}]}',
}


@row("400-body", "before", "400 with the reason in this form", ("manifest",), argument="message")
def _(_registry, _call, form):
    body = BODIES[form].replace("WHY", "the moon is full").encode()
    kind = "application/problem+json" if form == "problem" else "application/json"
    answer = Answer(400, {"Content-Type": kind}, body)
    if form in ("gzip", "deflate"):
        _compress(answer, form)
    return answer


@row("404-on-single-post", "before", "404 for a blob that comes with its POST", ("post",))
def _(_registry, call, _):
    if "digest=" not in call.query:
        return SPARED
    return Answer(404, {"Content-Type": "text/plain"}, b"404 page not found")


@row("400-digest-invalid", "before", "400: the blob was damaged in transit", ("put",), 1)
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


@row(
    "413-over",
    "early",
    "413 from a proxy for bodies of more bytes",
    ("post", "patch", "put"),
    argument=1 << 20,
)
def _(_registry, call, most):
    if int(call.headers.get("Content-Length") or 0) <= most:
        return SPARED
    page = b"<html><head><title>413 Request Entity Too Large</title></head></html>"
    answer = Answer(413, {"Content-Type": "text/html"}, page)
    answer.close = True
    return answer


@row("416", "before", "416: the upload is at another offset", ("patch", "put"), 1)
def _(_registry, _call, _):
    return failure(416, "BLOB_UPLOAD_INVALID", "out of order")


@row("412-immutable", "before", "412 for any manifest, as Harbor's immutable tags", ("manifest",))
def _(_registry, _call, _):
    return failure(412, "PRECONDITION", "configured as immutable, cannot be updated")


@row("405-unsupported", "before", "405 for any manifest", ("manifest",))
def _(_registry, _call, _):
    return failure(405, "UNSUPPORTED")


@row("html-error", "before", "502 with an HTML page", times=1)
def _(_registry, _call, _):
    page = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
    return Answer(502, {"Content-Type": "text/html"}, page)


@row("ingress", "before", "404 of an ingress without a backend", stages=STAGES["any"])
def _(_registry, _call, _):
    return Answer(404, {"Content-Type": "text/plain"}, b"default backend - 404")


@row("login-page", "before", "200 with an HTML page", stages=STAGES["any"])
def _(_registry, _call, _):
    page = b"<!DOCTYPE html><html><form action='/login'></form></html>"
    return Answer(200, {"Content-Type": "text/html; charset=utf-8"}, page)


@row("read-only", "before", "accepts nothing, as the reference implementation when read-only")
def _(_registry, _call, _):
    return failure(405, "UNSUPPORTED", "The operation is unsupported.")


@row("quota", "before", "403 because a quota is used up, as Harbor")
def _(_registry, _call, _):
    return failure(403, "DENIED", "Quota exceeded when processing the request of adding 1 KiB")


@row("denied-path", "before", "403 for paths that contain this text", argument="denied")
def _(_registry, call, part):
    return failure(403, "DENIED", "no access") if part in call.path else SPARED


@row("huge-error-body", "before", "500 with a body of that many MB", times=1, argument=5)
def _(_registry, _call, megabytes):
    body = b'{"errors":[{"code":"UNKNOWN","message":"' + b"x" * (megabytes << 20) + b'"}]}'
    return Answer(500, {"Content-Type": "application/json"}, body)


# -- connections


@row("hang", "before", "reads the request and never answers")
def _(registry, _call, _):
    registry.closing.wait()
    raise Close


@row("slow", "after", "responds after that many seconds", argument=1.0)
def _(registry, _call, _answer, seconds):
    registry.closing.wait(seconds)


@row("slow-commit", "after", "stores a blob only after that many seconds", ("put",), argument=20.0)
def _(registry, _call, _answer, seconds):
    registry.closing.wait(seconds)


@row("close", "before", "closes the connection without a response", times=1)
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


@row("close-after-headers", "after", "announces a body, then closes the connection", times=1)
def _(_registry, _call, answer, _):
    answer.headers["Content-Length"] = 100
    answer.raw = b""


@row("close-mid-body", "after", "sends half of its body, then closes", times=1)
def _(_registry, _call, answer, _):
    answer.headers["Content-Length"] = 100
    answer.raw = b"x" * 50


@row("drop-201", "after", "executes the request, then closes the connection", ("put",), 1)
def _(_registry, _call, answer, _):
    if answer.status != 201:
        return SPARED
    raise Close


@row("drip", "after", "sends a few bytes of its body a second, without an end", times=ALWAYS)
def _(registry, call, _answer, _):
    stream = call.handler.wfile
    stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not registry.closing.wait(0.2):
        stream.write(b"x")
        stream.flush()
    raise Close


@row("chunked-garbage", "after", "a response with invalid chunks", times=1)
def _(_registry, _call, answer, _):
    answer.headers["Transfer-Encoding"] = "chunked"
    answer.raw = b"this is not a chunk size\r\nxyz\r\n"


@row("huge-headers", "after", "that many KB of headers", argument=400)
def _(_registry, _call, answer, kilobytes):
    for number in range(kilobytes):
        answer.headers[f"X-Filler-{number}"] = "x" * 1000


@row("set-cookie", "after", "sets a cookie; 403 if it is sent back, as Harbor", STAGES["any"])
def _(_registry, _call, answer, _):
    answer.headers["Set-Cookie"] = "sid=1; Path=/; HttpOnly"


@row("warning", "after", "sends a Warning header")
def _(_registry, _call, answer, _):
    answer.headers["Warning"] = '299 - "this registry will be closed"'


# --- wrong responses


@row("wrong-digest", "after", "success with a wrong Docker-Content-Digest", ("put", "manifest"))
def _(_registry, _call, answer, _):
    if answer.status in (200, 201):
        answer.headers["Docker-Content-Digest"] = "sha256:" + "0" * 64


@row(
    "odd-digest",
    "after",
    "success with a digest that is empty, quoted or sha512",
    ("put", "manifest"),
    argument="empty",
)
def _(_registry, _call, answer, form):
    digest = answer.headers.get("Docker-Content-Digest")
    if digest is not None:
        odd = {"empty": "", "quoted": f'"{digest}"', "sha512": "sha512:" + "0" * 128}
        answer.headers["Docker-Content-Digest"] = odd[form]


@row("no-digest", "after", "success with no Docker-Content-Digest", ("put", "manifest"))
def _(_registry, _call, answer, _):
    answer.headers.pop("Docker-Content-Digest", None)


@row("404-with-digest", "after", "404 with the digest of the existing manifest", ("head",))
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
    "Location is a URL (as by default)",
    lambda _r, call, path: call.base + path,
)
_location_row(
    "location-http",
    "Location is plain HTTP, because a proxy terminates TLS",
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
    return Answer(307, {"Location": _with_query(url, call)})


def _with_query(url, call):
    return url + (f"?{call.query}" if call.query else "")


class Played:
    """A scenario as it is requested: NAME[=ARGUMENT][*TIMES][@STAGE]"""

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


def listing():
    """Returns the table of scenarios for the help text."""
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

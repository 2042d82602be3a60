#!/usr/bin/env python3
"""A token server for registries, as the Docker registry's token and OAuth2
specifications describe it. Real registries verify the tokens it signs.

In a test: TokenServer(users=...), by hand: token_server.py --help.
"""

import argparse
import base64
import collections
import ctypes
import ctypes.util
import datetime
import fnmatch
import hashlib
import http.server
import json
import pathlib
import signal
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import typing
import urllib.parse

if __name__ == "__main__":
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from support import minted  # noqa: E402
from support.stand_in import Closing, serve_in_background  # noqa: E402

ACTIONS = ("pull", "push", "delete")


class User(typing.NamedTuple):
    password: str
    push: tuple = ("*",)  # patterns of repositories, as in a shell
    pull: tuple = ("*",)


class SigningKey:
    """An RSA key and its self-signed certificate; signs JSON web tokens.

    Signing calls libcrypto directly: the openssl command takes 5 ms to start,
    and Python's standard library cannot sign.
    """

    def __init__(self, directory):
        directory = pathlib.Path(directory)
        key = directory / "token.key"
        self.certificate = str(directory / "token.crt")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2"]
            + ["-subj", "/CN=waybill test tokens", "-keyout", str(key), "-out", self.certificate],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        public = subprocess.run(
            ["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "DER"],
            check=True,
            capture_output=True,
        ).stdout
        pem = pathlib.Path(self.certificate).read_text()
        header = {
            "typ": "JWT",
            "alg": "RS256",
            "kid": _libtrust_id(public),
            "x5c": ["".join(pem.splitlines()[1:-1])],
        }
        self._header = _base64url(json.dumps(header).encode())
        self._load(key.read_bytes())
        self._lock = threading.Lock()

    def token(self, claims):
        text = f"{self._header}.{_base64url(json.dumps(claims).encode())}"
        return f"{text}.{_base64url(self._sign(text.encode()))}"

    def _load(self, pem):
        pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        library = ctypes.CDLL(ctypes.util.find_library("crypto"))
        for name, result, *arguments in (
            ("BIO_new_mem_buf", pointer, ctypes.c_char_p, number),
            ("BIO_free", number, pointer),
            ("PEM_read_bio_PrivateKey", pointer, pointer, pointer, pointer, pointer),
            ("EVP_sha256", pointer),
            ("EVP_MD_CTX_new", pointer),
            ("EVP_DigestSignInit", number, pointer, pointer, pointer, pointer, pointer),
            (
                *("EVP_DigestSign", number, pointer, ctypes.c_char_p),
                *(ctypes.POINTER(size), ctypes.c_char_p, size),
            ),
        ):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        memory = library.BIO_new_mem_buf(pem, len(pem))
        self._key = library.PEM_read_bio_PrivateKey(memory, None, None, None)
        library.BIO_free(memory)
        if not self._key:
            raise RuntimeError("libcrypto cannot read the key that openssl made")
        self._context = library.EVP_MD_CTX_new()
        self._library = library

    def _sign(self, message):
        signature = ctypes.create_string_buffer(256)
        length = ctypes.c_size_t(len(signature))
        library = self._library
        with self._lock:
            done = library.EVP_DigestSignInit(
                self._context, None, library.EVP_sha256(), None, self._key
            ) and library.EVP_DigestSign(
                self._context, signature, ctypes.byref(length), message, len(message)
            )
        if done != 1:
            raise RuntimeError("libcrypto cannot sign")
        return signature.raw[: length.value]


def _libtrust_id(public):
    """Returns the id of a key as distribution 2 computes it: 240 bits of its hash, in groups of
    four."""
    text = base64.b32encode(hashlib.sha256(public).digest()[:30]).decode()
    return ":".join(text[at : at + 4] for at in range(0, len(text), 4))


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer(Closing):
    """Signs tokens from construction to close().

    users      {name: User or password}
    anonymous  patterns of repositories anybody may pull from
    lifetime   of a token in seconds; a real registry adds a minute of grace
    field      'token', 'access_token' or 'both': where the token is in the answer
    omit       which of 'expires_in', 'issued_at' to leave out
    post       False: 404 for POST, as servers that only know the older GET
    rotate     True: a refresh token is good for one use, its answer has the next

    All but users may be changed while it runs. An action that is not allowed is
    left out of the token, and that is no error, as with real servers.

    counts     of answers: get, post, password, refresh_token, anonymous,
               offline, denied, reduced
    requests   the parameters of each request, as dictionaries of lists
    """

    def __init__(
        self,
        users=None,
        anonymous=(),
        lifetime=60,
        field="token",
        omit=(),
        post=True,
        rotate=True,
        service="registry.test",
        issuer="waybill-test",
        tls=None,
        port=0,
    ):
        self.users = {
            name: user if isinstance(user, User) else User(user)
            for name, user in (users or {"waybill": "secret"}).items()
        }
        self.anonymous, self.lifetime, self.field = anonymous, lifetime, field
        self.omit, self.post, self.rotate = omit, post, rotate
        self.service, self.issuer = service, issuer
        self.counts, self.requests = collections.Counter(), []
        self._refresh, self._lock = {}, threading.Lock()
        self._temporary = tempfile.TemporaryDirectory(
            prefix="waybill-token-", ignore_cleanup_errors=True
        )
        self._key = SigningKey(self._temporary.name)
        self.certificate = self._key.certificate
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.tokens = self
        if tls:
            self._server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._server.context.load_cert_chain(tls.cert, tls.key)
        self.port = self._server.server_address[1]
        # Some clients refuse a realm that is a loopback address, not the name.
        self.realm = f"{'https' if tls else 'http'}://localhost:{self.port}/auth"
        serve_in_background(self._server)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._temporary.cleanup()

    def sign(self, subject, access, lifetime=None):
        """Returns a token without a request; `access` is as in the token specification."""
        now = int(time.time())
        return self._key.token(
            {
                "iss": self.issuer,
                "sub": subject,
                "aud": self.service,
                "iat": now,
                "nbf": now - 5,
                "exp": now + int(self.lifetime if lifetime is None else lifetime),
                "jti": minted.mint(),
                "access": access,
            }
        )

    def expire_refresh_tokens(self):
        with self._lock:
            self._refresh.clear()

    def refresh_token(self, name):
        """Returns a new refresh token of a user, as `docker login` would have stored it."""
        token = minted.mint()
        with self._lock:
            self._refresh[token] = name
        return token

    # --- each returns (status, JSON)

    def answer_get(self, query, authorization):
        self._note("get", query)
        name = None
        if authorization:
            name = self._basic(authorization)
            if name is None:
                return self._denied()
        offline = name is not None and query.get("offline_token") == ["true"]
        return self._grant(name, query.get("scope", []), query, offline)

    def answer_post(self, form):
        self._note("post", form)
        if not self.post:
            return 404, {"errors": [{"code": "UNSUPPORTED", "message": "no POST here"}]}
        kind = form.get("grant_type", [""])[0]
        scopes = " ".join(form.get("scope", [])).split()
        if not form.get("client_id"):
            return 400, {"error": "invalid_request", "error_description": "no client_id"}
        if kind == "password":
            self._count("password")
            name = form.get("username", [""])[0]
            if not self._known(name, form.get("password", [""])[0]):
                return self._denied()
            return self._grant(name, scopes, form, form.get("access_type") == ["offline"])
        if kind == "refresh_token":
            self._count("refresh_token")
            token = form.get("refresh_token", [""])[0]
            with self._lock:
                name = self._refresh.get(token)
                if name is not None and self.rotate:
                    del self._refresh[token]
            if name is None:
                return self._denied()
            return self._grant(name, scopes, form, self.rotate)
        return 400, {"error": "unsupported_grant_type"}

    def _grant(self, name, scopes, query, offline):
        if query.get("service") != [self.service]:
            return 400, {"error": "invalid_request", "error_description": "another service"}
        if name is None:
            self._count("anonymous")
        access, reduced = [], False
        for scope in " ".join(scopes).split():
            # A name may contain colons: the port of a registry.
            kind, _, rest = scope.partition(":")
            resource, _, wanted = rest.rpartition(":")
            actions = [
                action
                for action in wanted.split(",")
                if kind == "repository" and self._allowed(name, resource, action)
            ]
            reduced = reduced or len(actions) < len(wanted.split(","))
            if actions:
                access.append({"type": kind, "name": resource, "actions": actions})
        if reduced:
            self._count("reduced")
        token = self.sign(name or "", access)
        issued = datetime.datetime.now(datetime.timezone.utc)
        answer = {"expires_in": self.lifetime, "issued_at": issued.isoformat()}
        if self.field in ("token", "both"):
            answer["token"] = token
        if self.field in ("access_token", "both"):
            answer["access_token"] = token
        if offline:
            self._count("offline")
            answer["refresh_token"] = self.refresh_token(name)
        return 200, {key: value for key, value in answer.items() if key not in self.omit}

    def _allowed(self, name, repository, action):
        if name is None:
            patterns = self.anonymous if action == "pull" else ()
        else:
            user = self.users[name]
            patterns = user.pull if action == "pull" else user.push
        return action in ACTIONS and any(
            fnmatch.fnmatchcase(repository, pattern) for pattern in patterns
        )

    def _basic(self, authorization):
        scheme, _, pair = authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(pair, validate=True).decode().partition(":")
        except ValueError:
            return None
        return name if self._known(name, password) else None

    def _known(self, name, password):
        return name in self.users and self.users[name].password == password

    def _denied(self):
        self._count("denied")
        return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]}

    def _count(self, kind):
        with self._lock:
            self.counts[kind] += 1

    def _note(self, kind, parameters):
        with self._lock:
            self.counts[kind] += 1
            self.requests.append(parameters)


class _Server(socketserver.ThreadingTCPServer):
    # The function of http.server looks up its own name in the DNS.
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    context = None

    def finish_request(self, request, client_address):
        # In the thread of the connection, so that a slow handshake delays no other one.
        if not self.context:
            super().finish_request(request, client_address)
            return
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(parts.query)
        self._answer(
            *self.server.tokens.answer_get(query, self.headers.get("Authorization")), parts
        )

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        parts = urllib.parse.urlsplit(self.path)
        self._answer(*self.server.tokens.answer_post(urllib.parse.parse_qs(body)), parts)

    def _answer(self, status, document, parts):
        if parts.path != "/auth":
            status, document = 404, {}
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(
        description="Sign tokens for a registry, on loopback, until killed.",
        epilog="It prints the registry's auth.token settings, then waits.",
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lifetime", type=int, default=60, metavar="SECONDS")
    parser.add_argument("--service", default="registry.test")
    parser.add_argument("--issuer", default="waybill-test")
    parser.add_argument("--field", choices=("token", "access_token", "both"), default="token")
    parser.add_argument("--omit", action="append", default=[], metavar="FIELD")
    parser.add_argument("--no-post", action="store_true", help="answer POST with 404")
    parser.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="NAME:PASSWORD[:PATTERN]",
        help="may pull everything, and push what the pattern matches; default waybill:secret",
    )
    options = parser.parse_args()
    # This precedes the first thread, which inherits it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    users = {}
    for text in options.user:
        name, password, *patterns = text.split(":", 2)
        users[name] = User(password, tuple(patterns) or ("*",))
    with TokenServer(
        users=users or None,
        lifetime=options.lifetime,
        field=options.field,
        omit=options.omit,
        post=not options.no_post,
        service=options.service,
        issuer=options.issuer,
        port=options.port,
    ) as server:
        settings = {
            "realm": server.realm,
            "service": server.service,
            "issuer": server.issuer,
            "rootcertbundle": server.certificate,
        }
        print(json.dumps(settings), flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()

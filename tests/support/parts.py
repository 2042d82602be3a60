"""Real registries for tests, each on a loopback port, and tools written in Go."""

import base64
import ctypes
import ctypes.util
import functools
import hashlib
import json
import os
import pathlib
import secrets
import ssl
import subprocess
import tempfile
import typing
import unittest
import urllib.error
import urllib.parse
import urllib.request

from .process import Process, parts
from .stand_in import Closing, started

MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class Manifest(typing.NamedTuple):
    body: bytes
    media_type: str
    digest: str


def bcrypt(password):
    """Returns the entry for docker-registry's htpasswd file, with the lowest cost."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt"))
    library.crypt.restype = ctypes.c_char_p
    # The last of the 22 characters holds only two bits.
    salt = "$2b$04$" + secrets.token_hex(11)[:21] + "e"
    return library.crypt(password.encode(), salt.encode()).decode()


@functools.cache
def _built(name):
    try:
        return parts("parts_go_tool", name)
    except subprocess.CalledProcessError:
        return None  # It has reported the reason.


def go_tool(name):
    """Returns the path of a tool that deploy/parts.sh builds; otherwise the test is skipped."""
    path = _built(name)
    if path is None:
        raise unittest.SkipTest(f"{name} cannot be built here: that requires Go and access to its modules")
    return path


class Registry(Closing):
    """A registry, from construction to close().

    host        the address it listens on
    prefix      what its command begins with
    kind        'docker-registry', which is distribution 2; 'distribution', which
                is its version 3; or 'crane', which has no settings at all
    htpasswd    {user: password}: Basic authentication
    tls         CertPair of the server
    client_ca   CA whose certificates clients must show
    token       TokenServer whose tokens it accepts
    storage     'filesystem' (survives stop and start) or 'inmemory'
    relative    answers with relative Locations
    data        the folder of `filesystem`, so that another registry can read it too

    stop() and start() keep the address.
    """

    def __init__(
        self,
        htpasswd=None,
        tls=None,
        client_ca=None,
        token=None,
        storage="filesystem",
        relative=False,
        data=None,
        kind="docker-registry",
        host="127.0.0.1",
        prefix=(),
    ):
        self._kind = kind
        self._host, self._prefix = host, prefix
        if kind == "docker-registry":
            self._binary = parts("parts_docker_registry")
        else:
            self._binary = go_tool("crane" if kind == "crane" else "registry")
        self._temporary = tempfile.TemporaryDirectory(
            prefix="waybill-registry-", ignore_cleanup_errors=True
        )
        self._directory = pathlib.Path(self._temporary.name)
        self.data = pathlib.Path(data) if data else self._directory / "data"
        self._process = None
        self._htpasswd = htpasswd
        self._token = token
        self._relative = relative
        self._storage = storage
        self._tls = tls
        self._client_ca = client_ca
        self._context = None
        self.port = 0
        if tls:
            self._context = ssl.create_default_context(cafile=tls.ca)
            if client_ca:
                shown = client_ca.issue(["checker"])
                self._context.load_cert_chain(shown.cert, shown.key)
        if htpasswd:
            self.set_users(htpasswd)
        started(self)

    @property
    def address(self):
        return f"{self._host}:{self.port}"

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://{self.address}"

    @property
    def log(self):
        return self._process.tail()

    def set_users(self, htpasswd):
        """This is also possible while it runs: the registry reads its htpasswd file again when that
        changes."""
        self._htpasswd = htpasswd
        lines = (f"{user}:{bcrypt(password)}\n" for user, password in htpasswd.items())
        temporary = self._directory / "htpasswd.new"
        temporary.write_text("".join(lines))
        temporary.replace(self._directory / "htpasswd")

    def start(self):
        # JSON is YAML too.
        configuration = self._directory / "registry.yml"
        configuration.write_text(json.dumps(self._configuration(), indent=2))
        command = [self._binary, "serve", configuration]
        if self._kind == "crane":
            command = [self._binary, "registry", "serve", "--address", self.address]
        # REGISTRY_AUTH_FILE belongs to podman, and a registry would take it for a setting
        # of its own.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("REGISTRY_")}
        log = self._directory / "registry.log"
        self._process = Process([*self._prefix, *command], log, kept)
        self.port = self._process.wait_until(self._process.port, 10)

    def stop(self):
        self._process.stop()

    def kill(self):
        """Kills the registry, as a power failure would."""
        self._process.kill()

    def close(self):
        if self._process:
            self._process.kill()
        self._temporary.cleanup()

    def _configuration(self):
        if self._storage == "inmemory":
            storage = {"inmemory": {}}
        else:
            storage = {"filesystem": {"rootdirectory": str(self.data)}}
        http = {"addr": self.address, "secret": "loopback", "relativeurls": self._relative}
        if self._tls:
            http["tls"] = {"certificate": self._tls.cert, "key": self._tls.key}
            if self._client_ca:
                http["tls"]["clientcas"] = [self._client_ca.cert]
        configuration = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {**storage, "delete": {"enabled": True}},
            "http": http,
        }
        if self._htpasswd:
            path = str(self._directory / "htpasswd")
            configuration["auth"] = {"htpasswd": {"realm": "registry", "path": path}}
        if self._token:
            configuration["auth"] = {
                "token": {
                    "realm": self._token.realm,
                    "service": self._token.service,
                    "issuer": self._token.issuer,
                    "rootcertbundle": self._token.certificate,
                }
            }
        return configuration

    def get_manifest(self, repository, reference):
        """Returns a Manifest, or None."""
        answer = self._get(
            f"/v2/{repository}/manifests/{reference}",
            ("repository", repository, "pull"),
            {"Accept": ",".join(MANIFEST_TYPES)},
        )
        if answer is None:
            return None
        headers, body = answer
        return Manifest(body, headers["Content-Type"], headers["Docker-Content-Digest"])

    def get_blob(self, repository, digest):
        """Returns the bytes, after a check of their digest, or None."""
        answer = self._get(f"/v2/{repository}/blobs/{digest}", ("repository", repository, "pull"))
        if answer is None:
            return None
        algorithm, _, expected = digest.partition(":")
        if hashlib.new(algorithm, answer[1]).hexdigest() != expected:
            raise AssertionError(f"{repository}@{digest} holds something else")
        return answer[1]

    def tags(self, repository):
        return self._list(f"/v2/{repository}/tags/list", ("repository", repository, "pull"), "tags")

    def catalog(self):
        """Returns the names of all repositories."""
        # Debian's registry refuses pages of more than a thousand.
        return self._list("/v2/_catalog?n=1000", ("registry", "catalog", "*"), "repositories")

    def _list(self, path, access, name):
        found = []
        while path:
            answer = self._get(path, access)
            if answer is None:
                break
            headers, body = answer
            found += json.loads(body)[name] or []
            link = headers.get("Link", "")
            path = link[link.index("<") + 1 : link.index(">")] if link else None
        return found

    def _get(self, path, access, headers=None):
        url = urllib.parse.urljoin(self.url, path)
        request = urllib.request.Request(url, headers=headers or {})
        if self._htpasswd:
            user, password = next(iter(self._htpasswd.items()))
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            request.add_header("Authorization", f"Basic {pair}")
        elif self._token:
            kind, name, action = access
            granted = [{"type": kind, "name": name, "actions": [action]}]
            request.add_header("Authorization", f"Bearer {self._token.sign('checker', granted)}")
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._context) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                raise

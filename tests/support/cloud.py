#!/usr/bin/env python3
"""Stand-ins for what three clouds give credentials with, on loopback.

Google's token service and metadata server; AWS's STS, ECR, ECR Public, IMDSv2 and
container endpoint; Azure's directory, managed identities and a registry's token
exchange. Each checks what the real one is documented to check: signatures,
audiences, times, and the headers that keep others from asking.

In a test: Cloud(directory), by hand: cloud.py --help.
"""

import argparse
import base64
import collections
import datetime
import hashlib
import hmac
import http.server
import json
import pathlib
import re
import secrets
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import typing
import urllib.parse

if __name__ == "__main__":
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from support.minted import mint  # noqa: E402
from support.stand_in import block_signals, run_until  # noqa: E402

REGION = "eu-central-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/pusher"
TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"
CLIENT_SECRET = "azure~wbsecret/with+signs&more"
RESOURCE = "https://management.azure.com/"
EMAIL = "pusher@project.iam.gserviceaccount.com"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
CONTAINER_TOKEN = "container-9dKq2-4mXw7Rt-81hLz"
APP_HEADER = "app-service-header"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
# The tolerated difference of clocks: AWS 5 minutes; Google says "a few", for which 5 are
# assumed
SKEW = 300
SERVICES = (
    *("google-token", "google-metadata", "sts", "ecr", "ecr-public", "imds", "container"),
    *("aad", "azure-imds", "app-service", "acr"),
)
FAULTS = {
    "deny": "refuses, in the words of that service",
    "throttle": "says: not so often",
    "fail": "500",
    "early": "425",
    "hang": "never answers",
    "garbage": "200 and bytes that are nothing",
    "huge": "200 and a megabyte",
    "redirect": "307 to somewhere else",
    "empty": "200 and an answer without what was asked for",
    "bad-token": "200 and a token with a line end in it",
    "ended": "200 and a token that has ended",
    "short": "200 and a token of two minutes",
    "echo": "refuses, and repeats what it was sent",
}


class Key(typing.NamedTuple):
    """An access key of AWS."""

    id: str
    secret: str
    session: typing.Optional[str] = None
    ends: float = float("inf")


ENV_KEY = Key("AKIAENVIRONMENT00000", "env/wbsecret+40characters/0123456789abcd")
FILE_KEY = Key("AKIASHAREDFILE000000", "file/wbsecret+40characters/0123456789abc")


class Refused(Exception):
    """A response without content."""

    def __init__(self, status, document, content_type="application/json", headers=()):
        super().__init__(document)
        self.status = status
        self.document = document
        self.content_type = content_type
        self.headers = dict(headers)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("not base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_jwt(lifetime, **claims):
    """Decodes a token without verification: nothing here checks the signature of a token that
    is only passed on."""
    now = int(time.time())
    parts = [{"alg": "RS256", "typ": "JWT"}, {"iat": now, "exp": now + lifetime, **claims}]
    text = ".".join(b64url(json.dumps(part).encode()) for part in parts)
    return f"{text}.{b64url(secrets.token_bytes(64))}"


# --- RS256 -----------------------------------------------------------------------


class RsaKey:
    """A key pair. It verifies with plain arithmetic, and therefore not with the library that
    signs."""

    # DER of DigestInfo for SHA-256 (RFC 8017, 9.2, note 1)
    PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")

    def __init__(self, directory, name="service-account", pkcs1=False):
        self.path = str(pathlib.Path(directory) / f"{name}.pem")
        self.public = str(pathlib.Path(directory) / f"{name}.pub")
        bits = "rsa_keygen_bits:2048"
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", bits, "-out", self.path)
        if pkcs1:
            _openssl("rsa", "-traditional", "-in", self.path, "-out", self.path)
        _openssl("pkey", "-in", self.path, "-pubout", "-out", self.public)
        modulus = _openssl("rsa", "-in", self.path, "-noout", "-modulus").decode()
        self.modulus = int(modulus.strip().split("=")[1], 16)
        self.exponent = 65537

    def verifies(self, data, signature):
        size = (self.modulus.bit_length() + 7) // 8
        if len(signature) != size:
            return False
        shown = pow(int.from_bytes(signature, "big"), self.exponent, self.modulus)
        info = self.PREFIX + hashlib.sha256(data).digest()
        expected = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        return shown.to_bytes(size, "big") == expected

    def verifies_by_openssl(self, data, signature):
        """Does the same with the openssl command."""
        with tempfile.TemporaryDirectory() as directory:
            there = pathlib.Path(directory)
            (there / "data").write_bytes(data)
            (there / "signature").write_bytes(signature)
            done = subprocess.run(
                ["openssl", "dgst", "-sha256", "-verify", self.public]
                + ["-signature", str(there / "signature"), str(there / "data")],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        return done.returncode == 0


def _openssl(*arguments):
    return subprocess.run(
        ["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True
    ).stdout


# --- SigV4 -----------------------------------------------------------------------


class Signature(typing.NamedTuple):
    """An Authorization header of AWS."""

    key_id: str
    date: str
    region: str
    service: str
    headers: list
    value: str


def parse_authorization(text):
    match = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
        r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})",
        text or "",
    )
    if not match:
        return None
    return Signature(*match.groups()[:4], match.group(5).split(";"), match.group(6))


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_request(request, names):
    """Follows step 1 of "Create a signed AWS API request" (IAM user guide)."""
    path = urllib.parse.quote(urllib.parse.unquote(request.path), safe="/-_.~")
    query = sorted(urllib.parse.parse_qsl(request.query, keep_blank_values=True))
    lines = [
        request.method,
        # Escaped twice, as by all services except S3
        urllib.parse.quote(path, safe="/-_.~") or "/",
        "&".join("=".join(urllib.parse.quote(x, safe="-_.~") for x in pair) for pair in query),
        *(f"{name}:{' '.join(request.header(name).split())}" for name in names),
        "",
        ";".join(names),
        hashlib.sha256(request.body).hexdigest(),
    ]
    return "\n".join(lines)


def expected_signature(request, signature, secret):
    scope = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
    digest = hashlib.sha256(canonical_request(request, signature.headers).encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{request.header('x-amz-date')}\n{scope}\n{digest}"
    key = _hmac(b"AWS4" + secret.encode(), signature.date)
    for part in (signature.region, signature.service, "aws4_request"):
        key = _hmac(key, part)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def botocore_signature(request, signature, key):
    """Does the same with the library of AWS."""
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    signer = botocore.auth.SigV4Auth(
        botocore.credentials.Credentials(key.id, key.secret, key.session),
        signature.service,
        signature.region,
    )
    copy = botocore.awsrequest.AWSRequest(
        method=request.method,
        url=f"http://{request.header('host')}{request.path}",
        data=request.body,
        headers={name: request.header(name) for name in signature.headers},
    )
    copy.context["timestamp"] = request.header("x-amz-date")
    text = signer.string_to_sign(copy, signer.canonical_request(copy))
    return signer.signature(text, copy)


# --- requests --------------------------------------------------------------------


class Request(typing.NamedTuple):
    """A request that was received."""

    method: str
    path: str
    query: str
    headers: dict  # header names in lower case
    body: bytes

    def header(self, name):
        return self.headers.get(name, "")

    def form(self):
        """Parses strictly: each name occurs once."""
        if self.header("content-type") != FORM:
            raise Refused(400, {"error": "invalid_request", "error_description": "no form"})
        return self._once(self.body.decode())

    def arguments(self):
        return self._once(self.query)

    @staticmethod
    def _once(text):
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
        if len({name for name, _ in pairs}) != len(pairs):
            raise Refused(400, {"error": "invalid_request", "error_description": "given twice"})
        return dict(pairs)


class Cloud:
    """All services at one address."""

    def __init__(self, directory, port=0, pkcs1=False):
        self.directory = pathlib.Path(directory)
        self.key = RsaKey(directory, pkcs1=pkcs1)
        self.keys = {key.id: key for key in (ENV_KEY, FILE_KEY)}
        self.repositories = set()
        self.log = []  # of (service, response)
        self.signed = []  # of (Request, Signature, Key)
        self.assertions = []  # of JSON web tokens
        self.tokens = collections.defaultdict(set)  # by service
        self._faults = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.cloud = self
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.address}"
        self.token_uri = f"{self.url}/google/token"
        self._write_files()

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _write_files(self):
        """Returns the environment and files that each cloud provides to a program."""
        self.web_identity = make_jwt(3600, aud="sts.amazonaws.com", sub="system:pusher")
        self.federated = make_jwt(3600, aud="api://AzureADTokenExchange", sub="system:pusher")
        self.refresh_token = mint()
        # A registry that would use these credentials; a test may change it
        self.ecr_password = mint(back=secrets.token_urlsafe(1200))
        self.google_access_token = mint("ya29.", secrets.token_urlsafe(100))
        service_account = {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "key-1",
            "private_key": pathlib.Path(self.key.path).read_text(),
            "client_email": EMAIL,
            "token_uri": self.token_uri,
        }
        user = {
            "type": "authorized_user",
            "client_id": "user.apps.googleusercontent.com",
            "client_secret": "user-client-secret",
            "refresh_token": self.refresh_token,
            "token_uri": self.token_uri,
        }
        shared = (
            "[default]\naws_access_key_id = AKIANOBODY0000000000\n"
            "aws_secret_access_key = nothing/that/is/known/to/anybody/at/all/0\n\n"
            f"[pusher]\naws_access_key_id={FILE_KEY.id}\naws_secret_access_key={FILE_KEY.secret}\n"
        )
        for name, text in (
            ("service-account.json", json.dumps(service_account)),
            ("user.json", json.dumps(user)),
            ("web-identity.token", self.web_identity),
            ("federated.token", self.federated),
            ("container.token", CONTAINER_TOKEN + "\n"),
            ("credentials", shared),
        ):
            (self.directory / name).write_text(text)

    # --- control by the tests

    def tell(self, service, fault, times=1):
        """From now on, `times` requests to that service are answered like this."""
        if service not in SERVICES or fault not in FAULTS:
            raise ValueError(f"{service}: {fault}")
        with self._lock:
            self._faults += [(service, fault)] * times

    def count(self, service):
        with self._lock:
            return sum(1 for name, _ in self.log if name == service)

    def counts(self):
        return {service: self.count(service) for service in SERVICES}

    def verify(self):
        """Verifies what was recorded with other implementations; returns the faults that they find."""
        faults, done = [], {"openssl": 0, "botocore": 0}
        for token in self.assertions:
            data, _, signature = token.rpartition(".")
            done["openssl"] += 1
            if not self.key.verifies_by_openssl(data.encode(), unb64url(signature)):
                faults.append("openssl does not verify an assertion")
        try:
            for request, signature, key in self.signed:
                if botocore_signature(request, signature, key) != signature.value:
                    faults.append(f"botocore signs otherwise: {request}")
                done["botocore"] += 1
        except ImportError as error:
            done["botocore_skipped"] = str(error)
        return {"faults": faults, "signed": len(self.signed), **done}

    # --- answering

    def answer(self, request):
        """Returns (status, content type, body, headers)."""
        if request.path.startswith("/_"):
            return 200, "application/json", json.dumps(self._control(request)).encode(), {}
        service, function = self._route(request)
        if service is None:
            return 404, "text/plain", b"no such thing", {}
        fault = self._take_fault(service)
        try:
            status, kind, document, headers = self._answer(service, function, fault, request)
        except Refused as error:
            status, kind, document = error.status, error.content_type, error.document
            headers = error.headers
        except (ValueError, KeyError) as error:
            status, kind, document, headers = 400, "application/json", {"message": repr(error)}, {}
        if service == "google-metadata":
            headers = {"Metadata-Flavor": "Google", **headers}
        with self._lock:
            self.log.append((service, status))
        if isinstance(document, (dict, list)):
            document = json.dumps(document)
        return status, kind, document if isinstance(document, bytes) else document.encode(), headers

    def _control(self, request):
        arguments = request.arguments()
        if request.path == "/_tell":
            self.tell(arguments["service"], arguments["fault"], int(arguments.get("times", 1)))
            return {}
        if request.path == "/_forget":
            with self._lock:
                self.log.clear()
                self._faults.clear()
            return {}
        if request.path == "/_verify":
            return self.verify()
        if request.path == "/_issued":
            found = {k: v.session for k, v in self.keys.items()}
            return {"keys": found, "repositories": sorted(self.repositories)}
        return self.counts()

    def _route(self, request):
        path = request.path
        routes = (
            ("/google/token", "google-token", self.google_token),
            ("/computeMetadata/v1/", "google-metadata", self.google_metadata),
            ("/aws/sts/", "sts", self.sts),
            ("/aws/ecr/", "ecr", self.ecr),
            ("/aws/ecr-public/", "ecr-public", self.ecr_public),
            ("/latest/", "imds", self.imds),
            ("/container/keys", "container", self.container),
            (f"/azure/{TENANT}/oauth2/v2.0/token", "aad", self.aad),
            ("/metadata/identity/oauth2/token", "azure-imds", self.azure_imds),
            ("/app/msi/token", "app-service", self.app_service),
            ("/oauth2/exchange", "acr", self.acr),
        )
        for prefix, service, function in routes:
            if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                return service, function
        return None, None

    def _take_fault(self, service):
        with self._lock:
            for at, (name, fault) in enumerate(self._faults):
                if name == service:
                    del self._faults[at]
                    return fault
        return None

    def _answer(self, service, function, fault, request):
        text, js = "text/plain", "application/json"
        if fault == "hang":
            self._over.wait(60)
            return 500, text, "over", {}
        plain = {
            "fail": (500, text, "no", {}),
            "early": (425, text, "too early", {}),
            "garbage": (200, js, b"\x00\xff<<<{", {}),
            "huge": (200, js, json.dumps({"access_token": "x" * 1000000}), {}),
            "redirect": (307, text, "", {"Location": f"{self.url}/elsewhere"}),
        }
        if fault in plain:
            return plain[fault]
        if fault == "empty":
            return 200, "text/xml" if service == "sts" else js, _empty(service), {}
        if fault in ("deny", "throttle", "echo"):
            raise _refusal(service, fault, request)
        document = function(request, fault)
        kind = "text/xml" if service == "sts" else js
        return 200, kind, document, {}

    # --- Google

    def google_token(self, request, fault):
        """https://developers.google.com/identity/protocols/oauth2/service-account"""
        form = request.form()
        if request.method != "POST":
            raise Refused(405, {"error": "invalid_request"})
        if form["grant_type"] == "refresh_token":
            return self._google_refresh(form, fault)
        if form["grant_type"] != JWT_BEARER:
            raise Refused(400, {"error": "unsupported_grant_type"})
        claims = self._assertion(form["assertion"])
        if "target_audience" in claims:
            token = make_jwt(_lifetime(fault, 3600), aud=claims["target_audience"], email=EMAIL)
            return {"id_token": self._issue("google-id", token, fault)}
        if not claims.get("scope"):
            raise _google("invalid_scope", "No scope given")
        return self._google_access(fault)

    def _google_access(self, fault):
        token = self._issue("google", self.google_access_token, fault)
        return {
            "access_token": token,
            "expires_in": _lifetime(fault, 3599),
            "token_type": "Bearer",
        }

    def _google_refresh(self, form, fault):
        if form["refresh_token"] != self.refresh_token:
            raise _google("invalid_grant", "Bad Request")
        if form["client_secret"] != "user-client-secret":
            raise Refused(401, {"error": "invalid_client", "error_description": "Unauthorized"})
        return self._google_access(fault)

    def _assertion(self, token):
        header, claims, signature = self.check_jwt(token)
        if (header.get("alg"), header.get("typ")) != ("RS256", "JWT"):
            raise _google("invalid_grant", "Invalid JWT: alg or typ")
        if header.get("kid") not in (None, "key-1") or claims.get("iss") != EMAIL:
            raise _google("invalid_grant", "Invalid grant: account not found")
        if not signature:
            raise _google("invalid_grant", "Invalid JWT Signature.")
        if claims.get("aud") != self.token_uri:
            raise _google("invalid_grant", "Invalid JWT: Failed audience check.")
        now = time.time()
        issued, ends = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(ends, int):
            raise _google("invalid_grant", "Invalid JWT: iat and exp must be integers")
        if issued > now + SKEW or ends < now - SKEW or not 0 < ends - issued <= 3600:
            raise _google(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
                "reasonable timeframe. Check your iat and exp values in the JWT claim.",
            )
        self.assertions.append(token)
        return claims

    def check_jwt(self, token):
        """Returns (header, claims, whether the service account has signed it)."""
        data, _, signature = token.rpartition(".")
        header, claims = (json.loads(unb64url(part)) for part in data.split("."))
        return header, claims, self.key.verifies(data.encode(), unb64url(signature))

    def google_metadata(self, request, fault):
        """https://cloud.google.com/compute/docs/metadata/querying-metadata"""
        if request.method != "GET" or request.header("metadata-flavor") != "Google":
            raise Refused(403, "Missing Metadata-Flavor:Google header.", "text/html")
        if "x-forwarded-for" in request.headers:
            raise Refused(403, "X-Forwarded-For", "text/html")
        base = "/computeMetadata/v1/instance/service-accounts/default/"
        if request.path == base + "token":
            return self._google_access(fault)
        if request.path == base + "identity":
            if "audience" not in request.arguments():
                raise Refused(400, "non-empty audience parameter required", "text/html")
            token = make_jwt(_lifetime(fault, 3600), aud=request.arguments()["audience"])
            return self._issue("google-id", token, fault)
        raise Refused(404, "Not Found", "text/html")

    # --- AWS

    def _new_key(self, fault):
        key = Key(
            "ASIA" + secrets.token_hex(8).upper(),
            mint(),
            # As long as real ones, with all characters of base64
            base64.b64encode(secrets.token_bytes(500)).decode(),
            time.time() - 1 if fault == "ended" else time.time() + 3600,
        )
        self.keys[key.id] = key
        return key

    def sts(self, request, fault):
        """AssumeRoleWithWebIdentity, API version 2011-06-15"""
        form = request.form()
        expected = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15"}
        if request.method != "POST" or any(form.get(k) != v for k, v in expected.items()):
            raise _xml("InvalidAction", "Could not find operation")
        if "authorization" in request.headers:
            raise _xml("IncompleteSignature", "not to be signed")
        if not re.fullmatch(r"[\w+=,.@-]{2,64}", form.get("RoleSessionName", "")):
            raise _xml("ValidationError", "RoleSessionName")
        if form.get("RoleArn") != ROLE:
            raise _xml("AccessDenied", "Not authorized to perform it", 403)
        if form.get("WebIdentityToken") != self.web_identity:
            raise _xml("InvalidIdentityToken", "Couldn't retrieve verification key & <more>")
        key = self._new_key(fault)
        secret = "bad\nsecret" if fault == "bad-token" else key.secret
        ends = datetime.datetime.fromtimestamp(key.ends, datetime.timezone.utc)
        return (
            '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            "\n  <AssumeRoleWithWebIdentityResult>\n    <Audience>sts.amazonaws.com</Audience>\n"
            f"    <AssumedRoleUser><Arn>{ROLE}</Arn></AssumedRoleUser>\n    <Credentials>\n"
            f"      <SessionToken>{key.session}</SessionToken>\n"
            f"      <SecretAccessKey>{secret}</SecretAccessKey>\n"
            f"      <Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration>\n"
            f"      <AccessKeyId>{key.id}</AccessKeyId>\n    </Credentials>\n"
            "  </AssumeRoleWithWebIdentityResult>\n  <ResponseMetadata>\n"
            "    <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>\n"
            "  </ResponseMetadata>\n</AssumeRoleWithWebIdentityResponse>\n"
        )

    def ecr(self, request, fault):
        return self._ecr(request, fault, "ecr", REGION, "AmazonEC2ContainerRegistry_V20150921")

    def ecr_public(self, request, fault):
        return self._ecr(request, fault, "ecr-public", "us-east-1", "SpencerFrontendService")

    def _ecr(self, request, fault, service, region, api):
        self.check_signature(request, service, region)
        target = request.header("x-amz-target").split(".")
        if request.header("content-type") != "application/x-amz-json-1.1" or target[0] != api:
            raise _aws("UnknownOperationException", "")
        arguments = json.loads(request.body)
        if target[1:] == ["CreateRepository"]:
            return self._create(arguments, service)
        if target[1:] != ["GetAuthorizationToken"] or arguments != {}:
            raise _aws("UnknownOperationException", "")
        password = self._issue(service, self.ecr_password, None)
        token = base64.b64encode(f"AWS:{password}".encode()).decode()
        data = {
            "authorizationToken": "\r\n" + token if fault == "bad-token" else token,
            "expiresAt": time.time() + _lifetime(fault, 12 * 3600),
        }
        if service == "ecr":
            data["proxyEndpoint"] = f"https://{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"
            return {"authorizationData": [data]}
        return {"authorizationData": data}

    def _create(self, arguments, service):
        name = arguments.pop("repositoryName", "")
        if service == "ecr" and arguments.pop("registryId", ACCOUNT) != ACCOUNT:
            raise _aws("AccessDeniedException", "not your registry")
        if arguments or not re.fullmatch(r"[a-z0-9]+([._/-][a-z0-9]+)*", name):
            raise _aws("InvalidParameterException", f"Invalid parameter: '{name}'")
        if name in self.repositories:
            raise _aws("RepositoryAlreadyExistsException", f"'{name}' already exists")
        self.repositories.add(name)
        return {"repository": {"repositoryName": name}}

    def check_signature(self, request, service, region):
        """Verifies what the IAM user guide says about signed requests."""
        signature = parse_authorization(request.headers.get("authorization"))
        if request.method != "POST":
            raise _aws("UnknownOperationException", "")
        if signature is None:
            raise _aws("MissingAuthenticationTokenException", "Missing Authentication Token")
        key = self.keys.get(signature.key_id)
        session = request.headers.get("x-amz-security-token")
        if key is None or session != key.session:
            raise _aws(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        if key.ends < time.time():
            raise _aws("ExpiredTokenException", "The security token in the request is expired")
        needed = {"host"} | {name for name in request.headers if name.startswith("x-amz-")}
        names = signature.headers
        if names != sorted(names) or not needed <= set(names) or set(names) - set(request.headers):
            raise _aws("IncompleteSignatureException", f"SignedHeaders: {names}")
        self._check_scope(request, signature, service, region)
        if not hmac.compare_digest(
            expected_signature(request, signature, key.secret), signature.value
        ):
            raise _aws(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided.",
            )
        self.signed.append((request, signature, key))

    @staticmethod
    def _check_scope(request, signature, service, region):
        date = request.header("x-amz-date")
        if (signature.service, signature.region) != (service, region):
            raise _aws("InvalidSignatureException", "Credential should be scoped otherwise")
        if not re.fullmatch(r"\d{8}T\d{6}Z", date) or not date.startswith(signature.date):
            raise _aws("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'")
        when = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ")
        when = when.replace(tzinfo=datetime.timezone.utc).timestamp()
        if abs(when - time.time()) > SKEW:
            raise _aws("InvalidSignatureException", f"Signature expired: {date} is now earlier")

    def imds(self, request, fault):
        """Instance metadata service, version 2"""
        if "x-forwarded-for" in request.headers:
            raise Refused(403, "", "text/html")
        if (request.method, request.path) == ("PUT", "/latest/api/token"):
            ttl = request.header("x-aws-ec2-metadata-token-ttl-seconds")
            if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
                raise Refused(400, "Bad Request", "text/html")
            return self._issue("imds", b64url(secrets.token_bytes(40)) + "==", fault)
        if request.header("x-aws-ec2-metadata-token") not in self.tokens["imds"]:
            raise Refused(401, "Unauthorized", "text/html")
        base = "/latest/meta-data/iam/security-credentials/"
        if request.method == "GET" and request.path == base:
            return "instance-role"
        if request.method == "GET" and request.path == base + "instance-role":
            return {"Code": "Success", "Type": "AWS-HMAC", **self._key_document(fault)}
        raise Refused(404, "Not Found", "text/html")

    def container(self, request, fault):
        if request.header("authorization") != CONTAINER_TOKEN:
            raise Refused(401, {"code": "InvalidToken", "message": "not authorized"})
        return {"RoleArn": ROLE, **self._key_document(fault)}

    def _key_document(self, fault):
        key = self._new_key(fault)
        return {
            "AccessKeyId": key.id,
            "SecretAccessKey": key.secret,
            "Token": "a\r\nX-Evil: b" if fault == "bad-token" else key.session,
            "Expiration": "2099-01-01T00:00:00Z",
        }

    # --- Azure

    def aad(self, request, fault):
        """The client credentials grant of Microsoft's identity platform, version 2.0"""
        form = request.form()
        if form.get("grant_type") != "client_credentials" or request.method != "POST":
            raise _azure("unsupported_grant_type", "AADSTS70003")
        if form.get("client_id") != CLIENT:
            raise _azure("unauthorized_client", "AADSTS700016: Application was not found", 400)
        if form.get("scope") != RESOURCE + ".default":
            raise _azure("invalid_scope", "AADSTS70011: the scope is not valid")
        if "client_assertion" in form:
            proof = (form.get("client_assertion_type"), form["client_assertion"])
            if proof != (ASSERTION_TYPE, self.federated):
                raise _azure("invalid_client", "AADSTS700027: Client assertion", 401)
        elif form.get("client_secret") != CLIENT_SECRET:
            raise _azure("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
        return self._directory_token(fault, number=True)

    def _directory_token(self, fault, number):
        token = self._issue("aad", make_jwt(3600, aud=RESOURCE, tid=TENANT), fault)
        # A number from the directory, a string from a machine
        return {
            "token_type": "Bearer",
            "expires_in": 3599 if number else "3599",
            "access_token": token,
        }

    def azure_imds(self, request, fault):
        if request.method != "GET" or request.header("metadata").lower() != "true":
            raise _azure("invalid_request", "Required metadata header not specified")
        return self._machine(request, fault, "2018-02-01")

    def app_service(self, request, fault):
        if request.header("x-identity-header") != APP_HEADER:
            raise Refused(403, {"statusCode": 403, "message": "forbidden"})
        return self._machine(request, fault, "2019-08-01")

    def _machine(self, request, fault, version):
        arguments = request.arguments()
        if "x-forwarded-for" in request.headers:
            raise _azure("invalid_request", "forwarded")
        if arguments.get("api-version") != version or arguments.get("resource") != RESOURCE:
            raise _azure("invalid_resource", "AADSTS500011: The resource principal was not found")
        if arguments.get("client_id", CLIENT) != CLIENT:
            raise _azure("invalid_request", "Identity not found")
        return self._directory_token(fault, number=False)

    def acr(self, request, fault):
        """https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md"""
        form = request.form()
        if request.method != "POST" or form.get("grant_type") != "access_token":
            raise _registry(400, "UNSUPPORTED", "grant_type")
        if form.get("service") != "registry.azurecr.io" or form.get("tenant", TENANT) != TENANT:
            raise _registry(400, "DENIED", "service or tenant")
        if form.get("access_token") not in self.tokens["aad"]:
            raise _registry(401, "UNAUTHORIZED", "authentication required")
        token = make_jwt(_lifetime(fault, 3 * 3600), aud=form["service"], tenant=TENANT)
        return {"refresh_token": self._issue("acr", token, fault)}

    def _issue(self, service, token, fault):
        token = token[:9] + "\r\nX-Evil: 1" + token[9:] if fault == "bad-token" else token
        self.tokens[service].add(token)
        return token


def _lifetime(fault, usual):
    return {"ended": -60, "short": 120}.get(fault, usual)


def _empty(service):
    if service == "sts":
        return "<AssumeRoleWithWebIdentityResponse></AssumeRoleWithWebIdentityResponse>"
    return "{}"


def _google(error, description):
    return Refused(400, {"error": error, "error_description": description})


def _aws(kind, message, status=400):
    document = {"__type": f"com.amazonaws.ecr#{kind}", "message": message}
    return Refused(status, document, "application/x-amz-json-1.1")


def _xml(code, message, status=400):
    message = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    document = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <Error>\n'
        f"    <Type>Sender</Type>\n    <Code>{code}</Code>\n    <Message>{message}</Message>\n"
        "  </Error>\n  <RequestId>4c0d</RequestId>\n</ErrorResponse>\n"
    )
    return Refused(status, document, "text/xml")


def _azure(error, description, status=400):
    return Refused(status, {"error": error, "error_description": description})


def _registry(status, code, message):
    return Refused(status, {"errors": [{"code": code, "message": message}]})


def _refusal(service, fault, request):
    """Returns a refusal, a throttling or an echo in the format of that service."""
    sent = request.body.decode(errors="replace") or " ".join(request.headers.values())
    words = {"deny": "not for you", "throttle": "slow down", "echo": f"you said {sent}"}[fault]
    slow = fault == "throttle"
    headers = {"Retry-After": "7"} if slow else {}
    if service == "sts":
        return _xml("Throttling" if slow else "AccessDenied", words, 400 if slow else 403)
    if service in ("ecr", "ecr-public"):
        if fault == "echo":
            names = ("x-amz-security-token", "authorization")
            words = f"you said {' '.join(request.header(name) for name in names)}"
        return _aws("ThrottlingException" if slow else "AccessDeniedException", words)
    if service == "acr":
        code = "TOOMANYREQUESTS" if slow else "UNAUTHORIZED"
        error = _registry(429 if slow else 401, code, words)
    else:
        error = Refused(
            429 if slow else 403,
            {"error": "rate_limited" if slow else "access_denied", "error_description": words},
        )
    error.headers = headers
    return error


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, *_):
        """In some tests the client closes the connection."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*_)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def _do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, query, headers, body)
        status, kind, answer, more = self.server.cloud.answer(request)
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client has received enough

    do_GET = do_POST = do_PUT = _do

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(
        description="The credential services of three clouds, on loopback, until killed.",
        epilog=f"Services: {', '.join(SERVICES)}. Faults: {', '.join(FAULTS)}. While it runs, GET "
        "/_tell?service=S&fault=F&times=N makes one misbehave, /_counts counts, /_verify has what "
        "was signed judged by openssl and botocore. Once ready it prints `listening HOST:PORT`.",
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--directory", help="where to put the files that a program is given")
    parser.add_argument("--pkcs1", action="store_true", help="the service account's key, as before")
    parser.add_argument("--until-eof", action="store_true", help="end with standard input")
    options = parser.parse_args()
    signals = block_signals()
    with tempfile.TemporaryDirectory() as spare:
        with Cloud(options.directory or spare, options.port, options.pkcs1) as cloud:
            run_until(signals, cloud.address, options.until_eof)


if __name__ == "__main__":
    main()

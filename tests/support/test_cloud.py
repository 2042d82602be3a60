"""Tests of the stand-ins for clouds: they check what they claim to.

Run from tests/: python3 -m unittest support.test_cloud
"""

import json
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

from support import cloud as c
from support.cloud import Cloud, Request

# The first two of AWS's own test suite for signatures (aws-sig-v4-test-suite)
VECTOR_KEY = c.Key("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
VECTORS = {
    "GET": "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    "POST": "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
}
TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"


def form(**fields):
    headers = {"content-type": c.FORM}
    return headers, urllib.parse.urlencode(fields).encode()


class Signatures(unittest.TestCase):
    """Tests of the verifier itself"""

    def signature(self, method):
        headers = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"}
        request = Request(method, "/", "", headers, b"")
        names = ["host", "x-amz-date"]
        return request, c.Signature("AKIDEXAMPLE", "20150830", "us-east-1", "service", names, "")

    def test_it_makes_the_signatures_that_aws_publishes(self):
        for method, expected in VECTORS.items():
            request, signature = self.signature(method)
            made = c.expected_signature(request, signature, VECTOR_KEY.secret)
            self.assertEqual(made, expected)

    def test_botocore_makes_the_same(self):
        try:
            import botocore  # noqa: F401
        except ImportError as error:
            self.skipTest(str(error))
        for method, expected in VECTORS.items():
            request, signature = self.signature(method)
            self.assertEqual(c.botocore_signature(request, signature, VECTOR_KEY), expected)

    def test_rs256_by_arithmetic_and_by_openssl_agree(self):
        with tempfile.TemporaryDirectory() as directory:
            for pkcs1 in (False, True):
                key = c.RsaKey(directory, f"key{pkcs1}", pkcs1)
                signature = sign(key, b"data")
                for data, good in ((b"data", True), (b"date", False)):
                    self.assertIs(key.verifies(data, signature), good)
                    self.assertIs(key.verifies_by_openssl(data, signature), good)
                self.assertFalse(key.verifies(b"data", b"\0" * 256))
                self.assertFalse(key.verifies(b"data", signature[:-1]))


def sign(key, data):
    return subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", key.path],
        input=data,
        capture_output=True,
        check=True,
    ).stdout


class StandIns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.cloud = Cloud(cls.directory.name)
        cls.cloud.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.cloud.__exit__()
        cls.directory.cleanup()

    def ask(self, method, path, headers=None, body=b""):
        path, _, query = path.partition("?")
        status, _, answer, _ = self.cloud.answer(Request(method, path, query, headers or {}, body))
        return status, answer.decode()

    def assertRefused(self, answer, words):
        self.assertGreaterEqual(answer[0], 400)
        self.assertIn(words, answer[1])

    # --- Google

    def assertion(self, key=None, header=None, **claims):
        now = int(time.time())
        claims = {
            **{"iss": c.EMAIL, "aud": self.cloud.token_uri, "scope": c.CLOUD_PLATFORM},
            **{"iat": now, "exp": now + 3600, **claims},
        }
        parts = [{"alg": "RS256", "typ": "JWT", **(header or {})}, claims]
        text = ".".join(c.b64url(json.dumps(part).encode()) for part in parts)
        return f"{text}.{c.b64url(sign(key or self.cloud.key, text.encode()))}"

    def token(self, assertion):
        fields = form(grant_type=c.JWT_BEARER, assertion=assertion)
        return self.ask("POST", "/google/token", *fields)

    def test_google_takes_a_good_assertion(self):
        self.assertEqual(self.token(self.assertion())[0], 200)
        self.assertIn("id_token", self.token(self.assertion(target_audience="x", scope=None))[1])

    def test_google_refuses_any_other(self):
        now = int(time.time())
        with tempfile.TemporaryDirectory() as directory:
            another = self.assertion(c.RsaKey(directory))
        good = self.assertion()
        for assertion, words in (
            (another, "Signature"),
            (good[:-9] + ("A" if good[-9] != "A" else "B") + good[-8:], "Signature"),
            (self.assertion(header={"alg": "none"}), "alg"),
            (self.assertion(header={"alg": "HS256"}), "alg"),
            (self.assertion(iss="else@x"), "account not found"),
            (self.assertion(aud="https://oauth2.googleapis.com/token"), "audience"),
            (self.assertion(aud=None), "audience"),
            (self.assertion(scope=""), "invalid_scope"),
            (self.assertion(iat=now, exp=now + 3601), "short-lived"),
            (self.assertion(iat=now + 400, exp=now + 500), "short-lived"),
            (self.assertion(iat=now - 4000, exp=now - 400), "short-lived"),
            (self.assertion(exp=str(now)), "integers"),
            ("nothing", ""),
        ):
            self.assertRefused(self.token(assertion), words)

    def test_metadata_wants_its_header_and_nobody_between(self):
        path = "/computeMetadata/v1/instance/service-accounts/default/token"
        flavor = {"metadata-flavor": "Google"}
        self.assertEqual(self.ask("GET", path, flavor)[0], 200)
        self.assertRefused(self.ask("GET", path), "Metadata-Flavor")
        self.assertRefused(self.ask("POST", path, flavor), "")
        self.assertRefused(self.ask("GET", path, {**flavor, "x-forwarded-for": "x"}), "")
        self.assertRefused(self.ask("GET", path.replace("token", "identity"), flavor), "audience")

    # --- AWS

    def signed(self, key=c.ENV_KEY, age=0, tamper=None, **changes):
        """Returns a valid request for a token of ECR, except for what is changed."""
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age))
        headers = {
            "host": self.cloud.address,
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": changes.get("target", TARGET),
            "x-amz-date": date,
        }
        if key.session:
            headers["x-amz-security-token"] = key.session
        request = Request("POST", "/aws/ecr/", "", headers, b"{}")
        names = sorted(set(headers) - {changes.get("unsigned")})
        scope = (date[:8], changes.get("region", c.REGION), changes.get("service", "ecr"))
        value = c.expected_signature(request, c.Signature(key.id, *scope, names, ""), key.secret)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={key.id}/{'/'.join(scope)}/aws4_request, "
            f"SignedHeaders={';'.join(names)}, Signature={value}"
        )
        headers.update(tamper or {})
        return self.ask("POST", "/aws/ecr/", headers, changes.get("body", b"{}"))

    def test_ecr_takes_what_is_signed(self):
        self.assertIn("authorizationToken", self.signed()[1])
        key = self.cloud._new_key(None)
        self.assertIn("authorizationToken", self.signed(key)[1])

    def test_ecr_refuses_what_is_not_or_not_all_of_it(self):
        session = self.cloud._new_key(None)
        for answer, words in (
            (self.signed(c.ENV_KEY._replace(secret="x")), "InvalidSignature"),
            (self.signed(c.ENV_KEY._replace(id="AKIAX")), "UnrecognizedClient"),
            (self.signed(c.ENV_KEY._replace(session="x")), "UnrecognizedClient"),
            (self.signed(session._replace(session=None)), "UnrecognizedClient"),
            (self.signed(self.cloud._new_key("ended")), "ExpiredToken"),
            (self.signed(age=301), "Signature expired"),
            (self.signed(age=-301), "Signature expired"),
            (self.signed(region="us-east-1"), "scoped"),
            (self.signed(service="s3"), "scoped"),
            (self.signed(body=b"{} "), "InvalidSignature"),
            (self.signed(tamper={"host": "else.example"}), "InvalidSignature"),
            (self.signed(tamper={"x-amz-more": "x"}), "IncompleteSignature"),
            (self.signed(unsigned="x-amz-target"), "IncompleteSignature"),
            (self.signed(session, unsigned="x-amz-security-token"), "IncompleteSignature"),
            (self.signed(unsigned="host"), "IncompleteSignature"),
            (self.signed(tamper={"authorization": "Bearer x"}), "MissingAuthentication"),
            (self.signed(target="Else.GetAuthorizationToken"), "UnknownOperation"),
        ):
            self.assertRefused(answer, words)

    def test_sts_wants_the_role_and_the_token(self):
        good = {
            **{"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15"},
            **{"RoleArn": c.ROLE, "RoleSessionName": "waybill"},
            "WebIdentityToken": self.cloud.web_identity,
        }
        self.assertEqual(self.ask("POST", "/aws/sts/", *form(**good))[0], 200)
        for name, words in (
            ("Action", "InvalidAction"),
            ("Version", "InvalidAction"),
            ("RoleArn", "AccessDenied"),
            ("RoleSessionName", "ValidationError"),
            ("WebIdentityToken", "InvalidIdentityToken"),
        ):
            self.assertRefused(self.ask("POST", "/aws/sts/", *form(**{**good, name: "!"})), words)

    def test_imds_wants_a_token_first(self):
        roles = "/latest/meta-data/iam/security-credentials/"
        self.assertEqual(self.ask("GET", roles)[0], 401)
        self.assertEqual(self.ask("PUT", "/latest/api/token")[0], 400)
        ttl = "x-aws-ec2-metadata-token-ttl-seconds"
        self.assertEqual(self.ask("PUT", "/latest/api/token", {ttl: "21601"})[0], 400)
        status, token = self.ask("PUT", "/latest/api/token", {ttl: "60"})
        self.assertEqual(status, 200)
        answer = self.ask("GET", roles + "instance-role", {"x-aws-ec2-metadata-token": token})
        self.assertIn("SecretAccessKey", answer[1])

    # --- Azure

    def test_the_directory_wants_the_secret_or_the_assertion(self):
        path = f"/azure/{c.TENANT}/oauth2/v2.0/token"
        good = {
            **{"grant_type": "client_credentials", "client_id": c.CLIENT},
            **{"scope": c.RESOURCE + ".default", "client_secret": c.CLIENT_SECRET},
        }
        self.assertEqual(self.ask("POST", path, *form(**good))[0], 200)
        for name in good:
            self.assertRefused(self.ask("POST", path, *form(**{**good, name: "x"})), "error")
        good.pop("client_secret")
        self.assertRefused(self.ask("POST", path, *form(**good)), "invalid_client")
        good["client_assertion"] = self.cloud.federated
        self.assertRefused(self.ask("POST", path, *form(**good)), "invalid_client")
        good["client_assertion_type"] = c.ASSERTION_TYPE
        self.assertEqual(self.ask("POST", path, *form(**good))[0], 200)

    def test_a_registry_exchanges_only_what_the_directory_gave(self):
        query = urllib.parse.urlencode({"api-version": "2018-02-01", "resource": c.RESOURCE})
        path = f"/metadata/identity/oauth2/token?{query}"
        self.assertRefused(self.ask("GET", path), "metadata header")
        token = json.loads(self.ask("GET", path, {"metadata": "true"})[1])["access_token"]
        good = {
            **{"grant_type": "access_token", "service": "registry.azurecr.io"},
            "access_token": token,
        }
        self.assertIn("refresh_token", self.ask("POST", "/oauth2/exchange", *form(**good))[1])
        for name in good:
            answer = self.ask("POST", "/oauth2/exchange", *form(**{**good, name: "x"}))
            self.assertRefused(answer, "errors")

    # --- control by the tests

    def test_it_misbehaves_as_often_as_it_is_told_and_counts(self):
        with urllib.request.urlopen(
            f"{self.cloud.url}/_tell?service=container&fault=garbage&times=2"
        ) as answer:
            self.assertEqual(answer.status, 200)
        before = self.cloud.count("container")
        token = {"authorization": c.CONTAINER_TOKEN}
        path = "/container/keys"
        answers = [self.ask_raw("GET", path, token) for _ in range(3)]
        self.assertEqual([b"SecretAccessKey" in answer for answer in answers], [False, False, True])
        self.assertEqual(self.cloud.count("container") - before, 3)
        with self.assertRaises(ValueError):
            self.cloud.tell("container", "nothing")

    def ask_raw(self, method, path, headers):
        return self.cloud.answer(Request(method, path, "", headers, b""))[2]

    def test_what_was_signed_is_judged_by_others(self):
        self.token(self.assertion())
        self.signed()
        judged = self.cloud.verify()
        self.assertEqual(judged["faults"], [])
        self.assertGreater(judged["openssl"], 0)
        self.assertTrue(judged["botocore"] > 0 or "botocore_skipped" in judged)


if __name__ == "__main__":
    unittest.main()

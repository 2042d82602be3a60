"""Shared by the integration tests: the program, events, and their expected results."""

import base64
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import typing
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
FIXTURES = TESTS / "fixtures"
sys.path.insert(0, str(TESTS))

from support import minted  # noqa: E402
from support.process import Process  # noqa: E402

EVENT_TYPE = "dev.waybill.attestation.created.v1"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
OUTCOME_TYPES = {
    "succeeded": "dev.waybill.delivery.succeeded.v1",
    "failed": "dev.waybill.delivery.failed.v1",
    "skipped": "dev.waybill.attestation.skipped.v1",
}
EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_TEMPORARY, EXIT_CONFIG = 0, 1, 2, 75, 78

# The environment of the machine's owner must not change the results of a test.
_FOREIGN = re.compile(
    r"WAYBILL_|DOCKER_|REGISTRY_AUTH_FILE$|XDG_|.*_proxy$|SSL_CERT_|TEST_TMPDIR$"
    r"|CREDENTIAL_HELPER_|BUILD_WORKSPACE_DIRECTORY$|GH_|GHCR_|GITHUB_",
    re.IGNORECASE,
)


def skip_all(reason):
    """Skips the test in the way that ctest recognizes: it cannot run here."""
    print(f"SKIPPED: {reason}")
    sys.exit(77)


def binary():
    path = os.environ.get("WAYBILL_TEST_BINARY")
    if not path:
        sys.exit("WAYBILL_TEST_BINARY is not set: the waybill to test")
    return path


@functools.cache
def configuration_keys():
    """The keys of a registration that this version of the program has."""
    command = [binary(), "config", "reference"]
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    names = (part.split("`")[0] for part in text.split("`registrations[].")[1:])
    return {name.partition("[")[0].partition(".")[0] for name in names}


def environment(home, extra=None):
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    return {**kept, "HOME": str(home), **(extra or {})}


class Done(typing.NamedTuple):
    status: int
    out: str
    err: str

    @property
    def outcomes(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def outcome(self):
        (only,) = self.outcomes
        return only


class Service(Process):
    """`waybill run`, and its log."""

    def __init__(self, arguments, log, env):
        super().__init__([binary(), *arguments], log, env)

    def terminate(self, seconds):
        """Sends SIGTERM. Returns the exit status, or raises TimeoutExpired."""
        self._child.terminate()
        return self.ended(seconds)

    def ended(self, seconds):
        status = self._child.wait(seconds)
        self.kill()
        return status

    def entries(self):
        """Returns the log as one dictionary for each line; a line that is not JSON remains text."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"text": line})
        return found

    def says(self, text):
        return text in self.log.read_text(errors="replace")


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="waybill-test-", ignore_cleanup_errors=True)
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)
        self._services = 0

    def write(self, name, content):
        path = self.directory / name
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return str(path)

    def config(self, settings, name="config.yaml"):
        # JSON is valid YAML.
        return self.write(name, json.dumps(settings, indent=1))

    def waybill(self, *arguments, stdin=b"", env=None, cwd=None, timeout=60, may_tell=False):
        """may_tell: the test expects a secret on stdout."""
        done = subprocess.run(
            [binary(), *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=environment(self.directory, env),
            cwd=cwd or self.directory,
            timeout=timeout,
            check=False,
        )
        said = (done.stderr,) if may_tell else (done.stdout, done.stderr)
        minted.look_at_process(f"the output of {arguments}", *said)
        found = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        self.assertNotIn("Sanitizer", found.err)
        self.assertNotIn("runtime error", found.err)
        return found

    def push(self, config, *events, **options):
        return self.waybill("--config", config, "push", *events, **options)

    def serve(self, config, env=None):
        self._services += 1
        service = Service(
            ["run", "--config", config],
            self.directory / f"run-{self._services}.log",
            environment(self.directory, env),
        )
        self.addCleanup(self._end, service)
        return service

    def _end(self, service):
        service.kill()
        minted.look_at_process("the log of `waybill run`", service.log.read_bytes())
        minted.look_for_cores(self.directory)
        self.assertFalse(service.says("Sanitizer"), service.tail())
        self.assertFalse(service.says("runtime error"), service.tail())

    def stop(self, service, seconds=15):
        try:
            status = service.terminate(seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"SIGTERM did not end it within {seconds} s:\n{service.tail()}")
        self.assertEqual(status, EXIT_OK, service.tail())

    # The expected result of an event.

    def assert_status(self, done, status):
        self.assertEqual(done.status, status, f"stdout: {done.out}\nstderr: {done.err}")

    def assert_time(self, text):
        self.assertRegex(text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def assert_cloud_event(self, outcome):
        """Checks an outcome in structured mode (wire format, section 2); returns its data."""
        data = outcome["data"]
        always = {"specversion", "id", "source", "type", "time", "datacontenttype", "data"}
        self.assertLessEqual(always, set(outcome))
        self.assertLessEqual(
            set(outcome), always | {"subject", "causationid", "traceparent", "tracestate"}
        )
        self.assertEqual(outcome["specversion"], "1.0")
        self.assertEqual(outcome["datacontenttype"], "application/json")
        self.assertEqual(outcome["type"], OUTCOME_TYPES[data["status"]])
        self.assertEqual(outcome["causationid"], data["input"]["id"])
        self.assert_time(outcome["time"])
        self.assert_data(data)
        if data["status"] == "succeeded":
            self.assertEqual(outcome["subject"], data["artifact"]["reference"])
        return data

    def assert_data(self, data):
        """Checks names, types, and which members belong to which status."""
        status = data["status"]
        rows = {"status", "input", "attempts", "started_at", "finished_at", "duration_ms"}
        optional = {"organization", "workflow", "run"}
        if "attachment" in data:
            rows |= {"integration", "registration", "attachment", "verification"}
            self.assertEqual(data["integration"], "oci-registry")
            self.assertEqual(data["verification"], {"status": "off"})
        if status == "succeeded":
            rows |= {"artifact", "attachment", "result"}
            self.assert_artifact(data["artifact"])
            self.assertEqual(
                data["result"],
                {key: data["artifact"][key] for key in ("reference", "already_present")},
            )
        if status == "skipped":
            rows |= {"skip_reason"}
        if status == "failed":
            rows |= {"error"}
            optional |= {"dead_letter"}
            self.assert_error(data["error"])
        self.assertLessEqual(rows, set(data))
        self.assertLessEqual(set(data), rows | optional)
        self.assert_time(data["started_at"])
        self.assert_time(data["finished_at"])
        self.assertLessEqual(data["started_at"], data["finished_at"])
        self.assertIs(type(data["attempts"]), int)
        self.assertIs(type(data["duration_ms"]), int)
        self.assertLessEqual(set(data["input"]), INPUT_ROWS)
        self.assertLessEqual(set(data.get("workflow", {})), {"id", "name", "project", "team"})

    def assert_artifact(self, artifact):
        self.assertEqual(
            set(artifact),
            {"registry", "repository", "reference", "tag", "digest", "media_type", "size"}
            | {"layer_digest", "layout", "already_present"},
        )
        self.assertEqual(
            artifact["reference"],
            f"{artifact['registry']}/{artifact['repository']}@{artifact['digest']}",
        )
        self.assertEqual(artifact["tag"], "latest")
        self.assertEqual(artifact["layout"], "chainloop")
        self.assertEqual(artifact["media_type"], MANIFEST_TYPE)
        self.assertIs(type(artifact["size"]), int)
        self.assertIs(type(artifact["already_present"]), bool)

    def assert_error(self, error):
        self.assertLessEqual({"class", "message", "retriable"}, set(error))
        self.assertLessEqual(set(error), {"class", "code", "http_status", "message", "retriable"})
        self.assertIn(error["class"], ERROR_CLASSES)
        self.assertLessEqual(len(error["message"].encode()), 1024)
        self.assertTrue(error["message"])

    def assert_stored(self, registry, repository, expected, prefix="chainloop"):
        """Asserts that a registry contains what `expected` (an Artifact) describes, byte for byte."""
        name = f"{repository}/{prefix}-{expected.layer_digest.partition(':')[2]}"
        self.assertEqual(registry.tags(name), ["latest"])
        manifest = registry.get_manifest(name, "latest")
        self.assertEqual(manifest.body, expected.manifest)
        self.assertEqual(manifest.digest, digest(expected.manifest))
        self.assertEqual(manifest.media_type, MANIFEST_TYPE)
        self.assertEqual(registry.get_blob(name, digest(expected.config)), expected.config)
        self.assertEqual(registry.get_blob(name, expected.layer_digest), expected.layer)


INPUT_ROWS = {"topic", "partition", "offset", "file", "index", "id", "time", "origin"}
ERROR_CLASSES = {
    *("schema", "config", "auth", "not_found", "too_large", "rejected", "digest_mismatch"),
    *("verification", "attempts_exhausted", "expired"),
}

# Events.


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def envelope(name, padding=0):
    """Returns an envelope that differs for each name."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest(name.encode())[7:]}}],
        "predicateType": "https://waybill.dev/test/v1",
        "predicate": {"padding": "x" * padding},
    }
    signature = base64.b64encode(hashlib.sha512(name.encode()).digest()).decode()
    return {
        "payloadType": "application/vnd.in-toto+json",
        "payload": base64.b64encode(json.dumps(statement).encode()).decode(),
        "signatures": [{"keyid": "test", "sig": signature}],
    }


def event(name, project="shop", flow="build-api", padding=0, **more):
    """Returns a plain event. Its workflow has no id unless `more` contains another workflow."""
    return {
        "organization": "acme",
        "workflow": {"project": project, "name": flow},
        "run": {"id": f"run-{name}", "state": "success"},
        "attestation": {"envelope": envelope(name, padding)},
        **more,
    }


def line(value):
    return json.dumps(value).encode() + b"\n"


class Artifact(typing.NamedTuple):
    layer: bytes
    config: bytes
    manifest: bytes

    @property
    def layer_digest(self):
        return digest(self.layer)

    @property
    def digest(self):
        return digest(self.manifest)


def _compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def artifact_of(wrapped):
    """Computes, independently of Waybill, the artifact of the layout `chainloop` for an
    envelope such as envelope() makes: ASCII without < > &, with its members in Go's
    order."""
    layer = _compact(wrapped)
    config = _compact(
        {
            "architecture": "",
            "created": "0001-01-01T00:00:00Z",
            "history": [{"created": "0001-01-01T00:00:00Z"}],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
            "config": {},
        }
    )
    manifest = _compact(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "size": len(config),
                "digest": digest(config),
            },
            "layers": [{"mediaType": "text/plain", "size": len(layer), "digest": digest(layer)}],
            "annotations": {
                "org.opencontainers.image.authors": "chainloop.dev",
                "org.opencontainers.image.title": "attestation.json",
            },
        }
    )
    return Artifact(layer, config, manifest)


# Configurations.


def settings(repository, registration=None, attachments=None, **sections):
    """Returns a configuration with one registration `local`. Keys and sections that are not
        given keep their defaults; without `attachments` there is one for shop/build-*."""
    return {
        "registrations": [{"name": "local", "repository": repository, **(registration or {})}],
        "attachments": attachments
        or [{"registration": "local", "workflow": {"project": "shop", "name": "build-*"}}],
        **sections,
    }


def tool(name):
    return shutil.which(name)


def main():
    """Runs the tests, printing the name of each and their number. The arguments are classes of
    the file, or, after --except, the classes to omit, so that no class is forgotten when
    a file is split."""
    binary()
    arguments = sys.argv[1:]
    if arguments[:1] == ["--except"]:
        classes = [
            name for name, one in vars(sys.modules["__main__"]).items()
            if isinstance(one, type) and issubclass(one, unittest.TestCase)
            and one.__module__ == "__main__"
        ]  # fmt: skip
        unknown = set(arguments[1:]) - set(classes)
        if unknown:
            sys.exit(f"{sys.argv[0]}: no class {', '.join(sorted(unknown))}")
        arguments = [name for name in classes if name not in arguments[1:]]
    unittest.main(argv=sys.argv[:1] + arguments, verbosity=2)

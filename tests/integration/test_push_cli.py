#!/usr/bin/env python3
"""`waybill push` as a program: its input, its output and its exit status."""

import base64
import gzip
import json
import os
import pathlib
import re
import socket
import subprocess
import time

from common import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY, EXIT_USAGE, FIXTURES
from common import Case, artifact_of, binary, envelope, environment, event, line, main, settings
from support.parts import Registry
from support.scripted_registry import ScriptedRegistry

BAD = FIXTURES / "bad-events"
GOOD = FIXTURES / "events"


def index_rows():
    """Returns (file, class, path) of each invalid event."""
    return [row.split("\t") for row in (BAD / "INDEX").read_text().splitlines()]


class Push(Case):
    @classmethod
    def setUpClass(cls):
        cls.registry = Registry(storage="inmemory")
        cls.addClassCleanup(cls.registry.close)

    def setUp(self):
        super().setUp()
        # Used by this test alone, so that it contains only what the test has pushed.
        self.repository = self.id().rpartition(".")[2].replace("_", "-")
        self.settings = settings(f"{self.registry.address}/{self.repository}")
        self.path = self.config(self.settings)

    def datas(self, done):
        return [self.assert_cloud_event(outcome) for outcome in done.outcomes]

    def statuses(self, done):
        return [data["status"] for data in self.datas(done)]

    def assert_pushed(self, *names):
        for name in names:
            self.assert_stored(self.registry, self.repository, artifact_of(envelope(name)))
        found = [name for name in self.registry.catalog() if name.startswith(f"{self.repository}/")]
        self.assertEqual(len(found), len(names))


class Inputs(Push):
    def test_standard_input(self):
        for arguments in ((), ("-",)):
            with self.subTest(arguments):
                done = self.push(self.path, *arguments, stdin=line(event("a")))
                self.assert_status(done, EXIT_OK)
                data = self.assert_cloud_event(done.outcome)
                self.assertEqual(data["input"], {"file": "-", "index": 0, "id": "-/0"})
        self.assert_pushed("a")

    def test_several_files_in_order(self):
        files = [self.write(f"{name}.json", line(event(name))) for name in "abc"]
        done = self.push(self.path, files[0], "-", *files[1:], stdin=line(event("d")))
        self.assert_status(done, EXIT_OK)
        self.assertEqual(
            [data["input"]["file"] for data in self.datas(done)],
            [files[0], "-", files[1], files[2]],
        )
        self.assert_pushed("a", "b", "c", "d")

    def test_json_lines_in_order(self):
        names = [f"event-{number}" for number in range(100)]
        path = self.write("events.jsonl", b"".join(line(event(name)) for name in names))
        done = self.push(self.path, path)
        self.assert_status(done, EXIT_OK)
        datas = self.datas(done)
        self.assertEqual([data["input"]["index"] for data in datas], list(range(100)))
        self.assertEqual([data["run"]["id"] for data in datas], [f"run-{name}" for name in names])
        self.assertEqual(len({outcome["id"] for outcome in done.outcomes}), 100)
        self.assert_pushed(*names)

    def test_pretty_printed_sequence(self):
        values = [json.dumps(event(name), indent=2) for name in "abc"]
        for separator in ("\n", "", "\r\n\r\n \t"):
            with self.subTest(separator):
                done = self.push(self.path, "-", stdin=separator.join(values).encode())
                self.assert_status(done, EXIT_OK)
                self.assertEqual(self.statuses(done), ["succeeded"] * 3)
        self.assert_pushed("a", "b", "c")

    def test_broken_event_between_good_ones(self):
        broken = b'{"workflow": {"project": "shop", "name": \n'
        pretty = json.dumps(event("c"), indent=2).encode()
        done = self.push(self.path, stdin=line(event("a")) + broken + line(event("b")) + pretty)
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual(self.statuses(done), ["succeeded", "failed", "succeeded", "succeeded"])
        failed = done.outcomes[1]
        self.assertEqual(failed["data"]["input"]["index"], 1)
        self.assertEqual(failed["data"]["error"]["class"], "schema")
        self.assertTrue(failed["data"]["error"]["message"].startswith("$: not JSON: "))
        self.assertFalse({"subject"} & set(failed))
        self.assertFalse({"workflow", "organization", "attachment"} & set(failed["data"]))
        self.assert_pushed("a", "b", "c")

    def test_frame_of_a_schema_registry(self):
        framed = b"\0\0\0\0\x2a" + json.dumps(event("a")).encode()
        done = self.push(self.path, self.write("framed.json", framed))
        self.assert_status(done, EXIT_OK)
        self.assert_pushed("a")

    def test_encodings_are_named(self):
        text = json.dumps(event("a"))
        for value, named in (
            (text.encode("utf-16"), "$: is UTF-16; "),
            (text.encode("utf-16-be"), "$: is UTF-16; "),
            (text.encode("utf-8-sig"), "$: begins with a byte order mark"),
            (gzip.compress(text.encode()), "$: is compressed with gzip; "),
            (b"\0\0\0\0\x07\0\x0a\x02w1", "schema registry (schema id 7) and holds Protobuf"),
            (base64.b64encode(text.encode()), "$: is base64; "),
        ):
            with self.subTest(named):
                done = self.push(self.path, "-", stdin=value)
                self.assert_status(done, EXIT_FAILED)
                error = self.assert_cloud_event(done.outcome)["error"]
                self.assertEqual(error["class"], "schema")
                self.assertIn(named, error["message"])

    def test_bare_envelopes_and_bundles_are_wrapped(self):
        bundle = json.loads((GOOD / "bundle.json").read_bytes())["attestation"]["bundle"]
        values = [envelope("a"), bundle, event("c"), {"no": "event"}]
        stdin = "\n".join(json.dumps(value, indent=1) for value in values).encode()
        done = self.push(self.path, "--workflow", "shop/build-wrapped", "-", stdin=stdin)
        self.assert_status(done, EXIT_FAILED)
        datas = self.datas(done)
        self.assertEqual(self.statuses(done), ["succeeded"] * 3 + ["failed"])
        wrapped = {"project": "shop", "name": "build-wrapped"}
        self.assertEqual([data["workflow"] for data in datas[:2]], [wrapped] * 2)
        self.assertEqual(datas[2]["workflow"], event("c")["workflow"])
        self.assertEqual(datas[3]["error"]["message"], "$.workflow: is missing")
        self.assert_stored(self.registry, self.repository, artifact_of(envelope("a")))

    def test_bare_ones_are_named_without_a_workflow(self):
        done = self.push(self.path, "-", stdin=line(envelope("a")))
        self.assert_status(done, EXIT_FAILED)
        message = self.assert_cloud_event(done.outcome)["error"]["message"]
        self.assertIn("$: this is a bare DSSE envelope", message)
        self.assertIn("--workflow P/N", message)

    def test_an_event_of_another_type_fails(self):
        other = {"specversion": "1.0", "type": "com.example.order", "id": "o1", "source": "s"}
        for kafka in ({}, {"kafka": {"brokers": "127.0.0.1:1", "other_types": "skip"}}):
            path = self.config({**self.settings, **kafka}, "other.yaml")
            done = self.push(path, "-", stdin=line(other))
            self.assert_status(done, EXIT_FAILED)
            data = self.assert_cloud_event(done.outcome)
            self.assertEqual(data["input"]["id"], "o1")
            self.assertIn("$.type: 'com.example.order' is not ", data["error"]["message"])

    def test_urls_of_references_are_not_shown(self):
        """Their queries and user information may contain secrets."""
        secrets = ("hush-user", "hush-password", "hush-signature")
        url = "https://{}:{}@h.example/x?sig={}".format(*secrets)
        digest = f"sha256:{'0' * 64}"
        ref = {"url": url, "digest": digest}
        for value in (
            event("a", attestation={"ref": ref}),
            event("a", attestation={"ref": {**ref, "url": url.replace("https", "ftp")}}),
            event("a", attestation={"ref": {**ref, "digest": "x"}}),
            event("a", materials=[{"name": "m", "ref": {"url": url, "digest": "x"}}, {"type": 7}]),
        ):
            done = self.push(self.path, "-", stdin=line(value))
            self.assert_status(done, EXIT_FAILED)
            for secret in secrets:
                self.assertNotIn(secret, done.out + done.err)

    def test_file_that_is_not_there(self):
        path = self.write("event.json", line(event("a")))
        missing = str(self.directory / "missing.json")
        done = self.push(self.path, missing, path)
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual(self.statuses(done), ["succeeded"])
        self.assertIn(f"{missing} cannot be read: No such file or directory", done.err)
        self.assert_pushed("a")

    def test_folder_instead_of_a_file(self):
        done = self.push(self.path, str(self.directory))
        self.assert_status(done, EXIT_FAILED)
        self.assertEqual(done.out, "")
        self.assertIn("cannot be read: Is a directory", done.err)

    def test_nothing_in_it(self):
        for name in ("empty.json", "blank.json"):
            with self.subTest(name):
                done = self.push(self.path, BAD / name)
                self.assert_status(done, EXIT_OK)
                self.assertEqual(done.out, "")
                self.assertIn(f"{BAD / name} contains no events", done.err)

    def test_bad_events(self):
        self.assertGreater(len(index_rows()), 70)
        for name, kind, path in index_rows():
            if name in ("empty.json", "blank.json"):
                continue  # above
            with self.subTest(name):
                done = self.push(self.path, BAD / name)
                self.assert_status(done, EXIT_FAILED)
                outcome = done.outcome
                data = self.assert_cloud_event(outcome)
                self.assertEqual(data["status"], "failed")
                self.assertEqual(data["error"]["class"], kind)
                # Or the path of a member that is missing there
                self.assertRegex(data["error"]["message"], f"^{re.escape(path)}[.:]")
                self.assertFalse(data["error"]["retriable"])
                self.assertNotIn("attachment", data)
                self.assertEqual("subject" in outcome, "workflow" in data)
                if path == "$":
                    self.assertNotIn("workflow", data)
        self.assert_pushed()

    def test_example_events(self):
        attachments = [{"registration": "local", "workflow": {"project": "*"}}]
        repository = f"{self.registry.address}/{self.repository}"
        path = self.config(settings(repository, attachments=attachments))
        for file in sorted(GOOD.iterdir()):
            with self.subTest(file.name):
                done = self.push(path, file)
                data = self.assert_cloud_event(done.outcome)
                failed = file.name in ("malformed.json", "ref.json")
                self.assertEqual(data["status"], "failed" if failed else "succeeded")
                self.assert_status(done, EXIT_FAILED if failed else EXIT_OK)

    def test_too_large(self):
        path = self.config({**self.settings, "delivery": {"max_event_size": "2KiB"}})
        done = self.push(path, stdin=line(event("a", padding=3000)) + line(event("b")))
        self.assert_status(done, EXIT_FAILED)
        first, second = self.datas(done)
        self.assertEqual(first["error"]["class"], "too_large")
        self.assertIn("delivery.max_event_size", first["error"]["message"])
        self.assertEqual(second["status"], "succeeded")


class Outcomes(Push):
    def test_structured_mode(self):
        more = {"workflow": {"id": "w-1", "name": "build-api", "project": "shop", "team": "core"}}
        path = self.write("event.json", line(event("a", **more)))
        outcome = self.push(self.path, path).outcome
        data = self.assert_cloud_event(outcome)
        wanted = artifact_of(envelope("a"))
        name = f"{self.repository}/chainloop-{wanted.layer_digest[7:]}"
        reference = f"{self.registry.address}/{name}@{wanted.digest}"
        attachment = "local:shop/build-*"
        for key in ("started_at", "finished_at", "duration_ms"):
            data.pop(key)
        self.assertEqual(
            data,
            {
                "status": "succeeded",
                "input": {"file": path, "index": 0, "id": f"{path}/0"},
                "organization": "acme",
                "workflow": more["workflow"],
                "run": {"id": "run-a"},
                "integration": "oci-registry",
                "registration": "local",
                "attachment": attachment,
                "artifact": {
                    "registry": self.registry.address,
                    "repository": name,
                    "reference": reference,
                    "tag": "latest",
                    "digest": wanted.digest,
                    "media_type": "application/vnd.oci.image.manifest.v1+json",
                    "size": len(wanted.manifest),
                    "layer_digest": wanted.layer_digest,
                    "layout": "chainloop",
                    "already_present": False,
                },
                "result": {"reference": reference, "already_present": False},
                "verification": {"status": "off"},
                "attempts": 1,
            },
        )
        self.assertEqual(outcome["id"], f"{path}/0/{attachment}")
        self.assertEqual(outcome["source"], "waybill/push")
        self.assertEqual(outcome["subject"], reference)
        self.assertEqual(outcome["causationid"], f"{path}/0")

    def test_cloud_event(self):
        outcome = self.push(self.path, GOOD / "cloudevent.json").outcome
        data = self.assert_cloud_event(outcome)
        given = json.loads((GOOD / "cloudevent.json").read_bytes())
        self.assertEqual(outcome["causationid"], given["id"])
        self.assertEqual(outcome["traceparent"], given["traceparent"])
        self.assertEqual(data["input"]["id"], given["id"])
        self.assertEqual(data["input"]["time"], "2026-03-06T09:18:47.000Z")
        self.assertEqual(data["artifact"]["layer_digest"], given["data"]["attestation"]["digest"])

    def test_the_registry_sees_the_trace_and_no_more_of_it(self):
        given = json.loads((GOOD / "cloudevent.json").read_bytes())
        given["tracestate"] = "ours=private"
        hostile = {**given, "id": "h", "traceparent": given["traceparent"] + "\r\nX-Evil: 1"}
        with ScriptedRegistry() as registry:
            path = self.config(settings(f"{registry.address}/{self.repository}"))
            outcome = self.push(path, stdin=line(given)).outcome
            log = registry.log()
            registry.reset()
            second = self.push(path, stdin=line(hostile)).outcome
            self.assertEqual(
                [one for one in registry.log() if "traceparent" in one["headers"]], []
            )
        shown = {one["headers"].get("traceparent") for one in log if one["stage"] != "ping"}
        (shown,) = shown
        trace, span = given["traceparent"][:36], given["traceparent"][36:52]
        self.assertRegex(shown, f"^{trace}(?!{span})[0-9a-f]{{16}}-01$")
        self.assertFalse(any("tracestate" in one["headers"] for one in log))
        self.assertEqual(outcome["tracestate"], "ours=private")
        # It is not a failure, and no part of it continues.
        self.assert_cloud_event(second)
        self.assertEqual(second["data"]["status"], "succeeded")
        self.assertNotIn("traceparent", second)
        self.assertNotIn("tracestate", second)

    def test_time_with_an_offset_becomes_utc(self):
        given = json.loads((GOOD / "cloudevent.json").read_bytes())
        given["time"] = "2026-03-06T09:18:47.25+02:30"
        outcome = self.push(self.path, stdin=line(given)).outcome
        data = self.assert_cloud_event(outcome)
        self.assertEqual(data["input"]["time"], "2026-03-06T06:48:47.250Z")

    def test_several_attachments(self):
        attachments = [
            {"registration": "local", "workflow": {"project": "shop", "name": "build-*"}},
            {"registration": "other", "workflow": {"project": "shop"}, "prefix": "team/x"},
            {"registration": "local", "workflow": {"project": "other"}},
            {"registration": "local", "workflow": {"name": "build-api"}, "name": "third"},
        ]
        attachments[3]["prefix"] = "third"
        changed = settings(f"{self.registry.address}/{self.repository}", attachments=attachments)
        other = f"{self.registry.address}/{self.repository}-other"
        changed["registrations"].append({"name": "other", "repository": other})
        done = self.push(self.config(changed), stdin=line(event("a")) + line(event("b")))
        self.assert_status(done, EXIT_OK)
        datas = self.datas(done)
        self.assertEqual(
            [(data["input"]["index"], data["attachment"]) for data in datas],
            [
                (index, name)
                for index in (0, 1)
                for name in ("local:shop/build-*", "other:shop/*:team/x", "third")
            ],
        )
        self.assertEqual(len({outcome["id"] for outcome in done.outcomes}), 6)
        for name in "ab":
            wanted = artifact_of(envelope(name))
            self.assert_stored(self.registry, self.repository, wanted)
            self.assert_stored(self.registry, f"{self.repository}-other", wanted, "team/x")
            self.assert_stored(self.registry, self.repository, wanted, "third")

    def test_attached_by_id(self):
        attachments = [{"registration": "local", "workflow": {"id": "w-1"}}]
        repository = f"{self.registry.address}/{self.repository}"
        path = self.config(settings(repository, attachments=attachments))
        events = [event("a", **{"workflow": {"id": one}}) for one in ("w-1", "w-10", "W-1")]
        done = self.push(path, stdin=b"".join(map(line, events)))
        self.assertEqual(self.statuses(done), ["succeeded", "skipped", "skipped"])

    def test_unattached_is_skipped(self):
        done = self.push(self.path, GOOD / "unattached.json")
        self.assert_status(done, EXIT_OK)
        outcome = done.outcome
        data = self.assert_cloud_event(outcome)
        self.assertEqual(data["status"], "skipped")
        self.assertEqual(data["workflow"]["project"], "lab")
        self.assertEqual(outcome["subject"], data["workflow"]["id"])
        self.assertEqual(data["skip_reason"], "nothing is attached to the workflow")
        self.assertFalse({"attachment", "artifact", "result", "error", "verification"} & set(data))
        self.assert_pushed()

    def test_pushing_twice_is_harmless(self):
        first = self.push(self.path, stdin=line(event("a"))).outcome["data"]["artifact"]
        second = self.push(self.path, stdin=line(event("a"))).outcome["data"]["artifact"]
        self.assertEqual(first, second)

    def test_full_disk_is_no_success(self):
        # Only on systems that have a device which is always full
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        path = self.write("event.json", line(event("a")))
        script = f'"$0" --config {self.path} push {path} >/dev/full'
        done = subprocess.run(
            ["bash", "-c", script, binary()],
            env=environment(self.directory),
            capture_output=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, EXIT_FAILED)
        self.assertIn(b"standard output cannot be written", done.stderr)


class Failures(Push):
    def test_registry_out_of_reach(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = f"127.0.0.1:{closed.getsockname()[1]}"
        path = self.config(settings(f"{address}/att"))
        before = time.monotonic()
        done = self.push(path, stdin=line(event("a")) + line(event("b")))
        self.assertLess(time.monotonic() - before, 30)
        self.assert_status(done, EXIT_TEMPORARY)
        for data in self.datas(done):
            self.assertEqual(data["status"], "failed")
            self.assertEqual(data["attempts"], 10)
            self.assertEqual(data["error"]["class"], "attempts_exhausted")
            self.assertTrue(data["error"]["retriable"])
            self.assertIn("127.0.0.1", data["error"]["message"])
            self.assertNotIn("dead_letter", data)

    def test_registry_that_comes_back(self):
        with ScriptedRegistry("503=3") as registry:
            path = self.config(settings(f"{registry.address}/att"))
            done = self.push(path, stdin=line(event("a")))
            self.assert_status(done, EXIT_OK)
            self.assertGreater(self.assert_cloud_event(done.outcome)["attempts"], 1)
            self.assertEqual(registry.count()["complaints"], [])

    def test_registry_that_refuses(self):
        rows = (
            ("400-manifest-invalid", "rejected", "MANIFEST_INVALID", 400),
            ("403-denied", "auth", "DENIED", 403),
            ("404-name-unknown", "not_found", "NAME_UNKNOWN", 404),
            ("413", "too_large", "SIZE_INVALID", 413),
        )
        for scenario, kind, code, status in rows:
            with self.subTest(scenario), ScriptedRegistry(scenario) as registry:
                path = self.config(settings(f"{registry.address}/att"))
                done = self.push(path, stdin=line(event("a")))
                self.assert_status(done, EXIT_FAILED)
                data = self.assert_cloud_event(done.outcome)
                self.assertEqual(data["error"]["class"], kind)
                self.assertEqual(data["error"]["code"], code)
                self.assertEqual(data["error"]["http_status"], status)
                self.assertEqual(data["attempts"], 1)
                self.assertIn(registry.address, data["error"]["message"])

    def test_what_is_final_outweighs_what_may_pass(self):
        with ScriptedRegistry("500-always") as registry:
            path = self.config(settings(f"{registry.address}/att", delivery={"max_attempts": 2}))
            self.assert_status(self.push(path, stdin=line(event("a"))), EXIT_TEMPORARY)
            done = self.push(path, stdin=b"{}\n" + line(event("a")))
            self.assert_status(done, EXIT_FAILED)
            self.assertEqual(
                [data["error"]["class"] for data in self.datas(done)],
                ["schema", "attempts_exhausted"],
            )


class CommandLine(Push):
    def assert_usage(self, done, *says):
        self.assert_status(done, EXIT_USAGE)
        self.assertEqual(done.out, "")
        for text in says:
            self.assertIn(text, done.err)

    def test_usage(self):
        self.assert_usage(self.waybill(), "no command was given", "Run 'waybill help'")
        self.assert_usage(self.waybill("check", "x"), "takes no arguments, but got 'x'")
        self.assert_usage(self.waybill("push", "--config"), "'--config' needs a value")
        self.assert_usage(self.waybill("check", "--json=yes"), "'--json' takes no value")
        self.assert_usage(self.waybill("zzzzzz"), "no command 'zzzzzz'")
        for wrong in ("shop", "/build", "shop/"):
            for command in ("push", "publish"):
                self.assert_usage(
                    self.waybill(command, "--workflow", wrong),
                    f"--workflow expects PROJECT/NAME, not '{wrong}'",
                )

    def test_near_misses(self):
        for arguments, meant in (
            (("pusch",), "'push'"),
            (("publsh",), "'publish'"),
            (("chekc",), "'check'"),
            (("push", "--confg", "x"), "'--config'"),
            (("--confgi=x", "push"), "'--config'"),
            (("check", "--jsn"), "'--json'"),
            (("config", "shema"), "'schema'"),
        ):
            with self.subTest(arguments):
                self.assert_usage(self.waybill(*arguments), f"did you mean {meant}")

    def test_help(self):
        commands = ("run", "check", "push", "publish", "config", "version")
        done = self.waybill("--help")
        self.assert_status(done, EXIT_OK)
        for command in commands:
            self.assertIn(f"  {command} ", done.out)
            own = self.waybill(command, "--help")
            self.assert_status(own, EXIT_OK)
            self.assertIn(f"Usage: waybill {command}", own.out)
            self.assertEqual(self.waybill("--help", command).out, own.out)
            self.assertEqual(own.err, "")

    def test_a_file_named_like_an_option(self):
        self.write("--json", line(event("a")))
        done = self.push(self.path, "--", "--json")
        self.assert_status(done, EXIT_OK)

    def test_configuration_by_option(self):
        event_file = self.write("event.json", line(event("a")))
        for arguments in (
            ("--config", self.path, "push", event_file),
            ("push", "--config", self.path, event_file),
            ("push", event_file, "--config", self.path),
            ("push", f"--config={self.path}", event_file),
        ):
            with self.subTest(arguments):
                elsewhere = pathlib.Path(self.directory, "elsewhere")
                elsewhere.mkdir(exist_ok=True)
                self.assert_status(self.waybill(*arguments, cwd=elsewhere), EXIT_OK)

    def test_configuration_found(self):
        elsewhere = pathlib.Path(self.directory, "elsewhere")
        elsewhere.mkdir()
        stdin = line(event("a"))
        named = {"WAYBILL_CONFIG": self.path}
        missing = {"WAYBILL_CONFIG": str(self.directory / "missing.yaml")}
        # The directory of the test contains config.yaml.
        self.assert_status(self.waybill("push", stdin=stdin), EXIT_OK)
        self.assert_status(self.waybill("push", stdin=stdin, env=named, cwd=elsewhere), EXIT_OK)
        done = self.waybill("push", stdin=stdin, env=missing)
        self.assert_status(done, EXIT_CONFIG)
        self.assertIn("missing.yaml", done.err)
        done = self.waybill("--config", self.path, "push", stdin=stdin, env=missing)
        self.assert_status(done, EXIT_OK)
        if not os.path.exists("/etc/waybill/config.yaml"):
            done = self.waybill("push", stdin=stdin, cwd=elsewhere)
            self.assert_status(done, EXIT_CONFIG)
            for place in (
                "--config is not given",
                "WAYBILL_CONFIG is not set",
                f"{elsewhere}/config.yaml",
                "/etc/waybill/config.yaml",
            ):
                self.assertIn(place, done.err)
            done = self.waybill("check", "--json", cwd=elsewhere)
            self.assert_status(done, EXIT_CONFIG)
            (fault,) = json.loads(done.out)["faults"]
            self.assertIn("no configuration was found", fault["message"])
            self.assertIn("--config", fault["fix"])

    def test_configuration_wrong(self):
        for content, says in (
            ("", r"config\.yaml.*configures nothing"),
            ("{}", r"config\.yaml:1:1: the file configures nothing"),
            ("log: {level: info}", r"registrations: is required"),
            ("registrations: [", r"config\.yaml:\d+:\d+: "),
            (
                "registrations:\n  - name: a\n    repositry: r.example/x\n",
                r"config\.yaml:3:5: registrations\[0\]\.repositry: unknown key; "
                r"did you mean 'repository' \(since 0\.1\.0\)\?",
            ),
        ):
            with self.subTest(content):
                path = self.write("wrong-config.yaml", content)
                done = self.push(path, stdin=line(event("a")))
                self.assert_status(done, EXIT_CONFIG)
                self.assertEqual(done.out, "")
                self.assertRegex(done.err, says)

    def test_every_fault_at_once(self):
        wrong = settings("Not/A Repository", attachments=[{"registration": "lokal"}])
        wrong["delivery"] = {"concurrency": 0, "max_age": "24 hours"}
        done = self.waybill("check", "--config", self.config(wrong))
        self.assert_status(done, EXIT_CONFIG)
        for key in (
            "registrations[0].repository",
            "attachments[0].registration",
            "attachments[0].workflow",
            "delivery.concurrency",
            "delivery.max_age",
        ):
            self.assertIn(f": {key}: ", done.err)

    def test_environment_overrides(self):
        stdin = line(event("a"))
        env = {"WAYBILL_LOCAL_REPOSITORY": f"{self.registry.address}/{self.repository}-moved"}
        done = self.waybill("push", stdin=stdin, env=env)
        self.assert_status(done, EXIT_OK)
        self.assertTrue(
            done.outcome["data"]["artifact"]["repository"].startswith(f"{self.repository}-moved/")
        )
        done = self.waybill("push", stdin=stdin, env={"WAYBILL_DELIVERY_MAX_EVENT_SIZE": "1KiB"})
        self.assert_status(done, EXIT_OK)
        done = self.waybill("push", stdin=stdin, env={"WAYBILL_DELIVERY_MAX_EVENT_SIZE": "big"})
        self.assert_status(done, EXIT_CONFIG)
        self.assertIn("WAYBILL_DELIVERY_MAX_EVENT_SIZE", done.err)

    def test_check(self):
        done = self.waybill("check")
        self.assert_status(done, EXIT_OK)
        self.assertIn("config.yaml: ok, 1 registration", done.out)
        done = self.waybill("check", "--json")
        found = json.loads(done.out)
        self.assert_check_document(found)
        self.assertEqual((found["ok"], found["faults"]), (True, []))
        self.assertEqual(
            found["attachments"], [{"name": "local:shop/build-*", "registration": "local"}]
        )

    def assert_check_document(self, found):
        """As deploy/reference/check.schema.json describes it"""
        schema = json.loads((FIXTURES.parents[1] / "deploy/reference/check.schema.json").read_text())
        self.assertLessEqual(set(schema["required"]), set(found))
        self.assertLessEqual(set(found), set(schema["properties"]))
        fault = schema["$defs"]["fault"]
        types = {"string": str, "integer": int}
        for one in found["faults"] + found["warnings"]:
            self.assertLessEqual(set(fault["required"]), set(one))
            for name, value in one.items():
                self.assertIsInstance(value, types[fault["properties"][name]["type"]])

    def test_check_lists_faults_as_json(self):
        wrong = settings("r.example/x")
        wrong["registrations"][0]["repositry"] = "r.example/x"
        wrong["delivery"] = {"concurrency": 0}
        path = self.config(wrong, "wrong.yaml")
        done = self.waybill("check", "--json", "--config", path)
        self.assert_status(done, EXIT_CONFIG)
        self.assertEqual(done.err, "")
        found = json.loads(done.out)
        self.assert_check_document(found)
        self.assertFalse(found["ok"])
        keys = {one["key"]: one for one in found["faults"]}
        self.assertEqual(set(keys), {"registrations[0].repositry", "delivery.concurrency"})
        fault = keys["registrations[0].repositry"]
        self.assertEqual((fault["file"], fault["message"]), (path, "unknown key"))
        self.assertIn("'repository'", fault["fix"])
        text = pathlib.Path(path).read_text().splitlines()
        line = text[fault["line"] - 1]
        self.assertEqual(line[fault["column"] - 1 :].split(":")[0], '"repositry"')
        # The same faults, as text
        shown = self.waybill("check", "--config", path).err.splitlines()
        self.assertEqual(len(shown), len(found["faults"]))
        self.assertIn(f"{path}:{fault['line']}:{fault['column']}: {fault['key']}: ", shown[0])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`waybill integration`: the integrations guide, followed literally beside a running service
on Apache Kafka with a real registry; and what the commands do to a configuration file.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import concurrent.futures
import json
import os
import pathlib
import shutil
import stat
import subprocess

import yaml

from common import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_TEMPORARY, EXIT_USAGE
from common import Case, artifact_of, binary, envelope, environment, main

# This skips the whole file if confluent_kafka is missing.
from test_kafka import QUICK, KafkaCase, message_of

from support import documents as docs
from support import minted
from support.parts import Registry

PAGE = "deploy/guide/integrations.md"
EXIT_READ_ONLY = 77
WID = "8a7f0f46-6c0e-4a5e-9f4f-0a3b1f7f2a11"
CONFIG = """\
# The service of the team
kafka:
  brokers: {brokers}
  group: {group}
  topics: {topics}   # our own
registrations:
  - name: local  # always there
    repository: {repository}/local

admin: {{listen: off}}
delivery: {delivery}
"""


class Guide(KafkaCase):
    def setUp(self):
        super().setUp()
        self.create()
        # Neither is minted: the guide has the password on the command line.
        self.key = '{\n  "key": "of the guide"\n}\n'
        self.guarded = Registry(
            htpasswd={"_json_key": " ".join(self.key.split("\n")).strip(), "waybill": "pass word"}
        )
        self.addCleanup(self.guarded.close)
        self.file = self.write(
            "config.yaml",
            CONFIG.format(
                brokers=self.kafka.address,
                group=self.group,
                topics=json.dumps(self.topics),
                repository=f"{self.registry.address}/{self.repository}",
                delivery=json.dumps(QUICK),
            ),
        )
        self.write("service-account.json", self.key)
        self.write("password.txt", "pass word\n")
        folder = self.directory / "bin"
        folder.mkdir()
        (folder / "waybill").symlink_to(os.path.abspath(binary()))
        (folder / "chainloop").symlink_to(os.path.abspath(binary()))
        self.path = f"{folder}:{os.environ['PATH']}"

    def shell(self, text):
        done = subprocess.run(
            ["bash", "-euc", text],
            cwd=self.directory, env=environment(self.directory, {"PATH": self.path}),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, EXIT_OK, f"{text}\n{done.stdout}{done.stderr}")
        return done.stdout

    def applied(self, service):
        return sum(entry.get("msg") == "configuration applied" for entry in service.entries())

    def publish(self, name, **workflow):
        given = {"project": "shop", "name": "build-api", **workflow}
        self.kafka.produce(self.source, [message_of(name, workflow=given)])

    def outcome(self, count):
        """Returns the data of the latest of that many outcomes."""
        return json.loads(self.read("outcomes", count)[-1].value)

    def test_the_guide_of_chainloop(self):
        service = self.serve(self.file)
        listed = self.shell("chainloop integration available list")
        self.assertIn("│ ID ", listed)
        self.assertIn("MATERIAL REQUIREMENT", listed)
        described = self.shell("chainloop integration available describe --name oci-registry")
        for text in ("Registration inputs", "Attachment inputs", "│ password ", "│ prefix "):
            self.assertIn(text, described)
        self.shell(
            "chainloop integration registered add oci-registry \\\n"
            "--name my-registry \\\n"
            f"--opt repository={self.guarded.address}/{self.repository} \\\n"
            "--opt username=_json_key \\\n"
            '--opt "password=$(cat service-account.json)"'
        )
        found = json.loads(self.shell("chainloop integration registered list --json"))
        iid = found[-1]["id"]
        self.assertEqual(found[-1]["config"]["password"], "****")
        before = self.applied(service)
        self.shell(
            f"WID={WID} IID={iid}\n"
            "chainloop integration attached add --workflow $WID --integration $IID "
            "--opt prefix=custom-prefix"
        )
        self.until(lambda: self.applied(service) > before, 30, "reload", service)
        self.publish("one", id=WID)
        data = self.outcome(1)
        self.assertEqual(data["registration"], "my-registry")
        expected = artifact_of(envelope("one"))
        self.assert_stored(self.guarded, self.repository, expected, "custom-prefix")
        # And back, which leaves the file as it was, except for the empty section
        before = self.applied(service)
        self.shell(f"chainloop integration attached delete --id {iid}:{WID}:custom-prefix")
        self.shell(f"chainloop integration registered delete --name {iid}")
        self.until(lambda: self.applied(service) > before, 30, "reload", service)
        self.publish("two", id=WID)
        self.assertNotIn("registration", self.outcome(2))
        self.assertEqual(list((self.directory / "secrets").iterdir()), [])
        self.stop(service)

    def test_the_page_of_the_guide(self):
        file = pathlib.Path(self.file)
        original = file.read_text()
        ran = 0
        for block in docs.blocks(PAGE):
            if block.language != "sh":
                continue
            text = block.text.replace("registry.example.com", self.guarded.address)
            self.shell(text.replace("/attestations", f"/{self.repository}"))
            ran += 1
            if "attached add" in text:
                service = self.serve(self.file)
                self.publish("one", id=WID)
                self.read("outcomes", 2)
                for prefix in ("custom-prefix", "chainloop"):
                    expected = artifact_of(envelope("one"))
                    self.assert_stored(self.guarded, self.repository, expected, prefix)
                self.stop(service)
        self.assertEqual(ran, 4)
        self.assertEqual(file.read_text(), original + "\nattachments:\n")


class FileCase(Case):
    def setUp(self):
        super().setUp()
        self.file = self.directory / "config.yaml"

    def integration(self, *arguments, status=EXIT_OK, **options):
        done = self.waybill("integration", *arguments, **options)
        self.assert_status(done, status)
        return done

    def register(self, name, *arguments, kind="oci-registry", status=EXIT_OK, **options):
        return self.integration(
            *("registered", "add", kind, "--name", name, *arguments), status=status, **options
        )

    def attach(self, workflow, *arguments, **options):
        return self.integration(
            *("attached", "add", "--integration", "ghcr", "--workflow", workflow, *arguments),
            **options,
        )

    def start(self, text="registrations:\n  - {name: ghcr, repository: ghcr.io/acme/a}\n"):
        self.file.write_text(text)
        return text

    def unchanged(self, text):
        self.assertEqual(self.file.read_text(), text)
        self.assertEqual([path.name for path in self.directory.iterdir()], ["config.yaml"])


class Files(FileCase):
    def test_the_example_is_the_same_after_all_was_deleted_again(self):
        text = self.start((docs.ROOT / "config.yaml").read_text())
        self.register("one", "--no-check", "--opt", "repository=ghcr.io/acme/a")
        self.integration("attached", "attach", "--integration", "one", "--workflow", "shop/*")
        self.register("two", "--no-check", "--opt", "url=-", kind="webhook", stdin=b"https://h/x")
        changed = self.file.read_text()
        at = 0
        for line in text.splitlines():
            at = changed.index(line, at) + len(line)
        self.integration("attached", "detach", "one:shop/*")
        self.integration("registered", "delete", "one")
        self.integration("registered", "delete", "--id", "two")
        self.assertEqual(self.file.read_text(), text)

    def test_secrets_are_kept_out_of_the_configuration(self):
        self.start()
        os.chmod(self.file, 0o640)
        secret, url = minted.mint(), f"https://hooks.example.com/{minted.mint()}"
        self.write("secret", f"{secret}\n")
        self.register(
            *("one", "--no-check", "--opt", "repository=h.example.com/a"),
            *("--opt", "username=u", "--opt", "password=@secret"),
        )
        self.register(
            *("two", "--no-check", "--opt", "url=-", "--opt", "headers.Authorization=${env:TOKEN}"),
            kind="webhook", stdin=url.encode(), env={"TOKEN": "t"},
        )  # fmt: skip
        text = self.file.read_text()
        minted.look("the configuration", text.encode())
        one, two = yaml.safe_load(text)["registrations"][1:]
        self.assertEqual(one["password"], "${file:secrets/one.password}")
        self.assertEqual(two["url"], "${file:secrets/two.url}")
        self.assertEqual(two["headers"], {"Authorization": "${env:TOKEN}"})
        self.assertEqual((self.directory / "secrets/one.password").read_text(), secret)
        self.assertEqual((self.directory / "secrets/two.url").read_text(), url)
        for path, mode in (("", 0o750), ("one.password", 0o640), ("two.url", 0o640)):
            found = stat.S_IMODE((self.directory / "secrets" / path).stat().st_mode)
            self.assertEqual(found, mode, path)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o640)
        listed = self.integration("registered", "list", env={"TOKEN": "t"}).out
        self.assertIn("hooks.example.com", listed)
        self.assertIn("url: ****", listed)

    def test_inline_writes_the_value_itself(self):
        self.start()
        secret = minted.mint("${", '"\\')
        self.register(
            *("one", "--no-check", "--inline", "--opt", "repository=h.example.com/a"),
            *("--opt", "username=u", "--opt", "password=-"),
            stdin=secret.encode(),
        )
        written = yaml.safe_load(self.file.read_text())["registrations"][1]["password"]
        self.assertEqual(written, f"${secret}")
        self.assertFalse((self.directory / "secrets").exists())

    def test_commands_at_the_same_time_lose_nothing(self):
        self.start()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: self.attach(f"shop/build-{number}"), range(16)))
        found = json.loads(self.integration("attached", "list", "--json").out)
        names = {f"build-{number}" for number in range(16)}
        self.assertEqual({one["workflow"]["name"] for one in found}, names)

    def test_a_link_leads_to_what_is_changed(self):
        self.start()
        shutil.move(self.file, self.directory / "real.yaml")
        self.file.symlink_to("real.yaml")
        self.attach("shop/*")
        self.assertTrue(self.file.is_symlink())
        self.assertEqual(len(yaml.safe_load(self.file.read_text())["attachments"]), 1)

    def test_attachments_are_listed_by_workflow(self):
        self.start()
        for workflow in ("shop/build-*", "*/docs", "tools/docs", WID):
            self.attach(workflow)

        def listed(*arguments):
            done = self.integration("attached", "ls", "--json", *arguments)
            return [one["id"] for one in json.loads(done.out)]

        self.assertEqual(len(listed()), 4)
        self.assertEqual(listed("--workflow", WID), [f"ghcr:{WID}"])
        self.assertEqual(listed("--project", "shop"), ["ghcr:shop/build-*", "ghcr:*/docs"])
        self.assertEqual(listed("--workflow", "shop/build-api"), ["ghcr:shop/build-*"])
        done = self.integration("attached", "list", "--workflow", "nobody/nothing")
        self.assertEqual(done.out, "there are no integrations attached\n")


class Refusals(FileCase):
    def test_a_registration_that_is_attached_cannot_be_deleted(self):
        self.start()
        self.attach("shop/*")
        text = self.file.read_text()
        done = self.integration("registered", "delete", "ghcr", status=EXIT_FAILED)
        self.assertIn("'ghcr' is attached: 'ghcr:shop/*'", done.err)
        self.assertEqual(self.file.read_text(), text)

    def test_what_is_not_valid_changes_nothing(self):
        text = self.start()
        for status, arguments, said in (
            (EXIT_CONFIG, ("ghcr", "--opt", "repository=ghcr.io/b"), "already the name"),
            (EXIT_CONFIG, ("b", "--opt", "repository=no repository"), "cannot be used"),
            (EXIT_CONFIG, ("b", "--opt", "repository=h/b", "--opt", "chunk_size=1"), "range"),
            (EXIT_USAGE, ("b", "--opt", "username=u"), "missing options: repository"),
            (EXIT_USAGE, ("b", "--opt", "repositry=h/b"), "did you mean 'repository'?"),
        ):
            done = self.register(*arguments, "--no-check", status=status)
            self.assertIn(said, done.err)
            self.assertEqual("Available options" in done.err, status == EXIT_USAGE)
            self.unchanged(text)

    def test_an_attachment_twice_is_refused(self):
        self.start()
        self.attach("shop/*")
        done = self.attach("shop/*", status=EXIT_CONFIG)
        self.assertIn("has the same name, 'ghcr:shop/*'", done.err)

    def test_a_list_in_brackets_is_refused_before_anything_is_written(self):
        text = self.start('registrations: [{name: ghcr, repository: "ghcr.io/acme/a"}]\n')
        done = self.register(
            *("b", "--no-check", "--opt", "repository=h/b", "--opt", "password=x"),
            *("--opt", "username=u"), status=EXIT_CONFIG,
        )  # fmt: skip
        self.assertIn("'registrations' cannot be changed by this command", done.err)
        self.unchanged(text)

    def test_a_configuration_with_faults_is_not_changed(self):
        text = self.start("registrations:\n  - {name: ghcr, repositry: ghcr.io/acme/a}\n")
        for arguments in (
            ("attached", "add", "--integration", "ghcr", "--workflow", "a/b"),
            ("registered", "delete", "ghcr"),
        ):
            done = self.integration(*arguments, status=EXIT_CONFIG)
            self.assertIn("config.yaml:2:18: registrations[0].repositry", done.err)
        self.unchanged(text)


class Endpoints(FileCase):
    def test_what_an_endpoint_refuses_is_not_registered(self):
        text = self.start()
        secret = minted.mint()
        with Registry(htpasswd={"u": secret}) as registry:
            options = ("--opt", f"repository={registry.address}/a", "--opt", "username=u")
            wrong = (*options, "--opt", "password=-")
            done = self.register("b", *wrong, status=EXIT_FAILED, stdin=minted.mint().encode())
            self.assertIn("'b' was not registered", done.err)
            self.unchanged(text)
            self.register("b", *wrong, stdin=secret.encode())
            self.assertIn("secrets/b.password", self.file.read_text())

    def test_an_endpoint_that_does_not_answer_is_not_registered(self):
        text = self.start()
        options = ("--opt", "repository=127.0.0.1:1/a")
        done = self.register("b", *options, status=EXIT_TEMPORARY)
        self.assertIn("--no-check registers it anyway", done.err)
        self.unchanged(text)
        self.register("b", *options, "--no-check")

    def test_an_endpoint_that_cannot_be_asked_is_registered(self):
        self.start()
        done = self.register("b", "--opt", "url=http://127.0.0.1:1/x", kind="webhook")
        self.assertIn("b: delivery: not tried", done.err)


class ReadOnly(FileCase):
    def mounted(self):
        """Makes the file a link into a volume, as the kubelet does."""
        volume = self.directory / "..2026_01_01"
        volume.mkdir()
        shutil.move(self.file, volume)
        (self.directory / "..data").symlink_to(volume.name)
        self.file.symlink_to("..data/config.yaml")

    def test_a_volume_gets_values_of_the_chart(self):
        registrations = "registrations:\n  - {name: ghcr, repository: ghcr.io/acme/a}\n"
        text = self.start('kafka: {brokers: "h:1"}\n' + registrations)
        self.mounted()
        secret = minted.mint()
        done = self.register(
            *("b", "--no-check", "--opt", "repository=h.example.com/b", "--opt", "username=u"),
            *("--opt", "password=-"), stdin=secret.encode(), status=EXIT_READ_ONLY,
        )  # fmt: skip
        expected = {
            "name": "b",
            "integration": "oci-registry",
            "repository": "h.example.com/b",
            "username": "u",
            "password": "${file:/run/secrets/waybill/b-password}",
        }
        self.assertEqual(yaml.safe_load(done.out), {"config": {"registrations": [expected]}})
        self.assertIn("under the key 'b-password'", done.err)
        self.assertIn("part of a Kubernetes volume", done.err)
        done = self.attach("shop/*", status=EXIT_READ_ONLY)
        attachment = {"registration": "ghcr", "workflow": {"project": "shop", "name": "*"}}
        self.assertEqual(yaml.safe_load(done.out), {"config": {"attachments": [attachment]}})
        done = self.integration("registered", "delete", "ghcr", status=EXIT_READ_ONLY)
        self.assertIn("Remove the item", done.err)
        self.assertEqual(self.file.read_text(), text)
        self.assertFalse((self.directory / "secrets").exists())

    def in_namespace(self, mount, *arguments):
        command = f'{mount} && exec "$@"'
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", command, "sh", binary(), "integration", *arguments],
            cwd=self.directory, env=environment(self.directory), input="s3cret",
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def test_a_file_that_cannot_be_written_gets_what_to_write(self):
        text = self.start()
        for mount, reason in (
            ("mount --bind config.yaml config.yaml", "mounted as a single file"),
            ("mount --bind . . && mount -o remount,ro,bind . && cd .", "read-only"),
        ):
            if self.in_namespace(mount, "available", "list").returncode != EXIT_OK:
                self.skipTest("nothing can be mounted here")
            done = self.in_namespace(
                mount.replace("cd .", f"cd {self.directory}"),
                *("registered", "add", "webhook", "--name", "b", "--no-check", "--opt"),
                "url=https://h/x",
            )
            self.assertEqual(done.returncode, EXIT_READ_ONLY, done.stderr)
            expected = {"name": "b", "integration": "webhook", "url": "${file:secrets/b.url}"}
            self.assertEqual(yaml.safe_load(done.stdout), {"registrations": [expected]})
            self.assertIn(reason, done.stderr)
            self.assertEqual(self.file.read_text(), text)


    def test_another_users_file_gets_what_to_write(self):
        if os.geteuid() != 0:
            self.skipTest("only root can be somebody else")
        text = self.start()
        self.directory.chmod(0o777)
        self.file.chmod(0o666)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary()]
            + ["integration", "attached", "add", "--integration=ghcr", "--workflow=a/b"],
            cwd=self.directory, env=environment(self.directory),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode in (126, 127):
            self.skipTest(f"another user cannot start the program here: {done.stderr.strip()}")
        self.assertEqual(done.returncode, EXIT_READ_ONLY, done.stderr)
        self.assertIn("it belongs to another user", done.stderr)
        self.unchanged(text)


class Json(FileCase):
    def test_schemas_are_texts_as_in_chainloop(self):
        (oci, *_) = json.loads(self.integration("available", "list", "--json").out)
        self.assertEqual(oci["name"], "oci-registry")
        schema = json.loads(oci["registration"]["schema"])
        self.assertEqual(schema["required"], ["repository", "username", "password"])
        described = self.integration("available", "describe", "oci-registry", "--json").out
        self.assertEqual(json.loads(described), oci)

    def test_what_was_added_is_one_object(self):
        self.start()
        done = self.register("b", "--no-check", "--json", "--opt", "repository=h.example.com/b")
        self.assertEqual(json.loads(done.out)["config"], {"repository": "h.example.com/b"})
        done = self.attach("shop/*", "--json", "--opt", "prefix=p")
        self.assertEqual(json.loads(done.out)["config"]["prefix"], "p")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`waybill run` in its sandbox, on Apache Kafka: it is closed for every thread, and what
a service has to do continues to work: credential helpers, secrets that are replaced, names.
What an exploit finds there is tried by component_sandbox.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import json
import os
import pathlib
import select
import shutil
import signal
import tempfile

from admin import ask, listening, sample, scrape
from common import main

# This skips the whole file if confluent_kafka is missing.
from test_kafka import KafkaCase, message_of

from support.minted import mint
from support.scripted_registry import ScriptedRegistry

HELPER = """#!/bin/sh
# Runs other programs, reads files of its own and writes some: it is not locked in.
[ "$1" = get ] || exit 1
server=$(cat)
echo "$server" >>"{folder}/asked"
secret=$(cat "{folder}/elsewhere/secret")
printf '{{"ServerURL": "%s", "Username": "pusher", "Secret": "%s"}}' "$server" "$secret"
"""


def status_of(path):
    lines = pathlib.Path(path, "status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def children_of(service):
    found = pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text()
    return [int(pid) for pid in found.split()]


class Sandbox(KafkaCase):
    def setUp(self):
        super().setUp()
        self.create()

    def helper(self):
        """A directory for PATH with a credential helper, which returns `password`"""
        password = mint()
        folder = self.directory / "bin"
        folder.mkdir()
        (self.directory / "elsewhere").mkdir()
        self.write("elsewhere/secret", password)
        program = folder / "docker-credential-vault"
        program.write_text(HELPER.format(folder=self.directory))
        program.chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}, password

    def run_with(self, env=None, **sections):
        sections.setdefault("admin", {"listen": "127.0.0.1:0"})
        service = self.serve(self.configure(**sections), env)
        return service, listening(service)

    def closed(self, service):
        """Returns the log line about the sandbox; the test is skipped if there is none."""
        found = [entry for entry in service.entries() if entry.get("msg") == "sandbox closed"]
        self.assertEqual(len(found), 1, service.tail())
        # The deliveries of a registry write no file.
        self.assertEqual(found[0]["written"], 0)
        if found[0]["seccomp"] != "on":
            self.skipTest("this kernel has no seccomp filters")
        return found[0]

    def deliver(self, name):
        self.kafka.produce(self.source, [message_of(name)])

    def succeeded(self, count, service):
        def enough():
            return len(self.read("outcomes", count, 5)) >= count

        self.until(enough, 60, f"{count} outcomes", service)
        for message in self.read("outcomes", count):
            self.assertEqual(json.loads(message.value)["status"], "succeeded", service.tail())

    def test_every_thread_is_in_it_once_work_has_begun(self):
        service, address = self.run_with()
        self.deliver("a")
        self.succeeded(1, service)
        closed = self.closed(service)
        threads = list(pathlib.Path(f"/proc/{service.pid}/task").iterdir())
        self.assertGreater(len(threads), 5)  # librdkafka's
        for thread in threads:
            status = status_of(thread)
            self.assertEqual(status["Seccomp"], "2", status["Name"])
            self.assertEqual(status["NoNewPrivs"], "1", status["Name"])
        samples = scrape(address)
        self.assertEqual(sample(samples, "waybill_sandbox", part="seccomp"), 1)
        landlock = sample(samples, "waybill_sandbox", part="landlock")
        self.assertEqual(landlock, int(closed["landlock_abi"] > 0))
        self.assertTrue(ask(address, "/status").json["sandbox"]["seccomp"])
        # The data that /metrics reads about the process
        self.assertGreater(sample(samples, "process_open_fds"), 0)
        self.assertGreater(sample(samples, "process_resident_memory_bytes"), 0)
        self.stop(service)

    def test_off_is_off_and_says_so(self):
        service, address = self.run_with(sandbox="off")
        self.deliver("a")
        self.succeeded(1, service)
        self.assertEqual(status_of(f"/proc/{service.pid}")["Seccomp"], self.own_seccomp())
        said = [entry for entry in service.entries() if entry.get("sandbox") == "off"]
        self.assertEqual([entry["level"] for entry in said], ["warn"])
        self.assertEqual(sample(scrape(address), "waybill_sandbox"), 0)
        self.stop(service)

    def test_the_environment_switches_it_off(self):
        service, _ = self.run_with(env={"WAYBILL_SANDBOX": "false"})
        self.assertTrue(service.says("no sandbox"), service.tail())
        self.stop(service)

    @staticmethod
    def own_seccomp():
        """The filter of a container applies to all processes."""
        return status_of("/proc/self")["Seccomp"]

    def test_a_credential_helper_is_run_beside_it(self):
        env, password = self.helper()
        (self.directory / ".docker").mkdir()
        with ScriptedRegistry("auth-basic", users={"pusher": password}) as registry:
            helpers = {"credHelpers": {registry.address: "vault"}}
            self.write(".docker/config.json", json.dumps(helpers))
            service, _ = self.run_with(env, address=registry.address)
            self.assertEqual(self.closed(service)["runner"], "on")
            (runner,) = children_of(service)
            self.assertEqual(status_of(f"/proc/{runner}")["Seccomp"], self.own_seccomp())
            self.deliver("a")
            self.succeeded(1, service)
            asked = (self.directory / "asked").read_text().split()
            self.assertEqual(asked, [registry.address])
            self.stop(service)

    def test_without_a_helper_on_path_there_is_no_other_process(self):
        folder = self.directory / "bin"
        folder.mkdir()
        (folder / "setpriv").symlink_to(shutil.which("setpriv"))  # Process starts it.
        service, _ = self.run_with({"PATH": str(folder)})
        self.assertEqual(self.closed(service)["runner"], "none")
        self.assertEqual(children_of(service), [])
        self.stop(service)

    def test_a_killed_service_leaves_no_runner(self):
        env, _ = self.helper()
        service, _ = self.run_with(env)
        (runner,) = children_of(service)
        watch = os.pidfd_open(runner)
        self.addCleanup(os.close, watch)
        os.kill(service.pid, signal.SIGKILL)
        self.assertTrue(select.select([watch], [], [], 20)[0], "it is still there")

    def test_a_secret_that_is_replaced_is_read_again(self):
        """As Kubernetes does: password -> ..data/password, ..data -> a directory"""
        passwords = [mint(), mint()]
        secrets = self.directory / "secrets"
        for number, password in enumerate(passwords):
            (secrets / f"..{number}").mkdir(parents=True)
            (secrets / f"..{number}" / "password").write_text(password)
        (secrets / "..data").symlink_to("..0")
        (secrets / "password").symlink_to("..data/password")
        chain = [
            {"source": "static", "value": "pusher", "binding": "username"},
            {"source": "file", "path": str(secrets / "password")},
        ]
        users = {"pusher": passwords[0]}
        with ScriptedRegistry("auth-basic", users=users) as registry:
            service, _ = self.run_with(
                address=registry.address, registration={"lookup_chain": chain}
            )
            self.closed(service)
            self.deliver("a")
            self.succeeded(1, service)
            users["pusher"] = passwords[1]
            (secrets / "..new").symlink_to("..1")
            (secrets / "..new").rename(secrets / "..data")
            self.deliver("b")
            self.succeeded(2, service)
            self.stop(service)

    def test_a_file_that_it_keeps_from_us_is_called_that(self):
        """A link that is changed to a directory that was not named"""
        other = tempfile.TemporaryDirectory(prefix="waybill-test-")
        self.addCleanup(other.cleanup)
        pathlib.Path(other.name, "password").write_text(mint())
        (self.directory / "named").mkdir()
        link = self.directory / "named" / "password"
        chain = [{"source": "file", "path": str(link)}]
        with ScriptedRegistry("auth-basic", users={"pusher": mint()}) as registry:
            service, _ = self.run_with(
                address=registry.address, registration={"lookup_chain": chain}
            )
            if self.closed(service)["landlock_abi"] == 0:
                self.skipTest("this kernel has no Landlock")
            link.symlink_to(pathlib.Path(other.name, "password"))
            self.deliver("a")
            self.until(
                lambda: service.says("the sandbox was closed before this file was named"),
                60,
                "the reason",
                service,
            )


if __name__ == "__main__":
    main()

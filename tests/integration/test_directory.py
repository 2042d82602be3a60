#!/usr/bin/env python3
"""An integration that is unlike a registry, in the complete program: config, check, push, run,
explain, the admin port, the sandbox. It delivers to a directory, has no probe, and is built
into `waybill-directory` only.

WAYBILL_TEST_KAFKA=host:port names a broker to share, as for test_kafka.py.
"""

import os
import pathlib
import signal
import sys

if not os.environ.get("WAYBILL_TEST_DIRECTORY_BINARY"):
    sys.exit("WAYBILL_TEST_DIRECTORY_BINARY is not set: the waybill-directory to test")
os.environ["WAYBILL_TEST_BINARY"] = os.environ["WAYBILL_TEST_DIRECTORY_BINARY"]

from admin import ask, listening, sample, scrape  # noqa: E402
from common import EXIT_OK, artifact_of, envelope, event, line, main  # noqa: E402
from directory import KIND, SHOP, DirectoryCase  # noqa: E402
from support.parts import Registry  # noqa: E402


class Directory(DirectoryCase):
    def test_it_is_described(self):
        self.assert_described()

    def test_it_is_checked(self):
        self.assert_checked()
        self.assert_checked_online()

    def test_it_is_pushed_to(self):
        self.assert_pushed()

    def test_it_is_run_explained_and_displayed_in_the_sandbox(self):
        service, address = self.assert_delivered_and_explained()
        self.assert_displayed(address)
        self.assert_in_sandbox(service)
        self.stop(service)

    def test_one_event_goes_to_it_and_to_a_registry(self):
        registry = Registry()
        self.addCleanup(registry.close)
        repository = f"{registry.address}/{self.repository}"
        self.create()
        config = self.files_config(
            [{"name": "local", "repository": repository}],
            [{"registration": "local", "workflow": SHOP}],
        )
        service = self.serve(config)
        self.produce("both")
        kinds = [data["integration"] for data in self.outcomes(3)]
        self.assertEqual(sorted(kinds), [KIND, KIND, "oci-registry"])
        self.assert_written("both")
        self.assert_stored(registry, self.repository, artifact_of(envelope("both")))
        self.stop(service)

    def test_variables_of_every_kind_change_only_what_they_name(self):
        elsewhere = self.folder("elsewhere")
        config = self.files_config([{"name": "more", "integration": KIND, "path": str(self.out)}])
        env = {
            "WAYBILL_FILES_PATH": str(elsewhere),
            "WAYBILL_FILES_REPOSITORY": "registry.invalid/a",
            "WAYBILL_FILES_PASSWORD": "unused",
        }
        done = self.push(config, "-", stdin=line(event("moved")), env=env)
        self.assert_status(done, EXIT_OK)
        self.assert_written("moved", out=elsewhere)
        self.assertEqual(list(self.out.iterdir()), [])

    def test_one_that_is_away_is_waited_for(self):
        self.create()
        service = self.serve(self.files_config())
        address = listening(service)
        away = self.directory / "away"
        self.out.rename(away)
        self.produce("late")

        def down():
            samples = scrape(address)
            return sample(samples, "waybill_registration_down", registration="files")

        self.until(down, 60, "a registration that is down", service)
        (shown,) = ask(address, "/status").json["registrations"]
        self.assertEqual((shown["state"], shown["host"]), ("down", str(self.out)))
        self.assertIn("No such file or directory", shown["last_error"]["message"])
        self.assertEqual(self.read("outcomes"), [])
        away.rename(self.out)
        for data in self.outcomes(2):
            self.assertEqual(data["status"], "succeeded")
        self.assert_written("late")
        self.assert_written("late", "-copy")
        self.assertEqual(self.read("dead_letters"), [])
        self.stop(service)

    def test_one_that_is_named_later_takes_a_restart(self):
        self.create()
        later = self.folder("later")
        service = self.serve(self.files_config())
        self.produce("first")
        self.outcomes(2)
        if self.assert_in_sandbox(service)["landlock_abi"] == 0:
            self.skipTest("this kernel has no Landlock")
        self.files_config(
            [{"name": "later", "integration": KIND, "path": str(later)}],
            [{"registration": "later", "workflow": SHOP}],
        )
        service.signal(signal.SIGHUP)
        self.until(lambda: service.says("configuration applied"), 30, "reload", service)
        self.produce("second")
        reason = "the sandbox was closed before this directory was named"
        self.until(lambda: service.says(reason), 30, "the reason", service)
        self.assertEqual(list(later.iterdir()), [])
        self.stop(service)
        service = self.serve(str(self.directory / "config.yaml"))
        self.outcomes(5)
        self.assert_written("second", out=later)
        self.stop(service)

    def test_without_a_sandbox_it_writes_as_well(self):
        self.create()
        service = self.serve(self.files_config(sandbox="off"))
        self.produce("open")
        self.outcomes(2)
        self.assert_written("open")
        status = pathlib.Path(f"/proc/{service.pid}/status").read_text()
        own = pathlib.Path("/proc/self/status").read_text()
        seccomp = [line for line in own.splitlines() if line.startswith("Seccomp:")]
        self.assertIn(seccomp[0], status)
        self.stop(service)


if __name__ == "__main__":
    main()

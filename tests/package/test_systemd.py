#!/usr/bin/env python3
"""The package's unit under a real systemd, on Apache Kafka: this machine's own files,
with the package on top, booted as a container of their own (systemd-nspawn).

WAYBILL_TEST_PACKAGE_BUILD=FOLDER is where the preset `package` was built,
WAYBILL_TEST_KAFKA=host:port a broker to share. Takes root.
"""

import json
import os
import pathlib
import subprocess

from package_build import BUILD, become_root, need, run, scratch

from common import main, skip_all

# This skips the whole file if confluent_kafka is missing.
from test_kafka import KafkaCase, message_of

from support import minted
from support.parts import Registry
from support.process import Process

PASSWORD = minted.mint()
# No services of this machine, but those that every service can rely on
TARGET = """
[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
"""
DROP_IN = """
[Service]
WatchdogSec=2
RestartSec=1
LoadCredential=password:/etc/waybill/secrets/password
"""


class Machine:
    """A systemd of its own, from construction to close()"""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        # It writes to memory only; of the files of this machine it sees only the disk.
        self.process = None
        top = folder / "top"
        top.mkdir()
        try:
            run("mount", "-t", "tmpfs", "tmpfs", top)
            (top / "upper").mkdir()
            (top / "work").mkdir()
            layers = f"lowerdir=/,upperdir={top}/upper,workdir={top}/work"
            run("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        except AssertionError as problem:
            self.give_up(problem)

    def write(self, name, text, mode=0o644):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def boot(self):
        command = ["systemd-nspawn", "--directory", self.root, "--boot", "--console=pipe"]
        command += ["--register=no", "--keep-unit", "--link-journal=no", "--timezone=off"]
        command += [f"--machine=waybill-{os.getpid()}", "systemd.unit=waybill-test.target"]
        self.process = Process(command, self.folder / "boot.log")
        try:
            self.process.wait_until(self.is_up, 60)
        except (RuntimeError, TimeoutError) as problem:
            self.give_up(problem)

    def give_up(self, problem):
        """Not every machine permits a container to boot."""
        self.close()
        skip_all(f"no systemd can be booted here: {problem}")

    def is_up(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        # The last process is the first one of the machine.
        self.leader = (children.read_text().split() or ["0"])[-1]
        return self.ask("is-active", "waybill-test.target", check=False) == "active\n"

    def inside(self, *command, check=True):
        """Not one of this machine: a process that runs in all namespaces of the container."""
        done = subprocess.run(
            ["nsenter", "--target", self.leader, "--all", *command],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}\n{self.journal()}")
        return done.stdout

    def ask(self, *words, check=True):
        return self.inside("systemctl", "--no-pager", *words, check=check)

    def property(self, name):
        return self.ask("show", "--value", f"--property={name}", "waybill").strip()

    def journal(self):
        words = ("journalctl", "--no-pager", "-o", "cat", "-u", "waybill")
        return self.inside(*words, check=False)

    def close(self):
        if self.process:
            self.process.kill()
        for mounted in (self.root, self.folder / "top"):
            if mounted.is_mount():
                run("umount", "--lazy", mounted)


class Unit(KafkaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.closed = Registry(htpasswd={"waybill": PASSWORD})
        cls.addClassCleanup(cls.closed.close)
        cls.machine = Machine(scratch(cls))
        cls.addClassCleanup(cls.machine.close)
        environment = {**os.environ, "DESTDIR": str(cls.machine.root)}
        run("cmake", "--install", BUILD, "--strip", env=environment)
        units = "etc/systemd/system"
        cls.machine.write(f"{units}/waybill-test.target", TARGET)
        cls.machine.write(f"{units}/waybill.service.d/test.conf", DROP_IN)
        cls.machine.write("etc/waybill/secrets/password", PASSWORD, 0o600)
        cls.machine.boot()

    def start(self, **sections):
        self.create()
        registration = {
            "username": "waybill",
            "password": "${file:/run/credentials/waybill.service/password}",
        }
        config = self.configure(registration, address=self.closed.address, **sections)
        self.machine.write("etc/waybill/config.yaml", pathlib.Path(config).read_text())
        self.machine.ask("start", "waybill")
        self.addCleanup(self.machine.ask, "stop", "waybill")

    def await_property(self, name, value, seconds):
        try:
            self.until(lambda: value in self.machine.property(name), seconds, f"{name} {value}")
        except AssertionError as problem:
            self.fail(f"{problem}\n{self.machine.journal()}")

    def test_it_delivers_with_all_that_the_unit_takes_from_it(self):
        self.start()
        self.assertEqual(self.machine.property("ActiveState"), "active")
        self.await_property("StatusText", "partitions: 1", 30)
        self.kafka.produce(self.source, [message_of("one")])
        data = self.parse(self.read("outcomes", 1)[0])[1]
        self.assert_delivered(data, "one", self.closed)
        pid = self.machine.property("MainPID")
        status = self.machine.inside("cat", f"/proc/{pid}/status")
        self.assertRegex(status, r"Seccomp:\t2\n")
        self.assertRegex(status, r"CapBnd:\t0+\n")
        self.assertNotRegex(status, r"Uid:\t0")
        self.machine.ask("stop", "waybill")
        self.assertEqual(self.machine.property("Result"), "success")
        self.assertEqual(self.machine.property("ExecMainStatus"), "0")
        self.assertNotIn('"level":"error"', self.machine.journal())

    def test_a_reload_applies_a_changed_configuration(self):
        self.start()
        self.await_property("StatusText", "partitions: 1", 30)
        path = self.machine.root / "etc/waybill/config.yaml"
        changed = json.loads(path.read_text())
        changed["log"] = {"level": "debug"}
        self.machine.write("etc/waybill/config.yaml", json.dumps(changed))
        self.machine.ask("reload", "waybill")
        self.until(lambda: "configuration applied" in self.machine.journal(), 15, "reload")
        self.assertIn("partitions: 1", self.machine.ask("status", "waybill"))

    def test_what_stands_still_is_started_again(self):
        self.start()
        self.await_property("StatusText", "partitions: 1", 30)
        pid = self.machine.property("MainPID")
        self.machine.inside("kill", "-STOP", pid)
        self.await_property("NRestarts", "1", 30)
        self.await_property("StatusText", "partitions: 1", 60)
        self.assertNotEqual(self.machine.property("MainPID"), pid)

    def test_a_wrong_configuration_is_not_tried_again(self):
        self.machine.write("etc/waybill/config.yaml", json.dumps({"kafka": {"brokers": 1}}))
        self.machine.ask("start", "waybill", check=False)
        self.await_property("ActiveState", "failed", 10)
        self.assertEqual(self.machine.property("ExecMainStatus"), "78")
        self.assertEqual(self.machine.property("NRestarts"), "0")
        self.machine.ask("reset-failed", "waybill")


if __name__ == "__main__":
    become_root()
    need("systemd-nspawn", "nsenter", "cmake")
    main()

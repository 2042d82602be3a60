"""The instances of the program: they are started, monitored, measured, and ended in several
ways."""

import json
import os
import pathlib
import signal
import subprocess
import time
import typing

from integration.common import environment
from support.process import Process

TICKS = os.sysconf("SC_CLK_TCK")


class Exit(typing.NamedTuple):
    instance: str
    status: int
    asked: str  # How it was ended: kill, term, point, or "" if it ended by itself
    seconds: float  # Seconds from the signal to the exit
    excused: bool  # The fault of its environment may end it.


class Usage(typing.NamedTuple):
    instance: str
    peak_kib: int
    descriptors: int


class Idle(typing.NamedTuple):
    instance: str
    cpu: float  # CPU use as a share of one processor, without work to do


class Way(typing.NamedTuple):
    """The parameters with which an instance is started."""

    environment: dict = {}
    prefix: tuple = ()
    log: str | None = None
    point: str | None = None
    excused: bool = False  # It is allowed to end by itself.


class Instance:
    def __init__(self, name, slot, process, way):
        self.name, self.slot, self.process, self.way = name, slot, process, way
        self.asked, self.asked_at = "", 0.0
        self.paused = False
        self.busy = False  # A fault uses it.
        self.started = time.monotonic()

    @property
    def pid(self):
        return self.process.pid

    def status(self):
        """Returns the exit status (negative for a signal), or None while it is running."""
        return self.process.exit_status()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def usage(self):
        try:
            status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
            descriptors = len(os.listdir(f"/proc/{self.pid}/fd"))
        except OSError:
            return None
        peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        return Usage(self.name, int(peak[0]), descriptors) if peak else None


class _Child(Process):
    def exit_status(self):
        return self._child.poll()


class Fleet:
    """Keeps `wanted` instances, one in each slot. An instance that has ended is replaced unless
    there are more than wanted."""

    def __init__(self, journal, binary, directory, settings, breakage=None):
        self.journal, self.binary = journal, pathlib.Path(binary)
        self._directory = directory
        self._settings, self._breakage = settings, breakage
        self._home = directory / "home"
        self._home.mkdir()
        self.instances = []
        self.wanted = 0
        self.exits, self.usages, self.idles = [], {}, []
        self.logs = []
        self._number = 0
        self._next_ways = {}  # For each slot, how its next instance is started
        self._sampled = 0.0
        self.has_points = b"WAYBILL_FAULT_POINT" in self.binary.read_bytes()

    # Starting

    def start(self, slot, way=Way()):
        self._number += 1
        name = f"i{self._number}"
        log = way.log or self._directory / f"{name}.log"
        if way.log is None:
            self.logs.append(log)
        if self._breakage:
            way = way._replace(
                environment={**way.environment, "WAYBILL_BREAK": self._breakage}
            )
        process = _Child(
            [*self.home_of(slot), *way.prefix, self.binary, "run", "--config",
             self._config(slot)],
            log,
            environment(self._home, way.environment),
        )
        instance = Instance(name, slot, process, way)
        self.instances.append(instance)
        more = {"point": way.point} if way.point else {}
        self.journal.say("started", "starts", instance=name, slot=slot, pid=process.pid, **more)
        self.journal.disturb()
        return instance

    def _config(self, slot):
        """Every other slot has a transactional id that its instances share, as in a StatefulSet."""
        path = self._directory / f"config-{slot}.yaml"
        if not path.exists():
            settings = json.loads(json.dumps(self._settings))
            if slot % 2 == 0:
                settings["kafka"]["transactional_id"] = f"waybill-chaos-{slot}"
            path.write_text(json.dumps(settings, indent=1))
        return path

    def home_of(self, slot):
        """Returns the start of a command line that runs a command on the machine of the slot."""
        return ()

    def next_way(self, slot, way):
        self._next_ways[slot] = way

    # Choosing

    def free(self):
        """Returns the instances that no fault uses and that were not stopped."""
        return [one for one in self.instances if not one.busy and not one.asked]

    def in_slot(self, slot):
        return next((one for one in self.instances if one.slot == slot), None)

    # Ending

    def kill(self, instance):
        self._ask(instance, "kill", signal.SIGKILL)

    def terminate(self, instance):
        self._ask(instance, "term", signal.SIGTERM)

    def _ask(self, instance, what, number):
        instance.asked, instance.asked_at = what, time.monotonic()
        self.journal.say(what, f"{what}s", instance=instance.name)
        self.journal.disturb()
        instance.process.signal(number)

    def pause(self, instance):
        self.journal.say("stopped", "stops", instance=instance.name)
        self.journal.disturb()
        instance.paused = True
        instance.process.signal(signal.SIGSTOP)

    def resume(self, instance):
        self.journal.say("goes on", instance=instance.name)
        self.journal.disturb()
        instance.paused = False
        instance.process.signal(signal.SIGCONT)

    # Monitoring, which is called frequently

    def tend(self):
        for instance in list(self.instances):
            status = instance.status()
            if status is not None:
                self._ended(instance, status)
        for slot in range(self.wanted):
            if self.in_slot(slot) is None:
                self.start(slot, self._next_ways.pop(slot, Way()))
        if time.monotonic() - self._sampled > 1:
            self._sample()

    def _ended(self, instance, status):
        self.instances.remove(instance)
        instance.process.kill()
        asked = instance.asked
        seconds = time.monotonic() - (instance.asked_at if asked else instance.started)
        if asked != "kill" and instance.way.point and status == -signal.SIGKILL:
            asked = "point"
            self.journal.counts[f"killed at {instance.way.point}"] += 1
            self.journal.counts["kills"] += 1
        self.exits.append(Exit(instance.name, status, asked, seconds, instance.way.excused))
        self.journal.say(
            "ended", instance=instance.name, status=status, asked=asked or "nobody",
            seconds=f"{seconds:.1f}",
        )
        self.journal.disturb()

    def _sample(self):
        self._sampled = time.monotonic()
        for instance in self.instances:
            found = instance.usage()
            if found is not None:
                old = self.usages.get(instance.name, found)
                self.usages[instance.name] = Usage(
                    found.instance,
                    max(old.peak_kib, found.peak_kib),
                    max(old.descriptors, found.descriptors),
                )

    def measure_idle(self, seconds=3.0):
        """Measures the CPU use of the instances that have nothing to do."""
        before = {one.name: one.cpu_seconds() for one in self.instances if not one.way.prefix}
        began = time.monotonic()
        time.sleep(seconds)
        for one in self.instances:
            if one.name in before:
                used = one.cpu_seconds() - before[one.name]
                self.idles.append(Idle(one.name, used / (time.monotonic() - began)))

    def stop_all(self, seconds):
        """Sends SIGTERM to each instance. An instance that does not exit is killed, which is
        recorded."""
        self.wanted = 0
        for instance in self.instances:
            if not instance.asked:
                self.terminate(instance)
        deadline = time.monotonic() + seconds
        while self.instances and time.monotonic() < deadline:
            self.tend()
            time.sleep(0.02)
        for instance in list(self.instances):
            self.journal.say("does not end", instance=instance.name)
            instance.process.kill()
            self.exits.append(
                Exit(instance.name, -signal.SIGKILL, "term", seconds, False)
            )
            self.instances.remove(instance)

    def close(self):
        for instance in self.instances:
            instance.process.kill()

    def complaints(self):
        """Returns the messages of sanitizers in the logs."""
        for log in self.logs:
            try:
                text = log.read_text(errors="replace")
            except OSError:
                continue
            for word in ("Sanitizer", "runtime error:"):
                if word in text:
                    yield f"{log}: {word}"


def supports(binary, variable):
    return variable.encode() in pathlib.Path(binary).read_bytes()


def version(binary):
    return subprocess.run(
        [binary, "version"], capture_output=True, text=True, check=False
    ).stdout.strip()

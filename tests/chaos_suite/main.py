"""The command tests/chaos."""

import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

from . import checker, report
from .faults import FAULTS, unusable
from .fleet import supports, version
from .journal import Journal
from .logs import dump
from .scheduler import Scheduler
from .world import World

# The faults that reveal each deliberate defect
BREAKAGES = {
    "drop-metadata": ["kill", "registry-slow", "term"],
    "skip-fencing": ["zombie"],
    "commit-before-push": ["kill", "registry-5xx"],
    "pretend-commit": ["endtxn-cut", "net-cut", "broker-kill", "endtxn-lost", "kill"],
    "keep-lost": ["lost-in-flight"],
    "skip-blob": ["kill"],
}
SPARE = ("kill-all",)  # Not used by default together with kill, which happens often


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="tests/chaos",
        description="Run Waybill on Apache Kafka and real registries, under faults, and check "
        "from the logs that nothing was lost, doubled or made up.",
        epilog="Exit status 0: no violation (with --break: one was found).",
    )
    parser.add_argument("--minutes", type=float, help="how long faults go on (default 1)")
    parser.add_argument("--seconds", type=float, help="the same, in seconds")
    parser.add_argument("--seed", type=int, help="default: drawn, and printed")
    parser.add_argument("--kills", type=int, metavar="N", help="go on until N kill -9 are done")
    parser.add_argument(
        "--faults", default="all", metavar="LIST",
        help="names with commas between them; all; -NAME takes one away (see --list)",
    )
    parser.add_argument("--list", action="store_true", help="print the faults, and end")
    parser.add_argument("--together", type=int, default=2, help="faults at a time (default 2)")
    parser.add_argument("--instances", type=int, default=2, help="of the program (default 2)")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--backlog", type=int, default=400, help="outcomes outstanding")
    parser.add_argument("--rate", type=int, default=150, help="events a second, at most")
    parser.add_argument("--drain", type=float, default=60, help="seconds that the end may take")
    parser.add_argument("--binary", help="the waybill to test")
    parser.add_argument(
        "--break", dest="breakage", choices=sorted(BREAKAGES),
        help="break the program on purpose; then a violation is what is wanted",
    )
    parser.add_argument("--keep", action="store_true", help="keep the logs in any case")
    parser.add_argument("--quiet", action="store_true", help="the journal goes to its file only")
    parser.add_argument("--results", help="a file to add a line to for each invariant")
    options = parser.parse_args(arguments)
    if options.seconds is None:
        options.seconds = 60 * (options.minutes or (1e6 if options.kills else 1))
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return parser, options


def chosen_faults(parser, text, breakage):
    if breakage and text == "all":
        return BREAKAGES[breakage]
    names = []
    for word in text.split(","):
        if word == "all":
            names += [name for name in FAULTS if name not in SPARE]
        elif word.lstrip("-") not in FAULTS:
            parser.error(f"no fault '{word.lstrip('-')}' (see --list)")
        elif word.startswith("-"):
            names = [name for name in names or FAULTS if name != word[1:]]
        else:
            names.append(word)
    return names


def list_faults():
    for one in FAULTS.values():
        needs = f" (needs {one.needs})" if one.needs else ""
        print(f"{one.name:24} {one.text}{needs}")


class Run:
    def __init__(self, options, names):
        self.options = options
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="waybill-chaos-"))
        self.journal = Journal(self.directory / "journal", echo=not options.quiet)
        self.names = names
        self.world = None

    def go(self):
        options = self.options
        self.journal.say(
            "begins", seed=options.seed, binary=options.binary,
            version=repr(version(options.binary)), logs=self.directory,
        )
        self.world = World(
            self.directory, self.journal, options.binary, options.seed, options.brokers,
            options.backlog, options.rate, options.breakage,
        )
        names = []
        for name in self.names:
            why = unusable(name, self.world)
            if why is None:
                names.append(name)
            else:
                self.journal.say(f"left out: {name}: {why}", f"left out: {why}")
        if not names:
            raise RuntimeError("no fault is left")
        began = time.monotonic()
        self.world.begin(options.instances)
        self._trouble(names)
        drained = self._calm()
        logs = self.world.logs(drained)
        return logs, time.monotonic() - began

    def _trouble(self, names):
        options, world = self.options, self.world
        scheduler = Scheduler(
            world, random.Random(f"{options.seed}/faults"), names, options.together
        )
        self._await_outcome(60)
        deadline = time.monotonic() + options.seconds
        while time.monotonic() < deadline and not self._enough():
            world.fleet.tend()
            scheduler.step()
            time.sleep(0.02)
        self.journal.say("no more faults")
        scheduler.finish()
        self.journal.say("the faults have ended")

    def _enough(self):
        wanted = self.options.kills
        return wanted is not None and self.journal.counts["kills"] >= wanted

    def _await_outcome(self, seconds):
        """Waits for a first outcome, because faults need work that they can affect. If there is
        none, the checker reports it."""
        deadline = time.monotonic() + seconds
        while self.world.outcomes == 0 and time.monotonic() < deadline:
            self.world.fleet.tend()
            time.sleep(0.05)
        if self.world.outcomes == 0:
            self.journal.say("no outcome yet", after=f"{seconds} s")

    def _calm(self):
        world = self.world
        drained = world.drain(self.options.drain)
        self.journal.say(
            "not drained" if drained is None else "drained",
            seconds=f"{self.options.drain if drained is None else drained:.1f}",
        )
        if drained is not None:
            time.sleep(1)
            world.fleet.measure_idle()
        world.fleet.stop_all(60)
        return drained

    def close(self):
        if self.world is not None:
            self.world.close()
        self.journal.close()

    def clean(self, keep):
        """Keeps only the logs, because the data of brokers and registries is large."""
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
            return
        for folder in (*self.directory.glob("broker-*/data"), *self.directory.glob("registry-*")):
            shutil.rmtree(folder, ignore_errors=True)


def main(arguments=None):
    parser, options = parse_arguments(arguments)
    if options.list:
        list_faults()
        return 0
    if not options.binary:
        parser.error("--binary is missing (tests/chaos builds one by itself)")
    options.binary = os.path.abspath(options.binary)
    if options.breakage and not supports(options.binary, "WAYBILL_BREAK"):
        parser.error(f"{options.binary} was built without WAYBILL_FAULTS, so nothing breaks it")
    names = chosen_faults(parser, options.faults, options.breakage)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run = Run(options, names)
    keep = True
    try:
        logs, seconds = run.go()
        violations = checker.check(logs, checker.Limits(drain_seconds=options.drain))
        if violations or options.keep:
            dump(logs, run.directory)
        keep = options.keep or (bool(violations) and not options.breakage)
        return conclude(run, logs, violations, seconds)
    finally:
        run.close()
        run.clean(keep)


def conclude(run, logs, violations, seconds):
    options = run.options
    head = [
        ("seed", options.seed),
        ("time", f"{seconds:.0f} s, {options.instances} instances, {options.brokers} broker(s)"),
    ]
    print("\n" + report.table(logs, run.journal, run.world.network, violations, head))
    if violations:
        print("\n" + report.evidence(violations))
    if options.results:
        note(options.results, violations)
    if options.breakage:
        found = ", ".join(sorted({one.invariant for one in violations})) or "nothing"
        print(f"\n--break {options.breakage}: {found} violated (seed {options.seed})")
        return 0 if violations else 1
    if violations:
        print(
            f"\n{len(violations)} violations; seed {options.seed}; the logs are in {run.directory}"
        )
        return 1
    kept = f"; the logs are in {run.directory}" if options.keep else ""
    print(f"\nno violation; seed {options.seed}{kept}")
    return 0


def note(path, violations):
    """Writes the verdicts in the format of tests/run."""
    found = {one.invariant: one for one in reversed(violations)}
    with open(path, "a", encoding="utf-8") as file:
        for name in checker.INVARIANTS:
            one = found.get(name)
            verdict = "failed" if one else "passed"
            reason = f"{one.text}: {one.evidence}".replace("\t", " ") if one else ""
            file.write(f"{verdict}\tchaos {name} {report.TITLES[name]}\t{reason}\n")

"""tests/chaos --scale-out: one instance, four, two, with the network cut between.

Each broker, registry and instance is on a machine of its own (netns.py). Events
come all the time. What is awaited is something that happens, never a time; what was
lost, doubled or made up is for the checker to find, from the logs, as in the rest
of the suite.
"""

import argparse
import contextlib
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
import typing

from . import checker, netns, report
from .fleet import supports, version
from .journal import Journal
from .logs import dump
from .spread import MOST_INSTANCES, Spread
from .world import GROUP, SESSION_SECONDS, TOPICS, TRANSACTION_SECONDS

BREAKAGES = ("keep-lost",)
# The timeout of every event that must happen. A timeout is a violation.
PATIENCE = 120
RATE, BACKLOG = 30, 150
# The number of outcomes that shows progress
SOME = 60
# The slots: those with even numbers have a permanent transactional id.
STATIC, DYNAMIC, LAST = 2, 1, 3


class Stuck(Exception):
    """An event that should have happened did not."""


class Phase(typing.NamedTuple):
    title: str
    began: float  # By the clock of the run
    ended: float
    said: list  # The lines of the table


class Trial:
    """The schedule of actions on a world. `phases` are the results."""

    def __init__(self, world, journal, breakage):
        self.world, self.journal, self.fleet = world, journal, world.fleet
        self._broken = breakage is not None
        self.phases = []
        self.sums = {"rebalances": 0, "committed": 0, "aborted": 0}
        self._said = []

    def go(self):
        self._phase("one instance", self.one)
        self._phase("four instances", self.four)
        self._phase("one of them without brokers", self.without_brokers)
        if not self._broken:
            self._phase("one of them without a registry", self.without_registry)
            self._phase("a broker killed", self.without_coordinator)
            self._phase("two instances", self.two)

    def _phase(self, title, act):
        self.journal.say(f"phase: {title}")
        began, self._said = self.journal.now(), []
        act()
        self.phases.append(Phase(title, began, self.journal.now(), self._said))

    def say(self, text):
        self.journal.say(text)
        self._said.append(text)

    def until(self, ready, what):
        """Waits until ready() returns a true value, and returns that."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.fleet.tend()
            found = ready()
            if found:
                return found
            if time.monotonic() > deadline:
                raise Stuck(f"not within {PATIENCE} s: {what}; {self._picture()}")
            time.sleep(0.05)

    def _picture(self):
        rows = []
        for one in self.fleet.instances:
            code, reasons = self.fleet.readiness(one)
            rows.append(f"{one.name} (slot {one.slot}): {code} {reasons}, {self.partitions(one)}")
        return "; ".join(rows)

    # --- queries

    def partitions(self, instance):
        """Returns the partitions that the instance reads."""
        status = self.fleet.status(instance)
        rows = status["partitions"] if status else ()
        return {one["partition"] for one in rows if not one["revoked"]}

    def shared_by(self, instances):
        """Whether the instances have all partitions, each has some, and none has two owners."""
        parts = [self.partitions(one) for one in instances]
        return (
            all(parts)
            and sum(map(len, parts)) == self.world.partitions
            and len(set().union(*parts)) == self.world.partitions
        )

    def committed(self, instance):
        return self.fleet.counts(instance)("waybill_transactions_total", result="committed")

    def is_ready(self, instance):
        return self.fleet.readiness(instance)[0] == 200

    def registration(self, instance, name):
        status = self.fleet.status(instance)
        rows = status["registrations"] if status else ()
        return next((one for one in rows if one["name"] == name), None)

    def delivered(self, instance, name):
        found = self.until(
            lambda: self.registration(instance, name), f"{instance.name} tells its registrations"
        )
        return found["succeeded"]

    def await_delivered(self, instance, name, wanted, what):
        self.until(lambda: self.delivered(instance, name) >= wanted, what)

    def offsets(self):
        with contextlib.suppress(OSError, RuntimeError):
            found = self.world.cluster.committed(GROUP, TOPICS["attestations"])
            return {partition: one.offset for partition, one in found.items()}
        return {}

    def moved(self, before):
        now = self.offsets()
        return all(
            now.get(one, 0) > before.get(one, 0) for one in range(self.world.partitions)
        )

    def await_progress(self, what, count=SOME):
        wanted = self.world.outcomes + count
        self.until(lambda: self.world.outcomes >= wanted, f"{count} outcomes {what}")

    def await_movement(self, what):
        before = self.until(self.offsets, "committed offsets")
        self.until(lambda: self.moved(before), f"a commit in every partition {what}")

    def await_share(self, instances, what):
        self.until(lambda: self.shared_by(instances), f"all partitions, each once, {what}")

    def note(self, instance):
        """Adds up the counters of an instance that is about to end."""
        counts = self.fleet.counts(instance)
        self.sums["rebalances"] += counts("waybill_rebalances_total")
        for result in ("committed", "aborted"):
            self.sums[result] += counts("waybill_transactions_total", result=result)

    # --- actions

    def one(self):
        self.world.begin(1)
        (only,) = self.fleet.instances
        self.await_share([only], "with one instance")
        self.await_progress("of one instance")

    def four(self):
        self.fleet.wanted = MOST_INSTANCES
        self.fleet.tend()
        all_ = list(self.fleet.instances)
        self.await_share(all_, "with four instances")
        before = {one.name: self.committed(one) for one in all_}
        for one in all_:
            self.until(lambda one=one: self.is_ready(one), f"{one.name} is ready")
            self.until(
                lambda one=one: self.committed(one) > before[one.name],
                f"{one.name} commits something",
            )
        spread = " ".join(str(len(self.partitions(one))) for one in all_)
        self.say(f"partitions of each: {spread}; each has committed")

    def without_brokers(self):
        """Cuts an instance off for longer than the session and an open transaction last. Others
        take over its partitions, and it must not write what it still holds after it has
        returned."""
        victim = self.fleet.in_slot(STATIC)
        others = [one for one in self.fleet.instances if one is not victim]
        node, net = self.fleet.node_of(victim), self.world.nets["kafka"]
        broker = self.world.cluster.brokers[0].advertised
        if not node.reaches(broker):
            raise Stuck(f"{node.name} cannot reach {broker} before it is cut off")
        node.cut(net)
        cut = time.monotonic()
        self.say(f"{victim.name} is cut off from the brokers")
        if node.reaches(broker):
            raise Stuck(f"{node.name} reaches {broker} although it is cut off")
        code, reasons = self.until(lambda: self._unready(victim), f"{victim.name} is not ready")
        self.say(f"/readyz {code}: {'; '.join(reasons)}")
        # A probe must not reveal addresses.
        warning = self.until(lambda: self._warning(victim), "/status has a warning of Kafka's")
        self.say(f"/status: {warning}")
        self.await_share(others, "with the three that are left")
        self.await_movement("by the three that are left")
        self.say(f"the others have its partitions, and go on, after {time.monotonic() - cut:.1f} s")
        self.until(
            lambda: time.monotonic() - cut > SESSION_SECONDS + TRANSACTION_SECONDS,
            "the cut has lasted long enough",
        )
        before = self.committed(victim)
        node.heal(net)
        self.say(f"healed after {time.monotonic() - cut:.1f} s")
        self.until(lambda: self.is_ready(victim), f"{victim.name} is ready again")
        # A member whose partitions were lost but that keeps them reports that it has them.
        if not self._broken:
            self.await_share([victim, *others], "with the one that is back")
        self.until(lambda: self.committed(victim) > before, f"{victim.name} commits again")
        self.say("it is ready again, has partitions and commits")

    def _warning(self, instance):
        status = self.fleet.status(instance)
        return status and status["kafka"].get("last_warning")

    def _unready(self, instance):
        code, reasons = self.fleet.readiness(instance)
        return (code, reasons) if code == 503 and reasons else None

    def without_registry(self):
        """Cuts an instance off from one registry. Only its deliveries to that registry wait, and it
        keeps its partitions."""
        victim = self.fleet.in_slot(DYNAMIC)
        others = [one for one in self.fleet.instances if one is not victim]
        node, net = self.fleet.node_of(victim), self.world.nets["a"]
        node.cut(net)
        self.say(f"{victim.name} is cut off from registry a")
        down = self.until(lambda: self._down(victim), "its registration is down, and it is ready")
        self.say(f"/status: {down['state']}: {down['last_error']['message']}; /readyz 200")
        before = {one.name: self.delivered(one, "one") for one in others}
        elsewhere = self.delivered(victim, "two")
        for one in others:
            self.await_delivered(
                one, "one", before[one.name] + 5, f"{one.name} goes on with registry a"
            )
        self.await_delivered(
            victim, "two", elsewhere + 5, f"{victim.name} goes on with registry b"
        )
        waiting = self.until(lambda: self._waiting(victim), "deliveries wait")
        self.say(f"others go on, it goes on with registry b, {waiting} deliveries wait")
        before = self.delivered(victim, "one")
        node.heal(net)
        self.await_delivered(victim, "one", before + waiting, "what waited is delivered")
        self.until(lambda: self._state(victim) == "flowing", "its registration flows again")
        self.say("healed: what waited is delivered")

    def _state(self, instance):
        row = self.registration(instance, "one")
        return row and row["state"]

    def _waiting(self, instance):
        row = self.registration(instance, "one")
        return row and row["waiting"]

    def _down(self, instance):
        """Another instance could not do more, so it stays ready and keeps its deliveries."""
        row = self.registration(instance, "one")
        if row and row["state"] == "down" and self.is_ready(instance) and self.partitions(instance):
            return row
        return None

    def without_coordinator(self):
        """Kills the broker that is the coordinator of the group, and starts it again."""
        broker = self.world.cluster.coordinator(GROUP)
        broker.kill()
        self.say(f"the group's coordinator, {broker.host}, is killed")
        self.await_movement("with two brokers")
        broker.launch()
        self.until(broker.ready, "the broker is back")
        for one in self.fleet.instances:
            self.until(lambda one=one: self.is_ready(one), f"{one.name} is ready")
        self.await_share(list(self.fleet.instances), "with all brokers")
        self.say("a commit in every partition without it; it is back")

    def two(self):
        self.fleet.wanted = 2
        stopped, killed = self.fleet.in_slot(LAST), self.fleet.in_slot(STATIC)
        left = [one for one in self.fleet.instances if one not in (stopped, killed)]
        for one in (stopped, killed):
            self.note(one)
        self.fleet.terminate(stopped)
        self.fleet.kill(killed)
        self.until(lambda: len(self.fleet.instances) == 2, "two have ended")
        self.await_share(left, "with two instances")
        self.await_movement("by two instances")
        self.say(f"{stopped.name} stopped, {killed.name} killed; the two left go on")

    def drained(self, seconds):
        began = self.journal.now()
        took = self.world.drain(seconds)
        if took is None:
            return None
        self.until(lambda: self._lag() == 0, "no lag")
        self.phases.append(
            Phase("drained", began, self.journal.now(), ["lag 0, by the group's offsets too"])
        )
        return took

    def _lag(self):
        """Adds up the metrics of the instances."""
        return sum(
            self.fleet.counts(one)("waybill_consumer_lag_records")
            for one in self.fleet.instances
        )


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="tests/chaos --scale-out",
        description="Three brokers, two registries and up to four instances, each in a network "
        "namespace of its own: 1 -> 4 -> 2 instances under load, and the network cut between.",
    )
    parser.add_argument("--outside", help=argparse.SUPPRESS)
    parser.add_argument("--binary", help="the waybill to test (default: built)")
    parser.add_argument("--seed", type=int, help="of the load; default: drawn, and printed")
    parser.add_argument("--rate", type=int, default=RATE, help="events a second, at most")
    parser.add_argument("--drain", type=float, default=60, help="seconds that the end may take")
    parser.add_argument(
        "--break", dest="breakage", choices=BREAKAGES,
        help="break the program on purpose; then duplicates are what is wanted",
    )
    parser.add_argument("--keep", action="store_true", help="keep the logs in any case")
    parser.add_argument("--quiet", action="store_true", help="the journal goes to its file only")
    options = parser.parse_args(arguments)
    if not options.binary or options.outside in (None, netns.own()):
        parser.error("this is the machine's own network: start it by tests/chaos --scale-out")
    if options.breakage and not supports(options.binary, "WAYBILL_BREAK"):
        parser.error(f"{options.binary} was built without WAYBILL_FAULTS, so nothing breaks it")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return options


def longest_pause(logs, began, ended):
    """Returns the longest time between two outcomes in seconds, by the clock of the brokers."""
    times = sorted(one.timestamp / 1000 - logs.began for one in logs.outcomes)
    inside = [at for at in times if began <= at <= ended]
    return max((later - earlier for earlier, later in zip(inside, inside[1:])), default=0.0)


def table(trial, logs, violations, options, stuck):
    head = [("seed", options.seed)]
    for one in trial.phases:
        pause = longest_pause(logs, one.began, one.ended)
        head.append((one.title, f"{one.ended - one.began:.1f} s, longest pause {pause:.1f} s"))
        head += [("", text) for text in one.said]
    sums = trial.sums
    head += [
        ("rebalances", f"{sums['rebalances']:.0f}, as the instances saw them"),
        ("transactions", f"{sums['committed']:.0f} committed, {sums['aborted']:.0f} aborted"),
        ("commits refused, partitions lost", "{}, {}".format(*fenced(trial.fleet.logs))),
        ("schedule", f"STUCK: {stuck}" if stuck else "done"),
    ]
    return report.table(logs, trial.journal, trial.world.network, violations, head)


def run(options, directory, journal):
    journal.say("begins", seed=options.seed, version=repr(version(options.binary)))
    world = Spread(
        directory, journal, options.binary, options.seed, brokers=3, backlog=BACKLOG,
        rate=options.rate, breakage=options.breakage,
    )
    with contextlib.closing(world):
        trial, stuck, drained = Trial(world, journal, options.breakage), None, None
        try:
            trial.go()
            drained = trial.drained(options.drain)
            world.fleet.measure_idle()
        except Stuck as problem:
            stuck = str(problem)
            journal.say(f"stuck: {stuck}")
            world.load.stop()
        for one in world.fleet.instances:
            trial.note(one)
        world.fleet.stop_all(60)
        logs = world.logs(drained)
        violations = checker.check(logs, checker.Limits(drain_seconds=options.drain))
        print("\n" + table(trial, logs, violations, options, stuck))
    return logs, violations, stuck


def fenced(logs):
    """Counts the commits that the brokers refused, and the partitions that were lost without a
    revocation."""
    lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
    aborted = [one for one in lines if "transaction aborted" in one]
    words = ("generation id", "fenced", "epoch", "unknown member")
    return (
        sum(1 for one in aborted if any(word in one.lower() for word in words)),
        sum(1 for one in lines if '"partition lost"' in one),
    )


def verdict(options, violations, stuck):
    """Returns the exit status."""
    if violations:
        print("\n" + report.evidence(violations))
    if options.breakage:
        # A late end, or none, is weak evidence.
        found = [one for one in violations if one.text == "a duplicate outcome"]
        print(f"\n--break {options.breakage}: {len(found)} doubled (seed {options.seed})")
        return 0 if found else 1
    if violations or stuck:
        print(f"\n{len(violations)} violations{', and stuck' if stuck else ''}; seed {options.seed}")
        return 1
    print(f"\nno violation; seed {options.seed}")
    return 0


def main(arguments=None):
    options = parse_arguments(arguments)
    options.binary = str(pathlib.Path(options.binary).resolve())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="waybill-scale-out-"))
    journal = Journal(directory / "journal", echo=not options.quiet)
    keep = True
    try:
        logs, violations, stuck = run(options, directory, journal)
        status = verdict(options, violations, stuck)
        keep = options.keep or status != 0
        if keep:
            dump(logs, directory)
            print(f"the logs are in {directory}")
        return status
    finally:
        journal.close()
        clean(directory, keep)


def clean(directory, keep):
    """Keeps only the logs, because the data of the brokers is large."""
    for folder in directory.glob("broker-*/data") if keep else (directory,):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

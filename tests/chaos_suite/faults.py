"""The faults of a run.

A fault is a generator: it causes the fault, yields how long it lasts (a number of seconds,
or a function that decides, with a maximum in seconds), and at the end repairs what it
affected. Several faults may be active at a time, but only one uses a certain instance,
registry or the brokers.
"""

import os
import pathlib
import typing

from .fleet import Way
from .kafka_proxy import APIS, CUT, DELAY, LATE, LOSE_REPLY, Rule
from .registry_proxy import PUSH, Trouble
from .world import SESSION_SECONDS, TRANSACTION_SECONDS

POINTS = (
    *("assigned", "record", "pushed", "submitted", "begun", "produced", "offsets-sent"),
    *("ended", "committed", "revoked", "closing"),
)
FAKETIME = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class Fault(typing.NamedTuple):
    name: str
    act: typing.Callable  # A generator function of (world, random)
    # What the fault needs for itself: brokers, network, a registry, fleet, or "" for one
    # instance
    takes: str
    weight: float
    needs: str | None  # What it requires: points, 3 brokers, or faketime
    text: str


FAULTS = {}


def fault(name, text, takes="", weight=1.0, needs=None):
    def register(act):
        FAULTS[name] = Fault(name, act, takes, weight, needs, text)
        return act

    return register


def unusable(name, world):
    """Returns why the fault is not available here, or None."""
    needs = FAULTS[name].needs
    if needs == "points" and not world.fleet.has_points:
        return "the program was built without fault points (WAYBILL_FAULTS)"
    if needs == "3 brokers" and world.cluster.count < 3:
        return "it requires three brokers (--brokers 3)"
    if needs == "faketime" and not FAKETIME:
        return "there is no libfaketime"
    return None


def _pick(world, random):
    """Returns a running instance that no other fault uses."""
    free = [one for one in world.fleet.free() if not one.paused]
    return random.choice(free) if free else None


def _progress(world, wanted=1):
    goal = world.outcomes + wanted
    return lambda: world.outcomes >= goal


# The process


@fault("kill", "kill -9 at a random moment under load", weight=6)
def _(world, random):
    # The next fault waits until some work was done after the recovery from the last one.
    yield _progress(world, random.choice((1, 1, 20, 100))), 15
    yield random.uniform(0, 0.7)
    victim = _pick(world, random)
    if victim:
        world.fleet.kill(victim)
        yield random.uniform(0, 0.5)


@fault("kill-all", "kill -9 of all instances at once", takes="fleet")
def _(world, random):
    yield _progress(world), 15
    for victim in world.fleet.free():
        world.fleet.kill(victim)
    yield random.uniform(0, 2)


@fault("kill-point", "kill -9 at a named point of the program", weight=6, needs="points")
def _(world, random):
    yield _progress(world), 15
    victim = _pick(world, random)
    if not victim:
        return
    name = random.choice(POINTS)
    often = name in ("record", "pushed")
    count = random.randrange(1, 200 if often else 20) if name not in POINTS[-2:] else 1
    world.fleet.next_way(
        victim.slot,
        Way({"WAYBILL_FAULT_POINT": f"{name}@{count}"}, point=f"{name}"),
    )
    world.fleet.kill(victim)
    yield lambda: victim not in world.fleet.instances, 5
    yield lambda: world.fleet.in_slot(victim.slot) is not None, 5
    armed = world.fleet.in_slot(victim.slot)
    if armed is None:
        return
    armed.busy = True
    gone = lambda: armed not in world.fleet.instances  # noqa: E731
    if name in ("closing", "revoked"):
        yield _progress(world, 20), 10
        if not gone():
            world.fleet.terminate(armed)
    yield gone, 20
    if not gone():
        world.journal.say(f"point {name}@{count} was not reached", "points not reached")
        world.fleet.kill(armed)


@fault("stop-session", "SIGSTOP past the session's timeout, then SIGCONT", weight=2)
def _(world, random):
    yield _progress(world), 10
    yield from _stop(world, random, SESSION_SECONDS * random.uniform(1.3, 2))


@fault("stop-transaction", "SIGSTOP past the transaction's timeout, then SIGCONT")
def _(world, random):
    yield _progress(world), 10
    yield from _stop(world, random, TRANSACTION_SECONDS * random.uniform(1.15, 1.5))


@fault("stop-short", "SIGSTOP for less than any timeout", weight=2)
def _(world, random):
    yield from _stop(world, random, random.uniform(0.2, SESSION_SECONDS * 0.8))


def _stop(world, random, seconds):
    victim = _pick(world, random)
    if not victim:
        return
    victim.busy = True
    world.fleet.pause(victim)
    yield seconds
    world.fleet.resume(victim)
    yield 1.0
    victim.busy = False


@fault("zombie", "SIGSTOP in the middle of a transaction, until others have its partitions",
       takes="network", weight=2)
def _(world, random):
    """Delays AddOffsetsToTxn and freezes its sender. The instance then resumes a transaction of
    a generation that has ended, in time to commit it."""
    rule = Rule(APIS["AddOffsetsToTxn"], DELAY, seconds=SESSION_SECONDS * 0.5)
    world.network.add(rule)
    yield lambda: rule.producer is not None, 15
    world.network.remove(rule)
    victim = _owner(world, rule.producer)
    if victim is None or victim.busy or victim.asked:
        return
    victim.busy = True
    world.fleet.pause(victim)
    yield SESSION_SECONDS * random.uniform(1.7, 2.5)
    world.fleet.resume(victim)
    yield 2.0
    victim.busy = False


def _owner(world, transactional_id):
    """Returns the instance whose producer has this id, found by its slot or its pid."""
    for one in world.fleet.instances:
        if transactional_id == f"waybill-chaos-{one.slot}" or (
            f"-{one.pid}-" in (transactional_id or "")
        ):
            return one
    return None


@fault("lost-in-flight", "SIGSTOP past the session's timeout while a registry is slow",
       takes="registry", weight=2)
def _(world, random):
    trouble = Trouble("slow", ("manifest",), 0.7, SESSION_SECONDS * 0.8)
    for proxy in world.proxies.values():
        proxy.begin(trouble)
    yield SESSION_SECONDS
    yield from _stop(world, random, SESSION_SECONDS * random.uniform(1.3, 2))
    yield SESSION_SECONDS
    for proxy in world.proxies.values():
        proxy.end(trouble)


@fault("term", "SIGTERM under load, and a new one in its place", weight=2)
def _(world, random):
    yield _progress(world), 10
    victim = _pick(world, random)
    if victim:
        world.fleet.terminate(victim)
        yield lambda: victim not in world.fleet.instances, 30


@fault("scale", "one instance, five, two", takes="fleet", weight=2)
def _(world, random):
    before = world.fleet.wanted
    for wanted in (1, 5, 2, before):
        world.journal.say(f"scaling to {wanted}")
        world.fleet.wanted = wanted
        for one in world.fleet.free():
            if one.slot >= wanted:
                random.choice((world.fleet.terminate, world.fleet.kill))(one)
        yield random.uniform(0.5, 5)


# The brokers


@fault("broker-kill", "kill -9 of a broker, and its restart", takes="brokers")
def _(world, random):
    yield from _broker_down(world, random.choice(world.cluster.brokers), random, "kill")


@fault("broker-restart", "a broker's restart in order", takes="brokers")
def _(world, random):
    yield from _broker_down(world, random.choice(world.cluster.brokers), random, "stop")


@fault("coordinator-move", "the group's coordinator goes, another takes over",
       takes="brokers", weight=3, needs="3 brokers")
def _(world, random):
    try:
        broker = world.cluster.coordinator("chaos")
    except (OSError, RuntimeError, StopIteration):
        return
    yield from _broker_down(world, broker, random, random.choice(("kill", "stop")))


def _broker_down(world, broker, random, how):
    world.journal.say(f"broker {how}", f"broker {how}s", broker=broker.address)
    getattr(broker, how)()
    yield lambda: not broker.running(), 30
    if broker.running():
        broker.kill()
    yield random.uniform(0, 4)
    broker.launch()
    yield broker.ready, 60
    world.journal.say("broker is back", broker=broker.address)
    yield 2.0


@fault("broker-pause", "a broker stands still", takes="brokers")
def _(world, random):
    broker = random.choice(world.cluster.brokers)
    world.journal.say("broker pause", "broker pauses", broker=broker.address)
    broker.freeze()
    yield random.uniform(1, 8)
    broker.thaw()
    world.journal.say("broker goes on", broker=broker.address)
    yield 2.0


# --- faults of the network between the program and the brokers


def _requests(name, text, act, **more):
    """Creates a fault that affects single requests: act(random) returns the rule."""

    @fault(name, text, takes="network", **more)
    def _(world, random):
        rule = act(random)
        world.network.add(rule)
        yield lambda: rule.struck >= rule.times, 10
        world.network.remove(rule)
        yield 1.0


_requests(
    "endtxn-late", "EndTxn comes late, in the producer's next transaction (KAFKA-17754)",
    lambda random: Rule(
        APIS["EndTxn"], LATE, seconds=random.uniform(3, 8),
        until=APIS[random.choice(("Produce", "AddOffsetsToTxn", "TxnOffsetCommit"))],
    ),
    weight=2,
)
_requests(
    "endtxn-lost", "EndTxn's answer is lost, once or a few times",
    lambda random: Rule(APIS["EndTxn"], LOSE_REPLY, random.randrange(1, 4)), weight=2,
)
_requests(
    "endtxn-cut", "EndTxn is lost",
    lambda random: Rule(APIS["EndTxn"], CUT, random.randrange(1, 4)),
)
_requests(
    "endtxn-slow", "EndTxn takes long",
    lambda random: Rule(APIS["EndTxn"], DELAY, seconds=random.uniform(1, 13)),
)
_requests(
    "offsets-late", "TxnOffsetCommit comes late",
    lambda random: Rule(
        APIS["TxnOffsetCommit"], LATE, seconds=random.uniform(0.1, 3),
        until=random.choice((None, APIS["AddOffsetsToTxn"], APIS["EndTxn"])),
    ),
)
for _api, _kinds in (
    ("TxnOffsetCommit", (CUT, LOSE_REPLY, DELAY)),
    ("AddOffsetsToTxn", (CUT, LOSE_REPLY, DELAY)),
    ("AddPartitionsToTxn", (CUT, LOSE_REPLY, DELAY, LATE)),
    ("Produce", (CUT, LOSE_REPLY, DELAY, LATE)),
    ("InitProducerId", (CUT, LOSE_REPLY, DELAY, LATE)),
    ("OffsetFetch", (CUT, LOSE_REPLY, DELAY)),
    ("JoinGroup", (CUT, LOSE_REPLY, DELAY)),
    ("SyncGroup", (CUT, LOSE_REPLY, DELAY)),
    ("Heartbeat", (CUT, LOSE_REPLY, DELAY)),
    ("FindCoordinator", (CUT, LOSE_REPLY, DELAY)),
):
    _requests(
        f"net-{_api}", f"{_api} is lost, unanswered, or slow",
        lambda random, api=_api, kinds=_kinds: Rule(
            APIS[api], random.choice(kinds), random.randrange(1, 4), random.uniform(0.2, 4)
        ),
        weight=0.4,
    )


@fault("net-cut", "every connection to the brokers is reset", takes="network")
def _(world, random):
    for _ in range(random.randrange(1, 4)):
        world.journal.say("network: all connections are cut", "network cuts")
        world.background.soon(world.network.cut_all)
        yield random.uniform(0, 1)
    yield 1.0


@fault("net-slow", "every request to the brokers takes longer", takes="network")
def _(world, random):
    world.network.latency = random.uniform(0.02, 0.3)
    world.journal.say("network: slow", seconds=f"{world.network.latency:.3f}")
    yield random.uniform(2, 6)
    world.network.latency = 0.0
    yield 1.0


@fault("net-silent", "connections stay, and nothing passes", takes="network")
def _(world, random):
    world.journal.say("network: silent", "network silences")
    world.background.soon(world.network.clear.clear)
    yield random.uniform(1, 12)
    world.background.soon(world.network.clear.set)
    world.journal.say("network: as before")
    yield 2.0


# The registries


def _registry(name, text, act, weight=1.0):
    @fault(f"registry-{name}", text, takes="registry", weight=weight)
    def _(world, random):
        proxy = world.proxies[random.choice(sorted(world.proxies))]
        trouble = act(random)
        world.journal.say(
            f"registry {proxy.name}: {trouble.action}", f"registry {trouble.action}",
            share=f"{trouble.share:.2f}", of="/".join(trouble.stages),
        )
        proxy.begin(trouble)
        yield random.uniform(1, 6)
        proxy.end(trouble)
        world.journal.say(f"registry {proxy.name}: as before")
        yield 0.5


def _some(random):
    return random.choice((PUSH, ("manifest",), ("put",), ("post",)))


_registry("5xx", "a burst of 500 and 503",
          lambda r: Trouble(r.choice(("500", "503")), _some(r), r.uniform(0.2, 1)))
_registry("429-seconds", "429, Retry-After in seconds",
          lambda r: Trouble("429-seconds", _some(r), r.uniform(0.05, 0.5), r.randrange(1, 4)))
_registry("429-date", "429, Retry-After as a date",
          lambda r: Trouble("429-date", _some(r), r.uniform(0.05, 0.5), r.randrange(2, 5)))
_registry("hang", "requests that are never answered",
          lambda r: Trouble("hang", _some(r), r.uniform(0.02, 0.3)))
_registry("reset", "connections are reset",
          lambda r: Trouble("reset", _some(r), r.uniform(0.1, 1)))
_registry("lost-reply", "the request is done, the answer is lost",
          lambda r: Trouble("lost-reply", _some(r), r.uniform(0.1, 1)), weight=2)
_registry("wrong-digest", "a wrong Docker-Content-Digest for manifests",
          lambda r: Trouble("wrong-digest", ("manifest",), r.uniform(0.01, 0.1)), weight=0.5)
_registry("slow", "answers come late, in another order",
          lambda r: Trouble("slow", _some(r), r.uniform(0.05, 0.5), r.uniform(0.1, 2)), weight=2)
_registry("down", "no connection lasts",
          lambda r: Trouble("down", ("any",)))


@fault("registry-kill", "kill -9 of a registry, and its restart", takes="registry")
def _(world, random):
    name = random.choice(sorted(world.registries))
    world.journal.say(f"registry {name}: kill", "registry kills")
    world.registries[name].kill()
    yield random.uniform(0.5, 4)
    world.registries[name].start()
    world.proxies[name].upstream = ("127.0.0.1", world.registries[name].port)
    yield 1.0


@fault("token-expiry", "tokens are refused, and live a second from now on", takes="registry")
def _(world, random):
    world.journal.say("tokens expire", "token expiries")
    before, world.tokens.lifetime = world.tokens.lifetime, 1
    world.tokens.expire_refresh_tokens()
    trouble = Trouble("unauthorized", PUSH, random.uniform(0.05, 0.3))
    world.proxies["b"].begin(trouble)
    yield random.uniform(2, 6)
    world.proxies["b"].end(trouble)
    world.tokens.lifetime = before
    yield 0.5


# The host


def _in_another_way(world, random, way, seconds, meanwhile=None):
    """Restarts an instance in that way for a while, and then as usual."""
    victim = _pick(world, random)
    if not victim:
        return
    victim.busy = True
    world.fleet.next_way(victim.slot, way)
    world.fleet.kill(victim)
    yield lambda: world.fleet.in_slot(victim.slot) not in (None, victim), 10
    changed = world.fleet.in_slot(victim.slot)
    if changed in (None, victim):
        return
    changed.busy = True
    if meanwhile:
        yield from meanwhile(changed)
    yield seconds
    if changed in world.fleet.instances:
        world.fleet.kill(changed)


@fault("clock", "the wall clock jumps an hour, there and back", needs="faketime", weight=2)
def _(world, random):
    file = world.directory / f"clock-{random.randrange(1 << 30)}"
    file.write_text("+0\n")
    way = Way(
        {
            "LD_PRELOAD": str(FAKETIME[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
    )

    def jumps(_):
        yield random.uniform(3, 6)
        for jump in random.sample(("+3600", "-3600", "+0", "+86400"), 3):
            world.journal.say("clock jumps", "clock jumps", to=jump)
            file.write_text(jump + "\n")
            yield random.uniform(1, 4)

    yield from _in_another_way(world, random, way, 1.0, jumps)


@fault("log-full", "its log is on a disk that is full")
def _(world, random):
    world.journal.say("log: the disk is full", "logs on a full disk")
    yield from _in_another_way(world, random, Way(log="/dev/full"), random.uniform(3, 8))


@fault("log-blocked", "its log is a pipe that nobody reads, for a while")
def _(world, random):
    path = world.directory / f"pipe-{random.randrange(1 << 30)}"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    world.journal.say("log: a pipe that nobody reads", "logs on a full pipe")

    def read(_):
        yield random.uniform(4, 8)
        for _ in range(20):
            try:
                while os.read(reader, 1 << 16):
                    pass
            except BlockingIOError:
                pass
            yield 0.1

    try:
        yield from _in_another_way(world, random, Way(log=str(path)), 0.5, read)
    finally:
        os.close(reader)


@fault("memory", "little memory: it may end, and lose nothing")
def _(world, random):
    limit = random.choice((24, 32, 48)) << 20
    world.journal.say("memory limit", "memory limits", bytes=limit)
    way = Way(prefix=("prlimit", f"--data={limit}", "--"), excused=True)
    yield from _in_another_way(world, random, way, random.uniform(4, 8))


@fault("descriptors", "few descriptors")
def _(world, random):
    limit = random.choice((24, 32, 40))
    world.journal.say("descriptor limit", "descriptor limits", descriptors=limit)
    way = Way(prefix=("prlimit", f"--nofile={limit}", "--"), excused=True)
    yield from _in_another_way(world, random, way, random.uniform(4, 8))

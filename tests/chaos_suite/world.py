"""The whole of a run: brokers, registries, proxies, load, readers and instances."""

import http.client
import json
import time

from support.parts import MANIFEST_TYPES, Registry
from support.token_server import TokenServer, User

from .background import Background
from .cluster import Cluster, behind_proxies
from .fleet import Fleet
from .kafka_proxy import Network
from .logs import Logs, Stored, Throttled
from .readers import Observer, Watcher, read_all
from .registry_proxy import RegistryProxy
from .workload import Load, Maker, Place, settings

TOPICS = {
    "attestations": "attestations",
    "outcomes": "attestation-outcomes",
    "dead_letters": "attestation-dead-letters",
}
GROUP = "chaos"
PARTITIONS = 6
USER, PASSWORD = "pusher", "its-password"
# Timeouts are short, so that a minute holds many of them. The timeout of transactions is
# that of the program: 10 s.
SESSION_SECONDS = 3.0
TRANSACTION_SECONDS = 10.0
PROPERTIES = {
    "session.timeout.ms": str(int(SESSION_SECONDS * 1000)),
    "heartbeat.interval.ms": "500",
}
DELIVERY = {
    "backoff_initial": "50ms",
    "backoff_max": "1s",
    "hold_retry": "1s",
    "answer_timeout": "5s",
    "connect_timeout": "3s",
    "drain": "5s",
    "concurrency": 16,
}


class World:
    """All of it listens on the loopback interface and uses files below `directory`."""

    partitions = PARTITIONS

    def __init__(self, directory, journal, binary, seed, brokers=1, backlog=400, rate=150,
                 breakage=None):
        self.directory, self.journal = directory, journal
        self._closing = []
        self.proxies = {}
        try:
            self._build(binary, seed, brokers, backlog, rate, breakage)
        except BaseException:
            self.close()
            raise

    def _build(self, binary, seed, brokers, backlog, rate, breakage):
        self._place(brokers, seed)
        self.journal.say("brokers are up", count=None, brokers=self.cluster.address)
        # The broker sets the timestamps of outcomes; the checker compares them with the
        # times at which offsets were seen as committed.
        stamped = {"message.timestamp.type": "LogAppendTime"}
        self.cluster.make_topic(TOPICS["attestations"], self.partitions)
        self.cluster.make_topic(TOPICS["outcomes"], 3, stamped)
        self.cluster.make_topic(TOPICS["dead_letters"], 1)
        both = [TOPICS["outcomes"], TOPICS["dead_letters"]]
        self.watcher = Watcher(self.journal, self.cluster.address, both, TOPICS["outcomes"])
        self.watcher.start()
        self.observer = Observer(self.journal, self.cluster, GROUP, TOPICS["attestations"])
        self.observer.start()
        self.load = Load(
            self.journal, self.cluster.address, TOPICS["attestations"], Maker(seed),
            lambda: self.watcher.count, backlog, rate,
        )
        self.fleet = self._own(self._make_fleet(binary, breakage))

    def _place(self, brokers, seed):
        """Creates brokers and registries, and the proxies between them and the program."""
        self.background = self._own(Background())
        self.network = Network(self.journal)
        self.cluster = self._own(
            Cluster(behind_proxies(self.directory, brokers, self.background, self.network))
        )
        self.tokens = self._own(TokenServer(users={USER: User(PASSWORD)}, lifetime=60))
        self.registries = {
            "a": self._own(Registry(data=self.directory / "registry-a")),
            "b": self._own(Registry(data=self.directory / "registry-b", token=self.tokens)),
        }
        for name, registry in self.registries.items():
            proxy = self._own(RegistryProxy(self.background, self.journal, name, seed))
            proxy.upstream = ("127.0.0.1", registry.port)
            self.proxies[name] = proxy
        self.addresses = {name: proxy.address for name, proxy in self.proxies.items()}

    def _make_fleet(self, binary, breakage):
        return Fleet(self.journal, binary, self.directory, self.settings(), breakage)

    def _own(self, thing):
        self._closing.append(thing)
        return thing

    def settings(self):
        kafka = {
            "brokers": self.cluster.advertised,
            "group": GROUP,
            "topics": TOPICS,
            "properties": PROPERTIES,
        }
        return {
            **settings(kafka, self.addresses, USER, PASSWORD),
            "delivery": DELIVERY,
        }

    def begin(self, instances):
        self.load.start()
        self.fleet.wanted = instances
        self.fleet.tend()

    @property
    def outcomes(self):
        """Returns the number of outcomes so far."""
        return self.watcher.count

    # The end.

    def drain(self, seconds):
        """Returns the seconds until everything is committed; None if it takes more than `seconds`."""
        self.load.stop()
        began = time.monotonic()
        ends = self._last_inputs(seconds)
        while time.monotonic() - began < seconds:
            self.fleet.tend()
            if ends is None:
                ends = self._last_inputs(seconds)
            elif self._done(ends):
                return time.monotonic() - began
            time.sleep(0.1)
        return None

    def _last_inputs(self, seconds):
        """Returns {partition: offset of the last record}. The end of the partition may be a
        transaction marker."""
        ends = {}
        for one in read_all(self.cluster.address, [TOPICS["attestations"]], seconds):
            ends[one.partition] = max(one.offset, ends.get(one.partition, -1))
        return ends

    def _done(self, ends):
        try:
            done = self.cluster.committed(GROUP, TOPICS["attestations"])
        except (OSError, RuntimeError):
            return False
        return all(
            partition in done and done[partition].offset > last for partition, last in ends.items()
        )

    def logs(self, drained):
        """Collects the logs. Call it once all instances have ended."""
        self.journal.say("reading what is there in the end")
        address = self.cluster.address
        outcomes = read_all(address, [TOPICS["outcomes"]])
        letters = read_all(address, [TOPICS["dead_letters"]])
        self.watcher.stop(len(outcomes) + len(letters))
        self.observer.stop()
        return Logs(
            inputs=read_all(address, [TOPICS["attestations"]]),
            outcomes=outcomes,
            letters=letters,
            live=self.watcher.messages,
            samples=self.observer.samples,
            registries={name: self._stored(one) for name, one in self.registries.items()},
            addresses=self.addresses,
            lies={Place(name, one) for name, proxy in self.proxies.items() for one in proxy.lies},
            throttles=[
                Throttled(one.registry, one.repository, one.at, one.until, one.early)
                for proxy in self.proxies.values()
                for one in proxy.throttles
            ],
            requests={name: sum(one.counts.values()) for name, one in self.proxies.items()},
            troubled=sum(
                count
                for proxy in self.proxies.values()
                for (_, action), count in proxy.counts.items()
                if action != "passed"
            ),
            exits=self.fleet.exits,
            usages=list(self.fleet.usages.values()),
            idles=self.fleet.idles,
            complaints=list(self.fleet.complaints()),
            drained=drained,
            disturbances=self.journal.disturbances,
            began=-self.journal.of_wall(0),
        )

    @staticmethod
    def _stored(registry):
        """Reads the files through another registry, which requires no token."""
        with Registry(data=registry.data) as reader:
            return read_stored(reader)

    def close(self):
        for thing in reversed(self._closing):
            thing.close()
        self._closing = []


def read_stored(registry):
    """Returns everything that the registry has: {repository: Stored}"""
    names = registry.catalog()
    connection = http.client.HTTPConnection(registry.address, timeout=30)
    try:
        return {name: _read(connection, name) for name in names}
    finally:
        connection.close()


def _get(connection, path):
    connection.request("GET", path, headers={"Accept": ",".join(MANIFEST_TYPES)})
    answer = connection.getresponse()
    body = answer.read()
    return body if answer.status == 200 else None


def _read(connection, name):
    manifest = _get(connection, f"/v2/{name}/manifests/latest")
    if manifest is None:
        listed = _get(connection, f"/v2/{name}/tags/list")
        return Stored((json.loads(listed)["tags"] or []) if listed else [], None, {})
    named = json.loads(manifest)
    blobs = {
        one["digest"]: _get(connection, f"/v2/{name}/blobs/{one['digest']}")
        for one in [named["config"], *named["layers"]]
    }
    return Stored(["latest"], manifest, blobs)

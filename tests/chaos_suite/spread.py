"""The world of the scale-out test: brokers, registries and instances, each on a machine of
its own (netns.py) and connected only by the network."""

import collections
import http.client

from integration.admin import ask, sample, scrape
from support.parts import Registry

from .cluster import Broker, Cluster
from .fleet import Fleet
from .netns import Net, Node, ip
from .world import World, read_stored

CLIENT, DIRECT, CONTROLLER = 9092, 9093, 9094
ADMIN = "127.0.0.1:9464"
# Host numbers
FIRST_BROKER, FIRST_REGISTRY, FIRST_INSTANCE = 11, 21, 31
MOST_INSTANCES = 4


class SpreadFleet(Fleet):
    def __init__(self, nodes, *arguments):
        super().__init__(*arguments)
        self.nodes = nodes

    def home_of(self, slot):
        return self.nodes[slot].prefix

    def node_of(self, instance):
        return self.nodes[instance.slot]

    # The response of the admin port, requested on the machine of the instance, because it
    # listens on its loopback interface. None: no response.

    def status(self, instance):
        answer = self._asked(instance, lambda: ask(ADMIN, "/status"))
        return answer.json if answer and answer.status == 200 else None

    def readiness(self, instance):
        """Returns (status code, reasons)."""
        answer = self._asked(instance, lambda: ask(ADMIN, "/readyz"))
        return (answer.status, answer.json["reasons"]) if answer else (None, [])

    def counts(self, instance):
        """Returns the metrics as a function from a name and labels to a number."""
        found = self._asked(instance, lambda: scrape(ADMIN)) or {}
        return lambda name, **labels: sample(found, name, **labels) or 0

    def _asked(self, instance, question):
        try:
            with self.node_of(instance).inside():
                return question()
        except (OSError, http.client.HTTPException):
            return None


class Spread(World):
    """Eight partitions, so that each of four instances has two."""

    partitions = 8

    def _place(self, brokers, seed):
        ip("link set dev lo up")
        self.nets = {
            name: Net(name, number) for number, name in enumerate(("kafka", "a", "b"), 1)
        }
        self.network = _Untouched()
        self.cluster = self._own(Cluster(self._brokers(brokers)))
        self.registries = {
            name: self._own(self._registry(number, name)) for number, name in enumerate("ab")
        }
        self.addresses = {name: one.address for name, one in self.registries.items()}
        self._instances = [
            self._node(f"instance-{slot}", FIRST_INSTANCE + slot, *self.nets.values())
            for slot in range(MOST_INSTANCES)
        ]

    def _node(self, name, host, *nets):
        return self._own(Node(self.directory, name, host, nets))

    def _brokers(self, count):
        net = self.nets["kafka"]
        for number in range(count):
            node = self._node(f"broker-{number}", FIRST_BROKER + number, net)
            yield Broker(
                self.directory / node.name, (CLIENT, DIRECT, CONTROLLER),
                host=node.address(net), prefix=node.prefix,
            )

    def _registry(self, number, name):
        net = self.nets[name]
        node = self._node(f"registry-{name}", FIRST_REGISTRY + number, net)
        # It is never stopped. Removing thousands of small files would only take time.
        return Registry(storage="inmemory", host=node.address(net), prefix=node.prefix)

    @staticmethod
    def _stored(registry):
        return read_stored(registry)

    def settings(self):
        found = super().settings()
        for one in found["registrations"]:
            one.pop("username", None), one.pop("password", None)
            one["plain_http"] = True
        found["admin"] = {"listen": ADMIN}
        return found

    def _make_fleet(self, binary, breakage):
        return SpreadFleet(
            self._instances, self.journal, binary, self.directory, self.settings(), breakage
        )


class _Untouched:
    """Stands in for the proxies of other worlds, which count requests."""

    def __init__(self):
        self.counts = collections.Counter()

"""Apache Kafka with one broker or three, each with a proxy, or (netns.py) on a host of
its own.

Waybill uses the proxies only, because the brokers advertise their addresses to clients
that come through them. The suite itself and the brokers use a second listener, so that
faults of the network do not affect the readers.
"""

import base64
import os
import signal
import time

from support.kafka import Kafka
from support.process import PARTS, Process, parts

from .kafka_proxy import KafkaProxy

_PROPERTIES = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners=CLIENT://{host}:{client},DIRECT://{host}:{direct},CONTROLLER://{host}:{controller}
advertised.listeners=CLIENT://{advertised},DIRECT://{host}:{direct}
listener.security.protocol.map=CLIENT:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=DIRECT
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
min.insync.replicas={in_sync}
replica.lag.time.max.ms=5000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
auto.create.topics.enable=false
"""
_STARTED = b"Kafka Server started"


class Broker:
    """`ports` are those for clients, for the test suite and for the controllers. `prefix` is
    the start of the command line."""

    def __init__(self, directory, ports, proxy=None, host="127.0.0.1", prefix=()):
        self.directory, self.proxy, self.host = directory, proxy, host
        self.client, self.direct, self.controller = ports
        self.advertised = f"{host}:{proxy.port if proxy else self.client}"
        self._prefix = prefix
        self._process, self._before = None, 0
        self.frozen = False
        directory.mkdir()
        self.log = directory / "kafka.log"

    def configure(self, number, voters, count):
        (self.directory / "kafka.properties").write_text(
            _PROPERTIES.format(
                number=number,
                voters=voters,
                client=self.client,
                direct=self.direct,
                controller=self.controller,
                host=self.host,
                advertised=self.advertised,
                data=self.directory / "data",
                replicas=min(count, 3),
                in_sync=2 if count >= 3 else 1,
            )
        )

    def format(self, cluster):
        """Starts to format the directory; await_format() waits for the end."""
        self._process = self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c")

    def await_format(self):
        deadline = time.monotonic() + 60
        while self._process.running() and time.monotonic() < deadline:
            time.sleep(0.02)
        if not (self.directory / "data" / "meta.properties").exists():
            raise RuntimeError(f"the broker's folder is not made:\n{self._process.tail()}")

    def _java(self, *arguments):
        command = [*self._prefix, "bash", "-euc", '. "$0"; parts_java "$@"', PARTS, *arguments]
        return Process([*command, self.directory / "kafka.properties"], self.log)

    @property
    def address(self):
        return f"{self.host}:{self.direct}"

    def launch(self):
        self._before = self.log.stat().st_size if self.log.exists() else 0
        self._process = self._java("kafka.Kafka")

    def ready(self):
        if not self._process.running():
            raise RuntimeError(f"the broker ended:\n{self._process.tail()}")
        with self.log.open("rb") as log:
            log.seek(self._before)
            return _STARTED in log.read()

    def await_ready(self):
        self._process.wait_until(self.ready, 120)

    def running(self):
        return self._process is not None and self._process.running()

    def kill(self):
        if self._process is not None:
            self._process.kill()
        self.frozen = False

    def stop(self):
        """Stops the broker in order, and returns when it has exited."""
        self._process.signal(signal.SIGTERM)

    def freeze(self):
        self._process.signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self._process.signal(signal.SIGCONT)
        self.frozen = False


def behind_proxies(directory, count, background, network):
    # All ports are chosen at once, so that none is chosen twice.
    ports = list(map(int, parts("parts_free_ports", 3 * count).split()))
    for number in range(count):
        proxy = KafkaProxy(background, network)
        its = ports[3 * number : 3 * number + 3]
        background.soon(setattr, proxy, "upstream", ("127.0.0.1", its[0]))
        yield Broker(directory / f"broker-{number}", its, proxy)


class Cluster(Kafka):
    def __init__(self, brokers):
        # The __init__ of the parent class would look for a shared broker.
        self._process = self._directory = None
        parts("parts_kafka_jars")
        self.brokers = list(brokers)
        self.count = count = len(self.brokers)
        voters = ",".join(
            f"{number + 1}@{one.host}:{one.controller}" for number, one in enumerate(self.brokers)
        )
        name = base64.urlsafe_b64encode(b"w" + os.urandom(15)).decode().rstrip("=")
        try:
            for number, broker in enumerate(self.brokers):
                broker.configure(number + 1, voters, count)
                broker.format(name)
            for broker in self.brokers:
                broker.await_format()
                broker.launch()
            for broker in self.brokers:
                broker.await_ready()
        except BaseException:
            self.close()
            raise
        self.address = ",".join(one.address for one in self.brokers)
        self.advertised = ",".join(one.advertised for one in self.brokers)

    def close(self):
        for broker in self.brokers:
            broker.kill()
            if broker.proxy:
                broker.proxy.close()

    def healthy(self):
        return all(one.running() and not one.frozen for one in self.brokers)

    def coordinator(self, group):
        """Returns the broker that is the coordinator of the group."""
        address = self._coordinator(group)
        return next(one for one in self.brokers if one.address == address)

    def make_topic(self, name, partitions, config=None):
        self.create_topic(name, partitions, config, min(self.count, 3))

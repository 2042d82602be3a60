"""Reads outcomes and dead letters concurrently as a read_committed consumer, and polls the
committed offsets of the group."""

import threading
import time
import typing

import confluent_kafka


class Message(typing.NamedTuple):
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list
    timestamp: int  # Milliseconds; for outcomes, those of the broker
    seen: float = 0.0  # The time at which the concurrent reader received it


class Sample(typing.NamedTuple):
    """The committed offset of the group in a partition, seen at `at` and not in the previous
    sample."""

    at: float
    partition: int
    offset: int
    metadata: str


def _consumer(address, isolation="read_committed"):
    return confluent_kafka.Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "waybill-chaos",  # Required by the library, but not used
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "fetch.wait.max.ms": 50,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
    )


def _places(consumer, topics):
    for topic in topics:
        for partition in _partitions(consumer, topic):
            yield confluent_kafka.TopicPartition(topic, partition, 0)


def _partitions(consumer, topic, seconds=20):
    """With several brokers, one may know a new topic a moment later than another."""
    deadline = time.monotonic() + seconds
    while True:
        known = consumer.list_topics(topic, timeout=seconds).topics[topic]
        if known.partitions and not known.error:
            return known.partitions
        if time.monotonic() > deadline:
            raise confluent_kafka.KafkaException(known.error)
        time.sleep(0.05)


def _of(message, seen):
    return Message(
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        message.headers() or [],
        message.timestamp()[1],
        seen,
    )


class Watcher(threading.Thread):
    """A read_committed reader of all messages."""

    def __init__(self, journal, address, topics, main):
        super().__init__(daemon=True)
        self._journal, self._main = journal, main
        self._consumer = _consumer(address)
        self._consumer.assign(list(_places(self._consumer, topics)))
        self._stopping = threading.Event()
        self.messages = []
        self.count = 0  # The number of messages in the topic `main`
        self.latest = journal.now()

    def run(self):
        while not self._stopping.is_set():
            for message in self._consumer.consume(1000, 0.05):
                if not message.error():
                    self.messages.append(_of(message, self._journal.now()))
                    if message.topic() == self._main:
                        self.count += 1
                        self.latest = self._journal.now()

    def stop(self, wanted, seconds=20):
        """Continues to read until it has all messages, or the time is over."""
        deadline = time.monotonic() + seconds
        while len(self.messages) < wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        self._stopping.set()
        self.join(10)
        self._consumer.close()


class Observer(threading.Thread):
    """Polls the committed offsets of the group."""

    def __init__(self, journal, cluster, group, topic, pause=0.2):
        super().__init__(daemon=True)
        self._journal, self._cluster = journal, cluster
        self._group, self._topic, self._pause = group, topic, pause
        self._stopping = threading.Event()
        self._known = {}
        self.samples = []
        self.looked = 0

    def run(self):
        while not self._stopping.wait(self._pause):
            self.look()

    def look(self):
        try:
            found = self._cluster.committed(self._group, self._topic)
        except (OSError, RuntimeError, ValueError, EOFError, LookupError):
            return  # The brokers are affected by a fault.
        except Exception as problem:  # Errors such as struct.error for a truncated response
            self._journal.say("observer: no answer", why=repr(problem))
            return
        at = self._journal.now()
        self.looked += 1
        for partition, committed in found.items():
            if self._known.get(partition) != committed:
                self._known[partition] = committed
                self.samples.append(Sample(at, partition, *committed))

    def stop(self):
        self._stopping.set()
        self.join(30)
        self.look()


def _ends(address, topics, isolation):
    consumer = _consumer(address, isolation)
    try:
        return [
            consumer.get_watermark_offsets(one, timeout=20)[1]
            for one in _places(consumer, topics)
        ]
    finally:
        consumer.close()


def await_settled(address, topics, seconds):
    """Waits until no transaction is open. A transaction of a killed instance remains open until
    it times out, and no later commit is visible until then."""
    deadline = time.monotonic() + seconds
    while _ends(address, topics, "read_committed") != _ends(address, topics, "read_uncommitted"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"a transaction stays open in {topics}")
        time.sleep(0.1)


def read_all(address, topics, seconds=120):
    """Returns all messages that a new read_committed reader receives at the end."""
    await_settled(address, topics, seconds)
    consumer = _consumer(address)
    try:
        places = list(_places(consumer, topics))
        consumer.assign(places)
        found, at_end = [], set()
        deadline = time.monotonic() + seconds
        while len(at_end) < len(places):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topics} cannot be read to their ends")
            for message in consumer.consume(1000, 0.2):
                error = message.error()
                where = (message.topic(), message.partition())
                if not error:
                    at_end.discard(where)
                    found.append(_of(message, 0.0))
                elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    at_end.add(where)
        return found
    finally:
        consumer.close()

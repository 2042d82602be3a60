"""Between Waybill and the brokers: knows Kafka's frames, and mistreats some.

A frame is its length (4 bytes) and that much. A request begins with its api key,
its version (2 bytes each), and a correlation id (4 bytes), which its response
begins with.
"""

import asyncio
import collections
import dataclasses
import itertools
import struct
import threading

from .background import abort
from .varint import varint

APIS = {
    "Produce": 0,
    "Fetch": 1,
    "ListOffsets": 2,
    "Metadata": 3,
    "OffsetFetch": 9,
    "FindCoordinator": 10,
    "JoinGroup": 11,
    "Heartbeat": 12,
    "LeaveGroup": 13,
    "SyncGroup": 14,
    "ApiVersions": 18,
    "InitProducerId": 22,
    "AddPartitionsToTxn": 24,
    "AddOffsetsToTxn": 25,
    "EndTxn": 26,
    "TxnOffsetCommit": 28,
}
NAMES = {number: name for name, number in APIS.items()}
# The version from which strings are compact and headers have tagged fields
FLEXIBLE = {0: 9, 24: 3, 25: 3, 26: 3, 28: 3}

DELAY = "delay"  # The request is forwarded later, and all further ones wait.
CUT = "cut"  # The request is dropped, and the connection is closed.
# The request is forwarded, its response is dropped, and the connection is closed.
LOSE_REPLY = "lose-reply"
LATE = "late"  # The connection is closed, and the request is forwarded later nevertheless.


@dataclasses.dataclass
class Rule:
    """What happens to the next requests of an API. times is the number of seconds of DELAY; for
    LATE the latest time; until for LATE is the API key of the request that the late one
    precedes: the next one of the same producer.
    """

    api: int
    action: str
    times: int = 1
    seconds: float = 1.0
    until: int | None = None
    struck: int = 0
    producer: str | None = None  # The client that the rule last affected


@dataclasses.dataclass
class _Kept:
    frame: bytes
    upstream: tuple
    producer: str
    until: int | None


def transactional_id(frame):
    """Returns the client of the request, or None."""
    api, version, _, length = struct.unpack_from(">hhih", frame)
    at = 10 + max(length, 0)
    if api not in FLEXIBLE:
        return None
    try:
        if version >= FLEXIBLE[api]:
            at += 1  # no tags
            size, at = varint(frame, at)
            return frame[at : at + size - 1].decode() if size else None
        (size,) = struct.unpack_from(">h", frame, at)
        return frame[at + 2 : at + 2 + size].decode() if size >= 0 else None
    except (struct.error, IndexError, UnicodeDecodeError):
        return None


class Network:
    """The state that all proxies of a cluster share: rules, delays and counters."""

    def __init__(self, journal):
        self.journal = journal
        self.counts = collections.Counter()  # (name of the API, action)
        self.latency = 0.0  # The delay of each request, in seconds
        self.clear = asyncio.Event()  # While it is not set, nothing is forwarded.
        self.clear.set()
        self._rules, self._kept = [], []
        self._connections = set()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def add(self, rule):
        with self._lock:
            self._rules.append(rule)

    def remove(self, rule):
        with self._lock:
            if rule in self._rules:
                self._rules.remove(rule)

    def cut_all(self):
        for connection in list(self._connections):
            connection.end()

    def take(self, api):
        with self._lock:
            for rule in self._rules:
                if rule.api == api:
                    rule.struck += 1
                    if rule.struck >= rule.times:
                        self._rules.remove(rule)
                    return rule
        return None

    def note(self, api, action):
        self.counts[(NAMES.get(api, str(api)), action)] += 1

    def keep(self, frame, upstream, rule):
        kept = _Kept(frame, upstream, transactional_id(frame), rule.until)
        self._kept.append(kept)
        asyncio.get_running_loop().call_later(
            rule.seconds, lambda: asyncio.ensure_future(self._deliver(kept, "in the end"))
        )

    async def before(self, api, frame):
        """Forwards the late request if this is the request that it was waiting for."""
        if not self._kept:
            return
        producer = transactional_id(frame)
        for kept in list(self._kept):
            if kept.until == api and kept.producer == producer:
                await self._deliver(kept, f"in front of the next {NAMES[api]}")

    async def _deliver(self, kept, when):
        if kept not in self._kept:
            return
        self._kept.remove(kept)
        api = struct.unpack_from(">h", kept.frame)[0]
        try:
            reader, writer = await asyncio.open_connection(*kept.upstream)
            writer.write(struct.pack(">i", len(kept.frame)) + kept.frame)
            (length,) = struct.unpack(">i", await asyncio.wait_for(reader.readexactly(4), 5))
            answer = await asyncio.wait_for(reader.readexactly(length), 5)
            writer.close()
            # The start of a response to EndTxn and similar requests: correlation id,
            # throttle time, error
            (error,) = struct.unpack_from(">h", answer, 8)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, struct.error) as why:
            error = repr(why)
        self.journal.say(
            f"late {NAMES[api]} delivered {when}", producer=kept.producer, error=error
        )
        self.note(api, "late delivered")


class _Connection:
    def __init__(self, network, upstream, reader, writer):
        self.network, self.upstream = network, upstream
        self.reader, self.writer = reader, writer
        self.far_reader = self.far_writer = None
        self.lost = None  # The correlation id whose response is dropped

    def end(self):
        for writer in (self.writer, self.far_writer):
            if writer is not None:
                abort(writer)

    async def run(self):
        try:
            self.far_reader, self.far_writer = await asyncio.open_connection(*self.upstream)
        except OSError:
            abort(self.writer)
            return
        self.network._connections.add(self)
        pumps = [
            asyncio.ensure_future(self._requests()),
            asyncio.ensure_future(self._responses()),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.network._connections.discard(self)
            self.end()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _requests(self):
        while True:
            frame = await _frame(self.reader)
            api, _, correlation = struct.unpack_from(">hhi", frame)
            await self.network.clear.wait()
            if self.network.latency:
                await asyncio.sleep(self.network.latency)
            self.network.note(api, "passed")
            await self.network.before(api, frame)
            rule = self.network.take(api)
            if rule is not None and not await self._strike(rule, api, correlation, frame):
                return
            self.far_writer.write(struct.pack(">i", len(frame)) + frame)
            await self.far_writer.drain()

    async def _strike(self, rule, api, correlation, frame):
        """Returns False if the connection ends here."""
        name = NAMES.get(api, api)
        producer = rule.producer = transactional_id(frame)
        self.network.journal.say(f"proxy: {rule.action} {name}", producer=producer)
        self.network.note(api, rule.action)
        if rule.action == DELAY:
            await asyncio.sleep(rule.seconds)
        elif rule.action == LOSE_REPLY:
            self.lost = correlation
        elif rule.action == LATE:
            self.network.keep(frame, self.upstream, rule)
            return False
        else:
            return False
        return True

    async def _responses(self):
        while True:
            frame = await _frame(self.far_reader)
            await self.network.clear.wait()
            if struct.unpack_from(">i", frame)[0] == self.lost:
                return
            self.writer.write(struct.pack(">i", len(frame)) + frame)
            await self.writer.drain()


async def _frame(reader):
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


class KafkaProxy:
    """Listens on `port` for a broker at `upstream`, which need not be running yet."""

    def __init__(self, background, network):
        self.network, self.upstream = network, None
        self._server = background.call(self._listen())
        self._background = background
        self.port = self._server.sockets[0].getsockname()[1]

    async def _listen(self):
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _accept(self, reader, writer):
        try:
            await _Connection(self.network, self.upstream, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError):
            abort(writer)

    def close(self):
        self._background.soon(self._server.close)

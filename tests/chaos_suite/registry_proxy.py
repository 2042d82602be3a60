"""A proxy of a real registry that forwards requests and disturbs some of them. The content is
stored in the registry, where it can be read without the proxy. Kinds of requests: ping get
head post patch put manifest.
"""

import asyncio
import collections
import dataclasses
import email.utils
import random
import re
import threading
import time

from .background import abort

PUSH = ("post", "patch", "put", "manifest")
_PATH = re.compile(rb"/v2/(.+?)/(blobs|manifests|tags)/")
_ERROR = b'{"errors":[{"code":"%s","message":"on purpose"}]}'


@dataclasses.dataclass
class Trouble:
    """What happens to some of the requests while it lasts.

    action   503 500 429-seconds 429-date hang reset lost-reply wrong-digest
             slow unauthorized down
    share    of the requests it strikes
    seconds  of slow; in Retry-After
    """

    action: str
    stages: tuple = PUSH
    share: float = 1.0
    seconds: float = 1.0


@dataclasses.dataclass
class Throttle:
    """A 429 that stated a pause, and the requests for the same repository during that pause."""

    registry: str
    repository: str
    at: float
    until: float
    early: list = dataclasses.field(default_factory=list)  # (time, stage)


class _Ended(Exception):
    """The connection is to be closed."""


class _Answered(Exception):
    """The request is not forwarded."""


class RegistryProxy:
    """Listens on `port`. The registry may start and stop independently."""

    def __init__(self, background, journal, name, seed):
        self.journal, self.name = journal, name
        self.upstream = None  # (host, port)
        self.counts = collections.Counter()  # (stage, result)
        self.lies = set()  # The repositories for which it reported a wrong digest
        self.throttles = []
        self._pending = {}  # {repository: its Throttle}
        self._troubles, self._lock = [], threading.Lock()
        self._random = random.Random(f"{seed}/{name}")
        self._lifted = None  # Set when hanging requests may end
        self._connections = set()
        self._background = background
        self._server = background.call(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def begin(self, trouble):
        with self._lock:
            self._troubles.append(trouble)
        if trouble.action == "down":
            self._background.soon(self._cut_all)

    def end(self, trouble):
        with self._lock:
            self._troubles.remove(trouble)
        self._background.soon(self._lift)

    def close(self):
        self._background.soon(self._server.close)

    async def _listen(self):
        self._lifted = asyncio.Event()
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    def _lift(self):
        self._lifted.set()
        self._lifted = asyncio.Event()

    def _cut_all(self):
        for writer in list(self._connections):
            abort(writer)

    async def _accept(self, reader, writer):
        self._connections.add(writer)
        connection = _Connection(self, reader, writer)
        try:
            while not self._strikes("down", "any"):
                await connection.exchange()
        except (OSError, asyncio.IncompleteReadError, _Ended, ValueError):
            pass
        finally:
            self._connections.discard(writer)
            abort(writer)
            connection.release()

    def _strikes(self, action, stage):
        with self._lock:
            return any(
                one.action == action and (stage == "any" or stage in one.stages)
                for one in self._troubles
            )

    def choose(self, stage):
        with self._lock:
            for one in self._troubles:
                if stage in one.stages and self._random.random() < one.share:
                    return one
        return None

    # --- information for the checker

    def note(self, stage, repository, what):
        self.counts[(stage, what)] += 1
        throttle = self._pending.get(repository)
        if throttle is not None:
            now = self.journal.now()
            if now < throttle.until:
                throttle.early.append((now, stage))
            else:
                del self._pending[repository]

    def throttled(self, repository, seconds):
        now = self.journal.now()
        throttle = Throttle(self.name, repository, now, now + seconds)
        self.throttles.append(throttle)
        self._pending[repository] = throttle


class _Connection:
    """A client connection and its own connection to the registry."""

    def __init__(self, proxy, reader, writer):
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.far = None

    def release(self):
        if self.far is not None:
            abort(self.far[1])

    async def exchange(self):
        line, headers, body = await _message(self.reader, request=True)
        method, target, _ = line.split(b" ", 2)
        stage = _stage(method, target)
        found = _PATH.match(target)
        repository = found[1].decode() if found else ""
        trouble = self.proxy.choose(stage)
        action = trouble.action if trouble else "passed"
        self.proxy.note(stage, repository, action)
        if trouble is not None:
            try:
                headers = await self._before(trouble, repository, headers)
            except _Answered:
                return
        answer = await self._forward(line, headers, body, method == b"HEAD")
        if trouble is not None:
            answer = await self._after(trouble, repository, answer)
        self._send(*answer)
        await self.writer.drain()

    async def _before(self, trouble, repository, headers):
        action = trouble.action
        if action in ("503", "500"):
            await self._answer(int(action), b"UNAVAILABLE")
        elif action in ("429-seconds", "429-date"):
            await self._throttle(trouble, repository)
        elif action == "hang":
            await self.proxy._lifted.wait()
            raise _Ended
        elif action in ("reset", "down"):
            raise _Ended
        elif action == "unauthorized":
            headers = [one for one in headers if one[0].lower() != b"authorization"]
        elif action == "slow":
            await asyncio.sleep(trouble.seconds)
        return headers

    async def _throttle(self, trouble, repository):
        seconds = int(trouble.seconds)
        when = str(seconds)
        if trouble.action == "429-date":
            # A date has whole seconds, so the pause may be up to a second shorter.
            when = email.utils.formatdate(time.time() + seconds, usegmt=True)
            seconds -= 1
        self.proxy.throttled(repository, seconds)
        await self._answer(429, b"TOOMANYREQUESTS", (b"Retry-After", when.encode()))

    async def _answer(self, status, code, *headers):
        body = _ERROR % code
        self._send(
            b"HTTP/1.1 %d On purpose" % status,
            [
                (b"Content-Type", b"application/json"),
                (b"Content-Length", b"%d" % len(body)),
                *headers,
            ],
            body,
        )
        await self.writer.drain()
        raise _Answered

    async def _after(self, trouble, repository, answer):
        line, headers, body = answer
        if trouble.action == "lost-reply":
            raise _Ended
        if trouble.action == "wrong-digest" and line.split(b" ")[1][:1] == b"2":
            wrong = [
                (name, b"sha256:" + b"0" * 64 if name.lower() == b"docker-content-digest" else value)
                for name, value in headers
            ]
            if wrong != headers:
                self.proxy.lies.add(repository)
            headers = wrong
        return line, headers, body

    async def _forward(self, line, headers, body, bodiless):
        # The idle connection may have been closed, so one more attempt is made on a new
        # one.
        for attempt in range(2):
            fresh = self.far is None
            if fresh:
                self.far = await asyncio.open_connection(*self.proxy.upstream)
            reader, writer = self.far
            try:
                writer.write(_bytes(line, headers, body))
                await writer.drain()
                answer = await _message(reader, request=False, bodiless=bodiless)
                break
            except (OSError, asyncio.IncompleteReadError):
                self.release()
                self.far = None
                if fresh or attempt:
                    raise
        if any(n.lower() == b"connection" and v.lower() == b"close" for n, v in answer[1]):
            self.release()
            self.far = None
        return answer

    def _send(self, line, headers, body):
        self.writer.write(_bytes(line, headers, body))


def _stage(method, target):
    if b"/manifests/" in target:
        return {b"PUT": "manifest", b"HEAD": "head"}.get(method, "get")
    if b"/blobs/" in target:
        return method.decode().lower()
    return "ping"


def _bytes(line, headers, body):
    lines = [line, *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def _message(reader, request, bodiless=False):
    """Returns (first line, headers, body)."""
    head = await reader.readuntil(b"\r\n\r\n")
    line, *rest = head[:-4].split(b"\r\n")
    headers = []
    for one in rest:
        name, _, value = one.partition(b":")
        headers.append((name, value.strip()))
    given = {name.lower(): value for name, value in headers}
    if bodiless or (not request and line.split(b" ")[1] in (b"204", b"304")):
        return line, headers, b""
    if given.get(b"transfer-encoding", b"").lower() == b"chunked":
        body = await _chunks(reader)
        headers = [one for one in headers if one[0].lower() != b"transfer-encoding"]
        headers.append((b"Content-Length", b"%d" % len(body)))
        return line, headers, body
    length = int(given.get(b"content-length", b"0"))
    return line, headers, await reader.readexactly(length)


async def _chunks(reader):
    found = []
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        found.append(await reader.readexactly(size))
        await reader.readexactly(2)
        if not size:
            return b"".join(found)

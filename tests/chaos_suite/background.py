"""An event loop in a thread of its own, for the proxies."""

import asyncio
import socket
import struct
import threading


class Background:
    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, coroutine, timeout=30):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def soon(self, function, *arguments):
        self.loop.call_soon_threadsafe(function, *arguments)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop)
        self._thread.join(10)

    async def _end(self):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for one in others:
            one.cancel()
        await asyncio.wait(others, timeout=5) if others else None
        self.loop.stop()


def abort(writer):
    """Closes a connection with a reset."""
    transport = writer.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except (AttributeError, OSError):
        pass  # The loop is already closed.
    transport.abort()

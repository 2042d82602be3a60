"""Shared by the stand-ins of this directory: how they are opened, closed and run."""

import collections
import os
import signal
import socket
import sys
import threading


class Closing:
    """A context manager, which is open as soon as it is created."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def started(self):
    """Starts it, or closes what has been created of it already."""
    try:
        self.start()
    except BaseException:
        self.close()
        raise


def serve_in_background(server):
    """server: one of socketserver, which runs until its shutdown()"""
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    ).start()


# A stand-in that runs as a program prints its address, and ends with a signal.


def block_signals():
    """This precedes the first thread, which inherits it."""
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    return signals


def run_until(signals, address, until_eof):
    print(f"listening {address}", flush=True)
    if until_eof:
        threading.Thread(target=_signal_at_end, daemon=True).start()
    signal.sigwait(signals)


def _signal_at_end():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


class Oddity:
    """A server for raw sockets: a thread for each connection, and counters. A subclass implements
    serve(connection).
    """

    def __init__(self, backlog):
        self.counts = collections.Counter()
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=backlog)

    def note(self, what):
        with self.lock:
            self.counts[what] += 1
            return self.counts[what]

    def run(self):
        print(f"listening 127.0.0.1:{self.socket.getsockname()[1]}", flush=True)
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self._guarded, args=[connection], daemon=True).start()

    def _guarded(self, connection):
        try:
            with connection:
                self.serve(connection)
        except (OSError, ValueError):
            self.note("failed")

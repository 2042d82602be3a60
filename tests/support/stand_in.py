"""What the stand-ins of this folder share: how they are opened, closed and run."""

import collections
import os
import signal
import socket
import sys
import threading


class Closing:
    """`with` it: it is open as soon as it is made."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def started(self):
    """Start it, or close what there is of it already."""
    try:
        self.start()
    except BaseException:
        self.close()
        raise


def serve_in_background(server):
    """server: of socketserver, until its shutdown()"""
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    ).start()


# A stand-in that is a program says where it listens, and ends with a signal.


def block_signals():
    """Before the first thread, which inherits it."""
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
    """A server by hand: a thread for each connection, and counts of what it saw.

    serve(connection) is its own.
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

"""What happened and when: one readable line for each, and a count."""

import collections
import threading
import time


class Journal:
    """Times are seconds since it began; all logs of a run share this clock."""

    def __init__(self, path, echo=False):
        self._file = open(path, "w", encoding="utf-8")
        self._echo = echo
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._wall = time.time()
        self.counts = collections.Counter()
        self.disturbances = []  # when an instance came, went, stopped or went on

    def now(self):
        return time.monotonic() - self._began

    def of_wall(self, seconds):
        """The time here of a broker's timestamp."""
        return seconds - self._wall

    def say(self, what, count=None, **fields):
        """Writes a line; count names what it adds one to."""
        line = f"{self.now():9.3f} {what}"
        line += "".join(f" {name}={value}" for name, value in fields.items())
        with self._lock:
            if count:
                self.counts[count] += 1
            self._file.write(line + "\n")
            self._file.flush()
            if self._echo:
                print(line, flush=True)

    def disturb(self):
        self.disturbances.append(self.now())

    def close(self):
        self._file.close()

"""The journal has one readable line for each action, with its time, and counts the actions."""

import collections
import threading
import time


class Journal:
    """Times are seconds since the start of the run. All logs of a run use this clock."""

    def __init__(self, path, echo=False):
        self._file = open(path, "w", encoding="utf-8")
        self._echo = echo
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._wall = time.time()
        self.counts = collections.Counter()
        # The times at which instances started, ended, were frozen or resumed
        self.disturbances = []

    def now(self):
        return time.monotonic() - self._began

    def of_wall(self, seconds):
        """Converts a timestamp of a broker to a time of this clock."""
        return seconds - self._wall

    def say(self, what, count=None, **fields):
        """Writes a line, and increments the counter that `count` names."""
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

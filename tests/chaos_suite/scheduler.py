"""Decides which faults happen when, a few at a time, from the seed."""

import time

from .faults import FAULTS


class _Running:
    def __init__(self, name, generator):
        self.name, self.generator = name, generator
        self._ready, self._deadline = None, 0.0

    def step(self):
        """Returns False once it has ended."""
        now = time.monotonic()
        if now < self._deadline and not (self._ready and self._ready()):
            return True
        try:
            wait = next(self.generator)
        except StopIteration:
            return False
        self._ready, seconds = wait if isinstance(wait, tuple) else (None, wait)
        self._deadline = time.monotonic() + seconds
        return True


def _goes_with(takes, others):
    """Faults of single instances ("") can be combined. A fault of the whole fleet excludes all
    others."""
    if takes == "":
        return "fleet" not in others
    if takes == "fleet":
        return not others & {"fleet", ""}
    return takes not in others


class Scheduler:
    """Runs `together` faults at a time, with at most `gap` seconds between two."""

    def __init__(self, world, random, names, together=2, gap=1.5):
        self._world, self._random, self._names = world, random, names
        self._together, self._gap = together, gap
        self._running, self._next = [], 0.0
        # Each fault once before any of them twice, so that a short run has many of them
        self._fresh = random.sample(names, len(names))

    def step(self, begin=True):
        self._running = [one for one in self._running if self._go_on(one)]
        if not begin or len(self._running) >= self._together or time.monotonic() < self._next:
            return
        name = self._choose()
        if name is not None:
            self._world.journal.say(f"fault {name}", f"fault {name}")
            self._running.append(_Running(name, FAULTS[name].act(self._world, self._random)))
            self._next = time.monotonic() + self._random.uniform(0, self._gap)

    def _go_on(self, running):
        if running.step():
            return True
        self._world.journal.say(f"end of fault {running.name}")
        return False

    def _choose(self):
        others = {FAULTS[one.name].takes for one in self._running}
        free = [name for name in self._names if _goes_with(FAULTS[name].takes, others)]
        fresh = [name for name in self._fresh if name in free]
        # Alternates between faults that were not used yet and a weighted choice.
        if fresh and self._random.random() < 0.6:
            self._fresh.remove(fresh[0])
            return fresh[0]
        if not free:
            return None
        return self._random.choices(free, [FAULTS[name].weight for name in free])[0]

    def finish(self, seconds=120):
        """Starts no further faults, and waits until those in progress have repaired what they
        affected."""
        deadline = time.monotonic() + seconds
        while self._running and time.monotonic() < deadline:
            self.step(begin=False)
            self._world.fleet.tend()
            time.sleep(0.02)
        if self._running:
            names = ", ".join(one.name for one in self._running)
            raise TimeoutError(f"these faults do not end: {names}")

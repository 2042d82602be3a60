"""Which fault when: drawn from the seed, a few at a time."""

import time

from .faults import FAULTS


class _Running:
    def __init__(self, name, generator):
        self.name, self.generator = name, generator
        self._ready, self._deadline = None, 0.0

    def step(self):
        """False once it is over."""
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
    """Faults of single instances ("") go with each other. Whoever has the whole
    fleet wants nobody else to touch an instance."""
    if takes == "":
        return "fleet" not in others
    if takes == "fleet":
        return not others & {"fleet", ""}
    return takes not in others


class Scheduler:
    """`together` faults at a time, `gap` seconds at most from one to the next."""

    def __init__(self, world, random, names, together=2, gap=1.5):
        self._world, self._random, self._names = world, random, names
        self._together, self._gap = together, gap
        self._running, self._next = [], 0.0
        # Each once before any of them comes twice: a short run sees many.
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
        # By turns what has not been yet, and what the weights say.
        if fresh and self._random.random() < 0.6:
            self._fresh.remove(fresh[0])
            return fresh[0]
        if not free:
            return None
        return self._random.choices(free, [FAULTS[name].weight for name in free])[0]

    def finish(self, seconds=120):
        """No new ones; lets those under way mend what they broke."""
        deadline = time.monotonic() + seconds
        while self._running and time.monotonic() < deadline:
            self.step(begin=False)
            self._world.fleet.tend()
            time.sleep(0.02)
        if self._running:
            names = ", ".join(one.name for one in self._running)
            raise TimeoutError(f"these faults do not end: {names}")

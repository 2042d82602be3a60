"""The table at the end of a run."""

import collections

from .checker import INVARIANTS, checked_throttles, parse
from .workload import expectation

TITLES = {
    "I1": "one outcome for each input and attachment",
    "I2": "artifacts and successes match",
    "I3": "one dead letter for each failure, same bytes",
    "I4": "a concurrent reader receives the final outcomes",
    "I5": "commits decode, advance, record nothing early",
    "I6": "all work ends after the faults; no busy loop",
    "I7": "memory and descriptors bounded",
    "I8": "instances end by SIGTERM only, and in time",
    "I9": "nothing given up early",
    "I10": "bounded requests, Retry-After honored",
}


def table(logs, journal, network, violations, head):
    rows = [*head, ("", ""), *_what_went_through(logs), ("", "")]
    rows += _what_was_done(journal, network, logs) + [("", "")]
    rows += _verdicts(violations)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {value}".rstrip() for name, value in rows)


def _what_went_through(logs):
    wanted = [expectation(one) for one in logs.inputs]
    outcomes = [one for one in map(parse, logs.outcomes) if not isinstance(one, str)]
    statuses = collections.Counter(one.status for one in outcomes)
    deliveries = {(one.input, one.attachment) for one in outcomes}
    expected = sum(max(1, len(one.deliveries)) for one in wanted)
    kept = sum(1 for one in wanted for _ in one.deliveries)
    stored = sum(len(one) for one in logs.registries.values())
    above = sum(1 for one in logs.samples if one.metadata)
    peak = max((one.peak_kib for one in logs.usages), default=0) / 1024
    descriptors = max((one.descriptors for one in logs.usages), default=0)
    idle = max((one.cpu for one in logs.idles), default=0.0)
    drained = "never" if logs.drained is None else f"{logs.drained:.1f} s"
    yield "inputs (committed records)", len(logs.inputs)
    yield "outcomes wanted", f"{expected}, {kept} of them deliveries"
    yield "outcomes found", (
        f"{len(outcomes)}: " + ", ".join(f"{count} {name}" for name, count in sorted(statuses.items()))
    )
    yield "lost, doubled", f"{expected - len(deliveries)}, {len(outcomes) - len(deliveries)}"
    yield "dead letters", len(logs.letters)
    yield "artifacts in the registries", stored
    yield "commits seen", f"{len(logs.samples)}, {above} with metadata"
    yield "drained after the last fault", drained
    yield "peak memory, descriptors, idle", f"{peak:.0f} MiB, {descriptors}, {idle:.0%}"
    yield "requests to registries", (
        f"{sum(logs.requests.values())}, {logs.troubled} struck, "
        f"{len(logs.throttles)} told to come back later ({checked_throttles(logs)} checked)"
    )


def _what_was_done(journal, network, logs):
    rows = []
    asked = collections.Counter(one.asked or "by itself" for one in logs.exits)
    rows.append(("instances ended", ", ".join(f"{n} {what}" for what, n in sorted(asked.items()))))
    for name, count in sorted(journal.counts.items()):
        rows.append((name, count))
    struck = collections.Counter()
    for (api, action), count in network.counts.items():
        if action != "passed":
            struck[f"{api} {action}"] += count
    for name, count in sorted(struck.items()):
        rows.append((f"request {name}", count))
    return rows


def _verdicts(violations):
    found = collections.Counter(one.invariant for one in violations)
    for name in INVARIANTS:
        count = found[name]
        yield f"{name} {TITLES[name]}", f"VIOLATED, {count} times" if count else "ok"


def evidence(violations, most=5):
    """Lists the first violations of each kind."""
    kinds = collections.defaultdict(list)
    for one in violations:
        kinds[(one.invariant, one.text)].append(one.evidence)
    lines = []
    for (invariant, text), found in kinds.items():
        lines.append(f"{invariant} {text}: {len(found)}")
        lines += [f"    {one}" for one in found[:most]]
        if len(found) > most:
            lines.append(f"    and {len(found) - most} more")
    return "\n".join(lines)

"""The invariants, as functions of the logs. They send no requests, and they do not wait.

    I1   every input has exactly one outcome for each of its attachments, or one
         of its own if it has none; there are no other outcomes
    I2   the artifact of every success is complete in the registry, and every
         artifact has an outcome
    I3   every failure has exactly one dead letter with the same bytes
    I4   a concurrent reader receives exactly the messages that exist at the end
    I5   a commit can be decoded, never moves backwards, and records nothing as
         done whose outcome did not exist by then
    I6   after the faults all work ends soon, and then no instance uses the processor
    I7   memory and descriptors remain bounded
    I8   SIGTERM ends an instance in time, nothing else does, and no sanitizer reports
    I9   no delivery is given up before its attempts and age are used up
    I10  no more requests than necessary are sent; Retry-After is honored
"""

import collections
import dataclasses
import hashlib
import json
import typing

from .metadata import NOTHING, Undecodable, decode_metadata
from .workload import FAILED, SUCCEEDED, Place, expectation

INVARIANTS = tuple(f"I{number}" for number in range(1, 11))


class Violation(typing.NamedTuple):
    invariant: str
    text: str
    evidence: str


@dataclasses.dataclass
class Limits:
    drain_seconds: float = 60.0
    stop_seconds: float = 20.0
    peak_kib: int = 256 * 1024
    descriptors: int = 300
    idle_cpu: float = 0.25
    # A delivery takes five requests, and one GET /v2/ for each registry.
    requests_each: int = 6
    # The successor repeats at most what was in flight.
    requests_factor: float = 4.0
    requests_per_disturbance: int = 2000
    # The clocks of the broker and of this process are the same; the log has milliseconds.
    clock_slack: float = 0.05


class Outcome(typing.NamedTuple):
    where: str  # The partition and offset in the topic
    id: str
    status: str
    input: tuple  # (partition, offset)
    attachment: str | None
    artifact: dict | None
    error: dict | None
    attempts: int
    at: float  # The time by the broker's clock, in seconds


def parse(message):
    """Parses an outcome. Returns an Outcome, or a text that states why it is invalid."""
    try:
        headers = dict(message.headers)
        data = json.loads(message.value)
        given = data["input"]
        return Outcome(
            f"{message.partition}/{message.offset}",
            headers["ce_id"].decode(),
            data["status"],
            (given["partition"], given["offset"]),
            data.get("attachment"),
            data.get("artifact"),
            data.get("error"),
            data.get("attempts", 0),
            message.timestamp / 1000,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        return f"{message.topic}/{message.partition}/{message.offset}: {problem!r}"


class _Case:
    """The logs, with the indexes that several invariants use."""

    def __init__(self, logs, limits):
        self.logs, self.limits = logs, limits
        self.inputs = {(one.partition, one.offset): one for one in logs.inputs}
        self.expected = {where: expectation(one) for where, one in self.inputs.items()}
        parsed = [parse(one) for one in logs.outcomes]
        self.unreadable = [one for one in parsed if isinstance(one, str)]
        self.outcomes = [one for one in parsed if not isinstance(one, str)]
        self.of_delivery = collections.defaultdict(list)
        for one in self.outcomes:
            self.of_delivery[(one.input, one.attachment)].append(one)

    def deliveries(self):
        """Returns ((input, attachment or None), expectation) for each delivery that must end."""
        for where, wanted in self.expected.items():
            for attachment in wanted.deliveries or (None,):
                yield (where, attachment), wanted


def check(logs, limits=None):
    """All violations."""
    case = _Case(logs, limits or Limits())
    found = []
    for number, function in enumerate(CHECKS, 1):
        found += (Violation(f"I{number}", *row) for row in function(case))
    return found


def _name(delivery):
    (partition, offset), attachment = delivery
    return f"{partition}/{offset}" + (f"/{attachment}" if attachment else "")


# I1


def one_outcome(case):
    for text in case.unreadable:
        yield "an outcome that cannot be read", text
    wanted = dict(case.deliveries())
    for delivery, expected in wanted.items():
        found = case.of_delivery.get(delivery, [])
        if not found:
            yield "an outcome is lost", f"input {_name(delivery)} has none"
        if len(found) > 1:
            statuses = {one.status for one in found}
            what = "outcomes contradict each other" if len(statuses) > 1 else "a duplicate outcome"
            yield what, f"input {_name(delivery)} has " + ", ".join(
                f"{one.status} at {one.where} (id {one.id})" for one in found
            )
        for one in found:
            yield from _right_status(case, delivery, expected, one)
    for delivery, found in case.of_delivery.items():
        if delivery not in wanted:
            yield "an outcome without an input", (
                f"{found[0].id} at {found[0].where} for input {_name(delivery)}"
            )
    ids = collections.Counter(one.id for one in case.outcomes)
    kinds = collections.Counter(
        one.id for one in {(one.id, one.input, one.attachment): one for one in case.outcomes}.values()
    )
    for id_ in ids:
        if kinds[id_] > 1:
            yield "one id for several deliveries", id_


def _right_status(case, delivery, expected, outcome):
    allowed = {SUCCEEDED} if expected.deliveries else {expected.status}
    if expected.deliveries and expected.deliveries[delivery[1]][0] in case.logs.lies:
        # The registry reported that it had stored another digest.
        allowed = {SUCCEEDED, FAILED}
    if outcome.status not in allowed:
        yield "the wrong outcome", (
            f"input {_name(delivery)}: {outcome.status} at {outcome.where}, not "
            f"{' or '.join(sorted(allowed))}; error {json.dumps(outcome.error)}"
        )
    elif expected.error and (outcome.error or {}).get("class") != expected.error:
        yield "the wrong class of error", (
            f"input {_name(delivery)}: {json.dumps(outcome.error)} at {outcome.where}"
        )


# I2


def artifacts(case):
    for delivery, expected in case.deliveries():
        if not expected.deliveries:
            continue
        place, artifact = expected.deliveries[delivery[1]]
        for one in case.of_delivery.get(delivery, []):
            if one.status == SUCCEEDED:
                yield from _claims(case, delivery, one, place, artifact)
                for fault in faults_of(case.logs, place, artifact):
                    yield "an outcome without its artifact", (
                        f"input {_name(delivery)}, outcome {one.where}: {place.registry} "
                        f"{place.repository}: {fault}"
                    )
    yield from _orphans(case)


def _claims(case, delivery, outcome, place, artifact):
    said = outcome.artifact or {}
    wanted = {
        "registry": case.logs.addresses[place.registry],
        "repository": place.repository,
        "digest": artifact.digest,
        "layer_digest": artifact.layer_digest,
    }
    wrong = {name: said.get(name) for name, value in wanted.items() if said.get(name) != value}
    if wrong:
        yield "an outcome has wrong data", (
            f"input {_name(delivery)}, outcome {outcome.where}: {json.dumps(wrong)}"
        )


def faults_of(logs, place, artifact):
    """Returns the faults of an artifact in the registry."""
    stored = logs.registries.get(place.registry, {}).get(place.repository)
    if stored is None:
        yield "no such repository"
        return
    if stored.manifest is None:
        yield "no manifest"
        return
    if stored.manifest != artifact.manifest:
        yield "another manifest"
    for what, wanted in (("layer", artifact.layer), ("config", artifact.config)):
        found = stored.blobs.get("sha256:" + hashlib.sha256(wanted).hexdigest())
        if found is None:
            yield f"no {what}"
        elif found != wanted:
            yield f"another {what}"


def _orphans(case):
    known = set()
    for delivery, expected in case.deliveries():
        if expected.deliveries and case.of_delivery.get(delivery):
            known.add(expected.deliveries[delivery[1]][0])
    for registry, repositories in case.logs.registries.items():
        for repository, stored in repositories.items():
            if stored.tags and Place(registry, repository) not in known:
                yield "an artifact without an outcome", f"{registry} {repository}"


# I3


def dead_letters(case):
    letters = collections.defaultdict(list)
    for one in case.logs.letters:
        letters[_letter_of(one)].append(one)
    for delivery, outcomes in case.of_delivery.items():
        failed = [one for one in outcomes if one.status == FAILED]
        found = letters.pop(delivery, [])
        if failed and not found:
            yield "a dead letter is missing", f"input {_name(delivery)}, outcome {failed[0].where}"
        if len(found) > 1:
            yield "a duplicate dead letter", f"input {_name(delivery)}: " + ", ".join(
                f"{one.partition}/{one.offset}" for one in found
            )
        if found and not failed:
            yield "a dead letter of a delivery that did not fail", f"input {_name(delivery)}"
        for one in found:
            yield from _same_bytes(case, delivery, one)
    for delivery, found in letters.items():
        yield "a dead letter without an outcome", (
            f"{found[0].partition}/{found[0].offset} for {delivery}"
        )


def _letter_of(message):
    headers = {name: value for name, value in message.headers if name.startswith("waybill-")}
    try:
        where = int(headers["waybill-partition"]), int(headers["waybill-offset"])
    except (KeyError, ValueError):
        return (message.partition, message.offset), "that does not say whose it is"
    attachment = headers.get("waybill-attachment")
    return where, attachment.decode() if attachment else None


def _same_bytes(case, delivery, letter):
    original = case.inputs.get(delivery[0])
    if original is None:
        yield "a dead letter without an input", _name(delivery)
        return
    differ = [
        name for name in ("key", "value") if getattr(letter, name) != getattr(original, name)
    ]
    # The timestamp of a dead letter is the time of writing, from which retention counts.
    if dict(letter.headers).get("waybill-timestamp") != str(original.timestamp).encode():
        differ.append("timestamp")
    if letter.headers[: len(original.headers)] != original.headers:
        differ.append("headers")
    if differ:
        yield "a dead letter with other bytes", (
            f"input {_name(delivery)}, letter {letter.partition}/{letter.offset}: "
            f"{', '.join(differ)}"
        )


# I4


def reading_along(case):
    final = {
        (one.topic, one.partition, one.offset): one
        for one in [*case.logs.outcomes, *case.logs.letters]
    }
    seen, last = {}, {}
    for one in case.logs.live:
        where = (one.topic, one.partition, one.offset)
        name = "/".join(map(str, where))
        if where in seen:
            yield "two messages were read at one offset", name
        if last.get(where[:2], -1) >= one.offset:
            yield "messages were read in a different order", f"{name} after {last[where[:2]]}"
        last[where[:2]] = one.offset
        seen[where] = one
        there = final.get(where)
        if there is None:
            yield "a message that was read does not exist at the end", name
        elif there._replace(seen=0.0) != one._replace(seen=0.0):
            yield "a message that was read differs at the end", name
    for where in final.keys() - seen.keys():
        yield "the concurrent reader has not received a message", "/".join(map(str, where))


# I5


def commits(case):
    marks, rows = {}, collections.defaultdict(list)
    for sample in sorted(case.logs.samples, key=lambda one: one.at):
        name = f"partition {sample.partition} at {sample.at:.3f}: offset {sample.offset}"
        before, old = marks.get(sample.partition, (0, NOTHING))
        if sample.offset < before:
            yield "the watermark moves backwards", f"{name} after {before}"
        try:
            above = decode_metadata(sample.offset, sample.metadata)
        except Undecodable as problem:
            yield "metadata that cannot be decoded", f"{name}: {problem}"
            continue
        low = [one for one in above.done if one <= sample.offset]
        if low:
            yield "metadata about offsets below the watermark", f"{name}: {sorted(low)[:5]}"
        lost = sorted(_forgotten(sample.offset, old, above))
        if lost:
            yield "a finished delivery is no longer recorded", f"{name}: {lost[:5]}"
        marks[sample.partition] = (sample.offset, above)
        rows[sample.partition].append((sample, above))
    for partition, some in rows.items():
        yield from _done_before_its_outcome(case, partition, some)


def _forgotten(offset, old, new):
    """Yields offsets that were done before, are not below the watermark, and are no longer
    done."""
    for one in old.done:
        if one >= offset and one not in new.done:
            yield one
    for id_, some in old.parts.items():
        for one in some:
            if one >= offset and one not in new.done and one not in new.parts.get(id_, ()):
                yield one


def _done_before_its_outcome(case, partition, rows):
    """Returns the first sample that marks each delivery as done, and the times of its outcomes."""
    left = [one for one, _ in case.deliveries() if one[0][0] == partition]
    for sample, above in rows:
        still = []
        for delivery in left:
            (_, offset), attachment = delivery
            if offset >= sample.offset and not above.has(offset, attachment):
                still.append(delivery)
                continue
            times = [one.at for one in case.of_delivery.get(delivery, [])]
            at = case.logs.began + sample.at + case.limits.clock_slack
            if not times or min(times) > at:
                late = f"{min(times) - at:.3f} s later" if times else "never"
                yield "recorded as done before its outcome existed", (
                    f"input {_name(delivery)}: committed {sample.offset} at "
                    f"{sample.at:.3f}, outcome {late}"
                )
        left = still


# I6 to I8


def liveness(case):
    drained = case.logs.drained
    if drained is None:
        ends = {}
        for one in case.logs.samples:
            ends[one.partition] = one.offset
        yield "work does not end after the faults", f"committed at last: {ends}"
    elif drained > case.limits.drain_seconds:
        yield "work ends late", f"{drained:.1f} s after the last fault"
    for one in case.logs.idles:
        if one.cpu > case.limits.idle_cpu:
            yield "the processor is used without work", f"{one.instance}: {one.cpu:.0%} of a processor"


def bounds(case):
    for one in case.logs.usages:
        if one.peak_kib > case.limits.peak_kib:
            yield "too much memory", f"{one.instance}: {one.peak_kib} KiB"
        if one.descriptors > case.limits.descriptors:
            yield "too many descriptors", f"{one.instance}: {one.descriptors}"


def endings(case):
    for one in case.logs.exits:
        if one.asked == "term":
            if one.seconds > case.limits.stop_seconds:
                yield "SIGTERM takes too long", f"{one.instance}: {one.seconds:.1f} s"
            elif one.status != 0:
                yield "SIGTERM ends with another status", f"{one.instance}: {one.status}"
        elif not one.asked and not one.excused:
            yield "it ended by itself", f"{one.instance}: status {one.status}"
    for text in case.logs.complaints:
        yield "a sanitizer complains", text


# I9, I10


def not_given_up(case):
    for one in case.outcomes:
        if one.status == FAILED and (one.error or {}).get("class") in (
            "attempts_exhausted",
            "expired",
        ):
            yield "given up too early", f"{one.id} at {one.where}: {one.attempts} attempts"


def requests(case):
    needed = sum(
        len(wanted.deliveries) * case.limits.requests_each for wanted in case.expected.values()
    )
    allowed = (
        needed * case.limits.requests_factor
        + case.logs.troubled * case.limits.requests_each
        + len(case.logs.disturbances) * case.limits.requests_per_disturbance
    )
    made = sum(case.logs.requests.values())
    if made > allowed:
        yield "a storm of requests", f"{made}, where {needed} are needed and {allowed:.0f} allowed"
    for throttle in _checkable(case):
        # A push begins with a POST.
        before = throttle.until - case.limits.clock_slack
        early = [row for row in throttle.early if row[1] == "post" and row[0] < before]
        if early:
            yield "Retry-After is not honored", (
                f"{throttle.registry} {throttle.repository}: told at {throttle.at:.3f} to wait "
                f"until {throttle.until:.3f}, came at {early[0][0]:.3f}"
            )


def _checkable(case):
    """Returns the throttles of repositories with one delivery while no instance started or
    ended, because another instance does not know of a throttle."""
    users = collections.Counter(
        row[0] for wanted in case.expected.values() for row in wanted.deliveries.values()
    )
    for one in case.logs.throttles:
        quiet = not any(
            one.at - 15 < when < one.until for when in case.logs.disturbances
        )
        if quiet and users[Place(one.registry, one.repository)] == 1:
            yield one


def checked_throttles(logs):
    """Returns the number of 429 responses that I10 could check."""
    return sum(1 for _ in _checkable(_Case(logs, Limits())))


CHECKS = (
    one_outcome,
    artifacts,
    dead_letters,
    reading_along,
    commits,
    liveness,
    bounds,
    endings,
    not_given_up,
    requests,
)


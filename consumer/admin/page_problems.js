'use strict';

// Finds what is wrong in a status. A problem has a level ('bad' or 'warn'), a
// title, since when it exists, what it means (text), what happens next, the error
// in the words of whoever reported it, and a command. All but the first two are
// optional.
const OLD_RECORD_MS = 60000;
const RECENT_WARNING_MS = 60000;
const RECENT_DEAD_LETTER_MS = 3600000;

function names(list) {
  const shown = list.slice(0, 3).join(', ');
  return list.length > 3 ? `${shown} and ${number(list.length - 3)} more` : shown;
}

const sum = (list, value) => list.reduce((total, item) => total + value(item), 0);
const earliest = (list) => list.map((item) => item.since).filter(Boolean).sort()[0];

function groupBy(list, key) {
  const groups = new Map();
  for (const item of list) groups.set(key(item), [...(groups.get(key(item)) || []), item]);
  return [...groups.values()];
}

function nextAttempt(list, now) {
  const times = list.map((r) => r.retry_at).filter(Boolean).sort();
  const wait = times.length ? span(now, times[0]) : 0;
  return wait > 0 ? `Next attempt in ${duration(wait)}.` : 'An attempt is in progress or about to start.';
}

function waiting(list) {
  const total = sum(list, (r) => r.waiting);
  const unread = list.some((r) => r.parked) ? ', and further records will be read again later' : '';
  return `${count(total, 'delivery waits', 'deliveries wait')}${unread}.`;
}

function readinessProblems(s) {
  return s.reasons.map((reason) => ({
    level: 'bad', title: s.phase === 'running' ? 'The service is not ready' : 'The service is stopping',
    since: s.not_ready_since, error: reason,
    next: s.phase === 'running' ? 'The service keeps checking, and continues as soon as the cause is remedied.' : 'It ends when the attempts in flight have finished.',
  }));
}

// The breaker belongs to the endpoint, so its registrations are one problem.
function downProblems(s) {
  return groupBy(s.registrations.filter((r) => r.state === 'down'), (r) => r.host).map((list) => ({
    level: 'bad', title: `${list[0].host} is down`, since: earliest(list),
    text: `${list.length === 1 ? 'Registration' : 'Registrations'} ${names(list.map((r) => r.name))}: ${waiting(list)}`,
    next: nextAttempt(list, s.now), error: list.find((r) => r.last_error)?.last_error.message,
  }));
}

function heldProblems(s) {
  return s.registrations.filter((r) => r.state === 'held').map((r) => ({
    level: 'bad', title: `Registration ${r.name} is held`, since: r.since,
    text: `${r.host} refuses every delivery. ${waiting([r])}`,
    next: nextAttempt([r], s.now), error: r.reason || r.last_error?.message,
  }));
}

function attachmentProblems(s) {
  return s.registrations.flatMap((r) => r.held_attachments.map((a) => ({
    level: 'bad', title: `Attachment ${a.name} is held`, since: a.since,
    text: `Registration ${r.name} refuses its deliveries and accepts others. ${waiting([a])}`,
    next: 'One delivery at a time is tried again until one succeeds.', error: a.reason,
  })));
}

function pausedProblems(s) {
  return groupBy(s.registrations.filter((r) => r.state === 'paused'), (r) => r.host).map((list) => ({
    level: 'warn', title: `${list[0].host} asks for a pause`, since: earliest(list),
    text: `${list.length === 1 ? 'Registration' : 'Registrations'} ${names(list.map((r) => r.name))}: ${waiting(list)}`,
    next: nextAttempt(list, s.now), error: list.find((r) => r.last_error)?.last_error.message,
  }));
}

function rejectedProblems(s) {
  const groups = groupBy(s.rejected.first, (r) => `${r.to} ${r.code}`);
  return groups.map((list) => ({
    level: 'bad', title: `Topic ${list[0].to} rejects messages`, since: earliest(list),
    text: `${groups.length === 1 ? count(s.rejected.deliveries, 'delivery is', 'deliveries are') : count(list.length, 'delivery is', 'deliveries are')} held, of ${list.length > 1 ? 'records' : 'record'} ${names([...new Set(list.map((r) => `${r.topic} ${r.partition}/${r.offset}`))])}.`,
    next: `Waybill keeps retrying. Remedy: ${list[0].remedy}.`, error: `${list[0].reason} (${list[0].code})`,
  }));
}

function partitionProblems(s) {
  const unreadable = s.partitions.filter((p) => p.unreadable).map((p) => ({
    level: 'bad', title: `Partition ${p.topic} ${p.partition} cannot be read from offset ${p.unreadable.offset}`, since: p.unreadable.since,
    error: p.unreadable.reason, command: p.unreadable.skip_command,
    next: 'Waybill keeps trying. To skip the record, wait until all lower offsets are committed, stop all instances, and run:',
  }));
  const full = s.partitions.filter((p) => p.paused).map((p) => ({
    level: 'warn', title: `Partition ${p.topic} ${p.partition} is paused`, since: p.paused_since,
    text: `Offset ${p.watermark} is not finished, and ${count(p.window, 'offset')} from there on have been read.`,
    next: 'Reading continues when that record is finished.',
  }));
  return [...unreadable, ...full];
}

function configurationProblems(s) {
  const problems = [];
  if (s.reload.fault) {
    problems.push({
      level: 'bad', title: 'The new configuration is invalid', since: s.reload.at,
      error: s.reload.fault + (s.reload.faults > 1 ? ` (the log has ${number(s.reload.faults - 1)} more)` : ''),
      next: 'The previous configuration stays active. The file is read again when it changes.',
    });
  }
  if (s.reload.restart) {
    problems.push({ level: 'warn', title: 'A changed setting needs a restart', since: s.reload.at, text: `Changed: ${s.reload.restart}.`, next: 'The service uses the previous value until it is restarted.' });
  }
  return problems;
}

// Records of a registration that is a problem itself are explained by that.
function recordProblems(s) {
  const explained = new Set(s.registrations.filter((r) => r.state !== 'flowing' || r.held_attachments.length).map((r) => r.name));
  const old = s.in_flight.oldest.filter((o) => o.age_ms > OLD_RECORD_MS && !explained.has(o.registration) && o.state !== 'rejected by Kafka');
  const problems = [];
  if (old.length) {
    const first = old.reduce((a, b) => (a.age_ms > b.age_ms ? a : b));
    problems.push({
      level: 'warn', title: `${count(old.length, 'record has', 'records have')} been in progress for more than a minute`,
      since: new Date(Date.parse(s.now) - first.age_ms).toISOString(),
      text: `The oldest is ${first.topic} ${first.partition}/${first.offset}: ${first.state}${first.registration ? `, registration ${first.registration}` : ''}, ${count(first.attempts, 'attempt')}.`,
      next: 'Waybill keeps retrying.',
    });
  }
  if (s.in_flight.full) {
    problems.push({ level: 'warn', title: 'Reading is paused because the memory for records is full', since: s.in_flight.full_since, text: `${count(s.in_flight.records, 'record')} with ${bytes(s.in_flight.bytes)} are in progress (delivery.max_records, delivery.max_bytes).`, next: 'Reading continues when deliveries finish.' });
  }
  return problems;
}

function warningProblems(s) {
  const problems = s.warnings.map((text, i) => ({ level: 'warn', title: 'Check the setup of Kafka', since: s.warnings_since[i], error: text, next: 'Deliveries continue.' }));
  const last = s.kafka.last_warning;
  if (last && ![...s.reasons, ...s.warnings].includes(last) && span(s.kafka.last_warning_at, s.now) < RECENT_WARNING_MS) {
    problems.push({ level: 'warn', title: 'The Kafka client reports a problem', since: s.kafka.last_warning_at, error: last, next: 'The client retries by itself.' });
  }
  return problems;
}

const deadLetterClasses = (s) => Object.entries(s.dead_letters.classes).map(([name, value]) => `${name} ${number(value)}`).join(', ');

function deadLetterProblems(s) {
  if (!s.dead_letters.last_at || span(s.dead_letters.last_at, s.now) > RECENT_DEAD_LETTER_MS) return [];
  return [{
    level: 'warn', title: `${count(s.totals.dead_letters, 'dead letter')} since the start`,
    text: `The last one was written ${ago(s.dead_letters.last_at, s.now)} to topic ${s.dead_letters.topic}: ${deadLetterClasses(s)}.`, since: s.started,
    next: 'Waybill does not retry dead letters. This command shows the reasons and what to do:', command: 'waybill replay stats',
  }];
}

function findProblems(s) {
  const finders = [readinessProblems, partitionProblems, rejectedProblems, downProblems, heldProblems, attachmentProblems,
    configurationProblems, pausedProblems, recordProblems, warningProblems, deadLetterProblems];
  // The first of each kind comes before the second of any.
  const found = finders.flatMap((find) => find(s).map((p, i) => [p, i])).sort((a, b) => a[1] - b[1]).map(([p]) => p);
  return [...found.filter((p) => p.level === 'bad'), ...found.filter((p) => p.level === 'warn')];
}

'use strict';

// Fetches /status every two seconds and renders it. All values are inserted as
// text, never as markup, because registries and events control some of them.
const POLL_INTERVAL_MS = 2000;
const TIMEOUT_MS = 8000;
const OLD_RECORD_MS = 60000;
let previous = null;
let token = sessionStorage.getItem('token');
let lastResponseAt = null;

const byId = (id) => document.getElementById(id);
const number = (value) => (value === undefined ? 'not known' : value.toLocaleString('en'));

function duration(ms) {
  if (ms < 1000) return Math.max(0, Math.round(ms)) + ' ms';
  const s = Math.round(ms / 1000);
  if (s < 120) return s + ' s';
  if (s < 7200) return Math.round(s / 60) + ' min';
  if (s < 172800) return Math.round(s / 3600) + ' h';
  return Math.round(s / 86400) + ' days';
}

function bytes(count) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  let i = 0;
  while (count >= 1024 && i < units.length - 1) {
    count /= 1024;
    i++;
  }
  return (i ? count.toFixed(1) : count) + ' ' + units[i];
}

const span = (from, to) => Date.parse(to) - Date.parse(from);
const ago = (when, now) => (when ? duration(span(when, now)) + ' ago' : 'never');

function element(name, text, style) {
  const created = document.createElement(name);
  if (text !== undefined && text !== '') created.textContent = text;
  if (style) created.className = style;
  return created;
}

function tableHead(columns) {
  const row = element('tr');
  for (const [label, , style] of columns) {
    const cell = element('th', label, style === 'number' ? style : '');
    cell.scope = 'col';
    row.append(cell);
  }
  const head = element('thead');
  head.append(row);
  return head;
}

// columns: [label, function from a row to its text, style or function from a row to its style]
function table(id, columns, rows, none) {
  const body = element('tbody');
  for (const row of rows) {
    const line = element('tr');
    for (const [label, value, style] of columns) {
      const cell = element('td', value(row), typeof style === 'function' ? style(row) : style);
      cell.dataset.label = label;
      line.append(cell);
    }
    body.append(line);
  }
  if (rows.length) {
    byId(id).replaceChildren(tableHead(columns), body);
  } else {
    byId(id).replaceChildren(element('caption', none, 'quiet'));
  }
}

function registrationProblem(r, now) {
  const wait = r.retry_at ? span(now, r.retry_at) : 0;
  const next = wait > 0 ? `; tried again in ${duration(wait)}` : '';
  const reason = r.reason || (r.last_error ? r.last_error.message : '');
  const why = reason ? `: ${reason}` : '';
  const details = `${number(r.waiting)} waiting${r.parked ? ', more parked' : ''}${next}${why}`;
  if (r.state === 'held') return ['bad', `Registration ${r.name} is held for ${duration(span(r.since, now))}, everything that was tried is refused; ${details}`];
  if (r.state === 'down') return ['bad', `Registration ${r.name} is down for ${duration(span(r.since, now))}, ${r.host} does not answer; ${details}`];
  if (r.state === 'paused') return ['warn', `Registration ${r.name} rests, because ${r.host} asked for it; ${details}`];
  return null;
}

function renderProblems(s) {
  const problems = s.reasons.map((reason) => ['bad', reason]);
  for (const warning of s.warnings) problems.push(['warn', warning]);
  if (s.reload.fault) {
    const more = s.reload.faults > 1 ? ` (and ${number(s.reload.faults - 1)} more, in the log)` : '';
    problems.push(['bad', `The configuration that came ${ago(s.reload.at, s.now)} is refused, the one before it stays: ${s.reload.fault}${more}`]);
  }
  if (s.reload.restart) problems.push(['warn', `Changed in the configuration, but only read at the start: ${s.reload.restart}. Restart to apply it`]);
  for (const r of s.rejected.first.slice(0, 5)) {
    problems.push(['bad', `Record ${r.topic} ${r.partition}/${r.offset} is held for ${duration(span(r.since, s.now))}, because topic ${r.to} rejects its message: ${r.reason} (${r.code}); ${r.remedy}`]);
  }
  if (s.rejected.deliveries > 5) problems.push(['bad', `${number(s.rejected.deliveries - 5)} more deliveries are held, because a topic rejects their messages`]);
  for (const r of s.registrations) {
    const text = registrationProblem(r, s.now);
    if (text) problems.push(text);
    for (const a of r.held_attachments) {
      problems.push(['bad', `Attachment ${a.name} of registration ${r.name} is held for ${duration(span(a.since, s.now))}, its deliveries are refused while others succeed; ${number(a.waiting)} waiting: ${a.reason}`]);
    }
  }
  for (const p of s.partitions) {
    if (p.unreadable) problems.push(['bad', `Partition ${p.partition} of ${p.topic} cannot be read from offset ${p.unreadable.offset} on: ${p.unreadable.reason}. To skip it, wait until everything before that offset is committed, stop all instances, and run: ${p.unreadable.skip_command}`]);
    if (p.paused) problems.push(['warn', `Partition ${p.partition} is not read on: offset ${p.watermark} is not done, and ${number(p.window)} above it have been read`]);
  }
  if (s.in_flight.full) problems.push(['warn', 'Reading is paused: as much is held as may be (delivery.max_records, max_bytes)']);
  for (const o of s.in_flight.oldest.filter((record) => record.age_ms > OLD_RECORD_MS).slice(0, 5)) {
    problems.push(['warn', `Record ${o.partition}/${o.offset} has been here for ${duration(o.age_ms)}: ${o.state}${o.registration ? ` for ${o.registration}` : ''}, ${o.attempts} attempts`]);
  }
  if (s.kafka.last_warning && !s.reasons.concat(s.warnings).includes(s.kafka.last_warning) && span(s.kafka.last_warning_at, s.now) < OLD_RECORD_MS) {
    problems.push(['warn', `Kafka: ${s.kafka.last_warning}`]);
  }
  if (s.totals.dead_letters) {
    const classes = Object.entries(s.dead_letters.classes).map(([name, count]) => `${name} ${number(count)}`);
    problems.push(['warn', `Dead letters since the start: ${number(s.totals.dead_letters)} (${classes.join(', ')}), kept whole on ${s.dead_letters.topic}; "waybill replay stats" says why, and what to do`]);
  }
  if (!problems.length) problems.push(['good', 'Nothing.']);
  byId('stuck').replaceChildren(...problems.map(([style, text]) => element('li', text, style)));
}

function completed(s) {
  return s.totals.succeeded + s.totals.failed + s.totals.skipped;
}

function rate(s, value) {
  const ms = previous && previous.started === s.started ? span(previous.now, s.now) : 0;
  return ms > 0 ? ((value(s) - value(previous)) * 1000 / ms).toFixed(1) + '/s' : '…';
}

function renderTotals(s) {
  const known = s.partitions.filter((p) => p.lag !== undefined);
  const lag = known.reduce((sum, p) => sum + p.lag, 0);
  const rows = [
    ['Read', rate(s, (x) => x.totals.consumed)],
    ['Completed', rate(s, completed)],
    ['In flight', `${number(s.in_flight.records)} of ${number(s.in_flight.most_records)}`],
    ['Memory for them', bytes(s.in_flight.bytes)],
    ['Lag', known.length ? number(lag) : s.partitions.length ? 'not known' : 'no partition'],
    ['Last completed', ago(s.totals.last_completed_at, s.now)],
    ['Succeeded', number(s.totals.succeeded)],
    ['Failed', number(s.totals.failed)],
    ['Skipped', number(s.totals.skipped)],
    ['Dead letters', number(s.totals.dead_letters)],
  ];
  byId('flow').replaceChildren(...rows.map(([label, value]) => {
    const pair = element('div');
    pair.append(element('dt', label), element('dd', value));
    return pair;
  }));
}

const stateStyles = { flowing: 'good', paused: 'warn', held: 'bad', down: 'bad' };
const statusStyles = { succeeded: 'good', failed: 'bad', skipped: 'quiet' };

function render(s) {
  const start = byId('state');
  const text = s.ready ? 'Ready' : `Not ready (${s.phase})`;
  if (start.textContent !== text) start.textContent = text;
  start.className = s.ready ? 'good' : 'bad';
  document.title = s.ready ? 'Waybill' : 'Waybill: not ready';
  byId('about').textContent = `Group ${s.kafka.group}, topic ${s.kafka.topic} at ${s.kafka.brokers}. Up for ${duration(s.uptime_ms)}; as of ${new Date(s.now).toLocaleTimeString()}.`;
  renderProblems(s);
  renderTotals(s);
  table('registrations', [
    ['Name', (r) => r.name],
    ['Integration', (r) => r.integration],
    ['Endpoint', (r) => r.host],
    ['State', (r) => r.state, (r) => stateStyles[r.state]],
    ['Running', (r) => `${r.running} of ${r.limit}`, 'number'],
    ['Waiting', (r) => number(r.waiting), 'number'],
    ['Attempts', (r) => `${r.rate.toFixed(1)}/s`, 'number'],
    ['Succeeded', (r) => number(r.succeeded), 'number'],
    ['Failed', (r) => number(r.failed), 'number'],
    ['Last error', (r) => (r.last_error ? `${ago(r.last_error.at, s.now)}: ${r.last_error.message}` : ''), 'long'],
  ], s.registrations, 'None is configured.');
  table('partitions', [
    ['Partition', (p) => `${p.topic} ${p.partition}`, 'long'],
    ['Committed', (p) => number(p.watermark), 'number'],
    ['Read to', (p) => number(p.read), 'number'],
    ['Log end', (p) => number(p.end), 'number'],
    ['Lag', (p) => number(p.lag), 'number'],
    ['In work', (p) => number(p.records), 'number'],
    ['State', (p) => [p.revoked && 'leaving', p.paused && 'window full', p.parked && 'some parked'].filter(Boolean).join(', ') || 'read'],
  ], s.partitions, 'None is assigned.');
  table('oldest', [
    ['Record', (o) => `${o.partition}/${o.offset}`],
    ['Event', (o) => o.id, 'long'],
    ['Here for', (o) => duration(o.age_ms), 'number'],
    ['State', (o) => o.state],
    ['Registration', (o) => o.registration],
    ['Attempts', (o) => o.attempts, 'number'],
  ], s.in_flight.oldest, 'Nothing is in work.');
  table('recent', [
    ['When', (r) => ago(r.at, s.now)],
    ['Outcome', (r) => r.status + (r.class ? `: ${r.class}` : ''), (r) => statusStyles[r.status]],
    ['Event', (r) => r.id, 'long'],
    ['Record', (r) => `${r.partition}/${r.offset}`],
    ['Registration', (r) => r.registration],
    ['Attempts', (r) => r.attempts, 'number'],
    ['Took', (r) => duration(r.duration_ms), 'number'],
  ], s.recent, 'None since the start.');
  byId('build').textContent = `${Object.entries(s.build).map((pair) => pair.join(' ')).join(', ')}. Configuration ${s.configuration}.`;
  byId('all').hidden = false;
}

function showFailure(why) {
  const since = lastResponseAt ? ` for ${duration(Date.now() - lastResponseAt)}` : '';
  byId('state').textContent = `No answer${since}: ${why}`;
  byId('state').className = 'bad';
}

async function fetchStatus() {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch('/status', { headers, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
  byId('login').hidden = response.status !== 401;
  if (response.status === 401) {
    byId('all').hidden = true;
    byId('state').textContent = token ? 'This token is not the right one' : 'A token is needed';
    byId('state').className = 'warn';
    return;
  }
  if (!response.ok) throw new Error(await response.text());
  const status = await response.json();
  lastResponseAt = Date.now();
  render(status);
  previous = status;
}

async function poll() {
  try {
    if (!document.hidden && (byId('login').hidden || token)) await fetchStatus();
  } catch (error) {
    showFailure(error.message);
  }
  setTimeout(poll, POLL_INTERVAL_MS);
}

byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value;
  sessionStorage.setItem('token', token);
  fetchStatus().catch((error) => showFailure(error.message));
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && byId('login').hidden) fetchStatus().catch((error) => showFailure(error.message));
});
poll();

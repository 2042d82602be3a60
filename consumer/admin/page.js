'use strict';

// Fetches /status every two seconds and shows it.
const POLL_INTERVAL_MS = 2000;
const TIMEOUT_MS = 8000;
const NARROW = matchMedia('(max-width: 50rem)'); // as in page.css
const FOLD = { problem: 220, row: 180 }; // characters
const RECENT_ERROR_MS = 300000;
const ICON_COLORS = { good: '%231b8a4b', warn: '%23d98a00', bad: '%23cc2b22', gone: '%23777' };
let hasValues = false;
let token = sessionStorage.getItem('token');
let since = Date.now(); // of the last response, or else of the first request

const byId = (id) => document.getElementById(id);

function setState(level, heading, title) {
  if (byId('state').textContent !== visible(heading)) byId('state').textContent = visible(heading);
  byId('banner').className = `card ${level}`;
  document.title = `${visible(title)} · Waybill`;
  const icon = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Ccircle cx='4' cy='4' r='4' fill='${ICON_COLORS[level]}'/%3E%3C/svg%3E`;
  if (byId('icon').getAttribute('href') !== icon) byId('icon').setAttribute('href', icon);
}

/* --- tables --- */

// columns: [label, function from a row to its text, style or function from a row
// to its style]. `why` returns texts of a row that get a line of their own.
function tableOf(columns, rows, why) {
  const head = element('tr');
  for (const [label, , style] of columns) {
    const cell = element('th', label, style === 'number' ? style : '');
    cell.scope = 'col';
    head.append(cell);
  }
  const body = element('tbody');
  for (const row of rows) {
    const line = element('tr');
    for (const [label, value, style] of columns) {
      const text = String(value(row));
      const content = element('span', shortDigest(text));
      const cell = parent('td', typeof style === 'function' ? style(row) : style, content);
      if (style === 'long') content.title = visible(text);
      cell.dataset.label = label;
      line.append(cell);
    }
    body.append(line);
    const text = why(row);
    if (text) {
      const cell = parent('td', 'why', foldable(text, '', columns.slice(0, 4).map(([, value]) => value(row)).join(), FOLD.row));
      cell.colSpan = columns.length;
      body.append(parent('tr', 'why', cell));
    }
  }
  return [parent('thead', '', head), body];
}

const shownRows = () => (NARROW.matches ? 5 : 10);

// Shows the first rows, and the others in the <details> that follows the table.
function showTable(id, columns, rows, shown, { none, more, why = () => '' }) {
  const first = rows.slice(0, shown);
  const others = rows.slice(shown);
  const details = byId(`more-${id}`).parentNode;
  byId(id).hidden = rows.length > 0 && first.length === 0;
  morphChildren(byId(id), first.length ? tableOf(columns, first, why) : [element('caption', none, 'quiet')]);
  details.hidden = others.length === 0;
  details.firstChild.textContent = more(others);
  morphChildren(byId(`more-${id}`), others.length ? tableOf(columns, others, why) : []);
}

const stateStyles = { delivering: 'good', idle: '', paused: 'warn', held: 'bad', down: 'bad' };
const statusStyles = { succeeded: 'good', failed: 'bad', skipped: 'quiet' };
const byRank = (rank) => (a, b) => rank(a) - rank(b);

function showRegistrations(s) {
  const hasError = (r) => r.last_error && (r.state !== 'flowing' || span(r.last_error.at, s.now) < RECENT_ERROR_MS);
  const isFailing = (r) => r.state !== 'flowing' || r.held_attachments.length > 0 || hasError(r);
  const isActive = (r) => r.running + r.waiting > 0 || r.rate > 0;
  const isIdle = (r) => !isFailing(r) && !isActive(r);
  const state = (r) => (r.state !== 'flowing' ? r.state : isActive(r) ? 'delivering' : 'idle');
  const rank = (r) => ({ down: 0, held: 1, paused: 2 })[r.state] ?? (isFailing(r) ? 3 : isIdle(r) ? 5 : 4);
  const rows = [...s.registrations].sort(byRank(rank));
  const busy = rows.filter((r) => !isIdle(r)).length;
  showTable('registrations', [
    ['Name', (r) => r.name, 'long'],
    ['Endpoint', (r) => r.host, 'long'],
    ['State', state, (r) => stateStyles[state(r)]],
    ['Running', (r) => `${number(r.running)} of ${number(r.limit)}`, 'number'],
    ['Waiting', (r) => number(r.waiting), 'number'],
    ['Attempts', (r) => `${r.rate.toFixed(1)}/s`, 'number'],
    ['Succeeded', (r) => number(r.succeeded), 'number'],
    ['Failed', (r) => number(r.failed), 'number'],
  ], rows, rows.length <= shownRows() ? rows.length : Math.min(busy, shownRows()), {
    none: 'No registration is configured.',
    more: (others) => (others.every(isIdle) ? count(others.length, 'idle registration') : `${count(others.length, 'more registration')}, ${number(others.filter(isIdle).length)} of them idle`),
    why: (r) => (hasError(r) ? `Last error, ${ago(r.last_error.at, s.now)}: ${r.last_error.message}` : ''),
  });
}

function showPartitions(s) {
  const state = (p) => [p.unreadable && 'cannot be read', p.revoked && 'being handed over', p.paused && 'paused: window full', p.parked && 'some to be read again'].filter(Boolean).join(', ') || 'read';
  const isIdle = (p) => state(p) === 'read' && !p.lag && !p.records;
  const rank = (p) => (p.unreadable ? -3e15 : p.paused ? -2e15 : state(p) !== 'read' ? -1e15 : -(p.lag || 0));
  const rows = [...s.partitions].sort(byRank(rank));
  const busy = rows.filter((p) => !isIdle(p)).length;
  showTable('partitions', [
    ['Partition', (p) => `${p.partition} of ${p.topic}`, 'long'],
    ['Committed', (p) => number(p.watermark), 'number'],
    ['Read to', (p) => number(p.read), 'number'],
    ['Log end', (p) => number(p.end), 'number'],
    ['Lag', (p) => number(p.lag), 'number'],
    ['In progress', (p) => number(p.records), 'number'],
    ['State', state, (p) => (p.unreadable ? 'bad' : state(p) === 'read' ? '' : 'warn')],
  ], rows, rows.length <= shownRows() ? rows.length : Math.min(busy, shownRows()), {
    none: 'No partition is assigned to this instance.',
    more: (others) => (others.every(isIdle) ? count(others.length, 'idle partition') : `${count(others.length, 'more partition')}, ${number(others.filter(isIdle).length)} of them idle`),
    why: (p) => (p.unreadable ? `Offset ${p.unreadable.offset}: ${p.unreadable.reason}` : ''),
  });
}

function showOldest(s) {
  showTable('oldest', [
    ['Record', (o) => `${o.partition}/${o.offset} of ${o.topic}`, 'long'],
    ['Event', (o) => o.id, 'long'],
    ['Age', (o) => duration(o.age_ms), 'number'],
    ['State', (o) => o.state],
    ['Registration', (o) => o.registration, 'long'],
    ['Attempts', (o) => number(o.attempts), 'number'],
  ], [...s.in_flight.oldest].sort(byRank((o) => -o.age_ms)), NARROW.matches ? 3 : 5, {
    none: 'No record is in progress.',
    more: (others) => count(others.length, 'more record'),
  });
}

function showRecent(s) {
  const workflow = (r) => (r.workflow || r.id || 'unknown') + (r.project ? ` (project ${r.project})` : '');
  showTable('recent', [
    ['Outcome', (r) => (r.class ? `${r.status}: ${r.class}` : r.status), (r) => statusStyles[r.status]],
    ['When', (r) => ago(r.at, s.now)],
    ['Workflow', workflow, 'long'],
    ['Registration', (r) => r.registration || 'none', 'long'],
    ['Destination', (r) => r.destination || s.registrations.find((x) => x.name === r.registration)?.host || 'none', 'long'],
    ['Record', (r) => `${r.partition}/${r.offset}`],
    ['Attempts', (r) => number(r.attempts), 'number'],
    ['Took', (r) => duration(r.duration_ms), 'number'],
  ], [...s.recent].sort(byRank((r) => (r.status === 'failed' ? 0 : 1))), shownRows(), {
    none: 'No outcome since the start.',
    more: (others) => count(others.length, 'more outcome'),
    why: (r) => (r.reason ? `Reason: ${r.reason}` : ''),
  });
}

/* --- numbers --- */

function tiles(id, rows) {
  morphChildren(byId(id), rows.map(([label, value, style]) => parent('div', '', element('dt', label), element('dd', value, style))));
}

function showDeliveries(s) {
  const d = s.deliveries;
  tiles('deliveries', [
    ['Succeeded', number(d.succeeded), 'good'],
    ['Failed', number(d.failed), d.failed ? 'bad' : ''],
    ['Waiting', number(d.waiting)],
    ['Running', number(d.running)],
    ['Skipped', number(d.skipped)],
    ['Last completed', ago(d.last_completed_at, s.now)],
  ]);
  byId('dead-letters').textContent = s.totals.dead_letters && !deadLetterProblems(s).length ? visible(`Dead letters since the start: ${number(s.totals.dead_letters)} (${deadLetterClasses(s)}), the last one ${ago(s.dead_letters.last_at, s.now)}, in topic ${s.dead_letters.topic}.`) : '';
  morphChildren(byId('charts'), charts(s.samples));
}

function showRecords(s) {
  const known = s.partitions.filter((p) => p.lag !== undefined);
  tiles('records', [
    ['Read', number(s.totals.consumed)],
    ['Read lately', `${((s.samples.consumed.at(-1) || 0) * 1000 / s.samples.interval_ms).toFixed(1)}/s`],
    ['Succeeded', number(s.totals.succeeded)],
    ['Failed', number(s.totals.failed)],
    ['Skipped', number(s.totals.skipped)],
    ['Last completed', ago(s.totals.last_completed_at, s.now)],
    ['Lag', known.length ? number(sum(known, (p) => p.lag)) : s.partitions.length ? 'unknown' : 'no partition'],
    ['In progress', `${number(s.in_flight.records)} of ${number(s.in_flight.most_records)}`],
    ['Memory for them', bytes(s.in_flight.bytes)],
  ]);
}

/* --- problems --- */

function problemItem(p, now) {
  const item = parent('li', `card ${p.level}`,
    parent('p', 'title', element('strong', p.title), p.since && element('span', `since ${clock(p.since)} (${duration(Math.max(0, span(p.since, now)))})`, 'since')),
    p.text && element('p', p.text, 'meaning'),
    p.next && element('p', p.next, 'next'),
    p.command && parent('pre', '', element('code', p.command)));
  if (p.error) item.append(foldable(p.error, 'error', p.title, FOLD.problem));
  return item;
}

function heading(s, bad, warnings) {
  if (s.phase !== 'running') return 'Stopping';
  if (!s.ready) return 'Not ready';
  if (bad) return count(bad, 'problem');
  return warnings ? count(warnings, 'warning') : 'No problems';
}

function summary(s, warnings, bad) {
  const all = s.registrations.length;
  const failing = s.registrations.filter((r) => r.state !== 'flowing' || r.held_attachments.length).length;
  const parts = [
    s.ready ? 'Ready to deliver' : `Not ready${s.not_ready_since ? ` since ${clock(s.not_ready_since)}` : ''}`,
    failing ? `${number(failing)} of ${count(all, 'registration')} ${all === 1 ? 'has' : 'have'} a problem` : `no registration has a problem`,
    `${count(s.deliveries.waiting, 'delivery waits', 'deliveries wait')}`,
    s.deliveries.last_completed_at ? `last delivery ${ago(s.deliveries.last_completed_at, s.now)}` : 'no delivery since the start',
  ];
  const more = bad && warnings ? ` There ${warnings === 1 ? 'is' : 'are'} also ${count(warnings, 'warning')}.` : '';
  return `${parts.join('; ')}.${more} Started ${ago(s.started, s.now)}.`;
}

function showProblems(s) {
  const problems = findProblems(s);
  const bad = problems.filter((p) => p.level === 'bad').length;
  const warnings = problems.length - bad;
  const title = heading(s, bad, warnings);
  const items = problems.map((p) => problemItem(p, s.now));
  const more = byId('more-problems');
  const shown = NARROW.matches ? 3 : 4;
  setState(bad ? 'bad' : warnings ? 'warn' : 'good', title, title);
  byId('summary').textContent = visible(summary(s, warnings, bad));
  byId('problem-section').hidden = problems.length === 0;
  morphChildren(byId('problems'), items.slice(0, shown));
  more.hidden = items.length <= shown;
  more.firstChild.textContent = `${number(items.length - shown)} more`;
  morphChildren(more.lastChild, items.slice(shown));
}

function show(s) {
  document.body.classList.remove('stale');
  showProblems(s);
  showDeliveries(s);
  showRegistrations(s);
  showRecent(s);
  showOldest(s);
  showPartitions(s);
  showRecords(s);
  byId('about').textContent = visible(`Group ${s.kafka.group}, topic ${s.kafka.topic} at ${s.kafka.brokers}. As of ${clock(s.now)}.`);
  byId('build').textContent = visible(`${Object.entries(s.build).map((pair) => pair.join(' ')).join(', ')}. Configuration ${s.configuration}.`);
  byId('all').hidden = false;
}

/* --- requests --- */

function showFailure(why) {
  const what = why.startsWith('HTTP') ? 'Only errors' : 'No response';
  document.body.classList.toggle('stale', hasValues);
  setState('gone', `${what} since ${clock(since)}`, what);
  const age = duration(Date.now() - since);
  const values = hasValues ? `The values below are ${age} old.` : `The page has waited for ${age}.`;
  byId('summary').textContent = visible(`${values} The page asks again every ${duration(POLL_INTERVAL_MS)}. Reason: ${why}`);
}

function askForToken() {
  hasValues = false;
  byId('all').hidden = true;
  document.body.classList.remove('stale');
  setState('warn', token ? 'The token is wrong' : 'A token is required', 'Token required');
  byId('summary').textContent = '';
}

async function fetchStatus() {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch('/status', { headers, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
  byId('login').hidden = response.status !== 401;
  if (response.status === 401) return askForToken();
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  const status = await response.json();
  since = Date.now();
  show(status);
  hasValues = true;
}

const update = () => fetchStatus().catch((error) => showFailure(error.message));

// In the background, too, because the title of the tab says how the service is.
async function poll() {
  if (byId('login').hidden || token) await update();
  setTimeout(poll, POLL_INTERVAL_MS);
}

byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value;
  sessionStorage.setItem('token', token);
  update();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && byId('login').hidden) update();
});
poll();

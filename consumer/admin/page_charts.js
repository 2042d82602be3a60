'use strict';

// Draws the samples of /status as line charts. The newest sample is at the right.
const WIDTH = 360;
const HEIGHT = 80;
const SAMPLES = 90;

function svg(name, attributes) {
  const created = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  return created;
}

// A gap where a value is unknown, and a dot where both neighbors are unknown
function path(values, top) {
  const step = (WIDTH - 4) / (SAMPLES - 1);
  let text = '';
  values.forEach((value, i) => {
    if (value === null) return;
    const x = (WIDTH - 2 - (values.length - 1 - i) * step).toFixed(1);
    const y = (HEIGHT - 2 - (value / top) * (HEIGHT - 4)).toFixed(1);
    text += i > 0 && values[i - 1] !== null ? `L${x} ${y}` : `M${x} ${y}h0`;
  });
  return text;
}

function chart(title, series, format) {
  const known = series.flatMap(([, values]) => values.filter((value) => value !== null));
  const top = Math.max(...known, 0);
  const latest = series.map(([name, values]) => `${name} ${values.length && values.at(-1) !== null ? format(values.at(-1)) : 'none'}`);
  const picture = svg('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img',
    'aria-label': `${title} in the last 15 minutes. Highest: ${known.length ? format(top) : 'none'}. Latest: ${latest.join(', ')}.`,
  });
  picture.append(svg('path', { class: 'axis', d: `M0 ${HEIGHT - 1}h${WIDTH}` }));
  series.forEach(([, values, style]) => picture.append(svg('path', { class: style, d: path(values, top || 1) })));
  const legend = element('p', '', 'legend');
  series.forEach(([, , style], i) => legend.append(element('span', latest[i], style)));
  const scale = parent('p', 'scale', element('span', '15 min ago'), element('span', `highest ${known.length ? format(top) : 'none'}`), element('span', 'now'));
  return parent('figure', '', element('figcaption', title), picture, scale, legend);
}

function charts(samples) {
  const rate = (values) => values.map((value) => value * 1000 / samples.interval_ms);
  const perSecond = (value) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1)) + '/s';
  return [
    chart('Deliveries per second', [['succeeded', rate(samples.succeeded), 'first'], ['failed', rate(samples.failed), 'second']], perSecond),
    chart('Time from arrival to delivery', [['median', samples.median_ms, 'first'], ['95th percentile', samples.p95_ms, 'third']], duration),
  ];
}

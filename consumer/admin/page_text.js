'use strict';

// Formats values, and creates elements. Registries and events control some of
// the texts, so all of them are inserted as text, never as markup.
const number = (value) => (value === undefined ? 'unknown' : value.toLocaleString('en'));
const count = (value, one, many) => `${number(value)} ${value === 1 ? one : many || one + 's'}`;
const span = (from, to) => Date.parse(to) - Date.parse(from);

function duration(ms) {
  if (ms < 1000) return Math.max(0, Math.round(ms)) + ' ms';
  if (ms < 9950) return +(ms / 1000).toFixed(1) + ' s';
  const s = Math.round(ms / 1000);
  if (s < 120) return s + ' s';
  if (s < 7200) return Math.round(s / 60) + ' min';
  if (s < 172800) return Math.round(s / 3600) + ' h';
  return Math.round(s / 86400) + ' days';
}

function bytes(value) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  let i = 0;
  while (value >= 1024 && i < units.length - 1) {
    value /= 1024;
    i++;
  }
  return (i ? value.toFixed(1) : value) + ' ' + units[i];
}

const ago = (when, now) => (when ? duration(Math.max(0, span(when, now))) + ' ago' : 'never');

function clock(when) {
  const date = new Date(when);
  const time = date.toLocaleTimeString('en-GB');
  return date.toDateString() === new Date().toDateString() ? time : `${date.toLocaleDateString('en-CA')} ${time}`;
}

// Characters that show nothing by themselves, but may change how the text around
// them is shown, such as overrides of the writing direction
const visible = (text) => String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
  (c) => (c === '\n' ? ' ' : `\\u${c.codePointAt(0).toString(16).padStart(4, '0')}`));

function element(name, text, style) {
  const created = document.createElement(name);
  if (text !== undefined && text !== '') created.textContent = visible(text);
  if (style) created.className = style;
  return created;
}

// A digest is recognized by its first digits; the tooltip has all of them.
const shortDigest = (text) => text.replace(/(sha\d+:[0-9a-f]{12})[0-9a-f]{20,}/g, '$1…');

// A text that may be long is closed at first, and `key` tells it from others.
function foldable(text, style, key, max) {
  if (text.length <= max) return element('p', text, style);
  const details = parent('details', style, element('summary', text.slice(0, max * 2 / 3) + '…'), element('p', text));
  details.dataset.key = visible(key);
  return details;
}

function parent(name, style, ...children) {
  const created = element(name, '', style);
  created.append(...children.filter(Boolean));
  return created;
}

// Changes only what differs, so that a selection, the focus and an open <details>
// survive the next update.
function morph(old, next) {
  if (old.isEqualNode(next)) return;
  if (old.nodeName !== next.nodeName || old.nodeType !== Node.ELEMENT_NODE || old.dataset?.key !== next.dataset?.key) {
    old.replaceWith(next);
    return;
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (name !== 'open' && !next.hasAttribute(name)) old.removeAttribute(name);
  }
  morphChildren(old, [...next.childNodes]);
}

function morphChildren(old, next) {
  while (old.childNodes.length > next.length) old.lastChild.remove();
  next.forEach((child, i) => (i < old.childNodes.length ? morph(old.childNodes[i], child) : old.append(child)));
}

"""JavaScript that measures the layout of a page in a browser (browser.py)."""

# Elements that are wider than their card, their own box or the window
TOO_WIDE = """
(() => {
  const found = [];
  const width = document.documentElement.clientWidth;
  const name = (e) => `${e.tagName}#${e.id}.${e.className} ${Math.round(e.getBoundingClientRect().width)}: ${e.textContent.slice(0, 60)}`;
  if (document.documentElement.scrollWidth > width) found.push(`document: ${document.documentElement.scrollWidth} > ${width}`);
  for (const e of document.body.querySelectorAll('*')) {
    if (e.closest('thead, svg > *') && getComputedStyle(e.closest('thead') || e).position === 'absolute') continue;
    if (e.namespaceURI.endsWith('svg') && e.tagName !== 'svg') continue;
    if (!e.getClientRects().length) continue;
    const box = e.getBoundingClientRect();
    const card = e.closest('.card')?.getBoundingClientRect() || { left: 0, right: width };
    if (box.right > card.right + 1 || box.left < card.left - 1) found.push(`outside its card: ${name(e)}`);
    if (box.right > width + 1 || box.left < -1) found.push(`outside the window: ${name(e)}`);
    if (getComputedStyle(e).display !== 'inline' && e.scrollWidth > e.clientWidth + 1 && e.clientWidth) found.push(`overflows: ${name(e)}`);
  }
  return found;
})()
"""

# Texts with less contrast than WCAG 2 AA requires for small texts
FAINT = """
(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const part = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = rgb(getComputedStyle(e).backgroundColor);
      if (color[3] !== 0) return color;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  for (const e of document.body.querySelectorAll('*')) {
    if (e.namespaceURI.endsWith('svg') || !e.getClientRects().length) continue;
    if (![...e.childNodes].some((c) => c.nodeType === 3 && c.data.trim())) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) found.add(`${contrast.toFixed(2)} ${e.tagName}.${e.className}: ${e.textContent.slice(0, 30)}`);
  }
  return [...found];
})()
"""

# Of these, the elements that are below the first screen or missing
BELOW = """
((selectors) => selectors.filter((selector) => {
  const e = document.querySelector(selector);
  return !e || !e.textContent || e.getBoundingClientRect().bottom > innerHeight || !e.getClientRects().length;
}))
"""

OPEN_ALL = "document.querySelectorAll('details').forEach((d) => { d.open = true; })"

# The colors of all texts that are values
COLORS = """
[...new Set([...document.querySelectorAll('#all *')]
  .filter((e) => e.getClientRects().length && !e.closest('svg'))
  .map((e) => getComputedStyle(e).color))]
"""

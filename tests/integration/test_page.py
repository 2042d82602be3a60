#!/usr/bin/env python3
"""The layout of the status page in Chromium: on a phone, a tablet and a desktop, light
and dark, for recorded documents of /status with many and long, failing, held and hostile
things, and when the service is gone.

The page and its headers come from a real `waybill run`; the documents do not.
WAYBILL_TEST_PICTURES=FOLDER keeps pictures of the page.
"""

import http.server
import json
import os
import pathlib
import tempfile
import threading
import time

from admin import ask, listening
from common import Case, main, settings, skip_all
from support import status_documents
from support.browser import Browser, chromium_path

if not chromium_path():
    skip_all("Chromium is not installed, so the layout of the page is not tested")

SIZES = [(390, 844), (768, 1024), (1400, 900)]

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

# Texts with less contrast than WCAG 2 AA demands of small ones
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

# Of these, what lies below the first screen or is not there
BELOW = """
((selectors) => selectors.filter((selector) => {
  const e = document.querySelector(selector);
  return !e || !e.textContent || e.getBoundingClientRect().bottom > innerHeight || !e.getClientRects().length;
}))
"""

OPEN_ALL = "document.querySelectorAll('details').forEach((d) => { d.open = true; })"

PROBLEM = "#problems > li:first-child"
ANSWERS = {
    "healthy": ["#state", "#summary"],
    "dead-letters": [f"{PROBLEM} .title", f"{PROBLEM} .since", f"{PROBLEM} .next"],
    "held": [f"{PROBLEM} .title", f"{PROBLEM} .since", f"{PROBLEM} .next", f"{PROBLEM} .error"],
    "not-ready": [f"{PROBLEM} .title", f"{PROBLEM} .since", f"{PROBLEM} .next"],
    "registry-down": [f"{PROBLEM} .title", f"{PROBLEM} .since", f"{PROBLEM} .next", f"{PROBLEM} .error"],
    "many": [f"{PROBLEM} .title", f"{PROBLEM} .since", f"{PROBLEM} .next", f"{PROBLEM} .meaning"],
}
TITLES = {
    "healthy": "No problems",
    "many": "7 problems",
    "registry-down": "1 problem",
    "dead-letters": "1 warning",
    "held": "5 problems",
    "not-ready": "Not ready",
}


class Stand(http.server.ThreadingHTTPServer):
    """Serves the page as the program does, and the document of the test."""

    daemon_threads = True

    def __init__(self, page):
        super().__init__(("127.0.0.1", 0), Handler)
        self.page = page
        self.document = None  # None: the service is gone
        self.served = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/":
            self.answer(self.server.page.body, self.server.page.headers.items())
        elif self.path == "/status" and self.server.document:
            status = status_documents.at_present(self.server.document)
            self.answer(json.dumps(status), [("Content-Type", "application/json")])
            self.server.served += 1
        elif self.path == "/status":
            self.close_connection = True
        else:
            self.send_error(404)

    def answer(self, text, headers):
        body = text.encode()
        self.send_response(200)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Layout(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="waybill-page-", ignore_cleanup_errors=True)
        cls.addClassCleanup(folder.cleanup)
        cls.browser = Browser(folder.name)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        path = self.config(
            settings(
                "127.0.0.1:1/acme/attestations",
                kafka={"brokers": "127.0.0.1:1"},
                admin={"listen": "127.0.0.1:0"},
            )
        )
        service = self.serve(path)
        address = listening(service)
        self.stand = Stand(ask(address, "/"))
        self.addCleanup(self.stand.server_close)
        self.addCleanup(self.stand.shutdown)
        self.real = ask(address, "/status").json

    def open(self, document, size, dark=False):
        self.stand.document = document
        page = self.browser.page(*size, dark)
        self.addCleanup(page.close)
        page.open(self.stand.url)
        page.wait_for("document.readyState === 'complete' && !document.getElementById('all').hidden")
        return page

    def next_update(self, page):
        served = self.stand.served
        self.stand_until(lambda: self.stand.served > served)
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")

    def stand_until(self, condition):
        deadline = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def assert_fits(self, page):
        self.assertEqual(page.evaluate(TOO_WIDE), [])
        self.assertEqual(page.evaluate(FAINT), [])

    def picture(self, page, name):
        if folder := os.environ.get("WAYBILL_TEST_PICTURES"):
            page.screenshot(pathlib.Path(folder) / f"{name}.png")

    def everywhere(self, check):
        for name, make in status_documents.DOCUMENTS.items():
            for size in SIZES:
                for dark in (False, True):
                    with self.subTest(document=name, width=size[0], dark=dark):
                        page = self.open(make(), size, dark)
                        check(page, name)
                        shade = "-dark" if dark else ""
                        self.picture(page, f"{name}-{size[0]}{shade}")

    def test_nothing_is_wider_than_its_card_or_faint(self):
        def check(page, _):
            self.assert_fits(page)
            page.evaluate(OPEN_ALL)
            self.assert_fits(page)
            self.assertEqual(page.complaints(), [])
            page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = false; })")

        self.everywhere(check)

    def test_the_first_screen_says_what_is_wrong_since_when_and_what_happens_next(self):
        for name, answers in ANSWERS.items():
            for size in SIZES:
                with self.subTest(document=name, width=size[0]):
                    page = self.open(status_documents.DOCUMENTS[name](), size)
                    self.assertEqual(page.evaluate(f"{BELOW}({json.dumps(answers)})"), [])

    def test_heading_and_title_follow_the_worst_state(self):
        for name, title in TITLES.items():
            with self.subTest(document=name):
                page = self.open(status_documents.DOCUMENTS[name](), SIZES[2])
                self.assertEqual(page.evaluate("document.title"), f"{title} · Waybill")
                self.assertEqual(page.evaluate("document.getElementById('state').textContent"), title)
                level = {"No": "good", "1 warning": "warn"}
                expected = level.get(title, level.get(title.split()[0], "bad"))
                self.assertIn(expected, page.evaluate("document.getElementById('banner').className"))
                self.assertIn("data:image/svg", page.evaluate("document.getElementById('icon').href"))

    def test_deliveries_lead_when_no_record_is_complete(self):
        page = self.open(status_documents.registry_down(), SIZES[0])
        first = page.evaluate("document.querySelector('dl').innerText")
        self.assertIn("Succeeded\n2,398", first)
        self.assertIn("Waiting\n218", first)
        self.assertRegex(first, r"Last completed\n\d[\d.]* s ago")
        problem = page.evaluate(f"document.querySelector('{PROBLEM}').innerText")
        self.assertIn("ghcr.io is down", problem)
        self.assertIn("Registration ghcr: 218 deliveries wait.", problem)
        self.assertRegex(problem, r"since .*\(25 min\)")
        self.assertRegex(problem, r"Next attempt in \d+ s|Next attempt in [\d.]+ s")
        self.assertEqual(page.evaluate("document.querySelectorAll('#problems > li').length"), 1)

    def test_a_page_of_many_is_short_because_idle_ones_are_collapsed(self):
        page = self.open(status_documents.many(), SIZES[2])
        first = page.evaluate("document.querySelector('#registrations tbody td').innerText")
        self.assertIn("registration-03", first)
        self.assertLessEqual(page.evaluate("document.querySelectorAll('#registrations tr:not(.why)').length"), 11)
        self.assertIn(
            "40 more registrations, 26 of them idle",
            page.evaluate("document.querySelector('#registrations + details summary').innerText"),
        )
        self.assertLess(page.evaluate("document.documentElement.scrollHeight"), 6000)

    def test_what_is_held_is_shown_with_its_reason(self):
        page = self.open(status_documents.held(), SIZES[2])
        page.evaluate(OPEN_ALL)
        text = page.evaluate("document.body.innerText")
        for expected in (
            "Attachment payments-to-main is held",
            "permission_denied: write_package",
            "Registration archive is held",
            "Topic attestation-dead-letters rejects messages",
            "7 deliveries are held, of records attestations 1/4711",
            "Message size too large (MSG_SIZE_TOO_LARGE)",
            "raise the topic's max.message.bytes",
            "cannot be read from offset 815",
            "--to-offset 816",
            "unknown key 'delivry'",
            "is compacted",
        ):
            self.assertIn(expected, text)

    def test_outcomes_show_workflow_destination_and_reason(self):
        page = self.open(status_documents.dead_letters(), SIZES[2])
        text = page.evaluate("document.getElementById('recent').innerText")
        for expected in ("shop / build-image", "acme/att-*", "MANIFEST_INVALID", "failed: rejected"):
            self.assertIn(expected, text)

    def test_the_charts_are_there_when_the_page_is_opened(self):
        page = self.open(status_documents.dead_letters(), SIZES[2])
        lines = page.evaluate("[...document.querySelectorAll('#charts path')].map((p) => p.getAttribute('d').length)")
        self.assertEqual(len(lines), 6)
        self.assertEqual(sum(length > 500 for length in lines), 4)
        label = page.evaluate("document.querySelector('#charts svg').getAttribute('aria-label')")
        self.assertRegex(label, r"^Deliveries per second in the last 15 minutes. Highest: [\d.]+/s. Latest: succeeded")

    def test_hostile_texts_are_shown_and_change_nothing(self):
        page = self.open(status_documents.hostile(), SIZES[0])
        page.evaluate(OPEN_ALL)
        text = page.evaluate("document.body.innerText")
        self.assertIn("<img src=x onerror=", text)
        self.assertIn("\\u202egnp.exe\\u2069</script>", text)
        self.assertNotIn("\u202e", text)
        self.assertEqual(page.evaluate("document.querySelectorAll('img').length"), 0)
        self.assertIn(" · Waybill", page.evaluate("document.title"))
        self.assertEqual(page.complaints(), [])

    def test_values_are_greyed_out_when_the_service_is_gone(self):
        for size in SIZES:
            for dark in (False, True):
                with self.subTest(width=size[0], dark=dark):
                    page = self.open(status_documents.registry_down(), size, dark)
                    self.stand.document = None
                    page.wait_for("document.title === 'No response · Waybill'")
                    heading = page.evaluate("document.getElementById('state').textContent")
                    self.assertRegex(heading, r"^No response since \d\d:\d\d:\d\d \(.+\)$")
                    grey = "[...new Set([...document.querySelectorAll('#all *')].filter((e) => e.getClientRects().length && !e.closest('svg')).map((e) => getComputedStyle(e).color))]"
                    self.assertEqual(len(page.evaluate(grey)), 1)
                    self.assertEqual(page.evaluate("getComputedStyle(document.getElementById('all')).filter"), "grayscale(1)")
                    self.assertEqual(page.evaluate(f"{BELOW}(['#state', '#summary'])"), [])
                    self.assert_fits(page)
                    self.picture(page, f"gone-{size[0]}{'-dark' if dark else ''}")
                    self.stand.document = status_documents.healthy()
                    page.wait_for("document.title === 'No problems · Waybill'")
                    self.assertFalse(page.evaluate("document.body.classList.contains('stale')"))

    def test_an_update_leaves_a_selection_and_what_is_open(self):
        page = self.open(status_documents.held(), SIZES[2])
        page.evaluate("document.getElementById('more-problems').open = true")
        page.evaluate("getSelection().selectAllChildren(document.querySelector('#problems code'))")
        before = page.evaluate("document.querySelector('.since').textContent + document.getElementById('summary').textContent")
        self.next_update(page)
        self.next_update(page)
        self.assertIn("--to-offset 816", page.evaluate("getSelection().toString()"))
        self.assertTrue(page.evaluate("document.getElementById('more-problems').open"))
        after = page.evaluate("document.querySelector('.since').textContent + document.getElementById('summary').textContent")
        self.assertNotEqual(before, after)

    def test_the_recorded_documents_have_the_members_of_a_real_one(self):
        recorded = status_documents.not_ready()
        real = self.real
        self.assertEqual(set(real) - {"sandbox"}, set(recorded) - {"sandbox"})
        for name in ("deliveries", "totals", "samples", "in_flight", "kafka", "reload", "rejected"):
            unknown = {"last_warning", "last_warning_at", "last_completed_at"}
            self.assertEqual(set(real[name]) - unknown, set(recorded[name]) - unknown, name)
        self.assertEqual(set(real["registrations"][0]), set(recorded["registrations"][0]))


if __name__ == "__main__":
    main()

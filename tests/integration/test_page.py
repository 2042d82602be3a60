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
import threading
import time

from admin import ask, listening
from common import Case, main, settings, skip_all
from support import status_documents
from support.browser import Browser, chromium_path
from support.page_layout import BELOW, COLORS, FAINT, OPEN_ALL, TOO_WIDE

if not chromium_path():
    skip_all("Chromium is not installed, so the layout of the page is not tested")

SIZES = [(390, 844), (768, 1024), (1400, 900)]

PROBLEM = "#problems > li:first-child"
ANSWERS = {
    "healthy": ["#state", "#summary"],
    "dead-letters": [f"{PROBLEM} .title", f"{PROBLEM} .since", f"{PROBLEM} .next"],
    "held": [f"{PROBLEM} .title", f"{PROBLEM} .since", f"{PROBLEM} .next", f"{PROBLEM} .error"],
    "not-ready": [f"{PROBLEM} .title", f"{PROBLEM} .since", f"{PROBLEM} .next"],
    "registry-down": [f"{PROBLEM} .{part}" for part in ("title", "since", "next", "error")],
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
        self.document = None  # None: the service does not respond
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
        cls.browser = Browser.of(cls)

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
        self.address = listening(service)
        self.stand = Stand(ask(self.address, "/"))
        self.addCleanup(self.stand.server_close)
        self.addCleanup(self.stand.shutdown)
        self.real = ask(self.address, "/status").json

    def open(self, document, size, dark=False):
        self.stand.document = document
        page = self.browser.page(*size, dark)
        self.addCleanup(page.close)
        page.open(self.stand.url)
        page.wait_for(
            "document.readyState === 'complete' && !document.getElementById('all').hidden"
        )
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
            page.evaluate(OPEN_ALL.replace("true", "false"))

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
                self.assertEqual(page.text("#state"), title)
                level = {"No": "good", "1 warning": "warn"}
                expected = level.get(title, level.get(title.split()[0], "bad"))
                self.assertEqual(page.count(f"#banner.{expected}"), 1)
                self.assertEqual(page.count("#icon[href^='data:image/svg']"), 1)

    def test_deliveries_lead_when_no_record_is_complete(self):
        page = self.open(status_documents.registry_down(), SIZES[0])
        first = page.text("dl")
        self.assertIn("Succeeded\n2,398", first)
        self.assertIn("Waiting\n218", first)
        self.assertRegex(first, r"Last completed\n\d[\d.]* s ago")
        problem = page.text(PROBLEM)
        self.assertIn("ghcr.io is down", problem)
        self.assertIn("Registration ghcr: 218 deliveries wait.", problem)
        self.assertRegex(problem, r"since .*\(25 min\)")
        self.assertRegex(problem, r"Next attempt in \d+ s|Next attempt in [\d.]+ s")
        self.assertEqual(page.count("#problems > li"), 1)

    def test_a_page_of_many_is_short_because_idle_ones_are_collapsed(self):
        for size, most in zip(SIZES, (8000, 6500, 4500), strict=True):
            page = self.open(status_documents.many(), size)
            self.assertLess(page.evaluate("document.documentElement.scrollHeight"), most, size)
            tallest = page.evaluate(
                "Math.max(...[...document.querySelectorAll('tr')].map((r) => r.offsetHeight))"
            )
            self.assertLess(tallest, 300, size)
        first = page.text("#registrations tbody td")
        self.assertIn("registration-03", first)
        self.assertLessEqual(page.count("#registrations tr:not(.why)"), 11)
        self.assertIn(
            "40 more registrations, 26 of them idle",
            page.text("#registrations + details summary"),
        )

    def test_what_is_held_is_shown_with_its_reason(self):
        page = self.open(status_documents.held(), SIZES[2])
        page.evaluate(OPEN_ALL)
        text = page.text("body")
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
        text = page.text("#recent")
        self.assertIn("build-image (project shop)", text)
        self.assertIn("acme/att-*", text)
        self.assertIn("failed: rejected", text)
        self.assertIn("MANIFEST_INVALID", text)

    def test_the_charts_are_there_when_the_page_is_opened(self):
        page = self.open(status_documents.dead_letters(), SIZES[2])
        lines = page.evaluate(
            "[...document.querySelectorAll('#charts path')].map((p) => p.getAttribute('d').length)"
        )
        self.assertEqual(len(lines), 6)
        self.assertEqual(sum(length > 500 for length in lines), 4)
        label = page.evaluate("document.querySelector('#charts svg').getAttribute('aria-label')")
        self.assertIn("Deliveries per second in the last 15 minutes. Highest: ", label)
        self.assertRegex(label, r"Latest: succeeded [\d.]+/s, failed [\d.]+/s\.$")

    def test_hostile_texts_are_shown_and_change_nothing(self):
        page = self.open(status_documents.hostile(), SIZES[0])
        page.evaluate(OPEN_ALL)
        text = page.text("body")
        self.assertIn("<img src=x onerror=", text)
        self.assertIn("\\u202egnp.exe\\u2069</script>", text)
        self.assertNotIn("\u202e", text)
        self.assertEqual(page.count("img"), 0)
        self.assertIn(" · Waybill", page.evaluate("document.title"))
        self.assertEqual(page.complaints(), [])

    def test_values_are_greyed_out_when_the_service_is_gone(self):
        for size in SIZES:
            for dark in (False, True):
                with self.subTest(width=size[0], dark=dark):
                    page = self.open(status_documents.registry_down(), size, dark)
                    self.stand.document = None
                    page.wait_for("document.title === 'No response · Waybill'")
                    self.assertRegex(page.text("#state"), r"^No response since \d\d:\d\d:\d\d$")
                    self.assertRegex(page.text("#summary"), r"^The values below are .* s old\.")
                    self.assertIn("asks again every 2 s.", page.text("#summary"))
                    self.assertEqual(len(page.evaluate(COLORS)), 1)
                    grey = "getComputedStyle(document.getElementById('all')).filter"
                    self.assertEqual(page.evaluate(grey), "grayscale(1)")
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
        before = page.text(".since") + page.text("#summary")
        self.next_update(page)
        self.next_update(page)
        self.assertIn("--to-offset 816", page.evaluate("getSelection().toString()"))
        self.assertTrue(page.evaluate("document.getElementById('more-problems').open"))
        after = page.text(".since") + page.text("#summary")
        self.assertNotEqual(before, after)

    def test_a_real_service_without_a_broker_says_since_when_it_is_not_ready(self):
        page = self.browser.page(*SIZES[0])
        self.addCleanup(page.close)
        page.open(f"http://{self.address}/")
        page.wait_for("document.title === 'Not ready · Waybill'")
        self.assertEqual(page.evaluate(f"{BELOW}({json.dumps(ANSWERS['not-ready'])})"), [])
        self.assertRegex(page.text("body"), r"no assignment|no producer")
        self.assert_fits(page)

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

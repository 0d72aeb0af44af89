"""`examples/publish.html` in a real Chromium without a screen: what somebody sees who tries it."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.clients.languages import HERE, ToolMissingError
from tests.support.kafka_dist import ROOT
from tests.support.records import read_all

if TYPE_CHECKING:
    from tests.clients.stage import Stage

TENANT = "browser"
MESSAGES = ("hello", "grüße", "{}")
MILLISECONDS = 30_000


class _Files(http.server.SimpleHTTPRequestHandler):
    """The examples, with MQTT.js where `npm install` would put it."""

    def translate_path(self, path: str) -> str:
        if path.startswith("/node_modules/"):
            return str(HERE / "node" / path.removeprefix("/"))
        return super().translate_path(path)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def try_page(stage: Stage) -> str | None:
    """Publish from the page; what is wrong, if anything. Raises ToolMissingError."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise ToolMissingError("chromium is not on the PATH; the example page is tried in it")
    topic = stage.kafka.create_topic(f"hono.telemetry.{TENANT}", 1)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Files, directory=str(Path(ROOT) / "examples"))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        told = _play(browser, f"http://127.0.0.1:{server.server_port}/publish.html", stage.urls["ws"])
    finally:
        server.shutdown()
        server.server_close()
    records = [(record.value or b"").decode() for record in read_all(stage.kafka.bootstrap, topic)]
    if records != list(MESSAGES):
        return f"Kafka has {records}; the page says {told}"
    receipts = [re.fullmatch(rf"PUBACK: {re.escape(topic)}, partition 0, offset (\d+)", line) for line in told[1:]]
    if told[0] != "connected" or [receipt and int(receipt[1]) for receipt in receipts] != [0, 1, 2]:
        return f"the page says {told}"
    return None


def _play(browser: str, page_url: str, adapter_url: str) -> list[str]:
    """Publish each message when the one before has its PUBACK; returns the lines that the page shows."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(page_url)
        page.fill("input[name=url]", adapter_url)
        page.fill("input[name=topic]", f"telemetry/{TENANT}/page")
        for number, message in enumerate(MESSAGES, 2):
            page.fill("input[name=message]", message)
            page.click("button")
            page.wait_for_selector(f"#told li:nth-child({number})", timeout=MILLISECONDS)
        told = page.locator("#told li").all_inner_texts()
        chromium.close()
        return told

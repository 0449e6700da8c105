"""Debian's Chromium, driven as a user would; nothing but the machine's own addresses is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from standalone import Standalone

WITHIN_MS = 45_000  # what a page waits for, on a machine that has much else to do
START_MS = 120_000
LEVELS = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


@contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as drivers:
        browser = drivers.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"], timeout=START_MS
        )
        try:
            yield browser
        finally:
            browser.close()


def opened(browser: Browser, **how: object) -> tuple[Page, list[str]]:
    """Return a page of a browser of its own, and what goes wrong on it: errors, refusals of the content policy."""
    page, wrong = browser.new_context(**how).new_page(), []
    page.set_default_timeout(WITHIN_MS)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None
    )
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    return page, wrong


def administrator(server: Standalone) -> tuple[str, str, str]:
    """Return name, password and project of the one whom the first start made."""
    auth = yaml.safe_load((server.state / "clouds.yaml").read_text())["clouds"]["evener"]["auth"]
    return auth["username"], auth["password"], auth["project_name"]


def log_in(page: Page, server: Standalone, user: str, password: str, project: str, path: str = "/") -> None:
    page.goto(f"{server.url}/dashboard{path}")
    page.get_by_label("User").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Project").fill(project)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()


def violations(page: Page) -> list[str]:
    """Return how a page breaks WCAG 2.1 AA, as axe-core sees it."""
    found = Axe().run(page, options=LEVELS).response["violations"]
    return [
        f"{each['id']}: {node['html']} {node['failureSummary']}" for each in found for node in each["nodes"]
    ]

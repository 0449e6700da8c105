"""Each page in both colours, in English and Chinese: free of violations, as wide as its window, and as a picture.

With SCREENSHOTS=docs/images, the pictures of the documentation are made; EVERY_PAGE=DIRECTORY keeps all of them.
"""

import os
import re
import threading
import time
from pathlib import Path

import pytest
from browsers import administrator, log_in, opened, violations
from playwright.sync_api import Browser, Locator, Page, expect
from standalone import Cloud, Standalone, eventually

pytestmark = pytest.mark.root
LARGEST = 80_000  # bytes of a picture
SIZE = {"width": 1080, "height": 720}
PAGES = {
    "overview": "/overview",
    "list": "/balancers",
    "load-balancer": "/balancers/{id}",
    "events": "/balancers/{id}/history",
    "configuration": "/balancers/{id}/configuration",
    "create": "/balancers/create#pool",
    "listener": "/balancers/{id}/listeners/create",
    "policy": "/balancers/{id}/listeners/{listener}/l7policies/create",
    "member": "/balancers/{id}/pools/{pool}/members/{member}",
    "monitor": "/balancers/{id}/pools/{pool}/healthmonitors/create",
    "delete": "/balancers/{id}/delete",
    "move": "/balancers/{id}/failover",
    "floating-ip": "/balancers/{id}/floating-ip",
    "upload": "/certificates/upload",
    "quota": "/quotas/{project}",
    "members": "/balancers/{id}/pools/{pool}/members/add",
    "certificates": "/certificates",
    "quotas": "/quotas",
    "agents": "/agents",
}
NONE = re.compile(r"at most 0$")  # a plot that has seen nothing yet
DOCUMENT = Path(__file__).parents[2] / "docs/dashboard-pages.md"


def picture(page: Page, name: str, directory: Path, every: Path) -> None:
    whole = every / f"{name}.png"
    page.screenshot(path=whole, full_page=True)
    assert whole.stat().st_size
    file = directory / f"dashboard-{name}.jpg"
    page.screenshot(path=file, type="jpeg", quality=55)
    assert file.stat().st_size < LARGEST
    assert f"images/{file.name}" in DOCUMENT.read_text()


def in_colours(page: Page, theme: str, language: str) -> None:
    page.get_by_role("combobox").nth(-1).select_option(language)
    page.wait_for_load_state()
    page.get_by_role("combobox").nth(-2).select_option(theme)
    page.wait_for_load_state()
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    expect(page.locator("html")).to_have_attribute("lang", language)


def test_every_page_is_well_in_both_colours_and_languages(
    cloud: Cloud, standalone: Standalone, browser: Browser, tmp_path: Path
) -> None:
    balancer = cloud.balancer("web")
    names = {"id": balancer.lb["id"], "pool": balancer.pool["id"], "listener": balancer.listener["id"]}
    names |= {"member": balancer.members["web1"]["id"], "project": balancer.lb["project_id"]}
    policies = "/load-balancer/v2/lbaas/l7policies"
    body = {"name": "elsewhere", "listener_id": balancer.listener["id"], "action": "REJECT"}
    policy = cloud.api.request("POST", policies, {"l7policy": body}).json()["l7policy"]["id"]
    directory = Path(os.environ.get("SCREENSHOTS", tmp_path))
    every = Path(os.environ.get("EVERY_PAGE", tmp_path))
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(0.02):
            cloud.client.answers(balancer.vip)

    client = threading.Thread(target=ask)
    client.start()
    try:
        for theme, language, width in (
            ("light", "en", SIZE["width"]),
            ("dark", "zh-Hans", 360),
            ("dark", "en", SIZE["width"]),
        ):
            page, wrong = opened(browser, viewport={**SIZE, "width": width})
            log_in(page, standalone, *administrator(standalone), path="/quotas")
            in_colours(page, theme, language)
            for name, path in PAGES.items():
                page.goto(f"{standalone.url}/dashboard{path.format(**names)}")
                if name == "overview" and "SCREENSHOTS" in os.environ:
                    page.locator(".plot").first.wait_for(timeout=60_000)
                if name == "load-balancer" and language == "en":
                    page.locator(".plot").first.wait_for()
                    expect(page.locator(".picture")).to_contain_text("requests/s")
                    expect(page.locator("dl")).to_contain_text("Served by")
                    place = page.get_by_role("region", name="Picture")  # it fits, with its policies
                    assert place.evaluate("(it) => it.scrollWidth <= it.clientWidth")
                    time.sleep(10 if "SCREENSHOTS" in os.environ else 0)
                assert violations(page) == [], name
                assert page.locator(".commands code").count(), name
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
                if theme == "dark" and language != "en":
                    page.screenshot(path=every / f"{name}-phone.png")
                if language == "en":
                    picture(page, f"{name}-{theme}", directory, every)
            page.context.close()
            assert wrong == []
    finally:
        ended.set()
        client.join()
        assert cloud.api.request("DELETE", f"{policies}/{policy}").ok
        cloud.delete(balancer)


def test_traffic_is_seen_in_plots_and_by_member_and_a_page_says_when_all_of_it_is_gone(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    balancer = cloud.balancer("busy")
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}")
    page.locator(".plot").first.wait_for()
    rates = page.get_by_role("region", name="Traffic of members")
    expect(rates.get_by_role("row")).to_have_count(len(cloud.webs) + 1)
    for title in ("Requests per second", "Connections per second"):
        caption = page.locator("figcaption").filter(has_text=title)

        def seen(of: Locator = caption) -> bool:
            cloud.client.answers(balancer.vip)  # the first look sees none, whenever it is
            return not NONE.search(of.inner_text())

        eventually(seen, 30, caption.inner_text)
    cloud.delete(balancer)
    expect(page.locator("#connection")).to_contain_text("does not exist")


def test_the_overview_has_plots_of_all_and_agents_page_follows(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    balancer = cloud.balancer("all of it")
    page.goto(f"{standalone.url}/dashboard/overview")
    page.locator(".plot").first.wait_for(timeout=60_000)
    requests = page.locator("figcaption").filter(has_text="Requests per second")

    def seen() -> bool:
        cloud.client.answers(balancer.vip)
        return requests.count() == 1 and not NONE.search(requests.inner_text())

    eventually(seen, 60)
    assert violations(page) == []
    page.goto(f"{standalone.url}/dashboard/agents")
    button = page.get_by_role("button", name="maintenance")
    expect(button).to_contain_text("Begin")
    for wanted, words in ((False, "End"), (True, "Begin")):
        (agent,) = cloud.api.request("GET", "/networking/v2.0/agents").json()["agents"]
        body = {"agent": {"admin_state_up": wanted}}
        assert cloud.api.request("PUT", f"/networking/v2.0/agents/{agent['id']}", body).ok
        expect(button).to_contain_text(words)  # without a reload
    cloud.delete(balancer)

"""Habits of who uses the dashboard in a real Chromium: keys, copied commands, shared links; much, and long names."""

import socket

import pytest
from browsers import administrator, log_in, opened, violations
from playwright.sync_api import Browser, Page, expect
from standalone import Cloud, Standalone

from evener.host import netns

pytestmark = pytest.mark.root
NAMES = (
    "x" * 255,
    "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET} " * 60,
    "<b onmouseover='alert(1)'>\"it's\"</b> \N{BALLOON}",
    "$(reboot) `id` %s {{ 7*7 }}",
)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of that name has the focus."""
    for _ in range(200):  # it begins again where the page is drawn anew meanwhile
        page.keyboard.press("Tab")
        said = page.evaluate(
            "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
        )
        if said == name:
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_a_load_balancer_is_made_and_deleted_by_the_keyboard_alone(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    tab_to(page, "Create a load balancer")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Create a load balancer").wait_for()
    tab_to(page, "Name")
    page.keyboard.type("typed")
    for legend in ("2. Listener", "3. Pool", "4. Members", "5. Monitor"):
        tab_to(page, "Next")
        page.keyboard.press("Enter")
        expect(page.get_by_role("group", name=legend)).to_be_visible()
    tab_to(page, "Create")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="typed", exact=True)).to_be_visible()
    tab_to(page, "Delete this load balancer")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Delete load balancer typed?").wait_for()
    tab_to(page, "Delete")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Load balancers")).to_be_visible()
    expect(page.get_by_role("link", name="typed")).to_have_count(0)


def test_a_command_is_copied_by_a_click_and_a_filtered_list_is_a_link(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    balancer = cloud.balancer("copied")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"openstack loadbalancer show {balancer.lb['id']}"
    page.goto(f"{standalone.url}/dashboard/balancers")
    page.get_by_label("Name", exact=True).fill("another")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No load balancer is like this.")).to_be_visible()
    link = page.url
    page.go_back()
    expect(page.get_by_role("link", name="copied")).to_be_visible()
    page.goto(link)
    expect(page.get_by_label("Name", exact=True)).to_have_value("another")
    cloud.delete(balancer)


def test_a_member_that_drains_shows_the_connections_that_are_left(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    balancer = cloud.balancer("drained", webs=cloud.webs[:1])
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}")
    left = page.get_by_role("region", name="Traffic of members").get_by_role("row").nth(1)
    with netns.inside(cloud.client.namespace):
        client = socket.create_connection((balancer.vip, 80), timeout=30)
    with client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: drained\r\nContent-Length: 9\r\n\r\n"
        )  # the rest never comes
        expect(left.get_by_role("cell").nth(0)).to_have_text("1", timeout=30_000)
        page.get_by_role("link", name="Change web1").click()
        page.get_by_label("Weight").fill("0")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".picture")).to_contain_text("weight 0")
        expect(left.get_by_role("cell").nth(0)).to_have_text("1", timeout=30_000)
    expect(left.get_by_role("cell").nth(0)).to_have_text("0", timeout=30_000)
    cloud.delete(balancer)


def test_a_host_begins_and_ends_maintenance_by_a_click(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    page.get_by_role("link", name="Agents").click()
    for act, then in (("Begin maintenance", "End maintenance"), ("End maintenance", "Begin maintenance")):
        page.get_by_role("button", name=act).click()
        expect(page.get_by_role("button", name=then)).to_be_visible()
        (agent,) = cloud.api.request("GET", "/networking/v2.0/agents").json()["agents"]
        assert agent["admin_state_up"] is (act == "End maintenance")


def test_500_members_with_names_of_all_kinds_are_shown_in_a_desktop_and_on_a_phone(
    cloud: Cloud, standalone: Standalone, browser: Browser
) -> None:
    balancer = cloud.balancer("many", webs=[])
    members = [
        {
            "name": NAMES[number % len(NAMES)],
            "address": f"198.18.{number // 250}.{number % 250 + 1}",
            "protocol_port": 80,
        }
        for number in range(500)
    ]
    path = f"/load-balancer/v2/lbaas/pools/{balancer.pool['id']}/members"
    answer = cloud.api.request("PUT", path, {"members": members})
    assert answer.ok, answer.text
    for theme, width in (("light", 1280), ("dark", 360)):
        page, wrong = opened(browser, color_scheme=theme, viewport={"width": width, "height": 700})
        log_in(page, standalone, *administrator(standalone), path=f"/balancers/{balancer.lb['id']}")
        table = page.get_by_role("region", name="Members of many-pool")
        expect(table.get_by_role("row")).to_have_count(501)
        for name in NAMES:
            expect(table.get_by_role("rowheader", name=name.strip()).first).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.context.close()
        assert wrong == []
    whole = f"/load-balancer/v2/lbaas/loadbalancers/{balancer.lb['id']}?cascade=true"
    assert cloud.api.request("DELETE", whole).ok
    cloud.api.wait_gone(balancer.lb, 60)

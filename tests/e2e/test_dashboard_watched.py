"""What is watched in a real Chromium: long lists, a member that fails, events, and a form that waits for its answer."""

import re
import time

import pytest
from browsers import violations
from playwright.sync_api import Page, expect
from standalone import Balancer, Cloud, Standalone, eventually

pytestmark = pytest.mark.root
LBAAS = "/load-balancer/v2/lbaas"
ON_A_PAGE, NUMBER = 25, 27
# Keeps for the next page what a form shows while it waits.
KEEP_WAITS = """() => new MutationObserver(() => {
  const bar = document.querySelector("form progress");
  if (bar) sessionStorage.setItem("waited", bar.ariaLabel);
}).observe(document.body, { childList: true, subtree: true })"""
SEEN_S = 10.0  # from when the API tells; two where a machine has nothing else to do


def test_a_long_list_is_sorted_and_turned_over_and_each_page_has_an_address(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    names = [f"lb {number:02}" for number in range(NUMBER)]
    limit = f"{LBAAS}/quotas/{cloud.subnet['project_id']}"
    assert cloud.api.request("PUT", limit, {"quota": {"load_balancer": -1}}).ok
    made = [cloud.api.create("loadbalancer", name=each, vip_subnet_id=cloud.subnet["id"]) for each in names]
    page.goto(f"{standalone.url}/dashboard/balancers")
    shown = page.get_by_role("region", name="Load balancers").get_by_role("rowheader")
    expect(shown).to_have_text(names[:ON_A_PAGE])
    page.get_by_role("link", name="Next").click()
    expect(shown).to_have_text(names[ON_A_PAGE:])
    second = page.url
    page.get_by_role("link", name="Previous").click()
    expect(shown).to_have_text(names[:ON_A_PAGE])
    page.get_by_role("link", name=re.compile("^Name")).click()
    expect(shown).to_have_text(names[: -ON_A_PAGE - 1 : -1])
    assert violations(page) == []
    page.go_back()
    expect(shown).to_have_text(names[:ON_A_PAGE])
    page.goto(second)
    expect(shown).to_have_text(names[ON_A_PAGE:])
    page.goto(f"{standalone.url}/dashboard/balancers")
    page.get_by_label("Provisioning status").select_option("PENDING_DELETE")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No load balancer is like this.")).to_be_visible()
    for each in made:
        cloud.api.delete(each)
    for each in made:
        cloud.api.wait_gone(each, 60)
    assert cloud.api.request("DELETE", limit).ok


def test_a_member_that_fails_turns_red_and_its_event_says_why(
    cloud: Cloud, standalone: Standalone, page: Page, balancer: Balancer
) -> None:
    member = balancer.members["web1"]

    def status() -> str:
        path = f"{LBAAS}/pools/{balancer.pool['id']}/members/{member['id']}"
        return str(cloud.api.request("GET", path).json()["member"]["operating_status"])

    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}")
    row = page.get_by_role("region", name="Members of edited-pool").get_by_role("row").filter(has_text="web1")
    box = page.locator(".picture .box").filter(has_text=re.compile("^web1"))
    expect(row.locator(".status.online")).to_have_count(1)
    expect(box).to_have_class("box online")
    (web,) = (each for each in cloud.webs if each.address == member["address"])
    web.stop()
    eventually(lambda: status() == "ERROR")
    known_s = time.monotonic()
    expect(row.locator(".status.error")).to_have_count(1)
    expect(box).to_have_class("box error")
    assert time.monotonic() - known_s < SEEN_S
    (host,) = (each for each in cloud.hosts if each.address == member["address"])
    host.web("web1")
    expect(row.locator(".status.online")).to_have_count(1)
    expect(box).to_have_class("box online")
    page.get_by_role("link", name="What happened to it").click()
    expect(page.get_by_role("heading", name="Events of edited")).to_be_visible()
    events = page.get_by_role("region", name="Events").get_by_role("row")
    out = events.filter(has_text="MEMBER_OUT")
    expect(out).to_contain_text("member web1")
    expect(out.get_by_role("cell").nth(2)).not_to_be_empty()  # why
    expect(events.filter(has_text="MEMBER_IN")).to_have_count(1)
    cloud.api.update(balancer.pool, description="seen in its events")
    changed = events.filter(has_text="UPDATED")  # without a reload
    expect(changed).to_contain_text("description")
    expect(changed).to_contain_text("admin")


def test_a_weight_is_slid_and_a_form_that_waits_shows_it_and_is_sent_once(
    cloud: Cloud, standalone: Standalone, page: Page, balancer: Balancer
) -> None:
    member, pool = balancer.members["web1"], balancer.pool["id"]
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}/pools/{pool}/members/{member['id']}")
    page.locator("input[type=range]").fill("7")
    expect(page.get_by_label("Weight")).to_have_value("7")
    expect(page.locator(".commands code")).to_contain_text("--weight 7")
    page.evaluate(KEEP_WAITS)
    sent: list[str] = []
    page.on("request", lambda each: sent.append(each.url) if each.method == "POST" else None)
    page.get_by_role("button", name="Save").dblclick(no_wait_after=True)
    expect(page.get_by_role("heading", name="edited", exact=True)).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('waited')") == "Wait for the answer"
    assert len(sent) == 1
    weight = page.get_by_role("region", name="Members of edited-pool").get_by_role(
        "cell", name="7", exact=True
    )
    expect(weight).to_be_visible()

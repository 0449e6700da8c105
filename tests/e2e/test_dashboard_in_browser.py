"""The handbook's dashboard section, step by step in a real Chromium, and what must hold on every page."""

import psutil
import pytest
from browsers import administrator, log_in, opened, violations
from playwright.sync_api import Browser, Page, expect
from projects import project_api
from standalone import Cloud, Standalone, eventually

pytestmark = pytest.mark.root
MARKUP = (
    "<img src=x onerror=alert(1)> \"quoted\" 'name' \N{BALLOON} \N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}"
)


def test_the_handbooks_load_balancer_is_made_by_the_wizard_and_deleted(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    page.get_by_role("link", name="Create a load balancer").click()
    page.get_by_label("Name", exact=True).fill("LB_WEB")
    assert violations(page) == []
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name of the listener").fill("LISTENER_WEB")
    page.get_by_role("button", name="Next").click()
    page.go_back()
    expect(page.get_by_label("Name of the listener")).to_have_value("LISTENER_WEB")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name of the pool").fill("POOL_WEB")
    page.get_by_role("button", name="Next").click()
    for name in ("web1", "web2"):
        page.get_by_label(name).check()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Seconds between two checks").fill("1")
    page.get_by_label("Seconds a check may take").fill("1")
    page.get_by_label("Checks until a member is in again").fill("2")
    page.get_by_role("button", name="Create", exact=True).click()

    expect(page.get_by_role("heading", name="LB_WEB")).to_be_visible()
    members = page.get_by_role("region", name="Members of POOL_WEB")
    expect(members.locator(".status.online")).to_have_count(2)  # without a reload
    assert violations(page) == []
    (lb,) = cloud.api.named("loadbalancer", "LB_WEB")
    assert set(cloud.client.spread(lb["vip_address"], 10)) == {"web1", "web2"}

    web = cloud.webs[0]
    web.stop()
    expect(members.locator(".status").filter(has_text="ERROR")).to_have_count(1)
    cloud.hosts[1].web("web1")
    expect(members.locator(".status.online")).to_have_count(2)

    page.get_by_role("link", name="Change web2").click()
    page.get_by_label("Weight").fill("1000")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#wrong-weight")).to_contain_text("weight")
    expect(page.get_by_label("Weight")).to_have_value("1000")
    assert violations(page) == []
    page.get_by_label("Weight").fill("0")
    page.get_by_role("button", name="Save").click()
    eventually(lambda: set(cloud.client.spread(lb["vip_address"], 4)) == {"web1"})

    page.get_by_role("link", name="Delete this load balancer").click()
    assert violations(page) == []
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="LB_WEB")).to_have_count(0)  # without a reload
    assert violations(page) == []


def test_a_floating_ip_is_made_associated_and_taken_away(cloud: Cloud, page: Page) -> None:
    api = cloud.api
    outside = api.create("network", name="OUTSIDE", **{"router:external": True})
    around = api.create("subnet", network_id=outside["id"], cidr="198.51.100.0/24", ip_version=4)
    router = api.create("router", name="ROUTER", external_gateway_info={"network_id": outside["id"]})
    interface = f"/networking/v2.0/routers/{router['id']}"
    assert api.request("PUT", f"{interface}/add_router_interface", {"subnet_id": cloud.subnet["id"]}).ok
    balancer = cloud.balancer("floats")
    page.goto(f"{page.url.partition('/dashboard')[0]}/dashboard/balancers/{balancer.lb['id']}/floating-ip")
    page.get_by_label("Floating IP").select_option(label="a new one of OUTSIDE")
    assert violations(page) == []
    page.get_by_role("button", name="Associate").click()
    expect(page.get_by_text("198.51.100.")).to_be_visible()
    page.get_by_role("link", name="Change the floating IP").click()
    page.get_by_role("button", name="Disassociate").click()
    expect(page.locator("dd").filter(has_text="none Change")).to_be_visible()
    for each in api.request("GET", "/networking/v2.0/floatingips").json()["floatingips"]:
        assert api.request("DELETE", f"/networking/v2.0/floatingips/{each['id']}").ok
    assert api.request("PUT", f"{interface}/remove_router_interface", {"subnet_id": cloud.subnet["id"]}).ok
    cloud.delete(balancer)
    for each in (router, around, outside):
        api.delete(each)


def test_names_are_shown_and_never_obeyed_in_both_themes_and_on_a_phone(
    cloud: Cloud, standalone: Standalone, browser: Browser
) -> None:
    whole = cloud.balancer("whole")
    lb = cloud.api.create("loadbalancer", name=MARKUP, description=MARKUP, vip_subnet_id=cloud.subnet["id"])
    for theme, width in (("light", 1280), ("dark", 360)):
        page, wrong = opened(browser, color_scheme=theme, viewport={"width": width, "height": 700})
        log_in(page, standalone, *administrator(standalone), path=f"/balancers/{lb['id']}")
        expect(page.get_by_role("heading", name=MARKUP)).to_be_visible()  # the page that was asked for
        assert violations(page) == []
        page.get_by_role("link", name="Load balancers", exact=True).first.click()
        page.get_by_role("link", name=MARKUP).wait_for()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("link", name="whole").click()
        page.get_by_role("heading", name="Picture").wait_for()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.context.close()
        assert wrong == []
    cloud.delete(whole)
    cloud.api.delete(lb)
    cloud.api.wait_gone(lb)


def test_two_users_of_two_projects_see_only_their_own(
    cloud: Cloud, standalone: Standalone, browser: Browser, tmp_path
) -> None:
    lb = cloud.api.create("loadbalancer", name="of the first", vip_subnet_id=cloud.subnet["id"])
    project_api(standalone, "second", tmp_path)
    first, second = opened(browser)[0], opened(browser)[0]
    log_in(first, standalone, *administrator(standalone))
    log_in(second, standalone, "second", "password of second", "second")
    expect(first.get_by_role("link", name="of the first")).to_be_visible()
    expect(second.get_by_text("There is no load balancer yet.")).to_be_visible()
    answer = second.goto(f"{standalone.url}/dashboard/balancers/{lb['id']}")
    assert answer is not None
    assert answer.status in (403, 404)
    for page in (first, second):
        page.context.close()
    cloud.api.delete(lb)
    cloud.api.wait_gone(lb)


def test_an_open_page_says_that_the_dashboard_is_away_and_goes_on_when_it_is_back(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    standalone.stop()
    expect(page.locator("#connection")).to_contain_text("lost")
    standalone.start()
    expect(page.locator("#connection")).to_contain_text("logged out", timeout=90_000)


def test_the_process_beside_standalone_has_no_rights_but_nobodys(cloud: Cloud, page: Page) -> None:

    def running() -> list[psutil.Process]:
        every = psutil.process_iter(["cmdline"])
        return [each for each in every if "evener.dashboard.main" in (each.info["cmdline"] or ())]

    eventually(lambda: len(running()) == 1)  # another one ends, when the server was started again
    (process,) = running()
    assert set(process.uids()) == {65534}
    assert not set(process.gids()) & {0}
    assert page.goto(page.url) is not None  # and serves

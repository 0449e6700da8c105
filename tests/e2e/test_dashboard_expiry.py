"""A token that ends while a page is open and the wizard is being filled in: log in again, and nothing typed is lost."""

import re

import pytest
from browsers import administrator, log_in, opened, violations
from playwright.sync_api import Browser, expect
from standalone import Cloud, Standalone, eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]
LIFETIME_S = 60  # no token may live less


@pytest.fixture(scope="module")
def settings() -> str:
    return f"[identity]\ntoken_lifetime = {LIFETIME_S}\n"


def test_a_token_that_ends_in_the_wizard_takes_nothing_that_was_typed_with_it(
    cloud: Cloud, standalone: Standalone, browser: Browser
) -> None:
    user, password, project = administrator(standalone)
    page, wrong = opened(browser)
    log_in(page, standalone, user, password, project, path="/balancers/create")
    later = standalone.api()  # whose token is younger than the dashboard's
    token = later.session.get_token()
    beside = page.context.new_page()
    beside.goto(f"{standalone.url}/dashboard/balancers")
    page.get_by_label("Name", exact=True).fill("typed before")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Port", exact=True).fill("8080")
    page.get_by_text("Do something else with some requests").click()
    page.get_by_label("With what").fill("/typed <too>")
    page.get_by_label("What it does").select_option("REJECT")
    for _ in range(2):
        page.get_by_role("button", name="Next").click()
    page.get_by_label(re.compile("Any other addresses")).fill("192.168.200.79 81 7")
    page.get_by_label("web2").check()
    page.get_by_role("button", name="Next").click()

    def has_ended() -> bool:
        asked = {"X-Auth-Token": token}
        answer = later.session.get(
            f"{standalone.url}/load-balancer/v2/lbaas/loadbalancers",
            authenticated=False,
            headers=asked,
            raise_exc=False,
        )
        return answer.status_code == 401

    eventually(has_ended, LIFETIME_S * 2)
    expect(beside.locator("#connection")).to_contain_text("You are logged out")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The session has ended")
    assert violations(page) == []
    page.get_by_label("User").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Project").fill(project)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("typed before")
    assert standalone.api().named("loadbalancer", "typed before") == []  # nobody has done it unasked
    expect(page.locator(".commands")).to_contain_text("--value '/typed <too>'")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_label("Port", exact=True)).to_have_value("8080")
    for _ in range(2):
        page.get_by_role("button", name="Next").click()
    expect(page.get_by_label("web2")).to_be_checked()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name="typed before")).to_be_visible()
    expect(page.get_by_role("cell", name="192.168.200.79", exact=True)).to_be_visible()
    (lb,) = standalone.api().named("loadbalancer", "typed before")
    page.context.close()
    assert wrong == []
    whole = f"/load-balancer/v2/lbaas/loadbalancers/{lb['id']}?cascade=true"
    assert standalone.api().request("DELETE", whole).ok
    standalone.api().wait_gone(lb)

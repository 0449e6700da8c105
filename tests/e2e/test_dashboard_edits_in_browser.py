"""Everything below a load balancer made, changed and deleted in a real Chromium, and seen in the traffic."""

import re
from pathlib import Path

import pytest
from browsers import administrator, log_in, opened, violations
from playwright.sync_api import Browser, Page, expect
from standalone import Balancer, Cloud, Standalone, eventually

from made_certificates import served

pytestmark = pytest.mark.root


def at(standalone: Standalone, path: str) -> str:
    return f"{standalone.url}/dashboard{path}"


def test_listeners_pools_members_monitors_policies_and_rules_are_made_changed_and_deleted(
    cloud: Cloud, standalone: Standalone, page: Page, balancer: Balancer
) -> None:
    web = cloud.webs[0]
    page.goto(at(standalone, f"/balancers/{balancer.lb['id']}"))
    page.get_by_role("link", name="Add a pool").click()
    assert violations(page) == []
    page.get_by_label("Name of the pool").fill("API")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("link", name="Add members API").click()
    page.get_by_label(re.compile("Any other addresses")).fill(f"{web.address} 80 3\nnonsense")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#wrong-members-addresses")).to_contain_text("nonsense")
    assert violations(page) == []
    page.get_by_label(re.compile("Any other addresses")).fill(f"{web.address} 80 3")
    page.get_by_role("button", name="Add").click()
    expect(
        page.get_by_role("region", name="Members of API").get_by_role("cell", name="3", exact=True)
    ).to_be_visible()

    page.get_by_role("link", name="Add a monitor API").click()
    page.get_by_label("Type").select_option("HTTP")
    page.get_by_label("Path that is asked for").fill("nowhere")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#wrong-url_path")).to_be_visible()
    page.get_by_label("Path that is asked for").fill("/")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("monitored by HTTP every 5 s")).to_be_visible()
    page.get_by_role("link", name="Change the monitor API").click()
    page.get_by_label("Seconds between two checks").fill("7")
    expect(page.locator(".commands code")).to_contain_text("healthmonitor set --delay 7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("monitored by HTTP every 7 s")).to_be_visible()

    page.get_by_role("link", name="Add a listener").click()
    page.get_by_label("Name of the listener").fill("second")
    page.get_by_label("Port", exact=True).fill("81")
    page.get_by_label("Default pool").select_option(label="API")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("X-Forwarded-For").check()
    assert violations(page) == []
    page.get_by_role("button", name="Add").click()
    expect(
        page.get_by_role("region", name="Listeners").get_by_role("rowheader", name="second")
    ).to_be_visible()
    eventually(lambda: cloud.client.answers(balancer.vip, 81))

    page.get_by_role("link", name="Add a policy second").click()
    page.get_by_label("Name of the policy").fill("nobody")
    page.get_by_label("What it does").select_option("REJECT")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("link", name="Add a rule nobody").click()
    page.get_by_label("With what").fill("/")
    page.get_by_role("button", name="Add").click()
    eventually(lambda: not cloud.client.answers(balancer.vip, 81))
    assert violations(page) == []
    page.get_by_role("link", name="Change PATH STARTS_WITH /").click()
    page.get_by_label("With what").fill("/secret")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("bdi", has_text="PATH STARTS_WITH /secret")).to_be_visible()
    eventually(lambda: cloud.client.answers(balancer.vip, 81))

    for what in ("PATH STARTS_WITH /secret", "nobody", "second", "API"):
        page.get_by_role("link", name=f"Delete {what}", exact=True).click()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("link", name=f"Delete {what}", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Change this load balancer").click()
    page.get_by_label("Name", exact=True).fill("renamed")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="renamed")).to_be_visible()


def test_a_click_while_the_page_changes_is_one_and_what_has_not_changed_stays(
    cloud: Cloud, standalone: Standalone, page: Page, balancer: Balancer
) -> None:
    page.goto(at(standalone, f"/balancers/{balancer.lb['id']}"))
    below = {"loadbalancer_id": balancer.lb["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    page.get_by_role("heading", name="Picture").select_text()
    first = cloud.api.create("pool", name="first", **below)
    page.get_by_role("heading", name="Pool first").wait_for()
    assert page.evaluate("getSelection().toString()") == "Picture"
    cloud.api.wait_active(balancer.lb)

    link = page.get_by_role("link", name="Add a listener")
    link.hover()
    page.mouse.down()
    second = cloud.api.create("pool", name="second", **below)
    eventually(lambda: page.evaluate("waiting.has('changed')"))
    page.mouse.up()
    page.get_by_label("Name of the listener").wait_for()
    for each in (first, second):
        cloud.api.delete(each)


def test_the_wizard_ends_tls_with_a_certificate_that_is_uploaded_and_sends_some_requests_elsewhere(
    cloud: Cloud, standalone: Standalone, page: Page, tmp_path: Path
) -> None:
    certificate = tmp_path / "www.pem"
    certificate.write_bytes(served().key_pem() + served().pem)
    page.get_by_role("link", name="Create a load balancer").click()
    page.get_by_label("Name", exact=True).fill("by TLS")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Protocol", exact=True).select_option("TERMINATED_HTTPS")
    page.get_by_label("Port", exact=True).fill("443")
    page.get_by_text("Upload a certificate").click()
    page.get_by_label(re.compile("File with the certificate")).set_input_files(certificate)
    page.get_by_label("Name of the certificate").fill("www")
    page.get_by_text("Do something else with some requests").click()
    page.get_by_label("With what").fill("/admin")
    page.get_by_label("What it does").select_option("REJECT")
    assert violations(page) == []
    for _ in range(3):
        page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name="by TLS")).to_be_visible()
    expect(page.locator("bdi", has_text="PATH STARTS_WITH /admin")).to_be_visible()
    expect(page.get_by_role("region", name="Listeners").locator(".status.online")).to_have_count(1)

    page.get_by_role("link", name="Certificates").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="www"))
    expect(row).to_contain_text("www.example.com")
    expect(row).to_contain_text(served().certificate.not_valid_after_utc.strftime("%Y-%m-%d"))
    assert violations(page) == []
    row.get_by_role("link", name="Delete www").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("alert")).to_be_visible()  # a listener uses it
    (lb,) = cloud.api.named("loadbalancer", "by TLS")
    page.goto(at(standalone, f"/balancers/{lb['id']}/delete"))
    page.get_by_role("button", name="Delete").click()
    cloud.api.wait_gone(lb)


def test_nothing_typed_is_lost_when_the_session_ends_in_the_wizard(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    page.get_by_role("link", name="Create a load balancer").click()
    page.get_by_label("Name", exact=True).fill("typed before")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Port", exact=True).fill("8080")
    for _ in range(3):
        page.get_by_role("button", name="Next").click()
    page.context.clear_cookies()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The session has ended")
    assert violations(page) == []
    user, password, project = administrator(standalone)
    page.get_by_label("User").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Project").fill(project)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("typed before")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_label("Port", exact=True)).to_have_value("8080")
    assert cloud.api.named("loadbalancer", "typed before") == []


def test_a_login_pauses_as_the_apis_does_and_says_so(standalone: Standalone, browser: Browser) -> None:
    page, _ = opened(browser)
    page.goto(at(standalone, "/login"))
    for _ in range(20):
        page.get_by_label("User").fill("nobody")
        page.get_by_label("Password").fill("guessed")
        page.get_by_label("Project").fill("admin")
        page.get_by_role("button", name="Log in").click()
        words = page.get_by_role("alert").inner_text()
        if "requires authentication" not in words:
            break
    assert re.search(r"second|later|too many", words, re.IGNORECASE), words
    expect(page.get_by_label("User")).to_have_value("nobody")
    page.context.close()


def test_who_may_only_read_has_no_button_that_fails(
    cloud: Cloud, standalone: Standalone, browser: Browser, balancer: Balancer
) -> None:
    admin = standalone.api()

    def named(kind: str, name: str) -> str:
        return str(admin.request("GET", f"/identity/v3/{kind}s?name={name}").json()[f"{kind}s"][0]["id"])

    body = {"user": {"name": "reads", "domain_id": "default", "password": "a password of theirs"}}
    user = admin.request("POST", "/identity/v3/users", body).json()["user"]["id"]
    _, _, project = administrator(standalone)
    grant = f"/identity/v3/projects/{named('project', project)}/users/{user}/roles/{named('role', 'reader')}"
    assert admin.request("PUT", grant).ok
    page, wrong = opened(browser)
    log_in(page, standalone, "reads", "a password of theirs", project, f"/balancers/{balancer.lb['id']}")
    expect(page.get_by_role("heading", name="edited", exact=True)).to_be_visible()
    assert page.get_by_role("link", name=re.compile("Add|Change|Delete")).count() == 0
    for each in page.get_by_role("button").all_inner_texts():
        assert each in ("Log out", "Copy", "Set")
    page.context.close()
    assert wrong == []

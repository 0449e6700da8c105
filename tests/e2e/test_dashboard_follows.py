"""Open pages in a real Chromium follow what others do, and an API that goes away and comes back, without a reload."""

from pathlib import Path
from typing import Any

import pytest
from browsers import opened
from playwright.sync_api import Browser, Page, expect
from projects import known
from standalone import Cloud, Standalone
from test_dashboard_own import settings, started

from made_certificates import served

pytestmark = pytest.mark.root
KEYS = "/key-manager/v1"
PORT = 19951


def sent(cloud: Cloud, method: str, path: str, body: Any = None) -> Any:
    answer = cloud.api.request(method, path, body)
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def test_limits_are_those_of_now(cloud: Cloud, standalone: Standalone, page: Page) -> None:
    page.get_by_role("link", name="Quotas").click()
    own = page.get_by_role("region", name="Limits of this project").get_by_role("row").nth(1)
    name = own.get_by_role("rowheader").inner_text()
    path = f"/load-balancer/v2/lbaas/quotas/{known(standalone.api(), 'project', name)}"
    before = own.inner_text()
    sent(cloud, "PUT", path, {"quota": {"member": 4711}})
    expect(own).to_contain_text("4711")
    sent(cloud, "PUT", "/load-balancer/v2/lbaas/quotas/another", {"quota": {"pool": 815}})
    others = page.get_by_role("region", name="Other projects")
    expect(others.get_by_role("row").filter(has_text="another")).to_contain_text("815")
    for each in (path, "/load-balancer/v2/lbaas/quotas/another"):
        sent(cloud, "DELETE", each)
    expect(own).to_have_text(before, use_inner_text=True)
    expect(others).not_to_contain_text("815")


def test_certificates_are_those_of_now_with_who_uses_them(
    cloud: Cloud, standalone: Standalone, page: Page
) -> None:
    page.get_by_role("link", name="Certificates").click()
    expect(page.get_by_text("There is no certificate yet.")).to_be_visible()
    payload = {"payload": served().pem.decode(), "payload_content_type": "text/plain"}
    secret = sent(cloud, "POST", f"{KEYS}/secrets", {"name": "www", **payload})["secret_ref"]
    key = {"payload": served().key_pem().decode(), "payload_content_type": "text/plain"}
    parts = [
        {"name": "certificate", "secret_ref": secret},
        {
            "name": "private_key",
            "secret_ref": sent(cloud, "POST", f"{KEYS}/secrets", {"name": "key", **key})["secret_ref"],
        },
    ]
    body = {"type": "certificate", "name": "www", "secret_refs": parts}
    container = sent(cloud, "POST", f"{KEYS}/containers", body)["container_ref"]
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="www"))
    expect(row).to_contain_text("www.example.com")
    expect(row).to_contain_text("none")
    balancer = cloud.balancer("uses it")
    front = {"protocol": "TERMINATED_HTTPS", "protocol_port": 443, "default_tls_container_ref": container}
    listener = cloud.api.create("listener", loadbalancer_id=balancer.lb["id"], **front)
    expect(row.get_by_role("cell", name="none")).to_have_count(0)
    cloud.api.delete(listener)
    expect(row.get_by_role("cell", name="none")).to_have_count(1)
    cloud.delete(balancer)
    for each in (container, *(part["secret_ref"] for part in parts)):
        sent(cloud, "DELETE", f"{KEYS}{each.partition(KEYS)[2]}")
    expect(page.get_by_text("There is no certificate yet.")).to_be_visible()


def test_an_api_that_goes_away_and_comes_back_is_said_and_mended_without_a_reload(
    cloud: Cloud, standalone: Standalone, browser: Browser, tmp_path: Path
) -> None:
    """The dashboard is one that somebody has started beside standalone: it stays."""
    balancer = cloud.balancer("before")
    with started(standalone, *settings(tmp_path, bind_port=PORT)) as address:
        pages = []
        for path in ("/balancers", f"/balancers/{balancer.lb['id']}", "/overview", "/quotas"):
            page, wrong = opened(browser)
            page.goto(address)
            page.goto(f"{address.partition('/login')[0]}{path}")
            page.evaluate("window.isAsItWas = true")
            pages.append((page, wrong))
        said = [page.locator("#connection") for page, _ in pages]
        standalone.stop()
        for each in said:
            expect(each).to_contain_text("The API does not answer", timeout=60_000)
        standalone.start()
        cloud.api = standalone.api()
        for each in said:
            expect(each).to_have_text("", timeout=60_000)
        cloud.api.update(balancer.lb, name="afterwards")
        for page, _ in pages[:2]:
            expect(page.locator("#live")).to_contain_text("afterwards", timeout=30_000)
        for page, wrong in pages:
            assert page.evaluate("window.isAsItWas")  # nobody has loaded it again
            page.context.close()
            assert wrong == []
    cloud.delete(balancer)

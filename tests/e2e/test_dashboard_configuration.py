"""What HAProxy has of a load balancer, its metrics and logs: on pages for administrators, as HAProxy has them."""

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from browsers import log_in, opened, violations
from playwright.sync_api import Browser, Page, expect
from projects import project_api
from standalone import Balancer, Cloud, Standalone, eventually

from evener.host import netns
from made_certificates import served

pytestmark = pytest.mark.root


def test_an_administrator_sees_haproxys_file_and_what_changes_in_it(
    cloud: Cloud, standalone: Standalone, page: Page, balancer: Balancer
) -> None:
    file = standalone.directory_of(balancer.lb) / "haproxy.conf"
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}")
    page.get_by_role("link", name="Its configuration on the hosts").click()
    text = page.get_by_role("region", name="HAProxy on")
    expect(text).to_contain_text("load-server-state-from-file")
    assert text.inner_text().strip() == file.read_text().strip()
    expect(page.get_by_text("Requests are not logged there")).to_be_visible()
    assert violations(page) == []
    cloud.api.update(balancer.listener, connection_limit=4321)
    expect(text).to_contain_text("maxconn 4321")  # without a reload
    command = page.locator(".commands code").inner_text().split()
    clouds = ("--os-cloud", "evener")
    run = subprocess.run(
        [Path(sys.executable).with_name("evener"), *clouds, *command[1:]],
        capture_output=True,
        text=True,
        env={"OS_CLIENT_CONFIG_FILE": str(standalone.state / "clouds.yaml"), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    assert run.stdout.partition("\n")[2] == file.read_text()


def test_of_a_certificate_the_name_of_its_file_is_shown_and_nothing_of_it(
    cloud: Cloud, standalone: Standalone, page: Page, balancer: Balancer, tmp_path: Path
) -> None:
    certificate = tmp_path / "www.pem"
    certificate.write_bytes(served().key_pem() + served().pem)
    page.goto(f"{standalone.url}/dashboard/certificates/upload")
    page.get_by_label(re.compile("File with the certificate")).set_input_files(certificate)
    page.get_by_label("Name of the certificate").fill("secret one")
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("rowheader", name="secret one").wait_for()
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}/listeners/create")
    page.get_by_label("Name of the listener").fill("tls")
    page.get_by_label("Protocol", exact=True).select_option("TERMINATED_HTTPS")
    page.get_by_label("Port", exact=True).fill("443")
    page.get_by_label("Certificate, of TERMINATED_HTTPS").select_option(label="secret one")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("rowheader", name="tls").wait_for()
    (listener,) = cloud.api.named("listener", "tls")
    path = f"/load-balancer/v2/lbaas/loadbalancers/{balancer.lb['id']}/configuration"

    def told() -> str:
        return cloud.api.request("GET", path).text

    eventually(lambda: f"crt-list certs/{listener['id']}.list" in told())
    assert "BEGIN" not in told()
    for line in served().key_pem().decode().split("\n")[1:-2]:
        assert line not in told()


def test_nobody_else_is_offered_it_or_sees_it(
    cloud: Cloud, standalone: Standalone, browser: Browser, balancer: Balancer, tmp_path
) -> None:
    project_api(standalone, "curious", tmp_path)
    page, wrong = opened(browser)
    log_in(page, standalone, "curious", "password of curious", "curious")
    for path in ("configuration", "configuration/events"):
        answer = page.request.get(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}/{path}")
        assert "maxconn" not in answer.text()
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}/configuration")
    expect(page.get_by_text("This is for administrators.")).to_be_visible()
    page.context.close()
    assert wrong == []


def test_the_page_says_where_prometheus_reads_counters_and_makes_that_place(
    cloud: Cloud, standalone: Standalone, page: Page, balancer: Balancer
) -> None:
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}")
    page.get_by_role("link", name="Add one PROMETHEUS").click()
    expect(page.get_by_label("Protocol", exact=True)).to_have_value("PROMETHEUS")
    page.get_by_label("Name of the listener").fill("metrics")
    page.get_by_label("Port", exact=True).fill("8088")
    page.get_by_role("button", name="Add").click()
    address = f"http://{balancer.vip}:8088/metrics"
    expect(page.get_by_text(address)).to_be_visible()
    assert violations(page) == []

    def told() -> str:
        with netns.inside(cloud.client.namespace), suppress(requests.ConnectionError, requests.Timeout):
            return requests.get(address, timeout=5).text
        return ""

    eventually(lambda: "octavia_listener" in told())

"""A dashboard that somebody starts for themselves by a `clouds.yaml`: no login page, and nobody else gets in."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from browsers import administrator, log_in, opened, violations
from playwright.sync_api import Browser, expect
from standalone import Cloud, Standalone

pytestmark = pytest.mark.root
PROGRAM = Path(sys.executable).with_name("evener-dashboard")
PORT = 19950


def settings(directory: Path, **lines: object) -> list[str]:
    file = directory / "dashboard.conf"
    file.write_text(
        "[dashboard]\n"
        + "".join(f"{name} = {value}\n" for name, value in {"bind_port": PORT, **lines}.items())
    )
    return ["--config-file", str(file)]


def environment(standalone: Standalone) -> dict[str, str]:
    return {**os.environ, "OS_CLIENT_CONFIG_FILE": str(standalone.state / "clouds.yaml")}


@contextmanager
def started(standalone: Standalone, *options: str) -> Iterator[str]:
    """Start one, and return the address that it prints."""
    process = subprocess.Popen(
        [PROGRAM, "--os-cloud", "evener", *options],
        env=environment(standalone),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stdout.readline()
        assert said.startswith("Open http://127.0.0.1:"), said
        yield said.split()[1]
    finally:
        process.terminate()
        process.communicate(timeout=90)


def test_its_user_sees_and_changes_what_is_theirs_without_a_login_page(
    cloud: Cloud, standalone: Standalone, browser: Browser, tmp_path: Path
) -> None:
    balancer = cloud.balancer("own")
    with started(standalone, *settings(tmp_path)) as address:
        page, wrong = opened(browser)
        page.goto(address)
        expect(page.get_by_role("link", name="own", exact=True)).to_be_visible()
        expect(page.locator(".who")).to_contain_text("admin")
        assert "key=" not in page.url
        page.get_by_role("link", name="own", exact=True).click()
        page.get_by_role("link", name="Change web1").click()
        page.get_by_label("Weight").fill("7")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("cell", name="7", exact=True)).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_text("Open the address")).to_be_visible()
        assert violations(page) == []
        page.goto(address)
        page.get_by_role("link", name="own", exact=True).wait_for()
        page.context.close()
        assert wrong == []
    cloud.delete(balancer)


def test_who_has_not_seen_its_address_gets_nothing(standalone: Standalone, tmp_path: Path) -> None:
    with started(standalone, *settings(tmp_path)) as address:
        place = address.partition("/login")[0]
        for path in ("/balancers", "/login", "/login?key=guessed", "/login?key=%C3%A9", "/certificates"):
            answer = requests.get(place + path, timeout=60)
            assert answer.status_code == 401, path
            assert "Open the address" in answer.text
            assert not answer.cookies
        assert requests.post(f"{place}/login", {"user": "admin"}, timeout=60).status_code == 405


@pytest.mark.parametrize(
    ("cloud_name", "bind_host", "words"),
    [
        ("evener", "0.0.0.0", "listens on 127.0.0.1"),
        ("evener", "example.org", "listens on 127.0.0.1"),
        ("nowhere", "127.0.0.1", "nowhere"),
    ],
)
def test_it_does_not_start_where_others_reach_it_or_without_a_cloud(
    standalone: Standalone, tmp_path: Path, cloud_name: str, bind_host: str, words: str
) -> None:
    command = [PROGRAM, "--os-cloud", cloud_name, *settings(tmp_path, bind_host=bind_host)]
    run = subprocess.run(
        command, env=environment(standalone), capture_output=True, text=True, timeout=180, check=False
    )
    assert run.returncode == 1
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_a_dashboard_serves_though_its_directory_is_nobodys_to_read(
    standalone: Standalone, browser: Browser, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    standalone.stop()
    before = Path.cwd()
    os.chdir(closed)
    try:
        standalone.start()
    finally:
        os.chdir(before)
    page, wrong = opened(browser)
    log_in(page, standalone, *administrator(standalone), path="/overview")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.context.close()
    assert wrong == []

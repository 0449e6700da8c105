"""Commands copied from pages of a real Chromium, played by Debian's openstack: they do as the page does."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from browsers import violations
from playwright.sync_api import Page, expect
from projects import project_api
from site_behind import with_an_outside
from standalone import Balancer, Cloud, Standalone, eventually

from made_certificates import served
from typist import Typist
from warm_programs import on_path

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not Typist.installed("openstack"), reason="Debian's openstack is not here"),
]
LBAAS = "/load-balancer/v2/lbaas"
NAME = '$(id) `id` "it\'s" <b>\N{BALLOON}'
# What of an object is its own, and no word of who made it.
OWN = ("id", "created_at", "updated_at", "vip_address", "vip_port_id", "default_tls_container_ref")


@pytest.fixture
def copying(page: Page) -> Page:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return page


def copied(page: Page) -> str:
    page.get_by_role("button", name="Copy all").click()
    expect(page.get_by_role("button", name="Copied")).to_have_count(1)
    return str(page.evaluate("navigator.clipboard.readText()"))


def play(standalone: Standalone, directory: Path, lines: str) -> None:
    """Run what was copied as a user does, who is logged in by a clouds.yaml."""
    login = {"OS_CLIENT_CONFIG_FILE": str(standalone.state / "clouds.yaml"), "OS_CLOUD": "evener"}
    path = on_path("/usr/bin:/bin", "openstack")
    env = {"PATH": path, "HOME": str(directory), "LC_ALL": "C.UTF-8", **login}
    done = subprocess.run(
        ["bash", "-e", "-c", lines],
        cwd=directory,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{lines}: {done.stdout}{done.stderr}"


def whole(cloud: Cloud, balancer_id: str) -> Any:
    """Return all that the API shows of a load balancer, but for what is each one's own."""

    def get(path: str, **query: str) -> Any:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        answer = cloud.api.request("GET", f"{LBAAS}{path}?{asked}").json()
        return next(value for name, value in answer.items() if not name.endswith("_links"))

    def own(thing: dict[str, Any], **below: Any) -> dict[str, Any]:
        names = {
            name: value
            for name, value in thing.items()
            if name not in OWN and not name.endswith(("_status", "_id")) and not isinstance(value, list)
        }
        return names | below

    def pool(identity: str) -> Any:
        found = get(f"/pools/{identity}")
        monitor = found.get("healthmonitor_id")
        watched = own(get(f"/healthmonitors/{monitor}")) if monitor else None
        members = [own(each) for each in get(f"/pools/{identity}/members", sort="address:asc")]
        return own(found, members=members, monitor=watched)

    (listener,) = get("/listeners", loadbalancer_id=balancer_id)
    policies = [
        own(
            each,
            pool=pool(each["redirect_pool_id"]),
            rules=[own(rule) for rule in get(f"/l7policies/{each['id']}/rules")],
        )
        for each in get("/l7policies", listener_id=listener["id"])
    ]
    front = own(listener, pool=pool(listener["default_pool_id"]), policies=policies)
    return own(get(f"/loadbalancers/{balancer_id}"), listener=front)


def made(cloud: Cloud, name: str) -> list[str]:
    found = cloud.api.request("GET", f"{LBAAS}/loadbalancers").json()["loadbalancers"]
    return [each["id"] for each in found if each["name"] == name]


def test_the_wizards_commands_make_what_the_wizard_makes(
    cloud: Cloud, standalone: Standalone, copying: Page, tmp_path: Path
) -> None:
    page, commands = copying, copying.locator(".commands")
    page.get_by_role("link", name="Create a load balancer").click()
    expect(commands.locator("code")).to_have_count(4)
    page.get_by_label("Name", exact=True).fill(NAME)
    expect(commands).to_contain_text(shlex.quote(NAME))  # while it is typed
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name of the listener").fill("--front--")
    page.get_by_label("Port", exact=True).fill("8080")
    page.get_by_text("Do something else with some requests").click()
    page.get_by_label("With what").fill("/a b'c")
    page.get_by_label("What it does").select_option("REDIRECT_TO_POOL")
    page.get_by_label(re.compile("Members of the pool")).fill("192.168.200.77 8081\n192.168.200.78 8082 5")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Method").select_option("LEAST_CONNECTIONS")
    page.get_by_label("A client stays with its member by").select_option("SOURCE_IP")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("web1").check()
    page.get_by_label(re.compile("Any other addresses")).fill("192.168.200.79 81 7")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Type").select_option("HTTP")
    page.get_by_label("Path that is asked for").fill("/up?a=b&c=d")
    expect(commands).to_contain_text("--url-path '/up?a=b&c=d'")
    assert violations(page) == []
    lines = copied(page)
    assert lines.count("\n") == 11
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    (by_wizard,) = made(cloud, NAME)

    play(standalone, tmp_path, lines)
    (by_commands,) = set(made(cloud, NAME)) - {by_wizard}
    assert whole(cloud, by_commands) == whole(cloud, by_wizard)
    remove(cloud, by_wizard, by_commands)


def test_a_certificate_is_stored_by_a_command_too(
    cloud: Cloud, standalone: Standalone, copying: Page, tmp_path: Path
) -> None:
    page, file = copying, tmp_path / "www's.pem"
    file.write_bytes(served().key_pem() + served().pem)
    page.get_by_role("link", name="Create a load balancer").click()
    page.get_by_label("Name", exact=True).fill("by TLS")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Protocol", exact=True).select_option("TERMINATED_HTTPS")
    page.get_by_text("Upload a certificate").click()
    page.get_by_label(re.compile("File with the certificate")).set_input_files(file)
    expect(page.locator(".commands")).to_contain_text(f"-in {shlex.quote(file.name)} ")
    play(standalone, tmp_path, copied(page))
    (balancer,) = made(cloud, "by TLS")
    (listener,) = cloud.api.request("GET", f"{LBAAS}/listeners?loadbalancer_id={balancer}").json()[
        "listeners"
    ]
    assert listener["default_tls_container_ref"]
    eventually(lambda: whole(cloud, balancer)["listener"]["protocol"] == "TERMINATED_HTTPS")
    remove(cloud, balancer)


def test_quotas_are_set_and_unset_by_what_has_been_typed(
    cloud: Cloud, standalone: Standalone, copying: Page, tmp_path: Path
) -> None:
    project_api(standalone, "bounded", tmp_path)
    projects = standalone.api().request("GET", "/identity/v3/projects?name=bounded").json()["projects"]
    path = f"{LBAAS}/quotas/{projects[0]['id']}"

    def quota() -> dict[str, int]:
        return dict(cloud.api.request("GET", path).json()["quota"])

    default = quota()
    assert cloud.api.request("PUT", path, {"quota": {"pool": 3}}).ok
    page = copying
    page.goto(f"{standalone.url}/dashboard/quotas/{projects[0]['id']}")
    page.get_by_label("Load balancers", exact=True).fill("12")
    page.get_by_label("Members").fill("-1")
    page.get_by_label("Pools").fill("")
    expect(page.locator(".commands code")).to_have_count(2)
    expect(page.locator(".commands")).to_contain_text("quota unset --pool")
    play(standalone, tmp_path, copied(page))
    now = quota()
    assert (now["load_balancer"], now["member"], now["pool"]) == (12, -1, default["pool"])


def test_what_a_client_would_misread_is_said_so_that_it_does_not(
    standalone: Standalone, page: Page, balancer: Balancer
) -> None:
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}/listeners/create")
    page.get_by_label("Name of the listener").fill("--second")
    page.get_by_text("More", exact=True).click()
    page.get_by_label(re.compile("Further certificates")).fill("http://x/a\nhttp://x/b")
    told = page.locator(".commands code")
    expect(told).to_contain_text("listener create --name=--second ")
    expect(told).to_contain_text(f"--sni-container-refs http://x/a http://x/b -- {balancer.lb['id']}")


def test_members_and_certificates_tell_what_has_been_chosen(
    cloud: Cloud, standalone: Standalone, page: Page, balancer: Balancer, tmp_path: Path
) -> None:
    told = page.locator(".commands code")
    pool = balancer.pool["id"]
    page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}/pools/{pool}/members/add")
    expect(told).to_contain_text("--address ADDRESS")
    page.get_by_label("web1").check()
    page.get_by_label(re.compile("Any other addresses")).fill("192.168.200.79 81 7")
    expect(told).to_have_count(2)
    expect(told.nth(0)).to_contain_text(f"--name web1 --address {cloud.webs[0].address} ")
    expect(told.nth(1)).to_contain_text(
        f"--address 192.168.200.79 --protocol-port 81 --weight 7 --wait {pool}"
    )
    page.goto(f"{standalone.url}/dashboard/certificates/upload")
    file = tmp_path / "www.p12"
    file.write_bytes(b"none")
    page.get_by_label(re.compile("File with the certificate")).set_input_files(file)
    expect(told).to_contain_text('--payload "$(base64 < www.p12)"')
    page.get_by_label("What it is protected with").fill("a secret word")
    expect(told).to_contain_text("openssl pkcs12 -nodes -in www.p12")
    expect(told).not_to_contain_text("secret word")


def test_a_floating_ip_is_made_taken_away_and_associated_again_by_what_is_chosen(
    cloud: Cloud, standalone: Standalone, copying: Page, balancer: Balancer, tmp_path: Path
) -> None:
    page, api, port = copying, cloud.api, balancer.lb["vip_port_id"]
    told = page.locator(".commands code")

    def turn_to() -> None:
        page.goto(f"{standalone.url}/dashboard/balancers/{balancer.lb['id']}/floating-ip")

    def do(words: str) -> list[tuple[str, str | None]]:
        """Play what the page says, which begins with these words; return which floating IPs there are then."""
        expect(told).to_contain_text(f"openstack floating ip {words}")
        assert violations(page) == []
        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.get_by_role("button", name="Copied")).to_have_count(1)
        play(standalone, tmp_path, str(page.evaluate("navigator.clipboard.readText()")))
        found = api.request("GET", "/networking/v2.0/floatingips").json()["floatingips"]
        return [(each["id"], each["port_id"]) for each in found]

    turn_to()
    expect(page.get_by_text("There is none that is free")).to_be_visible()
    expect(told).to_have_text(["openstack floating ip list", "openstack network list --external"])
    with with_an_outside(cloud) as outside:
        another = api.create("network", name="another outside", **{"router:external": True})
        turn_to()
        page.get_by_label("Floating IP").select_option(label="a new one of another outside")
        expect(told).to_have_text(f"openstack floating ip create --port {port} {another['id']}")
        page.get_by_label("Floating IP").select_option(label="a new one of outer")
        ((floating, of_port),) = do(f"create --port {port} {outside.network['id']}")
        assert of_port == port
        turn_to()
        assert do(f"unset --port {floating}") == [(floating, None)]
        turn_to()
        assert do(f"set --port {port} {floating}") == [(floating, port)]
        assert api.request("DELETE", f"/networking/v2.0/floatingips/{floating}").ok
        api.delete(another)


def remove(cloud: Cloud, *balancers: str) -> None:
    for each in balancers:
        assert cloud.api.request("DELETE", f"{LBAAS}/loadbalancers/{each}?cascade=true").ok
    for each in balancers:
        eventually(
            lambda at=each: cloud.api.request("GET", f"{LBAAS}/loadbalancers/{at}").status_code == 404, 30
        )

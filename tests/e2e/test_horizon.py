"""Debian's Horizon, unmodified, against standalone: its panel of load balancers, step by step in a real Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from browsers import administrator, opened
from horizon import horizon
from playwright.sync_api import Browser, Locator, Page, expect
from projects import grant, known, made
from site_behind import Outside, with_an_outside
from standalone import Cloud, Standalone, traces

from waiting import eventually

pytestmark = pytest.mark.root
PORT = 18800
PATIENCE_MS = 120_000
INSTANCE = "5e1ec7ed-0000-4000-8000-000000000001"
LEFT_OUT = {
    *(f"/project/{name}/" for name in ("key_pairs", "server_groups")),
    *(f"/admin/{name}/" for name in ("instances", "flavors", "hypervisors", "aggregates")),
    *(f"/identity/{name}/" for name in ("groups", "application_credentials", "credentials")),
}
MONITORS = "/networking/v2.0/lbaas/healthmonitors"
Who = tuple[str, str, str]  # name, password and project


@pytest.fixture(scope="module")
def horizon_url(standalone: Standalone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with horizon(tmp_path_factory.mktemp("horizon"), standalone.url, PORT) as url:
        yield url


@pytest.fixture(scope="module")
def outside(cloud: Cloud) -> Iterator[Outside]:
    with with_an_outside(cloud) as made:
        yield made


@pytest.fixture(scope="module")
def member(standalone: Standalone) -> Who:
    """Make a user of the administrator's project with the roles that Horizon wants, as docs/horizon.md says."""
    api, (_, _, project) = standalone.api(), administrator(standalone)
    user = made(api, "user", "ute", password="password of ute")
    for role in (known(api, "role", "member"), made(api, "role", "load-balancer_member")):
        grant(api, known(api, "project", project), user, role)
    return "ute", "password of ute", project


@contextmanager
def at_the_panel(browser: Browser, url: str, who: Who) -> Iterator[Page]:
    """Log in, and turn to the panel; at the end, see that nothing on the way went wrong."""
    page, wrong = opened(browser, viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(PATIENCE_MS)
    page.on(
        "response", lambda each: wrong.append(f"{each.status} {each.url}") if each.status >= 400 else None
    )
    user, password, project = who
    page.goto(url)
    page.get_by_label("User Name").fill(user)
    page.locator("input[name=password]").fill(password)
    page.get_by_role("button", name="Sign In").click()
    page.get_by_role("heading", name="Overview").wait_for()
    expect(page.locator(".context-project").first).to_have_text(project)
    page.locator("a[data-target$='-project-network']").click()
    page.get_by_role("link", name="Load Balancers").click()
    yield page
    page.context.close()
    assert wrong == []


@pytest.fixture
def panel(browser: Browser, horizon_url: str, member: Who) -> Iterator[Page]:
    with at_the_panel(browser, horizon_url, member) as page:
        yield page


@pytest.fixture
def administrators_panel(browser: Browser, horizon_url: str, standalone: Standalone) -> Iterator[Page]:
    with at_the_panel(browser, horizon_url, administrator(standalone)) as page:
        yield page


class Dialog:
    """What the panel opens for a form."""

    def __init__(self, page: Page) -> None:
        self.whole = page.locator(".modal-content")
        self.whole.wait_for()

    def step(self, name: str) -> Locator:
        """Turn to a step of a wizard, and return its form."""
        self.whole.get_by_role("link", name=name).click()
        return self.whole.locator(".step:visible")

    def change(self, name: str, before: str, after: str) -> None:
        """Write into a field, once it has what Horizon puts there when it has asked for it."""
        field = self.whole.locator(f"#{name}")
        expect(field).to_have_value(before, timeout=PATIENCE_MS)
        field.fill(after)

    def end(self, button: str) -> None:
        self.whole.get_by_role("button", name=button).click()
        self.whole.wait_for(state="detached")


def balancer_row(page: Page, address: str) -> Locator:
    return page.locator("tbody tr:not(.detail-row)", has_text=address)


def choose(page: Page, address: str, action: str) -> Dialog:
    """Open what a load balancer's menu offers."""
    row = balancer_row(page, address)
    row.locator(".split-caret").click()
    row.get_by_role("menuitem", name=action).click()
    return Dialog(page)


def again(page: Page) -> None:
    """Open the panel anew: it draws itself again after some actions, at a time that nobody knows."""
    page.goto(f"{page.url.partition('/project/')[0]}/project/load_balancer/")


def fill_wizard(page: Page, cloud: Cloud) -> None:
    """Ask for a load balancer over one member that is an instance here and one that is typed."""
    page.get_by_role("button", name="Create Load Balancer").click()
    wizard = Dialog(page)
    step = wizard.step("Load Balancer Details")
    step.locator("#name").fill("LB_WEB")
    step.locator(".form-group", has_text="Subnet").get_by_role("button").click()
    page.locator(".filter-select-options tr", has_text=cloud.subnet["cidr"]).click()
    step = wizard.step("Listener Details")
    step.locator("#name").fill("LISTENER_WEB")
    step.locator("#protocol").select_option(label="HTTP")
    step = wizard.step("Pool Details")
    step.locator("#name").fill("POOL_WEB")
    step.locator("#method").select_option(label="ROUND_ROBIN")
    step = wizard.step("Pool Members")
    step.get_by_role("row", name="web1").get_by_role("button", name="Add").click()
    step.get_by_role("button", name="Add external member").click()
    step.locator("input[name$='-address']:visible").fill(cloud.webs[1].address)
    step.locator("select[name$='-subnet']").select_option(label=cloud.subnet["name"] or cloud.subnet["id"])
    for number in range(len(cloud.webs)):
        step.locator("input[name$='-port']:visible").nth(number).fill("80")
    step = wizard.step("Monitor Details")
    step.locator("#type").select_option(label="TCP")
    step.locator("#interval").fill("1")
    step.locator("#timeout").fill("1")
    wizard.end("Create Load Balancer")


def test_a_load_balancer_is_made_edited_reached_from_outside_and_deleted(
    cloud: Cloud, outside: Outside, panel: Page
) -> None:
    api, client = cloud.api, cloud.client
    (port,) = api.named("port", "web1")
    api.update(port, device_id=INSTANCE, device_owner="compute:here")

    fill_wizard(panel, cloud)
    panel.get_by_role("link", name="LB_WEB", exact=True).wait_for()
    (lb,) = api.named("loadbalancer", "LB_WEB")
    address = lb["vip_address"]
    # Horizon makes one part after the other, as each becomes ACTIVE.
    eventually(lambda: api.request("GET", MONITORS).json()["healthmonitors"], 60)
    eventually(lambda: client.answers(address), 60)
    eventually(lambda: set(client.spread(address, 8)) == {"web1", "web2"}, 60)
    expect(balancer_row(panel, address)).to_contain_text("Online", timeout=PATIENCE_MS)
    api.wait_active(lb)  # until then it may not be changed, as in Octavia

    balancer_row(panel, address).get_by_role("button", name="Edit Load Balancer").click()
    dialog = Dialog(panel)
    dialog.change("name", "LB_WEB", "LB_NEW")
    dialog.change("description", "", "edited in Horizon")
    dialog.end("Update Load Balancer")
    panel.get_by_role("link", name="LB_NEW", exact=True).wait_for()
    assert api.show(lb)["description"] == "edited in Horizon"

    dialog = choose(panel, address, "Associate Floating IP")
    dialog.whole.locator("#floating-ip").select_option(label=outside.network["name"])
    dialog.end("Associate")
    again(panel)
    balancer_row(panel, address).locator(".expander .fa").click()
    panel.locator(".detail-row").get_by_text("198.51.100.").wait_for()
    (floating,) = api.request("GET", "/networking/v2.0/floatingips").json()["floatingips"]
    assert floating["port_id"] == lb["vip_port_id"]
    eventually(lambda: outside.host.answers(floating["floating_ip_address"]))
    again(panel)
    choose(panel, address, "Disassociate Floating IP").end("Disassociate")
    eventually(lambda: not outside.host.answers(floating["floating_ip_address"]))

    again(panel)
    panel.get_by_role("link", name="LB_NEW", exact=True).click()
    panel.get_by_role("link", name="Pools").click()
    panel.get_by_role("link", name="POOL_WEB", exact=True).click()
    panel.get_by_role("link", name="Members").click()
    panel.locator("tbody tr:not(.detail-row)", has_text="web1").get_by_role("button", name="Edit").click()
    dialog = Dialog(panel)
    dialog.change("weight", "1", "0")
    dialog.end("Update")
    eventually(lambda: set(client.spread(address, 4)) == {"web2"}, 60)
    api.wait_active(lb)

    again(panel)
    choose(panel, address, "Delete Load Balancer").end("Delete Load Balancer")
    balancer_row(panel, address).wait_for(state="detached")
    api.wait_gone(lb)
    assert traces(lb["id"], lb["vip_port_id"]) == []
    assert api.request("DELETE", f"/networking/v2.0/floatingips/{floating['id']}").ok


def test_every_panel_that_is_left_opens_without_an_error(
    administrators_panel: Page, horizon_url: str
) -> None:
    panel = administrators_panel
    hrefs = panel.eval_on_selector_all("a.openstack-panel", "links => links.map(a => a.getAttribute('href'))")
    assert {"/project/networks/", "/project/load_balancer/", "/admin/routers/", "/identity/users/"} <= set(
        hrefs
    )
    assert not LEFT_OUT & set(hrefs)
    for href in hrefs:
        panel.goto(f"{horizon_url}{href}")
        panel.locator(".page-header, .hz-page-header, h1").first.wait_for()
        assert panel.locator(".alert-danger").all_inner_texts() == [], href

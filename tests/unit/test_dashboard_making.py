"""The commands that a page shows for what has been typed: what a shell makes of them, and who is told them."""

import re
import subprocess
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_dashboard import LB, ONE, Said, csrf, logged_in, sent
from test_dashboard_overview import QUOTAS

from evener.dashboard import making, wizard

# A line for each command, of its words; and an id for whoever wants to keep one.
SHELL = """
openstack() {
  printf '%s\\0' "$@" >&2; printf '\\n\\0' >&2
  case "$*" in
    "loadbalancer create"*) echo LB;; *listener\\ create*) echo LISTENER;; *l7policy*) echo POLICY;;
    *other*) echo OTHER_POOL;; *) echo POOL;;
  esac
}
"""
POOL = "22222222-2222-2222-2222-222222222222"
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(str.strip)
TYPED = {
    **wizard.FIRST,
    "loadbalancer.vip_subnet_id": "s",
    "listener.name": "front",
    "pool.session_persistence.type": "APP_COOKIE",
    "pool.session_persistence.cookie_name": "c",
    "members.addresses": "192.0.2.9\n::1 81 7",
    "healthmonitor.type": "HTTP",
    "healthmonitor.url_path": "/up",
    "l7policy.action": "REDIRECT_TO_POOL",
    "l7policy.addresses": "192.0.2.10 8080",
    "rule.value": "/api",
}

EXPECTED = """
loadbalancer create --vip-subnet-id s --wait -f value -c id
loadbalancer listener create --name front --protocol HTTP --protocol-port 80 --wait LB -f value -c id
loadbalancer pool create --name pool --protocol HTTP --lb-algorithm ROUND_ROBIN \
--session-persistence type=APP_COOKIE,cookie_name=c --wait --listener LISTENER -f value -c id
loadbalancer member create --address 192.0.2.9 --protocol-port 80 --weight 1 --wait POOL
loadbalancer member create --address ::1 --protocol-port 81 --weight 7 --wait POOL
loadbalancer healthmonitor create --type HTTP --delay 5 --timeout 4 --max-retries 3 --url-path /up --wait POOL
loadbalancer pool create --name other pool --protocol HTTP --lb-algorithm ROUND_ROBIN --wait \
--loadbalancer LB -f value -c id
loadbalancer member create --address 192.0.2.10 --protocol-port 8080 --wait OTHER_POOL
loadbalancer l7policy create --action REDIRECT_TO_POOL --wait --redirect-pool OTHER_POOL LISTENER -f value -c id
loadbalancer l7rule create --type PATH --compare-type STARTS_WITH --value /api POLICY
"""


def words(lines: list[str]) -> list[list[str]]:
    """Return the words that each command gets from a shell."""
    done = subprocess.run(
        ["bash", "-c", SHELL + "\n".join(lines)], capture_output=True, text=True, check=True
    )
    return [each.split("\0")[:-1] for each in done.stderr.split("\n\0")[:-1]]


def test_each_step_has_its_commands_and_what_one_makes_the_next_ones_name() -> None:
    found = [" ".join(each) for each in words(making.of(wizard.body(TYPED, [])))]
    assert found == EXPECTED.strip().split("\n")


@given(NAMES)
@example('$(touch x) `id` "it\'s" \\ ; & | > <b> %s {{ 7*7 }} ~ * ! #')
@example("--wait")
@example("-1")
def test_a_shell_takes_a_name_for_nothing_but_a_name(name: str) -> None:
    (first, *_) = words(making.of(wizard.body(TYPED | {"loadbalancer.name": name}, [])))
    assert first[2:4] == ["--name", name] or first[2] == f"--name={name}" or not name


@pytest.mark.parametrize(
    ("upload", "made"),
    [
        (making.Upload("it's.p12"), "base64 < 'it'\"'\"'s.p12'"),
        (
            making.Upload("-x.PFX", is_protected=True),
            "openssl pkcs12 -nodes -in ./-x.PFX | openssl pkcs12 -export -passout pass: | base64",
        ),
        (making.Upload("all.pem"), "openssl pkcs12 -export -passout pass: -in all.pem | base64"),
        (
            making.Upload("a.crt", "a.key", "ca.crt"),
            "openssl pkcs12 -export -passout pass: -in a.crt -inkey a.key -certfile ca.crt | base64",
        ),
    ],
)
def test_a_certificate_is_stored_first_and_the_listener_names_it(upload: making.Upload, made: str) -> None:
    _, stored, listener, *_ = making.of(wizard.body(TYPED, []), upload)
    assert f"--payload \"$({made})\" -f value -c 'Secret href')" in stored
    assert '--default-tls-container-ref "$CERTIFICATE"' in listener


def told(text: str) -> list[str]:
    return [unescape(each) for each in re.findall("<code>(.*?)</code>", text, re.DOTALL)]


def test_the_wizard_tells_what_has_been_typed_and_asks_nobody() -> None:
    cloud = Said({**ONE, "GET /subnets": {"subnets": [{"id": "s", "name": "net", "cidr": "192.0.2.0/24"}]}})
    browser = logged_in(cloud)
    first = told(browser.simulate_get("/dashboard/balancers/create").text)
    assert first[0].startswith("LB=$(openstack loadbalancer create --vip-subnet-id s ")  # as its menu shows
    assert len(first) == 4
    form = {"csrf": csrf(browser), **TYPED, "upload.certificate": "a.p12", "upload.name": "<www>"}
    cloud.asked.clear()
    answer = sent(browser, "/balancers/create/commands", form)
    assert told(answer.text)[1].startswith("CERTIFICATE=$(openstack secret store --name '<www>' ")
    assert "<www>" not in answer.text
    assert cloud.asked == []
    assert sent(browser, "/balancers/create/commands", form | {"csrf": "another"}).status_code == 403
    reader = logged_in(Said(ONE, frozenset({"reader"})))
    assert sent(reader, "/balancers/create/commands", form | {"csrf": csrf(reader)}).status_code == 403


def test_quotas_tell_what_is_set_and_what_becomes_the_default() -> None:
    cloud = Said(ONE | QUOTAS, frozenset({"admin"}))
    browser = logged_in(cloud)
    shown = "openstack loadbalancer quota show another"
    assert told(browser.simulate_get("/dashboard/quotas/another").text) == [shown]
    form = {"csrf": csrf(browser), "load_balancer": "3", "was.load_balancer": "3", "was.pool": "7"}
    form |= {"pool": "7", "member": "-1", "health_monitor": "", "was.health_monitor": "4"}
    cloud.asked.clear()
    assert told(sent(browser, "/quotas/another/commands", form).text) == [
        "openstack loadbalancer quota set --member -1 another",
        "openstack loadbalancer quota unset --healthmonitor another",
    ]
    assert cloud.asked == []


def test_members_and_a_certificate_tell_their_commands_as_they_are_chosen() -> None:
    cloud = Said({**ONE, "GET /subnets": {"subnets": []}, "GET /ports": {"ports": []}})
    browser = logged_in(cloud)
    path = f"/balancers/{LB}/pools/{POOL}/members/add"
    hint = f"openstack loadbalancer member create --address ADDRESS --protocol-port PORT {POOL}"
    assert told(browser.simulate_get(f"/dashboard{path}").text) == [hint]
    form = {"csrf": csrf(browser), "members.addresses": "192.0.2.1\n192.0.2.2 81 0", "members.weight": "2"}
    cloud.asked.clear()
    make = "openstack loadbalancer member create --address"
    assert told(sent(browser, f"{path}/commands", form | {"members.protocol_port": "80"}).text) == [
        f"{make} 192.0.2.1 --protocol-port 80 --weight 2 --wait {POOL}",
        f"{make} 192.0.2.2 --protocol-port 81 --weight 0 --wait {POOL}",
    ]
    store = "-t application/octet-stream -e base64 --payload"
    for chosen, words in (
        ({}, f'--name NAME {store} "$(base64 < FILE.p12)"'),
        (
            {"upload.certificate": "www.p12", "upload.name": "a b"},
            f"--name 'a b' {store} \"$(base64 < www.p12)\"",
        ),
    ):
        form = {"csrf": form["csrf"], **chosen}
        answer = sent(browser, "/certificates/upload/commands", form)
        assert told(answer.text) == [f"openstack secret store {words}"]
    assert cloud.asked == []


@pytest.mark.parametrize(
    ("choice", "command"),
    [
        ("free:f1", "floating ip set --port p1 f1"),
        ("new:n1", "floating ip create --port p1 n1"),
        ("none:f1", "floating ip unset --port f1"),
    ],
)
def test_a_floating_ip_is_chosen_by_a_command(choice, command):
    (told,) = words(making.floating_ip(choice, "p1"))
    assert " ".join(told) == command
    assert making.floating_ip("", "p1") == []


@given(NAMES, NAMES)
@example("$(reboot)", "`id`")
def test_what_a_browser_says_of_a_floating_ip_is_one_word_of_its_command(port, network):
    (told,) = words(making.floating_ip(f"new:{network}", port))
    assert told == ["floating", "ip", "create", "--port", port, network]

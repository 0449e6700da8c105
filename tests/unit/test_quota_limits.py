"""What a PUT of quotas may say, and how providers and limits are declared. No database."""

from pathlib import Path
from typing import Any

import pytest

from evener import config
from evener.api.dialects.lbaas import ADMINISTRATION, LBAAS, READING, WRITING
from evener.api.policy import defaults
from evener.api.quotas import parse as parse_quotas
from evener.resources import provider
from evener.resources.errors import InvalidInput
from evener.resources.flavor import Flavor
from evener.resources.pool import Pool
from evener.resources.provider import Provider
from evener.resources.quota import default_limits
from evener_cloud import config as cloud
from evener_cloud.network.http.networking import NETWORKING

LIMITS = default_limits(cls for cls in NETWORKING.kinds if cls not in LBAAS.form.unlimited)

OTHER_NAME = "neutron_lbaas.drivers.haproxy.plugin_driver.HaproxyOnHostPluginDriver"


@pytest.mark.parametrize(
    ("quota", "limits"),
    [
        ({"pool": 5}, {"pool": 5}),
        ({"pool": "7", "member": -1}, {"pool": 7, "member": -1}),
        ({"port": 2**31 - 1, "force": True}, {"port": 2**31 - 1}),
        ({}, {}),
    ],
)
def test_limits_are_numbers_from_minus_one_up(quota: dict[str, Any], limits: dict[str, int]) -> None:
    assert parse_quotas({"quota": quota}, LIMITS) == (limits, False)


@pytest.mark.parametrize(
    ("quota", "check"),
    [({"check_limit": True}, True), ({"check_limit": True, "force": True}, False), ({"force": True}, False)],
)
def test_usage_is_looked_at_where_asked_for(quota: dict[str, Any], *, check: bool) -> None:
    assert parse_quotas({"quota": quota}, LIMITS) == ({}, check)


@pytest.mark.parametrize("value", [-2, "x", "", None, True, 1.5, [], {}, 2**31, "9" * 30, "\x00"])
def test_anything_else_is_no_limit(value: Any) -> None:
    with pytest.raises(InvalidInput, match="Invalid input for pool"):
        parse_quotas({"quota": {"pool": value}}, LIMITS)


@pytest.mark.parametrize("body", [None, [], {}, {"quota": 1}, {"quota": {}, "x": 1}, {"quotas": {}}])
def test_a_body_holds_one_quota(body: Any) -> None:
    with pytest.raises(InvalidInput, match="an object named 'quota'"):
        parse_quotas(body, LIMITS)


def test_a_limit_of_something_else_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"Unrecognized attribute\(s\) 'trunk', 'vip'"):
        parse_quotas({"quota": {"vip": 1, "trunk": 1, "pool": 1}}, LIMITS)


def test_the_defaults_are_those_of_neutron() -> None:
    assert LIMITS == {
        "loadbalancer": 10,
        "listener": -1,
        "pool": 10,
        "member": -1,
        "healthmonitor": -1,
        "l7policy": -1,
        "network": 100,
        "subnet": 100,
        "port": 500,
        "router": 10,
        "floatingip": 50,
        "security_group": 10,
        "security_group_rule": 100,
    }


@pytest.mark.parametrize("section", ["quotas", "QUOTAS"])
def test_limits_are_configured_as_for_neutron(tmp_path: Path, section: str) -> None:
    file = tmp_path / "evener.conf"
    file.write_text(f"[{section}]\nquota_loadbalancer = 3\nquota_member = 50\n")
    limits = cloud.limits(cloud.load(["--config-file", str(file)], "evener-test"))
    assert limits == {**LIMITS, "l7rule": -1, "loadbalancer": 3, "member": 50}


def test_where_nothing_is_declared_there_is_one_provider() -> None:
    assert config.service_providers(config.load([], "evener-test")) == (Provider("haproxy", "evener", True),)


def test_providers_are_declared_as_for_neutron(tmp_path: Path) -> None:
    file = tmp_path / "evener.conf"
    file.write_text(
        "[service_providers]\n"
        f"service_provider = LOADBALANCERV2:Haproxy:{OTHER_NAME}:default\n"
        "service_provider = LOADBALANCERV2:second:evener\n"
    )
    declared = config.service_providers(config.load(["--config-file", str(file)], "evener-test"))
    assert declared == (Provider("haproxy", OTHER_NAME, True), Provider("second", "evener"))


BAD = {
    "LOADBALANCERV2:haproxy": "the form is SERVICE_TYPE:NAME:DRIVER",
    "LOADBALANCERV2:haproxy:evener:default:x": "the form is SERVICE_TYPE:NAME:DRIVER",
    "": "the form is SERVICE_TYPE:NAME:DRIVER",
    "VPN:openswan:evener": "service type 'VPN' is not served here",
    "LOADBALANCERV2::evener": "the name must have 1 to 255 characters",
    f"LOADBALANCERV2:{'n' * 256}:evener": "the name must have 1 to 255 characters",
    "LOADBALANCERV2:f5:f5.Driver": "there is no driver 'f5.Driver'",
    "LOADBALANCERV2:haproxy:evener:yes": "the last part must be 'default' or empty, not 'yes'",
}


@pytest.mark.parametrize(("declaration", "why"), BAD.items())
def test_a_bad_declaration_stops_every_program_at_its_start(
    tmp_path: Path, declaration: str, why: str
) -> None:
    file = tmp_path / "evener.conf"
    file.write_text(f"[service_providers]\nservice_provider = {declaration}\n")
    with pytest.raises(SystemExit) as caught:
        config.load(["--config-file", str(file)], "evener-test")
    assert str(caught.value).startswith("evener-test: [service_providers] service_provider = ")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (f"LOADBALANCERV2:HAPROXY:{OTHER_NAME}", "a provider named 'haproxy' is declared already"),
        ("LOADBALANCERV2:other:evener", "driver 'evener' is not unique across providers"),
        (f"LOADBALANCERV2:other:{OTHER_NAME}:default", "'haproxy' is the default already"),
    ],
)
def test_declarations_do_not_contradict_each_other(second: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        provider.parse([provider.DEFAULT_DECLARATION, second])


def test_a_driver_is_found_by_its_own_name_before_the_other() -> None:
    both = provider.parse([f"LOADBALANCERV2:old:{OTHER_NAME}", "LOADBALANCERV2:new:evener"])
    assert provider.by_driver(both, "evener") == both[1]
    assert provider.by_driver(both, OTHER_NAME) == both[0]
    assert provider.by_driver(both[:1], "evener") == both[0]
    assert provider.by_driver(both, "f5") is None
    assert provider.by_driver((), "evener") is None


def test_only_administrators_change_what_belongs_to_nobody() -> None:
    rules = {rule.name: rule.check_str for rule in defaults([Flavor, Pool], NETWORKING.rules)}
    assert rules["get_flavor"] == rules["get_pool"] == READING
    assert {rules[f"{verb}_flavor"] for verb in ("create", "update", "delete")} == {ADMINISTRATION}
    assert {rules[f"{verb}_pool"] for verb in ("create", "update", "delete")} == {WRITING}
    assert rules["update_quota"] == rules["get_agent-loadbalancers"] == ADMINISTRATION

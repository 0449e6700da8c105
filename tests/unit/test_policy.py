"""The page about who may do what, against the rules that are declared, and what an operator makes of them."""

from pathlib import Path

import pytest

import octavia_policy_table
from evener import config
from evener.api.policy import Policy, defaults
from evener.resources.caller import Caller
from evener.resources.errors import Forbidden
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener_cloud.network.http.networking import NETWORKING
from evener_cloud.network.resources.network import Network
from policy_table import tables

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"
MEMBER = Caller("ann", "ann", frozenset({"member"}))
AUDITOR = Caller("eve", "ann", frozenset({"auditor"}))


def test_the_page_says_what_the_rules_say() -> None:
    page = PAGE.read_text()
    for table in tables():
        assert table in page, "write it anew: PYTHONPATH=tests .venv/bin/python -m policy_table"


def test_the_page_says_what_the_rules_of_octavia_say() -> None:
    assert octavia_policy_table.table() in PAGE.read_text(), (
        "write it anew: PYTHONPATH=tests .venv/bin/python -m octavia_policy_table"
    )


def test_every_rule_is_on_the_page() -> None:
    page = PAGE.read_text()
    # Agents register themselves; a rule about packets is never changed, and nothing of what happened.
    unused = {"create_agent", "update_security_group_rule"}
    unused |= {f"{verb}_loadbalancer_event" for verb in ("create", "update", "delete")}
    rules = {rule.name for rule in defaults(NETWORKING.kinds, NETWORKING.rules)}
    assert {rule for rule in rules if f"`{rule}`" not in page} == unused


def test_rules_have_neutron_s_names() -> None:
    names = {rule.name for rule in defaults(NETWORKING.kinds, NETWORKING.rules)}
    kinds = ("loadbalancer", "listener", "pool", "healthmonitor", "pool_member", "l7policy", "l7policy_rule")
    assert names >= {f"{verb}_{kind}" for verb in ("create", "get", "update", "delete") for kind in kinds}
    assert names >= {"create_network:shared", "update_network:router:external"}


def test_an_operator_s_file_comes_before_the_rules(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(
        'delete_loadbalancer: "role:admin"\n'
        'get_loadbalancer: "role:auditor"\n'
        '"create_network:shared": "role:member"\n'
    )
    settings = tmp_path / "evener.conf"
    settings.write_text("[DEFAULT]\n")
    policy = Policy(
        config.load(["--config-file", str(settings)], "evener-test"), NETWORKING.kinds, NETWORKING.rules
    )
    policy.check(AUDITOR, "get", LoadBalancer)
    policy.check(MEMBER, "update", LoadBalancer)
    policy.check(MEMBER, "delete", Member)
    policy.check_attributes(MEMBER, "create", Network, {"shared": True})
    for verb in ("get", "delete"):
        with pytest.raises(Forbidden, match=f"rule:{verb}_loadbalancer is disallowed"):
            policy.check(MEMBER, verb, LoadBalancer)
    with pytest.raises(Forbidden, match="rule:update_network:shared is disallowed"):
        policy.check_attributes(MEMBER, "update", Network, {"shared": True})

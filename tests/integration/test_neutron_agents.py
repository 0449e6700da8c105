"""Agents that an administrator disables in Neutron's list get no new load balancers here."""

from typing import Any

from api_cloud import HOST, Cloud
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from evener.control.neutron_agents import differing, heed

AGENT_TYPES = ("Loadbalancerv2 agent", "L3 agent", "Linux bridge agent")
hosts = st.sampled_from("abcdef")


def row(host: str, up: bool = True, agent_type: str = AGENT_TYPES[0]) -> dict[str, Any]:
    """As Neutron shows an agent to an administrator."""
    return {
        "id": "0b5a7e9e-1d1c-4d2f-9f51-7b1a6c3d2e4f",
        "agent_type": agent_type,
        "binary": "neutron-lbaasv2-agent",
        "topic": "n-lbaasv2_agent",
        "host": host,
        "admin_state_up": up,
        "alive": True,
        "availability_zone": None,
        "configurations": {},
        "description": None,
    }


@given(
    st.dictionaries(st.tuples(hosts, st.sampled_from(AGENT_TYPES)), st.booleans()),
    st.dictionaries(hosts, st.booleans()),
)
def test_what_neutron_says_of_our_agents_and_nothing_else_is_heeded(said, known) -> None:
    changed = differing([row(host, up, kind) for (host, kind), up in said.items()], known)
    for host, before in known.items():
        assert {**known, **changed}[host] == said.get((host, AGENT_TYPES[0]), before)
    assert changed.keys() <= known.keys()
    assert all(known[host] != up for host, up in changed.items())


def up(cloud: Cloud) -> dict[str, bool]:
    return {each["host"]: each["admin_state_up"] for each in cloud.admin.entries("/agents")}


def test_an_agent_that_is_disabled_in_neutron_keeps_what_it_has_and_gets_nothing_new(cloud: Cloud) -> None:
    balancer = cloud.balancer()
    others = [row("elsewhere", up=False), row(HOST, agent_type="L3 agent")]
    with cloud.database.write() as tx:
        assert heed(tx, [*others, row(HOST, up=False)]) == {HOST: False}
    assert up(cloud) == {HOST: False}
    body = {"loadbalancer": {"vip_subnet_id": balancer["vip_subnet_id"]}}
    cloud.refuses(cloud.ann, "POST", "/lbaas/loadbalancers", body, status=409, kind="NoActiveLbaasAgent")
    assert cloud.controller.assigned(HOST) == {balancer["id"]: 1}
    with cloud.database.write() as tx:
        assert heed(tx, [row(HOST)]) == {HOST: True}
    cloud.balancer()


def test_where_nothing_differs_nothing_is_written_and_one_statement_asked(cloud: Cloud) -> None:
    statements: list[str] = []
    with cloud.database.write() as tx:
        event.listen(tx.connection, "before_cursor_execute", lambda *each: statements.append(each[2]))
        assert heed(tx, [row(HOST)]) == {}
    assert [each.split()[0] for each in statements] == ["SELECT"]

"""A pool of a thousand members in a real HAProxy: one of them changes, and nothing else is touched."""

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import process
from evener.dataplane.haproxy.plan import AddServer, RemoveServer, SetState, SetWeight, Start
from haproxy_rig import VIP

pytestmark = pytest.mark.root
MEMBERS = 1000


def member(number: int):
    return g.member(id=g.nth(10_000 + number), address=f"127.1.{number // 250}.{number % 250 + 1}")


def test_one_of_a_thousand_members_changes_by_one_command_and_all_are_observed(rig):
    pool, members = g.pool(id=g.nth(5)), [member(number) for number in range(MEMBERS)]
    front = g.listener(id=g.nth(6), default_pool_id=pool.id)

    def apply():
        nodes = [(pool, members, None)]
        graph = g.graph(id=g.nth(1), listeners=[front], pools=nodes, addresses=[VIP])
        return [type(step) for step in rig.instance.apply(graph).steps]

    assert apply() == [Start]
    before = process.workers(rig.instance.paths)
    members[500] = members[500].model_copy(update={"weight": 7})
    assert apply() == [SetWeight]
    members[501] = members[501].model_copy(update={"admin_state_up": False})
    assert apply() == [SetState]
    members.append(member(MEMBERS))
    assert apply() == [AddServer]
    del members[0]
    assert apply() == [RemoveServer]
    assert process.workers(rig.instance.paths) == before
    expected = {each.id: "NO_MONITOR" if each.admin_state_up else "DISABLED" for each in members}
    assert rig.health() == expected
    assert rig.instance.observe().servers == {}
    assert set(rig.instance.observe(servers=True).servers) == set(expected)

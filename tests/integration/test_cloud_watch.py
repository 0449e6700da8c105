"""What others do in a network service is seen here at the next look: to ports, agents and quotas."""

from typing import Any

from api_cloud import HOST, Cloud

from evener.control.cloud_watch import CloudWatch
from evener.resources.agent import AGENT_TYPE
from evener.resources.errors import Unavailable
from evener.services.network import Surroundings


class Said:
    """A network service of which only this is asked: it says one thing after the other."""

    def __init__(self, *found: Surroundings | Unavailable) -> None:
        self.found = list(found)

    def look_around(self) -> Surroundings:
        found = self.found.pop(0)
        if isinstance(found, Unavailable):
            raise found
        return found


class Onlooker:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def networks_changed(self) -> None:
        self.told.append("networks")

    def ports_changed(self, loadbalancer_ids: Any) -> None:
        self.told.append(set(loadbalancer_ids))


def limits(cloud: Cloud) -> int:
    quota: int = cloud.bob.ok("GET", "/quotas/bob")["quota"]["loadbalancer"]
    return quota


def test_limits_are_what_they_are_there_and_only_what_changes_there_changes_them(any_cloud: Cloud) -> None:
    usual = limits(any_cloud)
    said = (
        Surroundings(limits={"bob": {"loadbalancer": 3}}),
        Surroundings(limits={"bob": {"loadbalancer": 3}}),
        Unavailable("away"),
        Surroundings(limits={}),
    )
    watch = CloudWatch(any_cloud.database, Said(*said), Onlooker())
    watch.look()
    assert limits(any_cloud) == 3
    any_cloud.admin.ok("PUT", "/quotas/bob", {"quota": {"loadbalancer": 5}})
    watch.look()
    assert limits(any_cloud) == 5
    watch.look()
    assert limits(any_cloud) == 5
    watch.look()
    assert limits(any_cloud) == usual


def test_agents_look_at_ports_that_have_changed_and_heed_what_is_set_of_them(cloud: Cloud) -> None:
    row = {"host": HOST, "agent_type": AGENT_TYPE, "admin_state_up": False}
    tree, onlooker = cloud.tree(cloud.bob), Onlooker()
    said = Surroundings(changed=frozenset({tree.loadbalancer}), agents=[row])
    watch = CloudWatch(cloud.database, Said(said, Surroundings()), onlooker)
    watch.look()
    watch.look()
    assert onlooker.told == [{tree.loadbalancer}]
    (agent,) = cloud.admin.ok("GET", "/agents")["agents"]
    assert agent["admin_state_up"] is False


def test_a_port_that_went_while_nobody_looked_is_missed_at_the_first_look_and_not_again(
    any_cloud: Cloud,
) -> None:
    kept, lost, leaving = (any_cloud.balancer() for _ in range(3))
    any_cloud.ann.ok("DELETE", f"/lbaas/loadbalancers/{leaving['id']}")
    there, onlooker = Surroundings(ports=frozenset({kept["vip_port_id"]})), Onlooker()
    watch = CloudWatch(any_cloud.database, Said(Unavailable("away"), there, there), onlooker)
    for _ in range(3):
        watch.look()
    assert onlooker.told == [{lost["id"]}]

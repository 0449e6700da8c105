"""Availability zones: agents by the zone that they say they are in, and load balancers that are served there."""

import uuid
from typing import Any

import pytest
from api_cloud import Cloud
from sqlalchemy import select

from evener.control.zones import AvailabilityZones
from evener.resources.availability_zone import AvailabilityZone
from evener.resources.availability_zone_profile import AvailabilityZoneProfile
from evener.resources.caller import Caller
from evener.resources.errors import Conflict, InUse, InvalidInput, NotFound, Unsupported
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.provider import DEFAULT_PROVIDERS
from evener.resources.wire import parse_create
from evener.store.rows import ListQuery
from evener.store.schema import agents, bindings

ADMIN = Caller("user", "cloud", frozenset({"admin"}))
MEMBER = Caller("user", "ann", frozenset({"member"}))
EAST = '{"compute_zone": "east"}'


class Site:
    """A cloud with agents in two zones, and one in none."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.zones = AvailabilityZones(cloud.database, DEFAULT_PROVIDERS)
        for host, zone in (("east-1", "east"), ("west-1", "west")):
            cloud.controller.heartbeat(host, {"availability_zone": zone})

    def profile(self, data: str = EAST, **more: Any) -> AvailabilityZoneProfile:
        values = {"name": "p", "provider_name": "amphora", "availability_zone_data": data, **more}
        return self.zones.create(ADMIN, AvailabilityZoneProfile, values)

    def zone(self, name: str, data: str = EAST, **more: Any) -> AvailabilityZone:
        values = {"name": name, "availability_zone_profile_id": self.profile(data).id, **more}
        return self.zones.create(ADMIN, AvailabilityZone, values)

    def balancer(self, zone: str | None) -> str:
        """Make a load balancer there, and return the host that serves it."""
        subnet = self.cloud.subnet()
        body = {"loadbalancer": {"vip_subnet_id": subnet["id"], "availability_zone": zone}}
        values = parse_create(LoadBalancer, body)
        made = self.cloud.balancing.create(MEMBER, LoadBalancer, values)
        served = select(agents.c.host).join(bindings, bindings.c.agent_id == agents.c.id)
        with self.cloud.database.read() as tx:
            return str(tx.scalar(served.where(bindings.c.loadbalancer_id == made.id)))


@pytest.fixture
def site(any_cloud: Cloud) -> Site:
    """Return it on each kind of database."""
    return Site(any_cloud)


def test_a_load_balancer_is_served_in_the_zone_that_it_asks_for(site: Site) -> None:
    site.zone("here")
    assert {site.balancer("here") for _ in range(3)} == {"east-1"}
    site.zone("there", '{"compute_zone": "west"}')
    assert site.balancer("there") == "west-1"


def test_a_zone_without_agents_takes_no_load_balancer(site: Site) -> None:
    site.zone("nowhere", '{"compute_zone": "south"}')
    with pytest.raises(Conflict):
        site.balancer("nowhere")


def test_a_zone_that_names_none_is_everywhere(site: Site) -> None:
    site.zone("any", "{}")
    assert site.balancer("any")


def test_nobody_is_placed_in_a_zone_that_is_unknown_or_disabled(site: Site) -> None:
    site.zone("off", enabled=False)
    for name, says in (("nope", "Invalid availability zone"), ("off", "not allowed in this deployment: off")):
        with pytest.raises(InvalidInput) as caught:
            site.balancer(name)
        assert says in caught.value.message


def test_vips_stand_on_the_networks_that_a_zone_allows(site: Site) -> None:
    site.zone("strict", '{"valid_vip_networks": ["' + str(uuid.uuid4()) + '"]}')
    with pytest.raises(InvalidInput) as caught:
        site.balancer("strict")
    assert "VIP network_id is not allowed" in caught.value.message


def test_a_zone_in_use_stays_and_so_does_what_its_profile_says(site: Site) -> None:
    zone = site.zone("here")
    profile = zone.availability_zone_profile_id
    site.balancer("here")
    with pytest.raises(InUse):
        site.zones.delete(ADMIN, AvailabilityZone, "here")
    with pytest.raises(InUse):
        site.zones.delete(ADMIN, AvailabilityZoneProfile, profile)
    for values in ({"availability_zone_data": "{}"}, {"provider_name": "octavia"}):
        with pytest.raises(InUse):
            site.zones.update(ADMIN, AvailabilityZoneProfile, profile, values)
    assert site.zones.update(ADMIN, AvailabilityZoneProfile, profile, {"name": "q"}).name == "q"
    assert not site.zones.update(ADMIN, AvailabilityZone, "here", {"enabled": False}).enabled


def test_a_zone_has_its_name_to_itself_and_a_profile_that_there_is(site: Site) -> None:
    site.zone("here")
    with pytest.raises(Conflict):
        site.zone("here")
    values = {"name": "x", "availability_zone_profile_id": str(uuid.uuid4())}
    with pytest.raises(InvalidInput):
        site.zones.create(ADMIN, AvailabilityZone, values)
    site.zones.delete(ADMIN, AvailabilityZone, "here")
    with pytest.raises(NotFound):
        site.zones.show(ADMIN, AvailabilityZone, "here")


def test_a_profile_says_in_json_what_a_provider_knows(site: Site) -> None:
    for data in ("", "east", "[]", '{"compute_zone": 5}'):
        with pytest.raises(InvalidInput):
            site.profile(data)
    with pytest.raises(Unsupported):
        site.profile('{"colour": "red"}')
    with pytest.raises(InvalidInput):
        site.profile(provider_name="nope")
    given = '{"compute_zone":  "nova", "management_network": "' + str(uuid.uuid4()) + '"}'
    assert site.profile(given).availability_zone_data == given, "as it came"


def test_pages_begin_behind_a_name(site: Site) -> None:
    for name in "abc":
        site.zone(name)
    query = ListQuery(sort=[("name", True)], marker="a", limit=1)
    assert [each.name for each in site.zones.list(MEMBER, AvailabilityZone, query)] == ["b"]

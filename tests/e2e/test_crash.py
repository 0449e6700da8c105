"""The whole server is killed at a chosen point: started again, it does what the API was told, and traffic goes on."""

import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from keystoneauth1 import exceptions as ksa
from standalone import Balancer, Cloud, Traffic, haproxies, traces

from waiting import eventually

pytestmark = pytest.mark.root

JOURNAL = "evener.agent.journal:Journal"
NETNS, LINKS, ADDRESSES = "evener.host.netns", "evener.host.links", "evener.host.addresses"
DRIVER = "evener.host.linuxbridge:LinuxBridgeDriver"
HAPROXY = "evener.dataplane.haproxy"
CONTROL = "evener.control"

NETWORK = "evener_cloud.network.builtin:BuiltinNetwork"
WHEN = ("before", "after")
OCTAVIA = "/load-balancer/v2/lbaas/loadbalancers"

CREATING = [
    f"{NETWORK}.reserve_vip_port before 1",
    f"{NETWORK}.reserve_vip_port after 1",
    f"{CONTROL}.scheduling:bind after 1",  # within the transaction
    f"{JOURNAL}.note_loadbalancer before 1",
    f"{JOURNAL}.note_loadbalancer after 1",
    f"{NETNS}:_unmount before 1",  # its file is there, and nothing mounted on it
    f"{NETNS}:ensure after 1",
    f"{LINKS}:create_veth after 1",
    f"{ADDRESSES}:ensure_addresses after 1",
    f"{DRIVER}.plug after 1",
    f"{HAPROXY}.process:start before 1",
    f"{HAPROXY}.process:ready before 1",  # HAProxy runs, and nobody has noted its id
    f"{HAPROXY}.process:start after 1",
    f"{HAPROXY}.instance:Instance._remember before 2",
    f"{CONTROL}.controller:BusController.report before 1",
    f"{CONTROL}.reports:store_progress after 1",  # within the transaction
]
TAKING_OVER = [f"{NETWORK}.{call} {when} 1" for call in ("adopt_vip_port", "set_vip_groups") for when in WHEN]
CHANGING = [
    f"{HAPROXY}.config_files:install before 1",
    f"{HAPROXY}.config_files:install after 1",
    f"{HAPROXY}.process:reload before 1",
    f"{HAPROXY}.process:reload after 1",
    "evener.dataplane.files:replace before 1",
    "evener.dataplane.files:move before 1",  # what is to be renamed is there
    f"{HAPROXY}.runtime:tell before 1",
    f"{HAPROXY}.runtime:tell after 1",
    f"{HAPROXY}.instance:Instance._remember before 1",
    f"{CONTROL}.controller:BusController.report before 1",
]
DELETING = [
    f"{HAPROXY}.process:stop before 1",
    f"{HAPROXY}.process:stop after 1",
    f"{DRIVER}.unplug before 1",
    f"{DRIVER}.unplug after 1",
    f"{NETNS}:delete before 1",
    f"{NETNS}:delete after 1",
    f"{HAPROXY}.instance:Instance.remove before 1",
    f"{HAPROXY}.instance:Instance.remove after 1",
    f"{JOURNAL}.forget_loadbalancer before 1",
    f"{JOURNAL}.forget_loadbalancer after 1",
    f"{CONTROL}.controller:BusController.report before 1",
    f"{NETWORK}.release_vip_port before 1",
    f"{NETWORK}.release_vip_port after 1",
    f"{CONTROL}.departing:forget after 1",  # within the transaction
]
LOST = (ksa.ConnectionError, requests.ConnectionError)
SEED, RANDOM_ROUNDS = 20180131, 3


def short(point: str) -> str:
    return point.rpartition(".")[2].replace(":", "-")


@pytest.fixture(scope="module")
def point_file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("point") / "point"


@pytest.fixture(scope="module")
def program(point_file: Path) -> tuple[str, ...]:
    return (sys.executable, str(Path(__file__).parent / "killable.py"), str(point_file))


@pytest.fixture(scope="module")
def settings() -> str:
    """Start no dashboard each time: it is a process of its own, which no kill here is about."""
    return "[standalone]\ndashboard = false\n"


@pytest.fixture(scope="module")
def serving(cloud: Cloud) -> Balancer:
    """Return a load balancer that serves all the time."""
    return cloud.balancer("serving")


@pytest.fixture(autouse=True)
def unharmed(cloud: Cloud, serving: Balancer) -> Iterator[None]:
    """See that no request to what serves already fails, whatever the test does."""
    with Traffic(cloud.client, serving.vip) as traffic:
        yield
    traffic.assert_unharmed()


@pytest.fixture
def crash(cloud: Cloud, point_file: Path) -> Callable[[str, Callable[[], object]], None]:
    """Return a function that does something, lets the server be killed at a point of it, and starts it again."""

    def crash_at(point: str, work: Callable[[], object]) -> None:
        fresh = point_file.with_suffix(".new")
        fresh.write_text(point)
        fresh.rename(point_file)
        try:
            work()
        except LOST:
            pass  # the answer was lost, as it is for a client in a crash
        finally:
            cloud.standalone.wait_ended()
            point_file.unlink()
        cloud.standalone.start()

    return crash_at


def assert_serves(cloud: Cloud, balancer: Balancer, expected: set[str]) -> None:
    """See that it is ACTIVE, sends traffic to those expected and no other, and that the host has it once."""
    cloud.api.wait_active(balancer.lb)
    eventually(lambda: set(cloud.client.spread(balancer.vip, 8)) == expected)
    eventually(lambda: len(haproxies(balancer.lb["id"])) == 2)  # a master and a worker
    directory = cloud.standalone.directory_of(balancer.lb)
    # A new agent removes them once it has come to this load balancer, which has served all the time.
    eventually(lambda: not [*directory.glob("*.new"), *directory.glob("*.tmp")])


def assert_gone(cloud: Cloud, balancer: Balancer) -> None:
    cloud.api.wait_gone(balancer.lb)
    assert traces(balancer.lb["id"], balancer.lb["vip_port_id"]) == []
    assert not cloud.standalone.directory_of(balancer.lb).exists()


@pytest.mark.parametrize("point", CREATING, ids=short)
def test_a_kill_while_creating_ends_in_a_load_balancer_that_serves(cloud: Cloud, crash, point: str) -> None:
    crash(point, lambda: cloud.balancer("created"))

    for shown in cloud.api.named("loadbalancer", "created"):
        cloud.api.wait_active(shown)  # what the API was told stands, without being told again
    balancer = cloud.balancer("created")
    assert_serves(cloud, balancer, {"web1", "web2"})
    cloud.delete(balancer)
    assert_gone(cloud, balancer)


@pytest.fixture(scope="module")
def groups(cloud: Cloud) -> list[str]:
    """Return two security groups, by their ids."""
    return [cloud.api.create("security_group", name=name)["id"] for name in ("first", "second")]


@pytest.mark.parametrize("point", TAKING_OVER, ids=short)
def test_a_kill_while_a_users_port_is_taken_over_keeps_it_from_nobody(
    cloud: Cloud, crash, groups: list[str], point: str
) -> None:
    api = cloud.api
    port = api.have("port", "mine", network_id=cloud.subnet["network_id"])
    given = {"name": "on-mine", "vip_port_id": port["id"], "vip_sg_ids": groups[:1]}
    crash(point, lambda: api.request("POST", OCTAVIA, {"loadbalancer": given}))
    assert api.named("loadbalancer", "on-mine") == []
    assert api.show(port)["device_id"] == ""

    made = api.request("POST", OCTAVIA, {"loadbalancer": given}).json()["loadbalancer"]
    [balancer] = api.named("loadbalancer", "on-mine")
    api.wait_active(balancer)
    assert made["vip_sg_ids"] == api.show(port)["security_groups"] == groups[:1]

    changed = f"{OCTAVIA}/{made['id']}"
    body = {"loadbalancer": {"vip_sg_ids": groups[1:]}}
    if "set_vip_groups" in point:
        crash(point, lambda: api.request("PUT", changed, body))
    assert api.request("PUT", changed, body).json()["loadbalancer"]["vip_sg_ids"] == groups[1:]
    assert api.show(port)["security_groups"] == groups[1:]
    api.wait_active(balancer)

    api.delete(balancer)
    api.wait_gone(balancer)
    assert traces(balancer["id"], port["id"]) == []
    assert api.show(port)["device_id"] == ""


@pytest.fixture
def changed(cloud: Cloud) -> Iterator[Balancer]:
    """Return a load balancer that serves with both servers."""
    balancer = cloud.balancer("changed")
    yield balancer
    cloud.delete(balancer)
    assert_gone(cloud, balancer)


@pytest.mark.parametrize("point", CHANGING, ids=short)
def test_a_kill_while_changing_ends_in_the_change_and_costs_no_request(
    cloud: Cloud, crash, changed: Balancer, point: str
) -> None:
    def change() -> None:
        at_run_time = "tell" in point or "replace" in point
        if at_run_time:
            cloud.api.update(changed.members["web2"], weight=0)
        else:
            cloud.api.update(changed.pool, lb_algorithm="LEAST_CONNECTIONS")
            cloud.api.update(changed.members["web2"], weight=0)

    with Traffic(cloud.client, changed.vip) as traffic:
        crash(point, change)
        cloud.api.wait_active(changed.lb)
        told = cloud.api.show(changed.members["web2"])["weight"]
        assert_serves(cloud, changed, {"web1", "web2"} if told else {"web1"})
    traffic.assert_unharmed()


@pytest.mark.parametrize("point", DELETING, ids=short)
def test_a_kill_while_deleting_leaves_nothing(cloud: Cloud, crash, point: str) -> None:
    balancer = cloud.balancer("deleted")

    crash(point, lambda: cloud.delete(balancer, wait=False))

    cloud.delete(balancer)  # what the crash kept the client from saying
    assert_gone(cloud, balancer)


def test_kills_at_any_time_end_in_what_the_api_was_told(cloud: Cloud) -> None:
    chance = random.Random(SEED)
    for round_number in range(RANDOM_ROUNDS):
        name = f"random{round_number}"
        before = traces()
        kill_after_s = chance.uniform(0.0, 0.5)
        moment = time.monotonic() + kill_after_s
        try:
            balancer = cloud.balancer(name, wait=False)
            time.sleep(max(0.0, moment - time.monotonic()))
        except LOST:
            pass
        cloud.standalone.kill()
        cloud.standalone.start()
        balancer = cloud.balancer(name)
        assert_serves(cloud, balancer, {"web1", "web2"})
        cloud.delete(balancer, wait=False)
        time.sleep(chance.uniform(0.0, 0.2))
        cloud.standalone.kill()
        cloud.standalone.start()
        assert_gone(cloud, balancer)
        eventually(lambda them=before: sorted(traces()) == sorted(them), why=traces)

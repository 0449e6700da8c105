"""Control does not answer: what was served is served again after a reboot, and repaired by those who know it."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from site_behind import behind_a_router
from standalone import Balancer, Cloud, Host, haproxies, ip

from evener.agent.assembly import make_agent
from evener.host import processes
from evener.resources.errors import Unavailable
from evener.resources.facts import Heard
from evener_cloud import config
from waiting import eventually

pytestmark = pytest.mark.root


class Silent:
    """Control that does not answer."""

    def __getattr__(self, _call: str) -> Any:
        def no_answer(*_arguments: object) -> None:
            raise Unavailable("The controller does not answer")

        return no_answer


class Hanging:
    """Control that neither answers nor refuses, until it is let go."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __getattr__(self, _call: str) -> Any:
        def no_answer(*_arguments: object) -> None:
            self.over.wait()
            raise Unavailable("The controller does not answer in time")

        return no_answer


class Deleted:
    """Control that has deleted all load balancers, and leaves networks to others."""

    def heartbeat(self, _host: str, _configurations: Any, _run: Any, database: str) -> Heard:
        return Heard(database=database)

    def assigned(self, *_: object) -> dict[str, int]:
        return {}

    settled = assigned

    def departed(self, _host: str, ids: Collection[str], _database: str) -> frozenset[str]:
        return frozenset(ids)

    def __getattr__(self, _call: str) -> Any:
        return lambda *_arguments: None


def reboot(cloud: Cloud, balancer: Balancer, *namespaces: str) -> None:
    """Leave of Evener what a reboot leaves: its files."""
    cloud.standalone.stop()
    processes.kill(haproxies())
    eventually(lambda: not haproxies())
    links = [balancer.tap, *{host.bridge for host in cloud.hosts}, *taps_of(cloud)]
    ip(*(f"link delete {link}" for link in links))
    ip(*(f"netns delete {name}" for name in (balancer.namespace, *namespaces)))


def taps_of(cloud: Cloud) -> list[str]:
    """Return the taps of all routers."""
    routers = cloud.standalone.state / "lbaas" / "routers"
    noted = [each.read_text().split() for each in routers.iterdir() if not each.suffix]
    return [f"tap{port_id[:11]}" for ports in noted for port_id in ports]


@contextmanager
def agent_of(cloud: Cloud, controller: Any, workers: int = 4) -> Iterator[None]:
    conf = config.load(["--config-file", str(cloud.standalone.config)], "evener-test")
    conf.set_override("agent_workers", workers)
    agent = make_agent(conf, controller)
    starting = threading.Thread(target=agent.start)
    starting.start()
    try:
        yield
    finally:
        if isinstance(controller, Hanging):
            controller.over.set()
        starting.join()
        agent.stop()


def rejoin(hosts: list[Host]) -> None:
    for host in hosts:
        eventually(Path("/sys/class/net", host.bridge).exists, 30)
        host.rejoin()


def there(cloud: Cloud) -> bool:
    return Path("/sys/class/net", cloud.client.bridge).exists()


def test_what_was_served_last_is_served_again_while_control_does_not_answer(cloud: Cloud) -> None:
    balancer = cloud.balancer("booted")
    reboot(cloud, balancer)
    with agent_of(cloud, Silent()):
        rejoin(cloud.hosts)
        eventually(lambda: cloud.client.answers(balancer.vip), 30)
        before = haproxies()
        graph = cloud.standalone.directory_of(balancer.lb) / "graph.json"
        assert graph.stat().st_mode & 0o777 == 0o600
    cloud.standalone.start()
    cloud.api = cloud.standalone.api()
    cloud.api.wait_active(balancer.lb)
    # Members that were checked before their hosts were plugged in again are back at their next check.
    eventually(lambda: set(cloud.client.spread(balancer.vip, 4)) == {"web1", "web2"})
    assert haproxies() == before


def test_what_was_deleted_meanwhile_is_not_served_when_control_answers(cloud: Cloud) -> None:
    balancer = cloud.balancer("booted")
    reboot(cloud, balancer)
    with agent_of(cloud, Deleted()):
        eventually(lambda: not cloud.standalone.directory_of(balancer.lb).exists(), 30)
        eventually(lambda: not haproxies() and not there(cloud))
    cloud.standalone.start()
    for host in cloud.hosts:
        host.join()
    eventually(lambda: cloud.client.answers(balancer.vip), 30)
    cloud.delete(balancer)


def test_control_that_hangs_holds_up_neither_a_router_nor_its_load_balancer_with_a_single_worker(
    cloud: Cloud,
) -> None:
    with behind_a_router(cloud) as site:
        reboot(cloud, site.balancer, site.namespace)
        with agent_of(cloud, Hanging(), workers=1):
            rejoin(cloud.hosts)
            eventually(site.answers, 30)
            before = haproxies()
        cloud.standalone.start()
        cloud.api = cloud.standalone.api()
        cloud.api.wait_active(site.balancer.lb)
        eventually(site.answers)
        assert haproxies() == before


def test_what_breaks_while_control_is_silent_is_repaired(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with behind_a_router(cloud) as site:
        cloud.standalone.stop()
        with agent_of(cloud, Silent()):
            eventually(lambda: "served as it was last" in caplog.text)
            killed = haproxies(site.balancer.lb["id"])
            processes.kill(killed)
            eventually(lambda: haproxies(site.balancer.lb["id"]).keys() - killed.keys() and site.answers())
            outer = site.interface("qg-").removeprefix("qg-")
            for tap in (site.balancer.tap, f"tap{outer}"):
                ip(f"link delete {tap}")
                eventually(lambda: Path("/sys/class/net", tap).exists() and site.answers())  # noqa: B023
        cloud.standalone.start()
        cloud.api = cloud.standalone.api()

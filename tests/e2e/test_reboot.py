"""A machine starts anew: what was served is served again, also while control does not answer."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from standalone import Balancer, Cloud, eventually, haproxies, ip

from evener import config
from evener.agent.assembly import make_agent
from evener.resources.errors import Unavailable

pytestmark = pytest.mark.root


class Silent:
    """Control that does not answer."""

    def __getattr__(self, _call: str) -> Any:
        def no_answer(*_arguments: object) -> None:
            raise Unavailable("The controller does not answer")

        return no_answer


class Deleted:
    """Control that has no load balancer any more, and leaves networks to others."""

    def assigned(self, _host: str) -> dict[str, int]:
        return {}

    def __getattr__(self, _call: str) -> Any:
        return lambda *_arguments: None


def reboot(cloud: Cloud, balancer: Balancer) -> None:
    """Leave of Evener what a reboot leaves: its files."""
    cloud.standalone.stop()
    for pid in haproxies():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not haproxies())
    ip(
        f"link delete {balancer.tap}",
        f"netns delete {balancer.namespace}",
        f"link delete {cloud.client.bridge}",
    )


@contextmanager
def agent_of(cloud: Cloud, controller: Any) -> Iterator[None]:
    conf = config.load(["--config-file", str(cloud.standalone.config)], "evener-test")
    agent = make_agent(conf, controller)
    agent.start()
    try:
        yield
    finally:
        agent.stop()


def there(cloud: Cloud) -> bool:
    return Path("/sys/class/net", cloud.client.bridge).exists()


def test_what_was_served_last_is_served_again_while_control_does_not_answer(cloud: Cloud) -> None:
    balancer = cloud.balancer("booted")
    reboot(cloud, balancer)
    with agent_of(cloud, Silent()):
        eventually(lambda: there(cloud), 30)
        for host in cloud.hosts:
            host.rejoin()
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
        assert not haproxies()
        assert not there(cloud)
    cloud.standalone.start()
    for host in cloud.hosts:
        host.join()
    eventually(lambda: cloud.client.answers(balancer.vip), 30)
    cloud.delete(balancer)

"""Two projects with the same range of addresses and the same VIP: each reaches its own members, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import project_api
from standalone import Balancer, Cloud, Standalone

from evener.host import netns
from waiting import eventually

pytestmark = pytest.mark.root

RANGE = "192.168.77.0/24"


@dataclass
class Project:
    cloud: Cloud
    balancer: Balancer


@pytest.fixture(scope="module")
def projects(standalone: Standalone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Project]]:
    directory = tmp_path_factory.mktemp("projects")
    found = []
    for name in ("ann", "bob"):
        cloud = Cloud(standalone, RANGE, f"{name}-", api=project_api(standalone, name, directory))
        for host in cloud.hosts:
            for web in host.webs:
                web.name = host.namespace
        found.append(Project(cloud, cloud.balancer("same")))
    yield found
    for project in found:
        project.cloud.delete(project.balancer)
        project.cloud.remove()


def test_the_same_addresses_lead_each_project_to_its_own_members(projects: list[Project]) -> None:
    ann, bob = projects
    assert ann.balancer.vip == bob.balancer.vip
    assert [host.address for host in ann.cloud.hosts] == [host.address for host in bob.cloud.hosts]
    for project, name in zip(projects, ("ann", "bob"), strict=True):
        for host in project.cloud.hosts:
            seen = host.spread(project.balancer.vip, 6)
            assert seen == {f"{name}-web1": 3, f"{name}-web2": 3}


def test_nobody_reaches_a_vip_or_member_that_the_other_project_alone_has(projects: list[Project]) -> None:
    ann, bob = projects
    own = bob.cloud.balancer("own", webs=bob.cloud.webs)
    alone = bob.cloud.host("alone")
    alone.web("alone")
    try:
        eventually(lambda: bob.cloud.client.answers(own.vip))
        eventually(lambda: bob.cloud.client.answers(alone.address))
        for host in ann.cloud.hosts:
            assert not host.answers(own.vip)
            assert not host.answers(alone.address)
        assert ann.cloud.api.request("GET", own.lb.path).status_code == 404
    finally:
        bob.cloud.delete(own)


def test_a_members_host_sees_no_socket_of_haproxy(projects: list[Project]) -> None:
    for project in projects:
        for host in project.cloud.hosts:
            with netns.inside(host.namespace):
                listed = Path("/proc/thread-self/net/unix").read_text()
            assert "@evener" not in listed
            assert "haproxy" not in listed

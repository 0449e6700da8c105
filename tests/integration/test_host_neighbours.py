"""The kernel's neighbour tables, counted over all namespaces."""

import subprocess

import pytest

from evener.host import neighbours, netns

pytestmark = pytest.mark.root
NAMESPACE, ADDED = "neighbours", 60


@pytest.fixture
def namespace():
    netns.ensure(NAMESPACE)
    yield NAMESPACE
    netns.delete(NAMESPACE)


def entries() -> dict[str, int]:
    return {each.name: each.entries for each in neighbours.tables()}


def test_entries_of_another_namespace_count_too(namespace):
    before = entries()
    assert set(before) == {"arp_cache", "ndisc_cache"}
    added = (
        f"neigh add {network}{n} lladdr 02:00:00:00:00:{n:02x} dev left"
        for network in ("10.9.0.", "fd00::")
        for n in range(1, ADDED + 1)
    )
    commands = ("link add left type veth peer name right", "link set left up", *added)
    subprocess.run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(commands), text=True, check=True)
    after = entries()
    assert all(after[name] >= before[name] + ADDED // 2 for name in before)  # the host's own come and go
    assert all(0 < each.entries < each.limit for each in neighbours.tables())

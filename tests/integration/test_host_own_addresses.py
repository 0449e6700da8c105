"""Whether a namespace has an address, on the real kernel: with routes to it, addresses beside it, and none at all."""

import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from evener.host import netns, own_addresses
from evener.host.errors import NamespaceMissing

pytestmark = pytest.mark.root
NAMESPACE = "qlbaas-owning"
OWN = ("10.9.0.5/32", "10.9.0.2/24", "fd00:9::5/128", "fd00:9::2/64")
OTHERS = (
    "10.9.0.50",
    "10.9.0.1",
    "10.9.0.0",
    "10.9.0.255",
    "10.8.0.1",
    "fd00:9::",
    "fd00:9::50",
    "fd00:8::1",
    "::",
)


def ip(words: str) -> None:
    subprocess.run(["ip", "-n", NAMESPACE, *words.split()], check=True)


@pytest.fixture
def namespace() -> Iterator[str]:
    netns.ensure(NAMESPACE)
    ip("link add own0 type veth peer name own1")
    for each in ("own0", "own1", "lo"):
        ip(f"link set {each} up")
    yield NAMESPACE
    netns.delete(NAMESPACE)


def test_what_an_interface_has_is_had_and_nothing_else(namespace: str) -> None:
    addresses = [ip_address(each.split("/")[0]) for each in OWN]
    assert not any(own_addresses.has(namespace, each) for each in addresses)
    for each in OWN:
        ip(f"address add {each} dev own0 nodad" if ":" in each else f"address add {each} dev own0")
    ip("route add 10.8.0.1/32 via 10.9.0.1")
    ip("route add fd00:8::1/128 via fd00:9::1")
    assert all(own_addresses.has(namespace, each) for each in addresses)
    assert not [each for each in OTHERS if own_addresses.has(namespace, ip_address(each))]
    for each in OWN[0], OWN[2]:
        ip(f"address delete {each} dev own0")
    assert [own_addresses.has(namespace, each) for each in addresses] == [False, True, False, True]


def test_of_a_namespace_that_is_not_there_it_says_so() -> None:
    with pytest.raises(NamespaceMissing):
        own_addresses.has("qlbaas-nowhere", ip_address("10.9.0.5"))

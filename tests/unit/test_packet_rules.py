"""Packet rules as they are said to the kernel: what can be told without it."""

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.host import firewall, netns, nft_process, nftables
from evener.host.errors import LibraryMissing
from evener.host.firewall import Opening
from evener.resources.wiring import PacketRule

networks = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).flatmap(
    lambda address: st.integers(0, address.max_prefixlen).map(
        lambda length: str(ipaddress.ip_network((address, length), strict=False))
    )
)
openings = st.builds(Opening, st.integers(0, 65535), st.lists(networks, max_size=4).map(tuple))
rules = st.builds(
    PacketRule,
    ip_version=st.sampled_from([4, 6]),
    protocol=st.sampled_from([None, "tcp", "udp", "icmp", "icmpv6", "132", "89"]),
    first_port=st.one_of(st.none(), st.integers(0, 255)),
    last_port=st.one_of(st.none(), st.integers(0, 255)),
    remotes=st.one_of(st.none(), st.lists(networks, max_size=6).map(tuple)),
)


def prefixes(rule: tuple) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []

    def walk(node: object) -> None:
        if isinstance(node, dict) and "prefix" in node:
            found.append(ipaddress.ip_network(f"{node['prefix']['addr']}/{node['prefix']['len']}"))
        elif isinstance(node, dict | list | tuple):
            for child in node.values() if isinstance(node, dict) else node:
                walk(child)

    walk(rule)
    return found


@given(st.frozensets(openings), st.one_of(st.none(), st.lists(rules, max_size=5).map(tuple)))
def test_all_that_is_not_let_in_is_dropped_and_no_set_has_one_network_within_another(open_ports, security):
    chains = firewall.chains(open_ports, security)
    assert [(chain.hook, chain.policy) for chain in chains] == [("input", "drop"), ("forward", "drop")]
    assert not chains[1].rules
    for rule in chains[0].rules:
        assert rule[-1] == {"accept": None}
        assert len(rule) > 1  # a rule without a condition would let in all
        assert json.dumps(rule)
        sources = prefixes(rule)
        for one in sources:
            assert not any(
                other != one and one.version == other.version and one.subnet_of(other) for other in sources
            )


@given(st.frozensets(openings), st.frozensets(openings))
def test_the_same_ports_give_the_same_rules_whatever_their_order(one, other):
    ordered, reverse = list(one | other), list(one | other)[::-1]
    assert firewall.chains(ordered, None) == firewall.chains(reverse, None)


def test_a_rule_of_a_group_without_sources_of_its_version_lets_nothing_in():
    nothing = firewall.chains((), ())
    for remotes in ((), ("fd00::/8",)):
        rule = PacketRule(ip_version=4, protocol="tcp", remotes=remotes)
        assert firewall.chains((), (rule,)) == nothing


def test_a_library_that_is_missing_is_told_with_its_package(monkeypatch, tmp_path):
    monkeypatch.setattr(nftables._process, "ask", lambda *_: None)
    monkeypatch.setattr(netns, "DIRECTORY", tmp_path)
    monkeypatch.setattr(netns, "identity", lambda _: (1, 2))
    (tmp_path / "some").touch()
    with pytest.raises(LibraryMissing, match="install the package libnftables1"):
        nftables.read("some")


def test_the_process_that_runs_the_library_says_when_it_is_missing(monkeypatch):
    monkeypatch.setattr(nft_process, "LIBRARY", "libnftables-of-nobody.so.1")
    assert nft_process._library() is None

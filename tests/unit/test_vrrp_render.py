"""What keepalived is told, for any two hosts."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evener.dataplane.vrrp.paths import Paths
from evener.dataplane.vrrp.render import Side, render

PATHS = Paths(Path("/var/lib/evener/lbaas/v2/1"))


@st.composite
def sides(draw):
    version = draw(st.sampled_from((4, 6)))
    own, peer, vip = draw(st.lists(st.ip_addresses(v=version), min_size=3, max_size=3, unique=True))
    others = draw(st.lists(st.ip_addresses(), max_size=2))
    return Side("ns-12345678-12", own, peer, draw(st.integers(1, 254)), (vip, *others))


def blocks(text: str) -> dict[str, list[str]]:
    """What is in each block, by the innermost block's first word."""
    found: dict[str, list[str]] = {}
    open_blocks: list[str] = []
    for words in map(str.strip, text.split("\n")):
        if words.endswith("{"):
            open_blocks.append(words.split()[0])
            found.setdefault(open_blocks[-1], [])
        elif words == "}":
            open_blocks.pop()
        elif words:
            found[open_blocks[-1]].append(words)
    assert not open_blocks
    return found


@given(sides())
def test_each_host_speaks_to_the_other_alone(side):
    told = blocks(render(side, PATHS))
    assert f"unicast_src_ip {side.address}" in told["vrrp_instance"]
    assert told["unicast_peer"] == [str(side.peer)]
    assert "check_unicast_src" in told["vrrp_instance"]


@given(sides())
def test_the_two_tell_each_other_of_one_address_and_hold_all(side):
    told = blocks(render(side, PATHS))
    held = [*told["virtual_ipaddress"], *told.get("virtual_ipaddress_excluded", [])]
    assert [each.split("/")[0] for each in held] == [str(each) for each in side.vips]
    assert len(told["virtual_ipaddress"]) == 1
    assert all(each.split("/")[1] in ("32 dev ns-12345678-12", "128 dev ns-12345678-12") for each in held)


@given(sides())
def test_nobody_takes_the_vip_from_who_has_it(side):
    told = blocks(render(side, PATHS))["vrrp_instance"]
    assert "state BACKUP" in told
    assert "nopreempt" in told
    assert f"priority {side.priority}" in told

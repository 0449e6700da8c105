"""What an agent notes of a port and of packet rules lets the next one know them again, and nothing else."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.waiting import eventually

from evener.agent.plug import Plug
from evener.host import firewall, netns, nftables
from evener.host.linuxbridge import LinuxBridgeDriver, bridge_name, inner_name, tap_name
from evener.host.nftables import Keeper
from evener.resources.wiring import FixedIP, WiredPort

pytestmark = pytest.mark.root
NS = "qlbaas-noted"
PORT = WiredPort(
    id="0000000a-5c1e-4c58-9a80-3a3f3d4a1b2c",
    network_id="0a3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11",
    mac_address="fa:16:3e:00:02:01",
    fixed_ips=(
        FixedIP(address="10.45.0.5", prefix_length=24, gateway="10.45.0.1"),
        FixedIP(address="fd00:45::5", prefix_length=64, gateway="fd00:45::1"),
    ),
)
TAP, INNER = tap_name(PORT.id), inner_name(PORT)
DAMAGES = {
    "the tap is down": f"ip link set {TAP} down",
    "the tap left its bridge": f"ip link set {TAP} nomaster",
    "the pair is gone": f"ip link delete {TAP}",
    "an address more": f"ip -n {NS} address add 10.45.0.9/24 dev {INNER}",
    "an IPv6 address less": f"ip -n {NS} address delete fd00:45::5/64 dev {INNER}",
    "no default route": f"ip -n {NS} route delete default",
    "no IPv6 default route": f"ip -n {NS} -6 route delete default",
    "another MTU": f"ip -n {NS} link set {INNER} mtu 1400",
    "another MAC address": f"ip -n {NS} link set {INNER} address fa:16:3e:00:02:02",
    "router advertisements": f"ip netns exec {NS} sh -c 'echo 1 >/proc/sys/net/ipv6/conf/{INNER}/accept_ra'",
    "IPv6 on the tap": f"echo 0 >/proc/sys/net/ipv6/conf/{TAP}/disable_ipv6",
}


@pytest.fixture(autouse=True)
def _a_namespace() -> Iterator[None]:
    netns.ensure(NS)
    yield
    LinuxBridgeDriver(0).unplug(NS, PORT.id)
    LinuxBridgeDriver(0).remove_network(PORT.network_id)
    netns.delete(NS)
    assert not Path("/sys/class/net", bridge_name(PORT.network_id)).exists()


class Counting(LinuxBridgeDriver):
    """Counts its close looks."""

    looks = 0

    def plug(self, namespace: str, port: WiredPort) -> bool:
        self.looks += 1
        return super().plug(namespace, port)


@pytest.fixture
def driver() -> Counting:
    return Counting(0)


@pytest.fixture
def note(tmp_path: Path, driver: Counting) -> Path:
    """Return the note of a port that was plugged, and then found right."""
    plug = Plug(driver, NS, tmp_path / "port.json")
    assert plug.ensure(PORT)
    assert not plug.sure
    assert not plug.ensure(PORT)
    assert plug.sure
    driver.looks = 0
    return tmp_path / "port.json"


def test_the_next_agent_knows_a_port_again_at_a_glance_and_looks_closely_where_that_is_asked_for(
    driver: Counting, note: Path
) -> None:
    plug = Plug(driver, NS, note)
    assert not plug.ensure(PORT)
    assert (driver.looks, plug.sure) == (0, True)
    assert not plug.ensure(PORT, closely=False)
    assert driver.looks == 0
    assert not plug.ensure(PORT)
    assert driver.looks == 1


def test_a_port_that_nobody_looked_at_since_it_was_made_is_known_again_but_not_for_sure(
    driver: Counting, tmp_path: Path
) -> None:
    note = tmp_path / "port.json"
    assert Plug(driver, NS, note).ensure(PORT)
    plug = Plug(driver, NS, note)
    assert not plug.ensure(PORT)
    assert (driver.looks, plug.sure) == (1, False)
    assert not plug.ensure(PORT)
    assert (driver.looks, plug.sure) == (2, True)


@pytest.mark.usefixtures("note")
def test_what_is_shown_is_the_same_before_and_after_the_kernel_is_done_with_a_link_local_address(
    driver: Counting,
) -> None:
    where = ("ip", "-n", NS, "-6", "address", "show", "dev", INNER, "scope", "link")
    _output("ip", "netns", "exec", NS, "sysctl", "-q", f"net.ipv6.conf.{INNER}.accept_dad=1")
    (address,) = re.findall(r"fe80::\S+", eventually(lambda: _output(*where)))

    def shown_meanwhile() -> object:
        for what in ("delete", "add"):
            _output("ip", "-n", NS, "address", what, address, "dev", INNER)
        found = driver.shown(NS, PORT)
        return found if "tentative" in _output(*where) else None  # or the kernel was done sooner

    before = eventually(shown_meanwhile)
    eventually(lambda: "tentative" not in _output(*where))
    assert driver.shown(NS, PORT) == before


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_port_that_was_damaged_meanwhile_is_repaired(driver: Counting, note: Path, damage: str) -> None:
    subprocess.run(damage, shell=True, check=True)
    plug = Plug(driver, NS, note)
    assert plug.ensure(PORT)
    assert not plug.ensure(PORT)
    assert plug.sure


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_seen_at_a_glance(driver: Counting, note: Path, damage: str) -> None:
    plug = Plug(driver, NS, note)
    assert not plug.ensure(PORT, closely=False)
    subprocess.run(damage, shell=True, check=True)
    assert plug.ensure(PORT, closely=False)
    assert driver.looks == 1


def test_another_port_than_the_noted_one_or_an_unreadable_note_gets_a_close_look(
    driver: Counting, note: Path
) -> None:
    assert Plug(driver, NS, note).ensure(PORT.model_copy(update={"mtu": 1400}))
    note.write_text("{")
    Plug(driver, NS, note).ensure(PORT)
    assert driver.looks == 2


def test_packet_rules_are_written_by_the_first_and_known_again_by_the_next_unless_somebody_changed_them(
    tmp_path: Path,
) -> None:
    chains, others = (firewall.chains([firewall.Opening(port)], None) for port in (80, 81))
    assert Keeper(NS, tmp_path / "rules.json").ensure(chains)
    assert not Keeper(NS, tmp_path / "rules.json").ensure(chains)
    assert Keeper(NS, tmp_path / "rules.json").ensure(others)
    assert Keeper(NS, tmp_path / "rules.json").ensure(chains)
    before = nftables.read(NS)
    place = {"family": "inet", "table": "evener", "name": "input"}
    nftables._run(NS, ("flush", [{"flush": {"chain": place}}]))
    assert Keeper(NS, tmp_path / "rules.json").ensure(chains)
    assert (nftables.read(NS) or "").count('"rule"') == (before or "").count('"rule"')

"""Whether another host has an address: a port that is to have it asks, though its MAC address is there too."""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from evener.agent.address_asker import AddressAsker
from evener.agent.plug import Plug
from evener.host import netns, probe
from evener.host.announce import Address
from evener.host.errors import AddressAnswers, HostError
from evener.host.linuxbridge import LinuxBridgeDriver, inner_name
from evener.resources.wiring import FixedIP, WiredPort
from waiting import eventually

pytestmark = pytest.mark.root

NETWORK = "0c4a77d2-77aa-4b21-8e5a-0d8a8f0a9e11"
# A bridge has one port of a name: the other host's is of another id, and alike but for that.
HERE, THERE = (f"{number:08x}-5c1e-4c58-9a80-3a3f3d4a1b2c" for number in (1, 2))
MAC = "fa:16:3e:00:00:05"
ADDRESSES = ("10.9.0.5", "fd00:9::5")


def port(port_id: str, *addresses: str, mac: str = MAC) -> WiredPort:
    lengths = {4: 24, 6: 64}
    fixed = (FixedIP(address=each, prefix_length=lengths[ip_address(each).version]) for each in addresses)
    return WiredPort(id=port_id, network_id=NETWORK, mac_address=mac, fixed_ips=tuple(fixed))


@pytest.fixture
def driver() -> Iterator[LinuxBridgeDriver]:
    made = LinuxBridgeDriver(announcements=0)
    for name in ("here", "there"):
        netns.ensure(name)
    yield made
    for name, port_id in (("here", HERE), ("there", THERE)):
        made.unplug(name, port_id)
        netns.delete(name)
    made.remove_network(NETWORK)


def links(namespace: str) -> str:
    command = ["ip", "-n", namespace, "-br", "link"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def bridge_knows(mac: str) -> str:
    """Return behind which interface the bridge has seen a MAC address last."""
    command = ["bridge", "fdb", "show", "dynamic"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return next(line.split()[2] for line in lines if line.startswith(mac))


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_has_an_address_is_found_though_it_has_our_mac_address_and_keeps_its_packets(
    driver: LinuxBridgeDriver, tmp_path: Path, address: str
) -> None:
    driver.plug("there", port(THERE, address))
    plug, asker = Plug(driver, "here", tmp_path / "note"), AddressAsker(driver)
    with pytest.raises(AddressAnswers, match=f"{address} answers on the network, from {MAC}"):
        plug.ask_the_network(port(HERE, address), asker)
    assert bridge_knows(MAC) == f"tap{THERE[:11]}"
    assert "ns-" not in links("here")  # what asked is gone
    driver.unplug("there", THERE)
    plug.ask_the_network(port(HERE, address), asker)
    plug.ensure(port(HERE, address))
    plug.ask_the_network(port(HERE, address), asker)  # it has it itself


class Counting(LinuxBridgeDriver):
    """Counts what it plugs."""

    plugs = 0

    def plug(self, namespace: str, port: WiredPort) -> bool:
        self.plugs += 1
        return super().plug(namespace, port)


def test_who_asks_at_once_shares_a_port_which_goes_with_the_last(
    driver: LinuxBridgeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.plug("there", port(THERE, "10.9.0.7"))
    counting = Counting(announcements=0)
    asker, all_ask = AddressAsker(counting), Barrier(8)
    found, in_use = {}, probe.in_use

    def all_at_once(*asked: Any) -> Mapping[Address, str]:
        all_ask.wait(60)
        return in_use(*asked)

    monkeypatch.setattr(probe, "in_use", all_at_once)

    def ask(number: int) -> None:
        asked = f"10.9.0.{number}"
        found[asked] = asker.in_use("here", port(HERE, asked))

    threads = [Thread(target=ask, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [asked for asked, by in found.items() if by] == ["10.9.0.7"]
    assert len(found) == 8
    assert counting.plugs == 1
    assert "ns-" not in links("here")


def test_a_port_that_went_while_it_asked_is_made_again(driver: LinuxBridgeDriver) -> None:
    driver.plug("there", port(THERE, "10.9.0.7"))
    asker, asked = AddressAsker(driver), port(HERE, "10.9.0.7")
    netns.ensure("gone")
    with asker._shared("gone", asked):  # somebody asks, and it is another one's namespace that goes meanwhile
        netns.delete("gone")
        assert asker.in_use("here", asked)
    assert "ns-" not in links("here")
    with pytest.raises(HostError):
        asker.in_use("gone", asked)


def answering(namespace: str, asking: WiredPort, address: str) -> set[str]:
    """Return all MAC addresses from which an address answers somebody who asks by ARP."""
    with netns.inside(namespace):
        channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
    found: set[str] = set()
    with channel:
        channel.bind((inner_name(asking), 0x0806))
        channel.settimeout(0.2)
        for _ in range(3):
            channel.send(probe.question(asking.mac_address, ip_address(address)))
            with suppress(TimeoutError):
                while True:
                    claimed = probe.claim(channel.recv(2048), asking.mac_address)
                    found |= {claimed[1]} if claimed else set()
    return found


def test_who_asks_answers_nobody_though_a_vip_comes_beside_it(driver: LinuxBridgeDriver) -> None:
    address, asker = ADDRESSES[0], AddressAsker(driver)
    with asker._shared("here", port("0000000b" + HERE[8:], "10.9.0.9")):
        driver.plug("here", port(HERE, address))
        subprocess.run(
            ["ip", "netns", "exec", "here", "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"], check=True
        )
        asking = port(THERE, mac="02:00:00:00:00:02")
        driver.plug("there", asking)
        assert answering("there", asking, address) == {MAC}


def test_what_is_there_already_is_not_asked_for(driver: LinuxBridgeDriver, tmp_path: Path) -> None:
    driver.plug("there", port(THERE, *ADDRESSES))
    driver.plug("here", port(HERE, *ADDRESSES))
    Plug(driver, "here", tmp_path / "note").ask_the_network(port(HERE, *ADDRESSES), AddressAsker(driver))


def test_of_two_that_ask_at_once_none_takes_it(driver: LinuxBridgeDriver) -> None:
    both = (("here", port(HERE, mac="02:00:00:00:00:01")), ("there", port(THERE, mac="02:00:00:00:00:02")))
    for namespace, asking in both:
        driver.plug(namespace, asking)

    def somebody_is_seen() -> bool:
        """Ask at once, which takes a moment: where the machine pauses in it they may miss each other."""
        at_once = Barrier(2)

        def ask(namespace: str, asking: WiredPort) -> Mapping[Address, str]:
            at_once.wait(60)
            return probe.in_use(namespace, inner_name(asking), asking.mac_address, [ip_address(ADDRESSES[0])])

        with ThreadPoolExecutor(2) as threads:
            return any(each.result() for each in [threads.submit(ask, *one) for one in both])

    eventually(somebody_is_seen)

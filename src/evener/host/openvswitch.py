"""The interface driver for Open vSwitch: all ports on one integration bridge, networks kept apart by VLAN tags.

The tags mean something on that bridge only; which network has which stands among the bridge's external_ids, where an
agent finds it again, and so do other programs. A network with a physical network has a pair of patch ports between
the integration bridge and the operator's: tagged here, untagged there.
What is ours carries a mark; bridges and ports without it are left alone, but for one that Neutron-LBaaS's agent made
for the same port of Neutron's. A port that is wired elsewhere is put on the bridge of Neutron's agent, or of OVN, which
know it by its marks; its tag is theirs from then on.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from evener.host import netns, offload, veth
from evener.host.driver import DriverSettings
from evener.host.errors import BridgeUnsuitable, NameTaken, PhysicalNetworkUnknown, SwitchUnavailable
from evener.host.links import Link
from evener.host.ovsdb import (
    DEAD_TAG,
    OWNER,
    TAG_MARK,
    WIRED_MARK,
    BridgeRow,
    Interface,
    Ovsdb,
    PortRow,
    Rows,
)
from evener.host.veth import ID_LENGTH
from evener.resources.wiring import NetworkSpec, WiredPort

NETWORK_MARK = "evener-network"  # of a port; and, with a network's id, the key of its tag on the bridge
HERE, THERE = "int-", "phy-"  # patch ports, before the first characters of the network's id
TAGS = range(1, 4095)  # IEEE 802.1Q
USER_SPACE = "netdev"


def patch_names(network_id: str) -> tuple[str, str]:
    """Return the names of a network's patch ports: on the integration bridge, and on the operator's."""
    return HERE + network_id[:ID_LENGTH], THERE + network_id[:ID_LENGTH]


class OpenVSwitchDriver:
    """Implements `evener.host.driver.InterfaceDriver`. Has no state but its settings and what it is removing."""

    def __init__(self, announcements: int = 3, settings: DriverSettings | None = None) -> None:
        self._announcements = announcements
        self._settings = settings or DriverSettings()
        self._bridge = self._settings.integration_bridge
        self._ovsdb = Ovsdb(self._settings.ovsdb_connection, self._settings.ovsdb_timeout_s)
        self._leaving: set[str] = set()

    def interface(self, port: WiredPort) -> str:
        """Return the name of the port's interface inside its namespace."""
        return veth.inner_name(port)

    def carries_networks(self, interface: str) -> bool:
        """Return whether it is the integration bridge, or one of the operator's, or leads there."""
        bridges = (self._bridge, *self._settings.bridges.values())
        return interface in bridges or interface.startswith((HERE, THERE))

    def watch(self, changed: Callable[[str, str], None]) -> None:
        """Call `changed(name, "released")` for ports that vanish or get another tag, and bridges that vanish.

        The name is empty when some may have been missed. And `changed(name, "connected")` for ports that are wired
        elsewhere, once they are.
        """
        self._ovsdb.watch(changed, self._leaving)

    def close(self) -> None:
        """End the conversation with the database."""
        self._ovsdb.close()

    def ensure_network(self, spec: NetworkSpec) -> bool:
        """Make sure that the network has its tag on the integration bridge, and its way to the physical network."""
        _, changed = self._ensure_network(spec.id, spec.physical_network)
        return changed

    def remove_network(self, network_id: str) -> bool:
        """Remove the network's tag and ports; the integration bridge goes with the last, if it is ours and empty."""
        with self._ovsdb.reading() as rows:
            names = {row.name for row in rows.own_ports() if row.external_ids.get(NETWORK_MARK) == network_id}
            bridge = rows.bridge(self._bridge)
            tagged = bridge is not None and _key(network_id) in bridge.external_ids
            empty = bridge is not None and _is_spare(bridge)
        if not (names or tagged or empty):
            return False
        with self._removing(*names, self._bridge):
            self._ovsdb.change(f"remove network {network_id}", lambda rows: self._remove(rows, network_id))
        return bool(names or tagged)

    def plug(self, namespace: str, port: WiredPort) -> bool:
        """Make the port's pair of interfaces, and its port of the bridge, what `port` says; announce its addresses."""
        with veth.opened(namespace) as sides:
            if port.wired_elsewhere:
                bridge, network_changed = self._others_bridge(), False
                wanted = self._wired_elsewhere(port)
            else:
                bridge, network_changed = self._ensure_network(port.network_id, port.physical_network)
                wanted = self._wanted(port, _tag_of(bridge, port.network_id))
            pair = veth.ensure(sides, port)
            changed = (
                network_changed,
                pair.changed,
                self._ensure_port(wanted, renew=pair.created),
                bridge.datapath_type == USER_SPACE and _fill_in_checksums(namespace, pair.inner),
            )
        if any(changed):
            self.announce(namespace, port)
        return any(changed)

    def announce(self, namespace: str, port: WiredPort) -> None:
        """Tell the neighbours where the port's addresses are."""
        veth.announce_addresses(namespace, port, self._announcements)

    def shown(self, _namespace: str, _port: WiredPort) -> None:
        """Return None: the switch has a part in it."""

    def unplug(self, namespace: str, port_id: str) -> bool:
        """Remove the port of the bridge, and the pair of interfaces."""
        removed = self._delete_port(veth.tap_name(port_id))
        return veth.remove(namespace, port_id) or removed

    def _ensure_network(self, network_id: str, physical_network: str | None) -> tuple[BridgeRow, bool]:
        """Return the integration bridge with the network's tag on it, and whether anything was missing."""
        outside = self._outside(physical_network)
        with self._ovsdb.reading() as rows:
            bridge = rows.bridge(self._bridge)
        changed = _tag_of(bridge, network_id) is None
        if changed:
            doing = f"give network {network_id} a tag on bridge {self._bridge}"
            self._ovsdb.change(doing, lambda rows: self._ensure_tag(rows, network_id))
            with self._ovsdb.reading() as rows:
                bridge = rows.bridge(self._bridge)
        if bridge is None or _tag_of(bridge, network_id) is None:
            raise SwitchUnavailable(f"Bridge {self._bridge} was taken away; it is made again at the next try")
        if outside:
            changed = self._ensure_patch(bridge, outside, network_id) or changed
        return bridge, changed

    def _outside(self, physical_network: str | None) -> str | None:
        if physical_network is None:
            return None
        if physical_network not in self._settings.bridges:
            raise PhysicalNetworkUnknown(physical_network, self._settings.bridges)
        return self._settings.bridges[physical_network]

    def _ensure_tag(self, rows: Rows, network_id: str) -> None:
        if rows.bridge(self._bridge) is None:
            rows.add_bridge(self._bridge, self._settings.datapath_type)
        bridge = rows.bridge(self._bridge)
        if bridge is not None and _tag_of(bridge, network_id) is None:
            rows.mark_bridge(self._bridge, _key(network_id), str(_choose_tag(rows, bridge, network_id)))

    def _ensure_patch(self, bridge: BridgeRow, outside: str, network_id: str) -> bool:
        with self._ovsdb.reading() as rows:
            other = rows.bridge(outside)
        if other is None:
            raise BridgeUnsuitable(
                f"bridge_mappings names Open vSwitch bridge {outside}, which does not exist; "
                f"make it (ovs-vsctl add-br {outside}), or correct the setting"
            )
        if (other.datapath_type or "system") != (bridge.datapath_type or "system"):
            raise BridgeUnsuitable(
                f"Bridges {self._bridge} and {outside} have different datapaths ({bridge.datapath_type or 'system'}, "
                f"{other.datapath_type or 'system'}), which no patch port joins; see [ovs] datapath_type"
            )
        here, there = patch_names(network_id)
        tag = _tag_of(bridge, network_id)
        marks = {**OWNER, NETWORK_MARK: network_id}
        wanted = (
            PortRow(
                here,
                self._bridge,
                tag,
                {**marks, TAG_MARK: str(tag)},
                Interface("patch", {"peer": there}, {}),
            ),
            PortRow(there, outside, None, marks, Interface("patch", {"peer": here}, {})),
        )
        return self._ensure_ports(wanted)

    def _others_bridge(self) -> BridgeRow:
        """Return the integration bridge, which another agent makes."""
        with self._ovsdb.reading() as rows:
            bridge = rows.bridge(self._bridge)
        if bridge is None:
            raise BridgeUnsuitable(
                f"There is no bridge {self._bridge}, which Neutron's Open vSwitch agent, or OVN, makes on each of its "
                "hosts; see that it runs here, and [ovs] integration_bridge"
            )
        return bridge

    def _wired_elsewhere(self, port: WiredPort) -> PortRow:
        """Return the port as it is before another agent has seen it: dead, or, with OVN, which has no tags, plain."""
        with self._ovsdb.reading() as rows:
            ovn = rows.ovn_bridge() == self._bridge
        return self._row(port, None if ovn else DEAD_TAG, WIRED_MARK)

    def _wanted(self, port: WiredPort, tag: int | None) -> PortRow:
        return self._row(port, tag, {NETWORK_MARK: port.network_id, TAG_MARK: str(tag)})

    def _row(self, port: WiredPort, tag: int | None, marks: Mapping[str, str]) -> PortRow:
        # The marks of an interface are those that Neutron's agents set: other programs look for them.
        neutron = {"iface-id": port.id, "attached-mac": port.mac_address, "iface-status": "active"}
        return PortRow(
            veth.tap_name(port.id), self._bridge, tag, {**OWNER, **marks}, Interface("", {}, neutron)
        )

    def _ensure_port(self, wanted: PortRow, *, renew: bool) -> bool:
        """Make one port what it should be; `renew` it where the interface underneath is another one by now."""
        if renew:
            self._delete_port(wanted.name)
        return self._ensure_ports((wanted,))

    def _ensure_ports(self, wanted: tuple[PortRow, ...]) -> bool:
        with self._ovsdb.reading() as rows:
            found = {each.name: rows.port(each.name) for each in wanted}
        same = {each.name for each in wanted if _is_the_same_of_neutron(found[each.name], each)}
        for name, row in found.items():
            if row is not None and not row.ours and name not in same:
                raise NameTaken(
                    f"Open vSwitch has a port {name} on bridge {row.bridge} that is not ours; delete it"
                )
        broken = [name for name, row in found.items() if row and not (row.ours and _fits(row, wanted))]
        for name in broken:
            self._delete_port(name, whosever=name in same)
        changes = [each for each in wanted if found[each.name] is None or each.name in broken]
        retagged = [each for each in wanted if each not in changes and not _is(found[each.name], each)]
        if not changes and not retagged:
            return False

        def work(rows: Rows) -> None:
            for each in changes:
                if rows.port(each.name) is None:
                    rows.add_port(each)
            for each in retagged:
                rows.set_port(each)

        self._ovsdb.change(f"set up port {', '.join(each.name for each in wanted)}", work)
        return True

    def _delete_port(self, name: str, *, whosever: bool = False) -> bool:
        with self._ovsdb.reading() as rows:
            found = rows.port(name)
        if found is None or not (found.ours or whosever):
            return False
        with self._removing(name):
            self._ovsdb.change(f"delete port {name}", lambda rows: _drop(rows, name))
        return True

    def _remove(self, rows: Rows, network_id: str) -> None:
        for row in rows.own_ports():
            if row.external_ids.get(NETWORK_MARK) == network_id:
                rows.delete_port(row.name)
        bridge = rows.bridge(self._bridge)
        if bridge is not None and _key(network_id) in bridge.external_ids:
            rows.mark_bridge(self._bridge, _key(network_id), None)
            bridge = rows.bridge(self._bridge)
        if bridge is not None and _is_spare(bridge):
            rows.delete_bridge(self._bridge)

    @contextmanager
    def _removing(self, *names: str) -> Iterator[None]:
        """Keep what we remove ourselves from being told as a loss."""
        self._leaving.update(names)
        try:
            yield
        finally:
            self._leaving.difference_update(names)


def _is_the_same_of_neutron(row: PortRow | None, wanted: PortRow) -> bool:
    """Return whether somebody else has made it for the same port of Neutron's: Neutron-LBaaS's agent, before us."""
    port_id = wanted.interface.external_ids.get("iface-id")
    return row is not None and port_id is not None and row.interface.external_ids.get("iface-id") == port_id


def _drop(rows: Rows, name: str) -> None:
    if rows.port(name) is not None:
        rows.delete_port(name)


def _key(network_id: str) -> str:
    return f"{NETWORK_MARK}-{network_id}"


def _tag_of(bridge: BridgeRow | None, network_id: str) -> int | None:
    """Return the tag that the bridge's marks give the network, or None."""
    return None if bridge is None else _number(bridge.external_ids.get(_key(network_id)))


def _number(tag: str | None) -> int | None:
    """Return a tag that someone may have written by hand, or None for what is none."""
    number = int(tag) if tag and tag.isdecimal() else None
    return number if number in TAGS else None


def _is_spare(bridge: BridgeRow) -> bool:
    """Return whether the bridge is ours, serves no network, and has no port but its own."""
    ours = OWNER.items() <= bridge.external_ids.items()
    return ours and set(bridge.external_ids) == set(OWNER) and bridge.ports == (bridge.name,)


def _choose_tag(rows: Rows, bridge: BridgeRow, network_id: str) -> int:
    """Return the tag that the network's ports have already, or the lowest that nobody has."""
    taken = {_number(tag) for key, tag in bridge.external_ids.items() if key.startswith(_key(""))}
    for name in set(bridge.ports) - {bridge.name}:
        row = rows.port(name)
        if row is not None and row.ours and row.external_ids.get(NETWORK_MARK) == network_id:
            given = _number(row.external_ids.get(TAG_MARK))
            if given is not None:
                return given
        taken.add(row.tag if row else None)
    free = next((tag for tag in TAGS if tag not in taken), None)
    if free is None:
        raise BridgeUnsuitable(f"All {len(TAGS)} VLAN tags of bridge {bridge.name} are taken")
    return free


def _fits(row: PortRow, wanted: tuple[PortRow, ...]) -> bool:
    """Return whether a port is where it should be and works, so that only its tag and marks may need a change."""
    goal = next(each for each in wanted if each.name == row.name)
    kind = "" if row.interface.type == "system" else row.interface.type
    same = (row.bridge, kind, row.interface.options, row.wired_elsewhere) == (
        goal.bridge,
        goal.interface.type,
        goal.interface.options,
        goal.wired_elsewhere,
    )
    return same and not row.error


def _is(row: PortRow | None, goal: PortRow) -> bool:
    return (
        row is not None
        and (goal.wired_elsewhere or (row.plain and row.tag == goal.tag))
        and goal.external_ids.items() <= row.external_ids.items()
        and goal.interface.external_ids.items() <= row.interface.external_ids.items()
    )


def _fill_in_checksums(namespace: str, inner: Link) -> bool:
    with netns.inside(namespace):
        return offload.ensure_tx_checksums(inner.name)

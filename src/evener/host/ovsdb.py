"""Conversations with Open vSwitch's database: what is in it, changes that wait for ovs-vswitchd, and what vanishes.

Knows bridges and ports, and that what is ours is marked; decides nothing about names and networks.
"""

import logging
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from evener.host.errors import SwitchUnavailable

with warnings.catch_warnings():  # ovs looks whether eventlet is installed, which then warns of itself
    warnings.simplefilter("ignore")
    from ovsdbapp import exceptions
    from ovsdbapp.backend.ovs_idl import command, connection, event, idlutils, transaction
    from ovsdbapp.schema.open_vswitch import impl_idl

LOG = logging.getLogger(__name__)
OWNER = {"evener-owner": "evener"}  # what marks a bridge or port as ours, in its external_ids
TAG_MARK = "evener-tag"  # in a port's external_ids: the tag that it was given
WIRED_MARK = {"evener-wired": "elsewhere"}  # in those of a port of ours whose tag is another agent's to give
# The tag of a port that nothing passes until Neutron's agent gives it another (its `ovs_lib`, LP 1930414).
DEAD_TAG = 4095
OVN_REMOTE, OVN_BRIDGE = "ovn-remote", "ovn-bridge"  # ovn-controller(8), of external_ids of the switch
OVN_INSTALLED = "ovn-installed"  # the same, of those of an interface: packets pass it

# What is watched of each table: its statistics change every few seconds, and would wake us for nothing.
_COLUMNS = {
    "Open_vSwitch": ("bridges", "cur_cfg", "next_cfg", "external_ids"),
    "Bridge": ("name", "ports", "datapath_type", "external_ids"),
    "Port": ("name", "interfaces", "tag", "trunks", "vlan_mode", "external_ids"),
    "Interface": ("name", "type", "options", "external_ids", "ofport", "error"),
}


@dataclass(frozen=True, slots=True)
class Interface:
    """The one interface of a port: its type ("" for one of the kernel), options, and marks."""

    type: str
    options: Mapping[str, str]
    external_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PortRow:
    """A port as it is, or is wanted: `tag` is the VLAN that it is an access port of; None carries all.

    `error` is what ovs-vswitchd says of it, or that it says nothing yet.
    """

    name: str
    bridge: str
    tag: int | None
    external_ids: Mapping[str, str]
    interface: Interface
    plain: bool = True  # no vlan_mode, no trunks
    error: str = ""

    @property
    def ours(self) -> bool:
        """Whether it carries our mark."""
        return OWNER.items() <= self.external_ids.items()

    @property
    def wired_elsewhere(self) -> bool:
        """Whether its tag is another agent's to give: it got one only to begin with."""
        return WIRED_MARK.items() <= self.external_ids.items()


@dataclass(frozen=True, slots=True)
class BridgeRow:
    """A bridge, with the names of its ports, its own among them."""

    name: str
    datapath_type: str
    external_ids: Mapping[str, str]
    ports: tuple[str, ...]


Told = Callable[[str, str], None]  # a name, and what became of it


class Rows:
    """The tables, to be read while `Ovsdb.reading` holds them, or read and changed inside `Ovsdb.change`."""

    def __init__(self, idl: Any, txn: Any = None) -> None:
        self._idl = idl
        self._tables = idl.tables
        self._txn = txn

    def bridge(self, name: str) -> BridgeRow | None:
        """Return a bridge, or None."""
        row = self._row("Bridge", name)
        if row is None:
            return None
        ports = tuple(sorted(port.name for port in row.ports))
        return BridgeRow(row.name, row.datapath_type, dict(row.external_ids), ports)

    def ovn_bridge(self) -> str | None:
        """Return the name of the bridge whose ports OVN wires, or None where it does not run here."""
        ids = self._switch().external_ids
        return ids.get(OVN_BRIDGE, "br-int") if OVN_REMOTE in ids else None

    def port(self, name: str) -> PortRow | None:
        """Return a port, or None."""
        row = self._row("Port", name)
        return None if row is None else self._port(row)

    def own_ports(self) -> list[PortRow]:
        """Return all ports that carry our mark."""
        rows = self._tables["Port"].rows.values()
        return [self._port(row) for row in rows if OWNER.items() <= row.external_ids.items()]

    def _port(self, row: Any) -> PortRow:
        interface = row.interfaces[0]
        return PortRow(
            name=row.name,
            bridge=next((b.name for b in self._tables["Bridge"].rows.values() if row in b.ports), ""),
            tag=row.tag[0] if row.tag else None,
            external_ids=dict(row.external_ids),
            interface=Interface(interface.type, dict(interface.options), dict(interface.external_ids)),
            plain=not row.vlan_mode and not row.trunks and len(row.interfaces) == 1,
            error=_error(interface),
        )

    def add_bridge(self, name: str, datapath_type: str) -> None:
        """Make a bridge with its own port, with our mark."""
        row = self._txn.insert(self._tables["Bridge"])
        row.name, row.datapath_type, row.external_ids = name, datapath_type, dict(OWNER)
        self._switch().addvalue("bridges", row)
        self._insert_port(row, name, Interface("internal", {}, {}))

    def delete_bridge(self, name: str) -> None:
        """Delete a bridge and its ports."""
        row = self._row("Bridge", name)
        self._switch().delvalue("bridges", row)
        row.delete()

    def mark_bridge(self, name: str, key: str, value: str | None) -> None:
        """Set a mark of a bridge, or remove it; whoever changes any of its marks meanwhile makes us try again."""
        row = self._row("Bridge", name)
        row.verify("external_ids")
        kept = {each: text for each, text in row.external_ids.items() if each != key}
        row.external_ids = kept if value is None else {**kept, key: value}

    def add_port(self, wanted: PortRow) -> None:
        """Make a port on its bridge."""
        port = self._insert_port(self._row("Bridge", wanted.bridge), wanted.name, wanted.interface)
        port.external_ids = dict(wanted.external_ids)
        port.tag = [] if wanted.tag is None else [wanted.tag]
        if wanted.tag == DEAD_TAG:  # which alone would let packets without a tag through
            port.vlan_mode, port.trunks = "trunk", [DEAD_TAG]

    def set_port(self, wanted: PortRow) -> None:
        """Give a port that is on its bridge the marks of `wanted`, and the tag, unless another agent gives that."""
        row = self._row("Port", wanted.name)
        if not wanted.wired_elsewhere:
            row.tag = [] if wanted.tag is None else [wanted.tag]
            row.vlan_mode, row.trunks = [], []
        row.external_ids = {**row.external_ids, **wanted.external_ids}
        interface = row.interfaces[0]
        interface.external_ids = {**interface.external_ids, **wanted.interface.external_ids}

    def delete_port(self, name: str) -> None:
        """Delete a port, whichever bridge has it."""
        row = self._row("Port", name)
        for bridge in self._tables["Bridge"].rows.values():
            if row in bridge.ports:
                bridge.delvalue("ports", row)
        for interface in row.interfaces:
            interface.delete()
        row.delete()

    def _insert_port(self, bridge: Any, name: str, described: Interface) -> Any:
        interface = self._txn.insert(self._tables["Interface"])
        self._txn.expected_ifaces.add(interface.uuid)
        interface.name, interface.type = name, described.type
        interface.options, interface.external_ids = dict(described.options), dict(described.external_ids)
        port = self._txn.insert(self._tables["Port"])
        port.name, port.interfaces = name, [interface]
        bridge.addvalue("ports", port)
        return port

    def _row(self, table: str, name: str) -> Any:
        return idlutils.row_by_value(self._idl, table, "name", name, None)

    def _switch(self) -> Any:
        return next(iter(self._tables["Open_vSwitch"].rows.values()))


def _error(interface: Any) -> str:
    if interface.error:
        return str(interface.error[0])
    return "" if interface.ofport and interface.ofport[0] > 0 else "ovs-vswitchd has not set it up"


class _Confirmed(impl_idl.OvsVsctlTransaction):  # type: ignore[misc]
    """A transaction that has failed where ovs-vswitchd did not do it; the library's own only logs that."""

    def post_commit(self, txn: Any) -> None:
        transaction.Transaction.post_commit(self, txn)
        self.do_post_commit(txn)


class _Api(impl_idl.OvsdbIdl):  # type: ignore[misc]
    """The library's interface, with a connection of its own: the library's is one for the whole process."""

    def __init__(self, opened: Any) -> None:
        self._own = opened
        super().__init__(opened, start=False)

    @property
    def ovsdb_connection(self) -> Any:
        return self._own

    @ovsdb_connection.setter
    def ovsdb_connection(self, opened: Any) -> None:
        self._own = opened

    def create_transaction(self, check_error: bool = False, log_errors: bool = True, **_: Any) -> Any:  # noqa: FBT001, FBT002
        return _Confirmed(self, self._own, check_error=check_error, log_errors=log_errors)


class _Idl(connection.OvsdbIdl):  # type: ignore[misc]
    """The copy of the database, which tells a handler of changes."""

    handler: event.RowEventHandler | None = None

    def notify(self, what: str, row: Any, updates: Any = None) -> None:
        if self.handler is not None:
            self.handler.notify(what, row, updates)


class _Command(command.BaseCommand):  # type: ignore[misc]
    """Runs a function inside a transaction; again, where others were faster."""

    def __init__(self, api: Any, work: Callable[[Rows], None]) -> None:
        super().__init__(api)
        self._work = work

    def run_idl(self, txn: Any) -> None:
        self._work(Rows(self.api.idl, txn))


def _as_marked(row: Any) -> bool:
    tag = [row.external_ids[TAG_MARK]] if TAG_MARK in row.external_ids else []
    return [str(each) for each in row.tag] == tag and not row.vlan_mode and not row.trunks


class Vanished(event.RowEvent):  # type: ignore[misc]
    """Calls back with the name of a bridge or port of ours that was deleted, or a port whose tag is not ours.

    What is in `leaving` when that happens is no news.
    """

    def __init__(self, table: str, told: Told, leaving: Collection[str]) -> None:
        events = (self.ROW_DELETE, self.ROW_UPDATE) if table == "Port" else (self.ROW_DELETE,)
        super().__init__(events, table, None)
        self._told = told
        self._leaving = leaving

    def match_fn(self, what: str, row: Any, _old: Any) -> bool:
        if row.name in self._leaving:
            return False
        if self.table == "Bridge":
            return True
        if not OWNER.items() <= row.external_ids.items():
            return False
        return what == self.ROW_DELETE or not (
            WIRED_MARK.items() <= row.external_ids.items() or _as_marked(row)
        )

    def run(self, _what: str, row: Any, _old: Any) -> None:
        self._told(row.name, "released")


class Connected(event.RowEvent):  # type: ignore[misc]
    """Calls back with the name of a port that another agent, or OVN, has just connected with its network."""

    def __init__(self, table: str, told: Told) -> None:
        super().__init__((self.ROW_UPDATE,), table, None)
        self._told = told

    def match_fn(self, _what: str, row: Any, old: Any) -> bool:
        if self.table == "Interface":
            before = getattr(old, "external_ids", row.external_ids)
            return OVN_INSTALLED in row.external_ids and OVN_INSTALLED not in before
        if not WIRED_MARK.items() <= row.external_ids.items():
            return False
        return hasattr(old, "tag") and list(row.tag) not in ([], [DEAD_TAG])

    def run(self, _what: str, row: Any, _old: Any) -> None:
        self._told(row.name, "connected")


class Again(event.RowEvent):  # type: ignore[misc]
    """Calls back with no name when the database was lost and is there again: what went meanwhile is not told."""

    def __init__(self, told: Told) -> None:
        super().__init__((self.ROW_CREATE,), "Open_vSwitch", None)
        self._told = told

    def run(self, _what: str, _row: Any, _old: Any) -> None:
        self._told("", "released")


class Ovsdb:
    """The database at `target` ("unix:PATH", "tcp:ADDRESS:PORT"), connected to when it is first needed."""

    def __init__(self, target: str, timeout_s: int) -> None:
        self._target = target
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._api: _Api | None = None
        self._events: list[event.RowEvent] = []
        self._again: list[Again] = []

    def watch(self, told: Told, leaving: Collection[str]) -> None:
        """Call `told(name, "released")` for bridges that vanish, and for ports of ours that vanish or get another tag.

        Not for those that are in `leaving` at that moment. The name is empty when some may have been missed. And
        `told(name, "connected")` for ports that another agent has just connected. Holds from the next connection on.
        """
        self._again = [Again(told)]
        vanished = [Vanished(table, told, leaving) for table in ("Bridge", "Port")]
        self._events = [*vanished, *(Connected(table, told) for table in ("Port", "Interface"))]

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """Hold the copy of the tables still, for reading only.

        Raises:
            SwitchUnavailable: when the database does not answer.
        """
        api = self._connected()
        with api.ovsdb_connection.lock:
            yield Rows(api.idl)

    def change(self, doing: str, work: Callable[[Rows], None]) -> None:
        """Run `work` in a transaction, and wait until ovs-vswitchd has done what it says.

        Raises:
            SwitchUnavailable: naming what was being done, when it was not.
        """
        api = self._connected()
        try:
            with api.transaction(check_error=True, log_errors=False) as changes:
                changes.add(_Command(api, work))
        except exceptions.TimeoutException:
            raise SwitchUnavailable(
                f"Cannot {doing}: Open vSwitch at {self._target} does not answer within {self._timeout_s} s; "
                "see that ovsdb-server and ovs-vswitchd run (systemctl status openvswitch-switch)"
            ) from None
        except (exceptions.OvsdbAppException, RuntimeError) as error:
            raise SwitchUnavailable(f"Cannot {doing}: {error}; see ovs-vsctl show") from error

    def close(self) -> None:
        """End the conversation; the next use begins another."""
        with self._lock:
            api, self._api = self._api, None
        if api is not None:
            api.ovsdb_connection.stop(self._timeout_s)

    def _connected(self) -> _Api:
        with self._lock:
            if self._api is None:
                try:
                    self._api = self._connect()
                except Exception as error:
                    raise SwitchUnavailable(
                        f"Open vSwitch's database does not answer at {self._target} ({error}); see that "
                        "openvswitch-switch is installed and runs, and [ovs] ovsdb_connection"
                    ) from error
            return self._api

    def _connect(self) -> _Api:
        helper = idlutils.get_schema_helper(self._target, "Open_vSwitch")
        for table, columns in _COLUMNS.items():
            helper.register_columns(table, list(columns))
        idl = _Idl(self._target, helper)
        api = _Api(connection.Connection(idl, self._timeout_s))
        if self._events:
            idl.handler = event.RowEventHandler()
            idl.handler.watch_events(self._events)
        api.ovsdb_connection.start()
        if idl.handler is not None:
            idl.handler.watch_events(self._again)  # only now: the first time is none
        return api

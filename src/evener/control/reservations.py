"""What load balancers hold of other services: reserved before the transaction, released after it, and swept.

The one order in which control deals with another service:
1. ask and reserve, outside of any transaction, in the load balancer's name;
2. one short transaction;
3. where that fails, undo by the load balancer's id, which is fine as often as it is done;
4. on the way out the other way round: once no agent has the load balancer, what it holds is released, and its rows go
   last, so that whoever sees it gone finds its address free;
5. a sweep does again what a crash, or a service that was away, has left of 3 and 4.
"""

import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from threading import Event
from typing import Any

from sqlalchemy import select

from evener.control import certificates, departing, pairs
from evener.control.certificates import Asked, Named
from evener.control.consumers import Consumers
from evener.control.errors import (
    NetworkNotFound,
    PortNotFound,
    SecurityGroupNotFound,
    SubnetNotFound,
    VipMissing,
    VipNetworkInvalid,
    VipSubnetInvalid,
)
from evener.control.leader import ALONE, Leader, only
from evener.control.services import named
from evener.resources.caller import Caller
from evener.resources.errors import EvenerError, Unavailable
from evener.services.network import Network, VipAllocation
from evener.services.secrets import Consumer, Secrets
from evener.store.database import Database, retried
from evener.store.failures import patient
from evener.store.schema import host_ports, loadbalancers
from evener.threads import Thread, repeated

LOG = logging.getLogger(__name__)
HELD_S = 60.0  # from the reservation to the commit; then it is given up
SWEPT_AFTER_S = 90.0  # that a reservation of no load balancer was seen first: longer than one is held
SWEEP_EVERY = 10  # of those times
FINISH_EVERY_S = 3.0  # what a service that was away has kept is gone soon after its return


@dataclass(frozen=True, slots=True)
class Reservation:
    """A port for a load balancer that is not made yet; `until` is on the monotonic clock."""

    loadbalancer_id: str
    vip: VipAllocation
    until: float

    def check(self) -> None:
        """Say that it is still held: to be called at the end of the transaction that needs it.

        Raises:
            Unavailable: when it was held for too long, and may have been swept.
        """
        if time.monotonic() > self.until:
            raise Unavailable("Making the load balancer took too long; try again")


@dataclass(frozen=True, slots=True)
class _HostPorts:
    """The ports of two hosts of a load balancer that one serves by now, or that is none."""

    loadbalancer_id: str

    def __str__(self) -> str:
        return f"A second agent of load balancer {self.loadbalancer_id}"


class Reservations:
    """What is held in the network service, and let go of. Never to be called inside a transaction."""

    def __init__(self, database: Database, network: Network, secrets: Secrets | None = None) -> None:
        self._database, self._network = database, network
        self.consumers = None if secrets is None else Consumers(database, secrets, certificates.held_by)
        # Load balancers that are none, for which something is reserved, and since when that is known.
        self._seen: dict[str | _HostPorts, float] = {}

    @contextmanager
    def vip_port(
        self,
        caller: Caller,
        loadbalancer_id: str,
        project_id: str,
        values: Mapping[str, Any],
    ) -> Iterator[Reservation]:
        """Hold a port, the one that is named or a new one, for the load balancer of `values` that is made inside.

        Where that fails, the new one goes.

        Raises:
            EvenerError: see `Network.reserve_vip_port`, `Network.adopt_vip_port` and `vip_subnets`.
        """
        port_id, address = values.get("vip_port_id"), values["vip_address"]
        subnets = () if port_id else vip_subnets(self._network, caller, values)
        until = time.monotonic() + HELD_S
        try:
            if port_id:
                with named(PortNotFound, port_id):
                    vip = self._network.adopt_vip_port(
                        caller, loadbalancer_id, port_id, values.get("vip_subnet_id"), address
                    )
            else:
                with named(SubnetNotFound, subnets[0]):
                    vip = self._network.reserve_vip_port(
                        caller, loadbalancer_id, project_id, subnets, address
                    )
            with self.vip_groups(caller, vip.port_id, values.get("vip_sg_ids") or None):
                yield Reservation(loadbalancer_id, vip, until)
        except Exception:
            self._undo(loadbalancer_id)
            raise

    @contextmanager
    def vip_groups(self, caller: Caller, port_id: str, group_ids: Sequence[str] | None) -> Iterator[None]:
        """Have the port of a load balancer in these security groups alone, for what is made or changed inside.

        Where that fails, it is in those again that it was in; with None it stays in those.

        Raises:
            NotFound: for groups that the caller does not see.
        """
        if group_ids is None:
            yield
            return
        with named(SecurityGroupNotFound, ", ".join(group_ids)):
            before = self._network.set_vip_groups(caller, port_id, group_ids)
        try:
            yield
        except Exception:
            with suppress(EvenerError):
                self._network.set_vip_groups(caller, port_id, before)
            raise

    @contextmanager
    def topology(self, loadbalancer_id: str) -> Iterator[None]:
        """Have ports made for two hosts of a load balancer, for a change of its topology inside.

        Where that fails, they go.
        """
        try:
            yield
        except Exception:
            try:
                self._release_unused(loadbalancer_id)
            except Exception:
                LOG.exception("Load balancer %s: ports of hosts are released later", loadbalancer_id)
            raise

    def _release_unused(self, loadbalancer_id: str) -> None:
        with self._database.read() as tx:
            used = pairs.ports_of(tx, loadbalancer_id)
        if not used:
            self._network.release_host_ports(loadbalancer_id)

    def _undo(self, loadbalancer_id: str) -> None:
        """Release what was reserved for a load balancer, unless that has been made all the same."""
        try:
            with self._database.read() as tx:
                if tx.scalar(select(loadbalancers.c.id).where(loadbalancers.c.id == loadbalancer_id)):
                    return  # the answer to the commit was lost
            self._network.release_vip_port(loadbalancer_id)
        except Exception:
            LOG.exception("Load balancer %s was not made; its port is released later", loadbalancer_id)

    @contextmanager
    def certificates(
        self, caller: Caller | None, project_id: str, wanted: Mapping[Consumer, Named]
    ) -> Iterator[Asked]:
        """Have what is named looked at and held for who names it: what is made or changed inside.

        What the service refuses is told to the transaction; what it holds is let go of where that fails.
        """
        asked = certificates.ask(self.consumers, caller, project_id, wanted.values())
        asked = certificates.register(asked, project_id, wanted)
        try:
            yield asked
        except Exception:
            if self.consumers is not None:
                self.consumers.give_up(asked.notes, asked.unsure)
            raise

    def finish(self, loadbalancer_id: str) -> None:
        """Release what a load balancer holds that is to go and that no agent has, and forget it; else do nothing."""
        with self._database.read() as tx:
            if not departing.is_left(tx, loadbalancer_id):
                return
            held = certificates.held(tx, lambda columns: [columns.loadbalancer_id == loadbalancer_id])
        self._network.release_vip_port(loadbalancer_id)
        if self.consumers is not None:
            for use in held:
                self.consumers.secrets.unregister(*use)
        if self._forget(loadbalancer_id):
            LOG.info("Load balancer %s is gone", loadbalancer_id)

    @retried
    def _forget(self, loadbalancer_id: str) -> bool:
        with self._database.write() as tx:
            return departing.forget(tx, loadbalancer_id)

    def _left(self) -> list[str]:
        with self._database.read() as tx:
            return departing.all_left(tx)

    def _finish(self, left: Iterable[str]) -> None:
        for loadbalancer_id in left:
            try:
                self.finish(loadbalancer_id)
            except Unavailable as error:  # which may be for this one alone
                LOG.warning("Load balancer %s is not gone yet: %s", loadbalancer_id, error)

    def sweep(self, after_s: float = SWEPT_AFTER_S) -> None:
        """Finish what is on its way out, and release what is used by nobody since `after_s` seconds.

        Raises:
            Unavailable: when the network service cannot say what is reserved; all else is done then.
        """
        self._finish(self._left())
        if self.consumers is not None:
            self.consumers.sweep(after_s)
        paired = set(self._network.with_host_ports())
        reserved = self._network.reserved()  # before the load balancers: one that is made meanwhile is known
        with self._database.read() as tx:
            single = paired - set(tx.scalar_ids(select(host_ports.c.loadbalancer_id)))
            nobodys = set(reserved) - set(tx.scalar_ids(select(loadbalancers.c.id)))
        moment = time.monotonic()
        left_over: set[str | _HostPorts] = {*nobodys, *map(_HostPorts, single)}
        self._seen = {each: self._seen.get(each, moment) for each in left_over}
        for each, since in self._seen.items():
            if moment - since < after_s:
                continue
            try:
                if isinstance(each, str):
                    self._network.release_vip_port(each)
                else:
                    self._release_unused(each.loadbalancer_id)
            except EvenerError as error:  # which may be for this one alone
                LOG.warning("%s is not there, and what is reserved for it is released later: %s", each, error)
            else:
                LOG.warning("%s is not there, and what was reserved for it is released", each)

    def keep_sweeping(self, ended: Event, leader: Leader = ALONE) -> Thread:
        """Return a thread, not yet started, that sweeps from time to time until `ended`, as long as this process leads.

        More often it finishes what was left the time before, and so is not being finished by somebody else.
        """
        times, before = itertools.count(), set[str]()

        def work() -> None:
            if next(times) % SWEEP_EVERY == 0:
                try:
                    self.sweep()
                except Unavailable as error:
                    LOG.warning("What was reserved for nobody is not looked for: %s", error)
            left = set(self._left())
            self._finish(left & before)
            before.clear()
            before.update(left)

        return repeated("sweep", patient("sweep", only(leader, work)), FINISH_EVERY_S, ended)


def vip_subnets(network: Network, caller: Caller, values: Mapping[str, Any]) -> Sequence[str]:
    """Return where the VIP may be: on the subnet named, or on those of the network that fit the address.

    Raises:
        NotFound: when the caller does not see the subnet or network.
        InvalidInput: when none is named, or none fits.
    """
    subnet_id, network_id = values.get("vip_subnet_id"), values["vip_network_id"]
    if subnet_id:
        with named(SubnetNotFound, subnet_id):
            if network_id and network.subnet(caller, subnet_id).network_id != network_id:
                raise VipSubnetInvalid(f"VIP subnet {subnet_id} is not on network {network_id}")
        return (str(subnet_id),)
    if not network_id:
        raise VipMissing("Failed to parse request. Required attribute 'vip_subnet_id' not specified")
    address = values["vip_address"]
    with named(NetworkNotFound, network_id):
        found = network.subnets(caller, network_id)
    fitting = [each.id for each in found if address is None or ip_address(address) in ip_network(each.cidr)]
    if fitting:
        return fitting
    raise VipNetworkInvalid(
        f"VIP network {network_id} is invalid. There is no subnet in VIP network specified"
        + (f" that holds {address}." if address else "."),
    )

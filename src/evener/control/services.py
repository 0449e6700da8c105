"""The cloud's services as one request sees them: asked outside of its transaction, and remembered until it is done.

A transaction reads here what was asked before it. A question that nobody has asked yet ends it (`Unasked`): it is
rolled back, the service is asked, and it is run again. So nobody waits for another service while rows are locked.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeVar

from evener.control.errors import NamedNotFound, SubnetNotFound
from evener.resources.caller import Caller
from evener.resources.errors import EvenerError, NotFound
from evener.resources.types import Role
from evener.services.network import Footing, HostPort, Network, SubnetInfo

T = TypeVar("T")


@contextmanager
def named(kind: type[NamedNotFound], object_id: str) -> Iterator[None]:
    """Say of what the network service does not find that the request has named it.

    Raises:
        NamedNotFound: of that kind, in the service's words.
    """
    try:
        yield
    except NotFound as error:
        raise kind(error.message, object_id) from None


class Unasked(Exception):
    """A transaction needs to know what nobody has asked yet."""

    def __init__(self, question: Hashable, ask: Callable[[], Any]) -> None:
        super().__init__(question)
        self.question, self.ask = question, ask


class Services:
    """What services have said to one request of `caller`, answers and refusals alike."""

    def __init__(self, caller: Caller, network: Network) -> None:
        self._caller, self._network = caller, network
        self._said: dict[Hashable, Any] = {}
        self._last: list[Unasked] = []

    def run(self, operation: Callable[[], T]) -> T:
        """Return what `operation` returns; its transaction is run again after each question that it has."""
        while True:
            self._last.clear()
            try:
                return operation()
            except Unasked as unasked:
                self._ask(unasked)

    def know(self, *questions: Callable[[], Any]) -> None:
        """Ask what the transaction will, so that it is not run twice; it is told what is refused."""
        for question in questions:
            try:
                question()
            except Unasked as unasked:
                self._ask(unasked)

    def know_subnets(self, members: Iterable[Mapping[str, Any]]) -> None:
        """Ask for the subnets that new members name."""
        named = dict.fromkeys(values["subnet_id"] for values in members)
        self.know(*(partial(self.subnet, each) for each in named if each is not None))

    def know_footings(self, port_ids: Collection[str]) -> None:
        """Ask for many of them at once."""
        found = self._network.footings(port_ids)
        self._said.update({("footing", port_id): footing for port_id, footing in found.items()})

    def settle(self) -> None:
        """Say, within a transaction, that all else is well: what makes something is asked only now."""
        if self._last:
            raise self._last[0]

    def subnet(self, subnet_id: str) -> SubnetInfo:
        """Return a subnet that the caller sees; see `Network.subnet`.

        Raises:
            SubnetNotFound: when there is none.
        """

        def ask() -> SubnetInfo:
            with named(SubnetNotFound, subnet_id):
                return self._network.subnet(self._caller, subnet_id)

        found: SubnetInfo = self._answer(("subnet", subnet_id), ask)
        return found

    def addresses(self, port_id: str) -> frozenset[str]:
        """Return by which addresses a load balancer is called; see `Network.addresses_of_vip_port`."""
        found: frozenset[str] = self._answer(
            ("addresses", port_id), partial(self._network.addresses_of_vip_port, port_id)
        )
        return found

    def footing(self, port_id: str) -> Footing:
        """Return what the agent needs that serves a load balancer; see `Network.footings`."""
        found: Footing = self._answer(
            ("footing", port_id), lambda: self._network.footings([port_id]).get(port_id, Footing())
        )
        return found

    def host_ports(self, loadbalancer_id: str, port_id: str) -> Mapping[Role, HostPort]:
        """Return the ports of the two hosts of a load balancer, which are made now; see `Network.reserve_host_ports`.

        Raises:
            Unsupported, Conflict: as there.
        """
        ask = partial(self._network.reserve_host_ports, loadbalancer_id, port_id)
        found: Mapping[Role, HostPort] = self._answer(("host ports", loadbalancer_id), ask)
        return found

    def reach(self, port_id: str, subnet: SubnetInfo | None, member: str) -> tuple[str, ...]:
        """Give a load balancer a way to a member; see `Network.reach_from_vip_port`.

        Returns its addresses of that version: as long as it was not asked for, none, and then `settle` has it made.
        """
        question = ("reach", port_id, ip_address(member).version)
        ask = partial(self._network.reach_from_vip_port, port_id, subnet, member)
        if question not in self._said:
            self._last.append(Unasked(question, ask))
            return ()
        found: tuple[str, ...] = self._answer(question, ask)
        return found

    def _answer(self, question: Hashable, ask: Callable[[], Any]) -> Any:
        if question not in self._said:
            raise Unasked(question, ask)
        said = self._said[question]
        if isinstance(said, EvenerError):
            raise said
        return said

    def _ask(self, unasked: Unasked) -> None:
        try:
            self._said[unasked.question] = unasked.ask()
        except EvenerError as refusal:
            self._said[unasked.question] = refusal

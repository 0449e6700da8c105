"""The networks that this host realises itself, made equal to what control says.

And the host's own addresses on them, where its operator asks for them.
"""

import logging
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from ipaddress import IPv4Interface

from evener.agent.journal import Journal
from evener.host import addresses, links
from evener.host.driver import InterfaceDriver
from evener.host.linuxbridge import bridge_name
from evener.resources.wiring import NetworkSpec

LOG = logging.getLogger(__name__)


def make(journal: Journal, driver: InterfaceDriver, wanted: tuple[NetworkSpec, ...] | None) -> None:
    """Make what is missing; None leaves all to another service.

    Raises:
        HostError: when the kernel refuses.
    """
    if wanted is None:
        return
    made_before = journal.networks()
    with ExitStack() as attempts:  # each is made whatever became of the others
        for spec in wanted:
            attempts.callback(_make_one, journal, driver, spec, new=spec.id not in made_before)


def _make_one(journal: Journal, driver: InterfaceDriver, spec: NetworkSpec, *, new: bool) -> None:
    journal.note_network(spec.id)
    changed = driver.ensure_network(spec)
    journal.keep_network(spec)
    if not changed:
        return
    if new:
        LOG.info("Network %s: made", spec.id)
    else:
        LOG.warning("Network %s: was not as it was left; repaired", spec.id)


def clear(
    journal: Journal,
    driver: InterfaceDriver,
    wanted: tuple[NetworkSpec, ...] | None,
    stay: Collection[str] = (),
) -> None:
    """Remove what this agent made and nobody wants, but for `stay`. Nothing may be plugged into it any more.

    Raises:
        HostError: when the kernel refuses.
    """
    if wanted is None:
        return
    with ExitStack() as attempts:
        for network_id in journal.networks() - {spec.id for spec in wanted} - set(stay):
            attempts.callback(_clear_one, journal, driver, network_id)


def _clear_one(journal: Journal, driver: InterfaceDriver, network_id: str) -> None:
    journal.release_network(network_id)
    driver.remove_network(network_id)
    journal.forget_network(network_id)
    LOG.info("Network %s: removed", network_id)


def place_host(journal: Journal, wanted: Mapping[str, IPv4Interface]) -> None:
    """Give the host the addresses `wanted`, by network, and take away what it had from us before.

    Networks that are not there yet are passed over.

    Raises:
        HostError: when the kernel refuses, or a network has no bridge of ours.
    """
    for network_id in sorted(journal.networks()):
        goal, left = wanted.get(network_id), journal.host_address(network_id)
        if goal is None and not left:
            continue
        with links.connected() as host:
            link = links.required(host, bridge_name(network_id))
            if left and left != str(goal) and addresses.remove_address(host, link, IPv4Interface(left)):
                LOG.info("Network %s: the host has the address %s no longer", network_id, left)
            journal.note_host_address(network_id, str(goal or ""))
            if goal and addresses.ensure_address(host, link, goal):
                LOG.info("Network %s: the host has the address %s", network_id, goal)

"""The networks that this host realises itself, made equal to what control says."""

import logging

from evener.agent.journal import Journal
from evener.host.driver import InterfaceDriver
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
    for spec in wanted:
        journal.note_network(spec.id)
        if driver.ensure_network(spec):
            if spec.id in made_before:
                LOG.warning("Network %s: was not as it was left; repaired", spec.id)
            else:
                LOG.info("Network %s: made", spec.id)


def clear(journal: Journal, driver: InterfaceDriver, wanted: tuple[NetworkSpec, ...] | None) -> None:
    """Remove what this agent made and nobody wants. Nothing may be plugged into it any more.

    Raises:
        HostError: when the kernel refuses.
    """
    if wanted is None:
        return
    for network_id in journal.networks() - {spec.id for spec in wanted}:
        driver.remove_network(network_id)
        journal.forget_network(network_id)
        LOG.info("Network %s: removed", network_id)

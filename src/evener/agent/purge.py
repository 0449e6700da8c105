"""The end of an agent on a host: everything it made is removed, found by its journal, and nothing else."""

from oslo_config import cfg

from evener import config
from evener.agent import memory
from evener.agent.address_asker import AddressAsker
from evener.agent.assembly import device_names
from evener.agent.balancer import Balancer, Tools
from evener.agent.journal import Journal
from evener.agent.underlay import WhenNamed
from evener.dataplane.base import load_drivers
from evener.host.driver import load_driver, settings_from
from evener.host.watch import Watcher


class _Nobody:
    """Hears what a load balancer tells, while nobody is left to act on it."""

    def drifted(self, loadbalancer_id: str, what: str) -> None:
        """Do nothing."""

    def network_changed(self, loadbalancer_id: str) -> None:
        """Do nothing."""

    def health_changed(self, loadbalancer_id: str) -> None:
        """Do nothing."""


def _nothing() -> None:
    """Do nothing about a router that is not as it was left."""


def purge(conf: cfg.ConfigOpts) -> None:
    """Remove all load balancers, routers and networks of this host, saying what went on stdout.

    Raises:
        HostError: when the kernel refuses; what is left is removed at the next try.
    """
    journal = Journal(config.loadbalancer_path(conf))
    driver = load_driver(conf.interface_driver, 0, settings_from(conf))
    device_drivers = load_drivers(device_names(conf.device_driver), conf, serves=False)
    tools = Tools(journal, driver, AddressAsker(driver), device_drivers, Watcher(), _Nobody())
    for balancer_id in sorted(journal.loadbalancers()):
        Balancer(balancer_id, tools).remove()
        print(f"Removed load balancer {balancer_id}")  # noqa: T201 - the program's answer
    routers, networks = journal.routers(), journal.networks()
    if routers or networks:
        WhenNamed(journal, driver, tools.watcher, _nothing).reconcile((), ())
    for router_id in sorted(routers):
        print(f"Removed router {router_id}")  # noqa: T201
    for network_id in sorted(networks):
        print(f"Removed network {network_id}")  # noqa: T201
    memory.forget(journal.home)
    journal.remove()
    for each in device_drivers:
        each.remove()

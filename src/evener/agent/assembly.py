"""The agent of this host, put together from the settings. It neither talks to control nor starts anything itself."""

import logging
from collections.abc import Iterable

from oslo_config import cfg

from evener import config
from evener.agent.errors import DeviceUnknown
from evener.agent.journal import Journal
from evener.agent.service import AgentService, Intervals
from evener.agent.underlay import MakeUnderlay, WhenNamed
from evener.bus.base import Controller
from evener.dataplane.haproxy import settings as haproxy
from evener.host import driver

LOG = logging.getLogger(__name__)
DEVICE = "haproxy"
SHOWN_DEVICE = "haproxy_ns"  # what Neutron-LBaaS's agent shows for it in its configurations
_CLASS = "services.loadbalancer.drivers.haproxy.namespace_driver.HaproxyNSDriver"
# The names it had from Havana to Rocky.
DEVICE_ALIASES = {
    SHOWN_DEVICE: DEVICE,
    "neutron_lbaas.drivers.haproxy.namespace_driver.HaproxyNSDriver": DEVICE,
    f"neutron_lbaas.{_CLASS}": DEVICE,
    f"neutron.{_CLASS}": DEVICE,
}


def make_agent(
    conf: cfg.ConfigOpts, controller: Controller, underlay: MakeUnderlay = WhenNamed
) -> AgentService:
    """Return the agent that the settings describe, not yet started, on networks and routers that `underlay` makes.

    Raises:
        DeviceUnknown, HostError, HaproxyError: when the settings name what this machine does not have.
    """
    check_devices(conf.device_driver)
    if conf.ovs_use_veth:
        LOG.warning("ovs_use_veth is ignored: it was for kernels older than any that Evener runs on")
    settings = haproxy.from_conf(conf)
    return AgentService(
        host=conf.host,
        controller=controller,
        journal=Journal(config.loadbalancer_path(conf)),
        driver=driver.load_driver(
            conf.interface_driver, max(0, conf.haproxy.send_gratuitous_arp), driver.settings_from(conf)
        ),
        settings=settings,
        intervals=Intervals(conf.periodic_interval, conf.resync_interval),
        configurations={
            "device_drivers": [SHOWN_DEVICE],
            "interface_driver": conf.interface_driver,
            "physical_networks": list(config.physical_networks(conf)),
            "haproxy_version": ".".join(map(str, settings.version)),
        },
        workers=conf.agent_workers,
        underlay=underlay,
    )


def check_devices(names: Iterable[str]) -> None:
    """Refuse a device driver that does not exist; one may be named often, since settings of all files add up.

    Raises:
        DeviceUnknown: naming the one that does.
    """
    for name in names:
        if DEVICE_ALIASES.get(name, name) != DEVICE:
            raise DeviceUnknown(f"There is no device driver '{name}'; device_driver may be: {DEVICE}")

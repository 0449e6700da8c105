"""The agent of this host, put together from the settings. It neither talks to control nor starts anything itself."""

import logging
from collections.abc import Iterable
from importlib.metadata import version

from oslo_config import cfg

from evener import config
from evener.agent.journal import Journal
from evener.agent.service import AgentService, Intervals
from evener.agent.underlay import MakeUnderlay, WhenNamed
from evener.bus.base import Controller
from evener.dataplane.base import load_drivers
from evener.dataplane.vrrp import process
from evener.host import driver, inotify, tuning
from evener.host.errors import HostError

LOG = logging.getLogger(__name__)
_CLASS = "services.loadbalancer.drivers.haproxy.namespace_driver.HaproxyNSDriver"
# The names that HAProxy's device driver had from Havana to Rocky.
DEVICE_ALIASES = {
    "haproxy_ns": "haproxy",
    "neutron_lbaas.drivers.haproxy.namespace_driver.HaproxyNSDriver": "haproxy",
    f"neutron_lbaas.{_CLASS}": "haproxy",
    f"neutron.{_CLASS}": "haproxy",
}


def make_agent(
    conf: cfg.ConfigOpts, controller: Controller, underlay: MakeUnderlay = WhenNamed
) -> AgentService:
    """Return the agent that the settings describe, not yet started, on networks and routers that `underlay` makes.

    Raises:
        DataPlaneError, HostError: when the settings name what this machine does not have.
    """
    if conf.ovs_use_veth:
        LOG.warning("ovs_use_veth is ignored: it was for kernels older than any that Evener runs on")
    tuning.check(conf.haproxy.sysctls)
    device_drivers = load_drivers(device_names(conf.device_driver), conf)
    if process.is_installed():
        have_watchers(conf.agent.inotify_instances)
    return AgentService(
        host=conf.host,
        controller=controller,
        journal=Journal(config.loadbalancer_path(conf)),
        driver=driver.load_driver(
            conf.interface_driver, max(0, conf.haproxy.send_gratuitous_arp), driver.settings_from(conf)
        ),
        device_drivers=device_drivers,
        intervals=Intervals(conf.periodic_interval, conf.resync_interval),
        configurations={
            "version": version("evener"),
            "device_drivers": [each.name for each in device_drivers],
            "interface_driver": conf.interface_driver,
            "physical_networks": list(config.physical_networks(conf)),
            "failure_domain": conf.agent.failure_domain or None,
            "keepalived": process.is_installed(),
            "availability_zone": conf.agent.availability_zone or None,
            **{name: value for each in device_drivers for name, value in each.configurations.items()},
        },
        sysctls={**tuning.DEFAULTS, **conf.haproxy.sysctls},
        workers=conf.agent_workers,
        underlay=underlay,
    )


def have_watchers(number: int) -> None:
    """Let `number` processes watch files where the kernel allows fewer: each keepalived does, and without it is deaf.

    One that cannot hears nothing of its HAProxy's end, so where the limit cannot be raised, that is worth a word.
    """
    try:
        if inotify.ensure_limit(number):
            LOG.info("%s is %d from now on", inotify.SETTING, number)
    except HostError as error:
        LOG.warning("Few load balancers of two agents have room here: %s (docs/agents.md)", error)


def device_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the device drivers that settings name, each once, since settings of all files add up."""
    return tuple(dict.fromkeys(DEVICE_ALIASES.get(name, name) for name in names))

"""The API of load balancing, put together from database, bus and a cloud's services: the same in every cloud."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from oslo_config import cfg
from sqlalchemy import text

from evener import config
from evener.api import neutron, octavia
from evener.api.answer_cache import AnswerCache
from evener.api.app import App, make_app
from evener.api.dialects.octavia import OCTAVIA
from evener.api.networking import LOAD_BALANCING, Api, Behind, add_routes
from evener.api.policy import Policy
from evener.bus.base import Bus
from evener.control.administration import administration
from evener.control.agent_notifier import AgentNotifier
from evener.control.leader import Leader
from evener.control.lost_hosts import LostHosts
from evener.control.operations import LoadBalancing
from evener.resources.types import Topology
from evener.services.identity import Identity
from evener.services.network import Network
from evener.services.secrets import Secrets
from evener.store.database import Database

SERVICES = ("networking", "load-balancer", "healthcheck")


@dataclass(frozen=True, slots=True)
class Cloud:
    """What load balancing stands on; `secrets` is None where there are no certificates to be had."""

    identity: Identity
    network: Network
    secrets: Secrets | None


def make_api(
    conf: cfg.ConfigOpts,
    database: Database,
    bus: Bus,
    cloud: Cloud,
    api: Api = LOAD_BALANCING,
    others: Callable[[Policy], Behind] = lambda _policy: Behind({}, ()),
    services: Sequence[str] = SERVICES,
) -> App:
    """Return the application that serves both dialects; `others` do what of `api` is not load balancing.

    `services` are the names, below `/`, of all that is served.
    """
    url, largest = config.public_url(conf), conf.api.max_body_bytes
    providers = config.service_providers(conf)
    slow = max(1, conf.api.threads // 2)
    app = make_app(
        cloud.identity,
        lambda: _unwell(database),
        url,
        slow,
        services,
        trust_neutron_url=conf.api.trust_neutron_url,
        be_there=database.be_there,
    )
    balancing = LoadBalancing(
        database,
        cloud.network,
        bus,
        providers,
        cloud.secrets,
        config.reserved_ips(conf),
        config.largest(conf),
        Topology(conf.loadbalancer_topology),
    )
    administrative = administration(database, cloud.network, bus, providers, cloud.secrets, api.kinds)
    answers = AnswerCache(database.version)
    policy = Policy(conf, api.kinds, api.rules)
    add_routes(app, balancing, administrative, policy, largest, answers, cloud.identity, api, others(policy))
    theirs = Policy(conf, octavia.KINDS, octavia.RULES, OCTAVIA)
    octavia.add_routes(app, balancing, administrative, theirs, largest, answers)
    neutron.add_routes(app, AgentNotifier(database, bus).owned_ports_changed, largest)
    return app


def look_for_lost_hosts(
    conf: cfg.ConfigOpts, database: Database, network: Network, bus: Bus, leader: Leader, ended: Event
) -> None:
    """Have others serve what lost hosts did, where settings say so, until `ended`."""
    if conf.heartbeat_timeout:
        LostHosts(database, network, bus, conf.heartbeat_timeout, leader).keep_looking(ended).start()


def _unwell(database: Database) -> str | None:
    """Return why requests cannot be served, or None when they can."""
    try:
        with database.read() as tx:
            tx.execute(text("SELECT 1"))
    except Exception as error:  # noqa: BLE001 - whatever the database says
        return f"The database does not answer: {error}"
    return None

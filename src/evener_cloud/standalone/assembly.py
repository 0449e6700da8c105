"""The parts of standalone, put together; which one takes which is decided here and nowhere else."""

from functools import partial
from threading import Event
from typing import Any

import falcon
from oslo_config import cfg
from prometheus_client import CollectorRegistry, ProcessCollector

from evener import config
from evener.agent.assembly import make_agent
from evener.agent.errors import NoTransport
from evener.agent.service import AgentService
from evener.api import metrics
from evener.bus.base import Bus, load
from evener.bus.combined import CombinedBus
from evener.control import events
from evener.control.agent_notifier import AgentNotifier
from evener.control.controller import BusController
from evener.control.leader import ALONE, Lease
from evener.control.metrics import DatabaseCollector, LeaderCollector
from evener.control.reservations import Reservations
from evener.host.linuxbridge import bridge_name
from evener.serving.load_balancing import Cloud, look_for_lost_hosts, make_api
from evener.store.database import Database
from evener.store.departures import database_id
from evener_cloud import config as cloud
from evener_cloud.compute import http as nova
from evener_cloud.identity.bootstrap import deliver_credentials, follow_address
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.http import routes as keystone
from evener_cloud.manage import upgrade
from evener_cloud.network.builtin import BuiltinNetwork
from evener_cloud.network.http.networking import NETWORKING, behind
from evener_cloud.network.node import hostaddress
from evener_cloud.network.node.underlay import Underlay
from evener_cloud.secrets.bounds import Bounds
from evener_cloud.secrets.builtin import BuiltinSecrets
from evener_cloud.secrets.http import routes as barbican

KEY_FILE = "token.key"
SERVICES = ("identity", "networking", "load-balancer", "key-manager", "compute", "healthcheck")


def _make_bus(conf: cfg.ConfigOpts) -> Bus:
    """Return the bus to the agent in this process, and to those on other machines where settings say how.

    Raises:
        NoTransport: when there would be none of either.
        Unavailable: when the transport cannot be used.
    """
    if not conf.transport_url:
        if not conf.standalone.agent:
            raise NoTransport(
                "[standalone] agent = false needs agents elsewhere, and [DEFAULT] transport_url"
            )
        return load("inprocess", conf)
    return CombinedBus(load("inprocess", conf), load("messaging", conf))


class Assembly:
    """Everything that runs in the process of standalone."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._ended = Event()
        self._bus = _make_bus(conf)
        self.database = Database(config.database_url(conf), cloud.limits(conf))
        upgrade(self.database)
        self._leader = Lease(self.database) if conf.database.connection else ALONE
        self.app = self._make_app()
        self._agent = self._make_agent()
        metrics.add_routes(self.app, self._registry(), conf.api.metrics)

    def _make_app(self) -> falcon.App[Any, Any]:
        conf, url = self._conf, config.public_url(self._conf)
        identity = BuiltinIdentity(
            self.database,
            config.state_path(conf) / KEY_FILE,
            conf.identity.token_lifetime,
            conf.identity.admin_project,
            conf.identity.min_password_length,
        )
        auth_url = f"{url}/identity/v3"
        state, project = config.state_path(conf), conf.identity.admin_project
        with self.database.read() as tx:
            database = database_id(tx)
        identity.bootstrap(lambda password: deliver_credentials(state, auth_url, password, database, project))
        follow_address(state, auth_url)
        notifier = AgentNotifier(self.database, self._bus)
        self._network = network = BuiltinNetwork(self.database, notifier, config.physical_networks(conf))
        secrets = BuiltinSecrets(
            self.database, cloud.secrets_key_file(conf), Bounds(**cloud.secret_bounds(conf))
        )
        self._reservations = Reservations(self.database, network, secrets)
        self._bus.serve_controller(BusController(self.database, network, secrets, self._bus))
        largest = conf.api.max_body_bytes
        app = make_api(
            conf,
            self.database,
            self._bus,
            Cloud(identity, network, secrets),
            NETWORKING,
            lambda policy: behind(network, policy, largest),
            SERVICES,
        )
        keystone.add_routes(app, identity, url)
        barbican.add_routes(app, secrets, url, largest)
        nova.add_routes(app, self.database, url)
        return app

    def _make_agent(self) -> AgentService | None:
        if not self._conf.standalone.agent:
            return None
        host_addresses = cloud.host_addresses(self._conf)
        hostaddress.check({bridge_name(each): address for each, address in host_addresses.items()})
        agent = make_agent(
            self._conf, self._bus.controller(), partial(Underlay, host_addresses=host_addresses)
        )
        self._bus.serve_agent(self._conf.host, agent)
        return agent

    def _registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(DatabaseCollector(self.database))
        registry.register(LeaderCollector(self._leader))
        if self._agent is not None:
            registry.register(self._agent.metrics.registry)
        ProcessCollector(registry=registry)
        return registry

    def start(self) -> None:
        """Start the agent, if there is one, and what looks after things that are left over."""
        if not self._conf.database.connection:
            # Nobody else makes load balancers in a database of our own: what is of none now was left by a crash.
            self._reservations.sweep(after_s=0)
        if isinstance(self._leader, Lease):
            self._leader.keep(self._ended).start()
        self._reservations.keep_sweeping(self._ended, self._leader).start()
        look_for_lost_hosts(self._conf, self.database, self._network, self._bus, self._leader, self._ended)
        kept = self._conf.events
        events.keep_sweeping(
            self.database, kept.days, kept.per_loadbalancer, self._ended, self._leader
        ).start()
        if self._agent is not None:
            self._agent.start()

    def stop(self) -> None:
        """Stop everything; traffic goes on."""
        self._ended.set()
        if isinstance(self._leader, Lease):
            self._leader.resign()
        if self._agent is not None:
            self._agent.stop()
        self._bus.close()
        self.database.close()

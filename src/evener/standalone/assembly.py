"""The parts of standalone, put together; which one takes which is decided here and nowhere else."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import falcon
from oslo_config import cfg
from prometheus_client import CollectorRegistry, ProcessCollector
from sqlalchemy import text

from evener import config
from evener.agent.journal import Journal
from evener.agent.service import AgentService, Intervals
from evener.api import barbican, keystone, metrics, networking
from evener.api.answers import Answers
from evener.api.app import make_app
from evener.api.policy import Policy
from evener.bus.base import Agent
from evener.bus.inprocess import InProcessBus
from evener.control.administration import administration
from evener.control.controller import BusController
from evener.control.metrics import DatabaseCollector
from evener.control.operations import LoadBalancing
from evener.dataplane.haproxy import settings as haproxy
from evener.host.driver import load_driver, settings_from
from evener.identity.bootstrap import follow_address, write_credentials
from evener.identity.builtin import BuiltinIdentity
from evener.network.builtin import BuiltinNetwork
from evener.resources.errors import Unavailable
from evener.secrets.builtin import BuiltinSecrets
from evener.store.database import Database
from evener.store.manage import upgrade

LOG = logging.getLogger(__name__)
KEY_FILE = "token.key"
SECRETS_KEY_FILE = "secrets.key"


class Assembly:
    """Everything that runs in the process of standalone."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self.database = Database(config.database_url(conf), config.limits(conf))
        upgrade(self.database)
        self._bus = InProcessBus()
        self.app = self._make_app()
        self._agent = self._make_agent()
        metrics.add_routes(self.app, self._registry(), conf.api.metrics)

    def _make_app(self) -> falcon.App[Any, Any]:
        conf, url = self._conf, config.public_url(self._conf)
        identity = BuiltinIdentity(
            self.database, config.state_path(conf) / KEY_FILE, conf.identity.token_lifetime
        )
        auth_url = f"{url}/identity/v3"
        identity.bootstrap(lambda password: write_credentials(config.state_path(conf), auth_url, password))
        follow_address(config.state_path(conf), auth_url)
        network = BuiltinNetwork(self.database, self, config.physical_networks(conf))
        providers = config.service_providers(conf)
        secrets = BuiltinSecrets(self.database, config.state_path(conf) / SECRETS_KEY_FILE)
        balancing = LoadBalancing(self.database, network, self._bus, providers, secrets)
        self._bus.serve_controller(BusController(self.database, network, secrets))
        app = make_app(identity, self._check)
        keystone.add_routes(app, identity, url)
        barbican.add_routes(app, secrets, url, conf.api.max_body_bytes)
        policy = Policy(conf, networking.KINDS)
        administrative = administration(self.database, providers)
        answers = Answers(self.database.version)
        networking.add_routes(
            app, balancing, network, administrative, policy, conf.api.max_body_bytes, answers
        )
        return app

    def _make_agent(self) -> AgentService:
        conf = self._conf
        settings = haproxy.from_conf(conf)
        agent = AgentService(
            host=conf.host,
            controller=self._bus.controller(),
            journal=Journal(config.loadbalancer_path(conf)),
            driver=load_driver(conf.interface_driver, conf.haproxy.send_gratuitous_arp, settings_from(conf)),
            settings=settings,
            intervals=Intervals(conf.periodic_interval, conf.resync_interval),
            configurations={
                "device_drivers": ["haproxy_ns"],
                "interface_driver": conf.interface_driver,
                "haproxy_version": ".".join(map(str, settings.version)),
            },
            workers=conf.agent_workers,
        )
        self._bus.serve_agent(conf.host, agent)
        return agent

    def _registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(DatabaseCollector(self.database))
        registry.register(self._agent.metrics.registry)
        ProcessCollector(registry=registry)
        return registry

    # What the network service tells, as its `evener.network.base.Onlooker`.

    def networks_changed(self) -> None:
        """Let the agent look at the networks and routers."""
        with self._asking() as agent:
            agent.look_at_networks()

    def ports_changed(self, loadbalancer_ids: Collection[str]) -> None:
        """Let the agent look at these load balancers."""
        with self._asking() as agent:
            for loadbalancer_id in loadbalancer_ids:
                agent.look(loadbalancer_id)

    @contextmanager
    def _asking(self) -> Iterator[Agent]:
        try:
            yield self._bus.agent(self._conf.host)
        except Unavailable as error:
            LOG.warning("The networks change when the agent answers again: %s", error)

    def _check(self) -> str | None:
        """Return why requests cannot be served, or None when they can."""
        try:
            with self.database.read() as tx:
                tx.execute(text("SELECT 1"))
        except Exception as error:  # noqa: BLE001 - whatever the database says
            return f"The database does not answer: {error}"
        return None

    def start(self) -> None:
        """Start the agent."""
        self._agent.start()

    def stop(self) -> None:
        """Stop everything; traffic goes on."""
        self._agent.stop()
        self._bus.close()
        self.database.close()

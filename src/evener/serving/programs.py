"""`evener-api` and `evener-controller`: load balancing as services of a cloud, as many processes as one likes.

Nothing is between them but the database and the bus. Traffic needs neither.
"""

import gc

gc.disable()  # while code is loaded: none of it is garbage, and to look again and again is a quarter of a start

import logging
import sys
from collections.abc import Callable
from threading import Event

from oslo_config import cfg
from prometheus_client import CollectorRegistry, ProcessCollector

from evener import config, config_check, daemon
from evener.api import metrics
from evener.api.app import App
from evener.control import events
from evener.control.agent_notifier import AgentNotifier
from evener.control.cloud_watch import CloudWatch
from evener.control.controller import BusController
from evener.control.leader import Lease
from evener.control.metrics import DatabaseCollector, LeaderCollector
from evener.control.reservations import Reservations
from evener.resources.errors import EvenerError
from evener.serving import parts, settings
from evener.serving.errors import StartError
from evener.serving.load_balancing import look_for_lost_hosts, make_api
from evener.serving.server import Server
from evener.store.database import Database

gc.enable()

LOG = logging.getLogger(__name__)
API, CONTROLLER = "evener-api", "evener-controller"
TURN_S = 0.001  # of a thread that computes while others wait


def api() -> None:
    """Serve the API until SIGTERM or SIGINT. Exits 1 with a line on stderr when it cannot."""
    _run(API, _serve_api)


def controller() -> None:
    """Answer agents until SIGTERM or SIGINT. Exits 1 with a line on stderr when it cannot."""
    _run(CONTROLLER, _serve_agents)


def _run(program: str, serve: Callable[[cfg.ConfigOpts], None]) -> None:
    conf = settings.load(sys.argv[1:], program)
    if conf.check_config:
        for setting in config_check.unknown(conf):
            sys.stderr.write(f"{program}: there is no setting {setting}\n")
        sys.stdout.write(config_check.GOOD)
        return
    daemon.log_to_file(conf, config.state_path(conf) / f"{program}.log")
    sys.setswitchinterval(TURN_S)
    daemon.hangups_are_harmless()
    daemon.open_many_files()
    try:
        serve(conf)
    except (StartError, EvenerError) as error:
        LOG.error("It ends: %s", error)
        sys.exit(f"{program}: {error}")


def application(conf: cfg.ConfigOpts) -> tuple[App, Callable[[], None]]:
    """Return the application that answers requests, and what ends it.

    Raises:
        StartError: when it cannot be made.
    """
    database, bus = parts.database(conf), parts.bus(conf)
    app = make_api(conf, database, bus, parts.cloud(conf, database))
    metrics.add_routes(app, _registry(database), conf.api.metrics)
    bus.join()

    def end() -> None:
        bus.close()
        database.close()

    return app, end


def _registry(database: Database) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(database))
    ProcessCollector(registry=registry)
    return registry


def _serve_api(conf: cfg.ConfigOpts) -> None:
    place = config.state_path(conf) / f"{API}-{conf.api.bind_port}"
    with daemon.only_one(place.with_suffix(".pid"), f"{API} serves port {conf.api.bind_port} already"):
        server = Server(conf, place)
        app, end = application(conf)
        daemon.on_signals(server.leave, server.reload)
        daemon.pass_over_what_is_loaded()
        try:
            server.serve(app, lambda: daemon.serving(f"Serving on {config.public_url(conf)}"))
        finally:
            end()


def _serve_agents(conf: cfg.ConfigOpts) -> None:
    ended = Event()
    daemon.on_signals(ended.set, lambda: daemon.reload(conf))
    database, bus = parts.database(conf), parts.bus(conf)
    cloud = parts.cloud(conf, database)
    bus.serve_controller(BusController(database, cloud.network, cloud.secrets, bus))
    leader = Lease(database)
    leader.keep(ended).start()
    Reservations(database, cloud.network, cloud.secrets).keep_sweeping(ended, leader).start()
    look_for_lost_hosts(conf, database, cloud.network, bus, leader, ended)
    events.keep_sweeping(database, conf.events.days, conf.events.per_loadbalancer, ended, leader).start()
    CloudWatch(database, cloud.network, AgentNotifier(database, bus)).keep_looking(ended).start()
    registry = CollectorRegistry()  # of load balancers the API tells
    registry.register(LeaderCollector(leader))
    daemon.show_metrics(conf, registry)
    daemon.serving("Answering agents")
    ended.wait()
    leader.resign()
    bus.close()
    database.close()

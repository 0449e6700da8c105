"""What the services beside a cloud are made from, as settings say; and whether they can start at all."""

from typing import Any

from oslo_config import cfg
from sqlalchemy.exc import SQLAlchemyError
from stevedore.driver import DriverManager
from stevedore.exception import NoMatches
from stevedore.extension import ExtensionManager

from evener import config
from evener.bus.base import Bus
from evener.bus.base import load as load_bus
from evener.serving.errors import DatabaseBehind, NoSuchService, NoTransport
from evener.serving.load_balancing import Cloud
from evener.store import manage
from evener.store.database import Database, reason
from evener.store.departures import database_id


def cloud(conf: cfg.ConfigOpts, database: Database) -> Cloud:
    """Return the cloud's services that `[services]` names, for the Evener with this database.

    Raises:
        NoSuchService: when nothing of that name is installed.
    """
    return Cloud(_service("identity", conf.services.identity, conf), network(conf, database), secrets(conf))


def network(conf: cfg.ConfigOpts, database: Database) -> Any:
    """Return the network service, with all calls that its kind has.

    Raises:
        NoSuchService: when nothing of that name is installed.
    """
    with database.read() as tx:
        installation = database_id(tx)
    return _service("network", conf.services.network, conf, installation)


def secrets(conf: cfg.ConfigOpts) -> Any:
    """Return the secret service, or None where settings name none.

    Raises:
        NoSuchService: when nothing of that name is installed.
    """
    return _service("secrets", conf.services.secrets, conf) if conf.services.secrets else None


def _service(kind: str, name: str, *arguments: object) -> Any:
    group = f"evener.{kind}"
    try:
        return DriverManager(group, name, invoke_on_load=True, invoke_args=arguments).driver
    except NoMatches:
        known = ", ".join(sorted(ExtensionManager(group, on_load_failure_callback=lambda *_: None).names()))
        raise NoSuchService(f"[services] {kind} = {name}: there is none; it may be: {known}") from None


def database(conf: cfg.ConfigOpts) -> Database:
    """Return the database, which has all tables.

    Raises:
        DatabaseBehind: when it lacks some, or does not answer.
    """
    found = Database(config.database_url(conf), config.limits(conf), watched=True)
    try:
        lacking = manage.behind(found)
    except SQLAlchemyError as error:
        raise DatabaseBehind(
            f"The database does not answer; see [database] connection: {reason(error)}"
        ) from None
    if lacking:
        raise DatabaseBehind(
            "The database lacks tables: run `evener-db-manage upgrade head`,"
            " or `evener-db-manage upgrade --expand` while older programs run"
        )
    return found


def bus(conf: cfg.ConfigOpts) -> Bus:
    """Return the bus to other processes.

    Raises:
        NoTransport: when settings name none.
        Unavailable: when it cannot be used.
    """
    if not conf.transport_url:
        raise NoTransport("[DEFAULT] transport_url says where RabbitMQ is: rabbit://USER:PASSWORD@HOST:5672/")
    return load_bus("messaging", conf)

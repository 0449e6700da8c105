"""What load balancers of another service come into, where that is a standalone: its own network has their VIP ports."""

from collections.abc import Sequence

from evener import config
from evener.bus.inprocess import InProcessBus
from evener.control.agent_notifier import AgentNotifier
from evener.importing.command import PROGRAM, Site
from evener.serving.errors import DatabaseBehind
from evener.store import manage
from evener.store.database import Database
from evener_cloud import config as cloud
from evener_cloud.manage import TREES
from evener_cloud.network.builtin import BuiltinNetwork
from evener_cloud.network.takeover import BuiltinHandover
from evener_cloud.secrets.bounds import Bounds
from evener_cloud.secrets.builtin import BuiltinSecrets


def standalone(options: Sequence[str]) -> Site:
    """Return the parts of a standalone that the import needs; its agents look when they look again by themselves.

    Raises:
        StartError: when its database lacks tables.
    """
    conf = cloud.load(options, PROGRAM)
    database = Database(config.database_url(conf), cloud.limits(conf))
    if manage.behind(database, TREES):
        raise DatabaseBehind("The database lacks tables: start evener-standalone once")
    network = BuiltinNetwork(
        database, AgentNotifier(database, InProcessBus()), config.physical_networks(conf)
    )
    secrets = BuiltinSecrets(database, cloud.secrets_key_file(conf), Bounds(**cloud.secret_bounds(conf)))
    return Site(conf, database, network, BuiltinHandover(database), secrets)

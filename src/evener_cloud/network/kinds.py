"""What is done with each kind of the Networking API."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from evener.store.database import Transaction
from evener_cloud.network import (
    floatingips,
    networks,
    ports,
    routers,
    security_group_rules,
    security_groups,
    subnets,
)
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule
from evener_cloud.network.resources.subnet import Subnet


class Operations(NamedTuple):
    """What is done with a kind: in a transaction, by a project (None: an administrator), to an object by its id."""

    create: Callable[[Transaction, str | None, Mapping[str, Any]], str]
    delete: Callable[[Transaction, str | None, str], None]
    update: Callable[[Transaction, str | None, str, Mapping[str, Any]], None] | None = None


OPERATIONS: dict[str, Operations] = {
    Network.KIND: Operations(networks.create, networks.delete, networks.update),
    Subnet.KIND: Operations(subnets.create, subnets.delete, subnets.update),
    Port.KIND: Operations(ports.create, ports.delete, ports.update),
    Router.KIND: Operations(routers.create, routers.delete, routers.update),
    FloatingIP.KIND: Operations(floatingips.create, floatingips.delete, floatingips.update),
    SecurityGroup.KIND: Operations(security_groups.create, security_groups.delete, security_groups.update),
    SecurityGroupRule.KIND: Operations(security_group_rules.create, security_group_rules.delete),
}

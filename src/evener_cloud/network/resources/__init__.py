"""The nouns of networks, as Neutron has them."""

from evener.resources.describe import Resource
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule
from evener_cloud.network.resources.subnet import Subnet

KINDS: tuple[type[Resource], ...] = (
    Network,
    Subnet,
    Port,
    Router,
    FloatingIP,
    SecurityGroup,
    SecurityGroupRule,
)

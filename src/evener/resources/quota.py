"""Which kinds a project may have only so many of, and how many where nobody has said otherwise.

The numbers are those of Neutron-LBaaS (`extensions/loadbalancerv2.py`) and Neutron (`conf/quota.py`).
"""

from collections.abc import Mapping
from types import MappingProxyType

from evener.resources.describe import Resource
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule
from evener_cloud.network.resources.subnet import Subnet

UNLIMITED = -1

LIMITED: Mapping[type[Resource], int] = {
    LoadBalancer: 10,
    Listener: UNLIMITED,
    Pool: 10,
    Member: UNLIMITED,
    HealthMonitor: UNLIMITED,
    L7Policy: UNLIMITED,
    Network: 100,
    Subnet: 100,
    Port: 500,
    Router: 10,
    FloatingIP: 50,
    SecurityGroup: 10,
    SecurityGroupRule: 100,
}
# The same by the names that limits have on the wire.
DEFAULT_LIMITS: Mapping[str, int] = MappingProxyType({cls.KIND: limit for cls, limit in LIMITED.items()})
TABLES: Mapping[str, str] = MappingProxyType({cls.KIND: cls.table() for cls in LIMITED})

"""The tables of the builtin network service: its resources, and which port has which address and group."""

from sqlalchemy import Column, ForeignKey, Integer, Table, UniqueConstraint

from evener.store.schema import metadata, string, table_of
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule
from evener_cloud.network.resources.subnet import Subnet

networks = table_of(Network)
networks.append_constraint(UniqueConstraint("physical_network", name="uq_networks_physical_network"))
subnets = table_of(Subnet)
ports = table_of(Port)
ports.append_constraint(UniqueConstraint("network_id", "mac_address", name="uq_ports_network_id_mac_address"))
routers = table_of(Router)
floatingips = table_of(FloatingIP)
security_groups = table_of(SecurityGroup)
security_group_rules = table_of(SecurityGroupRule)
# One floating IP of a network for an address inside; NULL is unlike any other NULL.
floatingips.append_constraint(
    UniqueConstraint(
        "port_id", "fixed_ip_address", "floating_network_id", name="uq_floatingips_port_id_fixed_ip_address"
    )
)

# The one truth about addresses: an address is taken exactly while a row says so. `sort_key` is the address as a
# fixed number of hexadecimal digits, so that ranges of addresses are ranges of an index.
ip_allocations = Table(
    "ip_allocations",
    metadata,
    Column("subnet_id", string(36), ForeignKey("subnets.id"), primary_key=True),
    Column("ip_address", string(64), primary_key=True),
    Column("sort_key", string(32), nullable=False),
    Column("port_id", string(36), ForeignKey("ports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    UniqueConstraint("subnet_id", "sort_key", name="uq_ip_allocations_subnet_id_sort_key"),
)

# Which agent's host a router is on; one without a row is on none.
router_bindings = Table(
    "router_bindings",
    metadata,
    Column("router_id", string(36), ForeignKey("routers.id", ondelete="CASCADE"), primary_key=True),
    Column("agent_id", string(36), ForeignKey("agents.id", ondelete="CASCADE"), nullable=False, index=True),
)

# Which ports of their users' load balancers have taken over, and what their `device_owner` was before.
adopted_ports = Table(
    "adopted_ports",
    metadata,
    Column("port_id", string(36), ForeignKey("ports.id", ondelete="CASCADE"), primary_key=True),
    Column("loadbalancer_id", string(36), nullable=False, unique=True),
    Column("device_owner", string(255), nullable=False),
)

# Which ports are in which groups.
port_security_groups = Table(
    "port_security_groups",
    metadata,
    Column("port_id", string(36), ForeignKey("ports.id", ondelete="CASCADE"), primary_key=True),
    Column("security_group_id", string(36), ForeignKey("security_groups.id"), primary_key=True, index=True),
)

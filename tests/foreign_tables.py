"""The tables of Neutron-LBaaS (stein) and of Octavia (2025.1) as far as load balancers are in them, and rows for them.

Facts of openstack/neutron-lbaas `neutron_lbaas/db/loadbalancer/models.py` and openstack/octavia `octavia/db/models.py`.
"""

import pickle
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Enum,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
)

Json = dict[str, Any]
ID = String(36)


def new_id() -> str:
    return str(uuid.uuid4())


def _ids(*names: str) -> list[Column[Any]]:
    return [Column(name, ID) for name in names]


def _words(length: int, *names: str) -> list[Column[Any]]:
    return [Column(name, String(length)) for name in names]


def _numbers(*names: str) -> list[Column[Any]]:
    return [Column(name, Integer) for name in names]


def _enum(name: str, column: str, *values: str) -> Column[Any]:
    return Column(column, Enum(*values, name=name))


def _table(metadata: MetaData, name: str, *columns: Column[Any], keys: tuple[str, ...] = ("id",)) -> None:
    for column in columns:
        column.primary_key = column.name in keys
        column.nullable = not column.primary_key
    Table(name, metadata, *columns)


def _statuses() -> list[Column[Any]]:
    return _words(16, "provisioning_status", "operating_status")


NEUTRON = MetaData()
_table(NEUTRON, "agents", *_ids("id"), *_words(255, "host", "agent_type", "binary", "topic"))
_table(
    NEUTRON, "providerresourceassociations", *_words(255, "provider_name"), *_ids("resource_id"),
    keys=("provider_name", "resource_id"),
)  # fmt: skip
_table(NEUTRON, "lbaas_loadbalanceragentbindings", *_ids("loadbalancer_id", "agent_id"),
       keys=("loadbalancer_id",))  # fmt: skip
_table(
    NEUTRON, "lbaas_loadbalancers",
    *_ids("id", "vip_subnet_id", "vip_port_id", "vip_address", "flavor_id"), *_statuses(),
    *_words(255, "project_id", "name", "description"), Column("admin_state_up", Boolean),
)  # fmt: skip
_table(
    NEUTRON, "lbaas_listeners", *_ids("id", "default_pool_id", "loadbalancer_id"), *_statuses(),
    *_words(255, "project_id", "name", "description"), *_words(128, "default_tls_container_id"),
    _enum("listener_protocolsv2", "protocol", "TCP", "HTTP", "HTTPS", "TERMINATED_HTTPS"),
    *_numbers("protocol_port", "connection_limit"), Column("admin_state_up", Boolean),
)  # fmt: skip
_table(NEUTRON, "lbaas_sni", *_ids("listener_id"), *_words(128, "tls_container_id"), *_numbers("position"),
       keys=("listener_id", "tls_container_id"))  # fmt: skip
_table(
    NEUTRON, "lbaas_pools", *_ids("id", "loadbalancer_id", "healthmonitor_id"), *_statuses(),
    *_words(255, "project_id", "name", "description"), _enum("pool_protocolsv2", "protocol", "TCP", "HTTP", "HTTPS"),
    _enum("lb_algorithmsv2", "lb_algorithm", "ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"),
    Column("admin_state_up", Boolean),
)  # fmt: skip
_table(
    NEUTRON, "lbaas_sessionpersistences", *_ids("pool_id"), *_words(1024, "cookie_name"),
    _enum("lbaas_sesssionpersistences_typev2", "type", "SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE"), keys=("pool_id",),
)  # fmt: skip
_table(
    NEUTRON, "lbaas_members", *_ids("id", "pool_id", "subnet_id"), *_statuses(),
    *_words(255, "project_id", "name", "address"), *_numbers("protocol_port", "weight"),
    Column("admin_state_up", Boolean),
)  # fmt: skip
_table(
    NEUTRON, "lbaas_healthmonitors", *_ids("id"), *_words(16, "provisioning_status", "http_method"),
    *_words(255, "project_id", "name", "url_path", "expected_codes"),
    _enum("healthmonitors_typev2", "type", "PING", "TCP", "HTTP", "HTTPS"),
    *_numbers("delay", "timeout", "max_retries", "max_retries_down"), Column("admin_state_up", Boolean),
)  # fmt: skip
_table(
    NEUTRON, "lbaas_l7policies", *_ids("id", "listener_id", "redirect_pool_id"), *_words(16, "provisioning_status"),
    *_words(255, "project_id", "name", "description", "redirect_url"),
    _enum("l7policy_action_typesv2", "action", "REJECT", "REDIRECT_TO_URL", "REDIRECT_TO_POOL"),
    *_numbers("position"), Column("admin_state_up", Boolean),
)  # fmt: skip
_table(
    NEUTRON, "lbaas_l7rules", *_ids("id", "l7policy_id"), *_words(16, "provisioning_status"),
    *_words(255, "project_id", "key", "value"),
    _enum("l7rule_typesv2", "type", "HOST_NAME", "PATH", "FILE_TYPE", "HEADER", "COOKIE"),
    _enum("l7rule_compare_typev2", "compare_type", "REGEX", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "EQUAL_TO"),
    Column("invert", Boolean), Column("admin_state_up", Boolean),
)  # fmt: skip

OCTAVIA = MetaData()
_NAMED = ("name", "description")


def _octavia(name: str, *columns: Column[Any], keys: tuple[str, ...] = ("id",)) -> None:
    _table(OCTAVIA, name, *columns, keys=keys)


def _resource(name: str, *columns: Column[Any]) -> None:
    moments = [Column(each, DateTime) for each in ("created_at", "updated_at")]
    _octavia(
        name, *_ids("id", "project_id"), *_words(255, *_NAMED), *_statuses(), *moments,
        Column("enabled", Boolean), *columns,
    )  # fmt: skip


_resource(
    "load_balancer", *_words(36, "topology", "server_group_id"), *_words(64, "provider"), *_ids("flavor_id"),
    *_words(255, "availability_zone"),
)  # fmt: skip
_octavia(
    "vip", *_ids("load_balancer_id", "port_id", "subnet_id", "network_id", "qos_policy_id"),
    *_words(64, "ip_address", "vnic_type"), Column("octavia_owned", Boolean), keys=("load_balancer_id",),
)  # fmt: skip
_octavia(
    "additional_vip", *_ids("load_balancer_id", "port_id", "subnet_id", "network_id"), *_words(64, "ip_address"),
    keys=("load_balancer_id", "subnet_id"),
)  # fmt: skip
_octavia(
    "vip_security_group", *_ids("load_balancer_id"), *_words(64, "sg_id"), keys=("load_balancer_id", "sg_id")
)
_octavia("tags", *_ids("resource_id"), *_words(255, "tag"), keys=("resource_id", "tag"))
_resource(
    "listener", *_ids("load_balancer_id", "default_pool_id"), *_words(36, "protocol"),
    *_numbers("protocol_port", "connection_limit", "peer_port", "hsts_max_age"),
    *_words(255, "tls_certificate_id", "client_ca_tls_certificate_id", "client_crl_container_id"),
    *_words(10, "client_authentication"), Column("insert_headers", LargeBinary),
    *_numbers("timeout_client_data", "timeout_member_connect", "timeout_member_data", "timeout_tcp_inspect"),
    *_words(512, "tls_ciphers", "tls_versions", "alpn_protocols"),
    Column("hsts_include_subdomains", Boolean), Column("hsts_preload", Boolean),
)  # fmt: skip
_octavia("sni", *_ids("listener_id"), *_words(128, "tls_container_id"), *_numbers("position"),
         keys=("listener_id", "tls_container_id"))  # fmt: skip
_octavia("listener_cidr", *_ids("listener_id"), *_words(64, "cidr"), keys=("listener_id", "cidr"))
_resource(
    "pool", *_ids("load_balancer_id"), *_words(36, "protocol", "lb_algorithm"),
    *_words(255, "tls_certificate_id", "ca_tls_certificate_id", "crl_container_id"), Column("tls_enabled", Boolean),
    *_words(512, "tls_ciphers", "tls_versions", "alpn_protocols"),
)  # fmt: skip
_octavia(
    "session_persistence", *_ids("pool_id"), *_words(36, "type"), *_words(255, "cookie_name"),
    *_numbers("persistence_timeout"), *_words(64, "persistence_granularity"), keys=("pool_id",),
)  # fmt: skip
_resource(
    "member", *_ids("pool_id", "subnet_id"), *_words(64, "ip_address", "monitor_address", "vnic_type"),
    *_numbers("protocol_port", "weight", "monitor_port"), Column("backup", Boolean),
)  # fmt: skip
_resource(
    "health_monitor", *_ids("pool_id"), *_words(36, "type"), *_words(16, "http_method"), *_words(512, "url_path"),
    *_words(64, "expected_codes"), *_numbers("delay", "timeout", "fall_threshold", "rise_threshold"),
    Column("http_version", Float), *_words(255, "domain_name"),
)  # fmt: skip
_resource(
    "l7policy", *_ids("listener_id", "redirect_pool_id"), *_words(36, "action"),
    *_words(255, "redirect_url", "redirect_prefix"), *_numbers("redirect_http_code", "position"),
)  # fmt: skip
_resource(
    "l7rule", *_ids("l7policy_id"), *_words(36, "type", "compare_type"), *_words(255, "key", "value"),
    Column("invert", Boolean),
)  # fmt: skip
_octavia("quotas", *_ids("project_id"), *_numbers("load_balancer", "listener"), keys=("project_id",))
_octavia("listener_statistics", *_ids("listener_id", "amphora_id"), Column("bytes_in", BigInteger),
         keys=("listener_id", "amphora_id"))  # fmt: skip


class Tables:
    """Tables of another service in a database, and rows that a test puts there, `usual` but for what it says."""

    def __init__(self, url: str, metadata: MetaData, usual: Mapping[str, Json]) -> None:
        self.engine, self._metadata, self._usual = create_engine(url), metadata, usual
        metadata.create_all(self.engine)

    def close(self) -> None:
        self.engine.dispose()

    def add(self, table: str, **values: Any) -> str:
        """Insert a row, and return its id."""
        columns = self._metadata.tables[table].c
        own = {"id": new_id(), **self._usual.get(table, {}), **values}
        row = {
            name: own.get(name)
            for name in columns.keys()  # noqa: SIM118 - not a dict
        }
        with self.engine.begin() as connection:
            connection.execute(self._metadata.tables[table].insert(), row)
        return str(own["id"])

    def change(self, table: str, object_id: str, **values: Any) -> None:
        """Change a row."""
        rows = self._metadata.tables[table]
        with self.engine.begin() as connection:
            connection.execute(rows.update().where(rows.c.id == object_id).values(**values))

    def contents(self) -> Json:
        """Return every row."""
        with self.engine.connect() as connection:
            return {
                name: [tuple(row) for row in connection.execute(table.select())]
                for name, table in self._metadata.tables.items()
            }


_WELL: Json = {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
_UP: Json = {**_WELL, "admin_state_up": True, "project_id": "ann", "name": "", "description": None}
_ENABLED: Json = {**_WELL, "enabled": True, "project_id": "ann", "name": "", "description": None}


def neutron(url: str) -> Tables:
    """Return the tables of a Neutron-LBaaS."""
    return Tables(
        url,
        NEUTRON,
        {
            "agents": {"agent_type": "Loadbalancerv2 agent"},
            "lbaas_loadbalancers": _UP,
            "lbaas_listeners": {**_UP, "protocol": "HTTP", "connection_limit": -1},
            "lbaas_pools": {**_UP, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"},
            "lbaas_members": {**_UP, "protocol_port": 80, "weight": 1},
            "lbaas_healthmonitors": {**_UP, "delay": 5, "timeout": 4, "max_retries": 3},
            "lbaas_l7policies": {**_UP, "position": 1},
            "lbaas_l7rules": {**_UP, "invert": False},
        },
    )


def octavia(url: str) -> Tables:
    """Return the tables of an Octavia."""
    return Tables(
        url,
        OCTAVIA,
        {
            "load_balancer": {**_ENABLED, "provider": "amphora", "topology": "SINGLE"},
            "vip": {"octavia_owned": True, "vnic_type": "normal"},
            "listener": {
                **_ENABLED,
                "protocol": "HTTP",
                "connection_limit": -1,
                "client_authentication": "NONE",
                "insert_headers": pickle.dumps({}),
                "tls_versions": None,
            },
            "pool": {
                **_ENABLED,
                "protocol": "HTTP",
                "lb_algorithm": "ROUND_ROBIN",
                "tls_enabled": False,
            },
            "member": {
                **_ENABLED,
                "protocol_port": 80,
                "weight": 1,
                "backup": False,
                "vnic_type": "normal",
            },
            "health_monitor": {
                **_ENABLED,
                "delay": 5,
                "timeout": 4,
                "rise_threshold": 2,
                "fall_threshold": 3,
            },
            "l7policy": {**_ENABLED, "position": 1},
            "l7rule": {**_ENABLED, "invert": False},
        },
    )

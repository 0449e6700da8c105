"""What operations do otherwise for clients of Octavia's API: rules of its objects, and what deletion takes along.

The rules are those of Octavia's `api/v2/controllers` and `common/validate.py` (release 19), each on one object.
"""

from collections.abc import Mapping
from typing import Any

from evener.api.dialects.octavia_words import WORDS
from evener.control.manner import Manner
from evener.resources import tls_rules
from evener.resources.errors import InvalidInput, Unsupported
from evener.resources.healthmonitor import HTTP_TYPES, ONLY_HTTP, HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import READS_REQUESTS, Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import (
    ListenerProtocol,
    MonitorType,
    PoolProtocol,
)

Values = Mapping[str, Any]
Names = frozenset[str] | None
_TCP = frozenset(
    {PoolProtocol.HTTP, PoolProtocol.HTTPS, PoolProtocol.TCP, PoolProtocol.PROXY, PoolProtocol.PROXYV2}
)
_HTTP = frozenset({PoolProtocol.HTTP, PoolProtocol.PROXY, PoolProtocol.PROXYV2})
# octavia/common/constants.py, VALID_LISTENER_POOL_PROTOCOL_MAP
POOL_PROTOCOLS: Mapping[str, frozenset[str]] = {
    ListenerProtocol.TCP: _TCP,
    ListenerProtocol.HTTP: _HTTP,
    ListenerProtocol.TERMINATED_HTTPS: _HTTP,
    ListenerProtocol.HTTPS: _TCP - {PoolProtocol.HTTP},
}
FORWARDED = frozenset(
    {"X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-IP", "X-Client-IP", "X-Real-IP"}
)
OF_CLIENT_CERTIFICATES = frozenset(
    f"X-SSL-{name}"
    for name in (
        *("Client-Verify", "Client-Has-Cert", "Client-DN", "Client-CN", "Issuer"),
        *("Client-SHA1", "Client-Not-Before", "Client-Not-After"),
    )
)

# What the API knows and nobody serves here, by kind and attribute; and values of which nothing is there.
UNSERVED: Mapping[type[Any], Mapping[str, frozenset[Any]]] = {
    Listener: {
        "protocol": frozenset({ListenerProtocol.UDP, ListenerProtocol.SCTP}),
    },
    Pool: {
        "protocol": frozenset({PoolProtocol.UDP, PoolProtocol.SCTP}),
    },
    HealthMonitor: {
        "type": frozenset({MonitorType.UDP_CONNECT, MonitorType.SCTP}),
    },
}
# Attributes that have no effect yet: anything but nothing is refused.
WITHOUT_EFFECT: Mapping[type[Any], frozenset[str]] = {
    LoadBalancer: frozenset({"vip_qos_policy_id", "additional_vips"}),
    Member: frozenset({"request_sriov"}),
}


def _served(cls: type[Any], values: Values) -> None:
    for name, refused in UNSERVED.get(cls, {}).items():
        if values.get(name) in refused:
            raise Unsupported(f"{name} {values[name]}")
    for name in sorted(WITHOUT_EFFECT.get(cls, ())):
        if values.get(name) not in (None, (), [], False):
            raise Unsupported(name)


def _loadbalancer(values: Values, _changed: Names) -> None:
    _served(LoadBalancer, values)


PARAMETERS = ("tls_versions", "alpn_protocols")


def _looked_at(changed: Names, *, by_tls: bool) -> tuple[str, ...]:
    """Return which parameters of TLS are looked at: in a POST only where TLS is spoken."""
    if changed is None:
        return PARAMETERS if by_tls else ()
    return tuple(name for name in PARAMETERS if name in changed)


def _check_tls(refused: str | None) -> None:
    if refused is not None:
        raise _failure(refused)


def _listener(values: Values, changed: Names) -> None:
    _served(Listener, values)
    refs = (values["default_tls_container_ref"], values["sni_container_refs"])
    terminates = tls_rules.terminates(values["protocol"], *refs)
    _check_tls(tls_rules.listener(values))
    _check_tls(tls_rules.parameters(values, _looked_at(changed, by_tls=terminates)))
    _check_headers(values["protocol"], values["insert_headers"] or {})
    if values["hsts_max_age"] is None:
        if values["hsts_include_subdomains"] or values["hsts_preload"]:
            raise _failure("hsts_include_subdomains and hsts_preload need hsts_max_age")
    elif values["protocol"] != ListenerProtocol.TERMINATED_HTTPS:
        raise _failure("HSTS is for listeners of protocol TERMINATED_HTTPS")


def _check_headers(protocol: str, headers: Mapping[str, str]) -> None:
    allowed: frozenset[str] = frozenset()
    if protocol in READS_REQUESTS:
        terminates = protocol == ListenerProtocol.TERMINATED_HTTPS
        allowed = FORWARDED | OF_CLIENT_CERTIFICATES if terminates else FORWARDED
    for name, value in headers.items():
        if name not in allowed:
            raise InvalidInput(f"{name} is not a valid option for insert_headers of protocol {protocol}")
        if value not in ("true", "false"):
            raise InvalidInput(f'{value[:80]} is not a valid option for {name}: it is "true" or "false"')


def _pool(values: Values, changed: Names) -> None:
    _served(Pool, values)
    _check_tls(tls_rules.pool(values))
    _check_tls(tls_rules.parameters(values, _looked_at(changed, by_tls=values["tls_enabled"])))


def _member(values: Values, _changed: Names) -> None:
    _served(Member, values)


def _healthmonitor(values: Values, changed: Names) -> None:
    _served(HealthMonitor, values)
    if values["type"] not in HTTP_TYPES:
        for name in sorted(ONLY_HTTP & (changed or frozenset())):
            raise InvalidInput(f"{name} is not a valid option for health monitors of type {values['type']}")
    elif values["domain_name"] is not None and values["http_version"] != "1.1":
        raise _failure("domain_name needs http_version 1.1")


def _l7policy(values: Values, _changed: Names) -> None:
    _served(L7Policy, values)


def _l7rule(values: Values, _changed: Names) -> None:
    _served(L7Rule, values)


def _failure(why: str) -> InvalidInput:
    return InvalidInput(f"Validation failure: {why}.")


MANNER = Manner(
    checks={
        LoadBalancer: _loadbalancer,
        Listener: _listener,
        Pool: _pool,
        Member: _member,
        HealthMonitor: _healthmonitor,
        L7Policy: _l7policy,
        L7Rule: _l7rule,
    },
    pool_protocols=POOL_PROTOCOLS,
    parts_go_along=True,
    flavors_with_providers=True,
    parents_say_projects=True,
    words=WORDS,
)

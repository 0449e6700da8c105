"""LBaaS v2, in Neutron's manner: the names, errors and lists that clients of Neutron know (neutron-lbaas, neutron-lib).

The Networking API of the embedded network is written in the same manner, and called by the same names.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator

from evener.api.dialects import lbaas_lists
from evener.api.dialects.base import (
    STATUSES,
    UNAUTHORIZED,
    Answer,
    Dialect,
    ErrorForm,
    Grants,
    Json,
    Lists,
    changed_attributes,
    unauthorized_body,
)
from evener.api.documented import STRING, exactly
from evener.certificates import errors as certificates
from evener.control import errors as control
from evener.resources import errors
from evener.resources.describe import Resource
from evener.resources.errors import EvenerError
from evener.resources.event import Event
from evener.resources.flavor import Flavor
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.service_profile import ServiceProfile
from evener.resources.types import (
    MAX_INT,
    Between,
    L7Action,
    L7RuleType,
    LBAlgorithm,
    ListenerProtocol,
    MonitorType,
    PoolProtocol,
    Uuid,
)
from evener.resources.wire_form import REQUIRED, WireForm

# What is called otherwise there than here, or has another status than in most APIs.
ANSWERS: Mapping[type[EvenerError], Answer] = {
    **STATUSES,
    errors.InvalidInput: Answer(400, "HTTPBadRequest"),
    errors.Unauthorized: Answer(401, "HTTPUnauthorized"),
    errors.Forbidden: Answer(403, "PolicyNotAuthorized"),
    errors.RuleForbids: Answer(403, "PolicyNotAuthorized"),
    errors.NotFound: Answer(404, "HTTPNotFound"),
    errors.ObjectNotFound: Answer(404, "EntityNotFound"),
    errors.MarkerNotFound: Answer(404, "EntityNotFound"),
    errors.OfAnotherProject: Answer(404, "EntityNotFound"),  # nobody is told that there is one
    errors.InUse: Answer(409, "InUse"),
    errors.QuotaExceeded: Answer(409, "OverQuota"),
    errors.Unexpected: Answer(500, "HTTPInternalServerError"),
    errors.Unavailable: Answer(503, "ServiceUnavailable"),
    errors.DefaultCertificateMissing: Answer(400, "TLSDefaultContainerNotSpecified"),
    errors.RedirectPoolMissing: Answer(409, "L7PolicyRedirectPoolIdMissing"),
    errors.RedirectUrlMissing: Answer(409, "L7PolicyRedirectUrlMissing"),
    errors.SessionPersistenceInvalid: Answer(400, "SessionPersistenceConfigurationInvalid"),
    certificates.CertificateInvalid: Answer(400, "TLSContainerInvalid"),
    certificates.CertificateNotFound: Answer(404, "TLSContainerNotFound"),
    certificates.SecretServiceBusy: Answer(503, "CertManagerError"),
    certificates.SecretServiceUnavailable: Answer(503, "CertManagerError"),
    control.BeingDeleted: Answer(409, "StateInvalid"),
    control.DefaultPoolAlreadySet: Answer(409, "ListenerDefaultPoolAlreadySet"),
    control.ListenerInUse: Answer(409, "EntityInUse"),
    control.ListenerWithoutLoadBalancer: Answer(400, "ListenerMustHaveLoadbalancer"),
    control.LoadBalancerInUse: Answer(409, "EntityInUse"),
    control.MemberOffSubnet: Answer(400, "MemberAddressTypeSubnetTypeMismatch"),
    control.NoActiveAgent: Answer(409, "NoActiveLbaasAgent"),
    control.NoAgentHeard: Answer(409, "NoActiveLbaasAgent"),
    control.NoEligibleAgent: Answer(409, "NoEligibleLbaasAgent"),
    control.PolicyNeedsHttp: Answer(409, "ListenerProtocolMismatch"),
    control.PoolInUse: Answer(409, "EntityInUse"),
    control.PoolOfAnotherLoadBalancer: Answer(400, "ListenerAndPoolMustBeOnSameLoadbalancer"),
    control.PoolWithoutLoadBalancer: Answer(400, "PoolMustHaveLoadbalancer"),
    control.PortTaken: Answer(409, "LoadBalancerListenerProtocolPortExists"),
    control.ProtocolMismatch: Answer(409, "ListenerPoolProtocolMismatch"),
    control.QuotaNotFound: Answer(404, "TenantQuotaNotFound"),
    control.SecondHealthMonitor: Answer(409, "OneHealthMonitorPerPool"),
    control.VipMissing: Answer(400, "HTTPBadRequest"),
}


def _hidden(*names: str) -> dict[str, str | None]:
    return dict.fromkeys(names)


def _without(kinds: type[StrEnum], *later: str) -> Any:
    """Return the type of the values of an enumeration without `later` ones, which LBaaS v2 does not know."""
    fewer = StrEnum(f"Given{kinds.__name__}", {each.name: each.value for each in kinds if each not in later})  # type: ignore[misc]
    return Annotated[fewer, AfterValidator(lambda value: kinds(value.value))]


# Statuses are in the tree of statuses only.
LATER = ("provisioning_status", "operating_status", "tags", *lbaas_lists.MOMENTS)
Seconds = Annotated[int, Between(1, MAX_INT // 1000)]
# What came with later APIs, and what is stricter here.
FORM: WireForm = WireForm(
    other={
        LoadBalancer: _hidden(
            *("tags", *lbaas_lists.MOMENTS),
            *("availability_zone", "vip_sg_ids", "topology"),
            *("vip_qos_policy_id", "vip_vnic_type", "additional_vips"),
        ),
        Listener: _hidden(
            *LATER,
            "insert_headers",
            *("timeout_client_data", "timeout_member_data", "timeout_member_connect", "timeout_tcp_inspect"),
            *("client_authentication", "client_ca_tls_container_ref", "client_crl_container_ref"),
            *("allowed_cidrs", "tls_ciphers", "tls_versions", "alpn_protocols"),
            *("hsts_max_age", "hsts_include_subdomains", "hsts_preload"),
        ),
        Pool: _hidden(
            *LATER,
            *("tls_enabled", "tls_container_ref", "ca_tls_container_ref", "crl_container_ref"),
            *("tls_ciphers", "tls_versions", "alpn_protocols"),
        ),
        Member: _hidden(
            *LATER, *("backup", "monitor_address", "monitor_port"), *("vnic_type", "request_sriov")
        ),
        HealthMonitor: _hidden(*LATER, "http_version", "domain_name"),
        Flavor: _hidden("flavor_profile_id"),
        ServiceProfile: _hidden("name", "provider_name"),
        L7Policy: _hidden(*LATER, "redirect_prefix", "redirect_http_code"),
        L7Rule: _hidden(*LATER),
    },
    types={
        Listener: {"protocol": _without(ListenerProtocol, "UDP", "SCTP", "PROMETHEUS")},
        Pool: {
            "protocol": _without(PoolProtocol, "PROXY", "PROXYV2", "UDP", "SCTP"),
            "lb_algorithm": _without(LBAlgorithm, "SOURCE_IP_PORT"),
        },
        HealthMonitor: {
            "type": _without(MonitorType, "TLS-HELLO", "UDP-CONNECT", "SCTP"),
            "delay": Seconds,
            "timeout": Seconds,
        },
        L7Policy: {"action": _without(L7Action, "REDIRECT_PREFIX")},
        L7Rule: {"type": _without(L7RuleType, "SSL_CONN_HAS_CERT", "SSL_VERIFY_RESULT", "SSL_DN_FIELD")},
        Member: {"subnet_id": Uuid},
    },
    not_given={LoadBalancer: frozenset({"vip_port_id"})},
    defaults={Member: {"subnet_id": REQUIRED}},
    unlimited=frozenset({L7Rule}),
    shows={Event: {"attributes": lambda it: changed_attributes(it, FORM)}},
    unseen={LoadBalancer: frozenset({"vip_network_id"})},
)


def error_body(status: int, name: str, message: str) -> Json:
    """Return the body that Neutron's clients read an error from; who has no token finds Keystone's beside it."""
    body = {"NeutronError": {"type": name, "message": message, "detail": ""}}
    return {**unauthorized_body(message), **body} if status == 401 else body


def rule_name(verb: str, cls: type[Resource]) -> str:
    """Return Neutron's name of a rule: `get_pool`, and `get_pool_member` for what stands below a pool."""
    above = f"{cls.PARENT.removesuffix('_id')}_" if cls.PARENT else ""
    return f"{'get' if verb == 'list' else verb}_{above}{cls.KIND}"


READING = "role:reader or role:member or role:admin"
WRITING = "role:member or role:admin"
ADMINISTRATION = "role:admin"


_ERROR = exactly(type=STRING, message=STRING, detail=STRING)
ERRORS = ErrorForm(
    ANSWERS, error_body, exactly(NeutronError=_ERROR), exactly(NeutronError=_ERROR, error=UNAUTHORIZED)
)
GRANTS = Grants(READING, WRITING, ADMINISTRATION)
LISTS = Lists(lbaas_lists.parse, lbaas_lists.pages, lbaas_lists.parameters)
LBAAS = Dialect("/networking", FORM, LISTS, ERRORS, rule_name, GRANTS)

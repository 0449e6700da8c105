"""LBaaS v2, in Neutron's manner: the names, errors and lists that clients of Neutron know (neutron-lbaas, neutron-lib).

The Networking API of the embedded network is written in the same manner, and called by the same names.
"""

from collections.abc import Mapping

from evener.api.dialects import lbaas_lists
from evener.api.dialects.base import STATUSES, Answer, Dialect, ErrorForm, Json, Lists, unauthorized_body
from evener.certificates import errors as certificates
from evener.control import errors as control
from evener.resources import errors
from evener.resources.describe import Resource
from evener.resources.errors import EvenerError
from evener.resources.wire import OWN

# What is called otherwise there than here, or has another status than in most APIs.
ANSWERS: Mapping[type[EvenerError], Answer] = {
    **STATUSES,
    errors.InvalidInput: Answer(400, "HTTPBadRequest"),
    errors.Unauthorized: Answer(401, "HTTPUnauthorized"),
    errors.Forbidden: Answer(403, "PolicyNotAuthorized"),
    errors.RuleForbids: Answer(403, "PolicyNotAuthorized"),
    errors.NotFound: Answer(404, "HTTPNotFound"),
    errors.ObjectNotFound: Answer(404, "EntityNotFound"),
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
    control.NoEligibleAgent: Answer(409, "NoEligibleLbaasAgent"),
    control.PolicyNeedsHttp: Answer(409, "ListenerProtocolMismatch"),
    control.PoolInUse: Answer(409, "EntityInUse"),
    control.PoolOfAnotherLoadBalancer: Answer(400, "ListenerAndPoolMustBeOnSameLoadbalancer"),
    control.PoolWithoutLoadBalancer: Answer(400, "PoolMustHaveLoadbalancer"),
    control.PortTaken: Answer(409, "LoadBalancerListenerProtocolPortExists"),
    control.ProtocolMismatch: Answer(409, "ListenerPoolProtocolMismatch"),
    control.QuotaNotFound: Answer(404, "TenantQuotaNotFound"),
    control.SecondHealthMonitor: Answer(409, "OneHealthMonitorPerPool"),
}


def error_body(status: int, name: str, message: str) -> Json:
    """Return the body that Neutron's clients read an error from; who has no token finds Keystone's beside it."""
    body = {"NeutronError": {"type": name, "message": message, "detail": ""}}
    return {**unauthorized_body(message), **body} if status == 401 else body


def rule_name(verb: str, cls: type[Resource]) -> str:
    """Return Neutron's name of a rule: `get_pool`, and `get_pool_member` for what stands below a pool."""
    above = f"{cls.PARENT.removesuffix('_id')}_" if cls.PARENT else ""
    return f"{verb}_{above}{cls.KIND}"


ERRORS = ErrorForm(ANSWERS, error_body)
LBAAS = Dialect("/networking", OWN, Lists(lbaas_lists.parse, lbaas_lists.pages), ERRORS, rule_name)

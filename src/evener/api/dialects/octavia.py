"""Octavia's API, v2: how its clients know objects and errors (openstack/octavia, `octavia/api/v2`, release 19).

What the attributes mean together is in `octavia_manner`, the grammar of lists in `octavia_lists`.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from evener.api.dialects import octavia_lists
from evener.api.dialects.base import (
    STATUSES,
    UNAUTHORIZED,
    Answer,
    Dialect,
    ErrorForm,
    Json,
    Lists,
    changed_attributes,
    unauthorized_body,
)
from evener.api.dialects.octavia_manner import MANNER
from evener.api.dialects.octavia_paths import PREFIX
from evener.api.dialects.octavia_policy import GRANTS, rule_name
from evener.api.documented import STRING, exactly
from evener.certificates import errors as certificates
from evener.control import errors as control
from evener.resources import errors, tls_rules
from evener.resources.availability_zone import AvailabilityZone
from evener.resources.errors import EvenerError
from evener.resources.event import Event
from evener.resources.flavor import Flavor
from evener.resources.healthmonitor import HTTP_TYPES, ONLY_HTTP, HealthMonitor
from evener.resources.l7policy import USUAL_CODE, WITH_CODE, L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.pool import Pool, SessionPersistence
from evener.resources.provider import LOADBALANCERV2
from evener.resources.types import L7Action, ListenerProtocol
from evener.resources.wire_form import REQUIRED, Complaints, WireForm, Wrong, listed
from evener.services import network

LABELS = {"l7policy": "L7 Policy", "l7rule": "L7 Rule", "Flavor": "Flavor"}
DENIED = "Policy does not allow this request to be performed."


def _label(kind: str) -> str:
    """Return what messages call a kind."""
    return LABELS.get(kind, kind if kind[:1].isupper() else kind.capitalize())


def _wrong_value(name: str, wrong: Wrong) -> str:
    what = f"Invalid input for field/attribute {name}{wrong.place and '.'}{wrong.place}."
    given = "" if wrong.given is None else f" Value: '{wrong.given}'."
    if wrong.allowed:
        return f"{what}{given} Value should be one of: {', '.join(wrong.allowed)}"
    return f"{what}{given} The value {wrong.reason}."


def _unknown(kind: str, names: Iterable[str]) -> str:
    return f"Unknown attribute for argument {kind}: {listed(names)}"


COMPLAINTS = Complaints(
    value=_wrong_value,
    body=lambda kind: f"Missing argument: the body is an object with an object '{kind}'",
    unknown=_unknown,
    not_in_create=lambda kind, name: _unknown(kind, [name]),
    not_in_update=lambda kind, name: _unknown(kind, [name]),
    missing=lambda name: f"Invalid input for field/attribute {name}. Value: 'None'. Mandatory field missing.",
)


class Persistence(SessionPersistence):
    """With what only protocols below TCP have."""

    persistence_timeout: None = None
    persistence_granularity: None = None


def _shown_persistence(pool: Pool) -> Persistence | None:
    found = pool.session_persistence
    return Persistence(type=found.type, cookie_name=found.cookie_name) if found else None


def _persistence(value: Any) -> Any:
    """Return it without what only protocols below TCP have, where that is null."""
    if not isinstance(value, dict):
        return value
    unused = ("persistence_timeout", "persistence_granularity")
    return {name: given for name, given in value.items() if name not in unused or given is not None}


def _refused_monitor(given: Mapping[str, Any]) -> str | None:
    kind = given.get("type")
    if not isinstance(kind, str) or kind in HTTP_TYPES:
        return None
    names = sorted(ONLY_HTTP & {name for name, value in given.items() if value is not None})
    return f"{names[0]} is not a valid option for health monitors of type {kind}" if names else None


TARGETS = {
    L7Action.REDIRECT_TO_POOL: "redirect_pool_id",
    L7Action.REDIRECT_TO_URL: "redirect_url",
    L7Action.REDIRECT_PREFIX: "redirect_prefix",
}


def _implied_of_policy(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a policy redirects to says what it does, and the other way round; nothing else is kept."""
    named = [action for action, target in TARGETS.items() if given.get(target) is not None]
    action = given.get("action") or (named[0] if named else None)
    if action is None:
        return {}
    others = {target: None for each, target in TARGETS.items() if each != action}
    code = (given.get("redirect_http_code") or USUAL_CODE) if action in WITH_CODE else None
    return {"action": action, **others, "redirect_http_code": code}


def _implied_of_listener(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Null for what is spoken by TLS means the default, in a POST where TLS is spoken."""
    terminates = given.get("protocol") in (None, ListenerProtocol.TERMINATED_HTTPS)
    return _tls_defaults(given) if terminates else {}


def _implied_of_pool(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same for a pool."""
    is_new = "protocol" in given
    return _tls_defaults(given) if given.get("tls_enabled") or not is_new else {}


def _tls_defaults(given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: usual for name, usual in tls_rules.DEFAULTS.items() if given.get(name, usual) is None}


FORM: WireForm = WireForm(
    other={
        Pool: {"l7_policies": None},
        L7Policy: {"listeners": None},
        L7Rule: {"policies": None},
        Flavor: {"service_type": None, "service_profiles": None},
        AvailabilityZone: {"id": None},
    },
    types={
        Pool: {
            "session_persistence": Annotated[
                SessionPersistence | None,
                BeforeValidator(_persistence, json_schema_input_type=Persistence | None),
            ]
        },
    },
    defaults={
        HealthMonitor: {"max_retries_down": 3},
        Flavor: {"name": REQUIRED, "service_type": LOADBALANCERV2, "flavor_profile_id": REQUIRED},
        Listener: {"insert_headers": {}},
    },
    left_out={Pool: frozenset({"healthmonitor_id"})},
    shows={
        Event: {"attributes": lambda it: changed_attributes(it, FORM)},
        Listener: {"insert_headers": lambda it: dict(it.headers)},
        Pool: {"session_persistence": _shown_persistence},
        HealthMonitor: {"http_version": lambda it: it.http_version and float(it.http_version)},
    },
    refuses={HealthMonitor: _refused_monitor},
    implies={L7Policy: _implied_of_policy, Listener: _implied_of_listener, Pool: _implied_of_pool},
    nulls=True,
    null_is={"admin_state_up": False},
    moment=lambda moment: moment.replace(microsecond=0, tzinfo=None).isoformat(),
    complaints=COMPLAINTS,
)


def _unreadable(error: Any) -> str:
    """Say which reference cannot be read, and why, where there is something to say."""
    reason = getattr(error, "reason", "")
    return f"Could not retrieve certificate: ['{error.ref}']" + (f" {reason}" if reason else "")


def _has_children(error: control.LoadBalancerInUse) -> str:
    return f"Validation failure: Cannot delete Load Balancer {error.object_id} - it has children"


def _is_redirected_to(error: control.PoolInUse) -> str:
    return f"Pool {error.object_id} is in use by L7 policy {error.user_id}"


ANSWERS: Mapping[type[EvenerError], Answer] = {
    **STATUSES,
    errors.Forbidden: Answer(403, says=lambda _: DENIED),
    errors.OfAnotherProject: Answer(403, says=lambda _: DENIED),
    errors.ObjectNotFound: Answer(
        404, says=lambda error: f"{_label(error.kind)} {error.object_id} not found."
    ),
    errors.MarkerNotFound: Answer(
        400, says=lambda error: f"Supplied pagination marker '{error.object_id}' is not valid."
    ),
    errors.QuotaExceeded: Answer(403),
    errors.OverQuota: Answer(
        403, says=lambda error: f"Quota has been met for resources: {_label(error.label)}"
    ),
    errors.RedirectPoolMissing: Answer(400),
    errors.RedirectUrlMissing: Answer(400),
    errors.Unsupported: Answer(
        501, says=lambda error: f"Provider 'haproxy' does not support a requested option: {error.option}"
    ),
    certificates.CertificateInvalid: Answer(400, says=_unreadable),
    certificates.CertificateNotFound: Answer(400, says=_unreadable),
    control.LoadBalancerInUse: Answer(400, says=_has_children),
    control.NamedNotFound: Answer(400, says=lambda error: f"{error.WHAT} {error.object_id} not found."),
    control.PolicyNeedsHttp: Answer(400),
    control.VipMissing: Answer(
        400,
        says=lambda _: (
            "Validation failure: VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id."
        ),
    ),
    network.NoFreeAddress: Answer(400),
    control.PoolInUse: Answer(409, says=_is_redirected_to),
    control.PoolOfAnotherLoadBalancer: Answer(404),
    control.ProtocolMismatch: Answer(400),
}


def error_body(status: int, _name: str, message: str) -> Json:
    """Return the body that Octavia's clients read an error from; Keystone's where the token is missing."""
    if status == 401:
        return unauthorized_body(message)
    fault = "Server" if status >= 500 else "Client"
    return {"faultcode": fault, "faultstring": message, "debuginfo": None}


_FAULT = exactly(faultcode={"enum": ["Client", "Server"]}, faultstring=STRING, debuginfo={"type": "null"})
ERRORS = ErrorForm(ANSWERS, error_body, _FAULT, exactly(error=UNAUTHORIZED))
LISTS = Lists(
    octavia_lists.read,
    octavia_lists.pages,
    octavia_lists.parameters,
    octavia_lists.links_of,
    octavia_lists.read_one,
)
OCTAVIA = Dialect(PREFIX, FORM, LISTS, ERRORS, rule_name, GRANTS, MANNER)

"""An L7 policy: what a listener does with requests that match all of its rules, instead of its default pool."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from evener.resources.describe import (
    CHANGEABLE,
    ONCE,
    UNLIMITED,
    Attr,
    Children,
    KeptMoment,
    Operating,
    Parent,
    Provisioning,
    Resource,
    Sometimes,
)
from evener.resources.errors import RedirectPoolMissing, RedirectUrlMissing
from evener.resources.tags import Tags
from evener.resources.types import MAX_INT, Between, Description, L7Action, Name, ProjectId, Text, Uuid

# RFC 3986 section 2: unreserved, reserved and escapes, and nothing else.
Url = Annotated[
    str,
    Text(
        255,
        pattern=r"^https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+$",
        what="a URL that begins with http:// or https://",
    ),
]
LAST = MAX_INT


def _is_redirect(code: int) -> int:
    if code not in (301, 302, 303, 307, 308):
        raise ValueError("is not one of 301, 302, 303, 307, 308")
    return code


USUAL_CODE = 302
WITH_CODE = frozenset({L7Action.REDIRECT_TO_URL, L7Action.REDIRECT_PREFIX})
RedirectCode = Annotated[int, Between(300, 399), AfterValidator(_is_redirect)]


class L7Policy(Resource):
    """The attributes of Neutron-LBaaS's `extensions/l7.py` (rocky). Positions count from 1 without gaps."""

    KIND: ClassVar[str] = "l7policy"
    PLURAL: ClassVar[str] = "l7policies"
    LIMIT: ClassVar[int | None] = UNLIMITED
    SOMETIMES: ClassVar[Sometimes] = Sometimes(frozenset({"redirect_http_code"}), "action", WITH_CODE)

    project_id: Annotated[ProjectId, ONCE]
    created_at: KeptMoment = None
    updated_at: KeptMoment = None
    tags: Tags = ()
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    listener_id: Annotated[Uuid, Attr(create=True, references="listeners")]
    """The listener the policy belongs to."""
    loadbalancer_id: Annotated[Uuid, Attr(visible=False, references="loadbalancers")]
    action: Annotated[L7Action, CHANGEABLE]
    """What happens to requests that match all rules."""
    redirect_pool_id: Annotated[
        Uuid | None, Attr(create=True, update=True, nullable=True, references="pools")
    ] = None
    """The pool, for REDIRECT_TO_POOL."""
    redirect_url: Annotated[Url | None, Attr(create=True, update=True, nullable=True)] = None
    """URL, for REDIRECT_TO_URL."""
    redirect_prefix: Annotated[Url | None, Attr(create=True, update=True, nullable=True)] = None
    """URL before the request's own path, for REDIRECT_PREFIX."""
    redirect_http_code: Annotated[
        RedirectCode | None,
        Attr(create=True, update=True, nullable=True, shown_as="code", or_else=USUAL_CODE),
    ] = None
    """Status code of a redirect; 302 where not given."""
    position: Annotated[int, Between(1, MAX_INT), CHANGEABLE] = LAST
    """Place among the listener's policies, from 1; the last where not given."""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    provisioning_status: Provisioning = None
    operating_status: Operating = None
    rules: Annotated[tuple[str, ...], Children("l7rules", "l7policy_id")] = ()
    listeners: Annotated[tuple[str, ...], Parent("listener_id")] = ()

    @property
    def code(self) -> int:
        """Status code that a redirect to an address is answered with."""
        return self.redirect_http_code or USUAL_CODE

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """A redirect needs its target."""
        action = values["action"]
        if action == L7Action.REDIRECT_TO_POOL and not values["redirect_pool_id"]:
            raise RedirectPoolMissing(
                "Redirect pool id is missing for L7 Policy with pool redirect action.",
            )
        if action == L7Action.REDIRECT_TO_URL and not values["redirect_url"]:
            raise RedirectUrlMissing(
                "Redirect URL is missing for L7 Policy with URL redirect action.",
            )
        if action == L7Action.REDIRECT_PREFIX and not values["redirect_prefix"]:
            raise RedirectUrlMissing(
                "Redirect prefix is missing for L7 Policy with prefix redirect action.",
            )

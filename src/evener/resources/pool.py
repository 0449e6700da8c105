"""A pool: members that share traffic, by an algorithm and perhaps with session persistence."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from evener.resources.describe import (
    CHANGEABLE,
    ONCE,
    Attr,
    Child,
    Children,
    KeptMoment,
    Operating,
    Parent,
    Provisioning,
    Resource,
)
from evener.resources.errors import InvalidInput, SessionPersistenceInvalid
from evener.resources.tags import Tags
from evener.resources.types import (
    AlpnProtocol,
    Ciphers,
    ContainerRef,
    Description,
    LBAlgorithm,
    Name,
    PersistenceType,
    PoolProtocol,
    ProjectId,
    Text,
    TlsVersion,
    Uuid,
)

# A cookie's name is a token: RFC 6265 section 4.1.1, RFC 9110 section 5.6.2.
CookieName = Annotated[
    str,
    Text(
        255,
        min_length=1,
        pattern=r"^[a-zA-Z0-9!#$%&'*+.^_`|~-]+$",
        what="a cookie's name: letters, digits and !#$%&'*+.^_`|~-",
    ),
]


class SessionPersistence(BaseModel):
    """What ties a client to a member; APP_COOKIE names the application's cookie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: PersistenceType
    cookie_name: CookieName | None = None


class Pool(Resource):
    """The attributes of Neutron-LBaaS's `extensions/loadbalancerv2.py` and `sharedpools.py` (rocky)."""

    KIND: ClassVar[str] = "pool"
    PLURAL: ClassVar[str] = "pools"
    LIMIT: ClassVar[int | None] = 10

    project_id: Annotated[ProjectId, ONCE]
    created_at: KeptMoment = None
    updated_at: KeptMoment = None
    tags: Tags = ()
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    loadbalancer_id: Annotated[
        Uuid | None, Attr(create=True, visible=False, nullable=True, references="loadbalancers")
    ] = None
    """The load balancer the pool belongs to."""
    listener_id: Annotated[
        Uuid | None, Attr(create=True, visible=False, stored=False, within="listeners")
    ] = None
    """The listener whose default pool this becomes."""
    protocol: Annotated[PoolProtocol, ONCE]
    """Protocol spoken with the members."""
    lb_algorithm: Annotated[LBAlgorithm, CHANGEABLE]
    """How the members share the traffic."""
    session_persistence: Annotated[
        SessionPersistence | None,
        BeforeValidator(lambda value: None if value == {} else value),
        Attr(create=True, update=True, nullable=True),
    ] = None
    """What keeps a client on one member: type is SOURCE_IP, HTTP_COOKIE, or APP_COOKIE with a cookie_name."""
    tls_enabled: Annotated[bool, CHANGEABLE] = False
    """Whether members are spoken to by TLS."""
    tls_container_ref: Annotated[ContainerRef | None, Attr(create=True, update=True, nullable=True)] = None
    """Reference of the certificate that members are shown."""
    ca_tls_container_ref: Annotated[ContainerRef | None, Attr(create=True, update=True, nullable=True)] = None
    """Reference of the certificates of the authorities that sign members' certificates."""
    crl_container_ref: Annotated[ContainerRef | None, Attr(create=True, update=True, nullable=True)] = None
    """Reference of the list of members' certificates that are revoked."""
    tls_ciphers: Annotated[Ciphers | None, Attr(create=True, update=True, nullable=True)] = None
    """Ciphers that may be used, as OpenSSL names them."""
    tls_versions: Annotated[tuple[TlsVersion, ...] | None, Attr(create=True, update=True, nullable=True)] = (
        None
    )
    """Versions of TLS that may be used."""
    alpn_protocols: Annotated[
        tuple[AlpnProtocol, ...] | None, Attr(create=True, update=True, nullable=True)
    ] = None
    """What may be spoken inside of TLS."""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    provisioning_status: Provisioning = None
    operating_status: Operating = None
    healthmonitor_id: Annotated[str | None, Child("healthmonitors", "pool_id")] = None
    listeners: Annotated[tuple[str, ...], Children("listeners", "default_pool_id")] = ()
    loadbalancers: Annotated[tuple[str, ...], Parent("loadbalancer_id")] = ()
    l7_policies: Annotated[tuple[str, ...], Children("l7policies", "redirect_pool_id")] = ()
    members: Annotated[tuple[str, ...], Children("members", "pool_id")] = ()

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """APP_COOKIE needs a cookie_name, the other types refuse one."""
        persistence: SessionPersistence | None = values["session_persistence"]
        if persistence is None:
            return
        if persistence.type == PersistenceType.APP_COOKIE:
            if not persistence.cookie_name:
                raise _invalid("'cookie_name' should be specified for session persistence type APP_COOKIE.")
        elif persistence.cookie_name is not None:
            raise _invalid(f"'cookie_name' is not allowed for {persistence.type} session persistence")


def _invalid(why: str) -> InvalidInput:
    return SessionPersistenceInvalid(f"Session Persistence Invalid: {why}")

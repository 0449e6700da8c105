"""A listener: a protocol and a port on the VIP."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

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
)
from evener.resources.tags import Tags
from evener.resources.types import (
    MAX_INT,
    AlpnProtocol,
    Between,
    Block,
    Ciphers,
    ClientAuthentication,
    ContainerRef,
    Description,
    ListenerProtocol,
    Name,
    PortNumber,
    ProjectId,
    Text,
    TlsVersion,
    Uuid,
)

READS_REQUESTS = frozenset({ListenerProtocol.HTTP, ListenerProtocol.TERMINATED_HTTPS})
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")

Milliseconds = Annotated[int, Between(0, 2_073_600_000)]


def _as_tuple(value: Any) -> Any:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


class Listener(Resource):
    """The attributes of Neutron-LBaaS's `extensions/loadbalancerv2.py` and `sharedpools.py` (rocky)."""

    KIND: ClassVar[str] = "listener"
    PLURAL: ClassVar[str] = "listeners"
    LIMIT: ClassVar[int | None] = UNLIMITED

    project_id: Annotated[ProjectId, ONCE]
    created_at: KeptMoment = None
    updated_at: KeptMoment = None
    tags: Tags = ()
    name: Annotated[Name, CHANGEABLE] = ""
    description: Annotated[Description, CHANGEABLE] = ""
    loadbalancer_id: Annotated[
        Uuid | None, Attr(create=True, visible=False, nullable=True, references="loadbalancers")
    ] = None
    """The load balancer."""
    default_pool_id: Annotated[
        Uuid | None, Attr(create=True, update=True, nullable=True, references="pools")
    ] = None
    """The pool that gets the traffic."""
    protocol: Annotated[ListenerProtocol, ONCE]
    """Protocol that clients speak."""
    protocol_port: Annotated[PortNumber, ONCE]
    """Port on the VIP."""
    connection_limit: Annotated[int, Between(-1, MAX_INT), CHANGEABLE] = -1
    """Most connections at a time; -1 (the default) is no limit."""
    default_tls_container_ref: Annotated[
        ContainerRef | None, Attr(create=True, update=True, nullable=True)
    ] = None
    """Reference of the secret container with the certificate, for TERMINATED_HTTPS."""
    sni_container_refs: Annotated[tuple[ContainerRef, ...], BeforeValidator(_as_tuple), CHANGEABLE] = ()
    """References of secret containers with certificates for other server names (SNI)."""
    insert_headers: Annotated[
        dict[Annotated[str, Text(255)], Annotated[str, Text(255)]] | None,
        Attr(create=True, update=True, nullable=True),
    ] = None
    """Headers that members are sent with each request, each "true" or "false"."""
    timeout_client_data: Annotated[Milliseconds, CHANGEABLE] = 50_000
    """Milliseconds that a client may be silent; 0 is the default."""
    timeout_member_data: Annotated[Milliseconds, CHANGEABLE] = 50_000
    """Milliseconds that a member may be silent; 0 is the default."""
    timeout_member_connect: Annotated[Milliseconds, CHANGEABLE] = 5_000
    """Milliseconds to connect to a member; 0 is the default."""
    timeout_tcp_inspect: Annotated[Milliseconds, CHANGEABLE] = 0
    """Milliseconds to wait for more bytes of a connection before it is judged."""
    client_authentication: Annotated[ClientAuthentication, CHANGEABLE] = ClientAuthentication.NONE
    """Whether clients have to show a certificate."""
    client_ca_tls_container_ref: Annotated[
        ContainerRef | None, Attr(create=True, update=True, nullable=True)
    ] = None
    """Reference of the certificates of the authorities that sign clients' certificates."""
    client_crl_container_ref: Annotated[
        ContainerRef | None, Attr(create=True, update=True, nullable=True)
    ] = None
    """Reference of the list of clients' certificates that are revoked."""
    allowed_cidrs: Annotated[
        tuple[Block, ...] | None,
        BeforeValidator(lambda value: None if value == [] else value),
        Attr(create=True, update=True, nullable=True),
    ] = None
    """Who may connect, as blocks of addresses; everybody where there are none."""
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
    hsts_max_age: Annotated[
        Annotated[int, Between(0, MAX_INT)] | None, Attr(create=True, update=True, nullable=True)
    ] = None
    """Seconds for which clients are told to come by HTTPS only."""
    hsts_include_subdomains: Annotated[bool, CHANGEABLE] = False
    """Whether that holds for names below the own one."""
    hsts_preload: Annotated[bool, CHANGEABLE] = False
    """Whether browsers may know of it beforehand."""
    admin_state_up: Annotated[bool, CHANGEABLE] = True
    provisioning_status: Provisioning = None
    operating_status: Operating = None
    loadbalancers: Annotated[tuple[str, ...], Parent("loadbalancer_id")] = ()
    l7policies: Annotated[tuple[str, ...], Children("l7policies", "listener_id")] = ()

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that are inserted: where nobody has said which, all that LBaaS v2 has always inserted."""
        if self.insert_headers is not None:
            return self.insert_headers
        return dict.fromkeys(FORWARDED, "true") if self.protocol in READS_REQUESTS else {}

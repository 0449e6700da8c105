"""The commands that make what the wizard makes, one after the other in a shell. Pure; they are only to be copied.

What a command has made is kept in a variable where a later one names it: names may be empty, or another's too.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evener.dashboard import commands, forms
from evener.dashboard.fields import HEALTHMONITOR, L7POLICY, LISTENER, LOADBALANCER, MEMBER, POOL, RULE, Kind

Json = Mapping[str, Any]
BUNDLES = (".p12", ".pfx")


@dataclass(frozen=True, slots=True)
class Upload:
    """Files of a certificate by their names, empty where there is none; and whether a passphrase protects them."""

    certificate: str
    private_key: str = ""
    intermediates: str = ""
    name: str = ""
    is_protected: bool = False


def of(balancer: Json, upload: Upload | None = None) -> list[str]:
    """Return the commands for the body of a request that makes a load balancer with all below it."""
    return list(_lines(balancer, upload))


def _lines(balancer: Json, upload: Upload | None) -> Iterator[str]:
    yield _kept("LB", _create(LOADBALANCER, balancer))
    (listener,) = balancer["listeners"]
    more = []
    if upload is not None:
        yield _kept("CERTIFICATE", stored(upload), "Secret href")
        more = ['--default-tls-container-ref "$CERTIFICATE"']
        listener = {name: value for name, value in listener.items() if name != "default_tls_container_ref"}
    yield _kept("LISTENER", _create(LISTENER, listener, *more, '"$LB"'))
    yield from _pool("POOL", listener["default_pool"], '--listener "$LISTENER"')
    for policy in listener.get("l7policies", ()):
        more = []
        if "redirect_pool" in policy:
            yield from _pool("OTHER_POOL", policy["redirect_pool"], '--loadbalancer "$LB"')
            more = ['--redirect-pool "$OTHER_POOL"']
        yield _kept("POLICY", _create(L7POLICY, policy, *more, '"$LISTENER"'))
        for rule in policy["rules"]:
            yield _create(RULE, rule, '"$POLICY"')


def members(wanted: Iterable[Json], pool_id: str) -> list[str]:
    """Return the commands that put these members into a pool."""
    return [_create(MEMBER, each, shlex.quote(pool_id)) for each in wanted]


def floating_ip(choice: str, port_id: str) -> list[str]:
    """Return the command that does with a port's floating IP what is chosen; none where nothing is.

    `choice` is `none:` or `free:` and a floating IP's id, to take it away or associate it; or `new:` and the id of the
    network that a new one is made of.
    """
    kind, _, identity = choice.partition(":")
    base = ("openstack", "floating", "ip")
    does = {
        "none": [*base, "unset", "--port", identity],
        "free": [*base, "set", "--port", port_id, identity],
        "new": [*base, "create", "--port", port_id, identity],
    }
    return [shlex.join(does[kind])] if kind in does else []


def _pool(variable: str, pool: Json, of_what: str) -> Iterator[str]:
    yield _kept(variable, _create(POOL, pool, of_what))
    for member in pool["members"]:
        yield _create(MEMBER, member, f'"${variable}"')
    if "healthmonitor" in pool:
        yield _create(HEALTHMONITOR, pool["healthmonitor"], f'"${variable}"')


def _create(kind: Kind, body: Json, *more: str) -> str:
    """Return the command that makes one; what is put after its options is shell already."""
    options = commands.told(kind.fields, forms.texts_of(kind.fields, body))
    if kind is not RULE:  # octaviaclient 3.2 and before take a rule for its policy where they wait, and fail
        options.append("--wait")
    return str(commands.create(kind, options)) + "".join(f" {each}" for each in more)


def _kept(variable: str, command: str, column: str = "id") -> str:
    return f"{variable}=$({command} -f value -c {shlex.quote(column)})"


def stored(upload: Upload) -> str:
    """Return the command that stores a certificate as one secret in PKCS12, as Octavia takes it."""
    exported = "openssl pkcs12 -export -passout pass:"
    file = _file(upload.certificate)
    if upload.certificate.lower().endswith(BUNDLES):
        made = f"base64 < {file}"
        if upload.is_protected:
            made = f"openssl pkcs12 -nodes -in {file} | {exported} | base64"
    else:
        files = {"-in": file, "-inkey": _file(upload.private_key), "-certfile": _file(upload.intermediates)}
        made = " ".join(
            [exported, *(f"{option} {each}" for option, each in files.items() if each), "| base64"]
        )
    name = shlex.join(commands.option("name", upload.name)) + " " if upload.name else ""
    return f'openstack secret store {name}-t application/octet-stream -e base64 --payload "$({made})"'


def _file(name: str) -> str:
    return shlex.quote(f"./{name}" if name.startswith("-") else name) if name else ""

"""What closes the gap between the configuration that runs and the one that should. Pure, does nothing itself.

Source of what is possible at run time: HAProxy management manual, section 9.3, "add server", "del server", "set
server", "set maxconn frontend", "new ssl cert", "set ssl cert", "commit ssl cert", "add ssl crt-list", "del ssl
crt-list" and "del ssl cert", and the like for "ca-file" and "crl-file", of 2.6 and 3.0.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evener.dataplane.haproxy import tls
from evener.dataplane.haproxy.model import Backend, Certificate, Config, Frontend, Server, TlsFile

_LONGEST_BUNDLE = 15_000  # bytes; a command with all it brings must fit into one buffer of 16384


@dataclass(frozen=True)
class Start:
    """Start a process; none runs."""


@dataclass(frozen=True)
class Reload:
    """Let the running process read the new file and hand its listeners over."""


@dataclass(frozen=True)
class Stop:
    """End the process; nothing is to be served."""


@dataclass(frozen=True)
class AddServer:
    """Add `server` to a running backend."""

    backend: str
    server: Server


@dataclass(frozen=True)
class RemoveServer:
    """Take a server out; connections it still has may end by themselves."""

    backend: str
    name: str


@dataclass(frozen=True)
class SetWeight:
    """Change a server's weight; 0 keeps its sessions and gives it no new ones."""

    backend: str
    name: str
    weight: int
    enabled: bool


@dataclass(frozen=True)
class SetState:
    """Put a server into service, or into maintenance."""

    backend: str
    name: str
    enabled: bool


@dataclass(frozen=True)
class SetLimit:
    """Change how many connections a frontend takes at once."""

    frontend: str
    limit: int


@dataclass(frozen=True)
class AddCertificate:
    """Show `certificate` to clients of a frontend that ask for its names."""

    frontend: str
    certificate: Certificate


@dataclass(frozen=True)
class ReplaceCertificate:
    """Show what is now in `certificate` in place of what HAProxy has by its name."""

    certificate: Certificate


@dataclass(frozen=True)
class RemoveCertificate:
    """Show the certificate of that name no more; connections that it opened go on."""

    frontend: str
    name: str


@dataclass(frozen=True)
class ReplaceFile:
    """Go by what is now in `file` in place of what HAProxy has by its name; connections that it opened go on."""

    file: TlsFile


@dataclass(frozen=True)
class LoadFile:
    """Let HAProxy have `file` for servers that are to come.

    It may have been read before: a certificate under that name may be another by now, all else is the same.
    """

    file: TlsFile


RuntimeStep = (
    AddServer
    | RemoveServer
    | SetWeight
    | SetState
    | SetLimit
    | AddCertificate
    | ReplaceCertificate
    | RemoveCertificate
    | ReplaceFile
    | LoadFile
)
Step = Start | Reload | Stop | RuntimeStep


def plan(running: Config | None, wanted: Config, *, raises_limits: bool = True) -> tuple[Step, ...]:
    """Return the least that leads from `running` (None: no process) to `wanted`.

    Either nothing, or exactly one of Start, Reload and Stop, or commands that need no reload. `raises_limits` says
    whether HAProxy can raise a frontend's limit by one (`Settings.raises_limits`).
    """
    if running is None:
        return (Start(),) if wanted.frontends else ()
    if not wanted.frontends:
        return (Stop(),)
    if running == wanted:
        return ()
    if not _only_parts_differ(running, wanted) or (not raises_limits and _raises(running, wanted)):
        return (Reload(),)
    parts = [
        *(_at_front(old, new) for old, new in zip(running.frontends, wanted.frontends, strict=True)),
        *(_within(old, new) for old, new in zip(running.backends, wanted.backends, strict=True)),
    ]
    steps: list[Step] = []
    for part in parts:
        if part is None:
            return (Reload(),)
        steps += part
    return tuple(dict.fromkeys(steps))  # two backends of one pool may need the same file


def _only_parts_differ(running: Config, wanted: Config) -> bool:
    """Return whether both have the same lines but for servers, certificates and limits."""

    def rest(config: Config) -> tuple[object, ...]:
        frontends = tuple((each.name, each.binds, each.lines) for each in config.frontends)
        backends = tuple((each.name, each.lines) for each in config.backends)
        return (config.global_lines, config.defaults_lines, config.peers_lines, frontends, backends)

    return rest(running) == rest(wanted)


def _raises(running: Config, wanted: Config) -> bool:
    fronts = zip(running.frontends, wanted.frontends, strict=True)
    return any(old.limit < new.limit for old, new in fronts)


def _at_front(old: Frontend, new: Frontend) -> list[RuntimeStep] | None:
    """Return the steps from `old` to `new`, or None where only a reload can do it."""
    shown, trusted = _shown(old, new), _trusted(old, new)
    if shown is None or trusted is None:
        return None
    # After a command about trust, 2.6 and 3.0 put no other certificate in, and 2.6 ends at the next such command.
    if shown and new.trust:
        return None
    limit = [] if old.limit == new.limit else [SetLimit(new.name, new.limit)]
    return [*limit, *shown, *trusted]


def _trusted(old: Frontend, new: Frontend) -> list[RuntimeStep] | None:
    """Return the steps from what `old` trusts to what `new` does, None where only a reload can do it.

    Authorities and what they have revoked fit each other only: where both are others, each is first what it was and
    what it will be, so that at no moment somebody is refused whom both take.
    """
    changed = [(before, after) for before, after in zip(old.trust, new.trust, strict=True) if before != after]
    files = [after for _, after in changed]
    if len(changed) > 1:
        between = [TlsFile(each.kind, each.name, before.content + each.content) for before, each in changed]
        files = [*between, *files]
    return [ReplaceFile(each) for each in files] if _fit(files) else None


def _fit(files: Iterable[TlsFile]) -> bool:
    return all(len(each.content) <= _LONGEST_BUNDLE for each in files)


def _shown(old: Frontend, new: Frontend) -> list[RuntimeStep] | None:
    """Return the steps from the certificates of `old` to those of `new`, None where only a reload can do it."""
    if old.certificates == new.certificates:
        return []
    (default, *others), (new_default, *new_others) = old.certificates, new.certificates
    added = [each for each in new_others if each not in others]
    gone = [each for each in others if each not in new_others]
    in_order = default == new_default and [each for each in others if each not in gone] + added == new_others
    # Of two for the same client HAProxy takes the one that it has had for longer, which a file must say as well.
    if not in_order and tls.compete(new.certificates):
        return None
    if any(len(each.bundle) > _LONGEST_BUNDLE for each in (*added, new_default)):
        return None
    # Additions come first, so that there is never a name without its certificate.
    steps: list[RuntimeStep] = [AddCertificate(new.name, each) for each in added]
    if default != new_default:
        steps.append(ReplaceCertificate(new_default))
    return steps + [RemoveCertificate(new.name, each.name) for each in gone]


def _within(old: Backend, new: Backend) -> list[RuntimeStep] | None:
    """Return the steps from `old` to `new`, or None where only a reload can do it."""
    steps = _files_for(old, new)
    if steps is None:
        return None
    # Additions come first: so a pool whose members are all exchanged is never empty in between.
    for server in new.servers:
        before = old.servers_by_name.get(server.name)
        if before is None:
            steps.append(AddServer(old.name, server))
        elif _fixed(before) != _fixed(server):
            return None
        else:
            steps += _changed(old.name, before, server)
    gone = [server.name for server in old.servers if server.name not in new.servers_by_name]
    return steps + [RemoveServer(old.name, name) for name in gone]


def _files_for(old: Backend, new: Backend) -> list[RuntimeStep] | None:
    """Return the steps that let servers of `new` find the files that they name; None where only a reload can do it.

    HAProxy reads what some server's line names, and nothing for a backend without servers.
    """
    if not new.servers:
        return []
    if not old.servers:
        return [LoadFile(each) for each in new.files] if _fit(new.files) else None
    if [each.name for each in old.files] != [each.name for each in new.files]:
        return None
    changed = [after for before, after in zip(old.files, new.files, strict=True) if before != after]
    return [ReplaceFile(each) for each in changed] if _fit(changed) else None


def _fixed(server: Server) -> tuple[object, ...]:
    return (server.address, server.number, server.checked, server.options)


def _changed(backend: str, before: Server, after: Server) -> Iterator[RuntimeStep]:
    if before.weight != after.weight:
        yield SetWeight(backend, after.name, after.weight, after.enabled)
    if before.enabled != after.enabled:
        yield SetState(backend, after.name, after.enabled)

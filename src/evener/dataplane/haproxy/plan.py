"""What closes the gap between the configuration that runs and the one that should. Pure, does nothing itself.

Source of what is possible at run time: HAProxy management manual, section 9.3, "add server", "del server" and
"set server", of 2.6 and 3.0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from evener.dataplane.haproxy.model import Backend, Config, Server
from evener.dataplane.haproxy.quoting import line


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


RuntimeStep = AddServer | RemoveServer | SetWeight | SetState
Step = Start | Reload | Stop | RuntimeStep


def plan(running: Config | None, wanted: Config) -> tuple[Step, ...]:
    """Return the least that leads from `running` (None: no process) to `wanted`.

    Either nothing, or exactly one of Start, Reload and Stop, or commands that need no reload.
    """
    if running is None:
        return (Start(),) if wanted.frontends else ()
    if not wanted.frontends:
        return (Stop(),)
    if running == wanted:
        return ()
    if not _only_servers_differ(running, wanted):
        return (Reload(),)
    steps: list[Step] = []
    for old, new in zip(running.backends, wanted.backends, strict=True):
        within = _within(old, new)
        if within is None:
            return (Reload(),)
        steps += within
    return tuple(steps)


def _only_servers_differ(running: Config, wanted: Config) -> bool:
    def rest(config: Config) -> tuple[object, ...]:
        backends = tuple((backend.name, backend.lines) for backend in config.backends)
        return (config.global_lines, config.defaults_lines, config.peers_lines, config.frontends, backends)

    return rest(running) == rest(wanted)


def _within(old: Backend, new: Backend) -> list[RuntimeStep] | None:
    """Return the steps from `old` to `new`, or None where only a reload can do it."""
    steps: list[RuntimeStep] = []
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


def _fixed(server: Server) -> tuple[object, ...]:
    return (server.address, server.number, server.checked, server.options)


def _changed(backend: str, before: Server, after: Server) -> Iterator[RuntimeStep]:
    if before.weight != after.weight:
        yield SetWeight(backend, after.name, after.weight, after.enabled)
    if before.enabled != after.enabled:
        yield SetState(backend, after.name, after.enabled)


def commands(step: RuntimeStep) -> tuple[str, ...]:
    """Return the commands of `step` on the runtime socket, in order; all must be taken.

    RemoveServer ends with `del server`, which HAProxy refuses while the server has connections.
    """
    match step:
        case AddServer(backend, server):
            name = f"{backend}/{server.name}"
            # A server made at run time is in maintenance and unchecked until told otherwise.
            check = (line("enable", "health", name),) if server.checked else ()
            ready = (_state(name, enabled=True),) if server.enabled else ()
            # Without this, 2.6 works a new server's cookie out only when its address changes.
            cookie = (line("enable", "dynamic-cookie", "backend", backend),) if server.cookie else ()
            return (line("add", "server", name, *server.words()), *cookie, *check, *ready)
        case RemoveServer(backend, name):
            full = f"{backend}/{name}"
            return (_state(full, enabled=False), line("del", "server", full))
        case SetWeight(backend, name, weight, enabled):
            full = f"{backend}/{name}"
            # A server whose file says weight 0 starts as drained, which a weight alone does not undo.
            ready = (_state(full, enabled=True),) if enabled and weight else ()
            return (line("set", "server", full, "weight", weight), *ready)
        case SetState(backend, name, enabled):
            return (_state(f"{backend}/{name}", enabled=enabled),)


def _state(name: str, *, enabled: bool) -> str:
    return line("set", "server", name, "state", "ready" if enabled else "maint")

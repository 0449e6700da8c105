"""The maps by which a worker knows the clients of the one before, as files and in HAProxy; `clients` has their form."""

import contextlib
from pathlib import Path

from evener.dataplane.haproxy import clients, files, runtime, stats
from evener.dataplane.haproxy.errors import CommandRefused, SocketError
from evener.dataplane.haproxy.model import Config
from evener.dataplane.haproxy.paths import Paths, clients_file


def note(paths: Paths, wanted: Config) -> None:
    """Write down, for the next worker, which clients the present one knows."""
    for backend in wanted.backends:
        if backend.table is None:
            continue
        path = paths.clients(backend.name, backend.table)
        with contextlib.suppress(SocketError):
            table = runtime.ask(paths.socket, f"show table {backend.name}")
            known = clients.of_table(table, backend.table)
            if not stats.has_learned(runtime.ask(paths.socket, "show peers")):
                known = clients.of_map(files.read(path) or "") | known
            files.replace(path, clients.to_map(known), durable=False)


def forget(paths: Paths, config: Config) -> None:
    """Clear the maps, once the worker has all in its tables: there it expires, in a map never."""
    noted = [path for path in _files(paths, config) if path.exists() and path.stat().st_size]
    with contextlib.suppress(CommandRefused, SocketError):
        if noted and stats.has_learned(runtime.ask(paths.socket, "show peers")):
            runtime.tell(paths.socket, [f"clear map {path.name}" for path in noted])
            for path in noted:
                files.replace(path, "", durable=False)


def touch(paths: Paths, wanted: Config) -> None:
    """See to it that there are the files that `wanted` names."""
    for path in _files(paths, wanted):
        path.touch(mode=files.PRIVATE, exist_ok=True)


def keep_only(paths: Paths, config: Config) -> None:
    """Remove the files that `config` does not name."""
    for path in set(paths.directory.glob(clients_file("*", "*"))) - _files(paths, config):
        path.unlink(missing_ok=True)


def _files(paths: Paths, config: Config) -> set[Path]:
    return {paths.clients(each.name, each.table) for each in config.backends if each.table}

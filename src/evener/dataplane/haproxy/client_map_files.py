"""The maps by which a worker knows the clients of the one before, as files and in HAProxy; `clients` has their form.

A worker reads them as it starts. The files are written before a worker is replaced or stopped, and now and then for the
case that it is killed; what a worker has read is cleared once it has all of it in its tables, where it expires.
"""

import contextlib
import time
from pathlib import Path

from evener.dataplane import files
from evener.dataplane.haproxy import client_map_format, runtime, stats
from evener.dataplane.haproxy.errors import CommandRefused, SocketError
from evener.dataplane.haproxy.model import Config
from evener.dataplane.haproxy.paths import Paths, clients_file

NOTED_S = 60.0  # between two writings for the case that HAProxy is killed
# What the file `Paths.follows_maps` says of why the worker that serves has read maps.
_STARTED, _RELOADED = "started", "reloaded"


def note(paths: Paths, config: Config) -> None:
    """Write down, for the next worker, which clients the present one knows; nothing where it does not answer."""
    with contextlib.suppress(SocketError):
        for backend in config.backends:
            if backend.table is None:
                continue
            path = paths.clients(backend.name, backend.table)
            known = client_map_format.of_table(
                runtime.ask(paths.socket, f"show table {backend.name}"), backend.table
            )
            if _follows(paths):
                known = client_map_format.of_map(files.read(path) or "") | known
            files.replace(path, client_map_format.to_map(known), durable=False)


def worker_reads(paths: Paths, config: Config, *, anew: bool) -> None:
    """Hear that a worker is about to read the maps: `anew` where it has no predecessor that will teach it."""
    if not any(path.exists() and path.stat().st_size for path in _files(paths, config)):
        paths.follows_maps.unlink(missing_ok=True)
    elif anew or not paths.follows_maps.exists():
        files.replace(paths.follows_maps, _STARTED if anew else _RELOADED, durable=False)


def _follows(paths: Paths) -> bool:
    """Return whether the worker may know clients by its maps only.

    Raises:
        SocketError: when it does not answer.
    """
    why = files.read(paths.follows_maps)
    if why == _STARTED:  # nobody has taught it: it learns from whoever comes while they would be remembered
        with contextlib.suppress(FileNotFoundError):
            return time.time() - paths.follows_maps.stat().st_mtime < client_map_format.LAST_S
    return why is not None and not stats.has_learned(runtime.ask(paths.socket, "show peers"))


def keep(paths: Paths, config: Config) -> None:
    """Clear what the worker has read, once it knows it otherwise; and write down what it knows, now and then."""
    found = [path for path in _files(paths, config) if path.exists()]
    if not found:
        return
    with contextlib.suppress(CommandRefused, SocketError):
        if paths.follows_maps.exists() and not _follows(paths):
            runtime.tell(paths.socket, [f"clear map {path.name}" for path in found])
            paths.follows_maps.unlink(missing_ok=True)
    if time.time() - min(path.stat().st_mtime for path in found) > NOTED_S:
        note(paths, config)


def touch(paths: Paths, wanted: Config) -> None:
    """See to it that there are the files that `wanted` names."""
    for path in _files(paths, wanted):
        path.touch(mode=files.PRIVATE, exist_ok=True)


def keep_only(paths: Paths, config: Config) -> None:
    """Remove the files that `config` does not name; all stay while nothing is served, for when it is again."""
    for path in set(paths.directory.glob(clients_file("*", "*"))) - _files(paths, config):
        if config.frontends:
            path.unlink(missing_ok=True)


def _files(paths: Paths, config: Config) -> set[Path]:
    return {paths.clients(each.name, each.table) for each in config.backends if each.table}

"""What this agent has made on the host, written down before it is made and forgotten after it is gone.

So an agent that was killed at any point finds everything that is its own, and touches nothing else.
"""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from evener.host.errors import on_disk
from evener.resources.types import validate_uuid
from evener.resources.wiring import NetworkSpec, RouterSpec

Spec = TypeVar("Spec", NetworkSpec, RouterSpec)

PORT_FILE = "port"
FOREIGN_FILE = (
    "haproxy_stats.sock"  # of Neutron-LBaaS's agent, whose load balancers have directories like ours
)


class Journal:
    """A directory per load balancer, a file per network, and a file with its ports' ids per router.

    A network's file is empty, or holds the host's own address on it. Beside the last two is, as ID.json, what control
    said last of the network or router; it is written once that is true on the host, and goes first of all.

    What writes raises `DiskUnusable` where the disk is full or broken; what was noted before stays.
    """

    def __init__(self, loadbalancers: Path) -> None:
        self._loadbalancers = loadbalancers
        self._networks = loadbalancers.parent / "networks"
        self._routers = loadbalancers.parent / "routers"
        for directory in (loadbalancers, self._networks, self._routers):
            directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            directory.chmod(0o750)  # what is in it says where everybody's servers are

    @property
    def home(self) -> Path:
        """Return the directory that all this is in."""
        return self._loadbalancers.parent

    def directory(self, loadbalancer_id: str) -> Path:
        """Return the directory of a load balancer, whether it exists or not."""
        return self._loadbalancers / loadbalancer_id

    def loadbalancers(self) -> frozenset[str]:
        """Return the ids of all load balancers of which something may be on the host."""
        return frozenset(found for found in _ids(self._loadbalancers) if not self._is_foreign(found))

    def _is_foreign(self, loadbalancer_id: str) -> bool:
        directory = self.directory(loadbalancer_id)
        return (directory / FOREIGN_FILE).exists() and not (directory / PORT_FILE).exists()

    def note_loadbalancer(self, loadbalancer_id: str, port_id: str) -> Path:
        """Note that a load balancer is about to be made with a port, and return its directory."""
        directory = self.directory(loadbalancer_id)
        with on_disk(self._loadbalancers):
            directory.mkdir(mode=0o750, exist_ok=True)
        if not (directory / PORT_FILE).exists():
            _write(directory / PORT_FILE, port_id)
        return directory

    def port_of(self, loadbalancer_id: str) -> str | None:
        """Return the id of the port that was noted for a load balancer, if it came that far."""
        try:
            return validate_uuid((self.directory(loadbalancer_id) / PORT_FILE).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def forget_port(self, loadbalancer_id: str) -> None:
        """Note that nothing is left of the port that a load balancer had."""
        (self.directory(loadbalancer_id) / PORT_FILE).unlink(missing_ok=True)

    def forget_loadbalancer(self, loadbalancer_id: str) -> None:
        """Note that nothing of a load balancer is left, and remove whatever else its directory holds."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.directory(loadbalancer_id))

    def networks(self) -> frozenset[str]:
        """Return the ids of all networks of which something may be on the host."""
        return _ids(self._networks)

    def note_network(self, network_id: str) -> None:
        """Note that a network is about to be made."""
        with on_disk(self._networks):
            (self._networks / network_id).touch(mode=0o640)

    def keep_network(self, spec: NetworkSpec) -> None:
        """Note what a network is."""
        _keep(self._networks, spec)

    def kept_networks(self) -> tuple[NetworkSpec, ...]:
        """Return what networks are, of all that are noted."""
        return _kept(self._networks, self.networks(), NetworkSpec)

    def release_network(self, network_id: str) -> None:
        """Note that a network is about to be removed."""
        _spec_file(self._networks, network_id).unlink(missing_ok=True)

    def note_host_address(self, network_id: str, address: str) -> None:
        """Note the address that the host is about to have on a network, "" for none."""
        _write(self._networks / network_id, address)

    def host_address(self, network_id: str) -> str:
        """Return the address that was noted for the host on a network, "" for none."""
        return (self._networks / network_id).read_text()

    def forget_network(self, network_id: str) -> None:
        """Note that nothing of a network is left."""
        self.release_network(network_id)
        (self._networks / network_id).unlink(missing_ok=True)

    def routers(self) -> frozenset[str]:
        """Return the ids of all routers of which something may be on the host."""
        return _ids(self._routers)

    def note_router(self, router_id: str, port_ids: Iterable[str]) -> None:
        """Note that a router is about to be made, or has been, with these ports and no other."""
        text = "".join(f"{port_id}\n" for port_id in sorted(port_ids))
        _write(self._routers / router_id, text)

    def keep_router(self, spec: RouterSpec) -> None:
        """Note what a router is."""
        _keep(self._routers, spec)

    def kept_routers(self) -> tuple[RouterSpec, ...]:
        """Return what routers are, of all that are noted."""
        return _kept(self._routers, self.routers(), RouterSpec)

    def release_router(self, router_id: str) -> None:
        """Note that a router is about to be removed."""
        _spec_file(self._routers, router_id).unlink(missing_ok=True)

    def ports_of_router(self, router_id: str) -> frozenset[str]:
        """Return the ids of the ports that were noted for a router."""
        try:
            return frozenset(map(validate_uuid, (self._routers / router_id).read_text().split()))
        except (FileNotFoundError, ValueError):
            return frozenset()

    def forget_router(self, router_id: str) -> None:
        """Note that nothing of a router is left."""
        self.release_router(router_id)
        (self._routers / router_id).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the journal itself, where nothing is noted and nobody else keeps anything in it."""
        for directory in (self._loadbalancers, self._networks, self._routers):
            with suppress(OSError):
                directory.rmdir()


def _write(note: Path, text: str) -> None:
    """Make the file `note` say `text`, at once and wholly."""
    if not note.exists() or note.read_text() != text:
        fresh = note.with_suffix(".new")
        with on_disk(note.parent):
            fresh.write_text(text)
            fresh.rename(note)


def _spec_file(directory: Path, resource_id: str) -> Path:
    return directory / f"{resource_id}.json"


def _keep(directory: Path, spec: Spec) -> None:
    _write(_spec_file(directory, spec.id), spec.model_dump_json(ensure_ascii=True))


def _kept(directory: Path, ids: Iterable[str], kind: type[Spec]) -> tuple[Spec, ...]:
    """Return what can be read; another version may have written the others, and control will say."""
    found = []
    for resource_id in sorted(ids):
        with suppress(FileNotFoundError, ValidationError):
            found.append(
                kind.model_validate_json(_spec_file(directory, resource_id).read_text(), extra="ignore")
            )
    return tuple(found)


def _ids(directory: Path) -> frozenset[str]:
    found = set()
    for entry in directory.iterdir():
        try:
            found.add(validate_uuid(entry.name))
        except ValueError:
            continue
    return frozenset(found)

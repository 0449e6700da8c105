"""What a data plane is to an agent: what carries the traffic of a load balancer, such as HAProxy, behind two protocols.

A device driver is what an agent has of one kind of data plane, found by its name in `device_driver`; of each load
balancer it has one data plane. A load balancer may have several, each for the listeners and pools of its protocols.
Knows no kind of data plane.

```
DataPlaneError            what went wrong, in words an operator can act on
  DeviceUnknown           no device driver of the configured name is installed
  Misconfigured           the operator's settings name what this machine does not have
  Busy                    it cannot be done now; what ran before still runs
```
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from stevedore.driver import DriverManager
from stevedore.exception import NoMatches
from stevedore.extension import ExtensionManager

from evener.host.processes import Process
from evener.host.watch import Readable
from evener.resources.facts import Observation
from evener.resources.graph import Graph
from evener.resources.listener import Listener

ENTRY_POINTS = "evener.device_driver"


class DataPlaneError(Exception):
    """Base of all that a data plane raises; `str()` is the reason."""

    @property
    def reason(self) -> str:
        """The reason as text."""
        return str(self)


class DeviceUnknown(DataPlaneError):
    """`device_driver` names what is not there."""


class Misconfigured(DataPlaneError):
    """A setting does not fit this machine, or what it needs is not installed."""


class Busy(DataPlaneError):
    """A change comes too soon after others; nothing was changed, and the same again is worth trying soon."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a data plane carries the traffic of one load balancer.

    `directory` is the load balancer's, for whatever has to outlive the agent. It is there when `apply` is called, and
    goes with all that is in it once the load balancer is removed. Several data planes may share it: what one keeps
    there bears its name.
    """

    loadbalancer_id: str
    namespace: str
    directory: Path


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did: its `steps`, in order, each by a word for the log; none where nothing differed.

    `costly` is true where changes that come meanwhile had better be gathered than each done at once. `lacking` says of
    the objects that are not served as they should be why, by their ids, though all else is applied.
    """

    steps: tuple[str, ...] = ()
    costly: bool = False
    lacking: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WatchedProcess:
    """A process, called `name`, whose end is drift; after that of one that is `vital` others are to serve, at once."""

    process: Process
    name: str
    vital: bool = False


@dataclass(frozen=True, eq=False)
class WatchedDirectory:
    """Files of which a change may be drift: `drift` says what a file's name, "" for any, stands for, or None."""

    directory: Path
    drift: Callable[[str], str | None]


@dataclass(frozen=True, eq=False)
class WatchedSocket:
    """Where a data plane is told something: `read` reads it, and returns whether members' health has changed.

    It is called in the thread that waits for everything, and must wait for nobody.
    """

    socket: Readable
    read: Callable[[], bool]


# A directory or a socket is watched until it is another object: it may have been made anew under the same name.
Watched = WatchedProcess | WatchedDirectory | WatchedSocket


class DataPlane(Protocol):
    """What carries the traffic of one load balancer, or its part of it.

    Level-based: each call looks at what is really there. One thread at a time calls, but for the properties, which may
    be asked for at any time, cost next to nothing, and wait for nobody. Traffic outlives the agent.
    """

    title: str
    """What it is called in a sentence."""

    def served(self, graph: Graph) -> Sequence[Listener]:
        """Return the listeners that would be in service with `graph`: whose ports are to be open."""

    def apply(self, graph: Graph) -> Applied:
        """Make what runs equal to `graph`, with the least that does it.

        The namespace and the VIP's port are there. What was applied, another process can tell by `last_graph`.

        Raises:
            Busy: when that has to wait; what ran before still runs.
            DataPlaneError: when it cannot be done, and why; what ran before still runs where it can.
            HostError: when the kernel refuses, or the disk is full or broken.
        """

    def last_graph(self) -> Graph | None:
        """Return the graph that was applied last, by this agent or one before it; None where none was, or is left."""

    def check(self) -> bool:
        """Return whether what was applied last, by this agent, still stands, as far as can be told cheaply."""

    def observe(self, *, servers: bool = False) -> Observation | None:
        """Return the state of traffic, with that of `servers` where asked for; None where nothing was ever applied."""

    def configuration(self) -> str | None:
        """Return by what it is configured, in its own language and without secrets; None where by nothing.

        Any thread may call.
        """

    def watched(self) -> Collection[Watched]:
        """Return what is to be watched from now on, and nothing else; asked after each `apply`."""

    def serves(self) -> bool | None:
        """Return whether anything is served of what was applied last; None where that is nothing."""

    def find_process(self) -> int | None:
        """Return the id of a process of it, by whatever it left: it is in the namespace, though that lost its name."""

    @property
    def is_halted(self) -> bool:
        """Whether it lives and does nothing, as far as is known."""

    @property
    def is_working(self) -> bool:
        """Whether it did more than wait when `is_halted` was asked last; where it does so for long, it is observed."""

    def close(self) -> None:
        """Let go of what it holds in this process; traffic goes on."""

    def stop(self) -> None:
        """End all of it at once and for good: first what `last_graph` returns. Harmless when there is nothing.

        What lies in the directory goes afterwards.

        Raises:
            HostError: when the kernel refuses; the rest goes at the next try.
        """


class DeviceDriver(Protocol):
    """One kind of data plane, for all load balancers of an agent."""

    name: str
    """What agents show of it."""

    protocols: Collection[str]
    """Of the listeners and pools that it carries; of several drivers, the first that has one carries it."""

    @property
    def configurations(self) -> Mapping[str, Any]:
        """What agents show besides, such as a version."""

    def data_plane(self, place: Place) -> DataPlane:
        """Return what carries a load balancer's traffic; it changes nothing yet."""

    def stop(self) -> None:
        """End what all share in this process; traffic goes on."""

    def remove(self) -> None:
        """Remove what all shared on the host, of which none is left."""


def load_drivers(names: Iterable[str], conf: Any, *, serves: bool = True) -> tuple[DeviceDriver, ...]:
    """Return the device drivers of these names as the settings (`evener.config`) want them.

    An entry point is called with the settings, and with `serves`: false where all that is left to do is to remove what
    was made, for which nothing need be installed.

    Raises:
        DeviceUnknown: naming those that are installed.
        DataPlaneError, HostError: when one cannot work with the settings, or on this machine.
    """
    return tuple(find_driver(name)(conf, serves=serves) for name in names)


def find_driver(name: str) -> Callable[..., DeviceDriver]:
    """Return what makes the device driver of that name.

    Raises:
        DeviceUnknown: naming those that are installed.
    """
    try:
        manager: DriverManager[DeviceDriver] = DriverManager(ENTRY_POINTS, name)
    except NoMatches:
        known = ", ".join(sorted(ExtensionManager(ENTRY_POINTS, on_load_failure_callback=_ignore).names()))
        raise DeviceUnknown(f"There is no device driver '{name}'; device_driver may be: {known}") from None
    return cast("Callable[..., DeviceDriver]", manager.driver)


def _ignore(*_args: object) -> None:
    """Leave a driver that cannot be loaded out of the list."""

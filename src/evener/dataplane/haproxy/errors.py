"""What can go wrong between us and HAProxy. One tree, each knowing its message.

```
HaproxyError
  Unrenderable            the graph holds what no configuration file can say
  Refused                 HAProxy does not take the configuration; what ran before still runs
  SocketError             a control socket does not answer
    NoAnswer              somebody is behind it, and does not answer in time: frozen, or very busy
  CommandRefused          HAProxy refused a command on a control socket
  StartFailed             a new process did not come up; its own words
  ReloadFailed            a running process did not take the new file; its own words
```
"""

from typing import Never

from evener.dataplane.base import DataPlaneError


class HaproxyError(DataPlaneError):
    """Base; `str()` is the reason, in words an operator can act on."""


class Unrenderable(HaproxyError):
    """A value, or a protocol, that the renderer cannot write into a configuration file."""


def unknown(what: str, value: Never) -> Unrenderable:
    """Return what to raise for a kind of something that has no words here: a guess would serve something else.

    To stand where all known kinds have been dealt with, which mypy checks.
    """
    return Unrenderable(f"the {what} {value} is not known to this agent")


def unserved(what: str, value: str) -> Unrenderable:
    """Return what to raise for a kind of something that is known, and that HAProxy does not do here."""
    return Unrenderable(f"the {what} {value} is not served by HAProxy")


class Refused(HaproxyError):
    """HAProxy refused the new configuration; the previous one is on disk and serves, where there was one."""


class SocketError(HaproxyError):
    """Nobody answers on a control socket."""


class NoAnswer(SocketError):
    """A process has a control socket, and does not answer on it in time."""


class CommandRefused(HaproxyError):
    """HAProxy answered a command with an error."""


class StartFailed(HaproxyError):
    """The new process ended, or did not answer in time."""


class ReloadFailed(HaproxyError):
    """The master kept its old workers."""

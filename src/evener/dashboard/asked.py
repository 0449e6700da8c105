"""What a page is made from, and what it may answer. No HTTP: a page is a function of `Asked`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from evener.dashboard.cloud import BALANCING, KEYS, NETWORK, Cloud, Refused
from evener.dashboard.sessions import Session

MOUNT = "/dashboard"


@dataclass(frozen=True, slots=True)
class Html:
    """A page: a template and its values."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another page to go to, by its path below `MOUNT`."""

    path: str


Reply = Html | Redirect


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a user who is logged in: `form` has all values of each field, `files` what came along."""

    cloud: Cloud
    session: Session
    parts: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def said(self, name: str) -> str:
        """Return what stands in a field, or nothing."""
        return next(iter(self.form.get(name, ())), "").strip()

    def balancing(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Ask Octavia's API; see `Cloud.ask`."""
        return self.cloud.ask(self.session.login, method, BALANCING, f"/lbaas{path}", body, **query)

    def operating(self, method: str, path: str, **query: Any) -> Any:
        """Ask Octavia's API what operators ask; see `Cloud.ask`."""
        return self.cloud.ask(self.session.login, method, BALANCING, f"/octavia{path}", **query)

    def network(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Ask Neutron's API; see `Cloud.ask`."""
        return self.cloud.ask(self.session.login, method, NETWORK, path, body, **query)

    def keys(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Ask Barbican's API; see `Cloud.ask`."""
        return self.cloud.ask(self.session.login, method, KEYS, path, body, **query)

    def payload(self, reference: str) -> bytes:
        """Return what a secret holds."""
        return self.cloud.fetch(self.session.login, KEYS, f"/secrets/{id_of(reference)}/payload")


def id_of(reference: str) -> str:
    """Return the id in a reference of Barbican's.

    Raises:
        Refused: when there is none in it.
    """
    try:
        return str(UUID(reference.rstrip("/").rpartition("/")[2]))
    except ValueError:
        raise Refused(400, f"{reference} is no reference") from None


View = Callable[[Asked], Reply]

"""A user who changes load balancers all the time, and knows what was answered, how soon, and what there should be."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import requests

from cloud.services import eventually

LBAAS = "/networking/v2.0/lbaas"
OCTAVIA = "/load-balancer/v2/lbaas"
LOST = 0  # the status where no answer came
WAIT_S = 90.0
PAUSE_S = 1.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What was asked for, its status, and how many seconds it took."""

    what: str
    status: int
    took_s: float
    said: Any

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


class User:
    """Sends requests to APIs in turn, to those of `ports`."""

    def __init__(self, token: Callable[[], str], ports: Sequence[int]) -> None:
        self._token, self.ports = token, ports
        self._turns = itertools.count()

    def ask(self, method: str, path: str, body: Any = None, port: int | None = None) -> Answer:
        """Return what is answered, by the next API where none is named."""
        port = port or self.ports[next(self._turns) % len(self.ports)]
        begun = time.monotonic()
        status, said = LOST, None
        try:
            answer = requests.request(
                method,
                f"http://127.0.0.1:{port}{path}",
                json=body,
                headers={"X-Auth-Token": self._token()},
                timeout=WAIT_S,
            )
            status, said = answer.status_code, answer.json() if answer.content else None
        except requests.RequestException as error:
            said = repr(error)
        return Answer(f"{method} {path}", status, time.monotonic() - begun, said)

    def got(self, path: str) -> Any:
        """Return what there is."""
        answer = self.ask("GET", path)
        assert answer.status == requests.codes.ok, answer
        return answer.said

    def balancers(self) -> dict[str, Any]:
        """Return all load balancers by their names."""
        shown = self.got(f"{LBAAS}/loadbalancers")["loadbalancers"]
        return {each["name"]: each for each in shown}

    def clear(self, pool_id: str) -> None:
        """Delete what changes have made; what is refused, as what it stands on is not back yet, again."""
        members = f"{LBAAS}/pools/{pool_id}/members"

        def is_clear() -> bool:
            shown = self.ask("GET", f"{LBAAS}/loadbalancers"), self.ask("GET", members)
            if not all(each.accepted for each in shown):
                return False
            balancers, joined = (of_kind(each.said, "changed-", "member-") for each in shown)
            for each in joined:
                self.ask("DELETE", f"{members}/{each['id']}")
            for each in balancers:
                if each["provisioning_status"] != "PENDING_DELETE":
                    self.ask("DELETE", f"{OCTAVIA}/loadbalancers/{each['id']}?cascade=true")
            return not balancers and not joined

        eventually(is_clear)


def of_kind(said: dict[str, list[dict[str, Any]]], *beginnings: str) -> list[dict[str, Any]]:
    """Return what of a list that was answered has a name with one of these beginnings."""
    return [each for found in said.values() for each in found if each["name"].startswith(beginnings)]


@dataclass
class Kept:
    """What there should be of one kind, by name: what was accepted, and what was refused and so may not be there."""

    there: dict[str, str] = field(default_factory=dict)  # names to ids
    doubtful: set[str] = field(
        default_factory=set
    )  # whose change had no answer, or was refused in the middle of it


class Changes:
    """Changes as long as the block runs: members and their weights, load balancers with and without a certificate."""

    def __init__(self, user: User, pool_id: str, member_id: str, subnet_id: str, certificate: str) -> None:
        self._user, self._pool, self._member = user, pool_id, member_id
        self._subnet, self._certificate = subnet_id, certificate
        self.answers: list[Answer] = []
        self.members, self.balancers = Kept(), Kept()
        self.weight: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        steps = (self._weigh, self._join, self._make, self._part, self._end)
        for step in itertools.cycle(steps):
            step()
            if self._ended.wait(PAUSE_S):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(WAIT_S)

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        self.answers.append(found := self._user.ask(method, path, body))
        return found

    def _weigh(self) -> None:
        weight = next(_numbers) % 200 + 1
        path = f"{LBAAS}/pools/{self._pool}/members/{self._member}"
        if self._ask("PUT", path, {"member": {"weight": weight}}).accepted:
            self.weight = weight
        else:
            self.weight = None  # it is one of two

    def _join(self) -> None:
        number = next(_numbers)
        name = f"member-{number}"
        values = {
            "name": name,
            "address": "192.168.200.99",
            "protocol_port": number,
            "weight": 0,
            "subnet_id": self._subnet,
        }
        answer = self._ask("POST", f"{LBAAS}/pools/{self._pool}/members", {"member": values})
        self._made(self.members, name, answer, "member")

    def _make(self) -> None:
        number = next(_numbers)
        name = f"changed-{number}"
        listener = (
            {"protocol": "TERMINATED_HTTPS", "default_tls_container_ref": self._certificate}
            if number % 2
            else {"protocol": "HTTP"}
        )
        tree = {
            "name": name,
            "vip_subnet_id": self._subnet,
            "listeners": [{"name": name, "protocol_port": 443, **listener}],
        }
        answer = self._ask("POST", f"{OCTAVIA}/loadbalancers", {"loadbalancer": tree})
        self._made(self.balancers, name, answer, "loadbalancer")

    @staticmethod
    def _made(kept: Kept, name: str, answer: Answer, kind: str) -> None:
        if answer.accepted:
            kept.there[name] = answer.said[kind]["id"]
        else:
            kept.doubtful.add(name)

    def _part(self) -> None:
        self._delete(self.members, f"{LBAAS}/pools/{self._pool}/members/{{}}")

    def _end(self) -> None:
        self._delete(self.balancers, f"{OCTAVIA}/loadbalancers/{{}}?cascade=true")

    def _delete(self, kept: Kept, path: str) -> None:
        if len(kept.there) < 2:
            return
        name = next(iter(kept.there))
        object_id = kept.there.pop(name)
        answer = self._ask("DELETE", path.format(object_id))
        if answer.accepted:
            return
        kept.doubtful.add(name)

    def settled(self, within_s: float) -> float:
        """Wait until all that was accepted is applied, and what was refused is whole or not there.

        Return the seconds it took.
        """
        begun = time.monotonic()
        why: list[str] = []

        def as_it_should_be() -> bool:
            try:
                why[:] = self._wrong()
            except (AssertionError, requests.RequestException) as error:
                why[:] = [repr(error)]
            return not why

        try:
            eventually(as_it_should_be, within_s)
        except AssertionError:
            print(f"not so within {within_s} s: {why}")  # noqa: T201 - soon, as others go on
            raise AssertionError(f"not so within {within_s} s: {why}") from None
        return time.monotonic() - begun

    def _wrong(self) -> list[str]:
        found = self._user.balancers()
        members = {
            each["name"]: each
            for each in self._user.got(f"{LBAAS}/pools/{self._pool}/members")["members"]
            if each["name"].startswith("member-")
        }
        return [
            *self._differences(found, self.balancers, "web"),
            *self._differences(members, self.members),
            *self._weight(),
        ]

    def _weight(self) -> list[str]:
        shown = self._user.got(f"{LBAAS}/pools/{self._pool}/members/{self._member}")["member"]["weight"]
        return [] if self.weight in (None, shown) else [f"weight {shown}, not {self.weight}"]

    @staticmethod
    def _differences(found: dict[str, Any], kept: Kept, *besides: str) -> list[str]:
        names = {*kept.there, *besides}
        wrong = [f"{each} is not there" for each in names - found.keys()]
        wrong += [f"{each} is there" for each in found.keys() - names - kept.doubtful]
        return wrong + [
            f"{name}: {each['provisioning_status']}: {each.get('provisioning_error')}"
            for name, each in found.items()
            if each.get("provisioning_status", "ACTIVE") != "ACTIVE"
        ]

"""The cloud's APIs, asked over HTTP with a user's token. It keeps nothing, and knows nothing of pages."""

import json
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from evener.dashboard.local import LocalPool

Json = dict[str, Any]
TIMEOUT_S = 60.0
POOLED = 16  # connections that stay open
BALANCING, NETWORK, KEYS, IDENTITY = "load-balancer", "network", "key-manager", "identity"
# What stands below the catalogue's URL, whether or not that ends in a version already.
VERSIONS = {BALANCING: "/v2", NETWORK: "/v2.0", KEYS: "/v1", IDENTITY: "/v3"}
READ_ONLY = frozenset({"reader", "load-balancer_observer", "load-balancer_global_observer"})
_ATTRIBUTE = re.compile(r"Invalid input for field/attribute ([\w.\[\]]+?)\.? ")


class CloudError(Exception):
    """Base of what goes wrong with the cloud."""


class Away(CloudError):
    """A service does not answer."""


class LoggedOut(CloudError):
    """The token is not valid, or no more."""


class Refused(CloudError):
    """An API has refused, in its own words; `status` is HTTP's, `attribute` the one it names, or empty."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        found = _ATTRIBUTE.search(f"{message} ")
        self.attribute = found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a user types to log in; `domain` is the name of the user's and of the project's domain."""

    user: str
    password: str = field(repr=False)
    project: str
    domain: str


@dataclass(frozen=True, slots=True)
class Login:
    """What the identity service said of a user: token, names, roles, and the URL of each type of service."""

    token: str = field(repr=False)
    user: str
    project: str
    project_id: str
    roles: frozenset[str]
    endpoints: Mapping[str, str]
    expires: datetime
    user_id: str = ""

    @property
    def may_change(self) -> bool:
        """Whether there is a role that is not for reading alone."""
        return not self.roles <= READ_ONLY

    @property
    def is_admin(self) -> bool:
        """Whether the user is an administrator."""
        return "admin" in self.roles


@dataclass(frozen=True, slots=True)
class Reached:
    """How the cloud is reached: `socket` is that of an API on this machine, for everything, where there is one."""

    auth_url: str
    cafile: str = ""
    interface: str = "public"
    region: str = ""
    socket: str = ""


class Cloud:
    """Sends requests, on connections that stay open; from any thread."""

    def __init__(self, reached: Reached) -> None:
        self.reached = reached
        # Pools wait rather than open more, so that one page cannot take all of the API's threads.
        self._local = LocalPool(reached.socket, maxsize=POOLED) if reached.socket else None
        self.has_events: bool | None = None  # whether the API tells what happened; None before it was asked
        self.counts_members: bool | None = (
            None  # whether LBaaS v2 is there, as Evener has it; None before it was asked
        )
        self._workers = ThreadPoolExecutor(POOLED, "asking")
        self._others = urllib3.PoolManager(maxsize=POOLED, ca_certs=reached.cafile or None)

    def together(self, *calls: Callable[[], Any]) -> list[Any]:
        """Return what each returns, all asked at once. None of them may call this."""
        begun = [self._workers.submit(each) for each in calls]
        return [each.result() for each in begun]

    def log_in(self, given: Credentials, address: str) -> Login:
        """Return what the identity service says of a user who asks from `address`.

        Raises:
            Refused: in its words, such as of a pause after failures.
            Away: when it does not answer.
        """
        domain = {"name": given.domain}
        user = {"name": given.user, "password": given.password, "domain": domain}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": given.project, "domain": domain}}
        body = {"auth": {"identity": identity, "scope": scope}}
        answer = self._send("POST", f"{self.reached.auth_url}/auth/tokens", body, "", address)
        if answer.status != 201:
            raise Refused(answer.status, _message(answer))
        return self._login(answer.headers["X-Subject-Token"], answer.json()["token"])

    def _login(self, token: str, said: Json) -> Login:
        return Login(
            token,
            said["user"]["name"],
            said["project"]["name"],
            said["project"]["id"],
            frozenset(each["name"] for each in said.get("roles", ())),
            {each["type"]: url for each in said.get("catalog", ()) if (url := self._endpoint(each))},
            datetime.fromisoformat(said["expires_at"]),
            said["user"]["id"],
        )

    def _endpoint(self, service: Json) -> str:
        for each in service["endpoints"]:
            if each["interface"] == self.reached.interface and self.reached.region in (
                "",
                each.get("region_id"),
            ):
                return str(each["url"]).rstrip("/")
        return ""

    def log_out(self, login: Login) -> None:
        """Have the token end."""
        url = f"{self.reached.auth_url}/auth/tokens"
        self._send("DELETE", url, None, login.token, "", {"X-Subject-Token": login.token})

    def ask(self, login: Login, method: str, service: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return what a service answers, as JSON, or None where it says nothing.

        Raises:
            LoggedOut, Refused, Away: when it does not do what is asked.
        """
        answer = self._answer(login, method, service, path, body, query)
        return answer.json() if answer.data else None

    def fetch(self, login: Login, service: str, path: str) -> bytes:
        """Return what a service has at a path, whatever it is. Raises what `ask` does."""
        return self._answer(login, "GET", service, path, None, {}, {"Accept": "*/*"}).data

    def _answer(
        self,
        login: Login,
        method: str,
        service: str,
        path: str,
        body: Any,
        query: Mapping[str, Any],
        more: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        base, version = login.endpoints.get(service), VERSIONS[service]
        if base is None:
            raise Refused(404, f"The cloud has no service of type {service}")
        asked = urlencode(
            {name: value for name, value in query.items() if value not in (None, "")}, doseq=True
        )
        url = f"{base.removesuffix(version)}{version}{path}{'?' if asked else ''}{asked}"
        answer = self._send(method, url, body, login.token, "", more)
        if answer.status == 401:
            raise LoggedOut(_message(answer))
        if answer.status >= 400:
            raise Refused(answer.status, _message(answer))
        return answer

    def _send(
        self,
        method: str,
        url: str,
        body: Any,
        token: str,
        address: str,
        more: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": "evener-dashboard", **(more or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if token:
            headers["X-Auth-Token"] = token
        parts = urlsplit(url)
        if self._local is not None:
            # Whoever comes by this socket is believed; pauses after failed logins are then the user's own.
            headers |= {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme}
            headers |= {"X-Forwarded-For": address or "127.0.0.1"}
            url = parts.path + (f"?{parts.query}" if parts.query else "")
        sender: Any = self._local or self._others
        data = None if body is None else json.dumps(body).encode()
        try:
            answer: urllib3.BaseHTTPResponse = sender.request(
                method,
                url,
                body=data,
                headers=headers,
                timeout=TIMEOUT_S,
                redirect=False,
                retries=_retries(method),
            )
        except (HTTPError, OSError) as error:
            raise Away(f"{parts.netloc} does not answer: {error}") from None
        if answer.status in (502, 503, 504):
            raise Away(_message(answer))
        return answer


def _retries(method: str) -> urllib3.Retry:
    """Once more for a connection that had been idle, where it does no harm."""
    return (
        urllib3.Retry(
            1, redirect=0, status=0, raise_on_status=False, backoff_factor=0, allowed_methods={"GET"}
        )
        if (method == "GET")
        else urllib3.Retry(0, raise_on_status=False)
    )


def _message(answer: urllib3.BaseHTTPResponse) -> str:
    """Return the words of an error as Octavia, Neutron, Keystone or Barbican say it."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if isinstance(said, dict):
        inner = next(
            (said[each] for each in ("error", "NeutronError") if isinstance(said.get(each), dict)), said
        )
        found = inner.get("faultstring") or inner.get("message") or inner.get("description")
        if found:
            return str(found)
    return f"The API answered {answer.status}"

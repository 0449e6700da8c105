"""A session of a plain openrc over plain HTTP, with nothing but the standard library, which starts three times as fast.

It knows what goes well, the common case: `Session.login` returns None for whatever else happens while logging in, and
keystoneauth1 is then asked to do the same and to say what is wrong. Must not be used to show the exchange (--debug).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPException
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

JSON = "application/json"
UNAUTHORIZED = 401
ERRORS: tuple[type[Exception], ...] = (OSError, HTTPException)  # of a server that does not answer


def possible(settings: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    """Say whether this session can do what `settings` ask for: HTTP without encryption, and without a proxy."""
    proxies = (
        name for name in environment if name.lower() in ("http_proxy", "all_proxy") and environment[name]
    )
    return settings["auth_url"].startswith("http://") and not any(proxies)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; has what the client reads of an answer of `requests`."""

    status_code: int
    headers: Message
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        """Return the body as JSON, or raise `ValueError`."""
        return json.loads(self.content)


class Session:
    """Sends requests with a token, on connections that stay open."""

    def __init__(self, settings: Mapping[str, str], timeout_s: float | None) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._connections: dict[str, HTTPConnection] = {}
        self._token = ""
        self._said: Mapping[str, Any] = {}

    @classmethod
    def login(cls, settings: Mapping[str, str], timeout_s: float | None) -> Self | None:
        """Return a session that is logged in, or None where something is not as usual."""
        session = cls(settings, timeout_s)
        try:
            return session if session._log_in() else None
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            return None

    def _log_in(self) -> bool:
        url = f"{self._settings['auth_url'].rstrip('/')}/auth/tokens"
        answer = self._exchange(url, "POST", json.dumps(_credentials(self._settings)), {"Content-Type": JSON})
        if answer.status_code != 201:
            return False
        self._token, self._said = answer.headers["X-Subject-Token"], answer.json()["token"]
        return True

    def endpoint(self, service_type: str = "network") -> str | None:
        """Return the URL of a service in the catalogue, None where there is none over plain HTTP."""
        interface = self._settings.get("interface", "public").removesuffix("URL")
        region = self._settings.get("region_name")
        for service in self._said.get("catalog", ()):
            for endpoint in service["endpoints"] if service["type"] == service_type else ():
                if endpoint["interface"] == interface and region in (None, endpoint.get("region_id")):
                    return str(endpoint["url"]) if endpoint["url"].startswith("http://") else None
        return None

    @property
    def role_names(self) -> Sequence[str]:
        """The names of the caller's roles."""
        return [role["name"] for role in self._said.get("roles", ())]

    def request(
        self,
        url: str,
        method: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        raise_exc: bool = False,  # noqa: ARG002 - an answer is an answer
    ) -> Answer:
        """Return what the server answers, whatever that is; a token that is not valid any more is renewed.

        Raises:
            OSError, HTTPException: when it does not.
        """
        if given := {name: value for name, value in (params or {}).items() if value is not None}:
            url = f"{url}?{urlencode(given, doseq=True)}"
        body = None if json is None else _encoded(json)
        more = dict(headers or {}) | ({} if body is None else {"Content-Type": JSON})
        answer = self._exchange(url, method, body, {**more, "X-Auth-Token": self._token})
        if answer.status_code == UNAUTHORIZED and self._log_in():
            answer = self._exchange(url, method, body, {**more, "X-Auth-Token": self._token})
        return answer

    def _exchange(self, url: str, method: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection, is_old = self._connection(parts.netloc)
        try:
            return _answer(connection, method, target, body, headers)
        except ERRORS:
            self._connections.pop(parts.netloc).close()
            if not is_old or method != "GET":
                raise
        return _answer(self._connection(parts.netloc)[0], method, target, body, headers)  # it had been idle

    def _connection(self, place: str) -> tuple[HTTPConnection, bool]:
        """Return the connection to `place`, and whether it has been used before."""
        if place in self._connections:
            return self._connections[place], True
        connection = HTTPConnection(place, timeout=self._timeout_s)
        self._connections[place] = connection
        return connection, False


def _answer(
    connection: HTTPConnection, method: str, target: str, body: str | None, headers: Mapping[str, str]
) -> Answer:
    connection.request(method, target, body, {"User-Agent": "evener", "Accept": JSON, **headers})
    answer = connection.getresponse()
    return Answer(answer.status, answer.headers, answer.read())


def _encoded(document: Any) -> str:
    return json.dumps(document)


def _credentials(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a login: Keystone's API v3, "Password authentication with scoped authorization"."""
    user = {**_named(settings, "user"), "password": settings["password"]}
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": {"project": _named(settings, "project")}}}


def _named(settings: Mapping[str, str], what: str) -> dict[str, Any]:
    """Return how the identity service is told which user or project: by id, or by name and domain."""
    if f"{what}_id" in settings:
        return {"id": settings[f"{what}_id"]}
    name = settings["username" if what == "user" else "project_name"]
    if f"{what}_domain_id" in settings:
        return {"name": name, "domain": {"id": settings[f"{what}_domain_id"]}}
    return {"name": name, "domain": {"name": settings[f"{what}_domain_name"]}}

"""Requests to `evener-api`, over connections that are kept: one pool a process, made when it is first needed.

What is passed on goes as it came; what the plugin asks for itself goes with credentials of its own.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, SSLError

from neutron_lbaas import native, settings

CONNECT_S = 5.0
KEPT = 100  # connections, as many as an eventlet server of Neutron's has requests at once
# A kept connection may have ended meanwhile; what changes nothing is asked again then, and only that.
AGAIN = urllib3.Retry(total=1, redirect=0, status=0, allowed_methods=frozenset({"GET", "HEAD"}))
UNSENT = (NewConnectionError, ConnectTimeoutError, SSLError)


class Unreachable(Exception):
    """There is no connection to `evener-api`: it knows nothing of the request."""


class NoAnswer(Exception):
    """`evener-api` has not answered, or not wholly: it may have done what was asked."""


class Refused(Exception):
    """`evener-api` has refused what the plugin asked for itself."""


class EvenerApi:
    """`evener-api` at the endpoint of `[evener]`; makes nothing before it is needed, as Neutron forks after loading."""

    def __init__(self, conf: Any) -> None:
        self._conf = conf
        self._process = 0
        self._pool: Any = None
        self._path = ""
        self._session: Any = None
        self._access: Any = None

    def _here(self) -> None:
        """Have what this process needs, and nothing that its parent had.

        Raises:
            Unreachable: when the settings name no place.
        """
        if self._process == os.getpid():
            return
        try:
            self._pool, self._path = _connections(self._conf[settings.GROUP])
        except (ValueError, HTTPError, OSError) as error:
            raise Unreachable(f"[evener]: {error}") from error
        self._session = self._access = None
        self._process = os.getpid()  # last: of two threads at once both make them, and neither has half

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Any:
        """Return the answer (`status`, `reason`, `headers`, and `data` as it came) to a request for `path` and query.

        Raises:
            Unreachable: when there was no connection.
            NoAnswer: when there was one, but no whole answer within the time.
        """
        self._here()
        try:
            return self._pool.urlopen(
                method,
                self._path + path,
                body=body,
                headers=dict(headers),
                retries=AGAIN if body is None else False,
                redirect=False,
                decode_content=False,
            )
        except HTTPError as error:
            reason = error.reason if isinstance(error, MaxRetryError) else error
            if isinstance(reason, UNSENT):
                raise Unreachable(str(reason)) from error
            raise NoAnswer(str(reason)) from error

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON that answers a request of the plugin's own, or None where the answer has none.

        Raises:
            Unreachable, NoAnswer: as `send`.
            Refused: when the answer is an error.
            keystoneauth1.exceptions.ClientException: when there are no credentials, or no token for them.
        """
        self._here()
        if self._session is None:
            self._session = settings.session(self._conf)
        sent = None if body is None else json.dumps(body).encode()
        answer = self._asked(method, path, sent)
        if answer.status == 401:
            self._access = None
            answer = self._asked(method, path, sent)
        if answer.status >= 400:
            raise Refused(f"{method} {path}: {answer.status} {answer.data[:500].decode(errors='replace')}")
        return json.loads(answer.data) if answer.data else None

    def _asked(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"X-Auth-Token": self._token(), "Content-Type": "application/json"}
        return self.send(method, path, headers, body)

    def _token(self) -> str:
        """Return a token; without the lock that keystoneauth1 holds while it waits for Keystone (`native.py`)."""
        access = self._access
        if access is None or access.will_expire_soon():
            access = self._access = self._session.auth.get_auth_ref(self._session)
        return str(access.auth_token)


def _connections(own: Any) -> tuple[Any, str]:
    """Return a pool of connections to the endpoint, and the path that all paths there begin with."""
    if not own.endpoint.startswith(("http://", "https://")):
        raise ValueError(f"endpoint = {own.endpoint}: it begins with http:// or https://")
    tls: dict[str, Any] = {}
    if own.endpoint.startswith("https"):
        tls = {"cert_reqs": "CERT_NONE" if own.insecure else "CERT_REQUIRED", "ca_certs": own.cafile}
        tls |= {"cert_file": own.certfile, "key_file": own.keyfile}
    timeout = urllib3.Timeout(connect=CONNECT_S, read=own.answer_timeout)
    url = urllib3.util.parse_url(own.endpoint)
    kind = _SecurePool if url.scheme == "https" else _Pool
    pool = kind(url.host or "", url.port or (443 if tls else 80), maxsize=KEPT, timeout=timeout, **tls)
    return pool, (url.path or "").rstrip("/")


class _Pool(urllib3.HTTPConnectionPool):
    QueueCls: Any = native.Stack


class _SecurePool(urllib3.HTTPSConnectionPool):
    QueueCls: Any = native.Stack

"""Barbican's REST API: what a reference leads to, who may read it, and who uses it.

References name what is at the service's own endpoint, wherever they point. Must not know what a certificate is, and
must not let a payload into a log.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keystoneauth1 import exceptions
from requests import Response

from evener.certificates import references
from evener.certificates.opening import CONTAINER, check_container
from evener.certificates.references import VERSION, Reference
from evener.resources.errors import Forbidden, NotFound, Unavailable
from evener.services.secrets import Consumer
from evener.services.sessions import Service

US = "evener"  # as consumers are called
BYTES = {"Accept": "application/octet-stream"}  # of any payload, text or not
OF_SECRETS = {"OpenStack-API-Version": "key-manager 1.1"}  # which knows consumers of secrets
AWAY_S = 5.0  # that a service which could not be reached is not asked again


@dataclass(frozen=True, slots=True)
class Found:
    """What a reference leads to: payloads by the names of their parts, and all that has to be read for that."""

    payloads: Mapping[str, bytes] = field(repr=False)
    read: tuple[Reference, ...]


class Barbican:
    """Asks as the caller where a `token` is given, else as ourselves.

    All may raise Unavailable, or Unauthorized where the token is not known.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._away_until = 0.0

    def user_id(self) -> str:
        """Return who we are, as lists of access name users."""
        return self._service.user_id()

    def read(self, reference: Reference, token: str | None = None) -> Found:
        """Return what `reference` leads to.

        Raises:
            NotFound: when there is no such thing, or a part of it is missing.
            Forbidden: when it, or a part of it, may not be read.
            Unusable: when it is a container of something else than a certificate.
        """
        if reference.collection == "secrets":
            return Found({CONTAINER: self._payload(reference, token)}, (reference,))
        container = self._call("GET", reference.path, token).json()
        check_container(container["type"])
        parts = {each["name"]: references.parse(each["secret_ref"]) for each in container["secret_refs"]}
        secrets = {name: part for name, part in parts.items() if part is not None}
        payloads = {name: self._payload(part, token) for name, part in secrets.items()}
        return Found(payloads, (reference, *secrets.values()))

    def _payload(self, secret: Reference, token: str | None) -> bytes:
        return self._call("GET", f"{secret.path}/payload", token, headers=BYTES, log=False).content

    def let_us_read(self, reference: Reference, token: str) -> bool:
        """Add us to who may read `reference`, by the right of whose `token` it is; return whether we are there now."""
        path = f"{reference.path}/acl"
        us = self.user_id()
        try:
            acl = self._call("GET", path, token).json().get("read", {})
            users = acl.get("users", [])
            if us not in users:
                reading = {"users": [*users, us], "project-access": acl.get("project-access", True)}
                self._call("PUT", path, token, json={"read": reading})
        except (NotFound, Forbidden):
            return False
        return True

    def add_consumer(self, reference: Reference, consumer: Consumer) -> None:
        """Note that `consumer` uses what `reference` leads to; doing it again is fine.

        A Barbican before its version 1.1 keeps no consumers of secrets.

        Raises:
            NotFound: when there is no such thing.
            Forbidden: when we may not read it.
        """
        try:
            self._consumers("POST", reference, consumer)
        except NotFound:
            self._call("GET", reference.path)

    def remove_consumer(self, reference: Reference, consumer: Consumer) -> None:
        """Take it back.

        Raises:
            NotFound: when it, or what it used, is gone.
            Forbidden: when we may not read that any longer.
        """
        self._consumers("DELETE", reference, consumer)

    def _consumers(self, method: str, reference: Reference, consumer: Consumer) -> None:
        kind, object_id = consumer.resource_type, consumer.resource_id
        body, headers = {"name": US, "URL": f"{US}://lbaas/{kind}s/{object_id}"}, {}
        if reference.collection == "secrets":
            body = {"service": US, "resource_type": kind, "resource_id": object_id}
            headers = OF_SECRETS
        self._call(method, f"{reference.path}/consumers", json=body, headers=headers, again=True)

    def _call(self, method: str, path: str, token: str | None = None, **more: Any) -> Response:
        if time.monotonic() < self._away_until:
            raise Unavailable(f"{self._service.name} does not answer")
        try:
            return self._service.call(method, f"{VERSION}{path}", token=token, **more)
        except exceptions.NotFound as error:
            raise NotFound(f"There is no {path}") from error
        except exceptions.Forbidden as error:
            raise Forbidden(f"{path} may not be read") from error
        except exceptions.HttpError as error:
            raise Unavailable(f"{self._service.name} answers {error.http_status}") from error
        except Unavailable as error:
            if isinstance(error.__cause__, exceptions.ConnectionError):
                self._away_until = time.monotonic() + AWAY_S
            raise

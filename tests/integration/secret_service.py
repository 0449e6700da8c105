"""The builtin secret service behind its own API, and users of it, for tests. Knows no load balancer.

Who calls is read from the token, `USER:PROJECT:ROLE`: the identity service has tests of its own.
"""

import base64
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from falcon import testing

from evener.api.app import make_app
from evener.resources.caller import Caller
from evener.resources.errors import EvenerError, Unauthorized
from evener.services.secrets import Certificate, Consumer, Secrets
from evener.store.database import Database
from evener_cloud.secrets.bounds import Bounds
from evener_cloud.secrets.builtin import BuiltinSecrets
from evener_cloud.secrets.http import routes as barbican

BASE = "http://evener.test:9876"
V1 = "/key-manager/v1"
LISTENER = Consumer("listener", "5f2b7c5e-94a1-4f7e-9d3c-0b1a2c3d4e5f")


class Tokens:
    """Implements `evener.services.identity.Identity`: a token is `USER:PROJECT:ROLE`."""

    def validate(self, token: str, service_token: str | None = None) -> Caller:
        """Return the caller that the token names."""
        user, _, rest = token.partition(":")
        project, _, role = rest.partition(":")
        if not role:
            raise Unauthorized("The token is malformed")
        return Caller(user, project, frozenset({role}))


@dataclasses.dataclass(frozen=True)
class User:
    """A client with a token. Paths are those below `/key-manager/v1`."""

    client: testing.TestClient
    token: str

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> testing.Result:
        headers = {"X-Auth-Token": self.token, **more.pop("headers", {})}
        given = {"body": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
        path = path.removeprefix(BASE).removeprefix(V1)
        return self.client.simulate_request(method, V1 + path, headers=headers, **given, **more)

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.send(method, path, body, **more)
        assert answer.status_code in {200, 201, 204}, answer.text
        return answer.json if answer.content else None

    def store(self, payload: str | bytes | None = None, **values: Any) -> str:
        """Store a secret and return its reference."""
        if isinstance(payload, bytes):
            values |= {
                "payload": base64.b64encode(payload).decode(),
                "payload_content_type": values.get("payload_content_type", "application/octet-stream"),
                "payload_content_encoding": "base64",
            }
        elif payload is not None:
            values |= {"payload": payload, "payload_content_type": "text/plain"}
        return str(self.ok("POST", "/secrets", values)["secret_ref"])

    def contain(self, kind: str = "certificate", **parts: str) -> str:
        """Make a container of secrets and return its reference."""
        refs = [{"name": name, "secret_ref": ref} for name, ref in parts.items()]
        return str(self.ok("POST", "/containers", {"type": kind, "secret_refs": refs})["container_ref"])

    def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Send a request that has to be refused, and return how."""
        answer = self.send(method, path, body, **more)
        status = int(answer.json["code"])
        assert answer.status_code == status >= 400
        assert answer.json["title"]
        return status, str(answer.json["description"])


def caller_in(project: str) -> Caller:
    """Return who names what is not in use yet."""
    return Caller("u", project, frozenset({"member"}))


def certificate_of(secrets: Secrets, project: str, ref: str, *, in_use: bool = False) -> Certificate:
    """Return the one certificate that `ref` means, or raise why it means none."""
    said = secrets.certificates(project, [ref], None if in_use else caller_in(project))[ref]
    if isinstance(said, EvenerError):
        raise said
    return said


class Service:
    """The secret service of a database, and its users."""

    def __init__(self, database: Database, key_file: Path, bounds: Bounds | None = None) -> None:
        self.database = database
        self.secrets = BuiltinSecrets(database, key_file, bounds)
        app = make_app(Tokens(), lambda: None, "http://evener.test:9876")
        barbican.add_routes(app, self.secrets, f"{BASE}/", 200_000)
        self.client = testing.TestClient(app)

    def user(self, role: str = "member", project: str = "p1", name: str = "u") -> User:
        return User(self.client, f"{name}:{project}:{role}")

    def certificate(self, ref: str, project: str = "p1", *, in_use: bool = False) -> Certificate:
        return certificate_of(self.secrets, project, ref, in_use=in_use)

    def register(self, ref: str, project: str = "p1") -> None:
        self.secrets.register(project, ref, LISTENER)

    def unregister(self, ref: str, project: str = "p1") -> None:
        self.secrets.unregister(project, ref, LISTENER)

    def refusal(self, ref: str, project: str = "p1") -> EvenerError:
        with pytest.raises(EvenerError) as caught:
            self.certificate(ref, project)
        return caught.value

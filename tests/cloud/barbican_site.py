"""What the tests of Evener's secret service in a real Barbican share: who owns secrets there, and a way that breaks."""

import base64
import os
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import openstack
import pytest

from cloud.conftest import named
from evener.resources.caller import Caller

TEXT = {"payload_content_type": "text/plain"}
BINARY = {"payload_content_type": "application/octet-stream", "payload_content_encoding": "base64"}


@dataclass(frozen=True)
class Owner:
    """A user in a project who has secrets, which are removed at the end."""

    connection: openstack.connection.Connection
    name: str
    caller: Caller
    made: list[str] = field(default_factory=list)

    def call(self, method: str, url: str, **more: Any) -> Any:
        """Return what Barbican answers; `url` is a reference, or below the version."""
        answer = self.connection.key_manager.request(url, method, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def store(self, payload: bytes) -> str:
        """Make a secret and return its reference."""
        try:
            body = {"payload": payload.decode("ascii"), **TEXT}
        except UnicodeDecodeError:
            body = {"payload": base64.b64encode(payload).decode(), **BINARY}
        return self._keep(self.call("POST", "/secrets", json=body)["secret_ref"])

    def contain(self, kind: str = "certificate", **parts: bytes) -> str:
        """Make a container of new secrets and return its reference."""
        refs = [{"name": name, "secret_ref": self.store(payload)} for name, payload in parts.items()]
        body = {"type": kind, "secret_refs": refs}
        return self._keep(self.call("POST", "/containers", json=body)["container_ref"])

    def _keep(self, ref: str) -> str:
        self.made.append(ref)
        return ref

    def let_read(self, user_id: str, *refs: str) -> None:
        """Do what `openstack acl user add --user USER_ID REF` does."""
        for ref in refs:
            self.call("PUT", f"{ref}/acl", json={"read": {"users": [user_id]}})

    def readers(self, ref: str) -> list[str]:
        """Return who else may read."""
        return list(self.call("GET", f"{ref}/acl")["read"].get("users", []))

    def consumers(self, ref: str) -> list[dict[str, str]]:
        """Return who is registered, without the moments."""
        names = ("name", "URL", "service", "resource_type", "resource_id")
        found = self.call("GET", f"{ref}/consumers")["consumers"]
        return [{name: each[name] for name in names if name in each} for each in found]

    def delete(self, ref: str) -> None:
        """Delete one of what was made."""
        self.made.remove(ref)
        self.call("DELETE", ref)

    def parts_of(self, ref: str) -> list[str]:
        """Return the references of a container's secrets."""
        return [each["secret_ref"] for each in self.call("GET", ref)["secret_refs"]]


@pytest.fixture(scope="module")
def us(admin: openstack.connection.Connection) -> Iterator[Owner]:
    """Yield the service's user: an administrator of a project of its own, and of no other."""
    with project(admin) as project_id, owner(admin, project_id, "admin") as found:
        yield found


@pytest.fixture
def settings(settings: str, us: Owner) -> str:
    """Return the settings with our own user's credentials."""
    url = settings.splitlines()[1]
    start = f"[service_auth]\n{url}\nproject_id = {us.caller.project_id}\n"
    return f"{start}admin_user = {us.name}\nadmin_password = {us.name}\nuser_domain_id = default\n"


@contextmanager
def roles(admin: openstack.connection.Connection, *names: str) -> Iterator[None]:
    """Have roles that Barbican's policy knows, and remove those that were not there."""
    made = [admin.identity.create_role(name=each) for each in names if not admin.identity.find_role(each)]
    try:
        yield
    finally:
        for each in made:
            admin.identity.delete_role(each)


@contextmanager
def project(admin: openstack.connection.Connection) -> Iterator[str]:
    """Yield the id of a project of its own."""
    found = admin.identity.create_project(name=named("project"), domain_id="default")
    try:
        yield found.id
    finally:
        admin.identity.delete_project(found)


@contextmanager
def owner(admin: openstack.connection.Connection, project_id: str, role: str) -> Iterator[Owner]:
    """Yield a user of its own, with that role in that project alone; the password is the name."""
    name = named(role)
    user = admin.identity.create_user(name=name, password=name, domain_id="default")
    try:
        admin.identity.assign_project_role_to_user(project_id, user, admin.identity.find_role(role))
        with signed_in(name, user.id, project_id, role) as found:
            yield found
    finally:
        admin.identity.delete_user(user)


@contextmanager
def signed_in(name: str, user_id: str, project_id: str, role: str) -> Iterator[Owner]:
    """Yield a user whose password is the name, with a new token."""
    auth = {"username": name, "password": name, "project_id": project_id, "user_domain_id": "default"}
    connection = openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth={"auth_url": os.environ["OS_AUTH_URL"], **auth},
        connect_retries=3,
    )
    caller = Caller(user_id, project_id, frozenset({role}), token=connection.auth_token)
    found = Owner(connection, name, caller)
    try:
        yield found
    finally:
        for ref in reversed(found.made):
            with suppress(Exception):
                found.call("DELETE", ref)


@pytest.fixture
def way(us: Owner) -> Iterator["Way"]:
    """Yield a way to Barbican."""
    port = urlsplit(us.connection.key_manager.get_endpoint()).port
    assert port
    made = Way(port)
    yield made
    made.close()


class Way:
    """A way to a port of this machine that can be cut: what is under way is lost, and nobody is let in."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open = True
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def setting(self) -> str:
        """Return the settings that have Barbican asked this way."""
        return f"[barbican]\nendpoint_override = http://127.0.0.1:{self.port}\n"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                if not self._open:
                    client.close()
                    continue
                try:
                    pair = (client, socket.create_connection(self._target))
                except OSError:  # it is away, and may come back
                    client.close()
                    continue
                self._pairs.append(pair)
                threading.Thread(target=_carry, args=pair, daemon=True).start()

    def cut(self) -> None:
        """Let nothing through."""
        self._open = False
        for each in (end for pair in self._pairs for end in pair):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let all through again."""
        self._open = True

    def close(self) -> None:
        """End it."""
        self.cut()
        self._server.close()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector, one, other, suppress(OSError):
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)

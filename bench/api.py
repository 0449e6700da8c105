"""One client of Evener's API on one connection that stays open. Knows the calls that are measured, no others."""

import http.client
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.topology import API_HOST, API_PORT, STATE

IDENTITY = "/identity/v3"
NETWORKING = "/networking/v2.0"
LBAAS = f"{NETWORKING}/lbaas"
OCTAVIA = "/load-balancer/v2/lbaas"
GONE_S, ACTIVE_S = 20.0, 60.0
POLL_S = 0.005
IDLE_S = 30  # after so long a connection is not used again: the server may be closing it


@dataclass(frozen=True)
class Made:
    """The ids of a complete load balancer, and its address."""

    loadbalancer: str
    vip: str
    pool: str
    monitor: str
    listener: str
    members: tuple[str, ...]


class Api:
    """A session: logs in once; every call raises `RuntimeError` for an answer that is an error."""

    def __init__(self, port: int = API_PORT, state: Path = STATE) -> None:
        self._connection = http.client.HTTPConnection(API_HOST, port, timeout=30)
        self._used_at = time.monotonic()
        auth = yaml.safe_load((state / "clouds.yaml").read_text())["clouds"]["evener"]["auth"]
        self._project = auth["project_name"]
        self.token = self.log_in(auth["username"], auth["password"], self._project)

    def log_in(self, name: str, password: str, project: str) -> str:
        """Return a token."""
        user = {"name": name, "domain": {"id": "default"}, "password": password}
        scope = {"project": {"name": project, "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = json.dumps({"auth": {"identity": identity, "scope": scope}})
        self._connection.request(
            "POST", f"{IDENTITY}/auth/tokens", body, {"Content-Type": "application/json"}
        )
        answer = self._connection.getresponse()
        if answer.read() and answer.status != 201:
            raise RuntimeError(f"Logging in: {answer.status}")
        return str(answer.headers["X-Subject-Token"])

    def become_member(self) -> None:
        """Go on as somebody who is no administrator, but a member of the same project."""
        password = secrets.token_urlsafe()
        user = self.create(f"{IDENTITY}/users", "user", name="bench", password=password)["id"]
        project = self.call("GET", f"{IDENTITY}/projects?name={self._project}")[1]["projects"][0]["id"]
        role = self.call("GET", f"{IDENTITY}/roles?name=member")[1]["roles"][0]["id"]
        path = f"{IDENTITY}/projects/{project}/users/{user}/roles/{role}"
        status, document = self.call("PUT", path)
        if status != 204:
            raise RuntimeError(f"PUT {path}: {status} {document}")
        self.token = self.log_in("bench", password, self._project)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the answer's document, None where it has none."""
        status, text = self._send(method, path, None if body is None else json.dumps(body))
        return status, json.loads(text) if text else None

    def _send(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        headers = {"X-Auth-Token": self.token, "Content-Type": "application/json"}
        if time.monotonic() - self._used_at > IDLE_S:
            self._connection.close()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        self._used_at = time.monotonic()
        return answer.status, text

    def create(self, path: str, kind: str, **values: Any) -> dict[str, Any]:
        """POST an object and return it."""
        status, document = self.call("POST", path, {kind: values})
        if status != 201:
            raise RuntimeError(f"POST {path}: {status} {document}")
        return dict(document[kind])

    def lift_quotas(self) -> None:
        """Let the project have any number of load balancers and pools."""
        project = self.call("GET", f"{NETWORKING}/quotas/tenant")[1]["tenant"]["tenant_id"]
        limits = {"quota": dict.fromkeys(("loadbalancer", "pool", "port", "listener", "member"), -1)}
        status, document = self.call("PUT", f"{NETWORKING}/quotas/{project}", limits)
        if status != 200:
            raise RuntimeError(f"Lifting quotas: {status} {document}")

    def network(self, cidr: str, first: str, last: str) -> tuple[str, str]:
        """Make a network with a subnet that gives out `first` to `last`; return the ids of both."""
        network = self.create(f"{NETWORKING}/networks", "network", name="bench")["id"]
        pools = [{"start": first, "end": last}]
        subnet = self.create(
            f"{NETWORKING}/subnets",
            "subnet",
            network_id=network,
            ip_version=4,
            cidr=cidr,
            allocation_pools=pools,
        )
        return str(network), str(subnet["id"])

    def size(self, path: str) -> int:
        """Return how many bytes the answer to a GET has."""
        return len(self._send("GET", path)[1])

    def member(self, pool: str, subnet: str, address: str, port: int) -> str:
        """Make a member and return its id."""
        path = f"{LBAAS}/pools/{pool}/members"
        made = self.create(path, "member", subnet_id=subnet, address=address, protocol_port=port)
        return str(made["id"])

    def balancer(self, subnet: str, members: Sequence[tuple[str, int]]) -> Made:
        """Make a complete load balancer, one request after the other, waiting for nothing."""
        balancer = self.create(f"{LBAAS}/loadbalancers", "loadbalancer", vip_subnet_id=subnet)
        pool = self.create(
            f"{LBAAS}/pools",
            "pool",
            loadbalancer_id=balancer["id"],
            protocol="HTTP",
            lb_algorithm="ROUND_ROBIN",
        )["id"]
        made = tuple(self.member(pool, subnet, address, port) for address, port in members)
        monitor = self.create(
            f"{LBAAS}/healthmonitors",
            "healthmonitor",
            pool_id=pool,
            type="TCP",
            delay=5,
            timeout=4,
            max_retries=3,
        )["id"]
        listener = self.create(
            f"{LBAAS}/listeners",
            "listener",
            loadbalancer_id=balancer["id"],
            default_pool_id=pool,
            protocol="HTTP",
            protocol_port=80,
        )["id"]
        return Made(balancer["id"], balancer["vip_address"], pool, monitor, listener, made)

    def whole(self, subnet: str, members: Sequence[tuple[str, int]]) -> Made:
        """Make a complete load balancer in one request, waiting for nothing."""
        monitor = {"type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
        below = [
            {"address": address, "protocol_port": port, "subnet_id": subnet} for address, port in members
        ]
        pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "healthmonitor": monitor, "members": below}
        listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
        graph = self.create(
            f"{LBAAS}/graphs", "graph", loadbalancer={"vip_subnet_id": subnet, "listeners": [listener]}
        )
        balancer = graph["loadbalancer"]
        made_pool = balancer["listeners"][0]["default_pool"]
        ids = tuple(str(member["id"]) for member in made_pool["members"])
        monitor_id = made_pool["healthmonitor"]["id"]
        listener_id = balancer["listeners"][0]["id"]
        return Made(balancer["id"], balancer["vip_address"], made_pool["id"], monitor_id, listener_id, ids)

    def listen(self, made: Made, subnet: str, members: Sequence[tuple[str, int]], container: str) -> None:
        """Let a load balancer listen for TLS, with the pool that it has, and for TCP, with one of its own."""
        on = {"loadbalancer_id": made.loadbalancer}
        tls = {"protocol": "TERMINATED_HTTPS", "protocol_port": 443, "default_tls_container_ref": container}
        self.create(f"{LBAAS}/listeners", "listener", default_pool_id=made.pool, **on, **tls)
        pool = self.create(f"{LBAAS}/pools", "pool", protocol="TCP", lb_algorithm="ROUND_ROBIN", **on)["id"]
        for address, port in members:
            self.member(pool, subnet, address, port)
        check = {"type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
        self.create(f"{LBAAS}/healthmonitors", "healthmonitor", pool_id=pool, **check)
        tcp = {"protocol": "TCP", "protocol_port": 81, "default_pool_id": pool}
        self.create(f"{LBAAS}/listeners", "listener", **on, **tcp)

    def remove_all(self, made: Made) -> None:
        """Remove a load balancer with whatever is below it."""
        shown = self.call("GET", f"{LBAAS}/loadbalancers/{made.loadbalancer}")[1]["loadbalancer"]
        for listener in shown["listeners"]:
            self.delete(f"{LBAAS}/listeners/{listener['id']}")
        for pool in shown["pools"]:
            found = self.call("GET", f"{LBAAS}/pools/{pool['id']}")[1]["pool"]
            if found["healthmonitor_id"]:
                self.delete(f"{LBAAS}/healthmonitors/{found['healthmonitor_id']}")
            self.delete(f"{LBAAS}/pools/{pool['id']}")
        self.delete(f"{LBAAS}/loadbalancers/{made.loadbalancer}")

    def delete(self, path: str) -> None:
        """DELETE an object and return when it is gone."""
        status, document = self.call("DELETE", path)
        if status != 204:
            raise RuntimeError(f"DELETE {path}: {status} {document}")
        deadline = time.monotonic() + GONE_S
        while self.call("GET", path)[0] != 404:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path} does not go")
            time.sleep(POLL_S)

    def remove(self, made: Made) -> None:
        """Remove a complete load balancer, and return when it is gone."""
        for path in (
            f"{LBAAS}/listeners/{made.listener}",
            f"{LBAAS}/healthmonitors/{made.monitor}",
            f"{LBAAS}/pools/{made.pool}",
            f"{LBAAS}/loadbalancers/{made.loadbalancer}",
        ):
            self.delete(path)

    def wait_all_active(self) -> None:
        """Return when all load balancers are ACTIVE."""
        deadline = time.monotonic() + ACTIVE_S
        while True:
            found = self.call("GET", f"{LBAAS}/loadbalancers")[1]["loadbalancers"]
            if all(each["provisioning_status"] == "ACTIVE" for each in found):
                return
            if time.monotonic() > deadline:
                raise RuntimeError("Not all load balancers become ACTIVE")
            time.sleep(0.1)

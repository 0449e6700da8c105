"""A real evener-standalone for clients of Octavia's API: Debian's openstack, and requests that see what a client did.

What a test reads back, it reads with requests of its own, never with the client that it is about.
"""

import base64
import json
import shlex
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from e2e.standalone import Api, Standalone, eventually

OCTAVIA = "/load-balancer/v2.0/lbaas"
LBAAS = "/networking/v2.0/lbaas"
PATIENCE_S = 20
Json = dict[str, Any]


class Openstack:
    """Debian's openstack client, logged in with clouds.yaml as it is."""

    def __init__(self, state: Path, cloud: str = "evener") -> None:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(state), "LC_ALL": "C.UTF-8"}
        self._env = {**env, "OS_CLOUD": cloud, "OS_CLIENT_CONFIG_FILE": str(state / "clouds.yaml")}
        self._socket = str(state.parent / "openstack.sock")
        self.said: set[tuple[str, ...]] = set()
        program = str(Path(__file__).with_name("loaded_openstack.py"))
        command = ["/usr/bin/python3", program, self._socket]
        self._server = subprocess.Popen(command, env=self._env, stdout=subprocess.PIPE)
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"

    def close(self) -> None:
        self._server.terminate()
        self._server.communicate(timeout=20)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command; return how it ended and what it printed."""
        self.said.add(words)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(90)
            client.connect(self._socket)
            client.sendall(json.dumps(words).encode() + b"\n")
            with client.makefile() as answer:
                code, output, errors = json.load(answer)
        return subprocess.CompletedProcess(words, code, output, errors)

    def __call__(self, line: str) -> Any:
        """Run `openstack loadbalancer LINE`, which has to succeed; return what it shows."""
        words = shlex.split(line)
        shows = {"create", "show", "list"} & set(words[:3]) and words[0] != "status"
        done = self.run("loadbalancer", *words, *(("-f", "json") if shows else ()))
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout) if shows else done.stdout

    def names(self, line: str) -> list[str]:
        """Return the names in a list, in the order of names."""
        return sorted(each["name"] for each in self(line))

    def refused(self, line: str) -> str:
        """Run `openstack loadbalancer LINE`, which has to fail; return what it says of that."""
        done = self.run("loadbalancer", *shlex.split(line))
        assert done.returncode != 0, done.stdout
        return done.stderr


class OctaviaSite:
    """A standalone with a subnet 10.7.0.0/24, and requests to it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.standalone = Standalone(directory / "server", port)
        self.standalone.start()
        self.state = self.standalone.state
        self.api: Api = self.standalone.api()
        self.network = self.api.create("network", name="NET")
        values = {"network_id": self.network["id"], "cidr": "10.7.0.0/24", "ip_version": 4}
        self.subnet = self.api.create("subnet", name="SUBNET", **values)

    def close(self) -> None:
        self.standalone.purge()

    def openrc(self) -> dict[str, str]:
        """Return the variables that a shell has of the openrc."""
        command = ["bash", "-c", f"unset ${{!OS_*}}; . {self.state}/openrc; env -0"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return dict(entry.split("=", 1) for entry in text.split("\0") if entry.startswith("OS_"))

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Send a request to Octavia's API."""
        return self.api.request(method, f"{OCTAVIA}/{path}", body)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to Octavia's API that has to succeed; return what it answers, without its outermost name."""
        answer = self.send(method, path, body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return next(iter(answer.json().values())) if answer.content else None

    def shows(self, path: str, **expected: Any) -> Json:
        """Expect that an object shows these values; return all of it. Tags come in any order."""
        found: Json = self.ok("GET", path)
        if "tags" in expected:
            found["tags"], expected["tags"] = set(found["tags"]), set(expected["tags"])
        assert {name: found.get(name, "not there") for name in expected} == expected
        return found

    def listed(self, path: str) -> list[Json]:
        """Return a collection of LBaaS v2."""
        answer = self.api.request("GET", f"{LBAAS}/{path}")
        return list(next(iter(answer.json().values())))

    def balancer(self, name: str, **values: Any) -> str:
        """Make a load balancer, wait until it is served, and return its id."""
        body = {"loadbalancer": {"name": name, "vip_subnet_id": self.subnet["id"], **values}}
        made = str(self.ok("POST", "loadbalancers", body)["id"])
        self.active(made)
        return made

    def active(self, balancer_id: str) -> None:
        """Wait until a load balancer is."""

        def is_active() -> bool:
            return bool(self.ok("GET", f"loadbalancers/{balancer_id}")["provisioning_status"] == "ACTIVE")

        eventually(is_active, PATIENCE_S)

    def secret(self, payload: bytes) -> str:
        """Store a secret as Octavia's users do; return its reference."""
        if payload.startswith(b"-----"):
            body = {"payload": payload.decode(), "payload_content_type": "text/plain"}
        else:
            encoded = base64.b64encode(payload).decode()
            body = {"payload": encoded, "payload_content_encoding": "base64"}
            body["payload_content_type"] = "application/octet-stream"
        answer = self.api.request("POST", "/key-manager/v1/secrets", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["secret_ref"])


def until(what: Callable[[], Any]) -> Any:
    """Wait until something is true; return it."""
    return eventually(what, PATIENCE_S)

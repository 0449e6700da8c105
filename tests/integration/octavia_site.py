"""A real evener-standalone for clients of Octavia's API: Debian's openstack, and requests that see what a client did.

What a test reads back, it reads with requests of its own, never with the client that it is about.
"""

import base64
import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from e2e.standalone import Api, Standalone
from made_certificates import authorities, ec_key, make, revoked, served
from waiting import eventually
from warm_programs import warm

OCTAVIA = "/load-balancer/v2.0/lbaas"
LBAAS = "/networking/v2.0/lbaas"
PATIENCE_S = 20
PORT = 18990
CIPHERS = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
FEWER_CIPHERS = "ECDHE-RSA-AES128-GCM-SHA256"
Json = dict[str, Any]


class Openstack:
    """Debian's openstack client, logged in with clouds.yaml as it is."""

    def __init__(self, state: Path, cloud: str = "evener") -> None:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(state), "LC_ALL": "C.UTF-8"}
        self._env = {**env, "OS_CLOUD": cloud, "OS_CLIENT_CONFIG_FILE": str(state / "clouds.yaml")}
        self._program = warm("openstack")
        self.said: set[tuple[str, ...]] = set()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command; return how it ended and what it printed."""
        self.said.add(words)
        return subprocess.run(
            [self._program, *words], env=self._env, capture_output=True, text=True, timeout=300, check=False
        )

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

    def unused(self, *families: str) -> list[str]:
        """Return the options that commands of these families have, and that no command has been run with."""
        program = str(Path(__file__).with_name("openstack_options.py"))
        listed = subprocess.run(["/usr/bin/python3", program], capture_output=True, text=True, check=True)
        known: dict[str, list[list[str]]] = json.loads(listed.stdout)
        found = []
        for command, options in known.items():
            words = tuple(command.split())
            if (words[1] if len(words) > 2 else "") in families:
                said = {word for line in self.said if line[: len(words)] == words for word in line}
                found += [] if said else [command]
                found += [f"{command} {names[-1]}" for names in options if not said & set(names)]
        return found


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

    def furnished(self, name: str) -> str:
        """Make a load balancer with two pools, P1 and P2, and a listener, L80; return its id."""
        made = self.balancer(name)
        for pool in ("P1", "P2"):
            values = {"loadbalancer_id": made, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
            self.ok("POST", "pools", {"pool": {"name": pool, **values}})
        values = {"loadbalancer_id": made, "protocol": "HTTP", "protocol_port": 80}
        self.ok("POST", "listeners", {"listener": {"name": "L80", **values}})
        self.active(made)
        return made

    def named(self, path: str, name: str) -> str:
        """Return the id of the only object of that name."""
        (found,) = (each["id"] for each in self.ok("GET", path) if each["name"] == name)
        return str(found)

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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OctaviaSite]:
    """Return a standalone of the module's own."""
    made = OctaviaSite(tmp_path_factory.mktemp("octavia"), PORT)
    yield made
    made.close()


@pytest.fixture(scope="module")
def openstack(site: OctaviaSite) -> Openstack:
    """Return Debian's client of the site."""
    return Openstack(site.state)


@pytest.fixture(scope="module")
def references(site: OctaviaSite) -> tuple[str, str, str, str]:
    """Return references to secrets: two bundles, an authority, and what it has revoked."""
    root, upper, lower = authorities()
    other = make("api.example.com", ec_key(61), lower, ("api.example.com",))
    payloads = (served().p12(lower, upper), other.p12(lower, upper), root.pem, revoked(root))
    first, second, authority, gone = (site.secret(payload) for payload in payloads)
    return first, second, authority, gone


def wait_each(site: OctaviaSite, openstack: Openstack, commands: Mapping[str, Sequence[str]]) -> None:
    """Run commands of several kinds at once, those of each one after the other on a load balancer W… of its own.

    Each waits, and the load balancer is ACTIVE when it ends. Below are a pool PW… and a listener LW….
    """
    for kind in commands:
        lb = site.balancer(f"W{kind}")
        pool = {"loadbalancer_id": lb, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        site.ok("POST", "pools", {"pool": {"name": f"PW{kind}", **pool}})
        listener = {"loadbalancer_id": lb, "protocol": "HTTP", "protocol_port": 80}
        site.ok("POST", "listeners", {"listener": {"name": f"LW{kind}", **listener}})

    def run(kind: str) -> None:
        for line in commands[kind]:
            openstack(f"{kind} {line.format(lb=f'W{kind}')}")
            listed = openstack(f"list --name W{kind}")
            assert {each["provisioning_status"] for each in listed} <= {"ACTIVE"}, line

    with ThreadPoolExecutor(len(commands)) as threads:
        list(threads.map(run, commands))
    for kind in commands:
        openstack(f"delete --cascade W{kind}")


def everything_ran(request: pytest.FixtureRequest) -> None:
    """Skip a test that is about all tests of its file, where only some of them were asked for."""
    if request.config.option.keyword or any("::" in each for each in request.config.args):
        pytest.skip("only some of the tests here were asked for")

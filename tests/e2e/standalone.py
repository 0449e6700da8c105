"""The real evener-standalone with its API, and servers and clients on its networks, for end-to-end tests.

Everything is made the way a user makes it: a program started, requests sent, interfaces plugged with ip(8).
"""

import http.client
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import requests
import yaml
from keystoneauth1 import session
from keystoneauth1.exceptions import ConnectFailure
from keystoneauth1.identity import v3

from evener.host import netns
from haproxy_rig import Web
from migrated import furnish
from waiting import eventually
from warm_programs import start, warm

PROGRAM = (str(Path(sys.executable).parent / "evener-standalone"),)
NETWORKING = "/networking/v2.0"
# On a machine where each may have to wait for seconds: an answer, a program's end, a program that does one thing.
ANSWER_S, END_S, LONG_S = 30.0, 60.0, 180.0
# No resync while a test runs: what is repaired is repaired because an event said so.
CONFIG = """[DEFAULT]
state_path = {state}
periodic_interval = 1
resync_interval = 3600
[api]
bind_port = {port}
"""


def ip(*commands: str) -> None:
    """Run commands of ip(8), all of which must succeed."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


class Thing(dict[str, Any]):
    """An object as the API showed it, with its URL's path and the name its kind has in bodies."""

    def __init__(self, kind: str, path: str, shown: dict[str, Any]) -> None:
        super().__init__(shown)
        self.kind, self.path = kind, f"{path}/{shown['id']}"


class Api:
    """Requests by the administrator whom the first start wrote into clouds.yaml."""

    def __init__(self, url: str, clouds: Path) -> None:
        auth = yaml.safe_load(clouds.read_text())["clouds"]["evener"]["auth"]
        self.url = url
        self.session = session.Session(v3.Password(**auth, reauthenticate=True))

    def request(self, method: str, path: str, body: Any = None) -> requests.Response:
        answer = self.session.request(
            f"{self.url}{path}", method, json=body, authenticated=True, raise_exc=False, endpoint_override=""
        )
        if (
            answer.status_code == 502
        ):  # said by HAProxy in front, in the moment that it outlives what was killed
            raise requests.ConnectionError(answer.text)
        return answer

    def _good(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.request(method, path, body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def collection(self, kind: str, pool_id: str | None = None) -> str:
        if kind in ("network", "subnet", "port", "router", "floatingip", "security_group"):
            return f"{NETWORKING}/{kind.replace('_', '-')}s"
        return f"{NETWORKING}/lbaas/" + (f"pools/{pool_id}/members" if kind == "member" else f"{kind}s")

    def create(self, kind: str, pool_id: str | None = None, **values: Any) -> Thing:
        path = self.collection(kind, pool_id)
        if kind != "member" and pool_id:
            values["pool_id"] = pool_id
        return Thing(kind, path, self._good("POST", path, {kind: values})[kind])

    def have(self, kind: str, name: str, pool_id: str | None = None, **values: Any) -> Thing:
        """Return the object of that name, made now if there is none."""
        there = self.named(kind, name, pool_id)
        return there[0] if there else self.create(kind, pool_id, name=name, **values)

    def named(self, kind: str, name: str, pool_id: str | None = None) -> list[Thing]:
        """Return the objects of that name."""
        path = self.collection(kind, pool_id)
        return [Thing(kind, path, shown) for shown in self._good("GET", f"{path}?name={name}")[f"{kind}s"]]

    def show(self, thing: Thing) -> dict[str, Any]:
        return self._good("GET", thing.path)[thing.kind]

    def update(self, thing: Thing, **values: Any) -> None:
        self._good("PUT", thing.path, {thing.kind: values})

    def delete(self, thing: Thing) -> None:
        self._good("DELETE", thing.path)

    def exists(self, thing: Thing) -> bool:
        return self.request("GET", thing.path).status_code != 404

    def statuses(self, balancer: Thing) -> dict[str, Any]:
        return self._good("GET", f"{balancer.path}/statuses")["statuses"]["loadbalancer"]

    def operating(self, balancer: Thing, attribute: str = "operating_status") -> dict[str, str]:
        """Return the operating status, or another attribute, of what has it in the tree of statuses, by id."""
        found: dict[str, str] = {}

        def walk(node: Any) -> None:
            for child in node if isinstance(node, list) else node.values() if isinstance(node, dict) else ():
                walk(child)
            if isinstance(node, dict) and attribute in node:
                found[node["id"]] = node[attribute]

        walk(self.statuses(balancer))
        return found

    def stats(self, balancer: Thing) -> dict[str, int]:
        return self._good("GET", f"{balancer.path}/stats")["stats"]

    def detailed_stats(self, balancer: Thing) -> dict[str, Any]:
        return self._good("GET", f"{balancer.path}/stats?detail=true")["stats"]

    def wait_active(self, balancer: Thing, within_s: float = 15.0) -> None:
        def active() -> bool:
            return self.show(balancer)["provisioning_status"] == "ACTIVE"

        eventually(active, within_s, lambda: self.statuses(balancer))

    def wait_gone(self, balancer: Thing, within_s: float = 15.0) -> None:
        eventually(lambda: not self.exists(balancer), within_s)


@contextmanager
def frozen(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let a process do nothing meanwhile."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


class Standalone:
    """One evener-standalone, with state of its own; tests that give it another command migrate from nothing."""

    def __init__(
        self, directory: Path, port: int, program: Sequence[str] = PROGRAM, settings: str = ""
    ) -> None:
        self.directory, self.state, self.program = directory, directory / "state", program
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True)
        self.config = directory / "evener.conf"
        self.config.write_text(CONFIG.format(state=self.state, port=port) + settings)

    def start(self) -> None:
        """Start it, and return once it answers."""
        if (
            not self.state.exists()
            and self.program == PROGRAM
            and "[database]" not in self.config.read_text()
        ):
            furnish(self.state)
        with (self.directory / "output").open("ab") as output:
            command = [*self.program, "--config-file", str(self.config)]
            self.process = start(command, output)
        eventually(self._answers, 30, lambda: (self.directory / "output").read_text()[-2000:])

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (
            f"{self.process.returncode} {(self.directory / 'output').read_text()[-2000:]}"
        )
        try:
            return requests.get(f"{self.url}/healthcheck", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def api(self) -> Api:
        return Api(self.url, self.state / "clouds.yaml")

    def kill(self) -> None:
        self.process.kill()
        self.wait_ended()

    def wait_ended(self) -> None:
        """Wait until it has been killed, by `kill` or by itself."""
        assert self.process.wait(END_S) == -signal.SIGKILL

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(END_S) == 0

    def frozen(self) -> AbstractContextManager[None]:
        """Let it do nothing meanwhile."""
        return frozen(self.process)

    def restart(self) -> None:
        self.stop()
        self.start()

    def purge(self) -> None:
        if self.process.poll() is None:
            self.stop()
        purging = [warm(*PROGRAM), "--config-file", str(self.config), "--purge"]
        subprocess.run(purging, check=True, timeout=LONG_S)

    def warnings(self) -> list[str]:
        """Return the lines of the log that an operator should see."""
        lines = (self.state / "evener.log").read_text().splitlines()
        return [line for line in lines if " WARNING " in line or " ERROR " in line]

    def directory_of(self, balancer: Thing) -> Path:
        return self.state / "lbaas" / "v2" / balancer["id"]


def ip_in(namespace: str, command: str) -> None:
    """Run one command of ip(8) inside a namespace."""
    subprocess.run(["ip", "-n", namespace, *command.split()], check=True)


class Host:
    """A namespace with a port on a network: a server, or a client."""

    def __init__(self, api: Api, subnet: Thing, name: str) -> None:
        self.api, self.namespace = api, name
        fixed_ips = [{"subnet_id": subnet["id"]}]
        self.port = api.create("port", name=name, network_id=subnet["network_id"], fixed_ips=fixed_ips)
        self.address = self.port["fixed_ips"][0]["ip_address"]
        self.network_id, self.link = subnet["network_id"], "e2e" + self.port["id"][:11]
        self.bridge = "brq" + self.network_id[:11]
        length = subnet["cidr"].partition("/")[2]
        ip(
            f"netns add {name}",
            f"link add {self.link} type veth peer name eth0 netns {name}",
        )
        self.join()
        with netns.inside(name):
            ip(
                "link set lo up",
                f"link set eth0 address {self.port['mac_address']} up",
                f"address add {self.address}/{length} dev eth0" + (" nodad" if ":" in self.address else ""),
            )
        self.webs: list[Web] = []

    def web(self, name: str, port: int = 80) -> Web:
        """Start an HTTP server that answers `name`."""
        self.webs.append(Web(self, name, self.address, port, None))
        return self.webs[-1]

    def get(self, address: str, port: int = 80, timeout_s: float = ANSWER_S) -> str:
        """Return the body of a good answer to a request on a connection of its own.

        Raises:
            OSError, http.client.HTTPException, AssertionError: for every other outcome.
        """
        client = http.client.HTTPConnection(address, port, timeout=timeout_s)
        try:
            with netns.inside(self.namespace):
                client.connect()
            client.request("GET", "/", headers={"Connection": "close"})
            answer = client.getresponse()
            body = answer.read().decode()
            assert answer.status == 200, f"{answer.status} {body}"
            return body
        finally:
            client.close()

    def answers(self, address: str, port: int = 80) -> bool:
        try:
            return bool(self.get(address, port, timeout_s=2.0))
        except (OSError, http.client.HTTPException, AssertionError):
            return False

    def spread(self, address: str, requests: int, port: int = 80) -> Counter[str]:
        return Counter(self.get(address, port) for _ in range(requests))

    def shares(self, address: str, expected: Mapping[str, int]) -> bool:
        """Say whether as many requests as `expected` says are answered so."""
        try:
            return self.spread(address, sum(expected.values())) == expected
        except (OSError, http.client.HTTPException, AssertionError):
            return False

    def join(self) -> None:
        """Plug into the network, once that is there."""
        eventually(lambda: Path(f"/sys/class/net/{self.bridge}").exists())
        self.rejoin()

    def rejoin(self) -> None:
        """Plug into the bridge again, when that is another one by now."""
        ip(f"link set {self.link} master {self.bridge} up")

    def stop(self) -> None:
        for web in self.webs:
            web.stop()

    def remove(self) -> None:
        ip(f"link delete {self.link}", f"netns delete {self.namespace}")
        with suppress(ConnectFailure):  # of a server that a failed test has stopped; its purge comes
            self.api.delete(self.port)


class Traffic:
    """Requests one after the other, as long as the block runs; what failed is in `failures`."""

    def __init__(self, client: Host, address: str, port: int = 80) -> None:
        self.client, self.address, self.port = client, address, port
        self.bodies: Counter[str] = Counter()
        self.failures: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended.wait(0.01):
            try:
                self.bodies[self.client.get(self.address, self.port)] += 1
            except Exception as error:  # noqa: BLE001 - whatever a client could meet
                self.failures.append(f"{time.strftime('%X')} {error!r}")

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: sum(self.bodies.values()) + len(self.failures) > 3)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def assert_unharmed(self) -> None:
        assert not self.failures, f"{len(self.failures)} failed, {self.bodies}: {self.failures[:5]}"
        assert self.bodies


@dataclass
class Balancer:
    """A complete load balancer, as `Cloud.balancer` makes it."""

    lb: Thing
    listener: Thing
    pool: Thing
    monitor: Thing
    members: dict[str, Thing] = field(default_factory=dict)

    @property
    def vip(self) -> str:
        return self.lb["vip_address"]

    @property
    def namespace(self) -> str:
        return f"qlbaas-{self.lb['id']}"

    @property
    def tap(self) -> str:
        return f"tap{self.lb['vip_port_id'][:11]}"

    @property
    def inner(self) -> str:
        return f"ns-{self.lb['vip_port_id'][:11]}"


class Cloud:
    """A standalone with one network, two servers `web1` and `web2`, and a client on it."""

    def __init__(
        self,
        standalone: Standalone,
        cidr: str,
        prefix: str = "",
        host: Callable[..., Host] = Host,
        api: Api | None = None,
    ) -> None:
        self.standalone, self.prefix, self._make_host = standalone, prefix, host
        self.api = api or standalone.api()
        self.subnet = self.make_subnet("net", cidr)
        self.hosts: list[Host] = []
        self.client = self.host("client")
        self.webs = [self.host(name).web(name) for name in ("web1", "web2")]

    def make_subnet(self, name: str, cidr: str) -> Thing:
        network = self.api.create("network", name=name)
        version = 6 if ":" in cidr else 4
        return self.api.create("subnet", network_id=network["id"], cidr=cidr, ip_version=version)

    def host(self, name: str, subnet: Thing | None = None) -> Host:
        self.hosts.append(self._make_host(self.api, subnet or self.subnet, self.prefix + name))
        return self.hosts[-1]

    def _target(self, web: Web, subnet: Thing | None) -> dict[str, Any]:
        subnet_id = (subnet or self.subnet)["id"]
        return {"name": web.name, "address": web.address, "protocol_port": web.port, "subnet_id": subnet_id}

    def member(self, pool: Thing, web: Web, subnet: Thing | None = None) -> Thing:
        return self.api.have("member", pool_id=pool["id"], **self._target(web, subnet))

    def post_member(self, pool: Thing, web: Web) -> requests.Response:
        body = {"member": self._target(web, None)}
        return self.api.request("POST", self.api.collection("member", pool["id"]), body)

    def balancer(
        self,
        name: str,
        *,
        subnet: Thing | None = None,
        webs: Sequence[Web] | None = None,
        port: int = 80,
        retries: int = 2,
        wait: bool = True,
    ) -> Balancer:
        """Return a load balancer over `webs`, a check a second; what is there by `name` already is used."""
        api, subnet = self.api, subnet or self.subnet
        lb = api.have("loadbalancer", name, vip_subnet_id=subnet["id"])
        below = {"loadbalancer_id": lb["id"], "protocol": "HTTP"}
        pool = api.have("pool", f"{name}-pool", **below, lb_algorithm="ROUND_ROBIN")
        checks = {"type": "TCP", "delay": 1, "timeout": 1, "max_retries": retries}
        monitor = api.have("healthmonitor", f"{name}-monitor", pool["id"], **checks)
        webs = self.webs if webs is None else webs
        members = {web.name: self.member(pool, web, subnet) for web in webs}
        front = {**below, "default_pool_id": pool["id"], "protocol_port": port}
        balancer = Balancer(lb, api.have("listener", f"{name}-http", **front), pool, monitor, members)
        if wait:
            api.wait_active(lb)
        return balancer

    def delete(self, balancer: Balancer, *, wait: bool = True) -> None:
        """Delete a load balancer from the bottom up; what has gone, or is on its way, is fine."""
        below = (balancer.listener, *balancer.members.values(), balancer.monitor, balancer.pool)
        for thing in (*below, balancer.lb):
            answer = self.api.request("DELETE", thing.path)
            assert answer.status_code in (204, 404) or "PENDING_DELETE" in answer.text, answer.text
        if wait:
            self.api.wait_gone(balancer.lb)

    def remove(self) -> None:
        with ExitStack() as attempts:  # each whatever becomes of the others
            for host in self.hosts:
                attempts.callback(host.remove)
                attempts.callback(host.stop)


def traces(balancer_id: str = "", port_id: str = "") -> list[str]:
    """Return what is on this machine of one load balancer and its port, or of all, networks included."""
    found = [name for name in _names("/run/netns") if name.startswith(f"qlbaas-{balancer_id}")]
    found += [name for name in _names("/run/netns") if name.startswith("qrouter-") and not balancer_id]
    prefixes = (f"tap{port_id[:11]}",) if port_id else ("tap", "brq", "ns-")
    found += [name for name in _names("/sys/class/net") if name.startswith(prefixes)]
    return found + [f"{pid} {command}" for pid, command in haproxies(balancer_id).items()]


def settled(balancer_id: str = "") -> dict[int, str]:
    """Return the processes of one load balancer once no worker of an earlier reload is left: a master, a worker."""
    eventually(lambda: len(haproxies(balancer_id)) == 2, why=lambda: haproxies(balancer_id))
    return haproxies(balancer_id)


def _names(directory: str) -> list[str]:
    return [entry.name for entry in Path(directory).iterdir()]


def haproxies(balancer_id: str = "") -> dict[int, str]:
    """Return the command lines of living HAProxy processes that serve load balancers, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, NotADirectoryError):
            continue
        of_the_api = "-L evener:" in command
        if "haproxy" in command.partition(" ")[0] and balancer_id in command and not of_the_api:
            found[int(entry.name)] = command
    return found

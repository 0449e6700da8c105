"""A real Neutron server without Keystone, and its real L2 agents, each as if on a host of its own."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import make_url

from cloud.neutron_server import PROGRAMS, TABLES
from integration.api_front import free_port
from integration.databases import _administer as administer
from waiting import eventually

LINUX_BRIDGE, OPEN_VSWITCH = "neutron-linuxbridge-agent", "neutron-openvswitch-agent"
LONG_S = 120.0
SETTINGS = """[DEFAULT]
state_path = {directory}/{host}
core_plugin = ml2
service_plugins =
auth_strategy = noauth
transport_url = {transport_url}
host = {host}
bind_host = 127.0.0.1
bind_port = {port}
api_workers = 1
rpc_workers = 1
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
interface_driver = openvswitch
[agent]
root_helper =
report_interval = 5
polling_interval = 1
tunnel_types =
[database]
connection = {database}
[experimental]
linuxbridge = true
[oslo_concurrency]
lock_path = {directory}/{host}
[ml2]
type_drivers = flat,local
tenant_network_types = local
mechanism_drivers = {mechanisms}
[securitygroup]
enable_security_group = false
firewall_driver = noop
[vxlan]
enable_vxlan = false
[ovs]
datapath_type = netdev
ovsdb_connection = {switch}
"""


def has(program: str) -> bool:
    """Return whether one of Neutron's programs is installed."""
    return (PROGRAMS / program).exists()


class NeutronNode:
    """Its server, on a database of MariaDB's at `database`, and agents that are started by their names."""

    def __init__(self, directory: Path, database: str, transport_url: str, switch: str) -> None:
        self.directory = directory
        url = make_url(database)
        administer(url, "CREATE DATABASE neutron CHARACTER SET utf8mb3")
        socket = url.query["unix_socket"]
        mechanisms = [*(["linuxbridge"] if has(LINUX_BRIDGE) else []), "openvswitch"]
        self._values = {
            "directory": directory,
            "database": f"mysql+pymysql://root@localhost/neutron?unix_socket={socket}",
            "transport_url": transport_url,
            "switch": switch,
            "port": free_port(),
            "mechanisms": ",".join(mechanisms),
        }

    def _command(self, program: str, host: str) -> list[str]:
        file = self.directory / f"{host}.conf"
        file.write_text(SETTINGS.format(host=host, **self._values))
        (self.directory / host).mkdir(exist_ok=True)
        return [str(PROGRAMS / program), "--config-file", str(file)]

    @contextmanager
    def running(self, program: str, host: str, ready: Callable[[], object]) -> Iterator[None]:
        """Run a program until the block ends, which begins once it is `ready`."""
        log = self.directory / f"{program}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(self._command(program, host), stdout=output, stderr=output)
        try:

            def is_ready() -> object:
                assert process.poll() is None, log.read_text()[-3000:]
                time.sleep(0.3)  # each look costs a request
                return ready()

            eventually(is_ready, LONG_S, lambda: log.read_text()[-3000:])
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()

    @contextmanager
    def server(self) -> Iterator[None]:
        """Run the server, with all its tables."""
        python = PROGRAMS / "python3"
        python = python if python.exists() else Path(shutil.which("python3") or "python3")
        subprocess.run([python, "-c", TABLES, str(self._values["database"])], check=True)
        with self.running("neutron-server", "controller", self._answers):
            yield

    @contextmanager
    def agent(self, program: str, host: str) -> Iterator[None]:
        """Run an agent of Neutron's, from when it is listed."""
        with self.running(program, host, lambda: host in {each["host"] for each in self.agents()}):
            yield

    def _answers(self) -> bool:
        with suppress(requests.ConnectionError, requests.Timeout):
            return self.ask("GET", "networks").ok
        return False

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Ask as an administrator."""
        url = f"http://127.0.0.1:{self._values['port']}/v2.0/{path}"
        return requests.request(method, url, json=body, timeout=60)

    def make(self, kind: str, **values: Any) -> dict[str, Any]:
        answer = self.ask("POST", f"{kind}s", {kind: {"tenant_id": "project", **values}})
        assert answer.status_code == 201, answer.text
        return dict(answer.json()[kind])

    def change(self, kind: str, object_id: str, **values: Any) -> None:
        answer = self.ask("PUT", f"{kind}s/{object_id}", {kind: values})
        assert answer.ok, answer.text

    def status(self, port_id: str) -> str:
        return str(self.ask("GET", f"ports/{port_id}").json()["port"]["status"])

    def agents(self) -> list[dict[str, Any]]:
        """Return those that are alive."""
        return [each for each in self.ask("GET", "agents").json()["agents"] if each["alive"]]

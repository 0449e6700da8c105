"""A Neutron server with Evener's plugin in it, on a database file, where Neutron is installed; no cloud is needed.

Keystone is away: who calls is said in the headers that its filter would set.
"""

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

# Debian's Neutron, or another one, by the directory of its programs.
PROGRAMS = Path(os.environ.get("EVENER_TEST_NEUTRON", "/usr/bin"))
INSTALLED = (PROGRAMS / "neutron-server").exists()
UWSGI = (
    Path("/usr/bin/uwsgi").exists() and (PROGRAMS / "neutron-api").exists() and Path("/usr/bin") == PROGRAMS
)
OWNER = "neutron:LOADBALANCERV2"
STARTED_S, ENDED_S = 300.0, 120.0  # on a busy machine
REPOSITORY = Path(__file__).parents[2]
SETTINGS = """[DEFAULT]
state_path = {directory}
core_plugin = ml2
service_plugins = {plugins}
auth_strategy = keystone
transport_url = fake:/
bind_host = 127.0.0.1
bind_port = {port}
api_workers = 1
rpc_workers = 0
api_paste_config = {directory}/api-paste.ini
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
{default}
[database]
connection = sqlite:///{directory}/neutron.sqlite
[oslo_concurrency]
lock_path = {directory}
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers =
[evener]
{evener}
"""
PIPELINE = """[composite:neutron]
use = egg:Paste#urlmap
/: versions
/v2.0: api
[pipeline:api]
pipeline = http_proxy request_id catch_errors caller extensions neutron_api
[pipeline:versions]
pipeline = neutron_versions
[filter:http_proxy]
paste.filter_factory = oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory
[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory
[filter:catch_errors]
paste.filter_factory = oslo_middleware:CatchErrors.factory
[filter:caller]
paste.filter_factory = neutron.auth:NeutronKeystoneContext.factory
[filter:extensions]
paste.filter_factory = neutron.api.extensions:plugin_aware_extension_middleware_factory
[app:neutron_versions]
paste.app_factory = neutron.pecan_wsgi.app:versions_factory
[app:neutron_api]
paste.app_factory = neutron.api.v2.router:APIRouter.factory
"""
TABLES = (
    "import sys, sqlalchemy; from neutron.db.migration.models import head;"
    " head.get_metadata().create_all(sqlalchemy.create_engine(sys.argv[1]))"
)


def install_plugin(directory: Path) -> Path:
    """Install the plugin, as a distribution of its own, and return where."""
    where = directory / "plugin"
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "install", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", where, REPOSITORY / "neutron-plugin"], check=True
    )
    return where


@dataclass(frozen=True)
class Neutron:
    """A server that runs, or the programs beside it."""

    directory: Path
    plugin: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v2.0"

    @property
    def log(self) -> str:
        return (self.directory / "server.log").read_text()

    @property
    def settings(self) -> Path:
        return self.directory / "neutron.conf"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.plugin)}

    def configure(
        self, evener: str, plugins: str = "router,lbaasv2", default: str = "", more: str = ""
    ) -> None:
        text = SETTINGS.format(
            directory=self.directory, port=self.port, evener=evener, plugins=plugins, default=default
        )
        self.settings.write_text(text + more)
        (self.directory / "api-paste.ini").write_text(PIPELINE)

    def run(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one of Neutron's programs with the server's settings."""
        return subprocess.run(
            [PROGRAMS / program, "--config-file", self.settings, *arguments],
            env=self.environment(),
            check=False,
            capture_output=True,
            text=True,
        )

    def _under_uwsgi(self) -> list[str]:
        """Return the command with the settings of Debian's `neutron-api-uwsgi.ini` that answers depend on."""
        words = "uwsgi --plugins http,python3 --master --lazy-apps --enable-threads --processes 2 --threads 4"
        words += " --buffer-size 65535 --rem-header Content-Length --die-on-term --need-app"
        where = ["--http", f"127.0.0.1:{self.port}", "--wsgi-file", str(PROGRAMS / "neutron-api")]
        return [
            *words.split(),
            *where,
            "--add-header",
            "Connection: close",
            "--pyargv",
            f"--config-file {self.settings}",
        ]

    @contextmanager
    def serving(self, uwsgi: bool = False) -> Iterator["Neutron"]:
        """Have the server answer: by itself, or under uWSGI as Debian has it."""
        url = f"sqlite:///{self.directory}/neutron.sqlite"
        subprocess.run([PROGRAMS / "python3", "-c", TABLES, url], env=self.environment(), check=True)
        with (self.directory / "server.log").open("wb") as log:
            server = subprocess.Popen(
                self._under_uwsgi()
                if uwsgi
                else [PROGRAMS / "neutron-server", "--config-file", self.settings],
                env=self.environment(),
                stdout=log,
                stderr=log,
            )
        try:
            self._wait(server)
            yield self
        finally:
            server.terminate()
            server.wait(ENDED_S)

    def _wait(self, server: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + STARTED_S
        while True:
            assert server.poll() is None, self.log[-3000:]
            assert time.monotonic() < deadline, self.log[-3000:]
            try:
                requests.get(f"http://127.0.0.1:{self.port}/", timeout=5)
                return
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.2)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        user: str = "ann",
        roles: str = "admin,member,reader",
        **more: Any,
    ) -> requests.Response:
        """Return the answer to a request of this user, whose project is called like her."""
        caller = {"X-User-Id": user, "X-User-Name": user, "X-Project-Id": user, "X-Roles": roles}
        headers = {"X-Auth-Token": f"token of {user}", **caller, **more.pop("headers", {})}
        url = path if "://" in path else self.url + path
        return requests.request(method, url, json=body, headers=headers, timeout=60, **more)


@dataclass
class Answering:
    """What a server in evener-api's place has been asked, and what it answers."""

    status: int = 200
    reason: str = "OK"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    asked: "list[Asked]" = field(default_factory=list)
    delay_s: float = 0


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int]


@contextmanager
def answering(port: int) -> Iterator[Answering]:
    """Stand in for evener-api, to see what comes and to answer what no Evener would; and for a Keystone."""
    answer = Answering()
    connections: list[socket.socket] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            connections.append(self.connection)

        def _give_token(self) -> None:
            body = json.dumps({"token": {"expires_at": "2099-01-01T00:00:00.000000Z"}}).encode()
            self.send_response_only(201)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Subject-Token", "of the plugin")
            self.end_headers()
            self.wfile.write(body)

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/identity/v3/auth/tokens":
                self._give_token()
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer.asked.append(Asked(self.command, self.path, headers, body, self.client_address[:2]))
            time.sleep(answer.delay_s)
            self.send_response_only(answer.status, answer.reason)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield answer
    finally:
        server.shutdown()
        server.server_close()
        for each in connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def json_of(answer: requests.Response, status: int = 200) -> Any:
    """Return the JSON of a good answer."""
    assert answer.status_code == status, answer.text
    return json.loads(answer.text)


def credentials(port: int) -> str:
    """Return the settings of the plugin's own credentials; what stands in for evener-api has tokens as well."""
    return (
        f"auth_type = v3password\nauth_url = http://127.0.0.1:{port}/identity/v3\n"
        "username = neutron\npassword = secret\nuser_domain_id = default\n"
    )


def make_port(neutron: Neutron, network: str, **more: Any) -> dict[str, Any]:
    """Make a port of a load balancer."""
    wanted = {"network_id": network, "device_owner": OWNER, "device_id": "lb-1", **more}
    port = json_of(neutron.ask("POST", "/ports", {"port": wanted}, user="evener"), 201)["port"]
    return dict(port)


def told(evener: Answering, port: dict[str, Any]) -> int:
    """Return how many times Evener was told of a port; what came of others may be of an earlier test's."""
    bodies = [json.loads(asked.body) for asked in evener.asked if asked.target == "/neutron/ports"]
    return sum(each["ports"].count(port["id"]) for each in bodies)

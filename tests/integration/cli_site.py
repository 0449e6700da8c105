"""A real evener-standalone with hosts on its network, and the shell environment its openrc makes, for the client.

Must not send requests in the client's place, but to look at what the client did.
"""

import http.client
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import requests
from keystoneauth1 import session
from keystoneauth1.identity import v3

from evener.host import netns
from haproxy_rig import Web
from waiting import eventually
from warm_programs import start, warm

PROGRAMS = Path(sys.executable).parent
EVENER = str(PROGRAMS / "evener")
CONFIG = "[DEFAULT]\nstate_path = {state}\nperiodic_interval = 1\n[api]\nbind_port = {port}\n"


def ip(*commands):
    """Run commands of ip(8), all of which must succeed."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


class Site:
    """One evener-standalone, with state of its own, until `close`."""

    def __init__(self, directory, port):
        self.state, self.url = directory / "state", f"http://127.0.0.1:{port}"
        config = directory / "evener.conf"
        config.write_text(CONFIG.format(state=self.state, port=port))
        self.command = [str(PROGRAMS / "evener-standalone"), "--config-file", str(config)]
        with (directory / "output").open("ab") as output:
            self.process = start(self.command, output)
        self.hosts = {}
        eventually(self._answers, 60)
        self.environment = self._environment()
        self.session = self._session()

    def _answers(self):
        assert self.process.poll() is None
        try:
            return requests.get(f"{self.url}/healthcheck", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def _environment(self):
        """What a shell has after sourcing the openrc, which is all that a client is given."""
        command = ["bash", "-c", f"unset ${{!OS_*}}; . {self.state}/openrc; env -0"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)

    def _session(self):
        names = ("auth_url", "username", "password", "project_name", "user_domain_id", "project_domain_id")
        return session.Session(v3.Password(**{one: self.environment[f"OS_{one.upper()}"] for one in names}))

    def get(self, path):
        """What the API answers, without its outermost name; None for an error."""
        answer = self.session.get(f"{self.url}/networking/v2.0/{path}", raise_exc=False)
        return next(iter(answer.json().values())) if answer.ok else None

    def make(self, kind, **values):
        answer = self.session.post(f"{self.url}/networking/v2.0/{kind}s", json={kind: values})
        return answer.json()[kind]

    def run(self, *words, **more):
        """Run `evener` with `words`; return what it printed and how it ended."""
        environment = {**self.environment, **more}
        return subprocess.run(
            [warm(EVENER), *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def subnet(self, name, cidr):
        network = self.make("network", name=name.replace("SUBNET", "NET"))
        return self.make("subnet", name=name, network_id=network["id"], cidr=cidr, ip_version=4)

    def host(self, subnet, name, *, serves):
        """Plug a namespace into the subnet's network; it may serve its name on port 80."""
        self.hosts[name] = Host(self, subnet, name)
        if serves:
            rig = SimpleNamespace(namespace=name)
            self.hosts[name].web = Web(rig, name, self.hosts[name].address, 80, None)
        return self.hosts[name]

    def close(self):
        for host in self.hosts.values():
            host.remove()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        subprocess.run([warm(self.command[0]), *self.command[1:], "--purge"], check=True, timeout=180)


class Host:
    """A namespace with a port on a network."""

    def __init__(self, site, subnet, name):
        self.namespace, self.web = name, None
        port = site.make("port", name=name, network_id=subnet["network_id"])
        self.address, self.link = port["fixed_ips"][0]["ip_address"], f"cli{port['id'][:11]}"
        bridge = f"brq{subnet['network_id'][:11]}"
        eventually(lambda: Path(f"/sys/class/net/{bridge}").exists())
        ip(
            f"netns add {name}",
            f"link add {self.link} type veth peer name eth0 netns {name}",
            f"link set {self.link} master {bridge} up",
        )
        with netns.inside(name):
            ip(
                "link set lo up",
                f"link set eth0 address {port['mac_address']} up",
                f"address add {self.address}/24 dev eth0",
            )

    def get(self, address):
        """Return the body of the answer to a request on a connection of its own; "" where there is none."""
        client = http.client.HTTPConnection(address, 80, timeout=20)
        try:
            with netns.inside(self.namespace):
                client.connect()
            client.request("GET", "/", headers={"Connection": "close"})
            answer = client.getresponse()
            return answer.read().decode() if answer.status == 200 else ""
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            client.close()

    def remove(self):
        if self.web is not None:
            self.web.stop()
        ip(f"link delete {self.link}", f"netns delete {self.namespace}")

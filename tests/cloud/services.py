"""Evener's programs beside the cloud that runs here, each a process, with settings and state of their own."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, func, select

from evener.store.schema import agents
from waiting import eventually_there as eventually

BIN = Path(sys.executable).parent
API, CONTROLLER, AGENT = "evener-api", "evener-controller", "evener-agent"
PORT = 9876
ENDED_S = 120.0  # on a busy machine


class Services:
    """The programs; `restart` and the like take their names."""

    def __init__(self, directory: Path, settings: str) -> None:
        self.directory = directory
        self.file = directory / "evener.conf"
        self.file.write_text(settings)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, tuple[str, tuple[str, ...]]] = {}

    def run(self, program: str, *words: str) -> None:
        """Run one to its end."""
        subprocess.run([BIN / program, "--config-file", self.file, *words], check=True)

    def start(self, program: str, *words: str, name: str | None = None) -> None:
        """Start one, with its output in a file of its name; `name` is another one's of the same program."""
        name = name or program
        self._started[name] = (program, words)
        with (self.directory / f"{name}.out").open("ab") as output:
            self._running[name] = subprocess.Popen(
                [BIN / program, "--config-file", self.file, *words], stdout=output, stderr=output
            )

    def start_again(self, name: str) -> None:
        """Start one that has ended, as it was."""
        program, words = self._started[name]
        self.start(program, *words, name=name)

    def send(self, name: str, number: signal.Signals) -> None:
        """Send one a signal."""
        self._running[name].send_signal(number)

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End one."""
        process = self._running.pop(name)
        process.send_signal(number)
        process.wait(ENDED_S)

    def end_all(self) -> None:
        """End all, the agent's load balancers too."""
        for name in tuple(self._running):
            self.end(name)

    def said(self) -> str:
        """Return the ends of their logs."""
        state = self.directory / "state"
        files = [*self.directory.glob("*.out"), *state.glob("*.log")]
        return "\n".join(
            f"== {each.name}\n" + "\n".join(each.read_text().splitlines()[-30:]) for each in files
        )

    def answers(self, port: int = PORT) -> bool:
        """Return whether the API does."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=2) as answer:
            return bool(answer.status == 200)

    def have_an_agent(self) -> bool:
        """Return whether one was heard of: what is made before is refused."""
        engine = create_engine(database())
        try:
            with engine.connect() as connection:
                return bool(connection.scalar(select(func.count()).select_from(agents)))
        finally:
            engine.dispose()


def database() -> str:
    """Return where the tables are."""
    return os.environ.get("EVENER_DATABASE", "mysql+pymysql://os:os@127.0.0.1/evener")


def settings(state: Path) -> str:
    """Return the settings of all programs beside the cloud of `cloud/up`."""
    url = os.environ["OS_AUTH_URL"]
    return f"""\
[DEFAULT]
state_path = {state}
transport_url = rabbit://os:os@127.0.0.1:5672/
interface_driver = linuxbridge
periodic_interval = 2
[quotas]
quota_loadbalancer = -1
[database]
connection = {database()}
[service_auth]
auth_url = {url}
username = evener
password = evener
project_name = service
user_domain_id = default
project_domain_id = default
[keystone_authtoken]
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = evener
password = evener
"""


@contextmanager
def serving(directory: Path) -> Iterator[Services]:
    """Run all programs, on empty tables."""
    found = Services(directory, settings(directory / "state"))
    found.run("evener-db-manage", "downgrade", "base", "--yes")
    found.run("evener-db-manage", "upgrade", "head")
    try:
        for program in (CONTROLLER, API, AGENT):
            found.start(program)
        eventually(found.answers, 120)
        eventually(found.have_an_agent, 120)
        yield found
    except BaseException:
        print(found.said())  # noqa: T201 - with a test that fails
        raise
    finally:
        found.end_all()
        found.run(AGENT, "--purge")

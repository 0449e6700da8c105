"""A real RabbitMQ for tests, on ports and directories of its own, that can be stopped and started again."""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from waiting import eventually

AGENTS = Path(__file__).parents[2] / "docs" / "agents.md"
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
USER = "rabbitmq"
PORT, DIST_PORT, EPMD_PORT = 19672, 19673, 19674
START_S, STOP_S, CONTROL_S = 90, 60, 90
CONFIG = f"""listeners.tcp.1 = 0.0.0.0:{PORT}
log.console = true
log.file = false
"""


class RabbitMQ:
    """Debian's server, under its own user. `url` is what `transport_url` is to be."""

    url = f"rabbit://guest:guest@127.0.0.1:{PORT}/"

    def __init__(self, directory: Path) -> None:
        assert Path(SERVER).exists(), f"{SERVER} does not exist: install Debian's package rabbitmq-server"
        self.directory = directory
        (directory / "rabbitmq.conf").write_text(CONFIG)
        (directory / "enabled_plugins").write_text("[].")
        (directory / "env.conf").write_text("")
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, USER, USER)
        # RabbitMQ would start one that outlives it.
        self._names = self._run("/usr/bin/epmd", "-port", str(EPMD_PORT), "-address", "127.0.0.1")
        self._server: subprocess.Popen[bytes] | None = None

    def url_of(self, user: str, password: str, address: str = "127.0.0.1") -> str:
        """Return the `transport_url` of a user, for where the server is at `address`."""
        return f"rabbit://{user}:{password}@{address}:{PORT}/"

    def shell(self, script: str) -> None:
        """Run a script with rabbitmqctl, as RabbitMQ's own user; all of its commands must succeed."""
        process = self._run("bash", "-ec", script)
        assert process.wait(CONTROL_S) == 0, (self.directory / "output").read_text()[-2000:]

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        home = self.directory
        environment = {
            "PATH": f"{Path(SERVER).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "ERL_EPMD_PORT": str(EPMD_PORT),
            "RABBITMQ_NODENAME": "evener@localhost",
            "RABBITMQ_DIST_PORT": str(DIST_PORT),
            "RABBITMQ_CONF_ENV_FILE": str(home / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        with (home / "output").open("ab") as output:
            who = {"user": USER, "group": USER, "extra_groups": []}
            return subprocess.Popen(
                command,
                cwd=home,
                env=environment,
                stdout=output,
                stderr=output,
                **who,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start it, and return once it takes connections."""
        self._server = self._run(SERVER)
        eventually(self._answers, START_S, lambda: (self.directory / "output").read_text()[-2000:])

    def _answers(self) -> bool:
        assert self._server.poll() is None, (self.directory / "output").read_text()[-2000:]
        try:
            socket.create_connection(("127.0.0.1", PORT), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Let it end, with all its connections."""
        if self._server is not None:
            _end(self._server)
            self._server = None

    def close(self) -> None:
        """End it, and all that belongs to it."""
        self.stop()
        _end(self._names)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def with_a_node() -> Iterator[RabbitMQ]:
    """Run one, with a user for a node as docs/agents.md makes one."""
    with TemporaryDirectory(prefix="rabbitmq-") as directory:  # its user may not enter pytest's
        server = RabbitMQ(Path(directory))
        try:
            server.start()
            (script,) = re.findall(r"^```sh\n(NODE=.*?)^```$", AGENTS.read_text(), re.DOTALL | re.MULTILINE)
            server.shell(script)
            yield server
        finally:
            server.close()

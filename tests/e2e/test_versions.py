"""Control of one version and an agent of another serve together: both ways, each from a wheel of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from node import Node
from rabbitmq import RabbitMQ
from standalone import Cloud, Standalone, traces

from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]
EARLIER = "6cc4453d65c8a27b77ef651d8e37738458c6c67a"  # the last with all of it in one root
HERE = "HEAD"
LONG_S = 60.0
# Runs a program of the distribution that is first on the path.
RUN = """
import sys
from importlib.metadata import distribution
sys.argv = sys.argv[1:]
(found,) = (each for each in distribution("evener").entry_points if each.name == sys.argv[0])
found.load()()
"""


def installed(source: Path, directory: Path) -> Path:
    """Build a wheel of the sources, and lay it out in `directory`."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    shutil.unpack_archive(wheel, directory / "lib", "zip")
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", str(directory / "lib")], check=True
    )  # as pip does
    return directory / "lib"


@pytest.fixture(scope="module")
def libraries(tmp_path_factory) -> dict[str, Path]:
    """Return where both versions are installed."""
    git = ["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}"]
    if subprocess.run([*git, "cat-file", "-e", EARLIER], check=False, capture_output=True).returncode:
        pytest.skip(f"the history here does not reach back to {EARLIER}")
    found = {}
    for version in (EARLIER, HERE):
        directory = tmp_path_factory.mktemp("version")
        source = directory / "source"
        source.mkdir()
        if version == HERE:  # as it is in the working directory
            shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
            for name in ("pyproject.toml", "README.md", "LICENSE"):
                shutil.copy(ROOT / name, source)
        else:
            archive = subprocess.run([*git, "archive", version], check=True, capture_output=True).stdout
            subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
        found[version] = installed(source, directory)
    return found


def program(library: Path, name: str) -> tuple[str, ...]:
    return ("env", f"PYTHONPATH={library}", "PYTHONSAFEPATH=1", sys.executable, "-c", RUN, name)


@pytest.mark.parametrize(("control", "agent"), [(HERE, EARLIER), (EARLIER, HERE)])
def test_control_and_an_agent_of_another_version_serve_together(
    libraries: dict[str, Path], rabbitmq: RabbitMQ, tmp_path: Path, control: str, agent: str
) -> None:
    settings = f"[DEFAULT]\ntransport_url = {rabbitmq.url}\n[standalone]\nagent = false\n"
    port = 19900 + (control == HERE)
    server = Standalone(
        tmp_path / "control", port, program(libraries[control], "evener-standalone"), settings
    )
    node = Node(tmp_path / "node", rabbitmq.url, program(libraries[agent], "evener-agent"))
    server.start()
    try:
        assert str(libraries[control]) in Path(f"/proc/{server.process.pid}/environ").read_text()
        node.start()
        cloud = Cloud(server, "192.168.200.0/24")
        try:
            serves(cloud)
        finally:
            cloud.remove()
    finally:
        if node.process is not None:
            node.stop()
        purged = node.run("--purge")
        server.stop()
    assert purged.returncode == 0, purged.stderr
    assert traces() == []


def serves(cloud: Cloud) -> None:
    """See that changes go one way, and health and counters the other."""
    api = cloud.api
    balancer = cloud.balancer("serving")
    assert set(cloud.client.spread(balancer.vip, 6)) == {"web1", "web2"}
    api.update(balancer.members["web2"], weight=0)
    api.wait_active(balancer.lb, LONG_S)
    eventually(lambda: set(cloud.client.spread(balancer.vip, 4)) == {"web1"}, LONG_S)
    member = balancer.members["web1"]["id"]
    eventually(lambda: api.operating(balancer.lb)[member] == "ONLINE", LONG_S)
    cloud.webs[0].stop()
    eventually(lambda: api.operating(balancer.lb)[member] == "OFFLINE", LONG_S)
    assert api.stats(balancer.lb)["total_connections"] >= 10
    cloud.delete(balancer)
    assert traces(balancer.lb["id"], balancer.lb["vip_port_id"]) == []

"""A setting that leads to another database: everything serves on, nothing is overwritten, and the way back is open."""

import subprocess
from pathlib import Path

import pytest
from standalone import LONG_S, Cloud, Standalone, Traffic, haproxies, settled, traces

from evener.agent.memory import Memory
from waiting import eventually

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def settings() -> str:
    return "resync_interval = 1\n"  # many looks at what is to be served, also while it is the wrong database


def lead_to(server: Standalone, url: str) -> None:
    """Stop the server, change the setting of its database, and start it again."""
    server.stop()
    text, _, _ = server.config.read_text().partition("[database]")
    server.config.write_text(f"{text}[database]\nconnection = {url}\n")
    server.start()


def test_an_empty_database_removes_nothing_and_overwrites_nothing(cloud: Cloud, tmp_path: Path) -> None:
    server, own = cloud.standalone, f"sqlite:///{cloud.standalone.state / 'evener.sqlite'}"
    balancer = cloud.balancer("serving")
    before, credentials = settled(balancer.lb["id"]), (server.state / "clouds.yaml").read_text()
    with Traffic(cloud.client, balancer.vip) as traffic:
        lead_to(server, f"sqlite:///{tmp_path / 'empty.sqlite'}")
        eventually(lambda: any("--accept-database" in line for line in server.warnings()))
        beats = sum("was not heard" in line for line in server.warnings())
        eventually(lambda: sum("was not heard" in line for line in server.warnings()) > beats + 2)
    traffic.assert_unharmed()
    assert haproxies(balancer.lb["id"]) == before
    assert (server.state / "clouds.yaml").read_text() == credentials
    assert [path.name for path in server.state.glob("clouds-*.yaml")]

    lead_to(server, own)
    cloud.api = server.api()  # with the credentials that were there before
    cloud.api.wait_active(balancer.lb)
    assert haproxies(balancer.lb["id"]) == before
    eventually(lambda: set(cloud.client.spread(balancer.vip, 4)) == {"web1", "web2"})
    cloud.delete(balancer)


def accept(server: Standalone) -> None:
    """Give a person's word, as the log says, while the server runs."""
    eventually(lambda: any("--accept-database" in line for line in server.warnings()[-3:]))
    said = next(line for line in reversed(server.warnings()) if "--accept-database" in line)
    name = said.partition("--accept-database ")[2].split()[0]
    command = [*server.program, "--config-file", str(server.config), "--accept-database", name]
    subprocess.run(command, check=True, timeout=LONG_S)
    eventually(lambda: Memory(server.state / "lbaas").look().database == name)


def test_a_person_s_word_makes_the_host_serve_the_other_database(cloud: Cloud, tmp_path: Path) -> None:
    server, own = cloud.standalone, f"sqlite:///{cloud.standalone.state / 'evener.sqlite'}"
    balancer = cloud.balancer("lost for a time")
    lead_to(server, f"sqlite:///{tmp_path / 'other.sqlite'}")
    accept(server)
    eventually(
        lambda: (
            not traces(balancer.lb["id"], balancer.lb["vip_port_id"])
            and not server.directory_of(balancer.lb).exists()
        ),
        30,
    )
    # Until nothing is left of the first database, the host would not take its word again either.
    eventually(lambda: not any((server.state / "lbaas" / "networks").iterdir()), 30)

    lead_to(server, own)
    cloud.api = server.api()
    eventually(lambda: haproxies(balancer.lb["id"]), 30)
    cloud.api.wait_active(balancer.lb)
    cloud.delete(balancer)

"""How Neutron is set up with the plugin: its servers, its files, its tables."""

from pathlib import Path

import pytest

from cloud.neutron_server import (
    INSTALLED,
    UWSGI,
    Neutron,
    answering,
    credentials,
    install_plugin,
    json_of,
    make_port,
    told,
)
from integration.api_front import free_port
from waiting import eventually

pytestmark = pytest.mark.skipif(not INSTALLED, reason="Neutron (python3-neutron) is not installed")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_plugin(tmp_path_factory.mktemp("installed"))


@pytest.mark.skipif(not UWSGI, reason="Neutron is not run by uWSGI here")
def test_debian_s_uwsgi_serves_too(tmp_path: Path, plugin: Path) -> None:
    server, other = Neutron(tmp_path, plugin, free_port()), free_port()
    server.configure(f"endpoint = http://127.0.0.1:{other}\n{credentials(other)}")
    body = b"{not JSON, \xff"
    with server.serving(uwsgi=True), answering(other) as evener:
        evener.status, evener.reason, evener.body = 207, "Odd", bytes(range(256)) * 4096
        evener.headers = {"Content-Type": "text/odd", "X-Odd": "1"}
        for number in range(8):
            path = f"/lbaas/pools/caf%C3%A9?name=a%20b&x={number}"
            answer = server.ask("POST", path, data=body, headers={"Content-Type": "text/odd"})
            assert (answer.status_code, answer.content) == (207, evener.body)
            assert (answer.headers["Content-Type"], answer.headers["X-Odd"]) == ("text/odd", "1")
            asked = evener.asked[-1]
            assert (asked.method, asked.target, asked.body) == ("POST", f"/networking/v2.0{path}", body)
        assert len({asked.peer for asked in evener.asked}) <= 8  # 2 processes with 4 threads
        network = json_of(server.ask("POST", "/networks", {"network": {}}), 201)["network"]
        port = make_port(server, network["id"])
        evener.status, evener.reason, evener.body = 204, "No Content", b""
        json_of(server.ask("PUT", f"/ports/{port['id']}", {"port": {"name": "x"}}))
        eventually(lambda: told(evener, port) == 1)
        json_of(server.ask("DELETE", f"/ports/{port['id']}"), 409)


def test_the_handbook_s_settings_serve(tmp_path: Path, plugin: Path) -> None:
    """The plugin by its class, and the provider as `neutron_lbaas.conf` names it."""
    server = Neutron(tmp_path, plugin, free_port())
    driver = "neutron_lbaas.drivers.haproxy.plugin_driver.HaproxyOnHostPluginDriver"
    named = "neutron_lbaas.services.loadbalancer.plugin.LoadBalancerPluginv2"
    server.configure(
        "endpoint = http://127.0.0.1:1",
        plugins=f"router,{named}",
        default="network_link_prefix = https://cloud.example/net",
        more=f"[service_providers]\nservice_provider = LOADBALANCERV2:Haproxy:{driver}:default\n",
    )
    with server.serving():
        providers = json_of(server.ask("GET", "/service-providers"))["service_providers"]
        names = [each["name"] for each in providers if each["service_type"] == "LOADBALANCERV2"]
        assert names == ["haproxy"]
        assert server.ask("GET", "/lbaas/pools").status_code == 503


def test_neutron_starts_with_settings_that_the_plugin_cannot_use(tmp_path: Path, plugin: Path) -> None:
    server = Neutron(tmp_path, plugin, free_port())
    server.configure(
        "endpoint = nonsense",
        more="[service_providers]\n"
        "service_provider = LOADBALANCERV2:one:driver\nservice_provider = LOADBALANCERV2:two:driver\n",
    )
    with server.serving():
        assert server.ask("GET", "/networks").status_code == 200
        assert server.ask("GET", "/lbaas/pools").status_code == 503
        assert "has to do without: service providers" in server.log


def evener_db_manage(directory: Path, status: int = 0) -> Path:
    """Make a program that notes how it is called, and return it."""
    program = directory / "evener-db-manage"
    program.write_text(f'#!/bin/sh\necho "$@" >> {directory}/called\nexit {status}\n')
    program.chmod(0o755)
    return program


@pytest.fixture
def migrating(tmp_path: Path, plugin: Path) -> Neutron:
    """Return a Neutron beside an Evener that is set up."""
    (tmp_path / "evener.conf").write_text("")
    server = Neutron(tmp_path, plugin, 0)
    server.configure(
        f"db_manage = {evener_db_manage(tmp_path)}\nconfig_file = {tmp_path}/evener.conf\n", plugins="router"
    )
    return server


UPGRADE = ("--subproject", "neutron-lbaas", "upgrade", "head")


def called(neutron: Neutron) -> list[str]:
    notes = neutron.directory / "called"
    return notes.read_text().splitlines() if notes.exists() else []


def test_the_handbook_s_command_runs_evener_s_migrations(migrating: Neutron) -> None:
    wanted = f"--config-file {migrating.directory}/evener.conf upgrade head"
    done = migrating.run("neutron-db-manage", *UPGRADE)
    assert done.returncode == 0, done.stderr
    assert called(migrating) == [wanted]
    for command in ("current", "has_offline_migrations"):
        done = migrating.run("neutron-db-manage", "--subproject", "neutron-lbaas", command)
        assert done.returncode == 0, done.stderr
    for branch in ("--expand", "--contract"):
        done = migrating.run("neutron-db-manage", "--subproject", "neutron-lbaas", "upgrade", branch)
        assert done.returncode == 0, done.stderr
        assert called(migrating)[-1] == wanted.replace("head", branch)


def test_migrations_that_fail_are_told_to_who_asked_for_them(migrating: Neutron) -> None:
    evener_db_manage(migrating.directory, status=3)
    done = migrating.run("neutron-db-manage", *UPGRADE)
    assert done.returncode != 0
    assert "has failed with 3" in done.stdout + done.stderr


@pytest.mark.parametrize("missing", ["evener.conf", "evener-db-manage"])
def test_without_evener_there_is_nothing_to_migrate(migrating: Neutron, missing: str) -> None:
    (migrating.directory / missing).unlink()
    done = migrating.run("neutron-db-manage", *UPGRADE)
    assert done.returncode == 0, done.stderr
    assert not called(migrating)

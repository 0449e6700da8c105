"""The limits of a namespace that serves, on the real kernel, with a real HAProxy in it."""

import multiprocessing
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import haproxy_graphs as g
from evener.host import netns, tuning
from evener.host.errors import HostError, NamespaceMissing
from haproxy_rig import Rig

pytestmark = pytest.mark.root

# `CONNECTIONS=100000` has all ports at its disposal, and takes minutes; else few ports show the same sooner.
CONNECTIONS = int(os.environ.get("CONNECTIONS", "0"))
FEW_PORTS = {"net.ipv4.ip_local_port_range": "20000 22499"}
MORE_THAN_FEW = 3000
PAUSE_S = 0.0005  # no more in a second than there are ports
# Not of 127.0.0.0/8: there the kernel uses ports again that rest, whatever it is told.
VIP, MEMBER, CLIENTS = "10.9.1.1", ("10.9.2.1", 8000), 100


def shown(namespace: str, name: str) -> str:
    with netns.inside(namespace):
        return " ".join(Path("/proc/sys/" + name.replace(".", "/")).read_text().split())


@pytest.fixture
def namespace() -> Iterator[str]:
    netns.ensure("qlbaas-tuned")
    yield "qlbaas-tuned"
    netns.delete("qlbaas-tuned")


def test_a_namespace_gets_every_setting_once_and_the_host_keeps_its_own(namespace):
    before = {name: shown("qlbaas-tuned", name) for name in tuning.DEFAULTS}
    home = {name: Path("/proc/sys/" + name.replace(".", "/")).read_text() for name in tuning.DEFAULTS}
    assert before["net.ipv4.ip_local_port_range"] == "32768 60999"
    assert tuning.ensure(namespace, tuning.DEFAULTS, [443, 80, 8000, 8001, 8002]) is True
    assert {name: shown(namespace, name) for name in tuning.DEFAULTS} == dict(tuning.DEFAULTS)
    assert shown(namespace, tuning.RESERVED_PORTS) == "80,443,8000-8002"
    assert tuning.ensure(namespace, tuning.DEFAULTS, [80, 443, 8000, 8001, 8002]) is False
    assert {name: Path("/proc/sys/" + name.replace(".", "/")).read_text() for name in home} == home


def test_ports_are_kept_while_somebody_listens_there_and_no_longer(namespace):
    narrow = {"net.ipv4.ip_local_port_range": "5001 5004"}
    tuning.ensure(namespace, narrow, [5001, 5002, 5004])
    with netns.inside(namespace), socket.create_server(("127.0.0.1", 80)) as server:
        with socket.create_connection(server.getsockname(), 5) as one:
            assert one.getsockname()[1] == 5003
            with pytest.raises(OSError, match="Cannot assign requested address"):
                socket.create_connection(server.getsockname(), 5)
        tuning.ensure(namespace, narrow, [])
        assert shown(namespace, tuning.RESERVED_PORTS) == ""
        with socket.create_connection(server.getsockname(), 5):
            pass


def test_what_a_namespace_does_not_take_is_refused_by_name_before_any_load_balancer_meets_it():
    for name, value, words in (
        ("net.ipv4.tcp_fin_timeout", "soon", "Cannot set net.ipv4.tcp_fin_timeout to soon: Invalid argument"),
        ("net.ipv4.ip_local_port_range", "9 1", "Cannot set net.ipv4.ip_local_port_range to 9 1"),
        ("net.ipv4.tcp_tw_reus", "1", "no setting net.ipv4.tcp_tw_reus"),
        ("vm.swappiness", "1", "their names begin with net."),
        ("net.ipv4./../../kernel/panic", "1", "their names begin with net."),
        ("net.ipv4.conf.all.forwarding", "1", "nobody else may"),
        (tuning.RESERVED_PORTS, "80", "nobody else may"),
    ):
        with pytest.raises(HostError) as caught:
            tuning.check({"net.ipv4.tcp_fin_timeout": "20", name: value})
        assert words in str(caught.value)
    before = shown_here("net.ipv4.tcp_fin_timeout")
    tuning.check({"net.ipv4.tcp_fin_timeout": "29"})
    assert shown_here("net.ipv4.tcp_fin_timeout") == before


def shown_here(name: str) -> str:
    return Path("/proc/sys/" + name.replace(".", "/")).read_text()


def test_a_namespace_that_is_not_there_is_said_to_be_missing():
    with pytest.raises(NamespaceMissing):
        tuning.ensure("qlbaas-nowhere", tuning.DEFAULTS, [])


def tcp(rig: Rig, *ports: int, **sysctls: str):
    member = g.member(id=g.nth(10), address=MEMBER[0], protocol_port=MEMBER[1])
    pool = g.pool(id=g.nth(5), protocol="TCP")
    listeners = [
        g.listener(id=g.nth(100 + port), protocol="TCP", protocol_port=port, default_pool_id=pool.id)
        for port in ports
    ]
    tuning.ensure(rig.namespace, {**tuning.DEFAULTS, **sysctls}, ports)
    for address in (VIP, MEMBER[0], *(f"10.9.3.{number + 1}" for number in range(CLIENTS))):
        command = ("ip", "-n", rig.namespace, "address", "replace", address, "dev", "lo")
        subprocess.run(command, check=True)
    return g.graph(id=g.nth(1), listeners=listeners, pools=[(pool, [member], None)], addresses=[VIP])


def serve(server: socket.socket) -> None:
    """Greet whoever comes, and wait for the other side to end first, as a client of a web server does."""
    while True:
        connection, _ = server.accept()
        connection.sendall(b"k")
        connection.recv(1)
        connection.close()


def test_more_connections_than_there_are_ports_reach_one_member_within_a_minute_and_none_fails(rig):
    rig.instance.apply(tcp(rig, 80, **({} if CONNECTIONS else FEW_PORTS)))
    with netns.inside(rig.namespace):
        server = socket.create_server(MEMBER, backlog=1024)
    context = multiprocessing.get_context("fork")
    members = [context.Process(target=serve, args=(server,), daemon=True) for _ in range(2)]
    for member in members:
        member.start()
    try:
        with netns.inside(rig.namespace):
            for number in range(CONNECTIONS or MORE_THAN_FEW):
                time.sleep(PAUSE_S)
                # Of many clients: none of them is to run out of ports.
                source = (f"10.9.3.{number % CLIENTS + 1}", 0)
                with socket.create_connection((VIP, 80), 30, source) as client:
                    assert client.recv(1) == b"k", f"connection {number}"
    finally:
        for member in members:
            member.kill()
            member.join()
        server.close()


def test_a_listener_comes_to_a_port_that_a_connection_to_a_member_has(rig):
    rig.instance.apply(tcp(rig, 80))
    with netns.inside(rig.namespace), socket.create_server(MEMBER) as server:
        client = socket.create_connection((VIP, 80), 5)
        connection, (_, port) = server.accept()
        try:
            rig.instance.apply(tcp(rig, 80, port))
            with socket.create_connection((VIP, port), 5) as other:
                accepted, _ = server.accept()
                accepted.sendall(b"k")
                assert other.recv(1) == b"k"
                accepted.close()
            connection.sendall(b"still")
            assert client.recv(5) == b"still"
        finally:
            client.close()
            connection.close()

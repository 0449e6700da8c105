"""What a real HAProxy writes of each request and connection, whatever clients send."""

import errno
import json
import os
import socket
from dataclasses import replace

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import access, runtime
from evener.dataplane.haproxy.instance import Instance
from evener.dataplane.haproxy.paths import Paths
from haproxy_rig import VIP, member_of
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]


@pytest.fixture
def rig(rig):
    rig.instance = Instance(rig.directory, rig.namespace, replace(rig.settings, access_log=True))
    return rig


def serve(rig, protocol="HTTP", port=80, generation=1):
    web = rig.webs.get("w1") or rig.web("w1")
    pool = g.pool(id=g.nth(2), protocol=protocol)
    listener = g.listener(id=g.nth(3), protocol=protocol, protocol_port=port, default_pool_id=pool.id)
    graph = g.graph(
        id=g.nth(1),
        listeners=[listener],
        pools=[(pool, [member_of(web, id=g.nth(11))], None)],
        addresses=[VIP],
        generation=generation,
    )
    rig.instance.apply(graph)


def lines(rig, number):
    """Return the lines once there are so many; a worker's farewell is none of them."""

    def all_there():
        whole = rig.instance.paths.access.read_text(encoding="ascii").rpartition("\n")[0]
        found = [json.loads(each) for each in whole.splitlines() if each.startswith("{")]
        return found if len(found) >= number else None

    return eventually(all_there)


def send(rig, request: bytes) -> bytes:
    channel = rig.socket()
    with channel:
        channel.sendall(request)
        channel.shutdown(socket.SHUT_WR)
        answer = b""
        while part := channel.recv(65536):
            answer += part
    return answer


def test_each_request_is_a_line_that_says_who_asked_for_what_and_who_answered(rig):
    serve(rig)
    assert rig.get(path="/a?b=c", headers={"User-Agent": "me/1"})[0] == 200
    (one,) = lines(rig, 1)
    names = (
        "client",
        "listener",
        "pool",
        "member",
        "status",
        "method",
        "uri",
        "host",
        "user_agent",
        "version",
    )
    assert {name: one[name] for name in names} == {
        "client": "127.0.0.1",
        "listener": g.nth(3),
        "pool": g.nth(2),
        "member": g.nth(11),
        "status": 200,
        "method": "GET",
        "uri": "/a?b=c",
        "host": VIP,
        "user_agent": "me/1",
        "version": "HTTP/1.1",
    }
    assert one["termination"] == "--"
    assert one["bytes_out"] > one["total_ms"] >= 0


def test_each_connection_of_tcp_is_a_line(rig):
    serve(rig, protocol="TCP")
    assert rig.get()[0] == 200
    (one,) = lines(rig, 1)
    assert (one["listener"], one["pool"], one["member"]) == (g.nth(3), g.nth(2), g.nth(11))
    assert one["bytes_in"] > 0
    assert "uri" not in one


@pytest.mark.parametrize(
    "trick",
    [
        b'"},{"status":1,"x":"',
        b"\\",
        b'\\"',
        b"%0a{}",
        b"\xff\xfe",
        "é☃\u2028".encode(),
        b"\x01\x1b[31m\x7f",
        b"$HOME %[env(PATH)] %ci",
        b"x" * 3000,
    ],
)
def test_no_client_forges_a_line(rig, trick):
    serve(rig)
    header = trick.replace(b"\x01", b"").replace(b"\x7f", b"")[:200]
    path = trick.replace(b" ", b"")
    send(rig, b"GET /" + path + b" HTTP/1.1\r\nHost: " + header + b"\r\nUser-Agent: " + header + b"\r\n\r\n")
    send(rig, b"GET /end HTTP/1.1\r\nHost: x\r\n\r\n")
    found = lines(rig, 2)
    assert [each.get("uri") for each in found].count("/end") == 1
    text = rig.instance.paths.access.read_text(encoding="ascii")
    assert len(text.splitlines()) == len(found) == 2
    assert all(each["client"] == "127.0.0.1" and each["listener"] == g.nth(3) for each in found)


def test_reloads_write_on_in_the_same_file_and_cutting_it_disturbs_nobody(rig):
    serve(rig)
    rig.get(path="/1")
    serve(rig, port=81, generation=2)
    rig.get(port=81, path="/2")
    assert [each["uri"] for each in lines(rig, 2)] == ["/1", "/2"]
    access.rotate(rig.instance.paths, size=10, count=2, master=lambda: rig.instance.pid)
    rig.get(port=81, path="/3")
    assert [each["uri"] for each in lines(rig, 1)] == ["/3"]
    serve(
        rig, port=82, generation=3
    )  # a worker that takes what was changed away again, and writes on all the same
    rig.get(port=82, path="/4")
    assert [each["uri"] for each in lines(rig, 2)] == ["/3", "/4"]
    access.rotate(rig.instance.paths, size=10, count=2, master=lambda: rig.instance.pid)
    rig.get(port=82, path="/5")
    assert [each["uri"] for each in lines(rig, 1)] == ["/5"]
    assert b"\0" not in rig.instance.paths.access.read_bytes()
    assert rig.instance.paths.access.with_name("access.log.1").exists()


def test_what_haproxy_says_of_members_that_flap_is_bounded_like_the_other_logs(rig):
    rig.instance = Instance(rig.directory, rig.namespace, replace(rig.settings, log_size=2000, log_count=2))
    serve(rig)
    said = rig.instance.paths.stderr
    server = f"{g.nth(2)}/{g.nth(11)}"
    flap = tuple(f"set server {server} health {state}" for state in ("down", "up")) * 10
    for _ in range(10):
        before = said.stat().st_size
        runtime.tell(rig.instance.paths.socket, flap)
        eventually(lambda before=before: said.stat().st_size > before + 1500)
        rig.instance.observe()
    eventually(lambda: rig.instance.observe() and said.stat().st_size < 2000)
    runtime.tell(rig.instance.paths.socket, flap[:1])
    eventually(lambda: "is DOWN" in said.read_text())
    assert "\0" not in said.read_text()
    sizes = {path.name: path.stat().st_size for path in rig.directory.glob("haproxy.err*")}
    assert set(sizes) == {"haproxy.err", "haproxy.err.1", "haproxy.err.2"}
    assert max(sizes.values()) <= 2000


def test_rotated_files_are_so_many_and_so_long(tmp_path):
    paths = Paths(tmp_path)
    for number in range(5):
        paths.access.write_text("".join(f"{number} {line:03}\n" for line in range(200)))
        access.rotate(paths, size=600, count=2, master=lambda: None)
        assert paths.access.stat().st_size == 0
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(kept) == {"access.log", "access.log.1", "access.log.2"}
    assert kept["access.log.1"].endswith("4 199\n")
    assert kept["access.log.2"].endswith("3 199\n")
    assert all(len(text) <= 600 for text in kept.values())


def test_a_log_for_which_there_is_no_room_is_cut_all_the_same(tmp_path, monkeypatch, caplog):
    def full(source, target):
        target.write(source.read(100))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    paths = Paths(tmp_path)
    monkeypatch.setattr(access.shutil, "copyfileobj", full)
    paths.access.write_text("x" * 1000)
    access.rotate(paths, size=600, count=2, master=lambda: None)
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == {"access.log": 0}
    assert "No space left on device" in caplog.text

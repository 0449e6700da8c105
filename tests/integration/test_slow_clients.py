"""Slow and idle clients of the API cost others nothing; who calls, and by what, is known as it is."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from api_front import WAITING, Entrance, entrance, free_port

from evener.serving import front
from evener.serving.errors import BadCertificate, BadProxy, CannotListen
from evener.serving.server import bound, certificate
from made_certificates import served as leaf
from waiting import eventually

pytestmark = pytest.mark.root
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
BEGINNINGS = (
    b"",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Long",
    POST + b"1000\r\n\r\n{",
    POST + b"900000\r\n\r\n" + b"{" * 17_000,
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with entrance(tmp_path_factory.mktemp("front")) as opened:
        yield opened


def test_two_thousand_slow_connections_leave_others_their_time(served: Entrance) -> None:
    for last in (False, False, True):  # others may use this machine meanwhile
        before_ms = served.median_ms()
        with served.slow_clients(2000, *BEGINNINGS):
            during_ms = served.median_ms()
        quiet_ms = max(before_ms, served.median_ms())
        if during_ms < 2 * quiet_ms + 2:
            break
        assert not last, f"{during_ms} ms, {quiet_ms} ms without them"


def test_readers_that_wait_for_agents_hold_two_threads_and_are_all_answered(served: Entrance) -> None:
    with ThreadPoolExecutor(12) as readers:
        assert len(list(readers.map(served.ask, ["/stats"] * 12))) == 12
    assert WAITING.most == front.WAITING


def test_a_client_cannot_say_who_it_is(served: Entrance) -> None:
    said = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "Forwarded": "for=6.6.6.6"}
    heard = served.ask("/", **{name.replace("-", "_"): value for name, value in said.items()})
    assert (heard["remote"], heard["scheme"]) == ("127.0.0.1", "http")
    assert "6.6.6.6" not in str(heard)


def test_a_proxy_is_not_bounded_as_one_client_is(tmp_path: Path) -> None:
    settings = "max_connections = 40\nproxy_addresses = fd00::/64, 127.0.0.0/8\n"
    with (
        entrance(tmp_path, settings) as opened,
        opened.slow_clients(25, BEGINNINGS[3]),
        opened.answer("/", "POST", b"x" * 100_000, {}) as answer,
    ):
        assert answer.status == 200


def test_however_many_files_the_program_has_open_its_api_is_reached(tmp_path: Path) -> None:
    with ExitStack() as held:
        for _ in range(500):
            held.enter_context(Path(os.devnull).open("rb"))
        with entrance(tmp_path, "max_connections = 10\n") as opened:
            assert opened.ask()["remote"] == "127.0.0.1"


def test_a_proxy_that_has_no_address_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadProxy, match=r"\[api\] proxy_addresses: .*controller"):
        Entrance(tmp_path, "proxy_addresses = controller\n")


@pytest.mark.parametrize("length", [0, 1, 11_999, 12_001, 100_000, 1_000_000])
def test_bodies_of_all_sizes_arrive_whole(served: Entrance, length: int) -> None:
    assert served.ask("/", "POST", b"x" * length)["length"] == length


def test_a_head_that_is_too_long_and_too_many_long_bodies_are_refused(served: Entrance) -> None:
    with served.answer("/" + "x" * 20_000, "GET", None, {}) as answer:
        assert answer.status == 400
    with (
        served.slow_clients(20, BEGINNINGS[3]),
        served.answer("/", "POST", b"x" * 100_000, {}) as answer,
    ):
        assert answer.status == 429
        assert b"NeutronError" in answer.read()


def test_haproxy_is_started_again_and_nobody_is_refused_meanwhile(served: Entrance) -> None:
    for _ in range(2):
        pid = _front_of(served)
        os.kill(pid, signal.SIGKILL)
        assert served.ask()["remote"] == "127.0.0.1"
        assert _front_of(served) != pid


def _front_of(served: Entrance) -> int:
    def running() -> list[bytes]:
        mark = f"evener:{served.directory}/state/front"
        found = subprocess.run(["pgrep", "-f", f"^haproxy .*{mark} "], check=False, stdout=subprocess.PIPE)
        return found.stdout.split()

    return int(eventually(running)[0])


def test_the_api_speaks_tls_with_a_certificate_that_can_be_renewed(tmp_path: Path) -> None:
    pem, key = tmp_path / "api.pem", tmp_path / "api.key"
    context = ssl._create_unverified_context()

    def write(name: str) -> None:
        made = leaf("EC", name)
        pem.write_bytes(made.pem)
        key.write_bytes(made.key_pem())

    def shown(opened: Entrance) -> tuple[str, bytes]:
        client = opened.client(context)
        client.request("GET", "/")
        heard, seen = client.getresponse().read().decode(), client.sock.getpeercert(binary_form=True)
        client.close()
        return heard, seen

    write("one.test")
    key.chmod(0o600)
    with entrance(tmp_path, f"certificate = {pem}\nkey = {key}\n") as opened:
        heard, first = shown(opened)
        assert '"scheme": "https"' in heard
        key.write_text("no key")
        with pytest.raises(BadCertificate):
            opened.server.renew_certificate()
        assert shown(opened)[1] == first
        write("two.test")
        opened.server.renew_certificate()
        eventually(lambda: shown(opened)[1] != first)


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_a_bad_certificate_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "api.pem"
    with pytest.raises(BadCertificate, match=r"\[api\] certificate = "):
        certificate(str(file), "")
    file.write_text(content)
    with pytest.raises(BadCertificate, match=r"\[api\] certificate = "):
        certificate(str(file), "")


def test_a_port_that_another_has_is_named() -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(CannotListen, match=f"bind_port = {port}: another"),
    ):
        bound("127.0.0.1", port)


def test_all_addresses_of_both_families_are_listened_on() -> None:
    port = free_port()
    held = bound("::", port)
    for each in held:
        each.listen()
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, port), timeout=30).close()
    for each in held:
        each.close()


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from api_front import Entrance, echo
opened = Entrance(Path({directory!r}))
opened.server.serve(echo, lambda: print(opened.port, flush=True))
"""


def test_haproxy_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    script = SCRIPT.format(tests=str(Path(__file__).parent), directory=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline())
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        client.request("GET", "/")
        assert client.getresponse().status == 200
        server.kill()
    eventually(lambda: not _listens(port))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_without_haproxy_there_are_deadlines_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("evener.serving.server.REQUEST_S", 2.0)
    with entrance(tmp_path, "front = false\n") as opened, opened.slow_clients(200, BEGINNINGS[1]) as slow:
        assert opened.ask()["remote"] == "127.0.0.1"
        eventually(lambda: _is_closed(slow[0]))


def _is_closed(client: socket.socket) -> bool:
    time.sleep(0.2)
    try:
        client.sendall(b"x")
    except OSError:
        return True
    return False

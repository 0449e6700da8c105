"""The client's side of the traffic: load from `wrk`, and single requests that notice the first answer."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.topology import CLIENT, STATE
from evener.host import netns

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
CONNECT_S, ANSWER_S = 0.02, 1.0
STEADY_PAUSE_MS, STEADY_S = 100, 300
PAUSE_S = 0.0005  # between two tries; the load balancer needs the processor too
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_BAD = re.compile(r"^\s*(?:Non-2xx|Socket errors).*$", re.MULTILINE)


def rate(
    url: str,
    seconds: int,
    connections: int,
    headers: Sequence[str] = (),
    *,
    namespace: str | None = None,
    script: Path | None = None,
) -> float:
    """Return the requests per second that `wrk` gets answered, on as many connections, in `namespace`.

    Raises:
        RuntimeError: when a request fails.
    """
    command = ["ip", "netns", "exec", namespace] if namespace else []
    command += ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += [word for header in headers for word in ("-H", header)]
    command += [*(("-s", str(script)) if script else ()), url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found, bad = _RATE.search(output), _BAD.search(output)
    if bad or not found:
        raise RuntimeError(f"wrk {url}: {bad[0].strip() if bad else output}")
    return float(found[1])


@contextmanager
def steady(address: str, requests_per_second: int) -> Iterator[None]:
    """Ask the load balancer at `address` so often while the block runs, on connections that stay open.

    Raises:
        RuntimeError: when it has ended by itself before the block did.
    """
    script = STATE / "steady.lua"
    script.write_text(f"function delay() return {STEADY_PAUSE_MS} end\n")
    connections = max(1, requests_per_second * STEADY_PAUSE_MS // 1000)
    command = ["ip", "netns", "exec", CLIENT, "wrk", "-t1", f"-c{connections}", f"-d{STEADY_S}s"]
    command += ["-s", str(script), f"http://{address}/"]
    load = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield
        if load.poll() is not None:
            raise RuntimeError(f"The load on {address} has ended too early")
    finally:
        load.kill()
        load.wait()


def first_answer(address: str, within_s: float, client: str = CLIENT) -> None:
    """Return once the load balancer at `address` has answered a request from the namespace `client`."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            with connected(address, client) as channel:
                channel.settimeout(ANSWER_S)
                if ask(channel):
                    return
        except OSError:
            time.sleep(PAUSE_S)
    raise RuntimeError(f"No answer from {address} within {within_s} s")


def connected(address: str, client: str = CLIENT) -> socket.socket:
    """Return a connection from the namespace `client` to port 80 of `address`; it waits for a moment for that."""
    with netns.inside(client):
        channel = socket.socket()
    channel.settimeout(CONNECT_S)
    channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        channel.connect((address, 80))
    except OSError:
        channel.close()
        raise
    return channel


def ask(channel: socket.socket) -> str | None:
    """Return the body of the answer to one request, None when it is not 200. The connection stays open."""
    channel.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _received(channel)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"^content-length: (\d+)", head, re.MULTILINE | re.IGNORECASE)
    while length and len(body) < int(length[1]):
        body += _received(channel)
    return body.decode() if head.startswith(b"HTTP/1.1 200 ") else None


def _received(channel: socket.socket) -> bytes:
    part = channel.recv(4096)
    if not part:
        raise ConnectionError("the load balancer hung up")
    return part

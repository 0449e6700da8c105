"""What one project, or somebody without a token, can put on the server at once, to see what others feel of it.

Each burden is bounded in number and ends with its `with`. Speaks HTTP; knows nothing of what answers.
"""

import hashlib
import http.client
import json
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bench.certificates import pair, pem

LBAAS = "/networking/v2.0/lbaas"
KEY_MANAGER = "/key-manager/v1"
OPENED = 3  # keys of each of those who open some
OPENINGS, READERS, LOGINS, CONNECTIONS = 8, 12, 60, 2_000
BLOCK = 250  # addresses of members in one third byte
COST_S = 1.0  # of the five seconds that opening a key may take
WORD = "word"
REQUEST_S = 60.0
OPENING_REST_S, READER_REST_S, LOGIN_REST_S = 0.5, 0.1, 1.0  # of each, between two requests
GOING_S = 0.1  # between two looks at what is on its way out
NOT_THERE = "nobody-has-this-name"


@dataclass(frozen=True)
class Caller:
    """Who asks: a server at `host`:`port`, with a token."""

    host: str
    port: int
    token: str

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and document of an answer, on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=REQUEST_S)
        try:
            headers = {"X-Auth-Token": self.token, "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def made(self, path: str, body: object) -> Any:
        """Return what a POST made.

        Raises:
            RuntimeError: when it was refused.
        """
        status, document = self.call("POST", path, body)
        if status != 201:
            raise RuntimeError(f"POST {path}: {status} {document}")
        return document


Burden = Callable[[threading.Event], None]


@contextmanager
def _under(works: Sequence[Burden]) -> Iterator[None]:
    """Let each of `works` run in a thread until the end of the `with`; they are told by an event."""
    over = threading.Event()
    threads = [threading.Thread(target=work, args=(over,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(REQUEST_S)


def _again(work: Callable[[], object], rest_s: float) -> Burden:
    def run(over: threading.Event) -> None:
        while not over.is_set():
            with suppress(OSError, http.client.HTTPException):
                work()
            over.wait(rest_s)

    return run


def _secret(caller: Caller, payload: str) -> str:
    body = {"payload": payload, "payload_content_type": "text/plain"}
    return str(caller.made(f"{KEY_MANAGER}/secrets", body)["secret_ref"])


def _costly(key: bytes) -> str:
    """Return a key, protected so that it takes `COST_S` to open."""
    began, sample = time.thread_time(), 200_000
    hashlib.pbkdf2_hmac("sha512", b"x", b"x", sample)
    rounds = int(sample * COST_S / (time.thread_time() - began))
    command = ("openssl", "pkcs8", "-topk8", "-v2prf", "hmacWithSHA512", "-iter", str(rounds))
    done = subprocess.run([*command, "-passout", f"pass:{WORD}"], input=key, capture_output=True, check=True)
    return done.stdout.decode()


@contextmanager
def openings(caller: Caller, balancer_id: str) -> Iterator[None]:
    """Eight listeners asked for at once, a few times, each with another key that costs much to open."""
    certificate, key = pair("costly.example.com")
    protected, word = _secret(caller, _costly(pem(key))), _secret(caller, WORD)

    def container(number: int) -> str:
        parts = {
            "certificate": _secret(caller, f"{number}\n{pem(certificate).decode()}"),  # each is another one
            "private_key": protected,
            "private_key_passphrase": word,
        }
        refs = [{"name": name, "secret_ref": ref} for name, ref in parts.items()]
        body = {"type": "certificate", "secret_refs": refs}
        return str(caller.made(f"{KEY_MANAGER}/containers", body)["container_ref"])

    containers = [[container(number * OPENINGS + n) for n in range(OPENED)] for number in range(OPENINGS)]

    def ask(number: int) -> None:
        if not containers[number]:
            return
        listener = {
            "loadbalancer_id": balancer_id,
            "protocol": "TERMINATED_HTTPS",
            "protocol_port": 4000 + number,
            "default_tls_container_ref": containers[number][-1],
        }
        status, made = caller.call("POST", f"{LBAAS}/listeners", {"listener": listener})
        if status == 201:
            containers[number].pop()
            caller.call("DELETE", f"{LBAAS}/listeners/{made['listener']['id']}")

    with _under([_again(lambda n=number: ask(n), OPENING_REST_S) for number in range(OPENINGS)]):
        yield


@contextmanager
def graph(caller: Caller, subnet_id: str, members: int, prefix: str) -> Iterator[None]:
    """The largest load balancer that is allowed, made in one request and deleted, once; `prefix` as "10.90.".

    It is gone at the end.
    """

    def below(number: int, pool: int) -> dict[str, object]:
        address = f"{prefix}{100 + number // BLOCK}.{number % BLOCK + 1}"
        return {"subnet_id": subnet_id, "address": address, "protocol_port": 8000 + pool}

    listeners = [
        {
            "protocol": "HTTP",
            "protocol_port": 8000 + pool,
            "default_pool": {
                "protocol": "HTTP",
                "lb_algorithm": "ROUND_ROBIN",
                "members": [below(number, pool) for number in range(members // 2)],
            },
        }
        for pool in range(2)
    ]
    asked = {"graph": {"loadbalancer": {"vip_subnet_id": subnet_id, "listeners": listeners}}}

    def make(over: threading.Event) -> None:
        made = caller.made(f"{LBAAS}/graphs", asked)["graph"]["loadbalancer"]
        over.wait(REQUEST_S)
        for listener in made["listeners"]:
            caller.call("DELETE", f"{LBAAS}/listeners/{listener['id']}")
            caller.call("DELETE", f"{LBAAS}/pools/{listener['default_pool']['id']}")
        path = f"{LBAAS}/loadbalancers/{made['id']}"
        caller.call("DELETE", path)
        while caller.call("GET", path)[0] != 404:
            time.sleep(GOING_S)

    with _under([make]):
        yield


@contextmanager
def readers(caller: Caller, balancer_id: str) -> Iterator[None]:
    """Twelve that read a load balancer's statistics, again and again."""
    path = f"{LBAAS}/loadbalancers/{balancer_id}/stats"
    with _under([_again(lambda: caller.call("GET", path), READER_REST_S)] * READERS):
        yield


@contextmanager
def logins(caller: Caller) -> Iterator[None]:
    """Sixty who log in at once with a wrong password, again and again."""
    user = {"name": NOT_THERE, "domain": {"id": "default"}, "password": "wrong"}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    log_in = _again(lambda: caller.call("POST", "/identity/v3/auth/tokens", body), LOGIN_REST_S)
    with _under([log_in] * LOGINS):
        yield


@contextmanager
def connections(caller: Caller, number: int = CONNECTIONS) -> Iterator[None]:
    """Connections without a token, each with the beginning of a request that does not go on."""
    with ExitStack() as opened:
        for _ in range(number):
            with suppress(OSError):  # refused: one less
                connection = opened.enter_context(socket.create_connection((caller.host, caller.port), 5))
                connection.sendall(b"GET / HT")
        yield


def felt(works: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Return the median number of seconds that each of `works` takes."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(times):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            found[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in found.items()}

"""Keys that take as long to open as is allowed cost the project that hands them in, and nobody else."""

import hashlib
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from projects import project_api
from standalone import NETWORKING, Api, Standalone

from made_certificates import Made, make, rsa_key

pytestmark = pytest.mark.root

KEY_MANAGER = "/key-manager/v1"
WORD = "word"
COST_S = 1.0  # of the five seconds that are allowed, on a machine that others use too
AT_ONCE, FACTOR = 8, 10


def costly(made: Made) -> str:
    """Return the key, protected so that it takes some seconds to open."""
    began, sample = time.thread_time(), 200_000
    hashlib.pbkdf2_hmac("sha512", b"x", b"x", sample)
    rounds = int(sample * COST_S / (time.thread_time() - began))
    command = ("openssl", "pkcs8", "-topk8", "-v2prf", "hmacWithSHA512", "-iter", str(rounds))
    done = subprocess.run(
        [*command, "-passout", f"pass:{WORD}"],
        input=made.key_pem(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode()


def post(api: Api, path: str, body: object) -> requests.Response:
    return api.request("POST", path, body)


def secret(api: Api, payload: str) -> str:
    answer = post(api, f"{KEY_MANAGER}/secrets", {"payload": payload, "payload_content_type": "text/plain"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret_ref"])


def container(api: Api, **parts: str) -> str:
    refs = [{"name": name, "secret_ref": ref} for name, ref in parts.items()]
    answer = post(api, f"{KEY_MANAGER}/containers", {"type": "certificate", "secret_refs": refs})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["container_ref"])


def took_s(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_eight_openings_of_the_costliest_key_leave_another_projects_requests_quick(
    standalone: Standalone, tmp_path: Path
) -> None:
    api, other = standalone.api(), project_api(standalone, "other-project", tmp_path)
    network = api.create("network", name="costly")
    subnet = api.create("subnet", network_id=network["id"], cidr="192.168.9.0/24", ip_version=4)
    balancer = api.create("loadbalancer", vip_subnet_id=subnet["id"])
    made = make("costly.example.com", rsa_key(1))
    key, word = secret(api, costly(made)), secret(api, WORD)
    # What stands around the PEM makes each another one.
    leaves = [secret(api, f"{number}\n{made.pem.decode()}") for number in range(AT_ONCE)]
    refs = [container(api, certificate=leaf, private_key=key, private_key_passphrase=word) for leaf in leaves]
    works: dict[str, Callable[[], object]] = {
        "GET": lambda: other.request("GET", f"{NETWORKING}/lbaas/loadbalancers"),
        "POST": lambda: secret(other, "anything"),
    }

    def measured(until: Callable[[int], bool]) -> dict[str, float]:
        found: dict[str, list[float]] = {name: [] for name in works}
        while not until(len(found["GET"])):
            for name, work in works.items():
                found[name].append(took_s(work))
        return {name: statistics.median(each) for name, each in found.items()}

    before = measured(lambda number: number >= 40)
    answers: list[requests.Response] = []

    def listen(port: int, ref: str) -> None:
        body = {"protocol": "TERMINATED_HTTPS", "protocol_port": port, "default_tls_container_ref": ref}
        answers.append(
            post(
                api,
                f"{NETWORKING}/lbaas/listeners",
                {"listener": {"loadbalancer_id": balancer["id"], **body}},
            )
        )

    threads = [threading.Thread(target=listen, args=(443 + number, ref)) for number, ref in enumerate(refs)]
    for thread in threads:
        thread.start()
    busy = measured(lambda _: not any(thread.is_alive() for thread in threads))
    statuses = sorted(each.status_code for each in answers)
    assert set(statuses) == {201, 503}, [each.text for each in answers if each.status_code == 400]
    assert all(int(each.headers["Retry-After"]) > 0 for each in answers if each.status_code == 503)
    after = measured(lambda number: number >= 40)  # what else the machine does may have grown meanwhile
    quiet = {name: max(before[name], after[name]) for name in works}
    for name in works:
        assert busy[name] <= FACTOR * quiet[name], f"{name}: {quiet} {busy}"
    for answer in answers:
        if answer.ok:
            assert api.request("DELETE", f"{NETWORKING}/lbaas/listeners/{answer.json()['listener']['id']}").ok
    api.wait_active(balancer)
    api.delete(balancer)
    api.wait_gone(balancer)
    api.delete(subnet)
    api.delete(network)

"""Each service of the cloud goes away and comes back, while there is traffic and load balancers are changed.

No request through a load balancer fails; changes are accepted, or refused with 503 at once; what was accepted is
applied soon after the return. With AWAY=60 each is away for a minute.
"""
# ruff: noqa: T201 - what was seen goes with a test that fails

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import waiting
from cloud import parts, services
from cloud.barbican_site import Owner
from cloud.changes import LOST, OCTAVIA, Answer, Changes, User
from cloud.services import API, CONTROLLER, PORT, Services, eventually
from evener.resources.caller import Caller
from made_certificates import served

pytestmark = [pytest.mark.cloud, pytest.mark.root]
AWAY_S = float(os.environ.get("AWAY", "12"))
BEFORE_S, USUAL_S = 4.0, 6.0
AT_ONCE_S = 8.0  # on a machine that runs a whole cloud
APPLIED_S = 10.0
FINDING, FOUND_S = 2, 30.0
BACK_S = 120.0  # a service that was ended has to start first
REFUSED = 503
CUT_OFF = 502  # the API was killed in the middle of it, and what stands in front of it was not yet
MEMBERS = ("192.168.200.9", "192.168.200.7")
SECOND = PORT + 10
PORTS = (PORT, SECOND)
KILLS, SEED = int(os.environ.get("KILLS", "10")), 20180131
SWEPT_S = 240.0  # what is nobody's is so for 90 s first
USED = {"loadbalancer": 1, "listener": 1, "pool": 1, "member": 2, "healthmonitor": 0, "l7policy": 0}
OTHER_API, OTHER_CONTROLLER = "the other api", "the other controller"


@pytest.fixture(scope="module")
def evener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    directory = tmp_path_factory.mktemp("evener")
    other = directory / "other.conf"
    other.write_text(f"[api]\nbind_port = {SECOND}\n")
    with services.serving(directory) as found:
        found.start(API, "--config-file", str(other), name=OTHER_API)
        found.start(CONTROLLER, name=OTHER_CONTROLLER)
        eventually(lambda: found.answers(SECOND), 120)
        yield found


@pytest.fixture(scope="module")
def user(evener: Services, admin: Any) -> User:
    token = admin.auth_token
    return User(lambda: token, PORTS)


@pytest.fixture(scope="module")
def owner(admin: Any) -> Owner:
    caller = Caller(admin.current_user_id, admin.current_project_id, frozenset({"admin"}), token="")
    return Owner(admin, "admin", caller)


@pytest.fixture(scope="module")
def certificate(owner: Owner) -> Iterator[str]:
    yield (ref := owner.store(served().p12()))
    owner.delete(ref)


@dataclass(frozen=True)
class Web:
    """The load balancer that has traffic, with the two servers of the demonstration."""

    address: str
    pool_id: str
    member_id: str
    subnet_id: str


@pytest.fixture(scope="module")
def web(evener: Services, user: User, admin: Any) -> Iterator[Web]:
    subnet = admin.network.find_subnet("PROJECT_SUBNET")
    members = [{"address": each, "protocol_port": 80, "subnet_id": subnet.id} for each in MEMBERS]
    pool = {"name": "servers", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members}
    listener = {"name": "web", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    tree = {"name": "web", "vip_subnet_id": subnet.id, "listeners": [listener]}
    made = eventually(lambda: accepted(user.ask("POST", f"{OCTAVIA}/loadbalancers", {"loadbalancer": tree})))
    made = made["loadbalancer"]
    eventually(lambda: user.balancers()["web"]["provisioning_status"] == "ACTIVE")
    asking = ["ip", "netns", "exec", "client", "curl", "-sf", "-m", "2", f"http://{made['vip_address']}/"]
    eventually(lambda: subprocess.run(asking, capture_output=True, check=False).returncode == 0)
    pool_id = made["listeners"][0]["default_pool_id"]
    member_id = user.got(f"{OCTAVIA}/pools/{pool_id}/members")["members"][0]["id"]
    yield Web(made["vip_address"], pool_id, member_id, subnet.id)
    assert user.ask("DELETE", f"{OCTAVIA}/loadbalancers/{made['id']}?cascade=true").accepted
    eventually(lambda: not user.balancers())


def accepted(answer: Answer) -> Any:
    """Return what was made; a cloud that has just started may be slower than it is waited for."""
    return answer.said if answer.accepted else None


@contextmanager
def traffic(address: str) -> Iterator[list[str]]:
    """Have a client ask all the time; afterwards what is yielded holds what failed, and how many were asked for."""
    said: list[str] = []
    command = ["ip", "netns", "exec", "client", sys.executable, str(Path(__file__).with_name("traffic.py"))]
    process = subprocess.Popen([*command, address], stdout=subprocess.PIPE, text=True)
    try:
        yield said
    finally:
        process.terminate()
        said += process.communicate(timeout=20)[0].splitlines()


Going = Callable[[], Callable[[], None]]  # what has something go away, and returns what has it come back


def hangs(name: str) -> Going:
    """Have a service of the cloud do nothing, as a machine that is out of memory."""

    def go() -> Callable[[], None]:
        part = parts.Part(name)
        part.stop()
        return part.go_on

    return go


def ends(name: str) -> Going:
    """Have a service of the cloud end without a word; it is back once it listens."""

    def go() -> Callable[[], None]:
        start = parts.Part(name).kill()

        def back() -> None:
            start()
            eventually(lambda: parts.listens(name), BACK_S)

        return back

    return go


@dataclass(frozen=True)
class Pace:
    """How long it takes, in seconds, until all is applied, and until an answer comes, where nothing is away."""

    applied_s: float
    answer_s: float


@pytest.fixture(scope="module")
def usual(user: User, web: Web, certificate: str) -> Pace:
    """Return the pace of this machine."""
    found, said = away(user, web, certificate, lambda: lambda: None, Pace(60, 60), USUAL_S)
    print(f"usually {found}")
    assert said[:-1] == []
    return found


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (parts.RABBITMQ, hangs),
        (parts.RABBITMQ, ends),
        (parts.MARIADB, hangs),
        (parts.MARIADB, ends),
        (parts.KEYSTONE, hangs),
        (parts.KEYSTONE, ends),
        (parts.NEUTRON, hangs),
        (parts.NEUTRON, ends),
        (parts.BARBICAN, hangs),
        (parts.BARBICAN, ends),
    ],
)
def test_away_and_back(
    evener: Services,
    user: User,
    web: Web,
    certificate: str,
    usual: Pace,
    name: str,
    how: Callable[[str], Going],
) -> None:
    with explained(evener):
        _, said = away(user, web, certificate, how(name), usual)
        assert said[:-1] == []


@contextmanager
def explained(evener: Services) -> Iterator[None]:
    """Print what the programs said where a test fails."""
    try:
        yield
    except AssertionError:
        print(evener.said())
        raise


def stands_still(evener: Services, name: str) -> Callable[[], None]:
    evener.send(name, signal.SIGSTOP)
    return lambda: evener.send(name, signal.SIGCONT)


def is_killed(evener: Services, name: str) -> Callable[[], None]:
    evener.end(name, signal.SIGKILL)

    def back() -> None:
        evener.start_again(name)
        eventually(lambda: all(map(evener.answers, PORTS)), BACK_S)

    return back


@pytest.mark.parametrize("how", [stands_still, is_killed])
@pytest.mark.parametrize("name", [OTHER_CONTROLLER, OTHER_API])
def test_one_of_two_is_away(
    evener: Services,
    user: User,
    web: Web,
    certificate: str,
    usual: Pace,
    name: str,
    how: Callable[[Services, str], Callable[[], None]],
) -> None:
    if name == OTHER_API:
        user.ports = (PORT,)  # as whoever stands in front of both would see
    try:
        with explained(evener):
            _, said = away(user, web, certificate, lambda: how(evener, name), usual)
            assert said[:-1] == []
    finally:
        user.ports = PORTS


@pytest.mark.timeout(600 + 30 * KILLS)  # a program's start takes long on a busy machine
def test_killed_at_any_moment(evener: Services, user: User, web: Web, certificate: str, usual: Pace) -> None:
    dice = random.Random(SEED)
    changes = Changes(user, web.pool_id, web.member_id, web.subnet_id, certificate)
    with traffic(web.address) as said, changes:
        for _ in range(KILLS):
            time.sleep(dice.uniform(0, 2))
            name = dice.choice([API, OTHER_API, CONTROLLER, OTHER_CONTROLLER])
            evener.end(name, signal.SIGKILL)
            evener.start_again(name)
            eventually(lambda: all(map(evener.answers, PORTS)), BACK_S)
    try:
        changes.settled(APPLIED_S + usual.applied_s)
    finally:
        tell(changes, 0, said)
        user.clear(web.pool_id)
    assert said[:-1] == []
    assert {each.status for each in changes.answers if not each.accepted} <= {LOST, REFUSED, CUT_OFF}


def groups(admin: Any) -> list[str]:
    return [each.name for each in admin.network.security_groups() if each.name.startswith("lb-")]


def test_nothing_is_left_over(
    evener: Services, user: User, web: Web, certificate: str, owner: Owner, admin: Any
) -> None:
    """What a service did after all, that was away when its answer was waited for, is swept."""
    (web_id,) = (each["id"] for each in user.balancers().values())
    comes_to(lambda: [(each.device_id, each.status) for each in vip_ports(admin)], [(web_id, "ACTIVE")])
    comes_to(lambda: groups(admin), [f"lb-{web_id}"])
    comes_to(namespaces, {f"qlbaas-{web_id}"})
    comes_to(lambda: used(user, admin.current_project_id), USED)
    comes_to(lambda: owner.consumers(certificate), [])


def comes_to(found: Callable[[], object], wanted: object) -> None:
    """Wait until nothing but what is wanted is found."""
    waiting.eventually(lambda: found() == wanted, SWEPT_S, found)


def used(user: User, project_id: str) -> dict[str, int]:
    """Return how much a project has of each kind."""
    quota = user.got(f"/networking/v2.0/quotas/{project_id}/details")["quota"]
    return {kind: quota[kind]["used"] for kind in USED}


def vip_ports(admin: Any) -> list[Any]:
    """Return Neutron's ports of load balancers."""
    return list(admin.network.ports(device_owner="neutron:LOADBALANCERV2"))


def namespaces() -> set[str]:
    """Return those of load balancers on this host."""
    said = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    return {each.split()[0] for each in said.splitlines() if each.startswith("qlbaas-")}


def away(
    user: User, web: Web, certificate: str, go: Going, usual: Pace, away_s: float = AWAY_S
) -> tuple[Pace, list[str]]:
    """Have something go away and come back, and see that all is as it should be soon.

    Return how long that took, and what was said of the traffic.
    """
    changes = Changes(user, web.pool_id, web.member_id, web.subnet_id, certificate)
    back, said = 0, []
    try:
        with traffic(web.address) as said, changes:
            time.sleep(BEFORE_S)
            went = len(changes.answers)
            come_back = go()
            try:
                time.sleep(away_s)
            finally:
                come_back()
            back = len(changes.answers)
        took_s = changes.settled(APPLIED_S + usual.applied_s)
        # The first to meet it finds out, and another may be under way then.
        improper = [each for each in changes.answers if not proper(each, usual)]
        assert [each for each in improper if each not in changes.answers[went : went + FINDING]] == []
        assert all(each.status == REFUSED and each.took_s < FOUND_S * waiting.patience() for each in improper)
    finally:
        tell(changes, back, said)
        user.clear(web.pool_id)
    print(f"applied after {took_s:.1f} s")
    return Pace(took_s, max(each.took_s for each in changes.answers)), said


def proper(answer: Answer, usual: Pace) -> bool:
    """Say whether an answer is one that a change may have while something is away."""
    at_once_s = AT_ONCE_S * waiting.patience()
    return answer.accepted or (answer.status == REFUSED and answer.took_s < at_once_s + usual.answer_s)


def tell(changes: Changes, back: int, said: list[str]) -> None:
    """Print what was seen."""
    for number, each in enumerate(changes.answers):
        if not each.accepted or each.took_s > 1:
            print(
                number, back, each.status, f"{each.took_s:.2f}", each.what, "" if each.accepted else each.said
            )
    accepted = sum(each.accepted for each in changes.answers)
    print(
        f"{len(changes.answers)} changes, {accepted} accepted; traffic: {said[-1:]}, {len(said) - 1} failed: {said[:5]}"
    )

"""The journal: what is on the host, and what control said last of it."""

from pathlib import Path
from uuid import uuid4

import pytest

from evener.agent.journal import Journal
from evener.resources.wiring import NetworkSpec, RouterSpec

NETWORK, ROUTER = (str(uuid4()) for _ in range(2))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "v2")
    made.note_network(NETWORK)
    made.note_router(ROUTER, [])
    return made


def test_a_load_balancer_of_neutrons_own_agent_is_none_of_ours(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "v2")
    neutrons, ours, begun = (str(uuid4()) for _ in range(3))
    for name, files in ((neutrons, ["haproxy_stats.sock"]), (begun, []), (ours, [])):
        (tmp_path / "v2" / name).mkdir()
        for file in (*files, *(["haproxy.conf"] if files else [])):
            (tmp_path / "v2" / name / file).touch()
    journal.note_loadbalancer(ours, str(uuid4()))
    assert journal.loadbalancers() == {ours, begun}
    journal.note_loadbalancer(neutrons, str(uuid4()))  # once we are told to serve it
    assert neutrons in journal.loadbalancers()


def test_what_control_said_last_is_kept_until_it_is_to_go(journal: Journal, tmp_path: Path) -> None:
    assert journal.kept_networks() == journal.kept_routers() == ()
    for mtu in (1500, 9000):
        journal.keep_network(NetworkSpec(id=NETWORK, mtu=mtu))
    journal.keep_router(RouterSpec(id=ROUTER, snat=False))
    assert Journal(tmp_path / "v2").kept_networks() == (NetworkSpec(id=NETWORK, mtu=9000),)
    assert journal.kept_routers() == (RouterSpec(id=ROUTER, snat=False),)
    assert (journal.networks(), journal.routers()) == ({NETWORK}, {ROUTER})
    journal.release_network(NETWORK)
    journal.release_router(ROUTER)
    assert journal.kept_networks() == journal.kept_routers() == ()
    assert (journal.networks(), journal.routers()) == ({NETWORK}, {ROUTER})


def test_what_another_version_has_kept_is_read_as_far_as_it_is_understood(
    journal: Journal, tmp_path: Path
) -> None:
    kept = tmp_path / "routers" / f"{ROUTER}.json"
    kept.write_text(f'{{"id": "{ROUTER}", "more": 1}}')
    assert journal.kept_routers() == (RouterSpec(id=ROUTER),)
    kept.write_text('{"more": 1}')
    assert journal.kept_routers() == ()


def test_nothing_is_left_of_what_is_forgotten(journal: Journal, tmp_path: Path) -> None:
    journal.keep_network(NetworkSpec(id=NETWORK))
    journal.keep_router(RouterSpec(id=ROUTER))
    journal.forget_network(NETWORK)
    journal.forget_router(ROUTER)
    journal.remove()
    assert list(tmp_path.iterdir()) == []

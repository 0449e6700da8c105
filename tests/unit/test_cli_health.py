"""How objects fare is shown to who looks at a terminal, and to nobody else."""

import sys

import pytest

LB, POOLS = "lbaas/loadbalancers", "lbaas/pools"
WHY = "HTTP check: answered 503 instead of 200, since 2026-11-26 09:14:03 UTC"


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Let the program take what it prints to for a terminal."""
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)


@pytest.fixture
def pool(server):
    balancer = server.put(LB, name="LB")
    pool = server.put(POOLS, name="P", loadbalancers=[{"id": balancer["id"]}])
    members = f"{POOLS}/{pool['id']}/members"
    one = server.put(members, name="m1", address="10.0.0.1")
    other = server.put(members, name="m2", address="10.0.0.2")
    below = [
        {"id": one["id"], "operating_status": "ONLINE"},
        {"id": other["id"], "operating_status": "OFFLINE", "operating_reason": WHY},
    ]
    tree = {"id": pool["id"], "operating_status": "DEGRADED", "members": below}
    path = f"{LB}/{balancer['id']}/statuses"
    server.answers[path] = {"statuses": {"loadbalancer": {"id": balancer["id"], "pools": [tree]}}}
    return pool


def rows(shown):
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines() if line[0] == "|"
    ]


def test_lists_and_objects_have_their_operating_status_on_a_terminal(run, terminal, pool):
    heading, *members = rows(run("lbaas-member-list P"))
    assert heading[-1] == "operating_status"
    assert {row[1]: row[-1] for row in members} == {"m1": "ONLINE", "m2": "OFFLINE"}
    assert ["operating_status", "OFFLINE"] in rows(run("lbaas-member-show m2 P"))
    assert ["operating_reason", WHY] in rows(run("lbaas-member-show m2 P"))
    assert "operating_reason" not in run("lbaas-member-show m1 P")
    assert rows(run("lbaas-pool-list"))[1][-1] == "DEGRADED"
    assert ["operating_status", "DEGRADED"] in rows(run("lbaas-pool-show P"))


def test_the_tree_says_why_a_member_is_out(run, terminal, pool):
    lines = run("lbaas-loadbalancer-status --format tree LB").splitlines()
    assert [line for line in lines if "OFFLINE" in line] == [line for line in lines if WHY in line] != []


def test_scripts_and_who_chooses_columns_get_what_neutron_prints(run, pool, server):
    assert "operating_status" not in run("lbaas-member-list P")
    assert "operating_status" not in run("lbaas-pool-show P")


def test_nobody_asks_for_what_is_not_shown(run, terminal, pool, server):
    run("lbaas-pool-list -c name")
    run("lbaas-pool-list -f json")
    assert not any(path.endswith("statuses") for _, path, *_ in server.requests)


def test_an_empty_list_and_objects_of_no_load_balancer_are_shown_all_the_same(run, terminal, server):
    assert run("lbaas-pool-list") == "\n"
    server.put(POOLS, name="alone")
    assert "operating_status" not in run("lbaas-pool-list")

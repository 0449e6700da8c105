"""What the client sends and prints for L7, agents, quotas, flavors and the live views, over real HTTP."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cli_recorder import Recorder, serve

from evener.cli.shell import main

LB = "lbaas/loadbalancers"
AGENT_ID = "8f1b6de1-0a4c-4b8e-9c61-0f6f7bd0a111"


@pytest.fixture(scope="module")
def running():
    recorder = Recorder()
    server = serve(recorder)
    yield recorder
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(running, monkeypatch, tmp_path):
    running.reset()
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    domain = {"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default"}
    auth = {"OS_AUTH_URL": f"{running.url}/identity/v3", "OS_USERNAME": "ada", "OS_PASSWORD": "right"}
    rest = {"OS_PROJECT_NAME": "demo", "OS_CLIENT_CONFIG_FILE": str(tmp_path / "none"), "COLUMNS": "200"}
    for name, value in {**domain, **auth, **rest}.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def run(server, capsys):
    def call(line, code=0):
        try:
            found = main(line.split())
        except SystemExit as left:
            found = left.code or 0
        out, err = capsys.readouterr()
        assert found == code, err
        return err if code else out

    return call


def last(server):
    method, path, _, body = server.changes()[-1]
    return method, path, body


def test_a_policy_redirects_to_a_pool_by_name(server, run):
    listener, pool = server.put("lbaas/listeners", name="L"), server.put("lbaas/pools", name="P")
    run(
        "lbaas-l7policy-create --listener L --action redirect_to_pool --redirect-pool P --position 2 --name A"
    )
    method, path, body = last(server)
    assert (method, path) == ("POST", "lbaas/l7policies")
    assert body["l7policy"] == {
        "name": "A",
        "listener_id": listener["id"],
        "action": "REDIRECT_TO_POOL",
        "redirect_pool_id": pool["id"],
        "position": 2,
        "admin_state_up": True,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--action REDIRECT_TO_POOL", "Redirect pool must be specified"),
        ("--action REDIRECT_TO_URL", "Redirect URL must be specified"),
        ("--action REJECT --redirect-pool P", "Action must be REDIRECT_TO_POOL"),
        ("--action REJECT --redirect-url http://a/", "Action must be REDIRECT_TO_URL"),
    ],
)
def test_a_new_policys_target_goes_with_its_action(server, run, given, said):
    server.put("lbaas/listeners", name="L")
    assert run(f"lbaas-l7policy-create --listener L {given}", code=1) == f"{said}\n"
    assert server.requests == []


def test_a_policys_url_may_change_alone(server, run):
    policy = server.put("lbaas/l7policies", name="A")
    assert run("lbaas-l7policy-update A --redirect-url http://b/") == "Updated l7policy: A\n"
    path = f"lbaas/l7policies/{policy['id']}"
    assert last(server) == ("PUT", path, {"l7policy": {"redirect_url": "http://b/"}})


def test_a_rule_lives_under_its_policy_and_is_known_by_its_id(server, run):
    policy = server.put("lbaas/l7policies", name="A")
    rules = f"lbaas/l7policies/{policy['id']}/rules"
    out = run(
        "lbaas-l7rule-create A --type header --compare-type equal_to --key k --value v --invert-compare"
    )
    assert out.startswith("Created a new rule:\n")
    body = {"type": "HEADER", "compare_type": "EQUAL_TO", "key": "k", "value": "v", "invert": True}
    assert last(server) == ("POST", rules, {"rule": {**body, "admin_state_up": True}})
    (rule,) = server.objects[rules]
    run(f"lbaas-l7rule-update {rule['id']} A --value w")
    assert last(server)[2] == {"rule": {"value": "w", "invert": False}}
    assert server.queries(rules) == []  # nothing is looked for by a name that rules do not have
    assert run(f"lbaas-l7rule-delete {rule['id']} A") == f"Deleted lbaas_l7rule(s): {rule['id']}\n"


@pytest.mark.parametrize("word", ["..", ".", "../../x", "a/b"])
def test_what_would_mean_another_object_is_no_id(server, run, word):
    server.put("lbaas/l7policies", name="A")
    assert run(f"lbaas-l7rule-delete {word} A", code=1) == f"Unable to find rule with id '{word}'.\n"
    assert server.changes() == []


def test_agents_show_whether_they_are_alive_as_a_face(server, run):
    server.objects["agents"] = [
        {"id": AGENT_ID, "host": "a", "alive": True, "configurations": {"n": 1}},
        {"id": "2", "host": "b", "alive": False},
    ]
    assert run("agent-list -f value -c host -c alive") == "a :-)\nb xxx\n"
    assert json.loads(run(f"agent-show {AGENT_ID} -f json"))["alive"] is True
    assert '     "n": 1' in run(f"agent-show {AGENT_ID}")
    run(f"agent-update {AGENT_ID} --description d --admin-state-down")
    assert last(server)[2] == {"agent": {"admin_state_up": False, "description": "d"}}
    run(f"agent-update {AGENT_ID} --admin-state-up True")
    assert last(server)[2] == {"agent": {"admin_state_up": True}}
    run(f"agent-update --description x {AGENT_ID}")  # says nothing of whether it may have load balancers
    assert last(server)[2] == {"agent": {"description": "x"}}
    assert "Must specify new values" in run(f"agent-update {AGENT_ID}", code=1)


def test_agents_and_load_balancers_are_listed_by_each_other(server, run):
    lb = server.put(LB, name="LB", admin_state_up=True, provisioning_status="ACTIVE", vip_address="10.0.0.5")
    server.answers[f"agents/{AGENT_ID}/agent-loadbalancers"] = {"loadbalancers": [lb]}
    out = run(f"lbaas-loadbalancer-list-on-agent {AGENT_ID} -f csv --quote none")
    assert out.splitlines() == ["id,name,admin_state_up,provisioning_status", f"{lb['id']},LB,True,ACTIVE"]
    hosting = {"id": AGENT_ID, "host": "a", "admin_state_up": True, "alive": True, "binary": "b"}
    server.answers[f"{LB}/{lb['id']}/loadbalancer-hosting-agent"] = {"agent": hosting}
    out = run("lbaas-agent-hosting-loadbalancer LB -f csv --quote none")
    assert out.splitlines() == ["id,host,admin_state_up,alive", f"{AGENT_ID},a,True,:-)"]


def test_quotas_are_ones_own_or_of_a_named_project(server, run):
    server.answers["quotas/tenant"] = {"tenant": {"tenant_id": "mine"}}
    for project in ("mine", "other"):
        server.answers[f"quotas/{project}"] = {"quota": {"pool": 3, "listener": -1}}
    server.answers["quotas/other/default"] = {"quota": {"pool": 10}}
    server.answers["quotas"] = {"quotas": [{"tenant_id": "other", "pool": 3}]}
    assert run("quota-show -f value") == "-1\n3\n"
    assert run("quota-default-show other -f value -c pool") == "10\n"
    run("quota-update --tenant-id other --pool 3 --health-monitor -1 -- --l7rule 4")
    assert last(server) == ("PUT", "quotas/other", {"quota": {"pool": 3, "healthmonitor": -1, "l7rule": 4}})
    assert run("quota-list -f csv --quote none").splitlines() == ["pool,tenant_id", "3,other"]
    assert run("quota-delete") == "Deleted quota: mine\n"
    assert last(server)[:2] == ("DELETE", "quotas/mine")


def test_a_project_with_quotas_is_given_by_name_or_id(server, run):
    ids = ["a" * 32, "b" * 32]
    server.projects = {"shop": ids[:1], "twice": ids, ids[1]: ids[:1]}
    for project in (*ids, "unknown"):
        server.answers[f"quotas/{project}"] = {"quota": {"pool": 3}}
    for given, path in (("shop", ids[0]), (ids[1], ids[1]), ("unknown", "unknown")):
        run(f"quota-update --tenant-id {given} --pool 3")
        assert last(server)[:2] == ("PUT", f"quotas/{path}")
        run(f"quota-show {given}")
        assert server.queries(f"quotas/{path}")[-1:] == [{}]
    said = run("quota-delete --tenant-id twice", code=1)
    assert said == f"Several projects are called twice: {ids[0]}, {ids[1]}; give an id\n"


def test_a_quota_is_a_number_and_there_is_one(run):
    assert run("quota-update --pool many", code=1) == "Quota limit for pool must be an integer\n"
    assert run("quota-update --l7rule 4", code=1) == "Quota limit for l7rule must be an integer\n"
    said = run("quota-update --tenant-id other --pool 3 --l7rule 4", code=1)
    assert said == "Quota limit for l7rule must be an integer\n"
    assert run("quota-show a --tenant-id b", code=1) == "Two projects are given: b and a\n"
    assert run("quota-update", code=1) == "Must specify a valid resource with new quota value\n"


def test_flavors_are_served_by_profiles(server, run):
    run("flavor-create gold LOADBALANCERV2 --description best --enabled False")
    gold = {"name": "gold", "service_type": "LOADBALANCERV2", "description": "best", "enabled": False}
    assert last(server) == ("POST", "flavors", {"flavor": gold})
    run("flavor-profile-create --driver d --metainfo {} --enabled True")
    assert last(server)[2]["service_profile"] == {"driver": "d", "metainfo": "{}", "enabled": True}
    (flavor,), (profile,) = server.objects["flavors"], server.objects["service_profiles"]
    both = f"gold {profile['id']}"
    said = run(f"flavor-associate {both}")
    assert said == f"Associated flavor gold with flavor_profile {profile['id']}\n"
    path = f"flavors/{flavor['id']}/service_profiles"
    assert last(server) == ("POST", path, {"service_profile": {"id": profile["id"]}})
    said = run(f"flavor-disassociate {both}")
    assert said == f"Disassociated flavor gold from flavor_profile {profile['id']}\n"
    assert last(server)[:2] == ("DELETE", f"{path}/{profile['id']}")


def test_what_the_server_does_not_offer_is_said(server, run):
    server.refusals["GET", "service-providers"] = (404, {"title": "404 Not Found"})
    assert run("service-provider-list", code=1) == "The server does not offer /service-providers\n"


def test_completion_knows_every_command_and_its_options(run, tmp_path):
    script = tmp_path / "complete"
    script.write_text(run("complete"))
    ask = (
        f". {script}; COMP_WORDS=(evener $1 $2); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        '_evener; echo "${COMPREPLY[@]}"'
    )

    def completed(*words):
        done = subprocess.run(["bash", "-c", ask, "bash", *words], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert completed("lbaas-l7p") == [
        f"lbaas-l7policy-{verb}" for verb in ("create", "delete", "list", "show", "update")
    ]
    assert completed("lbaas-pool-create", "--lb") == ["--lb-algorithm"]


def test_help_tells_how_to_get_completion(run):
    assert "source <(evener complete)" in run("help complete")


def test_wait_shows_its_progress_on_a_terminal(server):
    server.put("subnets", name="front")
    server.statuses = ["PENDING_CREATE", "PENDING_CREATE", "ACTIVE", "ACTIVE"]
    ours, theirs = pty.openpty()
    program = [
        str(Path(sys.executable).parent / "evener"),
        "lbaas-loadbalancer-create",
        "--wait",
        "--name",
        "LB",
    ]
    done = subprocess.run([*program, "front"], stdout=subprocess.PIPE, stderr=theirs, text=True, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert shown.split("\r\x1b[K")[1] == "loadbalancer LB is PENDING_CREATE, 0 s"
    assert shown.endswith("\r\x1b[K")
    assert "PENDING" not in done.stdout


def test_top_shows_rates_between_two_readings(server, run):
    lb = server.put(LB, name="LB")
    member = {
        "id": "m",
        "name": "m1",
        "address": "10.0.0.9",
        "protocol_port": 80,
        "operating_status": "OFFLINE",
    }
    pool = {"id": "p", "name": "P", "operating_status": "DEGRADED", "members": [member]}
    listener = {"id": "l", "name": "L", "operating_status": "ONLINE", "pools": [pool]}
    tree = {
        "id": lb["id"],
        "name": "LB",
        "operating_status": "ONLINE",
        "listeners": [listener],
        "pools": [pool],
    }
    server.objects["statuses"] = {"loadbalancer": tree}
    counters = {"active_connections": 2, "total_connections": 7, "bytes_in": 5, "bytes_out": 1500}
    server.objects["stats"] = {**counters, "requests": 9, "members": {"m": counters}}
    out = run("top LB -n 2 -d 0.05")
    rows = [line.split() for line in out.split("\n\n")[1].splitlines()[1:]]
    assert rows[0] == ["LB", "ONLINE", "2", "0", "0", "0", "0", "7", "-"]
    assert rows[1][:3] == ["listener", "L", "ONLINE"]
    assert rows[2][:3] == ["pool", "P", "DEGRADED"]
    assert rows[3] == ["member", "m1", "10.0.0.9:80", "OFFLINE", "2", "0", "-", "0", "0", "7", "-"]
    assert "the first" not in out


def test_top_wants_a_time_above_zero(run):
    assert "is no number of seconds above 0" in run("top -d 0", code=2)

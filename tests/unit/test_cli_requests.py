"""What the client sends and prints, against a small server over real HTTP."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_recorder import sent

LB = "lbaas/loadbalancers"


def test_create_sends_the_ids_of_what_is_named_and_shows_what_was_made(server, run):
    subnet = server.put("subnets", name="front")
    out = run("lbaas-loadbalancer-create --name LB --vip-address 10.0.0.5 --description d front")
    body = {
        "name": "LB",
        "description": "d",
        "vip_address": "10.0.0.5",
        "vip_subnet_id": subnet["id"],
        "admin_state_up": True,
    }
    assert sent(server) == ("POST", LB, {"loadbalancer": body})
    assert out.startswith("Created a new loadbalancer:\n+")
    assert "| vip_address " in out


def test_an_id_is_taken_as_an_id(server, run):
    subnet = server.put("subnets", name="front")
    run(["lbaas-loadbalancer-create", subnet["id"]])
    assert sent(server)[2]["loadbalancer"] == {"vip_subnet_id": subnet["id"], "admin_state_up": True}


@pytest.mark.parametrize("option", ["--tenant-id", "--tenant_id", "--project-id"])
def test_the_owner_may_be_another_project(server, run, option):
    server.put("subnets", name="front")
    run(f"lbaas-loadbalancer-create {option} other front")
    assert sent(server)[2]["loadbalancer"]["tenant_id"] == "other"


def test_a_listener_takes_protocols_in_small_letters_and_needs_a_load_balancer_or_pool(server, run):
    lb = server.put(LB, name="LB")
    run(
        "lbaas-listener-create --name L --loadbalancer LB --protocol http --protocol-port 80 --admin-state-down"
    )
    assert sent(server)[2]["listener"] == {
        "name": "L",
        "loadbalancer_id": lb["id"],
        "protocol": "HTTP",
        "protocol_port": 80,
        "admin_state_up": False,
    }
    said = run("lbaas-listener-create --protocol HTTP --protocol-port 80", code=1)
    assert said == "Either --default-pool or --loadbalancer must be specified.\n"


def test_a_pool_has_session_persistence_with_or_without_a_cookie(server, run):
    listener = server.put("lbaas/listeners", name="L")
    run(
        "lbaas-pool-create --listener L --protocol HTTP --lb-algorithm round_robin "
        "--session-persistence type=APP_COOKIE,cookie_name=sid"
    )
    body = sent(server)[2]["pool"]
    assert body["session_persistence"] == {"type": "APP_COOKIE", "cookie_name": "sid"}
    assert body["listener_id"] == listener["id"]
    assert body["lb_algorithm"] == "ROUND_ROBIN"


def test_a_pool_needs_a_listener_or_load_balancer(run):
    said = run("lbaas-pool-create --protocol HTTP --lb-algorithm SOURCE_IP", code=1)
    assert said == "At least one of --listener or --loadbalancer must be specified.\n"


def test_session_persistence_can_be_cleared(server, run):
    pool = server.put("lbaas/pools", name="P")
    out = run("lbaas-pool-update P --no-session-persistence --admin-state-up False")
    body = {"session_persistence": None, "admin_state_up": False}
    assert sent(server) == ("PUT", f"lbaas/pools/{pool['id']}", {"pool": body})
    assert out == "Updated pool: P\n"


def test_a_member_lives_under_its_pool(server, run):
    pool = server.put("lbaas/pools", name="P")
    subnet = server.put("subnets", name="back")
    members = f"lbaas/pools/{pool['id']}/members"
    run("lbaas-member-create --subnet back --address 10.0.0.9 --protocol-port 80 --weight 5 --name m1 P")
    method, path, body = sent(server)
    assert (method, path) == ("POST", members)
    assert body["member"] == {
        "name": "m1",
        "subnet_id": subnet["id"],
        "address": "10.0.0.9",
        "protocol_port": 80,
        "weight": 5,
        "admin_state_up": True,
    }
    run("lbaas-member-update m1 P --weight 0")
    assert server.changes()[-1][3] == {"member": {"weight": 0}}
    assert "| weight " in run("lbaas-member-show m1 P")
    assert "10.0.0.9" in run("lbaas-member-list P --name m1")
    assert run("lbaas-member-delete m1 P") == "Deleted lbaas_member(s): m1\n"
    assert server.objects[members] == []


def test_a_monitor_has_its_own_timeout(server, run):
    pool = server.put("lbaas/pools", name="P")
    run(
        "lbaas-healthmonitor-create --delay 5 --timeout 4 --max-retries 3 --type HTTP --pool P "
        "--http-method get --url-path /ok --expected-codes 200-299 --max_retries_down 2"
    )
    assert sent(server)[2]["healthmonitor"] == {
        "delay": 5,
        "timeout": 4,
        "max_retries": 3,
        "max_retries_down": 2,
        "type": "HTTP",
        "pool_id": pool["id"],
        "http_method": "GET",
        "url_path": "/ok",
        "expected_codes": "200-299",
        "admin_state_up": True,
    }


def test_nothing_to_update_is_an_error(server, run):
    server.put("lbaas/pools", name="P")
    assert run("lbaas-pool-update P", code=1) == "Must specify new values to update lbaas_pool\n"
    assert server.changes() == []


def test_unknown_attributes_go_into_the_body(server, run):
    server.put("networks", name="N")
    run("net-update N --router:external type=bool true --mtu type=int 1400 --tags list=true a --shared")
    assert sent(server)[2]["network"] == {"router:external": True, "mtu": 1400, "tags": ["a"], "shared": True}


def test_a_subnet_is_described_on_the_command_line(server, run):
    network = server.put("networks", name="N")
    run(
        "subnet-create N --name S 10.0.0.0/24 --no-gateway --disable-dhcp --dns-nameserver 10.0.0.2 "
        "--allocation-pool start=10.0.0.10,end=10.0.0.20 --host-route destination=10.9.0.0/16,nexthop=10.0.0.1"
    )
    assert sent(server)[2]["subnet"] == {
        "network_id": network["id"],
        "cidr": "10.0.0.0/24",
        "name": "S",
        "ip_version": 4,
        "gateway_ip": None,
        "enable_dhcp": False,
        "dns_nameservers": ["10.0.0.2"],
        "allocation_pools": [{"start": "10.0.0.10", "end": "10.0.0.20"}],
        "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.1"}],
    }


def test_a_subnet_has_the_ip_version_of_its_pool(server, run):
    server.put("networks", name="N")
    pool = server.put("subnetpools", name="six", ip_version=6)
    run("subnet-create N --subnetpool six")
    body = sent(server)[2]["subnet"]
    assert (body["subnetpool_id"], body["ip_version"]) == (pool["id"], 6)


def test_a_port_finds_the_subnets_of_its_addresses(server, run):
    network = server.put("networks", name="N")
    subnet = server.put("subnets", name="S")
    run("port-create N --name p --fixed-ip subnet_id=S,ip_address=10.0.0.7 --fixed-ip ip_address=10.0.0.8")
    assert sent(server)[2]["port"] == {
        "network_id": network["id"],
        "name": "p",
        "admin_state_up": True,
        "fixed_ips": [{"subnet_id": subnet["id"], "ip_address": "10.0.0.7"}, {"ip_address": "10.0.0.8"}],
    }


def test_lists_have_the_columns_of_neutron(server, run):
    server.put(LB, name="LB", vip_address="10.0.0.5", provisioning_status="ACTIVE", provider="haproxy", x=1)
    out = run("lbaas-loadbalancer-list -f csv")
    assert out.splitlines()[0] == '"id","name","vip_address","provisioning_status","provider"'
    assert run("lbaas-loadbalancer-list -f value -c name -c x") == "LB 1\n"
    assert run("lbaas-pool-list -f json").strip() == "[]"
    assert run("lbaas-pool-list -c name").strip() == ""


def test_an_administrator_sees_the_project_too(server, run):
    server.put("lbaas/pools", name="P", tenant_id="t", protocol="HTTP")
    server.roles = ["admin"]
    assert run("lbaas-pool-list -f csv").splitlines()[0] == '"id","name","tenant_id","protocol"'


def test_lists_filter_sort_and_page_on_the_server(server, run):
    for name in "abcde":
        server.put("lbaas/pools", name=name, protocol="HTTP")
    out = run(
        "lbaas-pool-list -P 2 --sort-key name --sort-key id --sort-dir desc -F name -f value --protocol HTTP"
    )
    assert out.split() == list("abcde")
    first, *others = server.queries("lbaas/pools")
    assert first["sort_key"] == ["name", "id"]
    assert first["sort_dir"] == ["desc", "asc"]
    assert first["limit"] == ["2"]
    assert first["fields"] == ["name"]
    assert first["protocol"] == ["HTTP"]
    assert len(others) == 2


def test_any_attribute_is_a_filter(server, run):
    run("port-list --network_id n1 --binding:host_id=web --admin-state-up true -- --device_id x")
    (query,) = server.queries("ports")
    assert query == {
        "network_id": ["n1"],
        "binding:host_id": ["web"],
        "admin_state_up": ["True"],
        "device_id": ["x"],
    }


def test_networks_show_the_addresses_of_their_subnets(server, run):
    subnet = server.put("subnets", cidr="10.0.0.0/24")
    server.put("networks", name="N", subnets=[subnet["id"]])
    assert f"| {subnet['id']} 10.0.0.0/24 |" in run("net-list")
    assert json.loads(run("net-list -f json"))[0]["subnets"] == [{"id": subnet["id"], "cidr": "10.0.0.0/24"}]


def test_show_prints_lists_as_lines_and_null_as_nothing(server, run):
    server.put(
        "lbaas/pools",
        name="P",
        members=[{"id": "m1"}, {"id": "m2"}],
        healthmonitor_id=None,
        session_persistence={},
    )
    table = run("lbaas-pool-show P").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table if line.startswith("|")]
    at = rows.index(["members", "m1"])
    assert rows[at + 1] == ["", "m2"]
    assert ["healthmonitor_id", ""] in rows
    shown = json.loads(run("lbaas-pool-show P -f json"))
    assert shown["members"] == ["m1", "m2"]
    assert shown["healthmonitor_id"] is None


def test_the_status_tree_is_printed_as_json(server, run):
    server.put(LB, name="LB")
    server.objects["statuses"] = {"loadbalancer": {"name": "LB", "listeners": []}}
    out = run("lbaas-loadbalancer-status LB")
    assert out == json.dumps({"loadbalancer": {"name": "LB", "listeners": []}}, indent=4) + "\n"


def test_stats_are_a_table(server, run):
    server.put(LB, name="LB")
    server.objects["stats"] = {"bytes_in": 7, "active_connections": 1}
    assert run("lbaas-loadbalancer-stats LB -f value -c bytes_in") == "7\n"


def test_several_are_deleted_and_what_fails_is_said(server, run):
    for name in ("A", "B"):
        server.put(LB, name=name)
    assert run("lbaas-loadbalancer-delete A B") == "Deleted loadbalancer(s): A, B\n"
    server.put(LB, name="C")
    assert (
        run("lbaas-loadbalancer-delete nix C", code=1)
        == "Unable to find loadbalancer with name or id 'nix'.\n"
    )
    assert server.objects[LB] == []


def test_a_name_of_several_objects_is_refused(server, run):
    server.put(LB, name="x")
    server.put(LB, name="x")
    said = run("lbaas-loadbalancer-show x", code=1)
    assert said == "Multiple loadbalancer matches found for name 'x', use an ID to be more specific.\n"


@pytest.mark.parametrize("word", ["x", "8f1b6de1-0a4c-4b8e-9c61-0f6f7bd0a111"])
def test_an_unknown_name_or_id_is_said_in_one_line(run, word):
    said = run(f"lbaas-loadbalancer-show {word}", code=1)
    assert said == f"Unable to find loadbalancer with name or id '{word}'\n"


def test_an_empty_name_is_nobodys_name(server, run):
    server.put(LB, name="")
    said = run(["lbaas-loadbalancer-delete", ""], code=1)
    assert said == "Unable to find loadbalancer with name or id ''.\n"
    assert server.changes() == []


def test_a_token_may_stand_for_a_password_where_the_endpoint_is_known(server, run, monkeypatch):
    for name in [name for name in os.environ if name.startswith("OS_") and name != "OS_CLIENT_CONFIG_FILE"]:
        monkeypatch.delenv(name)
    server.put("lbaas/pools", name="P")
    endpoint = f"--os-auth-type admin_token --os-token t --os-endpoint {server.url}/networking"
    assert run(f"lbaas-pool-list {endpoint} -f value -c name") == "P\n"
    monkeypatch.setenv("OS_USER_DOMAIN_NAME", "Default")  # an openrc was sourced before
    assert run(f"lbaas-pool-list {endpoint} -f value -c name") == "P\n"
    anonymous = f"--os-auth-type none --os-endpoint {server.url}/networking"
    assert run(f"{anonymous} lbaas-pool-list -f value -c name") == "P\n"


def test_nobody_complains_when_the_reader_leaves(server, run):
    for _ in range(300):
        server.put("lbaas/pools", name="P" * 250)
    program = Path(sys.executable).parent / "evener"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{program} lbaas-pool-list | head -1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (141, "")
    assert done.stdout.startswith("+--")


def test_a_refusal_is_in_the_words_of_the_server(server, run):
    pool = server.put("lbaas/pools", name="P")
    error = {"type": "EntityInUse", "message": "pool is used\nby a listener", "detail": ""}
    server.refusals["DELETE", f"lbaas/pools/{pool['id']}"] = (409, {"NeutronError": error})
    assert run("lbaas-pool-delete P", code=1) == "pool is used by a listener.\n"
    server.refusals["PUT", f"lbaas/pools/{pool['id']}"] = (409, {"NeutronError": error})
    assert run("lbaas-pool-update P --name Q", code=1) == "pool is used by a listener\n"


def test_an_answer_that_is_no_json_is_an_error(server, run):
    server.refusals["GET", "lbaas/pools"] = (502, None)
    assert len(run("lbaas-pool-list", code=1).splitlines()) == 1


def test_a_wrong_password_is_one_line(run):
    said = run("--os-password wrong lbaas-pool-list", code=1)
    assert said.count("\n") == 1
    assert "requires authentication" in said


def test_a_server_that_is_not_there_is_one_line(run):
    said = run("lbaas-pool-list --os-auth-url http://127.0.0.1:9/v3", code=1)
    assert said == "Unable to reach http://127.0.0.1:9/v3: Connection refused\n"


def test_a_network_service_that_is_not_there_is_one_line(run):
    said = run("lbaas-pool-list --os-network-endpoint-override http://127.0.0.1:9", code=1)
    assert said == "Unable to reach http://127.0.0.1:9/v2.0: Connection refused\n"


def test_missing_credentials_say_where_to_put_them(run, monkeypatch):
    monkeypatch.delenv("OS_AUTH_URL")
    said = run("lbaas-pool-list", code=1)
    assert "openrc" in said
    assert said.count("\n") == 1


def test_a_cloud_of_clouds_yaml_is_named_before_or_after_the_command(server, run, monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("OS_") and name != "OS_CLIENT_CONFIG_FILE"]:
        monkeypatch.delenv(name)
    auth = {"auth_url": f"{server.url}/identity/v3", "username": "ada", "password": "right"}
    auth |= {"project_name": "demo", "user_domain_name": "Default", "project_domain_name": "Default"}
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"evener": {"auth": auth}}}))
    server.put("lbaas/pools", name="P")
    assert run("--os-cloud evener lbaas-pool-list -f value -c name") == "P\n"
    assert run("lbaas-pool-list --os-cloud=evener -f value -c name") == "P\n"
    assert run("lbaas-pool-list --os-cloud nix", code=1) == "Cloud nix was not found.\n"


def test_an_endpoint_with_its_version_in_the_catalogue_works_as_well(server, run):
    server.endpoint_suffix = "/v2.0/"
    server.put("lbaas/pools", name="P")
    assert run("lbaas-pool-list -f value -c name") == "P\n"


def test_wait_returns_when_the_load_balancer_is_active(server, run):
    server.put("subnets", name="front")
    server.statuses = ["PENDING_CREATE", "ACTIVE", "ACTIVE"]
    out = run("lbaas-loadbalancer-create --wait front -f json")
    assert json.loads(out)["provisioning_status"] == "ACTIVE"


def test_wait_finds_the_load_balancer_above(server, run):
    lb = server.put(LB, name="LB")
    listener = server.put("lbaas/listeners", loadbalancers=[{"id": lb["id"]}])
    pool = server.put("lbaas/pools", name="P", loadbalancers=[], listeners=[{"id": listener["id"]}])
    server.put("subnets", name="back")
    server.put("lbaas/healthmonitors", name="H", pools=[{"id": pool["id"]}])
    server.statuses = ["PENDING_UPDATE", "ACTIVE"] * 3
    run("lbaas-member-create --wait 5 --subnet back --address 10.0.0.9 --protocol-port 80 --name m P")
    run("lbaas-member-delete m P --wait=5")
    run("lbaas-healthmonitor-update H --delay 9 --wait")
    assert server.statuses == []


def test_wait_fails_with_the_reason_of_the_server(server, run):
    server.put(LB, name="LB", provisioning_error="haproxy did not start")
    server.statuses = ["PENDING_UPDATE", "ERROR"]
    said = run("lbaas-loadbalancer-update LB --description d --wait", code=1)
    assert said == "loadbalancer LB is in ERROR: haproxy did not start\n"


def test_wait_ends(server, run):
    server.put(LB, name="LB", provisioning_status="PENDING_UPDATE")
    said = run("lbaas-loadbalancer-update LB --name LB --wait 0.1", code=1)
    assert said == "loadbalancer LB is still PENDING_UPDATE at the end of the time to wait\n"


def test_wait_for_a_deletion_returns_when_it_is_gone(server, run):
    server.put(LB, name="LB")
    assert run("lbaas-loadbalancer-delete --wait LB") == "Deleted loadbalancer(s): LB\n"


def test_the_program_prints_one_line_and_debug_shows_the_exchange_without_secrets(server, run):
    server.put("lbaas/pools", name="P")
    program = [str(Path(sys.executable).parent / "evener")]
    quiet = subprocess.run([*program, "lbaas-pool-show", "x"], capture_output=True, text=True, check=False)
    assert (quiet.returncode, quiet.stdout) == (1, "")
    assert quiet.stderr == "Unable to find pool with name or id 'x'\n"
    debug = subprocess.run(
        [*program, "lbaas-pool-list", "--debug", "-f", "value", "-c", "name"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert debug.stdout == "P\n"
    assert f"GET {server.url}/networking/v2.0/lbaas/pools" in debug.stderr
    assert "s3cr3t-token" not in debug.stderr
    assert "right" not in debug.stderr


def test_help_needs_no_server_and_tells_every_argument(run, monkeypatch):
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:9")
    assert "--session-persistence" in run("lbaas-pool-create --help")
    assert "lbaas-healthmonitor-create" in run("--help")
    assert "VIP_SUBNET" in run("help lbaas-loadbalancer-create")


def test_a_misspelt_option_of_show_is_refused(run):
    assert "unrecognized arguments: --nix" in run("lbaas-pool-show P --nix", code=2)

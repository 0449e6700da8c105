"""The client prints what neutron's own client prints, and sends what it sends, command by command."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from cli_recorder import Recorder, serve

from warm_programs import warm

pytestmark = pytest.mark.root
NEUTRON, EVENER = Path("/usr/bin/neutron"), Path(sys.executable).with_name("evener")
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
COMMANDS = """
net-create N
subnet-create N 10.0.0.0/24 --name S --gateway 10.0.0.1
lbaas-loadbalancer-create S --name LB
lbaas-listener-create --loadbalancer LB --protocol HTTP --protocol-port 80 --name L
lbaas-pool-create --listener L --protocol HTTP --lb-algorithm ROUND_ROBIN --name P
lbaas-member-create P --subnet S --address 10.0.0.9 --protocol-port 80 --name m
lbaas-healthmonitor-create --pool P --type TCP --delay 5 --timeout 4 --max-retries 3 --name H
lbaas-member-list P -c id -c name
lbaas-member-show m P -f value
lbaas-pool-update P --session-persistence type=APP_COOKIE,cookie_name=c
lbaas-pool-update P
lbaas-pool-show P
lbaas-pool-show P -f shell
lbaas-pool-show nix
net-list
port-list --name nix
lbaas-member-delete m P
lbaas-loadbalancer-delete LB
net-create GATEWAY_NET --router:external
net-external-list -c name
router-create R
router-list
router-gateway-set R GATEWAY_NET --disable-snat --fixed-ip subnet_id=S,ip_address=10.0.0.2
router-list
router-show R
router-interface-add R S
router-update R --route destination=10.1.0.0/16,nexthop=10.0.0.9
router-update R --no-routes
router-interface-delete R subnet=S
router-gateway-clear R
floatingip-create GATEWAY_NET --floating-ip-address 198.51.100.9
floatingip-list -c floating_ip_address -c port_id
security-group-create G --description d
security-group-list
security-group-rule-create G --protocol tcp --port-range-min 80 --port-range-max 81 --remote-ip-prefix 10.0.0.0/8
security-group-rule-create G --protocol icmpv6 --remote-group-id G
security-group-rule-create G --protocol icmp --port-range-min 8 --ethertype IPv4 --direction EGRESS
security-group-rule-list -c security_group -c direction -c port/protocol -c remote
security-group-rule-list --no-nameconv
security-group-rule-list -F remote -F direction
security-group-list
security-group-show G
security-group-update G --name H
security-group-delete H
router-delete R
"""


@pytest.fixture
def server():
    recorder = Recorder()
    running = serve(recorder)
    yield recorder
    running.shutdown()
    running.server_close()


def without_chance(text):
    """Return `text` without ids, and with numbers as neutron's client sends them, as strings."""
    return re.sub(r": (\d+)", r': "\1"', UUID.sub("UUID", text))


def outcome(server, program):
    """What `program` prints on each output, and exits with, for each command; and all that it changed."""
    server.reset()
    auth = {"OS_USERNAME": "ada", "OS_PASSWORD": "right", "OS_PROJECT_NAME": "demo"}
    auth |= {"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default"}
    environment = {"OS_AUTH_URL": f"{server.url}/identity/v3", **auth}
    environment |= {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    said = []
    for line in COMMANDS.strip().splitlines():
        command = [warm(program), *line.split()]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        notes = [
            UUID.sub("UUID", note) for note in done.stderr.splitlines() if "CLI is deprecated" not in note
        ]
        said.append((line, done.returncode, UUID.sub("UUID", done.stdout), notes))
    changes = [without_chance(json.dumps(change, sort_keys=True)) for change in server.changes()]
    return said, changes


@pytest.mark.skipif(not NEUTRON.exists(), reason="python3-neutronclient is not installed")
def test_both_clients_print_and_change_the_same(server):
    said_by_neutron, changed_by_neutron = outcome(server, NEUTRON)
    said_by_us, changed_by_us = outcome(server, EVENER)
    for one, other in zip(said_by_us, said_by_neutron, strict=True):
        assert one == other, (one, other)
    assert changed_by_us == changed_by_neutron

"""The client prints what neutron's own client prints, and sends what it sends, command by command."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from cli_recorder import Recorder, serve

pytestmark = pytest.mark.root
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
    environment = {"PATH": os.environ["PATH"], "OS_AUTH_URL": f"{server.url}/identity/v3", **auth}
    said = []
    for line in COMMANDS.strip().splitlines():
        done = subprocess.run(
            [program, *line.split()], env=environment, capture_output=True, text=True, check=False
        )
        notes = [note for note in done.stderr.splitlines() if "CLI is deprecated" not in note]
        said.append((line, done.returncode, UUID.sub("UUID", done.stdout), notes))
    changes = [without_chance(json.dumps(change, sort_keys=True)) for change in server.changes()]
    return said, changes


@pytest.mark.skipif(shutil.which("neutron") is None, reason="python3-neutronclient is not installed")
def test_both_clients_print_and_change_the_same(server):
    theirs, their_changes = outcome(server, shutil.which("neutron"))
    ours, our_changes = outcome(server, str(Path(sys.executable).parent / "evener"))
    assert ours == theirs
    assert our_changes == their_changes

"""Ansible's modules of the collection openstack.cloud: a play makes, changes and removes a load balancer."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from octavia_site import OctaviaSite

pytestmark = pytest.mark.root
PLAY = Path(__file__).with_name("octavia_play.yml")
COLLECTIONS = Path(sys.prefix) / "ansible"


def play(site: OctaviaSite, **values: Any) -> tuple[int, int]:
    """Run the play with these values; return how many tasks there were for it, and how many changed something."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(site.state),
        "LC_ALL": "C.UTF-8",
        "OS_CLIENT_CONFIG_FILE": str(site.state / "clouds.yaml"),
        "ANSIBLE_COLLECTIONS_PATHS": str(COLLECTIONS),
        "ANSIBLE_LOCAL_TEMP": str(site.state.parent / "ansible"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    values["subnet_id"] = site.subnet["id"]
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", json.dumps(values), str(PLAY)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    found = re.search(r"ok=(\d+) +changed=(\d+)", done.stdout)
    assert found is not None, done.stdout
    return int(found[1]), int(found[2])


FIRST = {"description": "first", "times": 50, "algorithm": "ROUND_ROBIN", "weight": 1}
SECOND = {"description": "second", "times": 70, "algorithm": "LEAST_CONNECTIONS", "weight": 9}


def check(site: OctaviaSite, wanted: dict[str, Any]) -> None:
    """Expect what the play says."""
    (balancer,) = site.ok("GET", "loadbalancers")
    said = {"description": wanted["description"]}
    site.shows(f"loadbalancers/{balancer['id']}", vip_address="10.7.0.100", **said)
    times = {"timeout_client_data": wanted["times"], "timeout_member_data": wanted["times"]}
    site.shows(f"listeners/{balancer['listeners'][0]['id']}", **times, **said)
    pool = site.shows(f"pools/{balancer['pools'][0]['id']}", lb_algorithm=wanted["algorithm"], **said)
    asks = {"http_method": "HEAD", "url_path": "/health", "expected_codes": "200,204", "max_retries_down": 4}
    site.shows(f"healthmonitors/{pool['healthmonitor_id']}", delay=wanted["times"], timeout=7, **asks)
    path = f"pools/{pool['id']}/members/{pool['members'][0]['id']}"
    watched = {"monitor_address": "10.7.0.99", "monitor_port": 8081}
    site.shows(path, address="10.7.0.11", weight=wanted["weight"], **watched)


def test_a_play_makes_and_changes_what_it_says_and_the_second_time_nothing(site: OctaviaSite) -> None:
    assert play(site, state="present", **FIRST) == (5, 5)
    check(site, FIRST)
    assert play(site, state="present", **FIRST) == (5, 0)
    assert play(site, state="present", **SECOND) == (5, 5)
    check(site, SECOND)


def test_a_play_removes_what_it_made(site: OctaviaSite) -> None:
    assert play(site, state="absent") == (5, 5)
    for kind in ("loadbalancers", "listeners", "pools", "healthmonitors"):
        assert site.listed(kind) == []

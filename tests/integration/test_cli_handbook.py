"""The handbook's chapter on load balancing as one script: neutron's own client and ours leave the same behind."""

import json
import os
import re
import subprocess
from collections import Counter
from difflib import unified_diff
from pathlib import Path

import pytest
from cli_site import EVENER, Site

from waiting import eventually
from warm_programs import warm

pytestmark = [pytest.mark.root, pytest.mark.timeout(1200)]
NEUTRON = Path("/usr/bin/neutron")
PORT = 19790
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
REQUESTS = 6
# Parts of the script that run where the server lists this extension.
OPTIONAL = {"AGENTS": "lbaas_agent_schedulerv2", "QUOTAS": "quotas", "FLAVORS": "flavors"}
# Every command as a user types it, with $CLIENT for the program. `run` says how it ended; at a `checkpoint` the
# test looks at the server, and lets the script go on.
SCRIPT = r"""
run() { "$CLIENT" "$@" >output 2>errors; echo "$? $1"; [ -z "$VERBOSE" ] || cat output errors >&2; }
value() { "$CLIENT" "$1" -f value -c "$2" "${@:3}" 2>/dev/null; }
checkpoint() { echo "checkpoint $1"; read -r; }

run lbaas-loadbalancer-create --name LB_WEB --description first PROJECT_SUBNET
run lbaas-listener-create --name LISTENER_WEB --loadbalancer LB_WEB --protocol HTTP --protocol-port 80
run lbaas-pool-create --name POOL_WEB --listener LISTENER_WEB --protocol http --lb-algorithm ROUND_ROBIN
run lbaas-member-create --name web1 --subnet PROJECT_SUBNET --address "$WEB1" --protocol-port 80 POOL_WEB
run lbaas-member-create --name web2 --subnet PROJECT_SUBNET --address "$WEB2" --protocol-port 80 POOL_WEB
run lbaas-healthmonitor-create --name MONITOR_WEB --pool POOL_WEB --type HTTP --delay 1 --timeout 20 --max-retries 3
run lbaas-pool-create --name POOL_TWO --loadbalancer LB_WEB --protocol HTTP --lb-algorithm source_ip
run lbaas-l7policy-create --name POLICY_OLD --listener LISTENER_WEB --action reject --description "old paths"
run lbaas-l7policy-create --name POLICY_TWO --listener LISTENER_WEB --action REDIRECT_TO_POOL \
  --redirect-pool POOL_TWO --position 1 --admin-state-down
run lbaas-l7rule-create --type PATH --compare-type STARTS_WITH --value /old POLICY_OLD
run lbaas-l7rule-create --type HEADER --compare-type EQUAL_TO --key X-Two --value yes --invert-compare POLICY_TWO
rule=$(value lbaas-l7rule-list id POLICY_OLD)
for kind in loadbalancer listener pool healthmonitor l7policy; do run lbaas-$kind-list; done
run lbaas-member-list POOL_WEB
run lbaas-l7rule-list POLICY_OLD
run lbaas-loadbalancer-show LB_WEB
run lbaas-listener-show LISTENER_WEB
run lbaas-pool-show POOL_WEB
run lbaas-member-show web1 POOL_WEB
run lbaas-healthmonitor-show MONITOR_WEB
run lbaas-l7policy-show POLICY_OLD
run lbaas-l7rule-show "$rule" POLICY_OLD
checkpoint made
run lbaas-loadbalancer-status LB_WEB
cp output statuses.json
run lbaas-loadbalancer-stats LB_WEB
before=$(value lbaas-loadbalancer-stats total_connections LB_WEB)
checkpoint traffic
echo "$(($(value lbaas-loadbalancer-stats total_connections LB_WEB) - before)) more connections"

# What is refused, and what there is not.
run lbaas-l7policy-create --name BAD --listener LISTENER_WEB --action REDIRECT_TO_URL
run lbaas-l7policy-create --name BAD --listener LISTENER_WEB --action REJECT --redirect-url http://x.example/
run lbaas-listener-create --name BAD --loadbalancer LB_WEB --protocol HTTP --protocol-port 80
run lbaas-pool-create --name BAD --protocol HTTP --lb-algorithm ROUND_ROBIN
run lbaas-pool-show NO_SUCH_POOL
run lbaas-loadbalancer-update LB_WEB
run lbaas-loadbalancer-delete LB_WEB

run lbaas-loadbalancer-update LB_WEB --name LB_NEW --description second --admin-state-up False
run lbaas-loadbalancer-update LB_NEW --name LB_WEB --admin-state-up True
run lbaas-listener-update LISTENER_WEB --name LISTENER_NEW --description d --connection-limit 100 \
  --default-pool POOL_TWO --admin-state-up False
run lbaas-pool-update POOL_WEB --name POOL_NEW --description d --lb-algorithm LEAST_CONNECTIONS \
  --session-persistence type=APP_COOKIE,cookie_name=sid --admin-state-up False
run lbaas-pool-update POOL_TWO --session-persistence type=SOURCE_IP
run lbaas-pool-update POOL_TWO --no-session-persistence
run lbaas-member-update web1 POOL_NEW --name web_one --weight 5 --admin-state-up False
run lbaas-healthmonitor-update MONITOR_WEB --name MONITOR_NEW --delay 6 --timeout 5 --max-retries 2 \
  --http-method head --url-path /health --expected-codes 200-299 --admin-state-up False
run lbaas-l7policy-update POLICY_OLD --name POLICY_NEW --description new --action REDIRECT_TO_URL \
  --redirect-url http://new.example/ --position 1 --admin-state-up False
run lbaas-l7rule-update "$rule" POLICY_NEW --type COOKIE --compare-type CONTAINS --key k --value v \
  --invert-compare --admin-state-up False
checkpoint updated
run lbaas-l7rule-update "$rule" POLICY_NEW --value w
run net-update PROJECT_NET --name PROJECT_NEW
run net-update PROJECT_NEW --name PROJECT_NET
checkpoint "not inverted"

if [ -n "$AGENTS" ]; then
  agent=$(value agent-list id)
  run agent-list
  run agent-show "$agent"
  run agent-update "$agent" --admin-state-down --description node
  run agent-update "$agent" --description "" --admin-state-up True
  run lbaas-loadbalancer-list-on-agent "$agent"
  run lbaas-agent-hosting-loadbalancer LB_WEB
  run agent-show NO_SUCH_AGENT
fi
if [ -n "$QUOTAS" ]; then
  run quota-show
  run quota-default-show
  run quota-update --loadbalancer 1 --health-monitor 7
  run lbaas-loadbalancer-create PROJECT_SUBNET
  run quota-list
  run quota-delete
fi
if [ -n "$FLAVORS" ]; then
  run service-provider-list
  run flavor-create gold LOADBALANCERV2 --description best --enabled True
  run flavor-profile-create --description p --metainfo '{}' --driver "$DRIVER" --enabled True
  profile=$(value flavor-profile-list id)
  run flavor-associate gold "$profile"
  for kind in flavor flavor-profile; do run $kind-list; done
  run flavor-show gold
  run flavor-profile-show "$profile"
  run flavor-update gold --name silver --description good --enabled False
  run flavor-profile-update "$profile" --description q --enabled False
  run flavor-disassociate silver "$profile"
  run flavor-profile-update "$profile" --description q --enabled False
  run flavor-profile-delete "$profile"
  run flavor-delete silver
fi
run ext-list
run ext-show lbaasv2
run ext-show no_such_extension

run lbaas-l7rule-delete "$rule" POLICY_NEW
run lbaas-l7policy-delete POLICY_NEW POLICY_TWO
run lbaas-healthmonitor-delete MONITOR_NEW
run lbaas-member-delete web_one web2 POOL_NEW
checkpoint "half deleted"
run lbaas-listener-delete LISTENER_NEW
run lbaas-pool-delete POOL_NEW POOL_TWO NO_SUCH_POOL
run lbaas-loadbalancer-delete LB_WEB
checkpoint deleted
"""
REFUSED = {
    "1 lbaas-l7policy-create": 2,
    "1 lbaas-listener-create": 1,
    "1 lbaas-pool-create": 1,
    "1 lbaas-pool-show": 1,
    "1 lbaas-loadbalancer-update": 1,
    "1 lbaas-loadbalancer-delete": 1,
    "1 ext-show": 1,
    "1 lbaas-pool-delete": 1,
}
REFUSED_IN = {
    "QUOTAS": {"1 lbaas-loadbalancer-create": 1},
    "AGENTS": {"1 agent-show": 1},
    "FLAVORS": {"1 flavor-profile-update": 1},  # of a profile that a flavor has
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A server with the hosts web1, web2 and client on PROJECT_SUBNET."""
    made = Site(tmp_path_factory.mktemp("handbook"), PORT)
    try:
        subnet = made.subnet("PROJECT_SUBNET", "192.168.200.0/24")
        for name in ("web1", "web2", "client"):
            made.host(subnet, name, serves=name != "client")
        yield made
    finally:
        made.close()


class Snapshots:
    """What is on the server at each checkpoint: everything but statuses, with names in place of ids."""

    def __init__(self, site):
        self.site = site
        self.taken = {}

    def _all(self):
        get = self.site.get
        found = {
            kind: get(f"lbaas/{kind}s") for kind in ("loadbalancer", "listener", "pool", "healthmonitor")
        }
        found["l7policy"] = get("lbaas/l7policies")
        for pool in found["pool"]:
            found[f"members of {pool['name']}"] = get(f"lbaas/pools/{pool['id']}/members")
        for policy in found["l7policy"]:
            found[f"rules of {policy['name']}"] = get(f"lbaas/l7policies/{policy['id']}/rules")
        for kind in ("networks", "quotas", "flavors", "service_profiles", "agents"):
            found[kind] = get(kind)
        return found

    def settle(self):
        """Wait until what was changed is in effect: nothing is PENDING."""
        get = self.site.get
        eventually(
            lambda: {one["provisioning_status"] for one in get("lbaas/loadbalancers")} <= {"ACTIVE"}, 20
        )

    def take(self, name):
        self.settle()
        names, kept = {}, {}
        for kind, objects in self._all().items():
            kept[kind] = sorted(objects or [], key=lambda one: json.dumps([one.get("name"), one.get("type")]))
            for place, one in enumerate(kept[kind]):
                names[one["id"]] = f"{kind} {place}"
                if "vip_port_id" in one:
                    names[one["vip_port_id"]] = f"port of {kind} {place}"
                for changing in ("operating_status", "heartbeat_timestamp", "configurations"):
                    one.pop(changing, None)
                one["description"] = one.get("description") or ""  # an agent's is null until it is first set
        text = UUID.sub(
            lambda found: names.get(found.group(0), found.group(0)),
            json.dumps(kept, indent=1, sort_keys=True),
        )
        self.taken[name] = text.splitlines()


def optional_parts(site):
    """The parts of the script that the server is able to run."""
    aliases = {one["alias"] for one in site.get("extensions")}
    return {name for name, alias in OPTIONAL.items() if alias in aliases}


def follow(client, site, directory):
    """Run the script with `client`; return what it printed, the snapshots, and the tree of statuses it got."""
    directory.mkdir()
    snapshots = Snapshots(site)
    given = {name: "yes" if name in optional_parts(site) else "" for name in OPTIONAL}
    given |= {"WEB1": site.hosts["web1"].address, "WEB2": site.hosts["web2"].address}
    given |= {
        "CLIENT": warm(client),
        "DRIVER": "evener",
        "VERBOSE": os.environ.get("VERBOSE", ""),
    }
    said = []
    process = subprocess.Popen(
        ["bash", "-u", "-c", SCRIPT],
        env=site.environment | given,
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        for line in process.stdout:
            said.append(line.strip())
            if not line.startswith("checkpoint"):
                continue
            snapshots.take(line.strip())
            if line.strip() == "checkpoint traffic":
                _send(site)
            process.stdin.write("\n")
            process.stdin.flush()
    assert process.returncode == 0
    return said, snapshots.taken, json.loads((directory / "statuses.json").read_text())


def _send(site):
    """Send requests, once the load balancer answers; both servers do."""
    (balancer,) = site.get("lbaas/loadbalancers")
    client, vip = site.hosts["client"], balancer["vip_address"]
    eventually(lambda: client.get(vip), 10)
    assert {client.get(vip) for _ in range(REQUESTS)} == {"web1", "web2"}


def _shape(node):
    """The tree of statuses without ids."""
    if isinstance(node, list):
        return [_shape(one) for one in node]
    if isinstance(node, dict):
        return {key: _shape(value) for key, value in node.items() if key != "id"}
    return node


@pytest.mark.skipif(not NEUTRON.exists(), reason="python3-neutronclient is not installed")
def test_neutron_and_evener_run_the_whole_chapter_alike(site, tmp_path):
    said, taken, statuses = follow(NEUTRON, site, tmp_path / "neutron")
    refused = Counter(line for line in said if re.match("[1-9][0-9]* [a-z0-9]+-", line))
    wanted = REFUSED | {k: v for part in optional_parts(site) for k, v in REFUSED_IN.get(part, {}).items()}
    assert refused == wanted, said
    (grown,) = [int(line.split()[0]) for line in said if line.endswith("more connections")]
    assert grown >= REQUESTS
    ours, our_taken, our_statuses = follow(Path(EVENER), site, tmp_path / "evener")
    assert [line for line in ours if "more" not in line] == [line for line in said if "more" not in line]
    assert our_taken.keys() == taken.keys()
    assert [line for name in taken for line in unified_diff(taken[name], our_taken[name], name)] == []
    assert _shape(our_statuses) == _shape(statuses)
    assert '"name": "POLICY_NEW"' in "".join(taken["checkpoint updated"])

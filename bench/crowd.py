"""Many load balancers at once: what they need of memory, and how fast the API is with them."""

import re
from collections.abc import Iterator
from pathlib import Path

from bench import report, traffic
from bench.api import LBAAS, Api, Made
from bench.report import Result
from bench.topology import MEMBERS, STATE, URL

NUMBER = 50
LISTED = 20
ROUND_S = 2
CLIENTS = (1, 4)
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_POST = """
local paths, members = {{ {paths} }}, {first}
request = function()
  members = members + 1
  local address = string.format("10.%d.%d.%d", {net}, math.floor(members / 250), members % 250 + 1)
  local body = '{{"member": {{"subnet_id": "{subnet}", "address": "' .. address .. '", "protocol_port": 80}}}}'
  local headers = {{ ["X-Auth-Token"] = "{token}", ["Content-Type"] = "application/json" }}
  return wrk.format("POST", paths[members % #paths + 1], headers, body)
end
"""


def measure(api: Api, subnet: str, standalone_pid: int) -> Iterator[Result]:
    """Make the load balancers, weigh them, and ask about them."""
    made = [api.balancer(subnet, MEMBERS) for _ in range(NUMBER)]
    api.wait_all_active()
    yield from _memory(made, standalone_pid)
    yield from _speed(api, subnet, made)


def _memory(made: list[Made], standalone_pid: int) -> Iterator[Result]:
    total_kb = sum(_pss_kb(pid) for each in made for pid in _processes(each.loadbalancer))
    yield report.result(f"memory (PSS) of each of {NUMBER} load balancers", total_kb / NUMBER / 1024, "MiB")
    yield report.result("memory (PSS) of evener-standalone with them", _pss_kb(standalone_pid) / 1024, "MiB")


def _processes(loadbalancer_id: str) -> list[int]:
    """Return the master and the worker that run the load balancer's file."""
    conf = str(STATE / "lbaas" / "v2" / loadbalancer_id / "haproxy.conf").encode()
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    found = [pid for pid in pids if conf in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
    if len(found) != 2:
        raise RuntimeError(f"Load balancer {loadbalancer_id} has {len(found)} processes")
    return found


def _pss_kb(pid: int) -> int:
    found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    return int(found[1]) if found else 0


def _speed(api: Api, subnet: str, made: list[Made]) -> Iterator[Result]:
    token = (f"X-Auth-Token: {api.token}",)
    one = f"{URL}{LBAAS}/loadbalancers/{made[0].loadbalancer}"
    many = f"{URL}{LBAAS}/loadbalancers?limit={LISTED}"
    for clients in CLIENTS:
        label = f"{clients} client{'s' if clients > 1 else ''}"
        shown = traffic.rate(one, ROUND_S, clients, token)
        yield report.result(f"API: show a load balancer, {label}", shown, "1/s")
        listed = traffic.rate(many, ROUND_S, clients, token)
        yield report.result(f"API: list {LISTED} load balancers, {label}", listed, "1/s")
        script = _posting(api, subnet, made, net=100 + clients)
        created = traffic.rate(URL, ROUND_S, clients, script=script)
        yield report.result(f"API: create a member, {label}", created, "1/s")


def _posting(api: Api, subnet: str, made: list[Made], net: int) -> Path:
    """Write what lets wrk POST members, another one with each request, to all load balancers in turn."""
    path = STATE / "post.lua"
    paths = ", ".join(f'"{LBAAS}/pools/{each.pool}/members"' for each in made)
    path.write_text(_POST.format(paths=paths, first=0, net=net, subnet=subnet, token=api.token))
    return path

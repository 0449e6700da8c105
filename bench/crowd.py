"""Many load balancers at once: what they cost, at rest and to make, and how fast the API is with them."""

import csv
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench import creation, report, traffic
from bench.api import LBAAS, Api, Made
from bench.report import Result
from bench.topology import MEMBERS, STATE, URL, Standalone, wait_for

NUMBER = 200
NEIGHBOURS = 19  # whose median stands for one
PSS_MIB, LAST_BY_TENTH = 8, 1.2
IDLE = 6  # times what a loop takes that only asks their HAProxies for their counters
ADOPTED = 0.15  # times what it took to make them
ADOPTION_S, SERVING_S = 60.0, 10.0
PERIODIC_S, ASKED = 10, 5  # how often the agent reads counters
IDLE_S = 60  # as long as a resync interval, so that there is one in it
_ADOPTED = re.compile(r"All (\d+) load balancers are as control wants")
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


def measure(api: Api, subnet: str, bridge: str, server: Standalone) -> Iterator[Result]:
    """Make the load balancers, weigh them, leave them alone, restart what serves them, and ask about them."""
    made: list[Made] = []
    seconds: list[float] = []
    by_hand: list[float] = []  # beside the first of them, and the last
    for number in range(NUMBER):
        start = time.perf_counter()
        made.append(api.whole(subnet, MEMBERS))
        traffic.first_answer(made[-1].vip, SERVING_S)
        seconds.append(time.perf_counter() - start)
        if number < NEIGHBOURS or number >= NUMBER - NEIGHBOURS:
            by_hand.append(creation.by_hand_s(bridge, MEMBERS))
    yield from _growth(seconds, by_hand)
    api.wait_all_active()
    yield from _memory(made, server.pid)
    yield from _idle(server.pid, made)
    yield from _restart(server, sum(seconds))
    yield from _speed(api, subnet, made)


def _growth(seconds: list[float], by_hand: list[float]) -> Iterator[Result]:
    """Compare the last with the tenth; whoever makes one by hand beside them finds a fuller machine as well."""
    ratios = [ours / bare for ours, bare in zip(_ends(seconds), by_hand, strict=True)]
    name = f"making load balancer {NUMBER} / making the 10th"
    grown, full = _last_by_tenth(ratios), _last_by_tenth(by_hand)
    yield report.aimed(f"{name}, each by one by hand beside it", grown, "", report.AT_MOST, LAST_BY_TENTH)
    yield report.result(name, _last_by_tenth(_ends(seconds)), "")
    yield report.result("  by hand, beside as many", full, "")


def _ends(found: list[float]) -> list[float]:
    return found[:NEIGHBOURS] + found[-NEIGHBOURS:]


def _last_by_tenth(ends: list[float]) -> float:
    return median(ends[NEIGHBOURS:]) / median(ends[:NEIGHBOURS])


def _memory(made: list[Made], standalone_pid: int) -> Iterator[Result]:
    total_kb = sum(_pss_kb(pid) for each in made for pid in _processes(each.loadbalancer))
    name = f"memory (PSS) of each of {NUMBER} load balancers"
    yield report.aimed(name, total_kb / NUMBER / 1024, "MiB", report.AT_MOST, PSS_MIB)
    yield report.result("memory (PSS) of evener-standalone with them", _pss_kb(standalone_pid) / 1024, "MiB")


def _idle(standalone_pid: int, made: list[Made]) -> Iterator[Result]:
    """Measure how much of one processor is used while nobody asks for anything, and how much asking alone takes."""
    before = _cpu_s(standalone_pid)
    time.sleep(IDLE_S)
    used = (_cpu_s(standalone_pid) - before) / IDLE_S * 100
    before_asking = time.process_time()
    for _ in range(ASKED):
        for each in made:
            _ask(STATE / "lbaas" / "v2" / each.loadbalancer / "haproxy.sock")
    asking = (time.process_time() - before_asking) / ASKED / PERIODIC_S * 100
    name = f"processor used by evener-standalone with {NUMBER} idle load balancers"
    yield report.aimed(f"{name} / by asking HAProxy alone", used / asking, "", report.AT_MOST, IDLE)
    yield report.result(name, used, "%")
    yield report.result(f"  by asking HAProxy alone, each {PERIODIC_S} s", asking, "%")


def _ask(path: Path) -> list[dict[str, str]]:
    """Return what HAProxy counts, as plainly as it can be had."""
    with socket.socket(socket.AF_UNIX) as asker:
        asker.connect(str(path))
        asker.sendall(b"show stat\n")
        text = b"".join(iter(lambda: asker.recv(65536), b"")).decode()
    return list(csv.DictReader(text.removeprefix("# ").splitlines()))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _restart(server: Standalone, made_s: float) -> Iterator[Result]:
    """Measure from the start of the program until its agent has looked at all load balancers that run.

    `made_s` is how long it took to make them.
    """
    server.stop()
    before = len(_adoptions())
    start = time.perf_counter()
    server.start()
    answers = time.perf_counter()
    wait_for(lambda: len(_adoptions()) > before, ADOPTION_S, "The agent does not adopt its load balancers")
    adopted = time.perf_counter()
    if (number := _adoptions()[-1]) != str(NUMBER):
        raise RuntimeError(f"The agent has adopted {number} load balancers, and not {NUMBER}")
    name = f"adopting {NUMBER} load balancers that run, once the API answers"
    yield report.aimed(f"{name} / making them", (adopted - answers) / made_s, "", report.AT_MOST, ADOPTED)
    yield report.result(name, adopted - answers, "s")
    yield report.result("  before that, from the start of the program", answers - start, "s")


def _adoptions() -> list[str]:
    """Return what the log says of adoptions; asking the server would take its time from them."""
    return _ADOPTED.findall((STATE / "evener.log").read_text())


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

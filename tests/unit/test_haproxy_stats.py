"""What HAProxy prints, and what it means."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import haproxy_graphs as g
from evener.dataplane.haproxy import stats
from evener.dataplane.haproxy.counters import Ledger
from evener.dataplane.haproxy.logs import changes_state
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.process import said
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.resources.facts import Counters

DIR = Path("/lb")
STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state \
bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr \
srv_agent_addr srv_agent_port
6 p 55 m1 127.0.0.1 0 0 1 1 16 8 2 0 6 0 0 1 - 9 - 0 0 - - 0
6 p 56 m2 ::1 2 0 7 1 16 6 3 4 7 0 0 1 - 9 - 0 0 - - 0
6 p 57 m3 ::1 0 5 1 1 16 1 2 0 14 0 0 1 - 9 - 0 0 - - 0
6 p 58 gone ::1 0 0 1 1 16 1 2 0 6 0 0 1 - 9 - 0 0 - - 0

"""


def config(*members, monitor=True):
    graph = g.graph(
        listeners=[g.listener().model_copy(update={"default_pool_id": "p"})],
        pools=[(g.pool().model_copy(update={"id": "p"}), members, g.monitor() if monitor else None)],
    )
    return render(graph, DIR, Settings())


def member(name, **given):
    return g.member(**given).model_copy(update={"id": name})


@pytest.mark.parametrize(
    ("status", "means"),
    [
        ("UP", "ONLINE"),
        ("UP 1/3", "ONLINE"),
        ("DRAIN", "ONLINE"),
        ("DOWN", "OFFLINE"),
        ("DOWN 1/2", "OFFLINE"),
        ("NOLB", "OFFLINE"),
        ("MAINT", "DISABLED"),
        ("MAINT (via a/b)", "DISABLED"),
        ("no check", "NO_MONITOR"),
    ],
)
def test_a_servers_status_says_how_the_member_is(status, means):
    assert stats.health_of(status, checked=True) == means


def test_a_member_nobody_checks_has_no_monitor_unless_it_is_disabled():
    assert stats.health_of("UP", checked=False) == "NO_MONITOR"
    assert stats.health_of("DRAIN", checked=False) == "NO_MONITOR"
    assert stats.health_of("MAINT", checked=False) == "DISABLED"


def test_a_reload_hands_over_health_but_neither_weights_nor_maintenance():
    wanted = config(member("m1", weight=3), member("m2", weight=5), member("m3"))
    lines = stats.carry_over(STATE, wanted).splitlines()
    assert lines[0] == "1"
    assert [line.split()[3] for line in lines[2:]] == ["m1", "m2"]
    assert lines[2].split()[5:9] == ["0", "0", "3", "3"]
    assert lines[3].split()[5:9] == ["2", "0", "5", "5"]


def test_a_server_that_is_no_longer_checked_forgets_its_health():
    assert len(stats.carry_over(STATE, config(member("m1"), monitor=False)).splitlines()) == 2


def test_processes_are_told_apart():
    text = (
        "#<PID> <type> <reloads> <uptime> <version>\n13  master  2 [failed: 1]  0d  2.6\n"
        "# workers\n276  worker  1  0d  2.6\n# old workers\n16   worker   1   0d  2.6\n# programs\n\n"
    )
    assert stats.processes(text) == stats.Processes(failed_reloads=1, current=(276,), old=(16,))


def test_haproxys_words_are_kept_and_its_paths_shortened():
    output = (
        "[NOTICE]   (7) : path to executable is /usr/sbin/haproxy\n"
        "[ALERT]    (7) : config : parsing [/lb/haproxy.conf.new:54] : unknown keyword 'bogus'\n"
        "[ALERT]    (7) : config : Fatal errors found in configuration.\n"
    )
    assert said(output, Paths(DIR)) == (
        "config : parsing [haproxy.conf:54] : unknown keyword 'bogus'; "
        "config : Fatal errors found in configuration."
    )


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("Server p/m is DOWN, reason: Layer4 timeout. 0 active", True),
        ("Server p/m is UP, reason: Layer7 check passed", True),
        ("Server p/m is going DOWN for maintenance.", True),
        ("Server p/m is UP/READY (leaving forced maintenance).", True),
        ("backend p has no server available!", False),
        ("Proxy p stopped (cumulated conns: FE: 0, BE: 0).", False),
    ],
)
def test_a_log_line_that_changes_a_servers_state_is_recognised(message, changes):
    assert changes_state(message) is changes


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sets(st.integers(1, 3)), st.integers(0, 100), st.booleans()),
        max_size=20,
    )
)
def test_counters_never_run_backwards_whatever_workers_do(events):
    ledger, seen, running = Ledger(), 0, {}
    for pid, alive, more, restarted in events:
        running[pid] = more if restarted else running.get(pid, 0) + more
        ledger = ledger.after({pid: {"l": Counters(total_connections=running[pid])}}, alive | {pid})
        total = ledger.totals()["l"].total_connections
        assert total >= seen
        seen = total
    assert ledger.without_workers().totals().get("l", Counters()).total_connections == seen
    assert Ledger.model_validate_json(ledger.model_dump_json()) == ledger


def test_a_worker_that_is_gone_keeps_its_count_and_has_no_connections():
    ledger = Ledger().after({1: {"l": Counters(active_connections=5, total_connections=9)}}, [1])
    ledger = ledger.after({2: {"l": Counters(active_connections=1, total_connections=2)}}, [2])
    assert ledger.totals()["l"] == Counters(active_connections=1, total_connections=11)


@pytest.mark.parametrize(("stopping", "connections", "done"), [(1, 0, True), (1, 2, False), (0, 0, False)])
def test_a_worker_is_done_once_it_is_told_to_stop_and_has_no_connection_left(stopping, connections, done):
    info = f"Name: HAProxy\nPid: 7\nStopping: {stopping}\n\n"
    columns = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,ereq,"
    table = f"{columns}\nfront,FRONTEND,,,{connections},1,9,3,4,5,0,\n\n"
    assert stats.is_done(info + table) is done
    assert stats.worker_pid(info + table) == 7
    assert stats.listeners(stats.rows(info + table))["front"].total_connections == 3


IDLE = """# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,\
weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,
front,FRONTEND,,,0,1,8000,1,42,75,0,0,0,,,,,OPEN,,,,,,{0},,,1,2,0,,,,0,0,
p,m1,0,0,0,1,,1,42,75,,0,,0,0,0,0,UP,1,1,0,0,0,{0},{0},,1,3,16,,1,,2,{0},
"""


def test_time_that_goes_on_is_no_other_reading_and_all_that_is_read_is():
    standing = stats.standing(stats.fields(IDLE.format(7)))
    assert stats.standing(stats.fields(f"Pid: 7\n\n{IDLE.format(8)}")) == standing
    lines = IDLE.format(7).split("\n")
    for number in (1, 2):
        for column in range(23):
            cells = lines[number].split(",")
            cells[column] += "1"
            other = [*lines[:number], ",".join(cells), *lines[number + 1 :]]
            assert stats.standing(stats.fields("\n".join(other))) != standing
    requests = IDLE.format(7).replace("0,0,\np,", "0,1,\np,")
    assert stats.standing(stats.fields(requests)) != standing
    assert stats.standing(stats.fields(IDLE.format(7).split("p,m1")[0])) != standing

"""A real HAProxy in a namespace: started, changed, killed, adopted, refused, stopped."""

import contextlib
import os
import signal
import socket
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import instance, process, runtime, stats
from evener.dataplane.haproxy.errors import Refused
from evener.dataplane.haproxy.logs import LogSocket
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.plan import (
    AddServer,
    Reload,
    RemoveServer,
    SetState,
    SetWeight,
    Start,
    Stop,
)
from evener.dataplane.haproxy.settings import Settings
from evener.host import netns, processes
from haproxy_rig import PATIENCE_S, SETTINGS, VIP, PatientInstance, Shop, member_of
from haproxy_words import LINE_ENDS
from waiting import eventually

pytestmark = pytest.mark.root


def test_a_load_balancer_is_started_once_and_left_alone_after(rig):
    shop = Shop(rig)
    assert shop.apply() == [Start]
    pid = rig.instance.pid
    assert rig.spread(4) == {"w1": 2, "w2": 2}
    assert shop.apply() == []
    assert rig.instance.pid == pid
    assert rig.instance.check()


def test_files_are_for_the_agent_only_and_haproxy_runs_as_its_own_user(rig):
    shop = Shop(rig)
    shop.monitor = g.monitor(type="HTTP", url_path="/health")
    shop.webs[0].status = 500
    shop.apply()
    eventually(rig.instance.log_socket.read)
    for path in (rig.directory, rig.instance.paths.chroot):
        assert stat.S_IMODE(path.stat().st_mode) == 0o750
    for path in rig.directory.iterdir():
        assert not path.stat().st_mode & 0o007 or path.is_socket()
    assert stat.S_IMODE(rig.instance.paths.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(rig.instance.paths.master_socket.stat().st_mode) == 0o600
    workers = process.processes_of(rig.instance.paths) - {rig.instance.pid}
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in workers} != {0}


def test_weights_states_and_members_change_without_a_new_worker(rig):
    shop = Shop(rig)
    shop.apply()
    before = process.workers(rig.instance.paths)
    shop.change(0, weight=3)
    assert shop.apply() == [SetWeight]
    assert rig.spread(8) == {"w1": 6, "w2": 2}
    shop.change(1, admin_state_up=False)
    assert shop.apply() == [SetState]
    assert rig.spread(4) == {"w1": 4}
    assert rig.health() == {g.nth(10): "NO_MONITOR", g.nth(11): "DISABLED"}
    web = rig.web("w3", address="127.0.2.3")
    shop.members.append(member_of(web, id=g.nth(12)))
    shop.change(1, admin_state_up=True)
    assert sorted(step.__name__ for step in shop.apply()) == ["AddServer", "SetState"]
    assert set(rig.spread(10)) == {"w1", "w2", "w3"}
    del shop.members[0]
    assert shop.apply() == [RemoveServer]
    assert rig.spread(4) == {"w2": 2, "w3": 2}
    assert process.workers(rig.instance.paths) == before
    assert rig.instance.check()


def test_a_member_with_weight_0_gets_no_requests_until_it_has_a_weight(rig):
    shop = Shop(rig)
    shop.change(0, weight=0)
    shop.apply()
    assert rig.spread(4) == {"w2": 4}
    shop.change(0, weight=1)
    assert shop.apply() == [SetWeight]
    assert rig.spread(4) == {"w1": 2, "w2": 2}
    shop.change(0, weight=0)
    shop.apply()
    assert rig.spread(4) == {"w2": 4}


def test_the_last_member_may_go_and_a_first_one_may_come_at_run_time(rig):
    shop = Shop(rig)
    members, shop.members = shop.members, []
    shop.apply()
    assert rig.get()[0] == 503
    shop.members = members[:1]
    assert shop.apply() == [AddServer]
    assert rig.get() == (200, "w1")
    shop.members = []
    assert shop.apply() == [RemoveServer]
    assert rig.get()[0] == 503


@pytest.mark.parametrize("algorithm", ["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"])
def test_every_algorithm_takes_members_at_run_time(rig, algorithm):
    shop = Shop(rig, lb_algorithm=algorithm)
    late = shop.members.pop()
    shop.apply()
    shop.members = [late]
    assert shop.apply() == [AddServer, RemoveServer]
    assert rig.spread(3) == {"w2": 3}


def test_a_member_that_leaves_keeps_the_connections_it_has(rig):
    shop = Shop(rig, protocol="TCP")
    shop.members = shop.members[:1]
    shop.apply()
    client = rig.connection()
    client.request("GET", "/")
    assert client.getresponse().read() == b"w1"
    shop.members = [member_of(shop.webs[1], id=g.nth(11))]
    assert shop.apply() == [AddServer, RemoveServer]
    client.request("GET", "/")
    assert client.getresponse().read() == b"w1"
    assert rig.get() == (200, "w2")
    assert rig.health() == {g.nth(11): "NO_MONITOR"}
    client.close()

    def gone():
        rig.instance.observe()
        return g.nth(10) not in process.runtime.ask(rig.instance.paths.socket, "show stat -1 4 -1")

    eventually(gone)


def test_a_reload_under_load_fails_no_request(rig):
    shop = Shop(rig)
    shop.apply()
    stop, answers, errors = threading.Event(), [], []

    def client() -> None:
        while not stop.is_set():
            try:
                answers.append(rig.get()[0])
            except OSError as error:
                errors.append(error)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(5):
            before = len(answers)
            shop.spare = number
            assert shop.apply() == [Reload]
            eventually(lambda before=before: len(answers) > before + 20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert set(answers) == {200}


@pytest.mark.parametrize("frozen_s", [0.3, 30])
def test_after_a_reload_no_old_worker_takes_a_command(rig, monkeypatch, frozen_s):
    """It listens on the same socket as the new one, until it hears that it is to stop: here late, or not at all."""
    shop = Shop(rig)
    shop.apply()
    old = rig.instance.processes[1].pid
    thaw = threading.Timer(frozen_s, os.kill, (old, signal.SIGCONT))
    begin = process._begin_stderr

    def frozen(paths):
        os.kill(old, signal.SIGSTOP)
        thaw.start()
        return begin(paths)

    monkeypatch.setattr(process, "_begin_stderr", frozen)
    monkeypatch.setattr(process, "STOPPED_S", 1.0)
    start = time.monotonic()
    try:
        shop.spare += 1
        assert shop.apply() == [Reload]
        assert min(frozen_s, 1.0) <= time.monotonic() - start < 25
        answering = {stats.worker_pid(runtime.ask(rig.instance.paths.socket, stats.WHO)) for _ in range(50)}
        assert answering == {rig.instance.processes[1].pid}
    finally:
        thaw.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.kill(old, signal.SIGCONT)


def test_old_connections_are_finished_up_to_a_configured_time(rig):
    rig.instance = PatientInstance(
        rig.directory, rig.namespace, replace(SETTINGS, hard_stop_after_s=1, old_workers=5)
    )
    shop = Shop(rig, protocol="TCP")
    shop.apply()
    old = process.serving(rig.instance.paths)
    with rig.socket() as channel:
        shop.spare += 1
        begin = time.monotonic()
        assert shop.apply() == [Reload]
        assert processes.alive(old) or time.monotonic() - begin > 1
        assert channel.recv(1) == b""  # within the time that anybody waits here
        assert time.monotonic() - begin > 0.5
    eventually(lambda: not processes.alive(old))


@pytest.mark.parametrize("down", [False, True])
def test_health_survives_a_reload(rig, down):
    shop = Shop(rig)
    shop.monitor = g.monitor(type="HTTP", max_retries=2, max_retries_down=2)
    shop.webs[0].status = 500 if down else 200
    wanted = {g.nth(10): "OFFLINE" if down else "ONLINE", g.nth(11): "ONLINE"}
    shop.apply()
    eventually(lambda: len(shop.webs[0].checks()) > 0 and rig.health() == wanted)
    shop.webs[0].delay_s = 0.9  # the answer to the next check comes late
    shop.spare += 1
    assert shop.apply() == [Reload]
    assert rig.health() == wanted
    shop.webs[0].delay_s = 0
    if down:
        assert rig.spread(4) == {"w2": 4}


@pytest.mark.parametrize("edit", ["# edited\n", "bogus\n"])
def test_a_file_edited_by_hand_is_noticed_and_repaired(rig, edit):
    shop = Shop(rig)
    shop.apply()
    conf = rig.instance.paths.conf
    good = conf.read_text()
    conf.write_text(good + edit)
    assert not rig.instance.check()
    assert shop.apply() == [Reload]
    assert conf.read_text() == good
    assert rig.instance.check()


def test_a_lost_file_is_written_again(rig):
    shop = Shop(rig)
    shop.apply()
    good = rig.instance.paths.conf.read_text()
    rig.instance.paths.conf.unlink()
    rig.instance.paths.graph.unlink()
    assert not rig.instance.check()
    assert shop.apply() == [Reload]
    assert rig.instance.paths.conf.read_text() == good


def test_what_an_agent_was_writing_when_it_was_killed_is_removed(rig):
    shop = Shop(rig)
    shop.apply()
    rig.instance.close()
    left = [rig.directory / f"{name}.tmp" for name in ("counters.json", "graph.json")]
    for path in left:
        path.write_text("{")
    rig.instance = rig.another()
    assert shop.apply() == []
    assert not any(path.exists() for path in left)


def test_a_second_instance_adopts_what_runs_and_touches_nothing(rig):
    shop = Shop(rig)
    shop.apply()
    before = process.processes_of(rig.instance.paths)
    rig.instance.close()
    rig.instance = rig.another()
    assert rig.instance.observe().members == {g.nth(10): "NO_MONITOR", g.nth(11): "NO_MONITOR"}
    assert shop.apply() == []
    assert process.processes_of(rig.instance.paths) == before
    shop.change(0, weight=7)
    assert shop.apply() == [SetWeight]


def test_a_lost_pid_file_does_not_lose_the_process(rig):
    shop = Shop(rig)
    shop.apply()
    pid = rig.instance.pid
    rig.instance.paths.pid_file.unlink()
    rig.instance = rig.another()
    assert shop.apply() == []
    assert rig.instance.pid == pid


def test_a_process_in_another_namespace_is_replaced(rig):
    shop = Shop(rig)
    shop.apply()
    pid = rig.instance.pid
    netns.delete(rig.namespace)
    netns.ensure(rig.namespace)
    assert not rig.instance.check()
    assert shop.apply() == [Start]
    assert rig.instance.pid != pid
    assert netns.identity_of(rig.instance.pid) == netns.identity(rig.namespace)


def test_a_port_that_is_taken_is_refused_and_the_old_configuration_serves_on(rig):
    shop = Shop(rig)
    shop.apply()
    good = rig.instance.paths.conf.read_text()
    with netns.inside(rig.namespace):
        taken = socket.create_server((VIP, 81))
    more = [shop.listener, g.listener(id=g.nth(99), protocol_port=81, default_pool_id=shop.pool.id)]
    with taken:
        for _ in range(2):
            with pytest.raises(Refused, match=r"(?i)address already in use.*81"):
                shop.apply(listeners=more)
            assert rig.instance.paths.conf.read_text() == good
            assert rig.get() in ((200, "w1"), (200, "w2"))
            assert rig.instance.check()
    assert shop.apply(listeners=more) == [Reload]
    assert rig.get(port=81)[0] == 200
    assert shop.apply(listeners=more) == []


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_asking_for_a_port_does_nothing_that_a_rule_says(rig, tmp_path, end):
    precious = tmp_path / "precious"
    precious.write_text("kept")
    rule = g.rule(id=g.nth(31)).model_copy(update={"value": f"x{end} bind {precious}{end} bind {precious} x"})
    policy = g.policy(rule, id=g.nth(30), listener_id=g.nth(99))
    shop = Shop(rig)
    shop.apply()
    with netns.inside(rig.namespace):
        taken = socket.create_server((VIP, 81))
    more = [shop.listener, g.listener(id=g.nth(99), protocol_port=81)]
    with taken, pytest.raises(Refused, match="cannot bind socket"):
        shop.apply(listeners=more, l7policies=[policy])
    assert shop.apply(listeners=more, l7policies=[policy]) == [Reload]
    assert precious.read_text() == "kept"


def test_a_port_that_is_taken_at_the_start_is_refused_and_the_next_apply_heals_it(rig):
    shop = Shop(rig)
    with netns.inside(rig.namespace):
        taken = socket.create_server((VIP, 80))
    with taken, pytest.raises(Refused, match=r"(?i)address already in use"):
        shop.apply()
    assert process.processes_of(rig.instance.paths) == set()
    assert not rig.instance.paths.conf.exists()
    assert shop.apply() == [Start]


def test_a_configuration_haproxy_does_not_take_never_replaces_the_good_one(rig):
    shop = Shop(rig)
    shop.apply()
    good = rig.instance.paths.conf.read_text()
    shop.members[0] = shop.members[0].model_copy(update={"address": "not an address"})
    with pytest.raises(Refused, match="not an address") as refused:
        shop.apply()
    assert str(rig.directory) not in refused.value.reason
    assert "haproxy.conf:" in refused.value.reason
    assert rig.instance.paths.conf.read_text() == good
    assert not rig.instance.paths.candidate.exists()
    assert rig.get()[0] == 200


def test_commands_that_are_taken_in_part_are_undone(rig):
    shop = Shop(rig)
    shop.apply()
    good = shop.members
    changed = good[0].model_copy(update={"weight": 3})
    bad = member_of(shop.webs[0], id=g.nth(12)).model_copy(update={"address": "not an address"})
    shop.members = [changed, good[1], bad]
    with pytest.raises(Refused, match="not an address"):
        shop.apply()
    assert rig.spread(4) == {"w1": 2, "w2": 2}
    shop.members = good
    shop.apply()
    assert shop.apply() == []
    assert rig.instance.check()


def test_a_start_that_fails_leaves_the_file_of_before(rig):
    shop = Shop(rig)
    shop.apply()
    good = rig.instance.paths.conf.read_text()
    os.kill(rig.instance.pid, signal.SIGKILL)
    eventually(lambda: not rig.instance.check())
    shop.members = [shop.members[0].model_copy(update={"address": "not an address"})]
    with pytest.raises(Refused, match="not an address"):
        shop.apply()
    assert rig.instance.paths.conf.read_text() == good
    assert rig.get()[0] == 200


def test_switching_a_load_balancer_off_ends_the_process_and_on_starts_it(rig):
    shop = Shop(rig)
    shop.apply()
    assert shop.apply(admin_state_up=False) == [Stop]
    assert process.processes_of(rig.instance.paths) == set()
    with pytest.raises(ConnectionRefusedError):
        rig.get()
    assert rig.instance.check()
    assert shop.apply(admin_state_up=False) == []
    assert shop.apply() == [Start]


def test_a_load_balancer_with_nothing_to_serve_needs_no_process(rig):
    assert rig.instance.apply(g.graph(id=g.nth(1))).steps == ()
    assert rig.instance.pid is None
    assert rig.instance.check()
    assert rig.instance.observe().listeners == {}


def test_connections_open_when_a_load_balancer_is_switched_off_get_a_moment_to_finish(rig, monkeypatch):
    shop = Shop(rig)
    shop.apply()
    monkeypatch.setattr(instance, "STOP_GRACE_S", PATIENCE_S)
    for web in shop.webs:
        web.delay_s = 0.5
    client = rig.connection()
    client.request("GET", "/")
    eventually(lambda: any(web.requests for web in shop.webs))
    assert shop.apply(admin_state_up=False) == [Stop]
    assert client.getresponse().status == 200
    client.close()


def test_removing_leaves_no_process_and_no_configuration_even_with_connections_open(rig):
    shop = Shop(rig, protocol="TCP")
    shop.apply()
    with rig.socket():
        rig.instance.stop(grace_s=0)
        rig.instance.remove()
    assert not rig.instance.paths.conf.exists()  # all else goes with the load balancer's directory
    assert process.processes_of(rig.instance.paths) == set()
    rig.instance.remove()


def test_server_changes_reach_the_log_and_say_so(rig):
    shop = Shop(rig)
    shop.monitor = g.monitor(type="HTTP")
    shop.webs[0].status = 500
    shop.apply()
    log = rig.instance.log_socket
    eventually(log.read)
    text = rig.instance.paths.log.read_text()
    assert f"{g.nth(1)}[" in text
    assert f"Server {shop.pool.id}/{g.nth(10)} is DOWN" in text
    rig.get()
    log.read()
    assert "GET" not in rig.instance.paths.log.read_text()


def test_the_log_is_rotated_before_it_outgrows_its_limit(rig, tmp_path):
    (tmp_path / "chroot").mkdir()
    log = LogSocket(Paths(tmp_path), Settings(log_size=1000, log_count=2), lambda _: False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as haproxy:
        for _ in range(50):
            haproxy.sendto(b"<133>" + b"x" * 90, str(tmp_path / "chroot" / "log"))
            assert log.read() is False
    log.close()
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("haproxy.log*")}
    assert set(sizes) == {"haproxy.log", "haproxy.log.1", "haproxy.log.2"}
    assert max(sizes.values()) <= 1000


def test_the_log_socket_of_a_new_agent_takes_over(rig):
    shop = Shop(rig)
    shop.monitor = g.monitor(type="HTTP")
    shop.apply()
    rig.instance.close()
    rig.instance = rig.another()
    shop.apply()
    shop.webs[0].status = 500
    eventually(rig.instance.log_socket.read)

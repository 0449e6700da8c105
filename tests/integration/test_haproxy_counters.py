"""What a real HAProxy counts is neither lost nor doubled, whatever becomes of its processes."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import meter, process
from evener.dataplane.haproxy.errors import SocketError
from evener.dataplane.haproxy.plan import Reload, Start
from evener.host import processes
from haproxy_rig import Shop, member_of
from waiting import eventually

pytestmark = pytest.mark.root


def test_counters_go_on_over_reloads_restarts_and_kills(rig):
    shop = Shop(rig)
    shop.apply()
    rig.spread(3)
    shop.spare += 1
    assert shop.apply() == [Reload]
    rig.spread(2)
    assert counted(rig, shop).total_connections == 5
    rig.instance.apply(shop.graph(admin_state_up=False))
    assert counted(rig, shop).total_connections == 5
    assert counted(rig, shop).active_connections == 0
    shop.apply()
    rig.spread(1)
    assert counted(rig, shop).total_connections == 6
    os.kill(rig.instance.pid, signal.SIGKILL)
    eventually(lambda: not rig.instance.check())
    rig.instance.close()
    rig.instance = rig.another()
    assert shop.apply() == [Start]
    assert counted(rig, shop).total_connections == 6
    assert counted(rig, shop).bytes_out > 6 * 2


def test_what_was_observed_is_the_very_same_while_nobody_calls_and_another_for_each_call(rig):
    shop = Shop(rig)
    shop.apply()
    counted(rig, shop)  # the first reading knows of no other worker
    eventually(lambda: rig.instance.observe() is rig.instance.observe())
    for number in range(1, 4):
        rig.spread(1)
        assert counted(rig, shop).total_connections == number
    eventually(lambda: rig.instance.observe() is rig.instance.observe())
    shop.spare += 1
    assert shop.apply() == [Reload]
    assert counted(rig, shop).total_connections == 3
    rig.spread(1)
    assert counted(rig, shop).total_connections == 4
    seen = rig.instance.observe(servers=True)
    assert set(seen.servers) == set(seen.members)
    assert rig.instance.observe().servers == {}
    eventually(lambda: rig.instance.observe() is rig.instance.observe())
    seen = rig.instance.observe()
    rig.instance._handover.meter.look_anew()
    assert rig.instance.observe() is not seen
    assert rig.instance.observe() == seen


def test_requests_are_counted_apart_from_connections_and_survive_reloads(rig):
    shop = Shop(rig)
    shop.apply()
    assert counted(rig, shop).requests == 0

    def ask(requests):
        """Ask that often in one connection."""
        connection = rig.connection()
        for _ in range(requests):
            connection.request("GET", "/")
            connection.getresponse().read()
        connection.close()

    ask(3)
    shop.spare += 1
    assert shop.apply() == [Reload]
    ask(2)
    seen = rig.instance.observe(servers=True)
    assert (seen.listeners[shop.listener.id].total_connections, counted(rig, shop).requests) == (2, 5)
    assert sum(each.requests for each in seen.servers.values()) == 2  # of the worker there is


def test_of_a_stream_of_bytes_no_requests_are_counted_rather_than_none(rig):
    shop = Shop(rig, protocol="TCP")
    shop.apply()
    rig.spread(1)
    seen = rig.instance.observe(servers=True)
    assert seen.listeners[shop.listener.id].total_connections == 1
    assert {each.requests for each in (*seen.listeners.values(), *seen.servers.values())} == {None}


def counted(rig, shop):
    return rig.instance.observe().listeners[shop.listener.id]


def test_a_download_that_outlives_a_reload_is_still_an_active_connection(rig):
    shop = Shop(rig, protocol="TCP")
    shop.apply()
    with rig.socket():
        eventually(lambda: counted(rig, shop).active_connections == 1)
        shop.spare += 1
        assert shop.apply() == [Reload]
        assert counted(rig, shop).active_connections == 1
    eventually(lambda: counted(rig, shop).active_connections == 0)
    assert counted(rig, shop).total_connections == 1


def test_nothing_that_an_old_worker_counts_is_lost(rig):
    shop = Shop(rig, protocol="TCP")
    shop.apply()
    old = process.serving(rig.instance.paths)
    ask = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with rig.socket() as channel:
        channel.sendall(ask[:10])
        eventually(lambda: counted(rig, shop).active_connections == 1)
        shop.spare += 1
        assert shop.apply() == [Reload]
        channel.sendall(ask[10:])
        got = b"".join(iter(lambda: channel.recv(4096), b""))
    # Nobody looks until its last connection has ended long since.
    time.sleep(0.3)
    expected = (1, len(ask), len(got))

    def seen() -> tuple[int, int, int]:
        found = counted(rig, shop)
        return found.total_connections, found.bytes_in, found.bytes_out

    eventually(lambda: seen() == expected, why=seen)
    eventually(lambda: not processes.alive(old))
    assert seen() == expected


def test_a_reload_by_hand_during_a_reading_doubles_nothing(rig, monkeypatch):
    shop = Shop(rig, protocol="TCP")
    shop.apply()
    rig.spread(10)
    workers, reloaded = process.workers, []

    def reload_first(paths):
        if not reloaded:
            reloaded.append(workers(paths).current)
            os.kill(rig.instance.pid, signal.SIGUSR2)
            eventually(lambda: process.serving(paths).pid not in reloaded[0])
            eventually(lambda: listed(paths) not in ((), reloaded[0]))
        return workers(paths)

    def listed(paths):
        with contextlib.suppress(SocketError):
            return workers(paths).current
        return ()

    with rig.socket():  # for which the old worker lives on
        monkeypatch.setattr(process, "workers", reload_first)
        rig.instance.observe()
        assert [counted(rig, shop).total_connections for _ in range(3)] == [11] * 3


def test_what_the_last_listener_counted_is_told_once_more_after_it_has_gone(rig):
    shop = Shop(rig)
    shop.apply()
    rig.spread(7)
    shop.apply(listeners=[])
    assert counted(rig, shop).total_connections == 7
    shop.apply()
    shop.apply(listeners=[g.listener(id=g.nth(77), default_pool_id=shop.pool.id)])
    shop.apply(listeners=[])
    assert set(rig.instance.observe().listeners) == {g.nth(77)}


def test_an_old_worker_that_hangs_is_asked_once_only(rig):
    shop = Shop(rig, protocol="TCP")
    shop.apply()
    old = process.serving(rig.instance.paths)
    with rig.socket():
        shop.spare += 1
        assert shop.apply() == [Reload]
        os.kill(old.pid, signal.SIGSTOP)
        seen = counted(rig, shop)

        def is_not_waited_for() -> bool:
            begin = time.monotonic()
            assert [counted(rig, shop) for _ in range(3)] == [seen] * 3
            return time.monotonic() - begin < meter.OLD_ANSWER_S  # a single one would have to wait so long

        eventually(is_not_waited_for)
        os.kill(old.pid, signal.SIGCONT)
    eventually(lambda: not processes.alive(old))


def test_every_request_is_counted_however_many_reloads_there_are(rig):
    shop = Shop(rig)
    shop.apply()
    stop, asked = threading.Event(), Counter()

    def ask(number):
        while not stop.is_set():
            assert rig.get()[0] == 200
            asked[number] += 1

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(ask, number) for number in range(3)]
        for _ in range(20):
            shop.spare += 1
            assert shop.apply() == [Reload]
        stop.set()
        for each in running:
            each.result()
    assert counted(rig, shop).total_connections == asked.total()
    eventually(lambda: rig.instance.observe() and len(process.workers(rig.instance.paths).old) <= 1)


def test_a_connection_that_stays_open_counts_its_bytes_meanwhile_over_a_reload_too(rig):
    def echo(channel):
        while part := channel.recv(65536):
            channel.sendall(part)

    shop = Shop(rig, protocol="TCP")
    shop.members = [member_of(rig.peer(echo), id=g.nth(10))]
    shop.apply()
    with rig.socket() as client:
        sent = 0
        while sent < 1_000_000:
            client.sendall(bytes(10_000))
            sent += 10_000
            client.recv(10_000, socket.MSG_WAITALL)
            if sent == 500_000:
                shop.spare += 1
                assert shop.apply() == [Reload]
        # HAProxy counts each 5 seconds, or when something else happens on the connection.
        eventually(lambda: counted(rig, shop).bytes_out >= sent, within_s=15)
        assert counted(rig, shop).bytes_in == sent
        assert counted(rig, shop).active_connections == 1
    eventually(lambda: counted(rig, shop).active_connections == 0)
    assert (counted(rig, shop).bytes_in, counted(rig, shop).bytes_out) == (sent, sent)

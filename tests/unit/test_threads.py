"""Threads that live as long as their program."""

import threading

from evener import threads


def test_a_thread_goes_on_after_whatever_it_met_says_so_and_ends_when_its_work_does(caplog) -> None:
    met = [ValueError("one"), MemoryError(), OSError(24, "Too many open files"), RuntimeError("four")]
    done = threading.Event()

    def work() -> None:
        if met:
            raise met.pop(0)
        done.set()

    thread = threads.lasting("busy", work, pause_s=0)
    thread.start()
    assert done.wait(10)
    thread.join(10)
    assert not thread.is_alive()
    assert [record.message for record in caplog.records] == [
        "The thread busy has met what it did not expect; it goes on"
    ] * 4
    assert "Too many open files" in caplog.text


def test_what_is_repeated_is_done_at_once_again_after_it_failed_and_no_more_once_it_has_ended() -> None:
    done, ended = [], threading.Event()

    def work() -> None:
        done.append(len(done))
        if len(done) == 2:
            raise RuntimeError("met something")
        if len(done) == 4:
            ended.set()

    thread = threads.repeated("again", work, 0.001, ended)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert done == [0, 1, 2, 3]

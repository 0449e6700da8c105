"""A service that hangs is away after a moment; one that takes its time is waited for."""

import threading
import time

import pytest

from evener.resources.errors import Unavailable
from evener.services import presence
from evener.services.presence import Presence


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "PATIENCE_S", 0.02)
    monkeypatch.setattr(presence, "AWAY_S", 600)  # until a test says that it is over
    monkeypatch.setattr(presence, "GLANCE_S", 60)
    monkeypatch.setattr(presence, "CLOSELY_S", 60)


def lives(_closely: bool) -> None:
    """Be a service that answers."""


def slow() -> str:
    time.sleep(0.1)
    return "done"


def failing() -> None:
    raise TimeoutError("the work's own")


def test_what_takes_its_time_is_waited_for() -> None:
    assert Presence("Neutron", lives).wait_for(slow) == "done"


def test_what_work_raises_is_raised_even_where_it_is_a_timeout() -> None:
    with pytest.raises(TimeoutError, match="the work's own"):
        Presence("Neutron", lives).wait_for(failing)


def test_one_that_hangs_is_said_to_be_away_at_once_until_it_lives_again() -> None:
    alive, asked, released = threading.Event(), [], threading.Event()

    def question(_closely: bool) -> None:
        asked.append(None)
        if not alive.is_set():
            raise OSError

    service = Presence("Neutron", question)
    with pytest.raises(Unavailable, match="Neutron does not answer"):
        service.wait_for(released.wait)
    for _ in range(5):
        with pytest.raises(Unavailable):
            service.wait_for(slow)
    assert len(asked) == 1
    alive.set()
    service._away_until = time.monotonic()
    assert service.wait_for(slow) == "done"
    released.set()


def test_one_of_many_asks_whether_it_is_back_and_the_others_do_not_wait() -> None:
    entered, answered, asked = threading.Event(), threading.Event(), []

    def question(_closely: bool) -> None:
        asked.append(None)
        if len(asked) == 1:
            raise OSError
        entered.set()
        answered.wait(60)

    service = Presence("Neutron", question)
    released = threading.Event()
    with pytest.raises(Unavailable):
        service.wait_for(released.wait)
    released.set()
    service._away_until = time.monotonic()
    first = threading.Thread(target=lambda: asked.append(service.wait_for(slow)))
    first.start()
    assert entered.wait(60)
    with pytest.raises(Unavailable):
        service.wait_for(slow)
    answered.set()
    first.join(60)
    assert asked[-1] == "done"


def test_one_whose_versions_come_and_nothing_else_is_away_too() -> None:
    asked = []

    def question(closely: bool) -> None:
        asked.append(closely)
        if closely:
            raise OSError

    released = threading.Event()
    with pytest.raises(Unavailable):
        Presence("Keystone", question).wait_for(released.wait)
    assert asked == [False] * presence.GLANCES + [True]
    released.set()

"""Which HAProxies are looked at because they may do nothing: those that are halted, or at work twice in a row."""

from types import SimpleNamespace
from typing import Any

from evener.agent.hang_watch import HangWatch


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.drifts: list[str] = []
        self.readings: list[str] = []

    def drifted(self, loadbalancer_id: str, what: str) -> None:
        self.drifts.append(loadbalancer_id)

    def health_changed(self, loadbalancer_id: str) -> None:
        self.readings.append(loadbalancer_id)


def balancer(name: str, *, halted: bool = False, working: bool = False) -> Any:
    halted_part = "HAProxy" if halted else None
    given_way: list[bool] = []
    return SimpleNamespace(
        id=name,
        halted=halted_part,
        is_working=working,
        given_way=given_way,
        give_way=lambda: given_way.append(True),
    )


def test_who_is_halted_is_repaired_and_who_is_always_at_work_is_read() -> None:
    told, all_of_them = (
        Told(),
        [balancer("idle"), balancer("halted", halted=True), balancer("busy", working=True)],
    )
    watch = HangWatch(SimpleNamespace(all=lambda: all_of_them), told)  # type: ignore[arg-type]
    watch.look()
    assert (told.drifts, told.readings) == (["halted"], [])
    assert [each.id for each in all_of_them if each.given_way] == ["halted"]
    watch.look()
    assert (told.drifts, told.readings) == (["halted"] * 2, ["busy"])
    all_of_them[-1] = balancer("busy")
    watch.look()
    all_of_them[-1] = balancer("busy", working=True)
    watch.look()
    assert told.readings == ["busy"]

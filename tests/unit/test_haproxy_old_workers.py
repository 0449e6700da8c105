"""How many old workers there may be."""

import pytest

from evener.dataplane.haproxy import old_workers
from evener.dataplane.haproxy.settings import Settings


@pytest.mark.parametrize(("available", "allowed", "most"), [(11, 100, 100), (9, 100, 10), (9, 3, 3)])
def test_old_workers_are_few_where_memory_is_scarce(tmp_path, monkeypatch, available, allowed, most):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(
        f"MemTotal:     100 kB\nMemFree:    1 kB\nMemAvailable:   {available} kB\nHugePages_Total:   0\n"
    )
    monkeypatch.setattr(old_workers, "_MEMINFO", meminfo)
    assert old_workers.most(Settings(old_workers=allowed)) == most


def test_this_machine_says_how_much_memory_it_has():
    assert old_workers.most(Settings(old_workers=7)) == 7

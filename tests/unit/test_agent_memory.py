"""What an agent remembers, whose word it takes, and how much it lets go of that nobody knows."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evener.agent import memory
from evener.agent.control import FEW, takes_word_of, too_many
from evener.agent.memory import Memory

COUNTS = st.integers(0, 300)


@given(COUNTS, COUNTS)
def test_more_than_a_few_and_more_than_half_of_a_host_stay_until_a_person_says_otherwise(
    unknown: int, known: int
) -> None:
    held = unknown + known
    assert too_many(unknown, held) == (unknown > FEW and unknown > known)
    assert not too_many(0, held)
    if held > FEW:
        assert too_many(held, held)


@given(COUNTS)
def test_an_agent_that_serves_changes_its_database_for_nobody_but_a_person(held: int) -> None:
    assert takes_word_of("a", "a", held)
    assert takes_word_of("a", None, held)  # of a time before databases had names
    assert takes_word_of("b", "a", held) == (held == 0)


def test_an_agent_is_the_same_after_a_restart_and_another_one_elsewhere(tmp_path: Path) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    for each in (here, there):
        each.mkdir()
    first, second, other = Memory(here).begin(), Memory(here).begin(), Memory(there).begin()
    assert first.place == second.place != other.place
    assert (first.start, second.start, other.start) == (1, 2, 1)
    assert len({first.id, second.id, other.id}) == 3


def test_a_person_s_word_is_heard_while_the_agent_runs_and_carried_out_once(tmp_path: Path) -> None:
    agent = Memory(tmp_path)
    before = agent.begin()
    agent.take_word_of("a")
    memory.accept(tmp_path, "b")
    assert (agent.look().database, agent.look().accepted) == ("b", True)
    agent.settle()
    assert (agent.look().database, agent.look().accepted) == ("b", False)
    assert Memory(tmp_path).begin().place == before.place
    assert [path.name for path in tmp_path.iterdir()] == [memory.NAME]


def test_a_file_that_cannot_be_understood_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / memory.NAME).write_text("{")
    agent = Memory(tmp_path)
    agent.begin()
    assert agent.look().start == 1
    assert agent.look().database is None

"""What is remembered of answers, and for how long."""

from pathlib import Path

from sqlalchemy import text

from evener.api import answer_cache
from evener.api.answer_cache import AnswerCache
from evener.store.database import Database


def test_an_answer_stands_until_the_database_changes_whoever_changes_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/some.sqlite"
    mine, others = Database(url), Database(url)
    asked = AnswerCache(mine.version)
    made: list[int] = []

    def ask(question: str = "how many") -> bytes:
        def answer() -> bytes:
            made.append(1)
            with mine.read() as tx:
                return str(tx.scalar(text("SELECT count(*) FROM things"))).encode()

        return asked.get((question,), answer)

    with mine.write() as tx:
        tx.execute(text("CREATE TABLE things (number INTEGER)"))
    for number, database in enumerate((mine, others, mine, others)):
        assert ask() == str(number).encode()
        with database.write() as tx:
            tx.execute(text("INSERT INTO things VALUES (1)"))
    assert ask() == ask("again") == b"4"
    assert len(made) == 6
    mine.close()
    others.close()


def test_an_answer_is_asked_for_again_where_nobody_knows_whether_something_changed() -> None:
    made: list[int] = []
    asked = AnswerCache(lambda: None)
    for _ in range(3):
        asked.get(("same",), lambda: bytes(made.append(1) or b""))
    assert len(made) == 3


def test_what_is_remembered_has_a_bound(monkeypatch) -> None:
    monkeypatch.setattr(answer_cache, "MOST_BYTES", 30)
    monkeypatch.setattr(answer_cache, "EACH_BYTES", -4)  # as much as the letter of each question counts
    monkeypatch.setattr(answer_cache, "LARGEST", 12)
    monkeypatch.setattr(answer_cache, "STANDS_S", 3600)
    asked = AnswerCache(lambda: 1)
    made: list[str] = []

    def ask(question: str, size: int) -> None:
        assert len(asked.get((question,), lambda: bytes(made.append(question) or size))) == size

    for question in ("a", "b", "c", "d"):
        ask(question, 10)
    ask("large", 13)
    ask("large", 13)
    ask("d", 10)
    ask("a", 10)
    assert made == ["a", "b", "c", "d", "large", "large", "a"]


def test_long_questions_count_however_short_their_answers_are() -> None:
    asked = AnswerCache(lambda: 1)
    length = answer_cache.MOST_BYTES // 100
    for number in range(200):
        asked.get((f"{number:0{length}}",), lambda: b"")
    kept = sum(len(question) for (question,) in asked._bodies)
    assert length <= kept <= answer_cache.MOST_BYTES

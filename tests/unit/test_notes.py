"""Notes of what was made on the host: kept where they can be, done without where not."""

from evener.host.notes import Note


def test_what_was_noted_of_the_same_is_known_again(tmp_path):
    path = tmp_path / "note"
    Note(path, "port").write({"id": 1}, shown="so", sure=True)
    left = Note(path, "port").left({"id": 1})
    assert (left["shown"], left["sure"]) == ("so", True)
    assert Note(path, "port").left({"id": 2}) == {}
    assert Note(path, "chains").left({"id": 1}) == {}


def test_a_note_that_cannot_be_written_or_read_is_like_none(tmp_path, caplog):
    note = Note(tmp_path / "missing" / "note", "port")
    note.write({"id": 1})
    assert "missing/note cannot be written" in caplog.text
    assert note.left({"id": 1}) == {}
    broken = tmp_path / "broken"
    for text in ("", "[]", "{", '{"port": '):
        broken.write_text(text)
        assert Note(broken, "port").left({"id": 1}) == {}
    assert Note(None, "port").left({"id": 1}) == {}

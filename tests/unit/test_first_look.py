"""Of what an agent need not ask control at its first look."""

from evener.agent.first_look import FirstLook


def test_what_control_knows_to_be_applied_is_so_once_and_until_it_wants_something_else() -> None:
    first_look = FirstLook(["a", "b", "c"], {"a": 3, "b": 5})
    assert (first_look.applied("a"), first_look.applied("a")) == (3, None)
    first_look.changed("b")
    first_look.changed("c")
    assert (first_look.applied("b"), first_look.applied("c")) == (None, None)

"""What is said of wrong values: the attribute and what is allowed, in words, for every attribute of every kind."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from resource_values import JSON

from evener.resources import validation_messages, wire
from evener.resources.describe import Attr, Resource, descriptors, wire_names
from evener.resources.errors import InvalidInput
from evener_cloud.identity import models as identity
from evener_cloud.network.http.networking import NETWORKING
from evener_cloud.secrets import models as secrets

SETTABLE = [
    (cls, name)
    for cls in NETWORKING.kinds
    for name, (_, mark) in descriptors(cls).items()
    if isinstance(mark, Attr) and (mark.create or mark.update)
]
MODELS = [
    model
    for module in (identity, secrets)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
]
# Words of Python and of the library that validates, which mean nothing to who reads them.
FOREIGN = re.compile(
    r"\b(Input|should|valid (tuple|dict|string|integer|list)|tuple|dict|NoneType|None|True|False|str|int|float|bool"
    r"|pydantic|validator|instance|constrained|Union|Literal|StrEnum|keyword|extra_forbidden|unmarshal)\b"
    r"|function-|\[type=|<class|\\[dwsS]|\(\?:|\{[0-9]+\}|Value error"
)
WRONG: list[Any] = [
    *(None, True, False, 0, -1, 7, 10**30, -(10**30), 10**5000, 1.5, 1e300),
    *("", " ", "x", "x" * 5000, "1_0", "٣", "80.0", " 80", "a b", "é", "/", "\ud800", "\x00"),
    *(
        [],
        [[]],
        [None],
        [1],
        ["x"],
        ["x"] * 200,
        [{}],
        [{"x": 1}],
        {},
        {"x": 1},
        {"type": "x"},
        {"start": "x"},
    ),
    *([{"ip_address": "x"}], [{"destination": 1, "nexthop": "x"}], {"network_id": "x", "x": 1}, {"name": 1}),
]
ANY = JSON | st.sampled_from(WRONG)


def check_words(message: str) -> None:
    """Check that a message says nothing in Python; what it quotes is the user's."""
    assert not FOREIGN.search(re.sub(r"'[^']*'", "''", message)), message
    assert len(message) < 1000
    message.encode()


def refusal(cls: type[Resource], name: str, value: Any) -> str:
    """Return what is said of a value; nothing where it is taken."""
    message = ""
    try:
        wire.validate_attribute(cls, name, value)
    except InvalidInput as error:
        message = error.message
    if message.startswith("Invalid input for"):  # what Neutron has words of its own for, it says in those
        assert wire_names(cls)[name] in message
    return message


def test_a_wrong_value_of_any_attribute_is_refused_in_plain_words() -> None:
    for cls, name in SETTABLE:
        said = [refusal(cls, name, value) for value in WRONG]
        assert any(said), (cls, name)
        for message in said:
            check_words(message)
            assert "is not allowed" not in message, (cls, name, message)  # there are words for it


@given(st.sampled_from(SETTABLE), ANY)
def test_any_value_of_any_attribute_is_taken_or_refused_in_plain_words(
    which: tuple[type[Resource], str], value: Any
) -> None:
    check_words(refusal(*which, value))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_wrong_body_of_identity_and_secrets_is_refused_in_plain_words(model: type[BaseModel]) -> None:
    names = [field.alias or name for name, field in model.model_fields.items()]
    bodies: list[Any] = [{name: value} for name in (*names, "nonsense") for value in WRONG]
    for body in [{}, [], None, *bodies]:
        try:
            model.model_validate(body)
        except ValidationError as error:
            wrong = validation_messages.first(error)
            assert validation_messages.says(wrong) != "is not allowed", wrong["type"]
            check_words(f"{validation_messages.place(wrong)}: {validation_messages.says(wrong)}")


ODD = ["\x00", "\x1b[2J", "a\nb", "a\rb", "\x7f", "\x85", "\u009b31m", "\u2028", "\u2029", "\u202e", "\u2066"]
FINE = ["é", "שלום\u200f", "👩\u200d👧", "a\u00a0b", "\u3000", "e\u0301", "\U000e0041", "<b>&", "=1+1", "%0a"]
LINES = ["first\nsecond", "a\tb", "a\r\nb"]


def texts(*wanted: str) -> list[tuple[type[Resource], str]]:
    return [(cls, name) for cls, name in SETTABLE if name in wanted and (cls.KIND, name) != ("flavor", "x")]


@pytest.mark.parametrize(("cls", "name"), texts("name", "description"), ids=lambda v: getattr(v, "KIND", v))
def test_names_and_descriptions_hold_nothing_that_acts_on_who_reads_them(
    cls: type[Resource], name: str
) -> None:
    refused = [*ODD, *LINES] if name == "name" else [odd for odd in ODD if odd not in ("a\nb", "a\rb")]
    for text in refused:
        with pytest.raises(InvalidInput, match=f"(?i){name}.*(U\\+[0-9A-F]{{4}}|NUL)"):
            wire.validate_attribute(cls, name, f"web {text}")
    for text in FINE if name == "name" else [*FINE, *LINES]:
        assert wire.validate_attribute(cls, name, text) == text


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Mn", "L", "So"]), max_size=20))
def test_a_name_that_is_taken_is_one_line_without_control_characters(text: str) -> None:
    try:
        taken = wire.validate_attribute(NETWORKING.kinds[0], "name", text)
    except InvalidInput:
        assert not text.isprintable()
        return
    assert taken == text
    assert len(f"{text} x".splitlines()) == 1
    assert not re.search("[\x00-\x1f\x7f-\x9f]", text)


def test_a_stored_name_with_control_characters_is_still_read() -> None:
    """Rows are older than the rule: documents that agents get are not held to it."""
    cls = next(each for each in NETWORKING.kinds if each.KIND == "member")
    wanted = {"address": "10.0.0.9", "protocol_port": 80, "project_id": "p", "name": "old\nname"}
    ids = dict.fromkeys(
        ("id", "pool_id", "loadbalancer_id", "subnet_id"), "00000000-0000-0000-0000-000000000001"
    )
    assert cls.model_validate({**wanted, **ids}).model_dump()["name"] == "old\nname"


@pytest.mark.parametrize(
    "model", [identity.UserInput, identity.ProjectInput, identity.DomainInput, identity.RoleInput]
)
def test_names_of_users_and_projects_are_held_to_the_same(model: type[BaseModel]) -> None:
    for odd in ODD:
        with pytest.raises(ValidationError):
            model.model_validate({"name": f"x{odd}"})
    for fine in FINE:
        assert model.model_validate({"name": f"x{fine}"})

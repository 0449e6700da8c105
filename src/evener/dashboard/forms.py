"""Between what stands in a form and what the API is told or says, by the descriptions of `fields`. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evener.dashboard.cloud import Refused
from evener.dashboard.fields import Field

Json = dict[str, Any]
WAS = "was."  # before the name of a field: what stood in it when its page was made


def texts_of(fields: Iterable[Field], shown: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands in a form for an object that the API shows."""
    return {field.name: _text(_inner(shown, field.name)) for field in fields}


def _inner(shown: Mapping[str, Any], name: str) -> Any:
    found: Any = shown
    for part in name.split("."):
        found = (found or {}).get(part)
    return found


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    if isinstance(value, Mapping):
        return "\n".join(sorted(name for name, said in value.items() if str(said).lower() == "true"))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(map(str, value))
    return str(value)


def given(
    fields: Iterable[Field], form: Mapping[str, Sequence[str]], prefix: str = "", before: str = ""
) -> dict[str, str]:
    """Return what was typed, by field; several values of one are its lines."""
    found = {field.name: "\n".join(form.get(f"{before}{prefix}{field.name}", ())) for field in fields}
    return {name: "\n".join(text.split("\r\n")).strip() for name, text in found.items()}


def body(fields: Iterable[Field], texts: Mapping[str, str], was: Mapping[str, str] | None = None) -> Json:
    """Return what the API is told: all that was typed, or with `was` what is otherwise than that."""
    made: Json = {}
    for field in fields:
        text = texts[field.name]
        outer, _, inner = field.name.partition(".")
        if was is None:
            is_told = text != "" or (field.how == "yes" and field.first == "true")
        else:
            same = [each for each in texts if each.partition(".")[0] == outer]
            is_told = not field.is_fixed and any(texts[each] != was.get(each, "") for each in same)
        if not is_told:
            continue
        value = value_of(field, text)
        if not inner:
            made[outer] = value
        elif value is not None:
            made[outer] = (made.get(outer) or {}) | {inner: value}
        else:
            made.setdefault(outer, None)
    return made


def value_of(field: Field, text: str) -> Any:
    """Return a field's text as JSON; a number that is none goes as it is, for the API to refuse it."""
    if field.how == "yes":
        return text == "true"
    if field.how == "headers":
        return dict.fromkeys(text.split("\n"), "true") if text else {}
    if field.how in ("lines", "many"):
        return [each.strip() for each in text.split("\n") if each.strip()]
    if not text:
        return None
    return number(text) if field.how == "number" or field.name == "redirect_http_code" else text


def number(text: str) -> int | str:
    """Return a text as a number, where it is one."""
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and digits.isascii() else text


def place(refusal: Refused, names: Iterable[str]) -> str:
    """Return the one of these fields that a refusal is about, or nothing where it names none or several."""
    known = sorted(names, key=len, reverse=True)
    attribute = refusal.attribute
    for each in known:
        if attribute and (
            each == attribute or each.endswith(f".{attribute}") or attribute.startswith(f"{each}.")
        ):
            return each
    if attribute:
        return ""
    # Octavia's refusals of what does not fit what exists name attributes in words only.
    words = set(str(refusal).replace("'", " ").replace(",", " ").split())
    named = [each for each in known if "_" in each and each.rpartition(".")[2] in words]
    return named[0] if len(named) == 1 else ""

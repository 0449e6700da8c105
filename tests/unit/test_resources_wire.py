"""The five kinds on the wire: exactly what is described is accepted, everything else is refused by name."""

import json
import uuid
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resource_values import DEFAULTS, INTERNAL, JSON, READ_ONLY, SPECS, bodies

from evener.api.dialects.lbaas import LBAAS
from evener.resources import wire
from evener.resources.describe import Resource, columns
from evener.resources.errors import InvalidInput
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool

KINDS = st.sampled_from(list(SPECS))
SETTABLE = [(cls, name) for cls, specs in SPECS.items() for name in specs]
FEW = settings(max_examples=25)
COMPUTED = {"project_id", "vip_subnet_id"}  # chosen by the service where the user gives none
SOME_ID = "00000000-0000-0000-0000-000000000001"

parse_create, parse_update = (
    partial(parse, form=LBAAS.form) for parse in (wire.parse_create, wire.parse_update)
)


def example(cls: type[Resource], data: Any) -> dict[str, Any]:
    return dict(data.draw(bodies(cls)))


def refused(parse: Any, cls: type[Resource], body: Any, *named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(cls, body)
    for name in named:
        assert name in caught.value.message
    json.dumps(caught.value.message, ensure_ascii=False).encode()  # every client can read it


@given(st.data(), KINDS)
def test_every_right_body_is_taken_with_defaults_for_the_rest(data: Any, cls: type[Resource]) -> None:
    body = example(cls, data)
    values = parse_create(cls, {cls.KIND: body})
    shown = wire.on_wire(cls, LBAAS.form)
    assert values.keys() & shown.keys() == (SPECS[cls].keys() - COMPUTED) | body.keys()
    defaults = {"name": "", "admin_state_up": True, **DEFAULTS[cls]}
    for name in values.keys() & shown.keys() - body.keys():
        assert values[name] == defaults[name]


@pytest.mark.parametrize(("cls", "name"), SETTABLE)
@given(data=st.data())
@FEW
def test_one_wrong_value_is_refused_by_the_attribute_s_name(
    data: Any, cls: type[Resource], name: str
) -> None:
    body = {**example(cls, data), name: data.draw(SPECS[cls][name].wrong)}
    refused(parse_create, cls, {cls.KIND: body}, name)


@pytest.mark.parametrize(("cls", "name"), SETTABLE)
@given(data=st.data())
@FEW
def test_a_put_changes_what_may_be_changed_and_nothing_else(
    data: Any, cls: type[Resource], name: str
) -> None:
    spec = SPECS[cls][name]
    body = {cls.KIND: {name: data.draw(spec.right)}}
    if spec.update:
        assert parse_update(cls, body).keys() == {name}
        wrong = {cls.KIND: {name: data.draw(spec.wrong)}}
        refused(parse_update, cls, wrong, name)
    else:
        refused(parse_update, cls, body, "Cannot update read-only attribute", name)


@pytest.mark.parametrize(("cls", "name"), [(cls, name) for cls in SPECS for name in sorted(READ_ONLY[cls])])
@given(data=st.data())
@settings(max_examples=3)
def test_what_is_only_shown_is_refused_in_both(data: Any, cls: type[Resource], name: str) -> None:
    body = example(cls, data)
    for value in (None, "x", SOME_ID, []):
        refused(parse_create, cls, {cls.KIND: {**body, name: value}}, name)
        refused(parse_update, cls, {cls.KIND: {name: value}}, name)


@given(KINDS, st.text(max_size=30) | st.sampled_from([*sorted(INTERNAL), "\ud800", "a\nb"]), JSON)
def test_an_unknown_attribute_is_refused(cls: type[Resource], name: str, value: Any) -> None:
    known = SPECS[cls].keys() | READ_ONLY[cls] | {"tenant_id", "provisioning_error"}
    if name in known:
        return
    for parse in (parse_create, parse_update):
        refused(parse, cls, {cls.KIND: {name: value}}, "Unrecognized attribute(s)")


@given(st.data(), KINDS)
def test_each_missing_attribute_is_named(data: Any, cls: type[Resource]) -> None:
    needed = [name for name, spec in SPECS[cls].items() if spec.required]
    if not needed:
        return  # a load balancer needs a subnet or a network, which is control's to say
    left_out = data.draw(st.sampled_from(needed))
    body = {name: value for name, value in example(cls, data).items() if name != left_out}
    refused(parse_create, cls, {cls.KIND: body}, f"Required attribute '{left_out}'")


@given(KINDS, JSON)
def test_arbitrary_json_is_refused_in_words_and_never_crashes(cls: type[Resource], anything: Any) -> None:
    for body in (anything, {cls.KIND: anything}, {cls.KIND: {}, "x": anything}):
        for parse in (parse_create, parse_update):
            if body == {cls.KIND: {}} and (parse is parse_update or cls is LoadBalancer):
                parse(cls, body)
            else:
                refused(parse, cls, body)


@given(st.data(), KINDS, st.sampled_from([*sorted({name for _, name in SETTABLE})]), JSON)
def test_any_value_of_any_attribute_is_taken_or_refused_in_words(
    data: Any, cls: type[Resource], name: str, value: Any
) -> None:
    body = {**example(cls, data), name: value}
    for parse in (parse_create, parse_update):
        try:
            parse(cls, {cls.KIND: body})
        except InvalidInput as error:
            error.message.encode()


@given(st.data(), KINDS)
def test_what_is_taken_is_shown_again(data: Any, cls: type[Resource]) -> None:
    body = {"project_id": "p", **example(cls, data)}
    values = parse_create(cls, {cls.KIND: body})
    ids = {
        name: str(uuid.uuid4())
        for name in ("id", "pool_id", "loadbalancer_id", "vip_subnet_id")
        if name in columns(cls)
    }
    given_ids = {name: value for name, value in values.items() if name in ids and value}
    resource = cls.model_validate(wire.complete(cls, {**values, **ids, **given_ids}))
    shown = wire.to_wire(resource, LBAAS.form)
    assert json.loads(json.dumps(shown)) == shown
    assert shown["tenant_id"] == shown["project_id"] == body["project_id"]
    hidden = {"loadbalancer_id", "listener_id", "pool_id", "vip_network_id"}
    again = {name: shown[name] for name in SPECS[cls] if name in shown and name not in hidden}
    hidden_values = {name: body[name] for name in hidden & body.keys()}
    # What means nothing (a TCP monitor's URL) is shown as null.
    meaningless = {name: values[name] for name in resource.meaningless()}
    assert all(shown[name] is None for name in meaningless if name in shown)
    # A monitor shows the number of failures that counts, given or not.
    down = {"max_retries_down": values["max_retries_down"]} if "max_retries_down" in values else {}
    sent_again = parse_create(
        cls,
        {
            cls.KIND: {
                **again,
                **hidden_values,
                **{name: meaningless[name] for name in meaningless if name in shown},
            }
        },
    )
    chosen = {name: ids[name] for name in COMPUTED & ids.keys() - values.keys()}
    assert {**sent_again, **down} == {**values, **chosen, "project_id": body["project_id"]}


def test_a_project_has_two_names_on_the_wire_and_one_value() -> None:
    body = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    for names in ({"tenant_id": "p"}, {"project_id": "p"}, {"tenant_id": "p", "project_id": "p"}):
        assert parse_create(Pool, {"pool": {**body, **names}})["project_id"] == "p"
    refused(
        parse_create,
        Pool,
        {"pool": {**body, "tenant_id": "p", "project_id": "q"}},
        "tenant_id",
        "project_id",
    )


def test_values_are_normalised() -> None:
    given_ = {
        "subnet_id": SOME_ID.replace("-", "").upper(),
        "address": "2001:DB8:0::1",
        "protocol_port": "80",
    }
    values = parse_create(Member, {"member": given_})
    assert (values["subnet_id"], values["address"], values["protocol_port"]) == (SOME_ID, "2001:db8::1", 80)


def test_a_certificate_may_be_one_or_none_instead_of_a_list() -> None:
    body = {"protocol": "HTTP", "protocol_port": 80}
    for given_, values in ((None, ()), ("a", ("a",)), (["a", "b"], ("a", "b"))):
        taken = parse_create(Listener, {"listener": {**body, "sni_container_refs": given_}})
        assert taken["sni_container_refs"] == values

"""Names that act on who reads them: on a terminal, in a script's variable, in a spreadsheet."""

import csv
import io
import json
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.cli.errors import one_line
from evener.cli.escaping import cell, visible
from evener.cli.status_tree import title

ACTING = "".join(
    chr(code)
    for code in range(0x110000)
    if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp")
    or unicodedata.bidirectional(chr(code)) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
)
NAMES = st.text(
    st.one_of(st.sampled_from(ACTING), st.characters(codec="utf-8"), st.sampled_from('=+-@$`"\\a'))
)
LB = "lbaas/loadbalancers"
NASTY = ("\x1b[2J\x1b]0;owned\x07", "a\n| forged | row |", "\u202egnp.exe", "b\x85c\u2028d", "\r", "\x9b31m")


@given(NAMES)
def test_nothing_that_acts_reaches_who_reads(name):
    for shown in (
        visible(name),
        cell(name, "value"),
        cell(name, "csv"),
        one_line(name),
        title({"id": "1", "name": name}),
    ):
        assert not set(shown) & set(ACTING)
    assert set(cell(name, "table")) & set(ACTING) <= {"\n"}
    assert not cell(name, "csv").startswith(("=", "+", "-", "@"))


@given(st.text(st.characters(codec="utf-8", categories=("L", "M", "N", "P", "S", "Zs"))))
def test_what_people_write_is_shown_as_it_is(name):
    assert visible(name) == name


@given(NAMES)
def test_json_and_yaml_have_the_very_value(name):
    assert cell(name, "json") == cell(name, "yaml") == name


@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_one_cell_of_one_row_on_a_terminal(server, run, name):
    server.put(LB, name=name, description=name)
    shown = run("lbaas-loadbalancer-list -c name")
    assert len(shown.split("\n")) == 6  # a frame of three lines, the heading, one row, and the end
    assert not set(shown) & set(ACTING) - {"\n"}
    assert run("lbaas-loadbalancer-list -f value -c name") == visible(name) + "\n"
    (made,) = server.objects[LB]
    shown = run(f"lbaas-loadbalancer-show {made['id']}")
    assert not set(shown) & set(ACTING) - {"\n"}
    assert len(shown.split("\n")) == 5 + len(made)
    assert json.loads(run("lbaas-loadbalancer-list -f json -c name")) == [{"name": name}]


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1"])
def test_a_spreadsheet_calculates_nothing(server, run, name):
    server.put(LB, name=name)
    printed = io.StringIO(run("lbaas-loadbalancer-list -f csv -c name"))
    (_, (cell_,)) = csv.reader(printed, escapechar="\\")
    assert cell_ == visible(f"'{name}")


@pytest.mark.parametrize("name", ["$(echo owned)", "`echo owned`", 'a"; echo owned; "', "\\", "$HOME"])
def test_a_shell_that_evaluates_what_is_shown_runs_nothing_of_it(server, run, name):
    made = server.put(LB, name=name)
    shown = run(f"lbaas-loadbalancer-show {made['id']} -f shell -c name")
    done = subprocess.run(
        ["sh", "-c", f'{shown}printf %s "$name"'], capture_output=True, text=True, check=True
    )
    assert done.stdout == name


def test_an_error_of_the_server_s_does_not_act_either(server, run):
    error = {"NeutronError": {"type": "x", "message": "\x1b[31mno\u2028way", "detail": ""}}
    server.refusals["GET", LB] = (400, error)
    assert run("lbaas-loadbalancer-list", code=1) == "\\x1b[31mno way\n"


def test_a_column_that_there_is_not_is_named(server, run):
    made = server.put(LB, name="LB")
    assert (
        run(f"lbaas-loadbalancer-show {made['id']} -c nix", code=1)
        == "There is no column nix; there are: id, name\n"
    )
    assert run("lbaas-loadbalancer-list -c nix", code=1) == "There is no column nix; there are: id, name\n"


def test_an_option_that_is_mistyped_is_named(server, run):
    pool = server.put("lbaas/pools", name="q")
    server.put(f"lbaas/pools/{pool['id']}/members", name="m")
    said = run("lbaas-member-update --wieght 3 m q", code=1)
    assert said.endswith("There is no option --wieght: --weight may be meant\n")
    assert server.changes() == []

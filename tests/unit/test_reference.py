"""What the reference has is in the code, and the other way round: options, commands, messages, metrics, exit codes."""

import ast
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
import yaml
from oslo_config import types
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector
from scripts import reference
from scripts.reference import commands, programs, settings

from evener.agent.metrics import AgentMetrics
from evener.cli.commands import all_commands
from evener.cli.whole import check
from evener.control.leader import ALONE
from evener.control.metrics import Found, LeaderCollector, measured
from evener.programs import PROGRAMS, USAGE
from evener.store import manage
from evener_cloud.manage import OF_BACKUPS

ROOT = Path(__file__).parents[2]
DOCS, SOURCES, PLUGIN = ROOT / "docs", ROOT / "src", ROOT / "neutron-plugin"
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
LEVELS = {
    "warning": "WARNING",
    "log": "WARNING",
    "error": "ERROR",
    "exception": "ERROR",
    "critical": "CRITICAL",
}
# Where else a program ends than in the module that it starts in; what is loaded by all of them.
MORE_MODULES = {
    "evener": ("evener/cli/shell.py", "evener/cli/doctor.py"),
    "evener-db-manage": (
        *("evener/store/manage.py", "evener/importing/command.py", "evener_cloud/backup/command.py"),
    ),
}
SHARED = {
    "evener/config.py",
    "evener/config_check.py",
    "evener/daemon.py",
    "evener/services/sessions.py",
    "evener_cloud/config.py",
}
ENDING = {"main", "run", "_run", "_fail", "_import", "take_action", "_host"}


@cache
def written() -> dict[str, str]:
    return reference.documents()


def test_the_documents_are_what_the_code_gives_now() -> None:
    stale = [name for name, text in written().items() if (ROOT / name).read_text() != text]
    assert stale == [], "run scripts/describe, and commit what it writes"


def test_no_manual_page_is_left_of_what_there_is_no_more() -> None:
    assert {f"docs/man/{path.name}" for path in (DOCS / "man").glob("*")} <= written().keys()


def test_every_program_has_words_and_a_parser_and_there_are_no_others() -> None:
    assert PROGRAMS.keys() == SCRIPTS.keys()
    assert programs.PARSERS.keys() == SCRIPTS.keys()


def test_every_command_is_on_one_page() -> None:
    paged = [name for names in commands.pages().values() for name in names]
    assert sorted(paged) == sorted([*all_commands(), "complete", "help"])
    text = (DOCS / "man" / "evener.1.md").read_text()
    assert [name for name in paged if f"`{name}`" not in text] == []


def test_the_commands_of_the_database_are_those_that_are_told() -> None:
    tree = ast.parse((SOURCES / "evener/store/manage.py").read_text())
    run = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_run")
    matched = {
        node.patterns[0].value.value
        for node in ast.walk(run)
        if isinstance(node, ast.MatchSequence) and isinstance(node.patterns[0], ast.MatchValue)
    }
    told = set(re.findall(r"^  ([a-z]+)", manage.USAGE, re.MULTILINE))
    assert told == matched | manage.OF_ALL.keys() | {"import", *OF_BACKUPS}


def test_every_setting_that_is_a_number_says_its_unit_or_what_it_counts() -> None:
    silent = []
    for group, options in settings.own():
        for option in options:
            measure = re.search(
                r"(?:_|^)(bytes|mb|seconds|minutes|days|size)$|timeout|interval|after$", option.dest
            )
            number = isinstance(option.type, types.Integer | types.Float)
            if number and measure and " of " not in settings.kind(option):
                silent.append(f"[{group}] {option.dest}")
            if not option.help:
                silent.append(f"[{group}] {option.dest}")
    assert silent == []


def test_the_file_that_is_shown_can_be_applied() -> None:
    text = (DOCS / "man" / "evener-loadbalancer.yaml.5.md").read_text()
    shown = yaml.safe_load(re.findall(r"```yaml\n(.+?)```", text, re.DOTALL)[0])
    assert check(shown)["name"] == shown["loadbalancer"]["name"]


def test_the_settings_of_the_plugin_are_told_where_it_is_set_up() -> None:
    tree = ast.parse((PLUGIN / "neutron_lbaas/settings.py").read_text())
    names = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.endswith("Opt")
    }
    assert names
    text = (DOCS / "openstack.md").read_text()
    assert [name for name in names if f"`{name}`" not in text and f"{name} =" not in text] == []


def logged() -> Iterator[tuple[str, str]]:
    """Yield level and message of each warning and error in the code, with what differs as `…`."""
    files = [*SOURCES.rglob("*.py"), *PLUGIN.rglob("*.py")]
    for path in sorted(files):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "LOG." in text else ():
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="LOG"), attr=str(level)), args=arguments
                ) if level in LEVELS:
                    said = arguments[1 if level == "log" else 0]
                    assert isinstance(said, ast.Constant), f"{path}:{node.lineno} has no message of its own"
                    yield LEVELS[level], re.sub(r"%[-0-9.]*[a-z]", "…", said.value)


def test_the_messages_in_the_reference_are_those_of_the_code() -> None:
    there = set(logged())
    rows = re.findall(
        r"^\| (WARNING|ERROR|CRITICAL) \| `(.+?)` \| \S.+ \|$",
        (DOCS / "log-messages.md").read_text(),
        re.MULTILINE,
    )
    assert sorted(there - set(rows)) == [], "say in docs/log-messages.md what to do"
    assert sorted(set(rows) - there) == [], "docs/log-messages.md has messages that are no more"
    assert len(rows) == len(set(rows))


class Measured(Collector):
    """Collects what there is of load balancers and agents in an empty database."""

    def collect(self):
        return measured(Found(**{kind: [] for kind in Found.__slots__}), datetime(2030, 1, 2))  # noqa: DTZ001


def test_the_metrics_in_the_reference_are_those_of_the_code() -> None:
    registry = CollectorRegistry()
    registry.register(Measured())
    registry.register(LeaderCollector(ALONE))
    registry.register(AgentMetrics().registry)
    ProcessCollector(registry=registry)
    there = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in registry.collect()
    }
    rows = dict(
        re.findall(
            r"^\| `(\w+)` \| (counter|gauge|histogram) \|", (DOCS / "metrics.md").read_text(), re.MULTILINE
        )
    )
    assert rows == there


def constants(tree: ast.Module) -> dict[str, int]:
    """Return the whole numbers that a module gives names to."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Tuple):
            target, value = node.targets[0], node.value
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            values = value.elts if isinstance(value, ast.Tuple) else [value]
            pairs = zip(names, values, strict=False)
            found |= {
                n.id: v.value for n, v in pairs if isinstance(v, ast.Constant) and isinstance(v.value, int)
            }
    return found


def codes(value: ast.expr | None, known: dict[str, int], *, text: bool) -> set[int]:
    """Return the exit codes that an expression may be; with `text`, what is no number is a message: 1."""
    match value:
        case None:
            return {0} if text else set()
        case ast.Constant(value=int(code)):
            return {int(code)}
        case ast.IfExp(body=one, orelse=other):
            return codes(one, known, text=text) | codes(other, known, text=text)
        case ast.Name(id=name) if name in known:
            return {known[name]}
        case ast.Call(func=ast.Name(id="main") | ast.Attribute(attr="main")):
            return set()  # which is looked into itself
    return {1} if text else set()


def ends(module: str) -> set[int]:
    """Return the codes that a program may end with in a module."""
    tree = ast.parse((SOURCES / module).read_text())
    known, found = constants(tree), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.exit", "SystemExit"):
            found |= codes(node.args[0] if node.args else None, known, text=True)
        if (
            isinstance(node, ast.FunctionDef)
            and node.name in ENDING
            and ast.unparse(node.returns or node) == "int"
        ):
            for each in ast.walk(node):
                if isinstance(each, ast.Return):
                    found |= codes(each.value, known, text=False)
    return found


def modules_of(program: str) -> set[str]:
    module = SCRIPTS[program].partition(":")[0].replace(".", "/") + ".py"
    return {module, *MORE_MODULES.get(program, ())}


@pytest.mark.parametrize("program", SCRIPTS)
def test_the_exit_codes_in_the_reference_are_those_of_the_program(program: str) -> None:
    found = set().union(*(ends(module) for module in modules_of(program)))
    assert found | {0, USAGE} == PROGRAMS[program].exits.keys()


def test_nothing_else_ends_a_program() -> None:
    there = {
        str(path.relative_to(SOURCES))
        for path in SOURCES.rglob("*.py")
        if re.search(r"\bsys\.exit\(|\bSystemExit\(|\bos\._exit\(", path.read_text())
    }
    assert there - SHARED <= set().union(*map(modules_of, SCRIPTS))
    assert set().union(*map(ends, SHARED)) <= {1}


def test_every_document_is_listed_where_readers_look() -> None:
    for index in [*DOCS.rglob("README.md"), ROOT / "design" / "README.md"]:
        listed = set(re.findall(r"\]\(([^)#:]+)\)", index.read_text()))
        assert {path.name for path in index.parent.glob("*.md")} - {"README.md"} <= listed, index

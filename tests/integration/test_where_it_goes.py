"""docs/architecture.md's page "Where does it go?" tells the truth: three of its changes, each made in a scratch copy.

Each change is the text that somebody would add, in the files that the page names and no others; then the programs and
tests of the copy show what has followed by itself.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = ("src", "tests", "scripts", "design", "docs", "pyproject.toml")
# What somebody adds behind a line that is there once: file, that line, the addition.
Additions = tuple[tuple[str, str, str], ...]

ATTRIBUTE: Additions = (
    (
        "src/evener/resources/member.py",
        '    """Port the member listens on."""\n',
        """    sorry: Annotated[bool, CHANGEABLE] = False
    \'\'\'Whether the member gets traffic only while the others are out.\'\'\'
""",
    ),
    (
        "src/evener/dataplane/haproxy/render.py",
        "        kind = (monitors.place(member), member.backup)\n",
        "        kind = (monitors.place(member), member.backup or member.sorry)\n",
    ),
    ("design/changes.md", "| `member.weight` | runtime command |\n", "| `member.sorry` | reload |\n"),
    ("tests/haproxy_changes.py", '    "weight": 7,\n', '    "sorry": True,\n'),
)
L7_ACTION: Additions = (
    ("src/evener/resources/types.py", '    REJECT = "REJECT"\n', '    TARPIT = "TARPIT"\n'),
    (
        "src/evener/dataplane/haproxy/l7.py",
        '            action = ("deny", "status", "403")\n',
        '        case L7Action.TARPIT:\n            action = ("tarpit", "deny_status", "403")\n',
    ),
)
INTERFACE_DRIVER: Additions = (
    (
        "pyproject.toml",
        'openvswitch = "evener.host.openvswitch:OpenVSwitchDriver"\n',
        'macvtap = "evener.host.macvtap:MacvtapDriver"\n',
    ),
)
DRIVER = """\
from evener.host.linuxbridge import LinuxBridgeDriver


class MacvtapDriver(LinuxBridgeDriver):
    pass
"""

# What `evener-db-manage` does: the migration of what differs is written, and leads to the described tables.
MIGRATED = """
import sys
from evener_cloud import manage
for words in (["upgrade"], ["revision", "more"], ["upgrade"], ["check"]):
    sys.argv = ["evener-db-manage", "--config-file", "evener.conf", *words]
    manage.main()
"""
# What `scripts/describe` does, and the schemas of the API's document.
DESCRIBED = """
import json, runpy
runpy.run_path("scripts/describe.py", run_name="__main__")
from evener.api.dialects.lbaas import LBAAS
from evener.api.networking import ABOUT, LOAD_BALANCING
from evener.api.openapi import document
print(json.dumps(document(LOAD_BALANCING.collections, LOAD_BALANCING.views, LBAAS, ABOUT)["components"]["schemas"]))
"""
RENDERED = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
import haproxy_graphs as g
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
listener = g.listener(protocol="HTTP")
policy = g.policy(g.rule(), listener_id=listener.id, action="TARPIT")
print(render(g.graph(listeners=[listener], l7policies=[policy]), Path("/lb"), Settings()).text)
"""
CLIENT = ("-m", "evener.cli.shell")


class Copy:
    """The sources in a directory of their own, whose programs are run with nothing of the real ones."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, home / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, home / name)

    def add(self, additions: Additions) -> None:
        for file, line, addition in additions:
            path = self.home / file
            text = path.read_text()
            assert text.count(line) == 1, f"{file} has no such line, or several: {line}"
            path.write_text(text.replace(line, line + addition))

    def run(self, *words: str) -> str:
        """Run Python in the copy; what it prints."""
        paths = {"PYTHONPATH": str(self.home / "src"), "XDG_CACHE_HOME": str(self.home / "cache")}
        done = subprocess.run(
            [sys.executable, "-B", *words],
            cwd=self.home,
            env={**os.environ, **paths},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(self) -> None:
        """Let the copy's entry points be found, as its installation does."""
        project = tomllib.loads((self.home / "pyproject.toml").read_text())["project"]
        found = self.home / "src" / f"{project['name']}-{project['version']}.dist-info"
        found.mkdir()
        about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (found / "METADATA").write_text(about)
        lines = []
        for group, names in project["entry-points"].items():
            lines += [f"[{group}]", *(f"{name} = {where}" for name, where in names.items())]
        (found / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_an_attribute_is_its_line_a_migration_and_what_it_means_for_traffic(copy: Copy) -> None:
    copy.add(ATTRIBUTE)
    (copy.home / "evener.conf").write_text(f"[DEFAULT]\nstate_path = {copy.home}/state\n")
    schemas = json.loads(copy.run("-c", MIGRATED + DESCRIBED).rstrip().split("\n")[-1])
    for name in ("Member", "MemberCreate", "MemberUpdate"):
        assert schemas[name]["properties"]["sorry"]["type"] == "boolean"
    assert "Whether the member gets traffic only while" in copy.run(*CLIENT, "lbaas-member-create", "--help")
    # Its cost is looked at as that of any other attribute.
    copy.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_haproxy_costs.py", "-k", "member"
    )


def test_an_l7_action_is_a_name_and_its_words_in_haproxys_language(copy: Copy) -> None:
    copy.add(L7_ACTION)
    lines = copy.run("-c", RENDERED + DESCRIBED).rstrip().split("\n")
    assert [line for line in lines[:-1] if "http-request tarpit deny_status 403 if" in line]
    assert "TARPIT" in json.loads(lines[-1])["GivenL7Action"]["enum"]
    assert "TARPIT" in copy.run(*CLIENT, "lbaas-l7policy-create", "--help")


def test_an_interface_driver_is_a_file_and_an_entry_point(copy: Copy) -> None:
    copy.add(INTERFACE_DRIVER)
    (copy.home / "src" / "evener" / "host" / "macvtap.py").write_text(DRIVER)
    copy.install()
    load = "from evener.host.driver import load_driver; print(type(load_driver('macvtap')).__name__)"
    assert copy.run("-c", load) == "MacvtapDriver\n"

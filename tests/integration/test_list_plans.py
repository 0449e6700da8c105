"""How a database reads a page of load balancers: in whatever order, it walks an index, and sorts nothing."""

import sqlite3
from itertools import takewhile
from pathlib import Path

import pytest
from api_cloud import Cloud, User, counted
from sqlalchemy import select, text

from evener.api.dialects import lbaas, octavia
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.wire import visible_attributes
from evener.resources.wire_form import WireForm
from evener.store.database import Database
from evener.store.filters import constants, sortable
from evener.store.schema import SORTED_BY as SORTED_COLUMNS
from evener.store.schema import metadata
from evener.store.sorting import order, sort_keys

WORKED_OUT = {"operating_status"}  # from others' rows, for each
OLDEST_FIRST = {"provisioning_status"}  # those that are alike, in either direction: no index has both
BALANCERS = {octavia.FORM: "/loadbalancers", lbaas.FORM: "/lbaas/loadbalancers"}
SORTED_BY = [
    (form, name)
    for form in BALANCERS
    for name in sorted({*visible_attributes(LoadBalancer, form)} & {*sortable(LoadBalancer)})
    if name not in {*constants(LoadBalancer), *WORKED_OUT}
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "evener.sqlite"


def plans(cloud: Cloud, file: Path, user: User, path: str, query: str) -> list[str]:
    """Return what SQLite says of how it reads load balancers for a list."""
    with counted(cloud.database) as sent:
        user.ok("GET", path, query_string=query)
    (asked,) = (
        each for each in sent if "FROM loadbalancers" in each and "ORDER BY" in each and "agents" not in each
    )
    with sqlite3.connect(file) as connection:
        found = connection.execute(f"EXPLAIN QUERY PLAN {asked}", ["1"] * asked.count("?"))
        steps = [row[3] for row in found]
    return [*takewhile(lambda step: not step.startswith("SCAN anon"), steps)]  # then comes what the page has


@pytest.mark.parametrize(
    ("form", "name"), SORTED_BY, ids=[f"{BALANCERS[form]} by {name}" for form, name in SORTED_BY]
)
def test_no_page_is_sorted(cloud: Cloud, file: Path, form: WireForm, name: str) -> None:
    marker = [cloud.balancer(name=each)["id"] for each in "abc"][1]
    for user in (cloud.ann, cloud.admin):
        asking = user.octavia if form is octavia.FORM else user
        for direction in ("asc", "desc") if name not in OLDEST_FIRST else ("asc",):
            for more in ("", f"&marker={marker}", f"&marker={marker}&page_reverse=true"):
                query = f"limit=2&sort_key={name}&sort_dir={direction}{more}"
                for step in plans(cloud, file, asking, BALANCERS[form], query):
                    assert "TEMP B-TREE" not in step, (query, step)
                    assert step != "SCAN loadbalancers", query


@pytest.mark.root
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("ascending", [True, False])
def test_postgresql_sorts_no_page_either_by_what_may_be_null(database: Database, ascending: bool) -> None:
    rows = LoadBalancer.table()
    by = [column.name for column in metadata.tables[rows].columns if column.name in SORTED_COLUMNS]
    assert any(metadata.tables[rows].columns[name].nullable for name in by)
    with database.engine.begin() as connection:
        connection.execute(text("SET enable_seqscan = off"))  # which it prefers while there are no rows
        for name in by:
            keys = sort_keys(LoadBalancer, order([(name, ascending)], {}), reverse=False)
            asked = select(metadata.tables[rows].c.id).order_by(*(key.placed() for key in keys)).limit(2)
            sql = str(asked.compile(database.engine, compile_kwargs={"literal_binds": True}))
            plan = [row[0] for row in connection.execute(text(f"EXPLAIN {sql}"))]
            assert not [step for step in plan if "Sort" in step], (name, plan)

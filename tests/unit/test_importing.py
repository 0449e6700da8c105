"""From rows of Neutron-LBaaS and Octavia to what control takes over: nothing is lost, and all that stays is named."""

import pickle
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.control.takeover import Foreign, Outcome
from evener.importing import neutron_lbaas, octavia, octavia_database, report
from evener.importing.found import Found, Part, Trouble, foreign
from evener.importing.octavia_database import _unpickled
from evener.importing.report import Told
from evener.resources.l7policy import L7Policy
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.resources.pool import Pool

Rows = dict[str, list[dict[str, Any]]]
IDS = st.uuids(version=4).map(str)
STATUS = st.sampled_from(["ACTIVE", "ACTIVE", "PENDING_UPDATE", "ERROR", "PENDING_DELETE"])
NAMES = st.none() | st.text(st.characters(codec="ascii"), max_size=8)
PORTS = st.integers(0, 70_000)


@st.composite
def lbaas_rows(draw: st.DrawFn) -> Rows:
    """Return tables as they may be after years: references to nothing, odd values, all statuses."""

    def many(most: int, **columns: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
        common = {
            "id": IDS,
            "project_id": st.just("p"),
            "name": NAMES,
            "description": NAMES,
            "provisioning_status": STATUS,
            "admin_state_up": st.sampled_from([True, False, 1, 0]),
        }
        return [draw(st.fixed_dictionaries({**common, **columns})) for _ in range(draw(st.integers(0, most)))]

    def one_of(found: list[dict[str, Any]]) -> st.SearchStrategy[Any]:
        return st.sampled_from([each["id"] for each in found] or [None]) | st.none() | IDS

    rows: Rows = {}
    rows["lbaas_loadbalancers"] = balancers = many(
        2, vip_subnet_id=IDS, vip_port_id=st.none() | IDS, vip_address=st.just("10.0.0.5")
    )
    rows["lbaas_healthmonitors"] = many(
        2,
        type=st.sampled_from(["HTTP", "TCP", "PING"]),
        delay=st.integers(0, 9),
        timeout=st.just(2),
        max_retries=st.integers(0, 11),
        http_method=st.sampled_from([None, "GET"]),
        url_path=st.sampled_from([None, "/", "no path"]),
    )
    rows["lbaas_pools"] = pools = many(
        3,
        loadbalancer_id=one_of(balancers),
        healthmonitor_id=one_of(rows["lbaas_healthmonitors"]),
        protocol=st.sampled_from(["HTTP", "TCP"]),
        lb_algorithm=st.just("ROUND_ROBIN"),
    )
    rows["lbaas_listeners"] = listeners = many(
        3,
        loadbalancer_id=one_of(balancers),
        default_pool_id=one_of(pools),
        protocol=st.sampled_from(["HTTP", "TCP", "TERMINATED_HTTPS"]),
        protocol_port=PORTS,
        connection_limit=st.sampled_from([None, -1, 5]),
        default_tls_container_id=st.none() | st.just("http://b/v1/containers/x"),
    )
    rows["lbaas_members"] = many(
        3,
        pool_id=one_of(pools),
        address=st.sampled_from(["10.0.0.9", "2001:db8::1", "nowhere"]),
        protocol_port=PORTS,
        weight=st.sampled_from([None, 0, 256, 300]),
        subnet_id=st.none() | IDS,
    )
    rows["lbaas_l7policies"] = many(
        3,
        listener_id=one_of(listeners),
        action=st.sampled_from(["REJECT", "REDIRECT_TO_POOL"]),
        redirect_pool_id=one_of(pools),
        redirect_url=st.none(),
        position=st.integers(1, 9),
    )
    rows["lbaas_l7rules"] = many(
        2,
        l7policy_id=one_of(rows["lbaas_l7policies"]),
        type=st.sampled_from(["PATH", "HEADER"]),
        compare_type=st.sampled_from(["EQUAL_TO", "REGEX"]),
        invert=st.booleans(),
        key=st.none() | st.just("X-A"),
        value=st.sampled_from(["/a", "("]),
    )
    return rows


@given(lbaas_rows())
def test_every_row_comes_or_is_named_and_no_row_is_in_two_places(rows: Rows) -> None:
    source = neutron_lbaas.found(rows)
    below = [part.id for found in source.balancers for part in found.parts]
    told = [*below, *(each.id for each in source.left)]
    kept = [
        row["id"]
        for table, each in rows.items()
        if table != neutron_lbaas.MARK
        for row in each
        if row["provisioning_status"] != "PENDING_DELETE"
    ]
    assert sorted(told) == sorted(kept)
    assert [found.id for found in source.balancers] == [row["id"] for row in rows[neutron_lbaas.MARK]]


@given(lbaas_rows())
def test_a_load_balancer_comes_with_all_of_its_objects_or_says_which_of_them_keep_it(rows: Rows) -> None:
    source = neutron_lbaas.found(rows)
    for found in source.balancers:
        read = foreign(source, found)
        ids = {found.id, *(part.id for part in found.parts)}
        if isinstance(read, Foreign):
            assert {each["id"] for each in (one for kind in read.below.values() for one in kind)} == ids - {
                found.id
            }
            for policies in _by_listener(read).values():
                assert sorted(policies) == list(range(1, len(policies) + 1))
        else:
            assert read
            assert {each.id for each in read} <= ids
            assert all(each.reason for each in read)


def _by_listener(read: Foreign) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for policy in read.below[L7Policy]:
        found.setdefault(policy["listener_id"], []).append(policy["position"])
    return found


def test_a_neutron_lbaas_of_before_mitaka_says_tenants_and_its_pools_are_of_listeners() -> None:
    balancer, pool, listener, member = (str(uuid.uuid4()) for _ in range(4))
    up = {"provisioning_status": "ACTIVE", "admin_state_up": 1, "tenant_id": "p", "name": "x"}
    vip = {"vip_subnet_id": str(uuid.uuid4()), "vip_port_id": str(uuid.uuid4()), "vip_address": "10.0.0.5"}
    front = {"loadbalancer_id": balancer, "default_pool_id": pool, "default_tls_container_id": None}
    back = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "healthmonitor_id": None}
    rows = {
        "lbaas_loadbalancers": ({"id": balancer, **up, **vip},),
        "lbaas_listeners": ({"id": listener, **up, **front, "protocol": "HTTP", "protocol_port": 80},),
        "lbaas_pools": ({"id": pool, **up, **back},),
        "lbaas_members": ({"id": member, **up, "pool_id": pool, "address": "10.0.0.9", "protocol_port": 80},),
    }
    source = neutron_lbaas.found(rows)
    read = foreign(source, source.balancers[0])
    assert isinstance(read, Foreign), read
    assert (read.project_id, [each["id"] for each in read.below[Member]], source.left) == ("p", [member], [])


def octavia_rows(**columns: Any) -> Rows:
    """Return the rows of a load balancer with a pool; `columns` are of the pool."""
    common = {"project_id": "p", "name": "x", "description": None, "provisioning_status": "ACTIVE"}
    balancer, pool = str(uuid.uuid4()), str(uuid.uuid4())
    row = {"id": balancer, "enabled": 1, "provider": "amphora", "topology": "SINGLE", **common}
    vip = {"load_balancer_id": balancer, "port_id": str(uuid.uuid4()), "ip_address": "10.0.0.5"}
    vip |= {"subnet_id": str(uuid.uuid4()), "network_id": str(uuid.uuid4())}
    usual = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "tls_enabled": 0, "enabled": 0}
    below = {"id": pool, "load_balancer_id": balancer, **common, **usual, **columns}
    return {"load_balancer": [row], "vip": [vip], "pool": [below]}


def test_an_octavia_of_before_tags_and_tls_is_read_all_the_same() -> None:
    source = octavia.found(octavia_database.shown(octavia_rows()))
    (found,) = source.balancers
    read = foreign(source, found)
    assert isinstance(read, Foreign)
    (pool,) = read.below[Pool]
    assert (pool["admin_state_up"], pool["tls_enabled"]) == (False, False)
    assert (read.values["vip_address"], read.values["provider"]) == ("10.0.0.5", "amphora")


def test_lists_of_octavias_columns_are_lists() -> None:
    more = {
        "tls_enabled": 1,
        "tls_versions": "TLSv1.2,TLSv1.3",
        "alpn_protocols": "http/1.1",
        "tls_ciphers": None,
    }
    source = octavia.found(octavia_database.shown(octavia_rows(**more)))
    read = foreign(source, source.balancers[0])
    assert isinstance(read, Foreign)
    (pool,) = read.below[Pool]
    assert ([*pool["tls_versions"]], [*pool["alpn_protocols"]]) == (["TLSv1.2", "TLSv1.3"], ["http/1.1"])


class Exploit:
    """What runs a function where it is read back."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("was run",)


@pytest.mark.parametrize("value", [pickle.dumps(Exploit()), b"", b"\x80garbage", pickle.dumps(print)])
def test_what_is_pickled_runs_nothing(value: bytes) -> None:
    assert _unpickled(value) == {"insert_headers": "unreadable"}


def test_plain_headers_are_read_of_every_protocol_of_pickle() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert _unpickled(pickle.dumps({"X-Forwarded-For": "true"}, protocol)) == {"X-Forwarded-For": "true"}


def test_a_report_has_a_line_for_each_load_balancer_and_for_each_thing_to_be_said_of_it() -> None:
    parts = [Part(Listener, "l", {}, {}), Part(Member, "m", {}, {}), Part(Member, "n", {}, {})]
    found = Found("lb", "p", "port", None, {"name": "web"}, parts, notes=["so it is"])
    came = Told(found, Outcome.CAME, "node-1")
    refused = Told(found, None, troubles=[Trouble("member", "m", "is nowhere")])
    assert list(report.lines(came, rehearsed=False)) == [
        "lb web: came, to node-1, with 1 listeners, 2 members",
        "  note: so it is",
    ]
    assert list(report.lines(refused, rehearsed=True))[:2] == [
        "lb web: cannot come",
        "  member m: is nowhere",
    ]
    assert report.summary([came, refused], rehearsed=False) == "1 came, 0 passed over, 1 did not come"

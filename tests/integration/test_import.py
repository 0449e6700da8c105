"""Load balancers out of databases of Neutron-LBaaS and of Octavia: what comes, what cannot, and twice is harmless."""

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from api_cloud import HOST, Cloud, Json

import foreign_tables
from evener.control.takeover import Outcome, Takeover
from evener.importing import command, report
from evener.importing.report import Told
from evener.importing.run import run
from evener_cloud.network.takeover import BuiltinHandover
from foreign_tables import Tables, new_id


class Import:
    """Imports from `tables` into `cloud`."""

    def __init__(self, tables: Tables, cloud: Cloud) -> None:
        self.tables, self.cloud = tables, cloud
        self.url = tables.engine.url.render_as_string(hide_password=False)

    def __call__(self, *providers: str, rehearse: bool = False) -> list[Told]:
        source = command.read(self.url)
        handover = BuiltinHandover(self.cloud.database)
        takeover = Takeover(
            *(self.cloud.database, self.cloud.network, handover, source.manner),
            bus=self.cloud.bus,
            rehearse=rehearse,
        )
        return list(run(source, takeover, providers))

    def one(self, **more: Any) -> Told:
        """Return what became of the only load balancer there is."""
        (told,) = self(**more)
        return told

    def reasons(self, **more: Any) -> list[str]:
        """Return why it does not come."""
        told = self.one(**more)
        assert told.outcome is None
        return [f"{each.kind}: {each.reason}" for each in told.troubles]

    def port(self, balancer: str, **values: Any) -> Json:
        """Make the VIP's port as the other service has made it, and return it with its subnet."""
        subnet = self.cloud.subnet()
        where = {"subnet_id": subnet["id"], "ip_address": "10.0.0.77"}
        made = self.cloud.ann.create(
            "port", network_id=subnet["network_id"], fixed_ips=[where], device_id=balancer, **values
        )
        return {**made, "subnet_id": subnet["id"], "ip_address": "10.0.0.77"}


def apart(url: str) -> str:
    """Return another file than the one that the cloud is in."""
    return url.replace("evener.sqlite", "theirs.sqlite")


@pytest.fixture
def lbaas(database_url: str, cloud: Cloud) -> Iterator[Import]:
    tables = foreign_tables.neutron(apart(database_url))
    yield Import(tables, cloud)
    tables.close()


@pytest.fixture
def octavia(database_url: str, cloud: Cloud) -> Iterator[Import]:
    tables = foreign_tables.octavia(apart(database_url))
    yield Import(tables, cloud)
    tables.close()


def of_lbaas(source: Import, **values: Any) -> Json:
    """Make a load balancer in the tables of Neutron-LBaaS, with a listener and a pool, and return their ids."""
    balancer = new_id()
    port = source.port(balancer, device_owner="neutron:LOADBALANCERV2")
    add = source.tables.add
    add(
        "lbaas_loadbalancers",
        id=balancer,
        name="web",
        vip_subnet_id=port["subnet_id"],
        vip_port_id=port["id"],
        vip_address="10.0.0.77",
        **values,
    )
    add("providerresourceassociations", provider_name="haproxy", resource_id=balancer)
    monitor = add("lbaas_healthmonitors", type="HTTP", url_path="/health", expected_codes="200-204")
    pool = add("lbaas_pools", loadbalancer_id=balancer, name="first", healthmonitor_id=monitor)
    listener = add(
        "lbaas_listeners", loadbalancer_id=balancer, default_pool_id=pool, protocol_port=80, name="http"
    )
    return {
        "loadbalancer": balancer,
        "port": port,
        "pool": pool,
        "listener": listener,
        "healthmonitor": monitor,
        "subnet": port["subnet_id"],
    }


def of_octavia(source: Import, **values: Any) -> Json:
    """Make a load balancer in the tables of Octavia, with a listener and a pool, and return their ids."""
    balancer = new_id()
    port = source.port(f"lb-{balancer}", device_owner="Octavia")
    add = source.tables.add
    add("load_balancer", id=balancer, name="web", **values)
    add(
        "vip",
        load_balancer_id=balancer,
        ip_address="10.0.0.77",
        port_id=port["id"],
        subnet_id=port["subnet_id"],
        network_id=port["network_id"],
    )
    pool = add("pool", load_balancer_id=balancer, name="first")
    listener = add("listener", load_balancer_id=balancer, default_pool_id=pool, protocol_port=80)
    return {
        "loadbalancer": balancer,
        "port": port,
        "pool": pool,
        "listener": listener,
        "subnet": port["subnet_id"],
    }


def test_a_load_balancer_of_neutron_lbaas_comes_with_all_below_it_and_keeps_every_id(lbaas: Import) -> None:
    made, add, cloud = of_lbaas(lbaas), lbaas.tables.add, lbaas.cloud
    second = add("lbaas_pools", loadbalancer_id=made["loadbalancer"], lb_algorithm="LEAST_CONNECTIONS")
    add("lbaas_sessionpersistences", pool_id=second, type="APP_COOKIE", cookie_name="JSESSIONID")
    member = add(
        "lbaas_members",
        pool_id=made["pool"],
        address="10.0.0.9",
        subnet_id=made["subnet"],
        weight=7,
        name="web1",
        admin_state_up=False,
    )
    policies = [
        add(
            "lbaas_l7policies",
            listener_id=made["listener"],
            action="REDIRECT_TO_POOL",
            redirect_pool_id=second,
            position=4,
        ),
        add(
            "lbaas_l7policies",
            listener_id=made["listener"],
            action="REDIRECT_TO_URL",
            redirect_url="http://a.test/",
            position=2,
        ),
    ]
    rule = add(
        "lbaas_l7rules",
        l7policy_id=policies[0],
        type="HEADER",
        compare_type="EQUAL_TO",
        key="X-Kind",
        value="b",
        invert=True,
    )
    before = lbaas.tables.contents()
    assert lbaas.one().outcome is Outcome.CAME
    assert lbaas.tables.contents() == before
    shown = cloud.ann.show("loadbalancer", made["loadbalancer"])
    assert (shown["name"], shown["vip_address"], shown["vip_port_id"], shown["provider"]) == (
        "web",
        "10.0.0.77",
        made["port"]["id"],
        "haproxy",
    )
    assert cloud.ann.show("listener", made["listener"])["default_pool_id"] == made["pool"]
    monitor = cloud.ann.show("healthmonitor", made["healthmonitor"])
    assert (monitor["url_path"], monitor["expected_codes"], monitor["pools"]) == (
        "/health",
        "200-204",
        [{"id": made["pool"]}],
    )
    assert cloud.ann.show("pool", second)["session_persistence"] == {
        "type": "APP_COOKIE",
        "cookie_name": "JSESSIONID",
    }
    (found,) = cloud.ann.entries(f"/lbaas/pools/{made['pool']}/members")
    assert found == {
        **found,
        "id": member,
        "weight": 7,
        "name": "web1",
        "admin_state_up": False,
        "address": "10.0.0.9",
    }
    listed = cloud.ann.entries("/lbaas/l7policies")
    assert {each["id"]: each["position"] for each in listed} == {policies[1]: 1, policies[0]: 2}
    (found,) = cloud.ann.entries(f"/lbaas/l7policies/{policies[0]}/rules")
    assert found == {**found, "id": rule, "invert": True, "key": "X-Kind", "value": "b"}


def test_a_load_balancer_of_octavia_comes_with_what_only_octavia_has(octavia: Import) -> None:
    made, add, cloud = of_octavia(octavia), octavia.tables.add, octavia.cloud
    octavia.tables.change(
        "listener",
        made["listener"],
        insert_headers=pickle.dumps({"X-Forwarded-For": "true"}),
        timeout_client_data=1234,
        tls_versions="TLSv1.2,TLSv1.3",
    )
    add("listener_cidr", listener_id=made["listener"], cidr="192.0.2.0/24")
    for tag in ("blue", "old"):
        add("tags", resource_id=made["loadbalancer"], tag=tag)
    add(
        "member",
        pool_id=made["pool"],
        ip_address="10.0.0.9",
        backup=True,
        monitor_address="10.0.0.8",
        monitor_port=81,
    )
    monitor = add(
        "health_monitor",
        pool_id=made["pool"],
        type="HTTP",
        http_version=1.1,
        domain_name="a.test",
        url_path="/",
    )
    policy = add(
        "l7policy",
        listener_id=made["listener"],
        action="REDIRECT_PREFIX",
        redirect_prefix="https://a.test",
        redirect_http_code=301,
    )
    rule = add("l7rule", l7policy_id=policy, type="PATH", compare_type="STARTS_WITH", value="/a")
    assert octavia.one().outcome is Outcome.CAME
    user = cloud.ann.octavia

    def show(path: str, kind: str) -> Json:
        return dict(user.ok("GET", path)[kind])

    shown = show(f"/loadbalancers/{made['loadbalancer']}", "loadbalancer")
    assert (shown["tags"], shown["vip_port_id"], shown["provider"]) == (
        ["blue", "old"],
        made["port"]["id"],
        "amphora",
    )
    listener = show(f"/listeners/{made['listener']}", "listener")
    assert listener["insert_headers"] == {"X-Forwarded-For": "true"}
    assert (listener["timeout_client_data"], listener["allowed_cidrs"]) == (1234, ["192.0.2.0/24"])
    (member,) = user.ok("GET", f"/pools/{made['pool']}/members")["members"]
    assert (member["backup"], member["monitor_address"], member["monitor_port"]) == (True, "10.0.0.8", 81)
    found = show(f"/healthmonitors/{monitor}", "healthmonitor")
    assert (found["http_version"], found["domain_name"], found["max_retries"], found["max_retries_down"]) == (
        1.1,
        "a.test",
        2,
        3,
    )
    found = show(f"/l7policies/{policy}", "l7policy")
    assert (found["redirect_prefix"], found["redirect_http_code"]) == ("https://a.test", 301)
    assert show(f"/l7policies/{policy}/rules/{rule}", "rule")["value"] == "/a"


def test_the_agent_is_told_and_gets_the_port_as_it_was(octavia: Import) -> None:
    made, cloud = of_octavia(octavia), octavia.cloud
    told = octavia.one()
    assert (told.host, cloud.agent.looked[-1]) == (HOST, made["loadbalancer"])
    graph = cloud.controller.graph(HOST, made["loadbalancer"], cloud.asker)
    assert graph is not None
    assert graph.vip_port.id == made["port"]["id"]
    assert graph.vip_port.mac_address == made["port"]["mac_address"]
    port = cloud.admin.show("port", made["port"]["id"])
    assert (port["device_id"], port["device_owner"]) == (made["loadbalancer"], "neutron:LOADBALANCERV2")


def test_it_goes_to_our_agent_on_the_host_that_served_it_even_while_that_is_silent(lbaas: Import) -> None:
    made, cloud = of_lbaas(lbaas), lbaas.cloud
    cloud.controller.heartbeat("node-2", {})
    served = lbaas.tables.add("agents", host="node-2")
    lbaas.tables.add("lbaas_loadbalanceragentbindings", loadbalancer_id=made["loadbalancer"], agent_id=served)
    assert lbaas.one().host == "node-2"


def test_an_import_again_passes_over_what_is_there_and_what_was_deleted_here(lbaas: Import) -> None:
    made, cloud = of_lbaas(lbaas), lbaas.cloud
    assert lbaas.one().outcome is Outcome.CAME
    cloud.ann.update("loadbalancer", made["loadbalancer"], name="another")
    with cloud.unchanged():
        assert lbaas.one().outcome is Outcome.IS_THERE
    cloud.ann.delete("listener", made["listener"])
    cloud.ann.delete("healthmonitor", made["healthmonitor"])
    cloud.ann.delete("pool", made["pool"])
    cloud.ann.delete("loadbalancer", made["loadbalancer"])
    with cloud.unchanged():
        assert lbaas.one().outcome is Outcome.WAS_DELETED


def test_a_rehearsal_says_the_same_and_changes_nothing(octavia: Import) -> None:
    made = of_octavia(octavia)
    octavia.tables.add("member", pool_id=made["pool"], ip_address="2001:db8::9")
    with octavia.cloud.unchanged():
        told = octavia.one(rehearse=True)
    assert told.well
    assert list(report.lines(told, rehearsed=True)) == [
        f"{made['loadbalancer']} web: would come, to {HOST}, with 1 listeners, 1 pools, 1 members"
    ]


def test_quotas_keep_nothing_from_coming_and_it_counts(lbaas: Import) -> None:
    of_lbaas(lbaas)
    lbaas.cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"loadbalancer": 0, "listener": 0, "pool": 0}})
    assert lbaas.one().outcome is Outcome.CAME
    used = lbaas.cloud.admin.ok("GET", "/quotas/ann/details")["quota"]
    assert [used[kind]["used"] for kind in ("loadbalancer", "listener", "pool")] == [1, 1, 1]


REFUSED_OF_OCTAVIA: dict[str, tuple[Any, str]] = {
    "UDP": (
        lambda source, made: source.tables.change("listener", made["listener"], protocol="UDP"),
        "listener: There is no support here for protocol UDP",
    ),
    "SCTP": (
        lambda source, made: source.tables.change("pool", made["pool"], protocol="SCTP"),
        "pool: There is no support here for protocol SCTP",
    ),
    "another VIP": (
        lambda source, made: source.tables.add(
            "additional_vip", load_balancer_id=made["loadbalancer"], subnet_id=new_id()
        ),
        "loadbalancer: There is no support here for additional_vips",
    ),
    "SR-IOV": (
        lambda source, made: source.tables.add(
            "member", pool_id=made["pool"], ip_address="10.0.0.9", vnic_type="direct"
        ),
        "member: There is no support here for request_sriov",
    ),
    "headers that run code": (
        lambda source, made: source.tables.change(
            "listener", made["listener"], insert_headers=pickle.dumps(print)
        ),
        "listener: insert_headers is not a valid option for insert_headers of protocol HTTP",
    ),
    "a reference to elsewhere": (
        lambda source, made: source.tables.change(
            "listener", made["listener"], default_pool_id="00000000-0000-4000-8000-00000000dead"
        ),
        "listener: its default_pool_id is 00000000-0000-4000-8000-00000000dead, which is not of the same load balancer",
    ),
    "a load balancer on its way out": (
        lambda source, made: source.tables.change(
            "load_balancer", made["loadbalancer"], provisioning_status="PENDING_DELETE"
        ),
        "loadbalancer: it is being deleted",
    ),
    "a provider that is not HAProxy": (
        lambda source, made: source.tables.change("load_balancer", made["loadbalancer"], provider="ovn"),
        "loadbalancer: it is of provider ovn; with --provider ovn it is served by HAProxy here",
    ),
    "a flavor that is not here": (
        lambda source, made: source.tables.change(
            "load_balancer", made["loadbalancer"], flavor_id="00000000-0000-4000-8000-00000000dead"
        ),
        "loadbalancer: Validation failure: Invalid flavor_id.",
    ),
}


@pytest.mark.parametrize("case", REFUSED_OF_OCTAVIA.values(), ids=REFUSED_OF_OCTAVIA.keys())
def test_what_nobody_serves_here_does_not_come_and_is_named(octavia: Import, case: tuple[Any, str]) -> None:
    made = of_octavia(octavia)
    change, reason = case
    change(octavia, made)
    with octavia.cloud.unchanged():
        assert octavia.reasons() == [reason]


def test_every_object_that_cannot_come_is_named_with_its_own_reason(lbaas: Import) -> None:
    made, add = of_lbaas(lbaas), lbaas.tables.add
    bad = add("lbaas_members", pool_id=made["pool"], address="nowhere", subnet_id=made["subnet"])
    policy = add("lbaas_l7policies", listener_id=made["listener"], action="REDIRECT_TO_POOL")
    told = lbaas.one()
    assert [(each.kind, each.id) for each in told.troubles] == [("member", bad), ("l7policy", policy)]
    assert told.troubles[1].reason == "Redirect pool id is missing for L7 Policy with pool redirect action."


def test_a_port_that_is_gone_or_another_devices_keeps_its_load_balancer_from_coming(lbaas: Import) -> None:
    made, cloud = of_lbaas(lbaas), lbaas.cloud
    lbaas.tables.change("lbaas_loadbalancers", made["loadbalancer"], vip_port_id=new_id())
    assert "could not be found" in lbaas.reasons()[0]
    other = cloud.ann.create("port", network_id=made["port"]["network_id"], device_id="a-server")
    lbaas.tables.change("lbaas_loadbalancers", made["loadbalancer"], vip_port_id=other["id"])
    assert lbaas.reasons() == [f"loadbalancer: Port {other['id']} is in use by device a-server."]


def test_a_provider_may_be_chosen_for_haproxy_to_serve(octavia: Import) -> None:
    made = of_octavia(octavia, provider="ovn", topology="ACTIVE_STANDBY")
    (told,) = octavia("OVN")
    assert told.outcome is Outcome.CAME
    shown = octavia.cloud.ann.octavia.ok("GET", f"/loadbalancers/{made['loadbalancer']}")["loadbalancer"]
    assert shown["provider"] == "haproxy"
    assert "note: of topology ACTIVE_STANDBY; one agent serves it here" in "".join(
        report.lines(told, rehearsed=False)
    )


def test_a_pool_of_no_load_balancer_is_left_and_named(lbaas: Import) -> None:
    of_lbaas(lbaas)
    pool = lbaas.tables.add("lbaas_pools")
    source = command.read(lbaas.url)
    assert list(report.left(source.left)) == [
        f"pool {pool}: it belongs to no load balancer, and is left behind"
    ]


def test_a_user_deletes_what_came_and_its_port_stays(lbaas: Import) -> None:
    made, cloud = of_lbaas(lbaas), lbaas.cloud
    assert lbaas.one().well
    cloud.ann.octavia.send("DELETE", f"/loadbalancers/{made['loadbalancer']}", query_string="cascade=true")
    cloud.network.release_vip_port(made["loadbalancer"])
    port = cloud.admin.show("port", made["port"]["id"])
    assert (port["device_id"], port["device_owner"]) == ("", "")

"""The read-only part of the Compute API: servers as ports say there are, and that there is nothing else."""

from collections.abc import Iterator
from typing import Any

import openstack
import pytest
from api_cloud import Cloud, User
from client_shell import Shell
from openstack.connection import Connection

from e2e.standalone import Standalone

pytestmark = pytest.mark.root
PORT = 18986
WEB, DATABASE = "11111111-1111-4111-8111-111111111111", "db-of-the-basement"


def plugged(
    cloud: Cloud, user: User, subnet: dict[str, Any], device_id: str, **values: Any
) -> dict[str, Any]:
    network = {"network_id": subnet["network_id"], "device_id": device_id}
    return user.create("port", **{**network, "device_owner": "compute:nova", **values})


def servers(user: User, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.nova.ok("GET", "/servers/detail", query_string=query)["servers"]
    return found


def refuses(user: User, method: str, path: str, status: int, says: str, **more: Any) -> None:
    answer = user.nova.send(method, path, **more)
    assert answer.status_code == status, answer.text
    ((_, error),) = answer.json.items()
    assert error["code"] == status
    assert says in error["message"]


def test_a_server_has_the_ports_that_name_it_as_their_device(any_cloud: Cloud) -> None:
    cloud = any_cloud
    subnet, other = cloud.subnet(), cloud.subnet(cidr="2001:db8::/64", name="six")
    first = plugged(cloud, cloud.ann, subnet, WEB)
    second = plugged(cloud, cloud.ann, other, WEB, name="web", device_owner="")
    (found,) = servers(cloud.ann)
    assert (found["id"], found["name"], found["tenant_id"]) == (WEB, "web", "ann")
    (six,) = found["addresses"]["six"]
    assert six["addr"] == second["fixed_ips"][0]["ip_address"]
    assert (six["version"], six["OS-EXT-IPS-MAC:mac_addr"]) == (6, second["mac_address"])
    shown = {each["addr"] for of_network in found["addresses"].values() for each in of_network}
    assert shown == {port["fixed_ips"][0]["ip_address"] for port in (first, second)}
    assert cloud.ann.nova.ok("GET", f"/servers/{WEB}")["server"] == found
    brief = {name: found[name] for name in ("id", "name", "links")}
    assert cloud.ann.nova.ok("GET", "/servers")["servers"] == [brief]
    assert found["links"][0]["href"].endswith(f"/compute/v2.1/servers/{WEB}")


def test_ports_of_services_and_of_nobody_are_no_servers(cloud: Cloud) -> None:
    balancer = cloud.balancer()
    subnet = cloud.ann.show("subnet", balancer["vip_subnet_id"])
    cloud.ann.create("port", network_id=subnet["network_id"])
    plugged(cloud, cloud.ann, subnet, "a-router", device_owner="network:ha")
    assert servers(cloud.ann) == []


def test_who_sees_which_servers(cloud: Cloud) -> None:
    plugged(cloud, cloud.ann, cloud.subnet(), WEB)
    plugged(cloud, cloud.bob, cloud.subnet(cloud.bob), DATABASE)
    assert [each["id"] for each in servers(cloud.reader)] == [WEB]
    assert [each["id"] for each in servers(cloud.bob)] == [DATABASE]
    assert servers(cloud.bob)[0]["name"] == DATABASE  # for want of a name
    assert servers(cloud.admin) == []
    assert [each["id"] for each in servers(cloud.admin, "all_tenants=1")] == [WEB, DATABASE]
    assert [each["id"] for each in servers(cloud.admin, "all_tenants=True&project_id=bob")] == [DATABASE]
    assert cloud.admin.nova.ok("GET", f"/servers/{WEB}")["server"]["tenant_id"] == "ann"
    refuses(cloud.bob, "GET", f"/servers/{WEB}", 404, WEB)
    refuses(cloud.bob, "GET", "/servers", 403, "all_tenants", query_string="all_tenants=1")
    for path in ("/servers", "/servers/x", "/limits", "/flavors", "/os-quota-sets/x"):
        refuses(cloud.user("ann", "stranger"), "GET", path, 403, "Policy")


def test_servers_are_found_by_name_and_address_and_come_in_pages(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    names = ("db.1", "web1", "web2")
    ports = [
        plugged(cloud, cloud.ann, subnet, f"server-{number}", name=name) for number, name in enumerate(names)
    ]

    def found(query: str) -> list[str]:
        return [each["name"] for each in servers(cloud.ann, query)]

    assert found("name=web") == ["web1", "web2"]
    assert found("name=^web1$") == ["web1"]
    assert found("name=1$") == ["db.1", "web1"]
    assert found("name=^db\\.1$") == ["db.1"]
    assert found("name=^eb") == []
    assert found(f"ip={ports[2]['fixed_ips'][0]['ip_address']}") == ["web2"]
    page = cloud.ann.nova.ok("GET", "/servers", query_string="limit=2&sort_key=created_at")
    assert [each["name"] for each in page["servers"]] == ["db.1", "web1"]
    (following,) = page["servers_links"]
    rest = cloud.ann.nova.ok("GET", "/servers", query_string=following["href"].partition("?")[2])
    assert [each["name"] for each in rest["servers"]] == ["web2"]
    assert "servers_links" not in rest


@pytest.mark.parametrize(
    ("query", "says"),
    [("flavor=x", "flavor"), ("limit=-1", "limit"), ("limit=", "limit"), ("marker=nobody", "nobody")],
)
def test_what_makes_no_sense_is_refused_by_name(cloud: Cloud, query: str, says: str) -> None:
    refuses(cloud.ann, "GET", "/servers/detail", 400, says, query_string=query)


def test_nothing_is_made_and_nobody_unknown_served(cloud: Cloud) -> None:
    for method, path in (("POST", "/servers"), ("DELETE", "/servers/x"), ("PUT", "/limits")):
        refuses(cloud.admin, method, path, 405, "not allowed", body={})
    refuses(cloud.admin, "GET", "/servers/x/metadata", 404, "not be found")
    refuses(cloud.admin, "GET", "/servers", 406, "2.1", headers={"OpenStack-API-Version": "compute 2.79"})
    for headers in ({}, {"X-Auth-Token": "?"}):
        assert cloud.client.simulate_get("/compute/v2.1/servers", headers=headers).status_code == 401
    (version,) = cloud.client.simulate_get("/compute").json["versions"]
    assert (version["version"], version["status"]) == ("2.1", "CURRENT")
    answer = cloud.ann.nova.send("GET", "/limits", headers={"X-OpenStack-Nova-API-Version": "latest"})
    assert answer.headers["OpenStack-API-Version"] == "compute 2.1"
    assert set(answer.json["limits"]["absolute"].values()) == {0}


def test_quotas_of_machines_are_0_and_stay_so(cloud: Cloud) -> None:
    path = "/os-quota-sets/ann"
    quotas = cloud.ann.nova.ok("GET", path)["quota_set"]
    assert quotas.pop("id") == "ann"
    assert set(quotas.values()) == {0}
    assert (
        cloud.admin.nova.ok("PUT", path, {"quota_set": {**quotas, "tenant_id": "ann"}})["quota_set"]["ram"]
        == 0
    )
    for body, says in (
        ({"quota_set": {"cores": 5}}, "cores"),
        ({"quota_set": []}, "quota_set"),
        ([], "quota_set"),
    ):
        refuses(cloud.admin, "PUT", path, 400, says, body=body)
    refuses(cloud.admin, "PUT", path, 400, "Malformed", body=b"{")
    refuses(cloud.ann, "PUT", path, 403, "os-quota-sets", body={"quota_set": quotas})
    details = cloud.ann.nova.ok("GET", f"{path}/detail")["quota_set"]
    assert details["instances"] == {"limit": 0, "in_use": 0, "reserved": 0}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    standalone = Standalone(tmp_path_factory.mktemp("compute") / "server", PORT)
    standalone.start()
    yield standalone
    standalone.purge()


@pytest.fixture
def sdk(server: Standalone, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(server.state / "clouds.yaml"))
    with openstack.connect(cloud="evener") as connection:
        yield connection


def test_openstack_shows_quotas_limits_and_ports_of_a_server(server: Standalone, sdk: Connection) -> None:
    shell = Shell(server.state)
    quotas = shell.openstack("quota", "show", "admin")
    if isinstance(quotas, list):  # newer clients show a table
        quotas = {each["Resource"]: each["Limit"] for each in quotas}
    assert (quotas["instances"], quotas["load_balancers"]) == (0, 10)
    assert int(quotas.get("floating-ips", quotas.get("floating_ips"))) == 50  # the network's
    limits = {each["Name"]: each["Value"] for each in shell.openstack("limits", "show", "--absolute")}
    assert limits["maxTotalInstances"] == 0
    refused = shell.run("openstack", "quota", "set", "--cores", "5", "admin")
    assert "cores" in refused.stderr
    for words in (("flavor", "list"), ("keypair", "list")):
        assert shell.openstack(*words) == []
    network = sdk.network.create_network(name="NET")
    sdk.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.9.0.0/24")
    made = sdk.network.create_port(network_id=network.id, device_id=WEB, name="web", device_owner="compute:x")
    (found,) = sdk.compute.servers()
    assert (found.id, found.name) == (WEB, "web")
    assert sdk.compute.find_server("web").id == WEB
    assert [each["ID"] for each in shell.openstack("port", "list", "--server", "web")] == [made.id]
    assert found.addresses["NET"][0]["addr"] == made.fixed_ips[0]["ip_address"]
    sdk.network.delete_port(made)
    sdk.network.delete_network(network)

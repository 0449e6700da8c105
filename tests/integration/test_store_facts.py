"""The whole life of a load balancer on each kind of database: made, changed, reported about, gone."""

from api_cloud import HOST, Cloud

from evener.resources.facts import Counters
from evener.resources.graph import Graph

HOSTILE = " '\"\\%_é☃𝄞 " + "x" * 200


def test_a_load_balancer_lives_and_goes_without_a_trace(any_cloud: Cloud) -> None:
    cloud = any_cloud
    tree = cloud.tree()
    paths = tree.paths()
    for kind in ("loadbalancer", "listener", "pool", "member", "healthmonitor"):
        changed = cloud.ann.ok("PUT", paths[kind], {kind: {"name": HOSTILE, "admin_state_up": False}})
        assert (changed[kind]["name"], changed[kind]["admin_state_up"]) == (HOSTILE, False)
        cloud.ann.ok("PUT", paths[kind], {kind: {"admin_state_up": True}})
    persistence = {"type": "APP_COOKIE", "cookie_name": "c"}
    assert (
        cloud.ann.update("pool", tree.pool, session_persistence=persistence)["session_persistence"]
        == persistence
    )
    cloud.ann.update("pool", tree.pool, session_persistence=None)
    cloud.ann.update("listener", tree.listener, sni_container_refs=["a", HOSTILE])
    graph = cloud.controller.graph(HOST, tree.loadbalancer)
    assert graph is not None
    assert Graph.model_validate_json(graph.model_dump_json()) == graph
    assert graph.listeners[0].sni_container_refs == ("a", HOSTILE)
    assert graph.pools[0].pool.session_persistence is None
    cloud.applied(tree.loadbalancer)
    counted = Counters(bytes_in=2**62, total_connections=2**40)
    cloud.seen(tree.loadbalancer, [(tree.member, "OFFLINE")], **{tree.listener: counted})
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert (shown["provisioning_status"], shown["operating_status"]) == ("ACTIVE", "DEGRADED")
    cloud.seen(tree.loadbalancer, [(tree.member, "ONLINE")])
    assert cloud.ann.show("loadbalancer", tree.loadbalancer)["operating_status"] == "ONLINE"
    cloud.failed(tree.loadbalancer, HOSTILE, cloud.generation(tree.loadbalancer) + 1)
    for kind in ("healthmonitor", "member", "listener", "pool"):
        cloud.ann.ok("DELETE", paths[kind])
        cloud.applied(tree.loadbalancer)
        cloud.refuses(cloud.ann, "GET", paths[kind], status=404, kind="EntityNotFound")
    path = f"{paths['loadbalancer']}/stats"
    assert cloud.ann.ok("GET", path)["stats"]["bytes_in"] == 2**62
    cloud.ann.ok("DELETE", paths["loadbalancer"])
    cloud.report(tree.loadbalancer, gone=True)
    cloud.ann.ok("DELETE", paths["subnet"])
    cloud.ann.ok("DELETE", paths["network"])
    left = {name: rows for name, rows in cloud.contents().items() if rows}
    assert left.keys() == {"agents", "database_identity", "departures", "events"}, "and nothing is counted"

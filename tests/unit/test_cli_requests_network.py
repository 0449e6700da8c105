"""What the client sends and prints about routers and floating IPs, against a small server over real HTTP."""


def test_a_router_is_joined_to_subnets_and_ports_by_name_and_to_nothing_else(server, run):
    router = server.put("routers", name="R")
    subnet, port = server.put("subnets", name="S"), server.put("ports", name="P")
    run("router-interface-add R S")
    run("router-interface-delete R port=P")
    assert "'nix=S' is no interface" in run("router-interface-add R nix=S", code=1)
    path = f"routers/{router['id']}"
    assert [(path, body) for _, path, _, body in server.changes()] == [
        (f"{path}/add_router_interface", {"subnet_id": subnet["id"]}),
        (f"{path}/remove_router_interface", {"port_id": port["id"]}),
    ]


def test_a_floating_ip_is_joined_to_a_port_by_name_and_parted(server, run):
    port, floating = server.put("ports", name="P"), server.put("floatingips")
    assert run(f"floatingip-associate {floating['id']} P --fixed-ip-address 10.0.0.9").startswith(
        "Associated"
    )
    assert run(f"floatingip-disassociate {floating['id']}").startswith("Disassociated floating IP")
    assert [body["floatingip"] for *_, body in server.changes()] == [
        {"port_id": port["id"], "fixed_ip_address": "10.0.0.9"},
        {"port_id": None},
    ]


def test_the_ports_of_a_router_are_asked_for_by_its_id(server, run):
    router = server.put("routers", name="R")
    run("router-port-list R")
    assert server.queries("ports") == [{"device_id": [router["id"]]}]

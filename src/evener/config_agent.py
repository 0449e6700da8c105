"""The settings of a node: what its agent is to others, and what it has of networks."""

from oslo_config import cfg

AGENT_OPTS = [
    cfg.StrOpt(
        "failure_domain",
        default="",
        help="What fails at once with this node, such as a rack: two nodes of one domain serve no load balancer "
        "together. The node itself where empty.",
    ),
    cfg.StrOpt(
        "availability_zone",
        default="",
        help="Availability zone that this node's agent is in, as `compute_zone` of profiles calls it.",
    ),
    cfg.FloatOpt(
        "report_interval",
        default=30,
        min=1,
        help="Seconds between two words to Neutron that the agent lives.",
    ),
]
LINUX_BRIDGE_OPTS = [
    cfg.DictOpt(
        "bridge_mappings", default={}, help="PHYSICAL_NETWORK:BRIDGE,…: Linux bridges that the host has."
    ),
    cfg.DictOpt(
        "physical_interface_mappings",
        default={},
        help="PHYSICAL_NETWORK:INTERFACE,…: interfaces that become ports of our own bridges.",
    ),
]
OVS_OPTS = [
    cfg.DictOpt(
        "bridge_mappings",
        default={},
        help="PHYSICAL_NETWORK:BRIDGE,…: Open vSwitch bridges that the host has.",
    ),
    cfg.StrOpt(
        "integration_bridge",
        default="br-int",
        deprecated_name="ovs_integration_bridge",
        deprecated_group="DEFAULT",
        help="Open vSwitch bridge that ports are on.",
    ),
    cfg.StrOpt(
        "ovsdb_connection", default="unix:/run/openvswitch/db.sock", help="Where ovsdb-server listens."
    ),
    cfg.IntOpt("ovsdb_timeout", default=10, min=1, help="Seconds Open vSwitch may take for a change."),
    cfg.StrOpt(
        "datapath_type",
        default="system",
        choices=[("system", "the kernel's"), ("netdev", "in user space")],
        help="Datapath of the integration bridge, where we make it.",
    ),
]

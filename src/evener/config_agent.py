"""The settings of a node: what its agent is to others, what it has of networks, and how it runs HAProxy."""

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
    cfg.IntOpt(
        "inotify_instances",
        default=8192,
        min=0,
        help="What fs.inotify.max_user_instances is raised to where it is lower and keepalived is installed, of which "
        "each needs one; 0 leaves it as it is.",
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
HAPROXY_OPTS = [
    cfg.StrOpt(
        "user_group",
        default="haproxy",
        deprecated_group="DEFAULT",
        help="Group HAProxy runs as; without `uids`, with the user of that name, or nobody where there is none.",
    ),
    cfg.StrOpt(
        "loadbalancer_state_path",
        default="$state_path/lbaas",
        deprecated_group="DEFAULT",
        help="Directory of what an agent serves; load balancers are below v2 in it.",
    ),
    cfg.IntOpt("maxconn", default=8000, min=10, help="Connections one load balancer takes at once, at most."),
    cfg.IntOpt("nbthread", default=0, min=0, help="Threads of one HAProxy; 0 is one per core."),
    cfg.IntOpt(
        "hard_stop_after", default=3600, min=1, help="Seconds old connections live on after a reload."
    ),
    cfg.IntOpt(
        "old_workers",
        default=100,
        min=1,
        help="Old workers of one load balancer that live at once, of 4 MB each; 10 while memory is scarce.",
    ),
    cfg.FloatOpt(
        "patience",
        default=5.0,
        min=0,
        help="Seconds a reload waits for one of so many to end, before it ends the oldest.",
    ),
    cfg.IntOpt(
        "request_timeout",
        default=10,
        min=1,
        max=3600,
        help="Seconds a client has to send the head of a request.",
    ),
    cfg.IntOpt(
        "handshake_timeout",
        default=10,
        min=1,
        max=3600,
        help="Seconds a client has for a TLS handshake; HAProxy before 2.9 allows 50.",
    ),
    cfg.BoolOpt("access_log", default=False, help="Whether HAProxy logs each request and connection."),
    cfg.IntOpt(
        "log_size", default=10_000_000, min=10_000, help="Bytes of a load balancer's log before rotation."
    ),
    cfg.IntOpt("log_count", default=3, min=1, help="Rotated logs kept."),
    cfg.IntOpt(
        "send_gratuitous_arp",
        default=3,
        help="Announcements of a VIP after it is plugged; 0 or less is none.",
    ),
    cfg.IntOpt(
        "ping_rate",
        default=500,
        min=1,
        help="Echo requests a second for the PING monitors of one project, at most; where that is not enough, "
        "its members are looked at less often.",
    ),
    cfg.StrOpt(
        "uids",
        default="1879048192-2147483647",
        help="FIRST-LAST: users of which each load balancer's HAProxy has one to itself; with nothing, all run as the "
        "user of user_group.",
    ),
    cfg.StrOpt(
        "cgroup",
        default="evener",
        help="Name of the cgroup (version 2) that has one for each load balancer; with nothing, none is made.",
    ),
    cfg.IntOpt(
        "cpu_weight",
        default=100,
        min=1,
        max=10_000,
        help="A load balancer's share of processors that many want.",
    ),
    cfg.IntOpt(
        "memory_max_mb",
        default=0,
        min=0,
        help="Megabytes that one load balancer's HAProxy takes, at most; 0 is half of the machine's.",
    ),
    cfg.IntOpt(
        "pids_max",
        default=4096,
        min=16,
        help="Processes and threads of one load balancer's HAProxy, at most.",
    ),
    cfg.DictOpt(
        "sysctls",
        default={},
        help="NAME:VALUE,…: kernel settings of load balancers' namespaces, as net.ipv4.tcp_fin_timeout:30, "
        "beside or in place of those that docs/host.md lists.",
    ),
]

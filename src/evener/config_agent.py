"""The settings `[agent]`: what a node's agent is to others."""

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

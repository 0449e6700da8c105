"""What the plugin announces and Neutron counts, as data; imports nothing of Neutron, so that anybody can read it."""

# By alias: name and description, as Neutron-LBaaS declared them. Exactly those that work; what of load balancing
# Neutron's core announces by itself (service-type, flavors, agent, quotas) is not among them.
EXTENSIONS = {
    "lbaasv2": ("LoadBalancing service v2", "Load balancers, listeners, pools, members and health monitors"),
    "shared_pools": ("Shared pools for LBaaSv2", "Pools that several listeners of a load balancer use"),
    "l7": ("L7 capabilities for LBaaSv2", "L7 policies and rules"),
    "lb-graph": ("Load Balancer Graph", "A load balancer with all below it in one request"),
    "lb_network_vip": (
        "Create loadbalancer with network_id",
        "A VIP on the first fitting subnet of a network",
    ),
    "hm_max_retries_down": ("Add a fall threshold to health monitor", "The attribute max_retries_down"),
    "lbaas_agent_schedulerv2": ("Loadbalancer Agent Scheduler V2", "Which agent serves which load balancer"),
}
# What quotas are for, and what several are called: how many where nobody says otherwise. As Neutron-LBaaS.
QUOTAS = {
    "loadbalancer": ("loadbalancers", 10),
    "listener": ("listeners", -1),
    "pool": ("pools", 10),
    "member": ("members", -1),
    "healthmonitor": ("healthmonitors", -1),
    "l7policy": ("l7policies", -1),
}
PROVIDER_TYPE = "LOADBALANCERV2"
DEFAULT_PROVIDER = {
    "service_type": PROVIDER_TYPE,
    "name": "haproxy",
    "driver": "neutron_lbaas.drivers.haproxy.plugin_driver.HaproxyOnHostPluginDriver",
    "default": True,
}
DEVICE_OWNER = "neutron:LOADBALANCERV2"
AGENT_TYPE = "Loadbalancerv2 agent"

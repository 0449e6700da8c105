"""The driver that `lbaas_agent.ini` names; Evener's agent takes the name for its own HAProxy."""


class HaproxyNSDriver:
    """Stands for Evener's own data plane, HAProxy in namespaces; has nothing to do in Neutron."""

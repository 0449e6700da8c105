"""The driver that `[service_providers]` names; Neutron shows the name, and nobody loads it."""


class HaproxyOnHostPluginDriver:
    """Stands for Evener's own data plane, HAProxy in namespaces; has nothing to do in Neutron."""

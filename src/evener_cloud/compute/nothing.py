"""What a cloud with machines has and this one has none of: the bodies that say so, by path below the version's.

No list is longer than empty and no limit above 0, so that clients offer nobody a machine. Pure data.
"""

from collections.abc import Mapping
from typing import Any

_LISTS = {
    "/extensions": "extensions",
    "/flavors": "flavors",
    "/flavors/detail": "flavors",
    "/os-aggregates": "aggregates",
    "/os-availability-zone": "availabilityZoneInfo",
    "/os-availability-zone/detail": "availabilityZoneInfo",
    "/os-hypervisors": "hypervisors",
    "/os-hypervisors/detail": "hypervisors",
    "/os-keypairs": "keypairs",
    "/os-server-groups": "server_groups",
    "/os-services": "services",
    "/os-simple-tenant-usage": "tenant_usages",
    "/servers/{server_id}/os-instance-actions": "instanceActions",
    "/servers/{server_id}/os-interface": "interfaceAttachments",
    "/servers/{server_id}/os-security-groups": "security_groups",
    "/servers/{server_id}/os-volume_attachments": "volumeAttachments",
}
_HYPERVISORS = (
    "count",
    "current_workload",
    "disk_available_least",
    "free_disk_gb",
    "free_ram_mb",
    "local_gb",
    "local_gb_used",
    "memory_mb",
    "memory_mb_used",
    "running_vms",
    "vcpus",
    "vcpus_used",
)
_LIMITS = (
    "maxImageMeta",
    "maxPersonality",
    "maxPersonalitySize",
    "maxServerGroupMembers",
    "maxServerGroups",
    "maxServerMeta",
    "maxTotalCores",
    "maxTotalInstances",
    "maxTotalKeypairs",
    "maxTotalRAMSize",
    "totalCoresUsed",
    "totalInstancesUsed",
    "totalRAMUsed",
    "totalServerGroupsUsed",
)
QUOTAS = (
    "cores",
    "injected_file_content_bytes",
    "injected_file_path_bytes",
    "injected_files",
    "instances",
    "key_pairs",
    "metadata_items",
    "ram",
    "server_group_members",
    "server_groups",
)
# How large a server is, nobody knows. It can be looked up, and stands in no list to choose from.
FLAVOR: Mapping[str, Any] = {
    "id": "unknown",
    "name": "unknown",
    "vcpus": 0,
    "ram": 0,
    "disk": 0,
    "OS-FLV-EXT-DATA:ephemeral": 0,
    "swap": "",
    "rxtx_factor": 1.0,
    "OS-FLV-DISABLED:disabled": False,
    "os-flavor-access:is_public": False,
    "links": [],
}
# What Nova says of every server, and nobody here knows.
SERVER: Mapping[str, Any] = {
    "accessIPv4": "",
    "accessIPv6": "",
    "config_drive": "",
    "created": None,
    "flavor": {"id": FLAVOR["id"], "links": []},
    "hostId": "",
    "image": "",
    "key_name": None,
    "metadata": {},
    "progress": 0,
    "security_groups": [],
    "updated": None,
    "user_id": "",
    "OS-DCF:diskConfig": "MANUAL",
    "OS-EXT-AZ:availability_zone": "",
    "OS-EXT-STS:power_state": 0,
    "OS-EXT-STS:task_state": None,
    "OS-SRV-USG:launched_at": None,
    "OS-SRV-USG:terminated_at": None,
    "os-extended-volumes:volumes_attached": [],
}
BODIES: Mapping[str, Mapping[str, Any]] = {
    **{path: {name: []} for path, name in _LISTS.items()},
    f"/flavors/{FLAVOR['id']}": {"flavor": FLAVOR},
    "/limits": {"limits": {"rate": [], "absolute": dict.fromkeys(_LIMITS, 0)}},
    "/os-hypervisors/statistics": {"hypervisor_statistics": dict.fromkeys(_HYPERVISORS, 0)},
    "/os-simple-tenant-usage/{project_id}": {"tenant_usage": {}},
}

"""The extension `shared_pools`."""

from neutron_lbaas.announcing import extension

Sharedpools = extension("shared_pools")

"""The extension `lbaasv2`."""

from neutron_lbaas.announcing import below_lbaas, extension

Loadbalancerv2 = extension("lbaasv2", below_lbaas)

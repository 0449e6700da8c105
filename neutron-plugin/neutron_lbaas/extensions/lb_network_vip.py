"""The extension `lb_network_vip`."""

from neutron_lbaas.announcing import extension

Lb_network_vip = extension("lb_network_vip")

"""The extension `l7`."""

from neutron_lbaas.announcing import extension

L7 = extension("l7")

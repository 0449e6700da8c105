"""The extension `lb-graph`."""

from neutron_lbaas.announcing import extension

Lb_graph = extension("lb-graph")

"""Names that settings written for Neutron-LBaaS have; the work is done by Evener's agents."""

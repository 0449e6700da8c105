"""Service plugins, at the names that Neutron-LBaaS had."""

"""What `neutron-db-manage` looks for."""

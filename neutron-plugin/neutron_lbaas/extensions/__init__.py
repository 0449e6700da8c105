"""The extensions that Neutron announces for load balancing; a file for each, because that is how Neutron finds them."""

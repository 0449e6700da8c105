"""Networks over HTTP: what Neutron's API has beside its collections."""

"""What load balancing needs of a cloud: networks, identities and secrets, as protocols."""

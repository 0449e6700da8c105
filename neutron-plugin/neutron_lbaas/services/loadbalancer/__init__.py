"""The service plugin of load balancing."""

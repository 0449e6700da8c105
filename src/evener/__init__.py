"""Evener: load balancing as a service for Linux networks."""

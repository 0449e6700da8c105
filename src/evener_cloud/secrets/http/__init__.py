"""Secrets over HTTP: the part of Barbican's API v1 that keeps certificates."""

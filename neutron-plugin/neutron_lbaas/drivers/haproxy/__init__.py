"""HAProxy in network namespaces."""

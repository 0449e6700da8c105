"""A read-only part of the Compute API v2.1, for clients that look for servers. There are no machines behind it."""

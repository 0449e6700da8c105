"""Identity over HTTP: the part of Keystone's API v3 that clients of load balancing need."""

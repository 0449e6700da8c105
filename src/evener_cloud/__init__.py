"""The small cloud that Evener brings along: identity, networks and secrets, for a host that has no other cloud."""

"""The part of an agent that makes networks and routers on its host."""

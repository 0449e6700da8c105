"""The nouns of load balancing: each resource, its attributes and its rules, described once.

Pure: no I/O, no knowledge of any other room.
"""

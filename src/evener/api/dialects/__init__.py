"""The wire forms in which the same objects are shown and changed: each is a value, in a file of its own."""

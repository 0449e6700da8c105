"""The revisions of the tables of the small cloud."""

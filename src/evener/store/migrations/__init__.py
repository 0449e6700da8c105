"""The history of the tables. A migration that has been released never changes."""

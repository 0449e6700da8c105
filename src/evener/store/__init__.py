"""Tables, queries and migrations. Nobody here decides what an operation means."""

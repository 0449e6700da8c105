"""How control and agents talk. Nobody here decides anything."""

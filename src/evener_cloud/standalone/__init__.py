"""Everything in one process: API, control, agent, and the builtin services. It decides nothing itself."""

"""Looks at a host, and at what it needs of others, and says what is wrong and what to do. Changes nothing."""

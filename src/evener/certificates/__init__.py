"""Certificates that users hand in, opened in a process of its own."""

"""Decisions: what each operation means, which agent serves what, statuses. No HTTP, no HAProxy."""

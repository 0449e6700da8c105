"""Migrations, by Evener's own program; see `alembic_migrations/env.py`."""

"""What `neutron-db-manage --subproject neutron-lbaas` runs: Evener's own migrations, by `evener-db-manage`.

Evener's tables are not in Neutron's database; only a version is, for the commands that ask. Whoever upgrades all of
Neutron, as Debian's packages do, runs this too: it must not fail then, nor where Evener is not set up.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from alembic import context
from alembic.util import CommandError, msg
from sqlalchemy import create_engine

from neutron_lbaas import settings

VERSION_TABLE = "alembic_version_evener"
DONE = "evener"  # among the attributes of one command: its migrations have run
neutron: Any = context.config.neutron_config  # type: ignore[attr-defined] # put there by neutron-db-manage


def is_upgrade() -> bool:
    """Return whether the command is to change something, now."""
    if context.is_offline_mode():
        return False
    try:
        return bool(context.get_revision_argument())
    except KeyError:
        return False


def upgrade_evener() -> None:
    """Run Evener's migrations, once for a command.

    Raises:
        CommandError: when they fail and were asked for by name.
    """
    if context.config.attributes.setdefault(DONE, False):
        return
    context.config.attributes[DONE] = True
    settings.register_migration(neutron)
    program, file = shutil.which(neutron.evener.db_manage), neutron.evener.config_file
    if program is None or not Path(file).exists():
        msg("Evener is not set up on this host: there is nothing to do")
        return
    if not os.access(file, os.R_OK):
        msg(f"This user may not read {file}: run {program} upgrade head as one who may")
        return
    phases = [f"--{phase}" for phase in ("expand", "contract") if getattr(neutron.command, phase, False)]
    words = ["--config-file", file, "upgrade", *(phases or ["head"])]
    done = subprocess.run([program, *words], check=False)
    if done.returncode and neutron.subproject:
        raise CommandError(f"{program} has failed with {done.returncode}")
    if done.returncode:
        msg(f"{program} has failed with {done.returncode}: run it again before evener-api is started")


def run_migrations() -> None:
    """Have Neutron's database say which revision it is at; there are no others than those two branches."""
    url = neutron.database.connection
    if context.is_offline_mode():
        context.configure(url=url, version_table=VERSION_TABLE)
        with context.begin_transaction():
            context.run_migrations()
        return
    engine = create_engine(url)
    with engine.connect() as connection:
        context.configure(connection=connection, version_table=VERSION_TABLE)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


if is_upgrade():
    upgrade_evener()
run_migrations()

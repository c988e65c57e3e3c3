"""`kot keyring`: the keys that seal BSNs and deliveries."""

import os
from pathlib import Path

import rich_click as click

from reconcile.keyring import new_keyring


@click.group()
def keyring() -> None:
    """Look after the keys that seal BSNs and deliveries."""


@keyring.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def create(file: Path) -> None:
    """Write a new keyring to FILE, readable by you alone. A file that is there stays: losing its keys loses the data."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.ClickException(f"{file} is there already and was not touched.") from None
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as out:
        out.write(new_keyring())
    click.echo(f"A new keyring is in {file}. Keep a copy outside the database's backups.")

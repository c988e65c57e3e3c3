"""`kot openapi`: write the published contract."""

import tempfile
from pathlib import Path

import msgspec
import rich_click as click
from joserfc.jwk import RSAKey

from api.app import create_app
from api.contract import published_document
from reconcile.keyring import new_keyring
from reconcile.rules.faults import FAULTS
from reconcile.settings import Settings
from reconcile.store.database import Database


@click.command("openapi")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default="openapi")
def contract(folder: Path) -> None:
    """Write openapi.json and faults.json to FOLDER, from the code."""
    (folder / "openapi.json").write_bytes(contract_document())
    (folder / "faults.json").write_bytes(faults_document())
    click.echo(f"{folder}/openapi.json and {folder}/faults.json are up to date.")


def contract_document() -> bytes:
    """Return the contract; no database and no keys of anybody are needed for it."""
    with tempfile.TemporaryDirectory() as name:
        keyring_file, identity_file = Path(name, "keyring.json"), Path(name, "identity.json")
        keyring_file.write_bytes(new_keyring())
        identity_file.write_bytes(msgspec.json.encode(RSAKey.generate_key(2048).as_dict(private=True)))
        settings = Settings(keyring_file=str(keyring_file), identity_key_file=str(identity_file))
        return published_document(create_app(settings, Database({}), _nobody).app)


def faults_document() -> bytes:
    """Return the register of faults, ordered by code."""
    kinds = [FAULTS[code] for code in sorted(FAULTS)]
    return msgspec.json.format(msgspec.json.encode(kinds), indent=2) + b"\n"


async def _nobody(_: str) -> None:
    """There is no worker to wake."""

"""`kot openapi`: write the published contract."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import rich_click as click
from joserfc.jwk import RSAKey

from api.app import create_app
from api.contract import published_document
from reconcile.keyring import new_keyring
from reconcile.rules.dispute import DISPUTE_REASONS
from reconcile.rules.fault_examples import EXAMPLES
from reconcile.rules.faults import FAULTS
from reconcile.rules.kinds import kinds_page
from reconcile.rules.quality import QUALITY
from reconcile.settings import Settings
from reconcile.store.database import Database


@click.command("openapi")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default="openapi")
def contract(folder: Path) -> None:
    """Write openapi.json, the registers (.json), kinds.md and an example of every fault to FOLDER, from the code."""
    (folder / "openapi.json").write_bytes(contract_document())
    (folder / "faults.json").write_bytes(faults_document())
    (folder / "quality.json").write_bytes(quality_document())
    (folder / "dispute-reasons.json").write_bytes(dispute_reasons_document())
    (folder / "kinds.md").write_text(kinds_page(), encoding="utf-8")
    examples = folder / "examples" / "faults"
    examples.mkdir(parents=True, exist_ok=True)
    for name, content in example_files().items():
        (examples / name).write_bytes(content)
    files = ", ".join(f"{folder}/{name}" for name in ("openapi.json", "faults.json", "quality.json", "dispute-reasons.json", "kinds.md"))
    click.echo(f"{files} and {examples} are up to date.")


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


def quality_document() -> bytes:
    """Return the register of what can look odd in lines, ordered by code."""
    return msgspec.json.format(msgspec.json.encode([QUALITY[code] for code in sorted(QUALITY)]), indent=2) + b"\n"


def dispute_reasons_document() -> bytes:
    """Return why a parent may dispute a difference, in the order in which an app offers it."""
    return msgspec.json.format(msgspec.json.encode(list(DISPUTE_REASONS.values())), indent=2) + b"\n"


def example_files() -> Mapping[str, bytes]:
    """Return the published examples of faults by the name of their file, and index.json, which says how to send each."""
    index = [
        {"code": code, "file": one.file, "contentType": one.content_type, "idempotencyKey": one.reference, "alsoCodes": one.also}
        for code, one in sorted(EXAMPLES.items())
    ]
    files = {one.file: one.text.encode() for one in EXAMPLES.values()}
    return {**files, "index.json": msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n"}


async def _nobody(_: str) -> None:
    """There is no worker to wake."""

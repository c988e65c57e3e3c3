"""Verb: turn BSNs into people, sealing those that are new; the only place where a BSN becomes a row."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from reconcile.keyring import Keyring
from reconcile.store import people as store
from reconcile.store.database import Connection

# The column that a sealed BSN is bound to; the row is its own blind index.
SEALED_BSN = "person.bsn_sealed"


def indexes_of(keyring: Keyring, bsns: Iterable[str], *, is_sandbox: bool = False) -> Mapping[str, bytes]:
    """Return the blind index of each BSN. In the sandbox it is another one: nobody there is a person of a household."""
    return {bsn: keyring.blind_index(f"sandbox/{bsn}" if is_sandbox else bsn) for bsn in set(bsns)}


async def remember_people(conn: Connection, keyring: Keyring, bsns: Iterable[str]) -> Mapping[str, bytes]:
    """Make sure that everybody with these BSNs is a person; return the blind index of each BSN. Safe to repeat."""
    indexes = indexes_of(keyring, bsns)
    unknown = frozenset(await store.unknown_indexes(conn, list(indexes.values())))
    if unknown:
        new = {index: keyring.seal(SEALED_BSN, index.hex(), bsn.encode("ascii")) for bsn, index in indexes.items() if index in unknown}
        await store.insert_people(conn, list(new), list(new.values()))
    return indexes


async def find_people(conn: Connection, keyring: Keyring, bsns: Iterable[str], *, is_sandbox: bool) -> Mapping[str, UUID]:
    """Return the person of each BSN that is somebody's already."""
    indexes = indexes_of(keyring, bsns, is_sandbox=is_sandbox)
    known = await store.people_by_index(conn, list(indexes.values()))
    return {bsn: known[index] for bsn, index in indexes.items() if index in known}


async def find_or_remember(conn: Connection, keyring: Keyring, bsns: Iterable[str], *, is_sandbox: bool) -> Mapping[str, UUID]:
    """Return the person of each BSN; who is new is sealed and remembered. Safe to repeat."""
    indexes = indexes_of(keyring, bsns, is_sandbox=is_sandbox)
    known = dict(await store.people_by_index(conn, list(indexes.values())))
    new = {bsn: index for bsn, index in indexes.items() if index not in known}
    if new:
        sealed = [keyring.seal(SEALED_BSN, index.hex(), bsn.encode("ascii")) for bsn, index in new.items()]
        await store.insert_people(conn, list(new.values()), sealed)
        # Somebody else may have remembered them at this very moment, so they are looked up again.
        known |= await store.people_by_index(conn, list(new.values()))
    return {bsn: known[index] for bsn, index in indexes.items()}


async def people_of(conn: Connection, indexes: Mapping[str, bytes]) -> Mapping[str, UUID]:
    """Return the person of each BSN whose index was remembered."""
    by_index = await store.people_by_index(conn, list(indexes.values()))
    return {bsn: by_index[index] for bsn, index in indexes.items()}

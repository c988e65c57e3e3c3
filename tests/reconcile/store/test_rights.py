"""Who may do what: no more than the committed listing says, and without any WHERE clause nothing of another."""

import difflib
from collections.abc import Collection, Mapping

import asyncpg
import pytest

from reconcile.callers import Caller, Organisation, Sender
from reconcile.keyring import Keyring
from reconcile.store.database import Connection, Database, Role
from tests import rights, world
from tests.neighbours import Neighbours, marks_in, moved_in, numbers_of

# The same for everybody, and who may read it says so in the listing; nobody's rows are in it.
FOR_EVERYBODY = frozenset({"organisation", "location", "location_holding", "schema_migration"})
LOGINS = tuple(role.value for role in Role)


async def test_no_login_may_do_more_than_is_listed(db: Database, admin: asyncpg.Connection) -> None:
    committed, found = rights.FILE.read_text(), await rights.listing(admin)
    changed = "\n".join(difflib.unified_diff(committed.splitlines(), found.splitlines(), "listed", "in the database", lineterm="", n=1))
    assert not changed, f"rights changed: read every line, then `make rights`\n{changed}"


async def test_a_login_is_nobody_else_and_owns_nothing(db: Database, admin: asyncpg.Connection) -> None:
    special = await admin.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)"
        " AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)",
        LOGINS,
    )
    members = await admin.fetch(
        "SELECT member::regrole, roleid::regrole FROM pg_auth_members WHERE member::regrole::text = ANY ($1)", LOGINS
    )
    owned = await admin.fetch(
        "SELECT refobjid::regrole, classid::regclass, objid FROM pg_shdepend"
        " WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND refobjid::regrole::text = ANY ($1)",
        LOGINS,
    )
    to_come = await admin.fetch("SELECT defaclrole::regrole, defaclacl FROM pg_default_acl")
    assert [special, members, owned, to_come] == [[], [], [], []]
    assert await admin.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'kot_owner'") is False


async def test_a_right_that_grows_is_seen(db: Database, admin: asyncpg.Connection) -> None:
    """What the listing is for: each of these makes a line of it."""
    committed = rights.FILE.read_text().splitlines()
    for widened, line in (
        ("GRANT UPDATE (token) ON device TO kot_pilot", "  device: UPDATE (token)"),
        ("GRANT SELECT ON income TO PUBLIC", "  income: SELECT"),
        ("GRANT CREATE ON SCHEMA kot TO kot_intake", "  schema kot: CREATE, USAGE"),
        ("GRANT kot_tvs TO kot_parent", "  role kot_tvs: MEMBER"),
        ("CREATE POLICY wide ON income TO kot_parent USING (true)", "    rows: all"),
    ):
        transaction = admin.transaction()
        await transaction.start()
        try:
            await admin.execute(widened)
            found = (await rights.listing(admin)).splitlines()
        finally:
            await transaction.rollback()
        added = [one for one in difflib.ndiff(committed, found) if one.startswith("+ ")]
        assert added == [f"+ {line}"], widened


def callers(found: Neighbours) -> Mapping[str, Caller]:
    """Everybody who sees rows of a context, by a name."""
    organisations = {name: Organisation(organisation_id=one, oin="", name="") for name, one in found.organisations.items()}
    of_vendor = Organisation(organisation_id=found.organisations["organisation"], oin="", name="", vendor_oin=world.VENDOR_OIN)
    return {
        **{name: home.parent for name, home in found.homes.items()},
        **organisations,
        "vendor": of_vendor,
        "vendor across": Sender(oin=world.VENDOR_OIN),
        "another vendor": Organisation(
            organisation_id=found.organisations["organisation"], oin="", name="", vendor_oin=world.OTHER_VENDOR_OIN
        ),
    }


async def hidden_from(admin: asyncpg.Connection, found: Neighbours, who: str) -> frozenset[str]:
    """Return every number that only others have, by rows of households and of organisations."""
    homes = {name: await numbers_of(admin, "household_id", home.parent.household_id) for name, home in found.homes.items()}
    sent = {name: str(one) for name, one in found.deliveries.items()}
    others = {name: await numbers_of(admin, "organisation_id", one) for name, one in found.organisations.items()}
    if who in homes:
        return frozenset[str]().union(*homes.values()) - homes[who]
    own = others["other organisation" if who == "other organisation" else "organisation"]
    # The number of an organisation itself is in the register.
    hidden = frozenset[str]().union(*others.values()) - own - {str(one) for one in found.organisations.values()}
    if "vendor" in who:
        hidden |= {sent["organisation"]} | ({sent["vendor"]} if who == "another vendor" else set())
    return hidden


async def readable(conn: Connection) -> Mapping[str, str]:
    """Return the columns that this login may read, by table and view, but for those that are the same for everybody."""
    rows = await conn.fetch(
        "SELECT relname, string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns FROM pg_class"
        " JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped"
        " WHERE relnamespace = 'kot'::regnamespace AND relkind IN ('r', 'v')"
        " AND has_column_privilege(pg_class.oid, attnum, 'SELECT') GROUP BY relname"
    )
    return {row["relname"]: row["columns"] for row in rows if row["relname"] not in FOR_EVERYBODY}


@pytest.mark.parametrize("who", ["first", "second", "organisation", "other organisation", "vendor", "vendor across", "another vendor"])
async def test_without_a_where_clause_nothing_of_another_is_read(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, who: str
) -> None:
    found = await moved_in(db, admin, keyring)
    hidden = await hidden_from(admin, found, who)
    assert hidden
    seen: set[str] = set()
    async with db.snapshot(callers(found)[who]) as conn:
        for table, columns in (await readable(conn)).items():
            text = "\n".join(row[0] for row in await conn.fetch(f'SELECT ROW({columns})::text FROM "{table}"'))
            assert marks_in(text, hidden) == set(), table
            seen |= {table} if text else set()
    assert seen >= _must_see(who)


def _must_see(who: str) -> Collection[str]:
    """Return tables of which something is shown, so that a test that looks at nothing fails."""
    if who in ("first", "second"):
        return {"household", "membership", "placement", "reported_hours", "difference", "change", "device", "notice", "household_audit"}
    return set() if who == "another vendor" else {"delivery", "line", "mandate"}


@pytest.mark.parametrize("who", ["first", "second", "organisation", "other organisation", "vendor"])
async def test_without_a_where_clause_nothing_of_another_is_written(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, who: str
) -> None:
    """Every column that a login may write is written with what it holds, in every row that it can reach."""
    found = await moved_in(db, admin, keyring)
    caller = callers(found)[who]
    owner_column = "household_id" if who in found.homes else "organisation_id"
    owner = found.homes[who].parent.household_id if who in found.homes else caller.organisation_id  # type: ignore[union-attr]
    reached = 0
    async with db.snapshot(caller) as conn:
        writable = await conn.fetch(
            "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped"
            " WHERE relnamespace = 'kot'::regnamespace AND relkind = 'r' AND has_column_privilege(pg_class.oid, attnum, 'UPDATE')"
            " AND EXISTS (SELECT FROM pg_attribute AS o WHERE o.attrelid = pg_class.oid AND o.attname = $1)",
            owner_column,
        )
    for table, column in writable:
        transaction_of = db.transaction(caller)
        try:
            async with transaction_of as conn:
                rows = await conn.fetch(f'UPDATE "{table}" SET {column} = {column} RETURNING {owner_column} AS owner')
                raise _RolledBack
        except _RolledBack:
            assert {row["owner"] for row in rows} <= {owner}, f"{table}.{column}"
            reached += len(rows)
        except asyncpg.InsufficientPrivilegeError:
            continue  # what may not even be written anew as it is
    assert reached or who not in found.homes


class _RolledBack(Exception):
    """Nothing of this stays."""

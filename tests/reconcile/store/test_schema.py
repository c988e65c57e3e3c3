"""Rules of the schema: nothing escapes row-level security, nothing is unexplained."""

import asyncpg
import pytest

from reconcile.keyring import Keyring
from reconcile.store.database import Database, Role
from tests import world

# Tables without row-level security, and why; who may read and write them is in reconcile/store/rights.txt.
OPEN_TABLES = {
    "organisation": "the public register, the same for everybody",
    "location": "the public register, the same for everybody",
    "location_holding": "the public register, the same for everybody",
    "register_import": "which register files were read; the owner's alone",
    "schema_migration": "which migrations the database has",
    "line_stage": "COPY FROM refuses row-level security; it holds no BSN, and intake alone may touch it",
}
# Functions that run with the rights of their owner, each with the search path that it pins. There is none.
DEFINERS: dict[str, list[str]] = {}


async def names(admin: asyncpg.Connection, query: str) -> list[str]:
    return [str(row[0]) for row in await admin.fetch(query)]


async def test_every_table_but_the_named_ones_forces_row_level_security(db: Database, admin: asyncpg.Connection) -> None:
    bare = await names(
        admin,
        "SELECT relname FROM pg_class WHERE relnamespace = 'kot'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT (relrowsecurity AND relforcerowsecurity)",
    )
    assert set(bare) == set(OPEN_TABLES)


async def test_every_table_with_row_level_security_lets_somebody_see_something(db: Database, admin: asyncpg.Connection) -> None:
    """A table without any policy is one that was forgotten."""
    forgotten = await names(
        admin,
        "SELECT relname FROM pg_class WHERE relnamespace = 'kot'::regnamespace AND relkind IN ('r', 'p') AND relrowsecurity"
        " AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid)",
    )
    assert forgotten == []


async def test_everything_belongs_to_a_role_that_cannot_log_in(db: Database, admin: asyncpg.Connection) -> None:
    owners = await names(
        admin,
        "SELECT relowner::regrole FROM pg_class WHERE relnamespace = 'kot'::regnamespace"
        " UNION SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'kot'",
    )
    assert owners == ["kot_owner"]


async def test_nothing_runs_with_the_rights_of_another(db: Database, admin: asyncpg.Connection) -> None:
    definers = await admin.fetch(
        "SELECT proname, proconfig FROM pg_proc"
        " WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND prosecdef"
    )
    assert {row["proname"]: row["proconfig"] for row in definers} == DEFINERS
    views = await admin.fetch("SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'kot'::regnamespace AND relkind = 'v'")
    assert [row["relname"] for row in views if "security_invoker=true" not in (row["reloptions"] or [])] == []


async def test_of_a_household_a_manager_s_login_reads_numbers_and_states_alone(db: Database, admin: asyncpg.Connection) -> None:
    readable = await names(
        admin,
        "SELECT DISTINCT table_name || '.' || column_name FROM information_schema.column_privileges"
        " WHERE grantee = 'kot_pilot' AND privilege_type = 'SELECT'"
        " AND table_name NOT IN ('pilot', 'stage', 'enrolment', 'pilot_audit', 'idempotency_key', 'schema_migration',"
        " 'organisation', 'location', 'location_holding')",
    )
    assert sorted(readable) == [
        "completeness.lrk_number",
        "completeness.month",
        "completeness.organisation_id",
        "completeness.superseded_at",
        "delivery.organisation_id",
        "delivery.received_at",
        "delivery.sender_oin",
        "delivery.state",
        "delivery_attempt.attempted_at",
        "delivery_attempt.organisation_id",
        "delivery_attempt.sender_oin",
        "excuse.deliver_on",
        "excuse.lrk_number",
        "excuse.month",
        "excuse.note",
        "excuse.organisation_id",
        "excuse.reason",
        "excuse.recorded_at",
        "excuse.superseded_at",
        "household.deleted",
        "household.household_id",
        "line.lrk_number",
        "line.month",
        "line.organisation_id",
        "line.outcome",
        "line.superseded_at",
        "mandate.from_on",
        "mandate.organisation_id",
        "mandate.superseded_at",
        "mandate.until_on",
        "mandate.vendor_oin",
        "notice.deleted",
        "notice.household_id",
        "notice.notice_id",
        "notice.pilot_id",
        "notice.stage_number",
        "outbox.household_id",
        "outbox.kind",
        "outbox.push_id",
        "outbox.state",
        "outbox.subject_id",
        "push.household_id",
        "push.notice_id",
        "push.push_id",
    ]


async def test_a_sealed_bsn_is_read_by_the_organisation_s_login_alone_and_only_in_a_statement(
    db: Database, admin: asyncpg.Connection
) -> None:
    sealed = await names(
        admin,
        "SELECT DISTINCT grantee FROM information_schema.column_privileges"
        " WHERE table_name = 'person' AND column_name = 'bsn_sealed' AND privilege_type = 'SELECT' AND grantee <> 'kot_owner'",
    )
    assert sealed == ["kot_organisation"]
    (condition,) = await names(admin, "SELECT qual FROM pg_policies WHERE tablename = 'person' AND 'kot_organisation' = ANY (roles)")
    assert all(f"{part}()" in condition for part in ("own_organisation", "own_statement_month", "own_vendor"))
    may = "SELECT privilege_type FROM information_schema.table_privileges WHERE table_name = 'person' AND grantee = 'kot_organisation'"
    assert await names(admin, may) == []  # columns alone, and none of them to write


@pytest.mark.parametrize("role", list(Role))
async def test_without_context_a_caller_s_login_sees_nothing(role: Role, db: Database, admin: asyncpg.Connection) -> None:
    """Workers and TVS have named policies for everything they need; the logins of parents and organisations need a context."""
    if role not in (Role.PARENT, Role.ORGANISATION):
        policies = await names(admin, f"SELECT policyname FROM pg_policies WHERE '{role.value}' = ANY (roles)")
        assert policies
        return
    await admin.execute("INSERT INTO household (household_ref) VALUES ('H1')")
    async with db._connection(role) as conn:
        for table in await names(
            admin,
            f"SELECT table_name FROM information_schema.role_table_grants WHERE grantee = '{role.value}' AND privilege_type = 'SELECT'",
        ):
            if table not in {*OPEN_TABLES, "household_tie"}:
                assert await conn.fetchval(f'SELECT count(*) FROM "{table}"') == 0, table


async def test_every_table_column_view_and_function_is_explained(db: Database, admin: asyncpg.Connection) -> None:
    unexplained = await names(
        admin,
        "SELECT relname || coalesce('.' || attname, '') FROM pg_class"
        " LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND relkind = 'r'"
        " WHERE relnamespace = 'kot'::regnamespace AND relkind IN ('r', 'v')"
        " AND (obj_description(pg_class.oid) IS NULL OR (attnum IS NOT NULL AND col_description(pg_class.oid, attnum) IS NULL))",
    )
    assert unexplained == []


async def test_household_comes_first_in_every_key_of_a_household_s_table(db: Database, admin: asyncpg.Connection) -> None:
    wrong = await names(
        admin,
        "SELECT conrelid::regclass FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
        " WHERE contype = 'p' AND connamespace = 'kot'::regnamespace AND attname <> 'household_id'"
        " AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = conrelid AND a.attname = 'household_id')",
    )
    assert wrong == []


async def test_every_instant_has_a_zone(db: Database, admin: asyncpg.Connection) -> None:
    wrong = await names(
        admin,
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'kot'"
        " AND (column_name LIKE '%\\_at' OR column_name = 'lease_until') AND data_type <> 'timestamp with time zone'",
    )
    assert wrong == []


async def test_every_foreign_key_has_an_index(db: Database, admin: asyncpg.Connection) -> None:
    bare = await names(
        admin,
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND connamespace = 'kot'::regnamespace AND NOT EXISTS ("
        " SELECT FROM pg_index WHERE indrelid = conrelid AND (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey)",
    )
    # The mirrors of outbox_change_fkey and outbox_push_fkey, whose keys are the primary keys of the tables themselves.
    assert sorted(bare) == ["change_outbox_fkey", "push_outbox_fkey"]


async def test_audit_rows_stay_as_they_were_written(db: Database, admin: asyncpg.Connection) -> None:
    await admin.execute("INSERT INTO household (household_ref) VALUES ('H1')")
    await admin.execute("INSERT INTO household_audit SELECT household_id, 1, now(), '{}', '', sha256('') FROM household")
    for spoil in ("UPDATE household_audit SET event = '{\"a\": 1}'", "DELETE FROM household_audit"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(spoil)


async def test_what_a_line_and_a_report_name_exists_and_stays(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """What a foreign key would do row by row is done once a statement (record 0030)."""
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line())
    for table, column in (("line", "delivery_id"), ("reported_hours", "placement_id")):
        columns = [
            row[0] for row in await admin.fetch(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0")
        ]
        made = {column: "gen_random_uuid()", "superseded_at": "now()"}
        values = ", ".join(made.get(one, one) for one in columns)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await admin.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}")
    for table in ("delivery", "placement"):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await admin.execute(f"DELETE FROM {table}")

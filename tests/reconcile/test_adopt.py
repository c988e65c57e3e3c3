"""Which rule book is active: never another one without an approved report of that very change, and everybody is judged by it soon."""

import asyncio
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from reconcile.adopt import ActivationRefused, ActiveBookAway, activate_book, active_rules, approve_report, book_at
from reconcile.compare import compare_due
from reconcile.keyring import Keyring
from reconcile.problems import NotFound
from reconcile.renew import mark_next_households
from reconcile.rulebook import Books, rules_in_force, shipped_books
from reconcile.store.audit import broken_links
from reconcile.store.database import Database, Role
from tests import world
from tests.books import with_successor
from tests.tables import FIRST_BOOK
from tests.world import as_owner
from workers.deliveries import DeliveryDrain

NEXT = "2099.1"


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """The shipped books, and one after them by which a difference of 30 hours is none."""
    return Books(with_successor(tmp_path, NEXT, hours="30.00"))


async def active(db: Database, books: Books) -> str:
    async with db.snapshot(world.INTAKE) as conn:
        return (await active_rules(conn, books, world.NOW)).version


def test_the_migrations_activate_the_first_shipped_book_as_it_is() -> None:
    migration = (files("reconcile.store") / "migrations" / "0029_rule_books.sql").read_text()
    assert f"('{FIRST_BOOK}', '\\x{shipped_books().book(FIRST_BOOK).sha256.hex()}'" in migration


async def test_a_book_that_was_not_activated_is_not_used(db: Database, books: Books) -> None:
    assert books.versions()[-1] == NEXT
    assert await active(db, books) == FIRST_BOOK


async def test_an_approved_report_makes_the_next_book_active_and_the_way_back_needs_another(
    db: Database, admin: asyncpg.Connection, books: Books
) -> None:
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    assert await active(db, books) == NEXT
    await world.adopted(db, admin, books, NEXT, FIRST_BOOK)
    assert await active(db, books) == FIRST_BOOK


async def test_which_book_was_active_at_an_instant_and_what_was_known_then(db: Database, admin: asyncpg.Connection, books: Books) -> None:
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    changed_at = await admin.fetchval("SELECT active_from FROM rule_activation WHERE number = 2")
    async with db.snapshot(world.INTAKE) as conn:
        before = await book_at(conn, changed_at - timedelta(microseconds=1), books)
        after = await book_at(conn, changed_at, books)
        long_ago = await book_at(conn, changed_at.replace(year=2022, month=11, day=30), books)
        with pytest.raises(ActiveBookAway, match="No rule book is active"):
            await book_at(conn, changed_at.replace(year=2004), books)
    assert (before.version, before.hours_tolerance_hundredths) == (FIRST_BOOK, 100)
    assert (after.version, after.hours_tolerance_hundredths) == (NEXT, 3_000)
    assert (long_ago.version, long_ago.maximum_rate_cents[2023]["KDV"], set(long_ago.tables)) == (FIRST_BOOK, 897, {2023})


async def approve(admin: asyncpg.Connection, report_id: UUID, by: str) -> None:
    async with as_owner(admin) as conn:
        await approve_report(conn, report_id, approved_by=by)


async def refused(admin: asyncpg.Connection, books: Books, report_id: UUID, *, version: str = NEXT, by: str = "doer") -> str:
    with pytest.raises(ActivationRefused) as refusal:
        async with as_owner(admin) as conn:
            await activate_book(conn, books.book(version), report_id=report_id, activated_by=by)
    return str(refusal.value)


async def test_nothing_is_activated_without_an_approved_report_of_exactly_this_change(
    db: Database, admin: asyncpg.Connection, books: Books, tmp_path: Path
) -> None:
    with_successor(tmp_path, "2099.2", hours="5.00")
    assert "no report" in await refused(admin, books, uuid4())
    report_id = (await world.foreseen(db, books, FIRST_BOOK, NEXT)).report_id
    assert "not approved" in await refused(admin, books, report_id)
    await approve(admin, report_id, "reader")
    assert "takes two" in await refused(admin, books, report_id, by="reader")
    assert "without spaces" in await refused(admin, books, report_id, by="the doer")
    assert "another book" in await refused(admin, books, report_id, version="2099.2")
    await world.adopted(db, admin, books, FIRST_BOOK, "2099.2")
    assert "not the active one" in await refused(admin, books, report_id)
    assert await active(db, books) == "2099.2"
    await world.adopted(db, admin, books, "2099.2", FIRST_BOOK)
    async with as_owner(admin) as conn:
        await activate_book(conn, books.book(NEXT), report_id=report_id, activated_by="doer")
    await world.adopted(db, admin, books, NEXT, FIRST_BOOK)
    assert "used before" in await refused(admin, books, report_id)


async def test_a_report_is_stale_after_two_weeks(db: Database, admin: asyncpg.Connection, books: Books) -> None:
    for days, is_stale in ((13, False), (15, True)):
        kept = await world.foreseen(db, books, FIRST_BOOK, NEXT)
        # A report cannot be altered; one that was kept so long ago can be written by a superuser alone.
        await admin.execute(
            "INSERT INTO rule_report SELECT gen_random_uuid(), old_version, old_sha256, new_version, new_sha256, as_of, content,"
            " content_sha256, now() - make_interval(days => $2) FROM rule_report WHERE report_id = $1",
            kept.report_id,
            days,
        )
        older = await admin.fetchval("SELECT report_id FROM rule_report ORDER BY recorded_at LIMIT 1")
        await approve(admin, older, "reader")
        if is_stale:
            assert "two weeks" in await refused(admin, books, older, version=NEXT)
        else:
            async with as_owner(admin) as conn:
                await activate_book(conn, books.book(NEXT), report_id=older, activated_by="doer")
            await world.adopted(db, admin, books, NEXT, FIRST_BOOK)


async def test_the_report_of_a_book_that_was_changed_since_is_of_another_book(
    db: Database, admin: asyncpg.Connection, books: Books, tmp_path: Path
) -> None:
    report_id = (await world.foreseen(db, books, FIRST_BOOK, NEXT)).report_id
    await approve(admin, report_id, "reader")
    changed = Books(with_successor(tmp_path, NEXT, hours="31.00"))
    assert "another content" in await refused(admin, changed, report_id)


async def test_a_report_is_approved_once_and_by_somebody(db: Database, admin: asyncpg.Connection, books: Books) -> None:
    report_id = (await world.foreseen(db, books, FIRST_BOOK, NEXT)).report_id
    with pytest.raises(ActivationRefused, match="without spaces"):
        await approve(admin, report_id, "")
    with pytest.raises(NotFound):
        await approve(admin, uuid4(), "reader")
    await approve(admin, report_id, "00000099000000010000/policy")
    with pytest.raises(NotFound, match="still to be approved"):
        await approve(admin, report_id, "another")
    assert await admin.fetchval("SELECT approved_by FROM rule_approval") == "00000099000000010000/policy"


async def test_every_step_is_chained_and_tampering_is_found(db: Database, admin: asyncpg.Connection, books: Books) -> None:
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    steps = await admin.fetch("SELECT event ->> 'action' AS action, event ->> 'actor' AS actor FROM rule_audit ORDER BY number")
    assert [tuple(one) for one in steps] == [("compared", "operator"), ("approved", "reader"), ("activated", "doer")]
    async with as_owner(admin) as conn:
        assert list(await broken_links(conn, 10)) == []
    for tampering in (
        "DELETE FROM rule_audit WHERE number = 3",
        'UPDATE rule_audit SET event = event || \'{"actor": "nobody"}\' WHERE number = 2',
    ):
        await admin.execute(f"SET session_replication_role = replica; {tampering}; SET session_replication_role = origin")
        assert await broken_links(admin, 10) != []


async def test_two_steps_at_once_follow_each_other_in_the_chain(db: Database, admin: asyncpg.Connection, books: Books) -> None:
    await asyncio.gather(*(world.foreseen(db, books, FIRST_BOOK, NEXT) for _ in range(5)))
    assert await admin.fetchval("SELECT array_agg(number ORDER BY number) FROM rule_audit") == [1, 2, 3, 4, 5]
    assert list(await broken_links(admin, 10)) == []


async def test_no_login_of_a_service_approves_or_activates(db: Database, admin: asyncpg.Connection, books: Books) -> None:
    report_id = (await world.foreseen(db, books, FIRST_BOOK, NEXT)).report_id
    for role in Role:
        for statement in (
            f"INSERT INTO rule_approval (report_id, content_sha256, approved_by) VALUES ('{report_id}', '', 'x')",
            "INSERT INTO rule_activation (version, book_sha256, activated_by) VALUES ('2099.1', '', 'x')",
        ):
            async with db._connection(role) as conn:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.execute(statement)


async def test_what_was_reported_approved_and_activated_stays_as_it_is(db: Database, admin: asyncpg.Connection, books: Books) -> None:
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    for statement in (
        "UPDATE rule_report SET content = '{}'",
        "UPDATE rule_approval SET approved_by = 'x'",
        "UPDATE rule_activation SET version = 'x'",
        "DELETE FROM rule_activation",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(statement)
    with pytest.raises(asyncpg.CheckViolationError):
        await admin.execute(
            "INSERT INTO rule_report SELECT gen_random_uuid(), old_version, old_sha256, new_version, new_sha256, as_of, '{}',"
            " content_sha256 FROM rule_report"
        )


async def test_a_book_whose_file_is_gone_changed_or_spoiled_since_it_was_activated_is_not_judged_by(
    db: Database, admin: asyncpg.Connection, books: Books, tmp_path: Path
) -> None:
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    with pytest.raises(ActiveBookAway, match=f"{NEXT} is active and cannot be used"):
        await active(db, shipped_books())
    with_successor(tmp_path, NEXT, hours="31.00")
    with pytest.raises(ActiveBookAway, match="was changed since"):
        await active(db, Books(tmp_path))
    (tmp_path / f"{NEXT}.toml").write_text("nothing")
    with pytest.raises(ActiveBookAway, match="cannot be used"):
        await active(db, Books(tmp_path))
    assert await active(db, books) == NEXT  # read before, and the same as was activated


async def differences(admin: asyncpg.Connection) -> list[tuple[str, str]]:
    rows = await admin.fetch("SELECT state, rules_version FROM difference ORDER BY opened_at")
    return [(row["state"], row["rules_version"]) for row in rows]


async def test_after_an_activation_the_differences_follow_without_a_restart(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, books: Books
) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    assert await differences(admin) == [("open", FIRST_BOOK)]
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    await world.worked(db, keyring, books=books)
    assert await differences(admin) == [("closed", FIRST_BOOK)]
    assert await admin.fetchval("SELECT count(*) FROM marking WHERE done_at IS NULL") == 0
    await world.adopted(db, admin, books, NEXT, FIRST_BOOK)
    await world.worked(db, keyring, books=books)
    assert await differences(admin) == [("closed", FIRST_BOOK), ("open", FIRST_BOOK)]


async def test_an_open_difference_is_judged_anew_by_a_book_with_other_tables_and_keeps_its_number(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring, world.declaration(incomes=[{"year": 2026, "amount": 20_000}]))
    await world.delivered(db, keyring, world.line(month="2026-02", hours="120.00"), world.line(month="2026-03", hours="120.00"))
    shown = "SELECT difference_id, version, rules_version, (effect #>> '{inMonth,changeEuro}')::integer AS euro FROM difference"
    before = await admin.fetchrow(shown)
    books = Books(with_successor(tmp_path, NEXT, shares_2026="97.0,97.0"))
    await world.adopted(db, admin, books, FIRST_BOOK, NEXT)
    await world.worked(db, keyring, books=books)
    after = await admin.fetchrow(shown)
    assert (before["rules_version"], before["euro"]) == (FIRST_BOOK, 192)
    assert (after["difference_id"], after["rules_version"], after["euro"]) == (before["difference_id"], NEXT, 194)
    assert after["version"] > before["version"]


async def test_what_is_being_judged_while_a_book_is_activated_is_judged_by_it_after_all(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, books: Books
) -> None:
    await world.with_register(admin)
    await world.declared(db, keyring)
    lines = [world.line(month=month, hours="120.00") for month in ("2026-02", "2026-03")]
    await world.landed(db, keyring, world.delivery_body(lines))
    await DeliveryDrain(db, keyring, world.nobody, clock=lambda: world.NOW)()

    async def marked() -> None:
        while True:
            async with db.transaction(world.INTAKE) as conn:
                if not await mark_next_households(conn, "2026-07", households_max=10):
                    return

    kept = await world.foreseen(db, books, FIRST_BOOK, NEXT)
    async with db.transaction(world.INTAKE) as conn:
        compared = await compare_due(conn, books, as_of=world.NOW, households_max=10)
        assert compared.opened == 1
        await world.adopted(db, admin, books, FIRST_BOOK, NEXT, kept=kept)
        marking = asyncio.create_task(marked())
        await asyncio.sleep(0.2)
        assert not marking.done()  # it waits for the household that is being judged
    await marking
    assert await differences(admin) == [("open", FIRST_BOOK)]
    await world.worked(db, keyring, books=books)
    assert await differences(admin) == [("closed", FIRST_BOOK)]


def test_tools_judge_by_the_newest_book_of_the_release() -> None:
    assert rules_in_force().version == shipped_books().versions()[-1]

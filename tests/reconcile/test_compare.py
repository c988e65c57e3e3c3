"""The stored differences follow the facts: opened, renewed, settled, and never opened again from facts that were answered."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest

from reconcile.callers import Intake, Parent
from reconcile.compare import Compared, compare_due
from reconcile.keyring import Keyring
from reconcile.rulebook import shipped_books
from reconcile.rules.documents import EffectDocument, ProposalDocument
from reconcile.rules.explanation_document import ExplanationDocument
from reconcile.rules.text import PlainTexts, plain_texts
from reconcile.rules.told import Told
from reconcile.store.database import Database
from reconcile.store.differences import ShownDifference
from reconcile.textbook import TEXT_VERSION, texts_in_force
from tests import world
from tests.reconcile.test_answer import accept, shown


async def begun(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> Parent:
    await world.with_register(admin)
    await world.declared(db, keyring)
    return await world.parent(db, keyring)


async def more_hours(db: Database, keyring: Keyring, hours: str = "120.00") -> None:
    await world.delivered(db, keyring, world.line(month="2026-02", hours=hours), world.line(month="2026-03", hours=hours))


async def test_two_months_of_more_hours_become_one_difference(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    found = await shown(db, parent)
    assert [(one.kind, one.state, one.child_given_name, one.year) for one in found] == [("D01", "open", "Noor", 2026)]


def written(one: ShownDifference) -> PlainTexts:
    """What the sentences in force say of what is kept."""
    told = Told(
        kind=one.kind,
        year=one.year,
        proposal=msgspec.json.decode(one.proposal or "null", type=ProposalDocument | None),
        route=one.route,
        explanation=msgspec.json.decode(one.explanation, type=ExplanationDocument),
        effect=msgspec.json.decode(one.effect, type=EffectDocument),
    )
    return plain_texts(told, texts_in_force())


async def test_what_a_parent_reads_is_kept_with_each_version(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    for hours in ("120.00", "125.00"):
        await more_hours(db, keyring, hours)
    (found,) = await shown(db, parent)
    await accept(db, parent, found.difference_id, found.version)
    (accepted,) = await shown(db, parent)
    assert found.texts is not None
    assert msgspec.json.decode(found.texts, type=PlainTexts) == written(found)
    assert (found.text_version, accepted.texts, accepted.text_version) == (TEXT_VERSION, found.texts, TEXT_VERSION)
    kept = await admin.fetch("SELECT version, texts, text_version FROM difference_version ORDER BY version")
    assert [row["text_version"] for row in kept] == [TEXT_VERSION] * 3
    assert ["120 uur per maand" in row["texts"] for row in kept] == [True, False, False]
    assert [(row["version"], row["texts"]) for row in kept[1:]] == [(one.version, found.texts) for one in (found, accepted)]
    seen = "SELECT text_version FROM answer JOIN difference_version AS seen USING (household_id, difference_id)"
    assert await admin.fetchval(f"{seen} WHERE seen.version = answer.difference_version") == TEXT_VERSION


async def test_another_version_of_the_sentences_changes_no_difference(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    await admin.execute("UPDATE difference SET text_version = 'older'")  # as if it was told before the sentences in force
    before = await shown(db, parent)
    await admin.execute("INSERT INTO comparison_due (household_id, child_id, year) SELECT household_id, child_id, year FROM difference")
    await world.worked(db, keyring)
    assert await shown(db, parent) == before
    await more_hours(db, keyring, "125.00")
    assert [one.text_version for one in await shown(db, parent)] == [TEXT_VERSION]


async def test_texts_never_stand_without_their_version(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await begun(db, admin, keyring)
    await more_hours(db, keyring)
    for one in ("texts", "text_version"):
        with pytest.raises(asyncpg.CheckViolationError, match="difference_texts_have_version"):
            await admin.execute(f"UPDATE difference SET {one} = NULL")


async def test_what_is_equal_is_never_looked_at(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring, "100.00")
    assert await shown(db, parent) == []
    assert await admin.fetchval("SELECT count(*) FROM comparison_due") == 0


async def test_new_facts_give_the_same_difference_a_new_version(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    first = (await shown(db, parent))[0]
    await more_hours(db, keyring, "125.00")
    second = (await shown(db, parent))[0]
    assert second.difference_id == first.difference_id
    assert second.version > first.version
    assert await admin.fetchval("SELECT count(*) FROM difference_version") == 2


async def test_the_same_values_from_another_delivery_give_no_new_version(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    first = (await shown(db, parent))[0]
    await more_hours(db, keyring)
    assert (await shown(db, parent))[0].version == first.version


async def test_another_income_shows_other_euros_in_a_new_version_that_nobody_is_told_of(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await begun(db, admin, keyring)
    await world.released(db, await world.piloted(db))
    await more_hours(db, keyring)
    first = (await shown(db, parent))[0]
    await world.declared(db, keyring, world.declaration(version=2, incomes=[{"year": 2026, "amount": 130_000}]))
    await world.worked(db, keyring)
    second = (await shown(db, parent))[0]
    assert (second.difference_id, second.proposal) == (first.difference_id, first.proposal)
    assert (second.version > first.version, second.effect != first.effect) == (True, True)
    assert await admin.fetchval("SELECT count(*) FROM notice WHERE NOT deleted") == 1


async def test_a_difference_that_the_facts_settle_closes_silently(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    placements = [world.care(segments=[world.segment(until="2026-01"), world.segment("2026-02", hours="120.00")])]
    await world.declared(db, keyring, world.declaration(version=2, placements=placements))
    await world.worked(db, keyring)
    assert [one.state for one in await shown(db, parent)] == ["closed"]


async def test_an_answered_difference_opens_again_only_from_new_facts(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    first = (await shown(db, parent))[0]
    await accept(db, parent, first.difference_id, first.version)
    await admin.execute("UPDATE overlay_segment SET superseded_at = now()")  # as if the overlay were lost: the same facts as before
    await admin.execute("INSERT INTO comparison_due (household_id, child_id, year) SELECT household_id, child_id, year FROM difference")
    await world.worked(db, keyring)
    assert [one.state for one in await shown(db, parent)] == ["accepted"]
    await more_hours(db, keyring, "125.00")
    assert sorted(one.state for one in await shown(db, parent)) == ["accepted", "open"]


async def test_judging_again_changes_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    before: list[ShownDifference] = await shown(db, parent)
    await admin.execute("INSERT INTO comparison_due (household_id, child_id, year) SELECT household_id, child_id, year FROM difference")
    async with db.transaction(Intake()) as conn:
        compared = await compare_due(conn, shipped_books(), as_of=world.NOW + timedelta(hours=1), households_max=10)
    assert compared == Compared(households=1, opened=0, renewed=0, settled=0, notices=0)
    assert await shown(db, parent) == before


async def test_a_household_that_somebody_else_holds_is_left_for_later(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await more_hours(db, keyring)
    await admin.execute("INSERT INTO comparison_due (household_id, child_id, year) SELECT household_id, child_id, year FROM difference")
    async with db.transaction(parent) as holder:
        await holder.execute("SELECT FROM household FOR UPDATE")
        async with db.transaction(Intake()) as conn:
            compared = await compare_due(conn, shipped_books(), as_of=world.NOW, households_max=10)
    assert compared.households == 0
    assert await admin.fetchval("SELECT count(*) FROM comparison_due") == 1


async def test_at_most_one_difference_is_open_for_a_placement_and_year(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await begun(db, admin, keyring)
    await more_hours(db, keyring)
    try:
        await admin.execute(
            "WITH other AS (INSERT INTO difference"
            " SELECT (jsonb_populate_record(d, jsonb_build_object('difference_id', gen_random_uuid()))).*"
            " FROM difference AS d RETURNING household_id, difference_id)"
            " INSERT INTO difference_placement SELECT o.household_id, o.difference_id, p.placement_id, p.year, true"
            " FROM other AS o, difference_placement AS p"
        )
    except asyncpg.UniqueViolationError as error:
        assert error.constraint_name == "difference_placement_one_open"
    else:
        raise AssertionError("two open differences for one placement and year")


def complete(month: str) -> list[dict[str, object]]:
    return [{"month": month, "lrkNumbers": [world.KDV]}]


async def test_a_missing_line_of_a_complete_month_is_asked_about(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    body = world.delivery_body([world.line(childBsn=world.STRANGER)], complete=complete("2026-03"))
    await world.landed(db, keyring, body)
    await world.worked(db, keyring)
    assert [(one.kind, one.state, one.route) for one in await shown(db, parent)] == [("D15", "open", "ask-organisation")]
    await world.delivered(db, keyring, world.line(month="2026-03", hours="100.00"))
    assert [(one.kind, one.state) for one in await shown(db, parent)] == [("D15", "closed")]


async def test_a_missing_line_is_found_when_the_declaration_comes_later(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    await world.landed(db, keyring, world.delivery_body([world.line(childBsn=world.STRANGER)], complete=complete("2026-03")))
    await world.worked(db, keyring)
    await world.declared(db, keyring)
    await world.worked(db, keyring)
    assert [one.kind for one in await shown(db, await world.parent(db, keyring))] == ["D15"]


async def test_a_missing_line_of_a_month_that_nobody_called_complete_means_nothing(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    parent = await begun(db, admin, keyring)
    await world.landed(db, keyring, world.delivery_body([world.line(childBsn=world.STRANGER)], complete=complete("2025-03")))
    await world.worked(db, keyring)
    assert await shown(db, parent) == []

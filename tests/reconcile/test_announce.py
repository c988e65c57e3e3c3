"""Telling: once for each version, only in a released stage, only while it still holds at the moment of sending."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import asyncpg
import pytest

from reconcile import announce
from reconcile.callers import Forward, Notify, Parent
from reconcile.enrol import release_stage
from reconcile.forward import Refused
from reconcile.keyring import Keyring
from reconcile.reach import remove_device
from reconcile.rules.bsn import marked_bsn
from reconcile.store.database import Database
from reconcile.store.notices import ClaimedPush, DeadAddress
from reconcile.store.outbox import Settled
from tests import world
from tests.reconcile.test_answer import accept, shown
from tests.reconcile.test_compare import begun, more_hours
from tests.reconcile.test_forward import receipt as forward_receipt
from workers.stages import StageDrain

LEASE = timedelta(seconds=30)


async def claimed(db: Database) -> Sequence[ClaimedPush]:
    async with db.transaction(Notify()) as conn:
        return await announce.claim_pushes(conn, lease=LEASE, pushes_max=100)


async def verdicts(db: Database) -> list[str]:
    return [one.verdict for one in await claimed(db)]


async def sent(db: Database, pushes: Sequence[ClaimedPush]) -> None:
    ended = [
        Settled(household_id=one.household_id, subject_id=one.subject_id, attempts=one.attempts, state="done", error=None) for one in pushes
    ]
    async with db.transaction(Notify()) as conn:
        await announce.settle_pushes(conn, ended, (), ())


async def notices(admin: asyncpg.Connection) -> list[tuple[str, bool]]:
    return [tuple(row) for row in await admin.fetch("SELECT sentence, deleted FROM notice ORDER BY version, difference_version")]


async def outbox_states(admin: asyncpg.Connection) -> list[str]:
    return [row["state"] for row in await admin.fetch("SELECT state FROM outbox WHERE kind = 'push' ORDER BY recorded_at, subject_id")]


async def with_stage(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> tuple[Parent, UUID]:
    """A household in a released stage, with one phone and no difference yet."""
    parent = await begun(db, admin, keyring)
    pilot_id = await world.piloted(db)
    await world.released(db, pilot_id)
    await world.with_device(db, parent)
    return parent, pilot_id


async def test_a_difference_is_told_in_the_transaction_that_opens_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    difference = (await shown(db, parent))[0]
    row = await admin.fetchrow("SELECT difference_id, difference_version, version FROM notice")
    assert tuple(row) == (difference.difference_id, difference.version, difference.version)
    push = (await claimed(db))[0]
    assert (push.verdict, push.token, push.sentence, push.platform, push.locale, push.attempts) == (
        "send",
        "token-1",
        "difference-new",
        "android",
        "nl",
        1,
    )
    event = await admin.fetchval("SELECT event -> 'noticeIds' FROM household_audit ORDER BY number DESC LIMIT 1")
    assert str(push.notice_id) in event


@pytest.mark.parametrize("state", ["no pilot", "drawn", "paused"])
async def test_nobody_is_told_outside_a_released_stage(db: Database, admin: asyncpg.Connection, keyring: Keyring, state: str) -> None:
    parent = await begun(db, admin, keyring)
    await world.with_device(db, parent)
    if state != "no pilot":
        pilot_id = await world.piloted(db)
        if state == "paused":
            await world.released(db, pilot_id)
            await world.paused(db, pilot_id)
    await more_hours(db, keyring)
    assert [one for one in await verdicts(db) if one == "send"] == []


async def test_a_household_that_was_not_drawn_is_not_told(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await begun(db, admin, keyring)
    await admin.execute("UPDATE household SET deleted = true")
    stranger = [world.member(world.STRANGER, "applicant")]
    await world.declared(db, keyring, world.declaration(householdRef="H2", members=stranger, placements=[]))
    pilot_id = await world.piloted(db, size=1)
    await admin.execute("UPDATE household SET deleted = false")
    await world.released(db, pilot_id)
    await more_hours(db, keyring)
    assert await admin.fetchval("SELECT count(*) FROM difference") == 1
    assert await notices(admin) == []


async def test_releasing_a_stage_tells_what_is_open_already(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await world.with_device(db, parent)
    await more_hours(db, keyring)
    pilot_id = await world.piloted(db)
    assert await notices(admin) == []
    before = await admin.fetchval("SELECT version FROM household")
    await world.released(db, pilot_id)
    assert await notices(admin) == [("difference-new", False)]
    assert await admin.fetchval("SELECT version FROM household") == before + 1
    assert await admin.fetchval("SELECT announced_at FROM stage") is not None
    assert await verdicts(db) == ["send"]


async def test_a_stage_goes_on_where_a_killed_worker_stopped(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await world.with_register(admin)
    households = [
        world.declaration(householdRef=f"H{number}", members=[world.member(marked_bsn(50 + number), "applicant")], placements=[])
        for number in range(5)
    ]
    await world.declared(db, keyring, *households)
    pilot_id = await world.piloted(db, size=5)
    async with db.transaction(world.MANAGER) as conn:
        await release_stage(conn, world.MANAGER, pilot_id, 1)
    async with db.transaction(world.INTAKE) as conn:
        assert await announce.announce_stage(conn, households_max=2) == announce.Announced(households=2, notices=0)
    until = await admin.fetchval("SELECT announced_until FROM stage")
    assert until == await admin.fetchval("SELECT household_id FROM enrolment ORDER BY household_id OFFSET 1 LIMIT 1")
    await StageDrain(db, world.nobody)()
    assert await admin.fetchval("SELECT announced_at FROM stage") is not None


async def test_a_difference_opened_at_the_moment_of_release_is_told_once(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent = await begun(db, admin, keyring)
    await world.with_device(db, parent)
    pilot_id = await world.piloted(db)
    await asyncio.gather(more_hours(db, keyring), world.released(db, pilot_id))
    await world.worked(db, keyring)
    await StageDrain(db, world.nobody)()
    assert await notices(admin) == [("difference-new", False)]


async def test_a_smaller_difference_is_not_told_again(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_stage(db, admin, keyring)
    await more_hours(db, keyring, "120.00")
    await sent(db, await claimed(db))
    await more_hours(db, keyring, "110.00")
    assert await notices(admin) == [("difference-new", False)]
    assert await claimed(db) == []


async def test_a_larger_difference_is_told_again(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_stage(db, admin, keyring)
    await more_hours(db, keyring, "120.00")
    await sent(db, await claimed(db))
    await more_hours(db, keyring, "130.00")
    assert await notices(admin) == [("difference-new", False), ("difference-changed", False)]
    assert [(one.verdict, one.sentence) for one in await claimed(db)] == [("send", "difference-changed")]


async def test_what_nobody_was_told_yet_is_replaced(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """The parent hears of the difference as it is, once, also when it became smaller before the first push."""
    await with_stage(db, admin, keyring)
    await more_hours(db, keyring, "120.00")
    await more_hours(db, keyring, "110.00")
    assert sorted(await notices(admin)) == [("difference-new", False), ("difference-new", True)]
    assert sorted(await outbox_states(admin)) == ["cancelled", "open"]
    assert [one.verdict for one in await claimed(db)] == ["send"]


async def test_a_difference_that_is_settled_before_the_push_is_withdrawn(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await more_hours(db, keyring, "120.00")
    await more_hours(db, keyring, "100.00")
    assert [one.state for one in await shown(db, parent)] == ["closed"]
    assert await notices(admin) == [("difference-new", True)]
    assert await claimed(db) == []


async def test_an_answer_withdraws_what_the_partner_was_not_told_yet(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    difference = (await shown(db, parent))[0]
    await accept(db, parent, difference.difference_id, difference.version)
    assert await notices(admin) == [("difference-new", True)]
    assert await outbox_states(admin) == ["cancelled"]
    assert await admin.fetchval("SELECT state FROM outbox WHERE kind = 'change'") == "open"


async def test_a_push_under_way_is_not_taken_back(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    under_way = await claimed(db)
    difference = (await shown(db, parent))[0]
    await accept(db, parent, difference.difference_id, difference.version)
    await sent(db, under_way)
    assert await notices(admin) == [("difference-new", False)]
    assert await outbox_states(admin) == ["done"]


async def test_a_difference_that_reopens_after_a_refusal_is_not_pushed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, pilot_id = await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    await sent(db, await claimed(db))
    difference = (await shown(db, parent))[0]
    change_id = await accept(db, parent, difference.difference_id, difference.version)
    await forward_receipt(db, change_id, Refused(reason="De toeslag is beëindigd."))
    await world.worked(db, keyring)
    assert [one.state for one in await shown(db, parent)] == ["open"]
    await world.paused(db, pilot_id)
    await world.released(db, pilot_id)
    assert await notices(admin) == [("difference-new", False)]


@pytest.mark.parametrize(
    ("spoil", "verdict"),
    [
        ("UPDATE difference SET state = 'closed', closed_at = now()", "moot"),
        ("UPDATE difference SET content_hash = ''::bytea", "moot"),
        ("UPDATE device SET token = NULL, retired_at = now(), retired_for = 'removed'", "device-retired"),
        ("UPDATE membership SET superseded_at = now() WHERE role = 'applicant'", "no-member"),
        ("UPDATE membership SET until_month = '2025-06-01' WHERE role = 'applicant'", "no-member"),
    ],
)
async def test_what_no_longer_holds_at_the_moment_of_sending_is_cancelled(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, spoil: str, verdict: str
) -> None:
    """Whoever changed it: the check stands in the statement that claims."""
    await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    await admin.execute(spoil)
    assert await verdicts(db) == [verdict]
    assert await admin.fetchrow("SELECT state, last_error, attempts FROM outbox") == ("cancelled", verdict, 0)
    assert await claimed(db) == []


async def test_a_child_that_is_renamed_changes_no_notice(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """The difference gets a new version for phones, and says the same."""
    parent, _ = await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    before = (await shown(db, parent))[0].version
    members = [*world.declaration_document()["members"][:2], world.member(world.CHILD, "child", givenName="Mila")]
    await world.declared(db, keyring, world.declaration(version=2, members=members, placements=[world.care()]))
    assert (await shown(db, parent))[0].version > before
    assert await verdicts(db) == ["send"]


async def test_a_shared_phone_belongs_to_whoever_registered_it_last(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    stranger = [world.member(world.STRANGER, "applicant")]
    await world.declared(db, keyring, world.declaration(householdRef="H2", members=stranger, placements=[]))
    other = await world.parent(db, keyring, world.STRANGER)
    await world.with_device(db, other, number=2, token="token-1")
    await more_hours(db, keyring)
    assert await verdicts(db) == ["device-of-another"]
    # The stranger logs out: the phone is still not the first parent's before that parent registers it again.
    async with db.transaction(other) as conn:
        await remove_device(conn, other, UUID(int=2))
    await more_hours(db, keyring, "130.00")
    assert await verdicts(db) == ["device-of-another"]
    await world.with_device(db, parent)
    await more_hours(db, keyring, "140.00")
    assert await verdicts(db) == ["send"]


async def test_the_same_installation_in_another_household_takes_over_too(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_stage(db, admin, keyring)
    stranger = [world.member(world.STRANGER, "applicant")]
    await world.declared(db, keyring, world.declaration(householdRef="H2", members=stranger, placements=[]))
    await world.with_device(db, await world.parent(db, keyring, world.STRANGER), number=1, token="a-new-token")
    await more_hours(db, keyring)
    assert await verdicts(db) == ["device-of-another"]


async def test_each_phone_of_both_parents_is_told_once(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_stage(db, admin, keyring)
    await world.with_device(db, await world.parent(db, keyring, world.PARTNER), number=2, locale="en", platform="ios")
    await more_hours(db, keyring)
    pushes = await claimed(db)
    assert sorted((one.token, one.locale, one.platform) for one in pushes) == [("token-1", "nl", "android"), ("token-2", "en", "ios")]
    assert len({one.notice_id for one in pushes}) == 1


async def test_a_pause_defers_and_a_release_goes_on(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, pilot_id = await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    await world.paused(db, pilot_id)
    assert await verdicts(db) == ["paused"]
    assert await claimed(db) == []
    await world.released(db, pilot_id)
    assert await verdicts(db) == ["send"]
    assert await notices(admin) == [("difference-new", False)]


async def test_what_was_found_during_a_pause_is_told_after_it(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    _, pilot_id = await with_stage(db, admin, keyring)
    await world.paused(db, pilot_id)
    await more_hours(db, keyring)
    assert await verdicts(db) == ["paused"]
    await world.released(db, pilot_id)
    assert await verdicts(db) == ["send"]


async def quiet_now(admin: asyncpg.Connection, until: float = 1) -> tuple[time, time]:
    """Quiet hours that began an hour ago, and end so many hours from now; to the minute."""
    now = await admin.fetchval("SELECT (now() AT TIME ZONE 'Europe/Amsterdam')::time")
    here = datetime(2026, 1, 1, now.hour, now.minute, tzinfo=UTC)
    return (here - timedelta(hours=1)).time(), (here + timedelta(hours=until)).time()


async def awake(admin: asyncpg.Connection) -> None:
    """Let the quiet hours of every phone be over, and what waited for their end be due."""
    await admin.execute("UPDATE device SET quiet_from = NULL, quiet_until = NULL")
    await admin.execute("UPDATE outbox SET due_at = now() WHERE last_error = 'quiet'")


async def test_quiet_hours_defer(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await world.with_device(db, parent, quiet=await quiet_now(admin))
    await more_hours(db, keyring)
    assert await verdicts(db) == ["quiet"]
    waits = await admin.fetchval("SELECT due_at - now() FROM outbox")
    assert timedelta(minutes=50) < waits <= timedelta(hours=1)
    assert await claimed(db) == []


async def test_what_waited_for_the_end_of_quiet_hours_is_sent_after_them(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await world.with_device(db, parent, quiet=await quiet_now(admin))
    await more_hours(db, keyring)
    assert await verdicts(db) == ["quiet"]
    await awake(admin)
    assert await verdicts(db) == ["send"]


@pytest.mark.parametrize(("until", "verdicts_now"), [(None, ["send"]), (0.5, []), (1, []), (2, []), (-0.5, ["send"])])
async def test_what_waits_for_the_end_of_quiet_hours_waits_for_that_of_the_newest(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, until: float | None, verdicts_now: list[str]
) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await world.with_device(db, parent, quiet=await quiet_now(admin))
    await more_hours(db, keyring)
    assert await verdicts(db) == ["quiet"]
    await world.with_device(db, parent, quiet=None if until is None else await quiet_now(admin, until=until))
    waits = await admin.fetchval("SELECT due_at - now() FROM outbox")
    over = timedelta(hours=max(0, until or 0))
    assert over - timedelta(minutes=10) < waits <= over
    assert await verdicts(db) == verdicts_now


async def test_other_quiet_hours_hurry_nothing_that_waits_for_another_reason(
    db: Database, admin: asyncpg.Connection, keyring: Keyring
) -> None:
    """Its own hour, another phone of the household, a push service that does not answer; nor what is on its way, or over."""
    parent, _ = await with_stage(db, admin, keyring)
    for number in range(1, 6):
        await world.with_device(db, parent, number, quiet=await quiet_now(admin))
    await more_hours(db, keyring)
    pushes = "SELECT push.push_id FROM push WHERE push.device_id = $1"
    spoils = {
        2: "last_error = NULL, due_at = now() + interval '1 hour'",
        3: "last_error = 'unavailable', due_at = now() + interval '1 hour'",
        4: "last_error = 'quiet', due_at = now() - interval '1 hour', attempts = 1, lease_until = now() + interval '1 minute'",
        5: "last_error = 'quiet', state = 'cancelled', done_at = now()",
    }
    for number, spoil in spoils.items():
        await admin.execute(f"UPDATE outbox SET {spoil} WHERE subject_id IN ({pushes})", UUID(int=number))
    assert await verdicts(db) == ["quiet"]
    rows = "SELECT * FROM outbox ORDER BY subject_id"
    before = await admin.fetch(rows)
    for number in range(2, 6):
        await world.with_device(db, parent, number)
    assert await admin.fetch(rows) == before
    await world.with_device(db, parent, 1)
    assert await verdicts(db) == ["send"]


async def test_a_parent_s_login_opens_no_push_again(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    await sent(db, await claimed(db))
    async with db.transaction(parent) as conn:
        assert await conn.fetch("UPDATE outbox SET state = 'open', done_at = NULL RETURNING subject_id") == []
    assert await outbox_states(admin) == ["done"]


async def test_what_closed_during_quiet_hours_is_never_sent(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await world.with_device(db, parent, quiet=await quiet_now(admin))
    await more_hours(db, keyring)
    assert await verdicts(db) == ["quiet"]
    await more_hours(db, keyring, "100.00")
    assert [one.state for one in await shown(db, parent)] == ["closed"]
    await awake(admin)
    assert await claimed(db) == []
    assert await outbox_states(admin) == ["cancelled"]


@pytest.mark.parametrize(
    ("spoil", "verdict"),
    [
        ("UPDATE difference SET state = 'closed', closed_at = now()", "moot"),
        ("UPDATE device SET token = NULL, retired_at = now(), retired_for = 'removed'", "device-retired"),
        ("UPDATE stage SET state = 'paused', paused_at = now()", "paused"),
        ("UPDATE device SET wanted_notices = '{}'", "unwanted"),
    ],
)
async def test_what_waited_is_checked_again_when_quiet_hours_are_over(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, spoil: str, verdict: str
) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    await world.with_device(db, parent, quiet=await quiet_now(admin))
    await more_hours(db, keyring)
    assert await verdicts(db) == ["quiet"]
    await admin.execute(spoil)
    await awake(admin)
    assert await verdicts(db) == [verdict]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (None, ["send", "send"]),
        (["difference-new", "difference-changed"], ["send", "send"]),
        (["difference-new"], ["send", "unwanted"]),
        (["difference-changed"], ["unwanted", "unwanted"]),
        ([], ["unwanted", "unwanted"]),
    ],
)
async def test_a_phone_is_told_what_is_wanted_there(
    db: Database, admin: asyncpg.Connection, keyring: Keyring, wanted: list[str] | None, told: list[str]
) -> None:
    """A change is told to whom was told of the difference: what nobody heard of is new when it comes again."""
    parent, _ = await with_stage(db, admin, keyring)
    await world.with_device(db, parent, wanted_notices=wanted)
    found = []
    for hours in ("120.00", "130.00"):
        await more_hours(db, keyring, hours)
        pushes = await claimed(db)
        found += [one.verdict for one in pushes]
        await sent(db, [one for one in pushes if one.verdict == "send"])
    assert found == told
    # The app shows it all the same.
    assert [one.state for one in await shown(db, parent)] == ["open"]


async def test_each_phone_of_a_household_has_wishes_of_its_own(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    partner = await world.parent(db, keyring, world.PARTNER)
    await world.with_device(db, parent, wanted_notices=[])
    await world.with_device(db, partner, number=2)
    await more_hours(db, keyring)
    assert sorted((one.device_id.int, one.verdict) for one in await claimed(db)) == [(1, "unwanted"), (2, "send")]


async def test_the_newest_wish_counts_at_the_moment_of_sending(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    """While a stage is paused nothing is thrown away that may be wanted by the time of its release."""
    parent, pilot_id = await with_stage(db, admin, keyring)
    await world.with_device(db, parent, wanted_notices=[])
    await world.paused(db, pilot_id)
    await more_hours(db, keyring)
    assert await verdicts(db) == ["paused"]
    await world.with_device(db, parent)
    await world.released(db, pilot_id)
    assert await verdicts(db) == ["send"]


@pytest.mark.parametrize(
    ("instant", "begin", "end", "until"),
    [
        # In winter the Netherlands are an hour ahead of UTC, in summer two.
        ("2026-01-10T21:30+00:00", "22:00", "07:00", "2026-01-11T06:00+00:00"),
        ("2026-07-10T21:30+00:00", "22:00", "07:00", "2026-07-11T05:00+00:00"),
        ("2026-01-10T05:59+00:00", "22:00", "07:00", "2026-01-10T06:00+00:00"),
        ("2026-01-10T06:00+00:00", "22:00", "07:00", None),
        ("2026-01-10T20:59+00:00", "22:00", "07:00", None),
        ("2026-01-10T12:00+00:00", "12:00", "14:00", "2026-01-10T13:00+00:00"),
        ("2026-01-10T13:00+00:00", "12:00", "14:00", None),
        # The night of 29 March 2026 lasts an hour less, that of 25 October an hour more.
        ("2026-03-28T22:00+00:00", "22:00", "07:00", "2026-03-29T05:00+00:00"),
        ("2026-10-24T21:00+00:00", "22:00", "07:00", "2026-10-25T06:00+00:00"),
        # 02:30 does not exist on 29 March: what ends then ends when the clock has jumped.
        ("2026-03-29T00:30+00:00", "01:00", "02:30", "2026-03-29T01:30+00:00"),
    ],
)
async def test_quiet_hours_are_of_the_netherlands(
    db: Database, admin: asyncpg.Connection, instant: str, begin: str, end: str, until: str | None
) -> None:
    answer = await admin.fetchval(
        "SELECT quiet_until($1, $2, $3)", datetime.fromisoformat(instant), time.fromisoformat(begin), time.fromisoformat(end)
    )
    assert answer == (None if until is None else datetime.fromisoformat(until).astimezone(UTC))


async def test_a_dead_address_is_dropped_unless_it_was_renewed(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    parent, _ = await with_stage(db, admin, keyring)
    household_id = parent.household_id
    gone = DeadAddress(household_id=household_id, device_id=UUID(int=1), token="token-1")
    await world.with_device(db, parent, token="token-renewed")
    async with db.transaction(Notify()) as conn:
        await announce.settle_pushes(conn, (), (), [gone])
    assert await admin.fetchval("SELECT token FROM device") == "token-renewed"
    async with db.transaction(Notify()) as conn:
        await announce.settle_pushes(conn, (), (), [DeadAddress(household_id=household_id, device_id=UUID(int=1), token="token-renewed")])
    assert tuple(await admin.fetchrow("SELECT token, retired_for FROM device")) == (None, "unregistered")


async def test_a_lease_that_was_lost_settles_nothing(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    late = await claimed(db)
    await admin.execute("UPDATE outbox SET lease_until = now() - interval '1 second'")
    assert [one.attempts for one in await claimed(db)] == [2]
    await sent(db, late)
    assert await outbox_states(admin) == ["open"]


async def test_a_push_worker_sees_no_change_and_a_change_worker_no_push(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> None:
    await with_stage(db, admin, keyring)
    await more_hours(db, keyring)
    async with db.transaction(Forward()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM outbox") == 0
    async with db.transaction(Notify()) as conn:
        assert await conn.fetchval("SELECT count(*) FROM outbox") == 1

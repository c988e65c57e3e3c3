"""A household that has seen everything: declared twice, reported, told, answered, read and explained. No number of it is a BSN."""

from uuid import UUID

import asyncpg

from reconcile.callers import Explainer, Parent
from reconcile.explain import explain_difference
from reconcile.forward import change_for_tvs
from reconcile.keyring import Keyring
from reconcile.replicate import PushedAnswer, replicate_answers
from reconcile.rulebook import shipped_books
from reconcile.rules.replicated import AnswerSaid
from reconcile.store.database import Database
from tests import world
from tests.reconcile.test_answer import accept, shown
from tests.reconcile.test_dispute import disputed

REFS = {world.APPLICANT: "ref-applicant", world.PARTNER: "ref-partner", world.CHILD: "ref-child", world.SIBLING: "ref-sibling"}
LOGIN = "an-operator"


def member(bsn: str, role: str, name: str, **change: object) -> dict[str, object]:
    return world.member(bsn, role, personRef=REFS.get(bsn, "ref-other"), givenName=name, **change)


def care(bsn: str, lrk_number: str, *segments: dict[str, object]) -> dict[str, object]:
    return world.care(bsn, lrk_number, list(segments) or None, childRef=REFS[bsn])


MEMBERS = [
    member(world.APPLICANT, "applicant", "Ans", birthDate="1990-02-01"),
    member(world.PARTNER, "partner", "Bo"),
    member(world.CHILD, "child", "Noor & <b>Zo</b>", birthDate="2023-05-01"),
    member(world.SIBLING, "child", "Sam"),
]


async def lived(db: Database, admin: asyncpg.Connection, keyring: Keyring) -> Parent:
    """Let the household live, and return its applicant; every table that is a household's has a row of it."""
    await world.with_register(admin)
    cares = [care(world.CHILD, world.KDV), care(world.SIBLING, world.BSO, world.segment(hours="40.00", rate="9.00"))]
    stated = {"members": MEMBERS, "placements": cares, "awardedYears": [2024]}
    await world.declared(db, keyring, world.declaration(**stated))
    await world.declared(db, keyring, world.declaration(**stated, version=2, incomes=[{"year": 2026, "amount": 81_000}]))
    parent = await world.parent(db, keyring)
    await world.with_device(db, parent)
    await world.with_device(db, await world.parent(db, keyring, world.PARTNER), 2)
    await world.released(db, await world.piloted(db))
    months = ("2026-02", "2026-03")
    await world.delivered(db, keyring, *(world.line(month=month, hours="110.00") for month in months))
    await disputed(db, parent, (await shown(db, parent))[0], note="Wij waren er niet.", pass_on=True)
    lines = [world.line(month=month, hours="120.00") for month in months]
    await world.delivered(db, keyring, *lines, world.line(childBsn=world.SIBLING, lrkNumber=world.BSO, month="2026-03", hours="50.00"))
    tapped = next(one for one in await shown(db, parent) if (one.kind, one.state) == ("D01", "open"))
    await explained(db, tapped.difference_id)
    change_id = await accept(db, parent, tapped.difference_id, tapped.version)
    async with db.transaction(world.TVS) as conn:
        await change_for_tvs(conn, world.TVS, change_id)
    await refused(db, parent)
    await world.worked(db, keyring)
    return parent


async def explained(db: Database, difference_id: UUID) -> None:
    """Let somebody of the service look at a difference."""
    explainer = Explainer(login=LOGIN)
    async with db.transaction(explainer) as conn:
        await explain_difference(conn, explainer, difference_id, books=shipped_books())


async def refused(db: Database, parent: Parent) -> None:
    """Let a phone push an answer to a difference that is not there."""
    said = AnswerSaid(kind="acceptance", difference_id=UUID(int=7), difference_version=1)
    async with db.transaction(parent) as conn:
        row = PushedAnswer(answer_id=UUID(int=8), said=said, assumed=None)
        await replicate_answers(conn, parent, [row], today=world.NOW.date(), name_of=lambda _: "not-found")

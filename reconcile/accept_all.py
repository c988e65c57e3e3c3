"""Verb: a parent takes over everything that is open and has a proposal, in one step: all of it as it was shown, or nothing (ADR 0034)."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from reconcile.answer import accept_difference
from reconcile.callers import Parent
from reconcile.problems import Busy, OfferMoved
from reconcile.rulebook import Books
from reconcile.rules.documents import EffectDocument, ProposalDocument, effect_document, proposed
from reconcile.rules.effect import effect_of
from reconcile.rules.facts import child_year
from reconcile.rules.months import month_at
from reconcile.rules.proposal import together
from reconcile.store import comparisons, households
from reconcile.store.answers import Acceptance
from reconcile.store.database import Connection
from reconcile.store.differences import ShownDifference, differences_of_household

DIFFERENCES_MAX = 100


class SeenDifference(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A difference in the version that the parent saw."""

    difference_id: UUID
    version: int


class JointOffer(Struct, frozen=True, kw_only=True):
    """What one step would take over, in the order in which it would, and what that means for the household, year by year.

    `left_out` has no proposal, and a route instead; `has_more` when there is more than one step takes. `tag` names all that is taken over
    with its effects: nothing else may be accepted under it.
    """

    taken: Sequence[ShownDifference]
    left_out: Sequence[ShownDifference]
    has_more: bool
    effects: Sequence[EffectDocument]
    tag: str


async def joint_offer(conn: Connection, parent: Parent, books: Books, *, as_of: datetime) -> JointOffer:
    """Return what accepting everything would take over. Raises Busy while rules of another release are in force."""
    found = await differences_of_household(conn, parent.household_id, state="open")
    open_ones = sorted(found, key=lambda one: (one.year, one.difference_id))
    offered = [one for one in open_ones if one.proposal is not None]
    taken = offered[:DIFFERENCES_MAX]
    effects = await _effects(conn, parent, taken, books, as_of)
    shown = [[(one.difference_id, one.version) for one in taken], effects]
    return JointOffer(
        taken=taken,
        left_out=[one for one in open_ones if one.proposal is None],
        has_more=len(offered) > len(taken),
        effects=effects,
        tag=hashlib.sha256(msgspec.json.encode(shown)).hexdigest()[:32],
    )


async def accept_all(
    conn: Connection, parent: Parent, seen: Sequence[SeenDifference], tag: str, books: Books, *, as_of: datetime
) -> Sequence[Acceptance]:
    """Accept all that was offered, in the caller's transaction: an answer and a change for each, in order under one lock.

    `seen` and `tag` are what the parent saw. When anything of it moved, a version, the set or the effect, OfferMoved is raised and
    nothing is written. Raises Busy as well.
    """
    await households.lock_household(conn, parent.household_id)
    offer = await joint_offer(conn, parent, books, as_of=as_of)
    stands = {(one.difference_id, one.version) for one in offer.taken}
    if not seen or offer.tag != tag or {(one.difference_id, one.version) for one in seen} != stands:
        raise OfferMoved("What can be taken over together is not what the parent saw. Nothing was changed: show it again, with its effect.")
    accepted = [await accept_difference(conn, parent, one.difference_id, seen_version=one.version) for one in offer.taken]
    await households.record_changes(conn, [parent.household_id], [_event(parent, accepted, offer)])
    return accepted


async def _effects(
    conn: Connection, parent: Parent, taken: Sequence[ShownDifference], books: Books, as_of: datetime
) -> Sequence[EffectDocument]:
    """Compute for each year what all of it does together: a sum of the effects would count what they share twice, or not at all."""
    if not taken:
        return ()
    newest = max(taken, key=lambda one: one.judged_at)
    rules = books.rules_then(newest.rules_version, newest.judged_at)
    if rules is None:
        raise Busy("The rules are being changed at this moment.")
    facts = await comparisons.household_care(conn, parent.household_id)
    proposal = together([proposed(msgspec.json.decode(one.proposal or "", type=ProposalDocument)) for one in taken])
    years = sorted({one.year: one.child_id for one in taken}.items())
    return [effect_document(effect_of(child_year(facts, child_id, year), proposal, month_at(as_of), rules)) for year, child_id in years]


def _event(parent: Parent, accepted: Sequence[Acceptance], offer: JointOffer) -> str:
    """Say for the audit that these were one step, and with which effect it was shown."""
    event = {
        "action": "accepted-together",
        **parent.audited,
        "changeIds": [str(one.change_id) for one in accepted],
        "effects": [msgspec.to_builtins(one) for one in offer.effects],
    }
    return msgspec.json.encode(event).decode()

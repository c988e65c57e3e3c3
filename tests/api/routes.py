"""What is expected of every route: who gets in, whose number its address names, and what a number that is not yours is answered.

A route that is missing here fails tests/api/test_isolation.py: add its line, and say who may.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct

from api.caller import APP, DECLARE, DELIVER, PILOT_MANAGE, PILOT_READ
from api.sync_documents import COLLECTIONS
from tests import neighbours, world
from tests.api.conftest import ISSUER, Headers, bearer, manager, organisation, parent, sealed, tvs

IN_PERSON = frozenset({"applicant", "partner", "parent of the second"})
PARENTS = IN_PERSON | {"proxy of the applicant"}
ORGANISATIONS = frozenset({"organisation", "other organisation"})
SENDERS = ORGANISATIONS | {"vendor"}
ANY_SENDER = SENDERS | {"vendor without mandate", "vendor for nobody"}
TVS = frozenset({"tvs"})
READERS = frozenset({"pilot reader"})
MANAGERS = frozenset({"pilot manager"})

NOT_AUTHENTICATED = (401, "not-authenticated")
UNCLEAR = (403, "household-unclear")
NOT_ALLOWED = (403, "not-allowed")


class Role(Struct, frozen=True, kw_only=True):
    """Somebody who asks: with a token, for an organisation or not, and how it is refused where only others get in."""

    headers: Headers
    scope: str | None
    # Whose numbers are its own: a home, or an organisation or vendor, of tests/neighbours.py.
    whose: str | None = None
    acts_for: str | None = None
    refused: tuple[int, str] = NOT_AUTHENTICATED


def _proxy(bsn: str) -> Headers:
    """A token of the parent of the second, who represents somebody else: what is that parent's own stays away."""
    whom = {"iss": ISSUER, "sub": f"represented-{bsn[::-1]}", "bsn_encrypted": sealed(bsn)}
    return parent(neighbours.COPARENT, bsn_encrypted=None, represents=whom)


@cache
def roles() -> Mapping[str, Role]:
    """Return everybody, with tokens that are good for an hour."""

    def app(bsn: str, **facts: Any) -> Role:
        return Role(headers=parent(bsn), scope=APP, **facts)

    def sender(oin: str, **facts: Any) -> Role:
        return Role(headers=organisation(oin), scope=DELIVER, **facts)

    return {
        "nobody": Role(headers={}, scope=None),
        "a scope that is no route's": Role(headers=bearer("kot:other", oin=world.OIN), scope="kot:other"),
        "applicant": app(world.APPLICANT, whose="first"),
        "partner": app(world.PARTNER, whose="first"),
        "parent of the second": app(neighbours.COPARENT, whose="second"),
        "former partner": app(neighbours.FORMER_PARTNER, refused=UNCLEAR),
        "somebody unknown": app(neighbours.UNKNOWN, refused=UNCLEAR),
        "proxy of the applicant": Role(headers=_proxy(world.APPLICANT), scope=APP, whose="first", refused=NOT_ALLOWED),
        "proxy of a child": Role(headers=_proxy(world.CHILD), scope=APP, refused=UNCLEAR),
        "a child": app(world.CHILD, refused=UNCLEAR),
        "applicant by password": Role(headers=parent(acr="http://eidas.europa.eu/LoA/low"), scope=APP),
        "organisation": sender(world.OIN, whose="organisation"),
        "other organisation": sender(world.OTHER_OIN, whose="other organisation"),
        "vendor": sender(world.VENDOR_OIN, whose="vendor", acts_for=world.OIN, refused=NOT_ALLOWED),
        "vendor without mandate": sender(world.OTHER_VENDOR_OIN, acts_for=world.OIN, refused=(403, "not-mandated")),
        "vendor for nobody": sender(world.VENDOR_OIN, refused=(403, "unknown-organisation")),
        "a sender without OIN": Role(headers=bearer(DELIVER), scope=DELIVER),
        "tvs": Role(headers=tvs(), scope=DECLARE, whose="tvs"),
        "pilot reader": Role(headers=manager(PILOT_READ), scope=PILOT_READ, whose="managers"),
        "pilot manager": Role(headers=manager(), scope=PILOT_MANAGE, whose="managers"),
    }


class Route(Struct, frozen=True, kw_only=True):
    """A route: its scope, who gets in, and what a good request of theirs is answered.

    `names` is what of the address, or of the body, is somebody's; `absent` the answer when it is nobody's or another's. With `makes_own`
    such a number makes something of the caller's own; it never touches what another has under it.
    """

    scope: str | None
    enters: frozenset[str]
    own: int = 200
    names: str | None = None
    absent: int = 404
    makes_own: bool = False
    fills: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    # Or how it is made of the number and the version that was seen.
    json: Any | Callable[[str, int], Any] = None
    content: bytes | None = None
    headers: Headers = {}
    # Answers without end: what it says of its own is in tests/api/test_stream.py.
    is_endless: bool = False


def _app(*, enters: frozenset[str] = PARENTS, **facts: Any) -> Route:
    return Route(scope=APP, enters=enters, **facts)


def _sent(*, enters: frozenset[str] = SENDERS, **facts: Any) -> Route:
    return Route(scope=DELIVER, enters=enters, **facts)


def _tvs(**facts: Any) -> Route:
    return Route(scope=DECLARE, enters=TVS, **facts)


def _read(**facts: Any) -> Route:
    return Route(scope=PILOT_READ, enters=READERS, **facts)


def _manage(**facts: Any) -> Route:
    return Route(scope=PILOT_MANAGE, enters=MANAGERS, **facts)


def _answer(difference_id: str, version: int, *, answer_id: str | None = None) -> Any:
    said = {"kind": "acceptance", "state": "sent", "differenceId": difference_id, "differenceVersion": version}
    return [{"newDocumentState": {"answerId": answer_id or str(uuid4()), "_deleted": False, **said}}]


_OPEN = Route(scope=None, enters=frozenset())
_NOBODYS = "00000000-0000-4000-8000-000000000000"
_MONTH = {"month": "2026-03"}
_PHONE = {"platform": "android", "token": "a-phone", "locale": "nl"}
_DECLARATION = world.declaration_document(householdRef="ref-fourth", members=[], placements=[])
_EXCUSE = {"reason": "software", "deliverBy": "2026-07-20"}

# In the order in which a role uses what is its own: what ends something comes after what needs it.
ROUTES: Mapping[str, Route] = {
    "GET /health/live": _OPEN,
    "GET /health/ready": _OPEN,
    "GET /v1/openapi.json": _OPEN,
    "GET /v1/problems/{slug}": msgspec.structs.replace(_OPEN, fills={"slug": "not-found"}),
    "GET /v1/processing-activities": _OPEN,
    "GET /v1/processing-activities/{activity_id}": msgspec.structs.replace(_OPEN, fills={"activity_id": "give-access"}),
    # Parents
    **{f"GET /v1/sync/{{collection}} {name}": _app(fills={"collection": name}, query={"schemaVersion": "1"}) for name in COLLECTIONS},
    "GET /v1/sync/checksum": _app(),
    "GET /v1/sync/stream": _app(is_endless=True),
    "GET /v1/differences": _app(),
    "GET /v1/differences/{difference_id}": _app(names="difference_id"),
    "POST /v1/differences/{difference_id}/postponement": _app(
        names="difference_id", own=201, headers={"If-Match": "of the number"}, json={"until": "2026-08-01"}
    ),
    "POST /v1/differences/{difference_id}/acceptance": _app(names="difference_id", own=201, headers={"If-Match": "of the number"}),
    # By now it is accepted.
    "POST /v1/differences/{difference_id}/dispute": _app(
        names="difference_id", own=409, headers={"If-Match": "of the number"}, json={"reason": "other"}
    ),
    "GET /v1/answers/{answer_id}": _app(names="answer_id"),
    # It is an acceptance, which is never taken back.
    "DELETE /v1/answers/{answer_id}": _app(names="answer_id", own=409),
    "POST /v1/sync/{collection} of a difference": _app(
        names="difference_id", absent=200, makes_own=True, fills={"collection": "answers"}, query={"schemaVersion": "1"}, json=_answer
    ),
    "POST /v1/sync/{collection} of an answer": _app(
        names="answer_id",
        absent=200,
        makes_own=True,
        fills={"collection": "answers"},
        query={"schemaVersion": "1"},
        json=lambda number, version: _answer(_NOBODYS, version, answer_id=number),
    ),
    "GET /v1/acceptances/preview": _app(),
    "POST /v1/acceptances": _app(own=412, headers={"If-Match": '"a-0"'}, json={"differences": [{"differenceId": _NOBODYS, "version": 1}]}),
    "POST /v1/changes/{change_id}/reversal": _app(names="change_id", own=201),
    "GET /v1/devices": _app(enters=IN_PERSON),
    "PUT /v1/devices/{device_id}": _app(enters=IN_PERSON, names="device_id", absent=200, makes_own=True, json=_PHONE),
    "DELETE /v1/devices/{device_id}": _app(enters=IN_PERSON, names="device_id", own=204, absent=204),
    "GET /v1/household": _app(),
    "GET /v1/household/export": _app(),
    # Organisations and vendors
    "GET /v1/deliveries": _sent(),
    "GET /v1/deliveries/{delivery_id}": _sent(names="delivery_id"),
    "GET /v1/deliveries/{delivery_id}/lines": _sent(names="delivery_id"),
    "GET /v1/deliveries/{delivery_id}/faults": _sent(names="delivery_id"),
    "GET /v1/deliveries/{delivery_id}/receipt": _sent(names="delivery_id"),
    "GET /v1/delivery-attempts": _sent(),
    "GET /v1/quality": _sent(query=_MONTH),
    "GET /v1/disputes": _sent(),
    "GET /v1/expected-deliveries": _sent(query=_MONTH),
    "GET /v1/mandated-organisations": _sent(enters=ANY_SENDER, query=_MONTH),
    "GET /v1/statements": _sent(enters=ORGANISATIONS, query=_MONTH),
    "GET /v1/statements/totals": _sent(enters=ORGANISATIONS, query=_MONTH),
    "PUT /v1/expected-deliveries/{month}/excuse": _sent(enters=ORGANISATIONS, fills={"month": "2026-05"}, json=_EXCUSE),
    "DELETE /v1/expected-deliveries/{month}/excuse": _sent(enters=ORGANISATIONS, own=204, fills={"month": "2026-05"}),
    "GET /v1/mandates": _sent(enters=ORGANISATIONS),
    "PUT /v1/mandates/{vendor_oin}": _sent(
        enters=ORGANISATIONS, names="vendor_oin", absent=200, makes_own=True, json={"from": "2026-01-01"}
    ),
    "POST /v1/deliveries/{delivery_id}/withdrawal": _sent(names="delivery_id", own=202),
    "POST /v1/deliveries": _sent(own=202, content=world.delivery_body([world.line()]), headers={"Content-Type": "application/json"}),
    "DELETE /v1/mandates/{vendor_oin}": _sent(enters=ORGANISATIONS, names="vendor_oin", own=204, absent=204),
    # TVS
    "GET /v1/changes/{change_id}": _tvs(names="change_id"),
    "POST /v1/changes/{change_id}/receipts": _tvs(names="change_id", json={"outcome": "refused", "reason": "Dat kan niet."}),
    "POST /v1/declarations": _tvs(content=msgspec.json.encode(_DECLARATION), headers={"Content-Type": "application/x-ndjson"}),
    # Pilot managers
    "GET /v1/pilots": _read(),
    "GET /v1/pilots/{pilot_id}": _read(names="pilot_id"),
    "GET /v1/overdue-organisations": _read(query=_MONTH),
    "POST /v1/pilots": _manage(own=201, json={"name": "Nog een"}),
    "POST /v1/pilots/{pilot_id}/stages/{stage_number}/release": _manage(names="pilot_id", fills={"stage_number": "1"}),
    "POST /v1/pilots/{pilot_id}/stages/{stage_number}/pause": _manage(names="pilot_id", fills={"stage_number": "1"}),
    "POST /v1/pilots/{pilot_id}/stages": _manage(names="pilot_id", own=201, json={"size": 3, "mode": "immediate"}),
}

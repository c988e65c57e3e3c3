"""Notices to the push service, beside a bare HTTP/2 loop to the same server: messages a second, from due to settled.

The server is the play's stub in a process of its own, which costs both sides the same for each message. The loop sends what a notice
looks like, over and over: it reads nothing, checks nothing and remembers nothing.
"""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
from joserfc.jwk import RSAKey
from msgspec import Struct

from bench.measured import Measured, seconds_of
from bench.phones import Answered
from bench.sample import declare_households, deliver
from bench.service import Place, all_deviate, new_place, python, running
from local.fcm import FcmFolder
from local.servers import Postgres, free_port
from reconcile.callers import Manager
from reconcile.enrol import create_pilot, draw_stage, release_stage
from reconcile.store.database import Connection, Database
from workers.deliveries import utc_now
from workers.pushes import AT_ONCE, GOOD_FOR, PushDrain
from workers.senders.fcm import SCOPE, FcmSender, PushMessage, fcm_client
from workers.senders.token import AccessToken, AssertionGrant, ServiceAccount
from workers.stages import StageDrain

_PROJECT = "kot-bench"
_TURNS = 6
_PROMISE = 0.6


class _Copy(Struct, frozen=True):
    """A message of ours as it travels."""

    url: httpx.URL
    headers: dict[str, str]
    body: bytes


async def measure_notices(postgres: Postgres, folder: Path, *, notices: int) -> Sequence[Measured]:
    """Measure so many notices on each side."""
    place = await new_place(postgres, folder, "bench_notices")
    url = f"http://127.0.0.1:{free_port()}"
    account = push_service(place, url)
    each = max(notices // (_TURNS + 1), AT_ONCE)
    db, admin = await place.doors(), await place.admin()
    try:
        await _stage(place, db, admin, each * (_TURNS + 1))
        with running((python("fcm", place.folder, {}, "local.fcm", str(place.folder)), f"{url}/state")):
            async with httpx.AsyncClient() as http, fcm_client() as ours, fcm_client() as bare:
                token = AccessToken(AssertionGrant(http, account, scope=SCOPE))
                drain = PushDrain(db, FcmSender(ours, token, fcm_url=url, project=_PROJECT))
                copy = await _copy_of_one(token, url)
                done, bare_done = Answered(), Answered()
                for turn in range(_TURNS + 1):
                    await _make_due(admin, each)
                    ours_s, bare_s = await seconds_of(drain()), await seconds_of(_loop(bare, copy, each))
                    if turn:  # the first one warms up
                        done.count, done.seconds = done.count + each, done.seconds + ours_s
                        bare_done.count, bare_done.seconds = bare_done.count + each, bare_done.seconds + bare_s
        sent = await admin.fetchval("SELECT count(*) FROM outbox WHERE kind = 'push' AND state = 'done'")
    finally:
        await admin.close()
        await db.close()
    if sent != each * (_TURNS + 1):
        raise AssertionError(f"{sent} notices were sent: what was measured is not the promised path")
    path = "notices, beside a bare HTTP/2 loop"
    return (Measured(path=path, ours=done.rate, yardstick=bare_done.rate, unit="/s", promise=_PROMISE),)


def push_service(place: Place, url: str) -> ServiceAccount:
    """Write what the push service knows, and return who may send."""
    key = RSAKey.generate_key(2048)
    account = ServiceAccount(
        client_email="bench@kot-bench.example", private_key=key.as_pem(private=True).decode(), token_uri=f"{url}/token", project_id=_PROJECT
    )
    known = FcmFolder(url, _PROJECT, account.client_email, key.as_dict(private=False))
    (place.folder / "fcm.json").write_bytes(msgspec.json.encode(known))
    return account


async def _stage(place: Place, db: Database, admin: Connection, count: int) -> None:
    """Stage a notice for each of so many households with one phone; none of them is due yet."""
    await declare_households(db, admin, place.keyring, count)
    await give_phones(admin)
    await release_to_all(db, count)
    await deliver(db, place.keyring, all_deviate(count), "first")
    await admin.execute("UPDATE outbox SET due_at = 'infinity'")
    await admin.execute("VACUUM ANALYZE")


async def give_phones(admin: Connection) -> None:
    """Register a phone for every household; its token is `phone-` and the household's reference."""
    await admin.execute(
        "INSERT INTO device (household_id, device_id, person_id, platform, token, token_sha256, locale)"
        " SELECT household_id, gen_random_uuid(), person_id, 'android', 'phone-' || household_ref, sha256(household_ref::bytea), 'nl'"
        " FROM membership JOIN household USING (household_id) WHERE role = 'applicant'"
    )


async def release_to_all(db: Database, households: int) -> None:
    """Make a pilot of one stage with every household, and release it."""
    manager = Manager(subject="bench")
    async with db.transaction(manager) as conn:
        pilot_id = (await create_pilot(conn, manager, name="Bench")).pilot.pilot_id
        stage = await draw_stage(conn, manager, pilot_id, size=households, mode="immediate")
        await release_stage(conn, manager, pilot_id, stage.stage_number)

    async def nobody(_: str) -> None:
        """There is no worker to wake: the drains are called in turn."""

    await StageDrain(db, nobody)()


async def _make_due(admin: Connection, count: int) -> None:
    await admin.execute(
        "UPDATE outbox SET due_at = now() WHERE (household_id, kind, subject_id) IN"
        " (SELECT household_id, kind, subject_id FROM outbox WHERE kind = 'push' AND due_at = 'infinity' LIMIT $1)",
        count,
    )


async def _copy_of_one(token: AccessToken, url: str) -> _Copy:
    """Have our sender write one message, and keep it instead of sending it."""
    sent: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    async with httpx.AsyncClient(transport=httpx.MockTransport(keep)) as http:
        now = utc_now()
        message = PushMessage(
            token="phone-bare",  # noqa: S106  # the address of no phone
            platform="android",
            notice_id=uuid4(),
            sentence="difference-new.nl",
            expires_at=now + GOOD_FOR,
        )
        await FcmSender(http, token, fcm_url=url, project=_PROJECT)(message, now=now)
    headers = {name: sent[0].headers[name] for name in ("Authorization", "Content-Type")}
    return _Copy(sent[0].url, headers, sent[0].content)


async def _loop(http: httpx.AsyncClient, copy: _Copy, count: int) -> None:
    """Send a message so many times, as many at once as ours."""
    numbers = iter(range(count))
    await asyncio.gather(*(_send(http, copy, numbers) for _ in range(AT_ONCE)))


async def _send(http: httpx.AsyncClient, copy: _Copy, numbers: Iterator[int]) -> None:
    extensions = {"timeout": http.timeout.as_dict()}
    for _ in numbers:
        request = httpx.Request("POST", copy.url, headers=copy.headers, content=copy.body, extensions=extensions)
        (await http.send(request)).raise_for_status()

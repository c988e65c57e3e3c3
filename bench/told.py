"""A delivery over HTTP until every household that it deviates for is told: seconds from landed to sent, p99 of all pushes.

What runs is what runs everywhere, in a process each: the API, two workers, Valkey for the hints, and the play's stubs of the issuer and of
the push service. The organisation delivers at `POST /v1/deliveries` with its own token. Both instants are the database's: when the
delivery had landed (`received_at`), and when the push was settled as sent (`done_at`).

It is not the first delivery of all: a tenth as many other households were told before, and the statistics of the tables are those that
autovacuum keeps. So every connection is open, every token fetched, and no plan is left from the time when the tables were empty.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from joserfc.jwk import ECKey
from msgspec import Struct

from bench.measured import Measured
from bench.notices import give_phones, push_service, release_to_all
from bench.sample import SENDER_OIN, declare_households
from bench.service import Place, all_deviate, new_place, python, running, settings_beside
from local.binaries import valkey_binary
from local.clients import machine_token
from local.issuer import Client
from local.run import FORWARD_CLIENT, SYSTEM_OIN
from local.servers import Postgres, Valkey, free_port
from reconcile.store.database import Connection, Role

_WITHIN_S = 15.0
_GIVEN_UP_AFTER_S = 120.0
_LOOK_EVERY_S = 0.5
_WORKERS = 2
# One household in so many more is told before.
_BEFORE = 10

# Nothing is left to do, and nothing will be: the month that began is marked too, and every worker is there.
_STATE = """
SELECT (SELECT count(*) FROM delivery WHERE state <> 'applied') AS deliveries,
    (SELECT count(*) FROM comparison_due) AS comparisons,
    (SELECT count(*) FROM outbox WHERE kind = 'push' AND state = 'open') AS pushes,
    (SELECT count(*) FROM outbox WHERE kind = 'push' AND state = 'done') AS sent,
    EXISTS (SELECT FROM marking) AND NOT EXISTS (SELECT FROM marking WHERE done_at IS NULL) AS is_marked,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1) AS workers
"""
_TOOK = """
SELECT extract(epoch FROM outbox.done_at - delivery.received_at)::float8 AS took_s
FROM delivery JOIN outbox ON outbox.kind = 'push' AND outbox.state = 'done' AND outbox.done_at >= delivery.received_at
WHERE delivery.reference = 'told'
ORDER BY 1
"""


class _Running(Struct, frozen=True, kw_only=True):
    """Where what runs is reached, and the key of the organisation."""

    issuer: str
    api: str
    fcm: str
    key: dict[str, Any]


async def measure_told(postgres: Postgres, folder: Path, *, households: int) -> Sequence[Measured]:
    """Measure one delivery of four months that deviates for each of so many households, all in a stage that was released."""
    place = await new_place(postgres, folder, "bench_told")
    before = max(households // _BEFORE, 1)
    await _prepare(place, households + before)
    admin = await place.admin()
    try:
        with _everything(place) as at:
            await _deliver(at, _about_the_last(before, households + before), "before")
            await _until_told(admin, before)
            await admin.execute("VACUUM ANALYZE")
            await _deliver(at, all_deviate(households), "told")
            await _until_told(admin, households + before)
            await _check_told_once(admin, at, households + before)
        took_s = [row["took_s"] for row in await admin.fetch(_TOOK)]
    finally:
        await admin.close()
    if len(took_s) != households:
        raise AssertionError(f"{len(took_s)} pushes were sent after the delivery landed, and {households} households have one to get")
    return (
        Measured(
            path=f"{households:,} households told, from the delivery landed to the push sent, p99, beside 15 s",
            ours=took_s[len(took_s) * 99 // 100],
            yardstick=_WITHIN_S,
            unit="s",
            promise=1,
        ),
    )


async def _prepare(place: Place, households: int) -> None:
    db, admin = await place.doors(), await place.admin()
    try:
        await declare_households(db, admin, place.keyring, households)
        await give_phones(admin)
        await release_to_all(db, households)
        await admin.execute("VACUUM ANALYZE")
    finally:
        await admin.close()
        await db.close()


@contextmanager
def _everything(place: Place) -> Iterator[_Running]:
    """Run Valkey, the stubs, the API and the workers."""
    key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8)})
    issuer, api, fcm = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
    client = Client(client_id=SENDER_OIN, oin=SENDER_OIN, scope="kot:deliver", key=key.as_dict(private=False))
    shared = settings_beside(place, issuer, parents=0, clients=(client,))
    valkey = Valkey(place.folder / "valkey", valkey_binary(os.environ.get("VALKEY_BIN")))
    valkey.start()
    shared["REDIS_URL"] = valkey.url()
    serves = {**shared, "PORT": str(urlsplit(api).port)}
    works = {**shared, **_worker_settings(place, issuer, fcm)}
    try:
        with running(
            (python("issuer", place.folder, {}, "local.issuer", str(place.folder)), f"{issuer}/jwks"),
            (python("fcm", place.folder, {}, "local.fcm", str(place.folder)), f"{fcm}/state"),
            (python("api", place.folder, serves, "cli.main", "serve"), f"{api}/health/ready"),
            *((python(f"worker-{number}", place.folder, works, "cli.main", "work"), None) for number in range(_WORKERS)),
        ):
            yield _Running(issuer=issuer, api=api, fcm=fcm, key=key.as_dict(private=True))
    finally:
        valkey.stop()


def _worker_settings(place: Place, issuer: str, fcm: str) -> dict[str, str]:
    """Write the files of a worker, and return what it is told. No change is made here, so it never calls TVS."""
    account, forward_key = place.folder / "fcm-service-account.json", place.folder / "client-key.json"
    account.write_bytes(msgspec.json.encode(push_service(place, fcm)))
    forward_key.write_bytes(msgspec.json.encode(ECKey.generate_key("P-256").as_dict(private=True)))
    return {
        **{f"DATABASE_URL_{role.name}": place.url(role.value) for role in (Role.INTAKE, Role.FORWARD, Role.NOTIFY)},
        "FCM_URL": fcm,
        "FCM_SERVICE_ACCOUNT_FILE": str(account),
        "PUBLIC_URL": "http://127.0.0.1:9",
        "SYSTEM_OIN": SYSTEM_OIN,
        "TVS_EVENTS_URL": "http://127.0.0.1:9/events",
        "FORWARD_ISSUER": issuer,
        "FORWARD_CLIENT_ID": FORWARD_CLIENT,
        "FORWARD_CLIENT_KEY_FILE": str(forward_key),
    }


def _about_the_last(count: int, households: int) -> bytes:
    """A delivery about so many households alone, the last of all."""
    content = msgspec.json.decode(all_deviate(households))
    # Month by month, and in each the households in order.
    lines = [line for number, line in enumerate(content["lines"]) if number % households >= households - count]
    return msgspec.json.encode({**content, "lines": lines})


async def _deliver(at: _Running, body: bytes, reference: str) -> None:
    async with httpx.AsyncClient(timeout=30) as http:
        token = await machine_token(http, at.issuer, SENDER_OIN, at.key)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": reference, "Content-Type": "application/json"}
        answer = await http.post(f"{at.api}/v1/deliveries", content=body, headers=headers)
    if answer.status_code != 202:
        raise AssertionError(f"the delivery was answered {answer.status_code}: {answer.text}")


async def _until_told(admin: Connection, households: int) -> None:
    """Wait until everything is done. Raises AssertionError, with what is left, when it takes too long."""
    until = perf_counter() + _GIVEN_UP_AFTER_S
    while True:
        (state,) = await admin.fetch(_STATE, Role.NOTIFY.value)
        is_over = not (state["deliveries"] or state["comparisons"] or state["pushes"])
        if is_over and state["is_marked"] and state["workers"] >= _WORKERS and state["sent"] >= households:
            return
        if perf_counter() > until:
            raise AssertionError(f"after {_GIVEN_UP_AFTER_S:.0f} s {households} households are not told: {dict(state)}")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _check_told_once(admin: Connection, at: _Running, households: int) -> None:
    """Every household has one push, and the push service was given each of them once."""
    rows = await admin.fetch("SELECT count(*) AS pushes, min(state) AS state FROM outbox WHERE kind = 'push' GROUP BY household_id")
    once = sum(row["pushes"] == 1 and row["state"] == "done" for row in rows)
    async with httpx.AsyncClient(timeout=30) as http:
        devices = (await http.get(f"{at.fcm}/state")).raise_for_status().json()["devices"]
    heard_once = sum(sum(device["sends"].values()) == 1 for device in devices.values())
    if not once == heard_once == len(rows) == len(devices) == households:
        raise AssertionError(f"of {households} households {once} were told once and {heard_once} phones heard it once")

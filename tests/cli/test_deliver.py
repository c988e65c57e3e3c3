"""`kot deliver` against the real application over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from click.testing import CliRunner, Result
from joserfc.jwk import ECKey

from api.app import create_app
from cli.main import main
from reconcile.keyring import Keyring
from reconcile.rules.bsn import marked_bsn
from reconcile.rules.faults import FAULTS
from reconcile.settings import Settings
from reconcile.store.database import Database
from tests import world
from tests.api.conftest import OneKey, organisation, settings, timeless, token
from tests.serving import serving

__all__ = ["settings"]
BODY = world.delivery_body([world.line(), world.line(month="2026-13", lineRef="wrong"), world.line(childBsn=None)])


@pytest_asyncio.fixture
async def url(settings: Settings, db: Database, admin: asyncpg.Connection) -> AsyncIterator[str]:
    keyring = Keyring(Path(settings.keyring_file).read_bytes())

    async def wake(kind: str) -> None:
        if kind == "delivery":
            await world.worked(db, keyring)

    await world.with_register(admin)
    async with serving(create_app(settings, db, wake, keys=OneKey(), clock=lambda: world.NOW)) as served:
        yield served.url


async def kot(url: str, *arguments: str, access_token: str | None = None) -> Result:
    environment = {"KOT_URL": url, "KOT_TOKEN": token("kot:deliver", oin=world.OIN) if access_token is None else access_token}
    return await asyncio.to_thread(lambda: CliRunner().invoke(main, ["deliver", *arguments], env=environment))


async def test_receipt_and_faults_by_line(url: str, tmp_path: Path) -> None:
    file = tmp_path / "march.json"
    file.write_bytes(BODY)
    result = await kot(url, str(file), "--lines")
    assert result.exit_code == 1, result.output
    for text in ("Receipt", "applied", "month-invalid", "bsn-missing", "wrong"):
        assert text in result.output


async def test_thousands_of_faulty_lines_are_one_row_and_its_remedy(url: str, tmp_path: Path) -> None:
    file = tmp_path / "march.json"
    lines = [world.line(month="maart 2026", childBsn=marked_bsn(number), lineRef=f"ref-{number}") for number in range(1_200)]
    file.write_bytes(world.delivery_body([*lines, *[world.line(childBsn=marked_bsn(number)) for number in range(1_200, 1_250)]]))
    for options in ((), ("--dry-run",)):
        result = await kot(url, str(file), *options)
        assert result.exit_code == 1, result.output
        assert result.output.count("month-inv") == 1
        for text in ("1200", "96.0%", FAULTS["month-invalid"].remedy_nl):
            assert text in result.output.replace("\n", " ")


async def test_a_trial_says_so_and_keeps_nothing(url: str, admin: asyncpg.Connection, tmp_path: Path) -> None:
    file = tmp_path / "march.json"
    file.write_bytes(BODY)
    tried = json.loads((await kot(url, str(file), "--dry-run", "--json")).stdout)
    assert await admin.fetchval("SELECT count(*) FROM delivery") == 0
    done = json.loads((await kot(url, str(file), "--json")).stdout)
    assert (tried["lines"], tried["findings"]) == (timeless(done["lines"]), done["findings"])
    assert "nothing was kept" in (await kot(url, str(file), "--dry-run")).output


async def test_for_machines_and_again(url: str, tmp_path: Path) -> None:
    file = tmp_path / "march.json"
    file.write_bytes(BODY)
    first, again = await kot(url, str(file), "--json"), await kot(url, str(file), "--json")
    document = json.loads(again.stdout)
    assert document == json.loads(first.stdout)
    assert document["receipt"]["counts"]["received"] == 3
    assert [line["lineNumber"] for line in document["lines"]] == [2, 3]


async def test_a_file_without_faults_ends_with_zero(url: str, tmp_path: Path) -> None:
    file = tmp_path / "march.csv"
    file.write_text(f"bsn_ouder;bsn_kind;lrk_nummer;maand;uren;uurtarief\n{world.APPLICANT};{world.CHILD};{world.KDV};2026-03;90,5;9,95\n")
    result = await kot(url, str(file), "--created-at", "2026-04-02T08:15:00Z", "--reference", "march-1")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("suffix", ["ndjson", "jsonl", "JSONL"])
async def test_one_object_on_each_line_is_told_by_the_name_of_the_file(url: str, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"march.{suffix}"
    file.write_bytes(world.ndjson_body([world.line(), world.line(month="2026-13")]))
    result = await kot(url, str(file), "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["receipt"]["format"]) == (1, "ndjson")
    assert [line["lineNumber"] for line in document["lines"]] == [3]


@pytest.mark.parametrize("content", ["", "not json"])
async def test_a_file_that_cannot_be_read_ends_with_two(url: str, tmp_path: Path, content: str) -> None:
    file = tmp_path / "march.json"
    file.write_text(content)
    result = await kot(url, str(file))
    assert result.exit_code == 2
    assert "JSON" in result.output


async def test_a_refused_token_ends_with_two_and_says_why(url: str, tmp_path: Path) -> None:
    file = tmp_path / "march.json"
    file.write_bytes(BODY)
    result = await kot(url, str(file), access_token=organisation()["Authorization"][7:-9])
    assert result.exit_code == 2
    assert "Not taken" in result.output


async def test_the_same_content_under_another_reference_shows_what_became_of_the_first(url: str, tmp_path: Path) -> None:
    file = tmp_path / "march.json"
    file.write_bytes(BODY)
    first = json.loads((await kot(url, str(file), "--json", "--reference", "one")).stdout)
    again = json.loads((await kot(url, str(file), "--json", "--reference", "two")).stdout)
    assert (again["receipt"]["reference"], again["receipt"]["duplicateOf"]) == ("two", first["receipt"]["deliveryId"])
    assert again["receipt"]["counts"] == first["receipt"]["counts"]
    assert again["lines"] == first["lines"]


@pytest.mark.parametrize("key", ["", "no JSON", "[]", "{}", '{"kty": "EC"}', '{"kty": "RSA", "n": "AQAB", "e": "AQAB"}'])
async def test_a_key_that_is_none_ends_with_two_and_says_so(url: str, tmp_path: Path, key: str) -> None:
    (tmp_path / "march.json").write_bytes(BODY)
    (tmp_path / "key.json").write_text(key)
    options = ("--issuer", url, "--client-id", "us", "--client-key", str(tmp_path / "key.json"))
    result = await kot(url, str(tmp_path / "march.json"), *options, access_token="")
    assert result.exit_code == 2, result.output
    assert "--client-key" in result.output


async def test_an_issuer_that_gives_no_token_ends_with_two_and_says_what_to_check(url: str, tmp_path: Path) -> None:
    (tmp_path / "march.json").write_bytes(BODY)
    (tmp_path / "key.json").write_text(json.dumps(ECKey.generate_key("P-256", {"kid": "k"}).as_dict(private=True)))
    options = ("--issuer", url, "--client-id", "us", "--client-key", str(tmp_path / "key.json"))
    result = await kot(url, str(tmp_path / "march.json"), *options, access_token="")
    assert result.exit_code == 2, result.output
    assert "No access token" in result.output


async def test_nobody_there_ends_with_three(tmp_path: Path) -> None:
    file = tmp_path / "march.json"
    file.write_bytes(BODY)
    result = await kot("http://127.0.0.1:9", str(file))
    assert result.exit_code == 3
    assert "again" in result.output


async def test_another_kind_of_file_is_refused(url: str, tmp_path: Path) -> None:
    file = tmp_path / "march.xlsx"
    file.write_bytes(b"PK")
    result = await kot(url, str(file))
    assert result.exit_code == 1
    assert ".json, .ndjson, .jsonl, .csv" in result.output


async def test_a_vendor_delivers_for_an_organisation_that_mandated_it(url: str, db: Database, tmp_path: Path) -> None:
    file = tmp_path / "march.json"
    file.write_bytes(BODY)
    access_token = token("kot:deliver", oin=world.VENDOR_OIN)
    refused = await kot(url, str(file), "--organisation-oin", world.OIN, access_token=access_token)
    assert (refused.exit_code, "PUT /v1/mandates" in refused.output) == (2, True)
    await world.mandated(db)
    result = await kot(url, str(file), "--organisation-oin", world.OIN, "--json", access_token=access_token)
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    assert (document["receipt"]["senderOin"], len(document["lines"])) == (world.VENDOR_OIN, 2)

"""Settings: all faults at once, each in a sentence."""

import pytest

from reconcile.settings import Settings, SettingsError


def test_what_is_not_set_has_its_default() -> None:
    settings = Settings.from_env({})
    assert (settings.port, settings.host, settings.token_audience) == (8000, "127.0.0.1", "kot-uren")


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_env(
            {"PORT": "http", "REDIS_URL": "localhost", "DATABASE_URL_PARENT": "mysql://x", "SWEEP_INTERVAL_S": "60"},
            needed=("keyring_file",),
        )
    assert [fault.split()[0] for fault in refusal.value.faults] == [
        "DATABASE_URL_PARENT",
        "REDIS_URL",
        "KEYRING_FILE",
        "PORT",
        "SWEEP_INTERVAL_S",
    ]


@pytest.mark.parametrize("port", ["-1", "65536", "80.0", "٨٠", "1e3"])
def test_a_port_is_a_whole_number(port: str) -> None:
    with pytest.raises(SettingsError, match="PORT"):
        Settings.from_env({"PORT": port})


def test_an_empty_variable_is_not_set() -> None:
    assert Settings.from_env({"HOST": "  "}).host == "127.0.0.1"

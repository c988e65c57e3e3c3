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


@pytest.mark.parametrize("edges", ["edge.internal", "10.0.0.1,", "10.0.0.1/24", "10.0.0.0/33", "0.0.0.0/0", "10.0.0.1, ::/0", "*"])
def test_an_edge_that_is_trusted_is_an_address_or_a_network(edges: str) -> None:
    with pytest.raises(SettingsError, match="CERTIFICATE_EDGES must"):
        Settings.from_env({"CERTIFICATE_EDGES": edges})


@pytest.mark.parametrize("issuers", ["http://issuer.example", "issuer.example", "https://issuer.example,", "ftp://127.0.0.1"])
def test_an_issuer_is_read_over_tls(issuers: str) -> None:
    with pytest.raises(SettingsError, match="TOKEN_ISSUERS must"):
        Settings.from_env({"TOKEN_ISSUERS": issuers})


def test_edges_and_issuers_may_be_several() -> None:
    settings = Settings.from_env({"CERTIFICATE_EDGES": "10.0.0.8, fd00::/64", "TOKEN_ISSUERS": "https://a.example, http://127.0.0.1:81"})
    assert settings.certificate_edges == "10.0.0.8, fd00::/64"
    assert settings.token_issuers == "https://a.example, http://127.0.0.1:81"


def test_a_processing_log_names_activities_by_our_address() -> None:
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        Settings.from_env({"PROCESSING_LOG_URL": "https://log.example/v1/traces"})
    kept = Settings.from_env({"PROCESSING_LOG_URL": "https://log.example/v1/traces", "PUBLIC_URL": "https://kot.example"})
    assert kept.processing_log_url == "https://log.example/v1/traces"
    with pytest.raises(SettingsError, match="PROCESSING_LOG_URL"):
        Settings.from_env({"PROCESSING_LOG_URL": "log.example:4318", "PUBLIC_URL": "https://kot.example"})

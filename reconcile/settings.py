"""Settings, read once by a door from the environment; nothing here opens, connects or builds.

One field per variable. What a process does not need it is not given: an API process has no worker's login.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct


class SettingsError(Exception):
    """One or more settings are missing or wrong; `faults` has a sentence for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting of every process; the field name in capitals is the name of the variable."""

    database_url: Annotated[str, Meta(description="Server and database with a user who may create roles; `kot migrate` alone")] = ""
    database_url_parent: Annotated[str, Meta(description="Login kot_parent, for requests of parents (API)")] = ""
    database_url_organisation: Annotated[str, Meta(description="Login kot_organisation, for deliveries (API)")] = ""
    database_url_tvs: Annotated[str, Meta(description="Login kot_tvs, for declarations and receipts (API)")] = ""
    database_url_intake: Annotated[str, Meta(description="Login kot_intake, applies and judges (worker)")] = ""
    database_url_forward: Annotated[str, Meta(description="Login kot_forward, sends changes (worker)")] = ""
    database_url_pilot: Annotated[str, Meta(description="Login kot_pilot, for pilot managers (API)")] = ""
    database_url_notify: Annotated[str, Meta(description="Login kot_notify, pushes notices (worker)")] = ""
    database_url_trial: Annotated[str, Meta(description="Login kot_trial, for trials of deliveries (API)")] = ""
    database_url_explain: Annotated[str, Meta(description="Login kot_explain, for `kot explain` and `kot verify`")] = ""
    redis_url: Annotated[str, Meta(description="Redis or Valkey for arq's hints; may be wiped at any moment")] = ""
    keyring_file: Annotated[str, Meta(description="Keys that seal BSNs and deliveries; `kot keyring create` makes one")] = ""
    identity_key_file: Annotated[str, Meta(description="Private JWK that opens the broker's encrypted BSN claim (API)")] = ""
    token_issuers: Annotated[str, Meta(description="Issuers whose access tokens are taken, separated by commas (API)")] = ""
    token_audience: Annotated[str, Meta(description="Audience that an access token must name (API)")] = "kot-uren"  # noqa: S105  # the name of the service
    certificate_edges: Annotated[
        str, Meta(description="Addresses of edge proxies that are trusted to send Client-Cert (RFC 9440); empty: none is (API)")
    ] = ""
    host: Annotated[str, Meta(description="Address that the API listens on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port that the API listens on")] = 8000
    restore_number: Annotated[int, Meta(ge=1, description="Raised by hand after a restore from backup: phones begin again (API)")] = 1
    delivery_deadline_day: Annotated[
        int, Meta(ge=1, le=31, description="Day of the next month until which a month may be delivered; 31 is the last (API)")
    ] = 31
    rate_limit_reads: Annotated[int, Meta(ge=1, description="Requests a minute that read, of one sender for one organisation (API)")] = (
        6_000
    )
    rate_limit_writes: Annotated[int, Meta(ge=1, description="Requests a minute that write, of one sender for one organisation (API)")] = (
        3_000
    )
    public_url: Annotated[str, Meta(description="Address of the API as TVS reaches it (worker; API with a processing log)")] = ""
    system_oin: Annotated[str, Meta(description="Our own OIN, the source of an event (worker)")] = ""
    tvs_events_url: Annotated[str, Meta(description="Where TVS takes events (worker)")] = ""
    forward_issuer: Annotated[str, Meta(description="Issuer that gives us a token for TVS (worker)")] = ""
    forward_client_id: Annotated[str, Meta(description="Our client at that issuer (worker)")] = ""
    forward_client_key_file: Annotated[str, Meta(description="Private JWK of that client (worker)")] = ""
    fcm_url: Annotated[str, Meta(description="Where FCM takes push messages, https://fcm.googleapis.com in earnest (worker)")] = ""
    fcm_service_account_file: Annotated[str, Meta(description="JSON of the service account that may send through FCM (worker)")] = ""
    rule_books_folder: Annotated[
        str, Meta(description="Folder with rule books instead of those of the release (API, worker, `kot rules`)")
    ] = ""
    sweep_interval_s: Annotated[float, Meta(gt=0, le=15, description="Longest wait for work whose hint was lost (worker)")] = 5.0
    processing_log_url: Annotated[str, Meta(description="Where the processing log is sent by OTLP over HTTP; empty: none is kept")] = ""
    log_level: Annotated[str, Meta(description="DEBUG, INFO, WARNING or ERROR")] = "INFO"

    @classmethod
    def from_env(cls, environ: Mapping[str, str], *, needed: tuple[str, ...] = ()) -> "Settings":
        """Read the settings from `environ`; `needed` names the fields that this door cannot do without.

        Raises SettingsError with every fault at once.
        """
        faults: list[str] = []
        values: dict[str, str | int | float] = {}
        for field in cls.__struct_fields__:
            text = environ.get(field.upper(), "").strip()
            if not text:
                if field in needed:
                    faults.append(f"{field.upper()} is not set")
                continue
            try:
                values[field] = _READERS.get(field, str)(text)
            except ValueError as error:
                faults.append(f"{field.upper()} {error}")
        if values.get("processing_log_url") and not values.get("public_url"):
            faults.append("PUBLIC_URL is not set, and PROCESSING_LOG_URL needs it: an activity is named by its address here")
        if faults:
            raise SettingsError(faults)
        return cls(**values)  # type: ignore[arg-type]  # the readers give each field its type


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ValueError("must be a whole number from 0 to 65535")
    return int(text)


def _up_to_a_million(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000_000:
        raise ValueError("must be a whole number from 1 to 1000000")
    return int(text)


def _day(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 31:
        raise ValueError("must be a day of the month, from 1 to 31")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 15:
        raise ValueError("must be a number of seconds above 0 and at most 15")
    return seconds


def _url(*schemes: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError(f"must be an address that begins with {' or '.join(s + '://' for s in schemes)}")
        return text

    return read


def _networks(text: str) -> str:
    for one in text.split(","):
        try:
            is_everybody = ip_network(one.strip()).prefixlen == 0
        except ValueError:
            raise ValueError("must be addresses or networks, such as 10.0.0.8 or 10.0.0.0/24, separated by commas") from None
        if is_everybody:
            raise ValueError("must not name a network of everybody: then anybody could send any certificate")
    return text


def _issuers(text: str) -> str:
    for one in text.split(","):
        issuer = urlsplit(one.strip())
        # Keys that come over a wire without TLS are whoever's stands on it.
        if issuer.scheme != "https" and not (issuer.scheme == "http" and issuer.hostname in ("127.0.0.1", "::1", "localhost")):
            raise ValueError("must be addresses that begin with https://, separated by commas; http:// on this machine alone")
    return text


_READERS: Mapping[str, Callable[[str], str | int | float]] = {
    **{field: _url("postgresql", "postgres") for field in Settings.__struct_fields__ if field.startswith("database_url")},
    "redis_url": _url("redis", "rediss", "unix"),
    "public_url": _url("http", "https"),
    "tvs_events_url": _url("http", "https"),
    "forward_issuer": _url("http", "https"),
    "fcm_url": _url("http", "https"),
    "processing_log_url": _url("http", "https"),
    "certificate_edges": _networks,
    "token_issuers": _issuers,
    "port": _whole,
    "restore_number": _up_to_a_million,
    "rate_limit_reads": _up_to_a_million,
    "rate_limit_writes": _up_to_a_million,
    "delivery_deadline_day": _day,
    "sweep_interval_s": _seconds,
}

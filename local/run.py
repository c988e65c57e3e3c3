"""Everything that runs for the play: servers, the product's processes, the stub counterparties; started in order, stopped in reverse."""

import fcntl
import secrets
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
from joserfc.jwk import ECKey, RSAKey

from local.binaries import postgres_folder, valkey_binary
from local.fcm import FcmFolder
from local.issuer import Client, IssuerFolder, Login
from local.processes import Process
from local.region import Region
from local.servers import Postgres, Valkey, free_port
from local.tvs import TvsFolder

TVS_CLIENT = "tvs"
MANAGER_LOGIN = "pilot-manager"
FORWARD_CLIENT = "kot-uren"
_PUSH_PROJECT = "kot-uren"
_PUSH_ACCOUNT = "backend@kot-uren.example"
_TVS_OIN = "00000099000099980000"
SYSTEM_OIN = "00000099000099990000"
# Known to everybody who reads this: a server of your own that others can reach needs logins and passwords of your own.
_LOCAL_PASSWORD = "alleen-voor-deze-machine"  # noqa: S105
_ROLES = ("parent", "organisation", "tvs", "pilot", "intake", "forward", "notify", "trial", "explain")


class AlreadyRunning(Exception):
    """Another play of this copy is running."""


class WrongSetting(Exception):
    """What the environment says cannot be used; the message says what to do."""


class Run:
    """One play in one folder. Use as a context manager: what it started is stopped at the end, whatever happens."""

    def __init__(self, folder: Path, *, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.issuer_url = f"http://127.0.0.1:{free_port()}"
        self.tvs_url = f"http://127.0.0.1:{free_port()}"
        self.fcm_url = f"http://127.0.0.1:{free_port()}"
        self.port = _port(environ.get("PORT", "").strip())
        self.api_url = f"http://127.0.0.1:{self.port}"
        self.client_key: dict[str, Any] = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8)}).as_dict(private=True)
        self._environ = environ
        self._started: list[Process | Postgres | Valkey] = []
        self._settings: dict[str, str] = {}
        self._lock: Any = None
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None

    def __enter__(self) -> "Run":
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.parent.chmod(0o755)
        self._lock = (self.folder.parent / "run.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning("This copy is running already, in another terminal perhaps. Stop it there with Ctrl-C first.") from None
        return self

    def __exit__(self, *_: object) -> None:
        while self._started:
            self._started.pop().stop()
        self._lock.close()

    def start_servers(self) -> None:
        """Start PostgreSQL and Valkey anew, except where the environment names servers of your own."""
        self._clear()
        database_url, redis_url = self._environ.get("DATABASE_URL", ""), self._environ.get("REDIS_URL", "")
        if not database_url:
            postgres = Postgres(self.folder / "postgres", postgres_folder(self._environ.get("PG_BIN")))
            self._started.append(postgres)
            self.postgres = postgres
            postgres.start()
            database_url = postgres.url()
        if not redis_url:
            valkey = Valkey(self.folder / "valkey", valkey_binary(self._environ.get("VALKEY_BIN")))
            self._started.append(valkey)
            self.valkey = valkey
            valkey.start()
            redis_url = valkey.url()
        self._settings |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        self._settings |= {f"DATABASE_URL_{role.upper()}": self.login_url(f"kot_{role}") for role in _ROLES}

    def prepare(self, region: Region, declarations: Path) -> None:
        """Write what each party knows, and the settings of the product."""
        identity = RSAKey.generate_key(2048)
        public_key = ECKey.import_key(self.client_key).as_dict(private=False)
        clients = [Client(client_id=one.oin, oin=one.oin, scope="kot:deliver", key=public_key) for one in region.organisations]
        clients.append(Client(client_id=TVS_CLIENT, oin=_TVS_OIN, scope="kot:declare", key=public_key))
        clients.append(Client(client_id=FORWARD_CLIENT, oin=SYSTEM_OIN, scope="tvs:changes", key=public_key))
        logins = [Login(login=one.login, scope="kot:app", bsn=one.people[0].bsn) for one in region.households]
        logins.append(Login(login=MANAGER_LOGIN, scope="kot:pilot.read kot:pilot.manage"))
        self._write("issuer.json", IssuerFolder(self.issuer_url, tuple(clients), tuple(logins), identity.as_dict(private=False)))
        self._write("tvs.json", TvsFolder(self.tvs_url, self.api_url, self.issuer_url, TVS_CLIENT, self.client_key, str(declarations)))
        self._write("identity.json", identity.as_dict(private=True))
        self._write("client-key.json", self.client_key)
        self._prepare_push()
        self._settings |= {
            "KEYRING_FILE": str(self.folder / "keyring.json"),
            "IDENTITY_KEY_FILE": str(self.folder / "identity.json"),
            "TOKEN_ISSUERS": self.issuer_url,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "PUBLIC_URL": self.api_url,
            "SYSTEM_OIN": SYSTEM_OIN,
            "TVS_EVENTS_URL": f"{self.tvs_url}/events",
            "FORWARD_ISSUER": self.issuer_url,
            "FORWARD_CLIENT_ID": FORWARD_CLIENT,
            "FORWARD_CLIENT_KEY_FILE": str(self.folder / "client-key.json"),
            "SWEEP_INTERVAL_S": "5",
        }

    def _prepare_push(self) -> None:
        """Write what the push service knows, and the service account with which the product sends."""
        key = RSAKey.generate_key(2048)
        self._write("fcm.json", FcmFolder(self.fcm_url, _PUSH_PROJECT, _PUSH_ACCOUNT, key.as_dict(private=False)))
        account = {
            "type": "service_account",
            "project_id": _PUSH_PROJECT,
            "private_key_id": secrets.token_hex(20),
            "private_key": key.as_pem(private=True).decode(),
            "client_email": _PUSH_ACCOUNT,
            "token_uri": f"{self.fcm_url}/token",
        }
        self._write("fcm-service-account.json", account)
        self._settings |= {"FCM_URL": self.fcm_url, "FCM_SERVICE_ACCOUNT_FILE": str(self.folder / "fcm-service-account.json")}

    def kot(self, *arguments: str) -> None:
        """Run one `kot` command to its end. Raises ProcessFailed."""
        self._process(f"kot-{arguments[0]}", "-m", "cli.main", *arguments).run()

    def start_product(self) -> tuple[Process, Process]:
        """Start API and worker, and wait until the API is ready. Raises ProcessFailed."""
        api = self._begin("api", "-m", "cli.main", "serve")
        worker = self.start_worker("worker")
        api.wait_ready(f"{self.api_url}/health/ready")
        return api, worker

    def start_worker(self, name: str) -> Process:
        """Start a worker; the name is that of its log."""
        return self._begin(name, "-m", "cli.main", "work")

    def start_counterparties(self) -> None:
        """Start the stubs of the issuer, of TVS and of the push service. Raises ProcessFailed."""
        issuer = self._begin("issuer", "-m", "local.issuer", str(self.folder))
        tvs = self._begin("tvs", "-m", "local.tvs", str(self.folder))
        fcm = self._begin("fcm", "-m", "local.fcm", str(self.folder))
        issuer.wait_ready(f"{self.issuer_url}/jwks")
        tvs.wait_ready(f"{self.tvs_url}/state")
        fcm.wait_ready(f"{self.fcm_url}/state")

    def check(self) -> None:
        """Raise ProcessFailed when something that should run has ended."""
        for one in self._started:
            if isinstance(one, Process):
                one.check()

    @property
    def redis_url(self) -> str:
        """The address of the Redis or Valkey in use."""
        return self._settings["REDIS_URL"]

    @property
    def database_url(self) -> str:
        """The address of the database in use, as its administrator."""
        return self._settings["DATABASE_URL"]

    def login_url(self, login: str) -> str:
        """Return the address of the database for one of the product's logins."""
        return _as_role(self.database_url, login)

    def _begin(self, name: str, *arguments: str) -> Process:
        process = self._process(name, *arguments)
        self._started.append(process)
        process.start()
        return process

    def _process(self, name: str, *arguments: str) -> Process:
        root = str(Path(__file__).parent.parent)
        return Process(name, [sys.executable, *arguments], {**self._settings, "PYTHONPATH": root}, self.folder)

    def _write(self, name: str, content: object) -> None:
        path = self.folder / name
        path.write_bytes(msgspec.json.encode(content))
        path.chmod(0o600)

    def _clear(self) -> None:
        """Begin anew; a server that an earlier play left behind on this folder is ended by the launcher when it starts."""
        Postgres.end_leftover(self.folder / "postgres")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)  # the servers run as nobody when we are root


def _port(text: str) -> int:
    """Read PORT; without one, a port that is free."""
    if not text:
        return free_port()
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < port < 65_536:
        raise WrongSetting(f"PORT is {text!r}. Let it name a port from 1 to 65535, or leave it out.")
    with socket.socket() as probe:
        # As the server itself will ask for it: a connection of an earlier run that is still closing is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise WrongSetting(f"Port {port} cannot be used: {error.strerror}. Name another one in PORT, or leave it out.") from None
    return port


def _as_role(database_url: str, role: str) -> str:
    place = urlsplit(database_url)
    host = place.netloc.rpartition("@")[2]
    return urlunsplit(place._replace(netloc=f"{role}:{_LOCAL_PASSWORD}@{host}"))

"""How a login connects: with which settings, and never as somebody who would see too much."""

from typing import TypeVar

import asyncpg

AnyConnection = TypeVar("AnyConnection", bound=asyncpg.Connection)

CONNECT_TIMEOUT_S = 3.0


class UnsafeLogin(Exception):
    """A login could see more than row-level security allows: the service refuses to start."""


async def connect_login(
    role: str, url: str, connection_class: type[AnyConnection], *, command_timeout_s: float, looks_up_by_key: bool
) -> AnyConnection:
    """Connect as a role, with a bound in seconds on every command. Raises what asyncpg raises."""
    conn: AnyConnection = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=command_timeout_s,
        connection_class=connection_class,
        server_settings={
            "application_name": role,
            "search_path": "kot, public",
            "statement_timeout": str(int(command_timeout_s * 1000 * 0.8)),
            "lock_timeout": "2000",
            "idle_in_transaction_session_timeout": "10000",
            "timezone": "UTC",
            "standard_conforming_strings": "on",
            # Look-ups by key, whatever the key: planning anew costs more than running. Tables grow faster than what is known of their
            # size: a plan that was made while one was empty must not read it whole for as long as it is kept.
            **({"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"} if looks_up_by_key else {}),
            "jit": "off",  # compiling a short statement costs more than running it
        },
    )
    return conn


async def refuse_unsafe(conn: asyncpg.Connection, role: str) -> None:
    """Raise UnsafeLogin for a superuser, for one that bypasses row-level security, and for another role than it should be."""
    row = await conn.fetchrow(
        "SELECT current_user AS name, rolsuper OR rolbypassrls AS is_unsafe FROM pg_roles WHERE rolname = current_user"
    )
    if row is None or row["is_unsafe"]:
        raise UnsafeLogin(f"The login for {role} is a superuser or bypasses row-level security. Use a login made by `kot migrate`.")
    if row["name"] != role:
        raise UnsafeLogin(f"The login for {role} connects as {row['name']}. Use the login of that name.")

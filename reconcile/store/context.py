"""What a transaction says about its caller, so that row-level security shows the rows of nobody else: `app.*` settings that end with it."""

from functools import cache

from reconcile.callers import Caller, context_of


@cache
def bound(query: str, arguments: int) -> str:
    """Wrap a query so that it binds a household for the rest of the transaction, and is run only when the last argument says so."""
    household, is_bound = f"${arguments + 1}", f"${arguments + 2}::boolean"
    context = f"SELECT set_config('app.household_id', {household}, true) AS household"
    found = f"SELECT query.*, true AS is_found FROM (\n{query.rstrip(';')}\n) AS query"  # noqa: S608  # our own query
    return f"SELECT found.*, context.household FROM ({context}) AS context LEFT JOIN LATERAL ({found}) AS found ON {is_bound}"  # noqa: S608


def beginning(how: str, caller: Caller) -> str:
    """Begin and say who calls in one message: a statement without parameters travels as a whole. The context ends with the transaction."""
    settings = [f"; SET LOCAL app.{name} = {_literal(value)}" for name, value in context_of(caller).items() if value]
    return how + "".join(settings)


def _literal(value: str) -> str:
    """Quote a text; `standard_conforming_strings`, which every connection has, leaves the quote as its only special character."""
    return "'" + value.replace("'", "''") + "'"

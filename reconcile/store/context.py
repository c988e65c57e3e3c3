"""What a transaction says about its caller, so that row-level security shows the rows of nobody else: `app.*` settings that end with it."""

from functools import cache

from reconcile.callers import Caller, context_of


@cache
def bound(query: str, arguments: int, names: tuple[str, ...]) -> str:
    """Wrap a query so that it binds settings for the rest of the transaction, and is run only when the last argument says so."""
    is_bound = f"${arguments + len(names) + 1}::boolean"
    settings = ", ".join(f"set_config('app.{name}', ${arguments + at}, true) AS bound_{name}" for at, name in enumerate(names, 1))
    found = f"SELECT query.*, true AS is_found FROM (\n{query.rstrip(';')}\n) AS query"  # noqa: S608  # our own query
    return f"SELECT found.*, context.* FROM (SELECT {settings}) AS context LEFT JOIN LATERAL ({found}) AS found ON {is_bound}"  # noqa: S608


def beginning(how: str, caller: Caller) -> str:
    """Begin and say who calls in one message: a statement without parameters travels as a whole. The context ends with the transaction."""
    settings = [f"; SET LOCAL app.{name} = {_literal(value)}" for name, value in context_of(caller).items() if value]
    return how + "".join(settings)


def _literal(value: str) -> str:
    """Quote a text; `standard_conforming_strings`, which every connection has, leaves the quote as its only special character."""
    return "'" + value.replace("'", "''") + "'"

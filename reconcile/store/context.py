"""What a transaction says about its caller, so that row-level security shows the rows of nobody else: `app.*` settings that end with it."""

from contextvars import ContextVar
from functools import cache

from reconcile.callers import Caller, context_of

# The trace of the processing under way (W3C traceparent), when a processing log is kept: what a transaction leaves to a worker keeps it.
TRACE: ContextVar[str] = ContextVar("trace", default="")


@cache
def bound(query: str, arguments: int, names: tuple[str, ...]) -> str:
    """Wrap a query so that it binds settings and runs in their context, in one statement; they are its last arguments.

    The query depends on what binding them returned, so that no part of it begins before. Were that ever not so, it would find nothing.
    """
    settings = ", ".join(f"set_config('app.{name}', ${arguments + at}, true)" for at, name in enumerate(names, 1))
    return (
        f"SELECT found.* FROM (SELECT num_nonnulls({settings}) = {len(names)} AS is_bound OFFSET 0) AS context"  # noqa: S608  # our own query
        f" CROSS JOIN LATERAL (SELECT query.* FROM (\n{query.rstrip(';')}\n) AS query WHERE context.is_bound OFFSET 0) AS found"
    )


def beginning(how: str, caller: Caller) -> str:
    """Begin and say who calls in one message: a statement without parameters travels as a whole. The context ends with the transaction."""
    settings = [f"; SET LOCAL app.{name} = {_literal(value)}" for name, value in context_of(caller).items() if value]
    if trace := TRACE.get():
        settings.append(f"; SET LOCAL app.traceparent = {_literal(trace)}")
    return how + "".join(settings)


def _literal(value: str) -> str:
    """Quote a text; `standard_conforming_strings`, which every connection has, leaves the quote as its only special character."""
    return "'" + value.replace("'", "''") + "'"

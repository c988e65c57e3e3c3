"""What a transaction tells the server about its caller: the settings by which row-level security shows rows."""

from collections.abc import Mapping

from reconcile.callers import Caller, Manager, Organisation, Parent, Trial, Visitor


def beginning(how: str, caller: Caller) -> str:
    """Begin (`how`) and say who calls in one message: a statement without parameters travels as a whole.

    The context ends with the transaction.
    """
    settings = [f"; SET LOCAL app.{name} = {_literal(value)}" for name, value in _context(caller).items() if value]
    return how + "".join(settings)


def _literal(value: str) -> str:
    """Quote a text; `standard_conforming_strings`, which every connection has, leaves the quote as its only special character."""
    return "'" + value.replace("'", "''") + "'"


def _context(caller: Caller) -> Mapping[str, str]:
    match caller:
        case Parent():
            return {"household_id": str(caller.household_id), "actor": caller.actor}
        case Manager():
            return {"actor": caller.actor}
        case Visitor():
            bsn_index = caller.bsn_index.hex() if caller.bsn_index else ""
            return {"issuer": caller.issuer, "subject": caller.subject, "bsn_index": bsn_index}
        case Organisation() | Trial():
            return {"organisation_id": str(caller.organisation_id)}
    return {}

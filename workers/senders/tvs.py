"""Hands a change to TVS as a thin CloudEvent: the event says that there is a change and where to read it, never what it holds.

CloudEvents NL GOV 1.1: structured JSON, source is our OIN, `sequence` orders the changes of a household. The id is the change's
own number, so that an event that arrives twice is known.
"""

import asyncio
from http import HTTPStatus

import httpx
from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from reconcile.store.context import TRACE
from reconcile.store.outbox import ClaimedMessage
from workers.senders import SendLater, SendRefused, Sent
from workers.senders.answers import asked_wait
from workers.senders.token import AccessToken, TokenRefused

# By the answer behind the change.
EVENT_TYPES = {"acceptance": "nl.kot-uren.change-accepted.v1", "reversal": "nl.kot-uren.change-reversed.v1"}
# Get a token, connect, send and wait for the answer: all together. The lease of a change is three times this.
SEND_TIMEOUT_S = 10.0
_TAKEN = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT})
# The receiver understood and says no: sending the same again changes nothing. An address that is not there (404) is no such answer:
# a wrong setting of ours must not make every change dead.
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})


class TvsSender:
    """Sends events to one address with our own access token."""

    def __init__(self, http: httpx.AsyncClient, token: AccessToken, *, events_url: str, public_url: str, system_oin: str) -> None:
        self._http = http
        self._token = token
        self._events_url = events_url
        self._public_url = public_url.rstrip("/")
        self._source = f"urn:nld:oin:{system_oin}:systeem:kot-uren"

    async def __call__(self, message: ClaimedMessage) -> Sent | SendLater | SendRefused:
        """Send one event; every outcome is an answer, none an exception."""
        event = to_structured_event(self._event(message), JSONFormat())
        try:
            # httpx bounds each read; a receiver that answers byte by byte would hold up everybody's changes.
            async with asyncio.timeout(SEND_TIMEOUT_S):
                bearer = await self._token.bearer()
                answer = await self._http.post(
                    self._events_url,
                    content=event.body,
                    headers={**event.headers, **_trace(), "Authorization": f"Bearer {bearer}"},
                )
        except (httpx.HTTPError, TokenRefused, TimeoutError) as error:
            return SendLater(error=type(error).__name__)
        return self._outcome(answer, bearer)

    def _event(self, message: ClaimedMessage) -> CloudEvent:
        return CloudEvent(
            {
                "id": str(message.subject_id),
                "source": self._source,
                "type": EVENT_TYPES[message.answer_kind],
                "specversion": "1.0",
                "time": message.recorded_at,
                "subject": message.household_ref,
                "dataref": f"{self._public_url}/v1/changes/{message.subject_id}",
                "sequence": f"{message.sequence:020d}",
            }
        )

    def _outcome(self, answer: httpx.Response, bearer: str) -> Sent | SendLater | SendRefused:
        if answer.status_code in _TAKEN:
            return Sent()
        error = f"http-{answer.status_code}"
        if answer.status_code in _REFUSED:
            return SendRefused(error=error)
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            self._token.forget(bearer)
        return SendLater(error=error, at_least=asked_wait(answer.headers))


def _trace() -> dict[str, str]:
    """Return the trace that the receiver goes on with, when a processing log is kept."""
    trace = TRACE.get()
    return {"traceparent": trace} if trace else {}

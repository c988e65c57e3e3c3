"""What was done with whose data, span by span, by the attributes of Logboek Dataverwerkingen 1.0.0.

A door opens a processing around its work. Whose data a transaction touched is told by `Database.on_touch` once it is committed. One
household: one span that names it. Several: a span each, below that of the processing. A data subject is the random number that a
household has here, never a BSN or a name. Spans are queued, and sent by a thread of their own: a log that is slow, full or away costs
spans, never a request.
"""

import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from time import time_ns
from typing import Protocol
from uuid import UUID

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from logbook.register import activities_by_operation
from reconcile.settings import Settings
from reconcile.store.context import TRACE

logger = logging.getLogger(__name__)

ACTIVITY = "dpl.core.processing_activity_id"
SUBJECT = "dpl.core.data_subject_id"
SUBJECT_TYPE = "dpl.core.data_subject_id_type"
PROCESSOR = "dpl.core.foreign_operation.processor"
OPERATION = "kot.operation"
HOUSEHOLD = "kot-uren/household"

# What waits to be sent, some twenty megabytes at most; the oldest goes first when it is full.
QUEUE_MAX = 16_384
BATCH_MAX = 1_024
EVERY_MS = 1_000
SEND_TIMEOUT_S = 5.0
FLUSH_S = 5.0
_CONTEXT = TraceContextTextMapPropagator()


class Touched(Protocol):
    """What hears whose data the transactions of a processing touch."""

    def touch(self, household_ids: Iterable[UUID]) -> None:
        """Say whose data are processed."""
        ...


_current: ContextVar[Touched | None] = ContextVar("processing", default=None)


class Processing:
    """One processing under way; it is logged when it ends."""

    def __init__(self, log: "SpanLog", span: Span, began_ns: int, operation: Callable[[], str]) -> None:
        self._log = log
        self._span = span
        self._began_ns = began_ns
        self._operation = operation
        self._first: UUID | None = None
        self._seen: set[UUID] = set()

    @property
    def traceparent(self) -> str:
        """The trace that this processing is part of, for who goes on with it."""
        carrier: dict[str, str] = {}
        _CONTEXT.inject(carrier, context=set_span_in_context(self._span))
        return carrier.get("traceparent", "")

    def touch(self, household_ids: Iterable[UUID]) -> None:
        """Say whose data are processed; the first one waits, because it may stay the only one."""
        for household_id in set(household_ids) - self._seen:
            self._seen.add(household_id)
            if self._first is None:
                self._first = household_id
            elif self._operation() in activities_by_operation():
                self._below(household_id)

    def end(self, *, is_ok: bool | None, processor: str = "") -> None:
        """Log it; `is_ok` is None when it was refused, and nothing was done. Of no activity, it is not logged."""
        if self._operation() not in activities_by_operation():
            return
        if self._first is not None:
            if len(self._seen) == 1:
                self._span.set_attributes({SUBJECT: str(self._first), SUBJECT_TYPE: HOUSEHOLD})
            else:
                self._below(self._first)
        self._describe(self._span, processor)
        if is_ok is not None:
            self._span.set_status(StatusCode.OK if is_ok else StatusCode.ERROR)
        self._span.end()

    def _below(self, household_id: UUID) -> None:
        span = self._log.tracer.start_span("", context=set_span_in_context(self._span), start_time=self._began_ns)
        span.set_attributes({SUBJECT: str(household_id), SUBJECT_TYPE: HOUSEHOLD})
        self._describe(span, "")
        span.set_status(StatusCode.OK)
        span.end()

    def _describe(self, span: Span, processor: str) -> None:
        operation = self._operation()
        activity = activities_by_operation()[operation]
        span.update_name(activity.nl)
        span.set_attributes({ACTIVITY: self._log.activity_uri(activity.id), OPERATION: operation})
        if processor:
            span.set_attribute(PROCESSOR, processor)


class _Batches:
    """The work of a drain: each of its transactions is a processing of those whom it touched, logged when it is committed."""

    def __init__(self, log: "SpanLog", operation: str) -> None:
        self._log = log
        self._operation = operation
        self._began_ns = time_ns()

    def touch(self, household_ids: Iterable[UUID]) -> None:
        """Log one transaction; it began when the one before had ended."""
        processing = self._log.begin(lambda: self._operation, began_ns=self._began_ns)
        processing.touch(household_ids)
        processing.end(is_ok=True)
        self._began_ns = time_ns()


class ProcessingLog(Protocol):
    """Where processings are logged, or nowhere."""

    def processing(self, operation: str, household_id: UUID, *, traceparent: str = "") -> AbstractContextManager[object]:
        """Log the block as a processing of one household's data, in the trace that is named."""
        ...

    def batches(self, operation: str) -> AbstractContextManager[object]:
        """Log each transaction of the block as a processing of those whom it touched."""
        ...


class NoLog:
    """No processing log is kept."""

    def processing(self, operation: str, household_id: UUID, *, traceparent: str = "") -> AbstractContextManager[object]:  # noqa: ARG002
        """Do nothing beside the block."""
        return nullcontext()

    def batches(self, operation: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """Do nothing beside the block."""
        return nullcontext()


NO_LOG = NoLog()


class SpanLog:
    """A processing log over OTLP; close it at the end of the process."""

    def __init__(self, url: str, *, service: str, public_url: str) -> None:
        self._activities = f"{public_url.rstrip('/')}/v1/processing-activities/"
        # Not the tracer of the process: every processing is logged, whatever the caller's trace is sampled for.
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=Resource({"service.name": service}), shutdown_on_exit=False)
        self._exporter = OTLPSpanExporter(endpoint=url, timeout=SEND_TIMEOUT_S)
        self._processor = BatchSpanProcessor(
            self._exporter, max_queue_size=QUEUE_MAX, max_export_batch_size=BATCH_MAX, schedule_delay_millis=EVERY_MS
        )
        self._provider.add_span_processor(self._processor)
        self.tracer = self._provider.get_tracer("kot-uren")

    def activity_uri(self, activity_id: str) -> str:
        """Return where the register says what an activity is."""
        return self._activities + activity_id

    def begin(self, operation: Callable[[], str], *, traceparent: str = "", began_ns: int | None = None) -> Processing:
        """Begin a processing; it is part of the trace that is named. Which operation it is may be known only later."""
        began_ns = began_ns or time_ns()
        context = _CONTEXT.extract({"traceparent": traceparent}) if traceparent else None
        return Processing(self, self.tracer.start_span("", context=context, start_time=began_ns), began_ns, operation)

    @contextmanager
    def processing(self, operation: str, household_id: UUID, *, traceparent: str = "") -> Iterator[Processing]:
        """Log the block as a processing of one household's data, in the trace that is named. Raises what the block raises."""
        processing = self.begin(lambda: operation, traceparent=traceparent)
        processing.touch([household_id])
        is_ok = False
        try:
            with under_way(processing):
                yield processing
            is_ok = True
        finally:
            processing.end(is_ok=is_ok)

    @contextmanager
    def batches(self, operation: str) -> Iterator[None]:
        """Log each transaction of the block as a processing of those whom it touched: a block of any length takes no memory."""
        current = _current.set(_Batches(self, operation))
        try:
            yield
        finally:
            _current.reset(current)

    def close(self) -> None:
        """Send what waits, for some seconds at most; what is left then is given up, and tried no more."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_S)
        if closing.is_alive():
            logger.warning("the processing log did not take everything")
            self._exporter.shutdown()  # type: ignore[no-untyped-call]


def log_of(settings: Settings, process: str) -> SpanLog | None:
    """Return the log that the settings of a process name; None when they name none."""
    if not settings.processing_log_url:
        return None
    return SpanLog(settings.processing_log_url, service=f"kot-uren {process}", public_url=settings.public_url)


@contextmanager
def under_way(processing: Processing) -> Iterator[None]:
    """Let what happens in the block be part of a processing: what transactions touch, and what they leave to a worker."""
    current, trace = _current.set(processing), TRACE.set(processing.traceparent)
    try:
        yield
    finally:
        _current.reset(current)
        TRACE.reset(trace)


def touched(household_ids: frozenset[UUID]) -> None:
    """A transaction of the processing under way touched these households: what `Database.on_touch` tells."""
    processing = _current.get()
    if processing is not None:
        processing.touch(household_ids)


def logged(log: ProcessingLog, operation: str, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return the work of a drain with its log."""

    async def run() -> None:
        with log.batches(operation):
            await work()

    return run

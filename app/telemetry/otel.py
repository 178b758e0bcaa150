"""Traces through OpenTelemetry, named by its conventions for messaging.

One span a batch, from its decision to its publishing, with links to the traces of the interactions
it was decided from; below it one for the PostgreSQL transaction and one for the Kafka transaction.
Attributes say how many and where, never who.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import islice
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app import __version__
from app.settings import Tracing as Settings
from app.telemetry.tracing import Tracing

_KAFKA: Final = {"messaging.system": "kafka"}


@cache
def exporting(settings: Settings) -> TracerProvider:
    """One for the process, however many lanes: it has a thread. Flushed when the process ends."""
    provider = TracerProvider(
        resource=Resource.create(
            {
                "service.name": settings.service_name,
                "service.version": __version__,
            }
        ),
        sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
    )
    exporter = OTLPSpanExporter(
        endpoint=settings.endpoint, timeout=round(settings.export_timeout_seconds)
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


class OtelTracing(Tracing):
    is_on = True

    def __init__(
        self,
        provider: TracerProvider,
        *,
        lane: str,
        group: str,
        source: str,
        target: str,
        links_max: int,
    ) -> None:
        self._tracer = provider.get_tracer("funnel")
        self._lane = lane
        self._group = group
        self._source = source
        self._target = target
        self._links_max = links_max

    def begin(self, records: int, partitions: Sequence[int]) -> Span:
        attributes: dict[str, Any] = {
            **_KAFKA,
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": self._source,
            "messaging.consumer.group.name": self._group,
            "messaging.batch.message_count": records,
            "funnel.lane": self._lane,
        }
        if len(partitions) == 1:
            attributes["messaging.destination.partition.id"] = str(partitions[0])
        return self._tracer.start_span(
            f"process {self._source}", kind=SpanKind.CONSUMER, attributes=attributes
        )

    def within(self, span: Span) -> AbstractContextManager[Any]:
        return trace.use_span(span, end_on_exit=False)

    @contextmanager
    def step(self, name: str, spans: Sequence[Span | None], records: int) -> Iterator[None]:
        known = [span for span in spans if span is not None]
        if not known:
            yield
            return
        context = trace.set_span_in_context(known[0])
        links = [trace.Link(span.get_span_context()) for span in known[1 : self._links_max + 1]]
        if name == "publish":
            kind, title = SpanKind.PRODUCER, f"send {self._target}"
            attributes: dict[str, Any] = {
                **_KAFKA,
                "messaging.operation.type": "send",
                "messaging.operation.name": "send",
                "messaging.destination.name": self._target,
                "messaging.batch.message_count": records,
            }
        else:
            kind, title = SpanKind.CLIENT, name
            attributes = {"db.system.name": "postgresql", "db.operation.name": name}
        with self._tracer.start_as_current_span(
            title, context=context, kind=kind, attributes=attributes, links=links
        ):
            yield

    def link(self, span: Span, traceparents: Sequence[str]) -> None:
        distinct = dict.fromkeys(traceparents)
        found = (_context_of(text) for text in distinct)
        for context in islice((each for each in found if each is not None), self._links_max):
            span.add_link(context)

    def end(self, span: Span, dead_letters: int) -> None:
        if dead_letters:
            span.set_attribute("funnel.dead_letters", dead_letters)
            span.set_status(Status(StatusCode.OK, None))
        span.end()

    def ids(self, span: Span | None) -> dict[str, str]:
        return {} if span is None else _ids(span.get_span_context())


def current_ids() -> dict[str, str]:
    """Of the span this is in; nothing outside."""
    context = trace.get_current_span().get_span_context()
    return _ids(context) if context.is_valid else {}


def _ids(context: SpanContext) -> dict[str, str]:
    return {
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
    }


def _context_of(traceparent: str) -> SpanContext | None:
    """W3C trace context, version 00; None: it is none."""
    parts = traceparent.split("-")
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:4])
    except ValueError:
        return None
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None

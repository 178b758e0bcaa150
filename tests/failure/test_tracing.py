"""Traces: a span a batch, with links; traceparent goes through; nothing personal anywhere."""

import json
import logging
import subprocess
import sys

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.domain.topics import CONTACT_LANE, Topic
from app.telemetry import logs
from app.telemetry.otel import OtelTracing
from tests.failure.rig import SOURCE, Rig
from tests.failure.rig_reading import header, read

LINKS_MAX = 3
TRACE = "4bf92f3577b34da6a3ce929d0e0e47{:02x}"


def parent_of(trace: int) -> str:
    return f"00-{TRACE.format(trace)}-00f067aa0ba902b7-01"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(rig: Rig, spans: InMemorySpanExporter) -> Rig:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    rig.tracing = OtelTracing(
        provider,
        lane=CONTACT_LANE,
        group="funnel",
        source=Topic.INTERACTIONS,
        target=Topic.STAGE_CHANGES,
        links_max=LINKS_MAX,
    )
    return rig


async def send_traced(rig: Rig, contact: str, trace: int) -> None:
    event = {
        "specversion": "1.0", "id": f"t{trace}", "source": SOURCE, "subject": contact,
        "type": "newsletter.signed_up", "traceparent": parent_of(trace),
        "data": {"email": "ada@example.org", "list_id": "l", "consent": True},
    }  # fmt: skip
    await rig.send_raw(json.dumps(event).encode(), rig.home(contact), key=contact.encode())


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


async def test_a_batch_is_a_span_with_bounded_links_and_its_steps_below(
    traced: Rig, spans: InMemorySpanExporter
) -> None:
    contacts = [traced.contact_on(0, n) for n in range(5)]
    for n, contact in enumerate(contacts):
        await send_traced(traced, contact, n)
    await traced.flush()
    lane = traced.lane()
    await traced.settled()
    await lane.drain()
    batches = [s for s in named(spans, f"process {Topic.INTERACTIONS}") if s.links]
    linked = {format(link.context.trace_id, "032x") for span in batches for link in span.links}
    assert linked <= {TRACE.format(n) for n in range(5)}
    assert all(0 < len(span.links) <= LINKS_MAX for span in batches)
    (batch, *_) = batches
    attributes = dict(batch.attributes or {})
    assert attributes["messaging.system"] == "kafka"
    assert attributes["messaging.operation.type"] == "process"
    assert attributes["messaging.destination.partition.id"] == "0"
    below = [
        span.name
        for span in spans.get_finished_spans()
        if span.parent is not None and span.parent.span_id == batch.context.span_id
    ]
    assert below == ["apply", f"send {Topic.STAGE_CHANGES}"]
    assert "ada@example.org" not in str([span.to_json() for span in spans.get_finished_spans()])


async def test_traceparent_goes_from_the_interaction_through_the_outbox_to_the_stage_change(
    traced: Rig,
) -> None:
    contact = traced.contact_on(1)
    first = traced.lane()
    await first.owns(0, 1)
    first.may_publish.clear()
    await send_traced(traced, contact, 7)
    await traced.all_applied(1)
    await first.kill()
    traced.lane()  # publishes what the outbox has
    await traced.settled()
    (record,) = await read(traced, [traced.name(Topic.STAGE_CHANGES)])
    assert header(record, "traceparent") == parent_of(7)


async def test_a_wrong_traceparent_links_to_nothing(
    traced: Rig, spans: InMemorySpanExporter
) -> None:
    tracing = traced.tracing
    span = tracing.begin(1, [0])
    tracing.link(span, ["", "00-x-y-z", f"00-{'0' * 32}-{'0' * 16}-01", "00"])
    tracing.end(span, 0)
    assert spans.get_finished_spans()[0].links == ()


def test_lines_inside_a_span_carry_its_ids(
    spans: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    provider = TracerProvider(shutdown_on_exit=False)
    tracing = OtelTracing(provider, lane="l", group="g", source="s", target="t", links_max=1)
    try:
        logs.configure("info", "json", is_traced=True)
        span = tracing.begin(1, [0])
        with tracing.within(span):
            structlog.get_logger("own").info("inside")
        structlog.get_logger("own").info("outside")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    inside, outside = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {name: inside[name] for name in ("trace_id", "span_id")} == tracing.ids(span)
    assert "trace_id" not in outside


def test_off_imports_nothing() -> None:
    code = (
        "import sys, app.bootstrap\n"
        "from app.settings import load\n"
        "from app.telemetry.metrics import Metrics\n"
        "app.bootstrap.build_lanes(load({}), Metrics())\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Spans as a collector gets them: OTLP over HTTP."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.settings import Tracing as Settings
from app.telemetry.otel import OtelTracing, exporting


class Collector:
    """Answers on loopback, and keeps what it was sent."""

    def __init__(self) -> None:
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.path, ExportTraceServiceRequest.FromString(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/traces"


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    serving = Thread(target=made.server.serve_forever)
    serving.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    serving.join()


def test_a_collector_gets_the_batch_and_its_steps_with_whose_they_are(collector: Collector) -> None:
    settings = Settings(enabled=True, endpoint=collector.endpoint, service_name="funnel-of-tests")
    provider = exporting(settings)
    tracing = OtelTracing(
        provider, lane="contacts", group="g", source="in", target="out", links_max=1
    )
    span = tracing.begin(3, [5])
    tracing.link(span, ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
    with tracing.step("publish", [span], 2):
        pass
    tracing.end(span, 0)
    provider.shutdown()

    ((path, request),) = collector.received
    (of_resource,) = request.resource_spans
    resource = {each.key: each.value.string_value for each in of_resource.resource.attributes}
    spans = {each.name: each for scope in of_resource.scope_spans for each in scope.spans}
    assert path == "/v1/traces"
    assert resource["service.name"] == "funnel-of-tests"
    assert resource["service.version"]
    assert set(spans) == {"process in", "send out"}
    assert spans["send out"].parent_span_id == spans["process in"].span_id
    (link,) = spans["process in"].links
    assert link.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"


def test_a_collector_that_is_away_stops_nothing(collector: Collector) -> None:
    endpoint = collector.endpoint.replace(str(collector.server.server_port), "9")
    provider = exporting(Settings(enabled=True, endpoint=endpoint, export_timeout_seconds=1.0))
    tracing = OtelTracing(
        provider, lane="contacts", group="g", source="in", target="out", links_max=1
    )
    span = tracing.begin(1, [0])
    tracing.end(span, 0)
    provider.shutdown()
    assert collector.received == []

"""Traces of batches; off, which is the default, it does nothing and imports nothing."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from app.settings import Tracing as Settings

_NOTHING: AbstractContextManager[None] = nullcontext()


class Tracing:
    """What the pipeline tells. Here nobody listens; `otel.OtelTracing` does."""

    is_on = False

    def begin(self, records: int, partitions: Sequence[int]) -> Any:  # noqa: ARG002
        """A span for a batch that is about to be decided; None: it is not traced."""
        return None

    def within(self, span: Any) -> AbstractContextManager[None]:  # noqa: ARG002
        """What is logged inside carries the span's ids."""
        return _NOTHING

    def step(self, name: str, spans: Sequence[Any], records: int) -> AbstractContextManager[None]:  # noqa: ARG002
        """A part of these batches' way: `apply` or `publish`."""
        return _NOTHING

    def link(self, span: Any, traceparents: Sequence[str]) -> None:
        """The batch was decided from interactions of these traces."""

    def end(self, span: Any, dead_letters: int) -> None:
        """It is published."""

    def ids(self, span: Any) -> dict[str, str]:  # noqa: ARG002
        """For a log line."""
        return {}


def make_tracing(
    settings: Settings, *, lane: str, group: str, inputs: Sequence[str], outputs: Sequence[str]
) -> Tracing:
    """By the settings."""
    if not settings.enabled:
        return Tracing()
    from app.telemetry.otel import OtelTracing, exporting

    return OtelTracing(
        exporting(settings),
        lane=lane,
        group=group,
        source=inputs[0],
        target=outputs[0],
        links_max=settings.links_max,
    )

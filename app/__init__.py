"""An event-driven funnel state machine: interactions in, stage changes out, exactly once."""

__version__ = "0.1.0"

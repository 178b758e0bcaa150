"""An event-driven funnel state machine: interactions in, stage changes out, exactly once."""

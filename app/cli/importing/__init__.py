"""`funnel publish FILE`: rows of a file become interactions, each once, whatever interrupts it."""

"""A made-up company whose traffic `funnel demo` sends. Pure: the same seed gives the same bytes.

company ──► journeys ──► mishaps ──► traffic ──► what to put on which topic, in which order
"""

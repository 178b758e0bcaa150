"""The web pages: rendered here, read by the same classes as the HTTP interface, no build step."""

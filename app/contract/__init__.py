"""The published contract: what of it is generated from the code, and whether it may be released."""

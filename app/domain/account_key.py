"""Which organisation an e-mail address speaks of."""

from collections.abc import Callable

Registrable = Callable[[str], str | None]
"""The registered part of a domain, in ASCII and lower case; None where there is none."""

ADDRESS_MAX_CHARS = 254
"""RFC 5321 has no room for more."""


def account_of_email(
    address: str, excluded: frozenset[str], registrable: Registrable
) -> str | None:
    """The domain its organisation registered; None for an `excluded` domain, or no address."""
    local, at, domain = address.strip().rpartition("@")
    if not (local and at) or len(address) > ADDRESS_MAX_CHARS:
        return None
    if any(char.isspace() or char in "<>,;" for char in local):
        return None
    return account_of_domain(domain, excluded, registrable)


def account_of_domain(
    domain: str, excluded: frozenset[str], registrable: Registrable
) -> str | None:
    """As `account_of_email`. A domain is excluded with all that is below it."""
    account = registrable(domain)
    if account is None or account in excluded:
        return None
    labels = domain.lower().removesuffix(".").split(".")
    above = (".".join(labels[at:]) for at in range(len(labels) - 1))
    return None if any(name in excluded for name in above) else account

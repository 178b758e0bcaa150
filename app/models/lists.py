"""Lists of e-mail domains that name no organisation, and which part of a domain was registered.

Disposable ones and the public suffixes come with packages that are released every few days; the
free-mail providers are a file of our own: the lists to be had count firms like facebook.com and
alibaba.com among them, whose people would lose their account.
"""

import hashlib
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import idna

from app.domain.account_key import account_of_email


@cache
def free_mail_domains() -> frozenset[str]:
    """Where anyone gets a mailbox."""
    text = (resources.files(__package__) / "free_mail.txt").read_text("ascii")
    return frozenset(line for line in text.split("\n") if line and not line.startswith("#"))


@cache
def disposable_domains() -> frozenset[str]:
    """Where a mailbox lasts for minutes."""
    from disposable_email_domains import blocklist

    return frozenset(blocklist)


@lru_cache(maxsize=65_536)
def registrable_domain(domain: str) -> str | None:
    """What its owner registered, in ASCII and lower case: ``firm.co.uk`` of ``mail.Firm.co.uk``.

    None where nothing was: no domain at all, an address of the network, a public suffix.
    """
    try:
        name = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii").removesuffix(".")
    except UnicodeError:
        return None
    if name.rpartition(".")[2].isdigit():
        return None
    found: str | None = _suffixes().privatesuffix(name)
    return found


@lru_cache(maxsize=65_536)
def account_of(address: str) -> str | None:
    """The organisation an e-mail address speaks of: neither free mail nor disposable."""
    return account_of_email(address, _excluded(), registrable_domain)


@cache
def mail_domains_hash() -> str:
    """Which lists a model was made with: they are too long to be part of it."""
    return hashlib.sha256("\n".join(sorted(_excluded())).encode()).hexdigest()


@cache
def _excluded() -> frozenset[str]:
    return free_mail_domains() | disposable_domains()


@cache
def _suffixes() -> Any:
    """The list that came with the package: no network, nothing written."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()

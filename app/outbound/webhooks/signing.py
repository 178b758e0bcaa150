"""The headers of Standard Webhooks: who sent it, when, and that nothing was changed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from standardwebhooks import Webhook as Signer


class WebhookHeader(StrEnum):
    ID = "webhook-id"
    TIMESTAMP = "webhook-timestamp"
    SIGNATURE = "webhook-signature"


def sign(event_id: str, body: bytes, secrets: Sequence[str], at_seconds: int) -> dict[str, str]:
    """One signature for each valid secret: the receiver may know the old or the new one."""
    moment, text = datetime.fromtimestamp(at_seconds, UTC), body.decode()
    signatures = [Signer(secret).sign(event_id, moment, text) for secret in secrets]
    return {
        WebhookHeader.ID: event_id,
        WebhookHeader.TIMESTAMP: str(at_seconds),
        WebhookHeader.SIGNATURE: " ".join(signatures),
    }

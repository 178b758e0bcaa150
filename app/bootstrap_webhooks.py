"""The composition root of the role `webhooks`."""

from app.outbound.webhooks.role import Webhooks
from app.outbound.webhooks.vault import Vault
from app.settings import Settings
from app.telemetry.metrics import Metrics


def build_webhooks(settings: Settings, metrics: Metrics) -> Webhooks:
    """Runs as a lane does: see `app.runtime.lane`."""
    return Webhooks(settings, metrics, Vault(settings.webhooks.secret_keys))

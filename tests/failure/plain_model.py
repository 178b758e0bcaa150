"""The models the oracle describes. The service's own grow; these two stay what they are."""

from pathlib import Path
from typing import Final

MODELS_DIR: Final = Path(__file__).parent / "models"
PLAIN: Final = "plain@1"
PLAIN_HELD: Final = "plain-held@1"
"""An unknown industry waits."""
ENVIRONMENT: Final = {"FUNNEL_MODELS_DIR": str(MODELS_DIR), "FUNNEL_MODEL": PLAIN}

"""The only reader of the environment: prefix FUNNEL_, nested with __, every bound with its unit.

Secrets may also come from files: FUNNEL_DATABASE__URL_FILE=/run/secrets/url.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import SettingsError

Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kafka(Section):
    bootstrap_servers: str = "127.0.0.1:9092"
    group_id: str = "funnel"
    session_timeout_seconds: Seconds = 6.0
    heartbeat_interval_seconds: Seconds = 1.0
    rebalance_timeout_seconds: Seconds = 10.0
    request_timeout_seconds: Seconds = Field(
        default=4.0,
        description="below transaction_timeout_seconds, or a late duplicate may hit the next",
    )
    transaction_timeout_seconds: Seconds = 10.0
    fetch_max_bytes: PositiveInt = 16 * 1024 * 1024
    partition_fetch_max_bytes: PositiveInt = 1024 * 1024


class Database(Section):
    url: SecretStr = SecretStr("postgresql://funnel@127.0.0.1:5432/funnel")
    transaction_timeout_seconds: Seconds = 5.0
    idle_in_transaction_timeout_seconds: Seconds = 3.0
    lock_timeout_seconds: Seconds = 2.0
    connect_timeout_seconds: Seconds = 5.0


class Lane(Section):
    batch_max_interactions: PositiveInt = 4000
    batch_max_bytes: PositiveInt = 8 * 1024 * 1024
    batch_linger_ms: Annotated[int, Field(ge=0)] = 5
    queue_batches: PositiveInt = Field(
        default=2, description="batches between two stages of the lane"
    )
    cache_max_bytes: PositiveInt = 96 * 1024 * 1024
    publish_interval_ms: Annotated[int, Field(ge=0)] = 20
    publish_max_bytes: PositiveInt = 4 * 1024 * 1024
    outbox_max_batches: PositiveInt = 200
    outbox_max_bytes: PositiveInt = 64 * 1024 * 1024
    outbox_max_age_seconds: Seconds = 60.0
    release_timeout_seconds: Seconds = 4.0
    drain_timeout_seconds: Seconds = 5.0
    restart_backoff_max_seconds: Seconds = 10.0


class Limits(Section):
    value_max_bytes: PositiveInt = 64 * 1024
    depth_max: PositiveInt = 16
    string_max_bytes: PositiveInt = 8 * 1024
    id_max_chars: PositiveInt = 256
    future_tolerance_seconds: Seconds = 300.0


class DeadLetters(Section):
    """Too many stop the partition: that is a bad deploy, not bad data."""

    stop_after_consecutive: PositiveInt = 1000
    stop_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    stop_ratio_window: PositiveInt = Field(
        default=5000, description="interactions the ratio is taken over"
    )


class Http(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080


class Logs(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="FUNNEL_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    kafka: Kafka = Kafka()
    database: Database = Database()
    lane: Lane = Lane()
    limits: Limits = Limits()
    dead_letters: DeadLetters = DeadLetters()
    http: Http = Http()
    logs: Logs = Logs()
    model: str = Field(
        default="b2b-default@1", description="name@version of the funnel model in force"
    )
    data_dir: Path = Field(default=Path(".funnel"), description="where `funnel dev` keeps its data")
    failpoints: str = ""


def load(**overrides: Any) -> Settings:
    """Settings from the environment; SettingsError lists every wrong one at once."""
    try:
        return Settings(**_secrets_from_files(), **overrides)
    except ValidationError as wrong:
        raise SettingsError(_explain(wrong)) from None


def _secrets_from_files() -> dict[str, Any]:
    path = os.environ.get("FUNNEL_DATABASE__URL_FILE")
    if path is None:
        return {}
    try:
        return {"database": {"url": Path(path).read_text().strip()}}
    except OSError as failed:
        raise SettingsError(f"FUNNEL_DATABASE__URL_FILE: {failed.strerror}: {path}") from None


def _explain(wrong: ValidationError) -> str:
    lines = [
        f"  FUNNEL_{'__'.join(str(part).upper() for part in error['loc'])}: {error['msg']}"
        for error in wrong.errors(include_input=False, include_url=False)
    ]
    return "\n".join(["wrong settings:", *lines])

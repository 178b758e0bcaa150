"""The only reader of the environment: prefix FUNNEL_, nested with __, every bound with its unit.

Any of them may also come from a file, as secrets do: FUNNEL_DATABASE__URL_FILE=/run/secrets/url.
"""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)

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
    partition_fetch_max_bytes: PositiveInt = 512 * 1024
    fetch_gather_ms: PositiveInt = Field(
        default=30, description="a fetch waits so long for more once records flow"
    )


class Database(Section):
    url: SecretStr = SecretStr("postgresql://funnel@127.0.0.1:5432/funnel")
    transaction_timeout_seconds: Seconds = 5.0
    idle_in_transaction_timeout_seconds: Seconds = 3.0
    lock_timeout_seconds: Seconds = 2.0
    connect_timeout_seconds: Seconds = 5.0


class Lane(Section):
    batch_max_interactions: PositiveInt = 2000
    batch_max_bytes: PositiveInt = 8 * 1024 * 1024
    queue_batches: PositiveInt = Field(
        default=1, description="batches that are decided ahead of the apply"
    )
    cache_max_bytes: PositiveInt = 56 * 1024 * 1024
    publish_interval_ms: Annotated[int, Field(ge=0)] = 30
    publish_max_bytes: PositiveInt = 4 * 1024 * 1024
    outbox_max_batches: PositiveInt = 200
    outbox_max_bytes: PositiveInt = 16 * 1024 * 1024
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


class Retention(Section):
    """Of the segments: the interactions as they came, and what was published of them."""

    segment_days: PositiveInt | None = Field(
        default=None, description="older days are dropped once published; None: never"
    )
    replay_days: PositiveInt = Field(
        default=30, description="never dropped before: how far back a replay can go in any case"
    )


class Http(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080


class Api(Section):
    """The HTTP API. Its access rules: app/api/access.py."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8081
    access: Literal["tokens", "open"] = Field(
        default="tokens", description="open: everybody may do everything; on loopback only"
    )
    tokens: SecretStr = Field(
        default=SecretStr(""),
        description="static tokens, YAML or JSON: a list of name, sha256, tenant, scopes",
    )
    jwt_issuer: str | None = Field(default=None, description="iss of accepted JWTs; None: no JWTs")
    jwt_audience: str | None = None
    jwt_jwks_url: str | None = Field(default=None, description="where the issuer's keys are")
    jwt_tenant_claim: str = "tenant"
    jwt_keys_max_age_seconds: Seconds = 300.0
    request_max_bytes: PositiveInt = 16 * 1024 * 1024
    request_timeout_seconds: Seconds = 30.0
    batch_max_interactions: PositiveInt = 1000
    folds_max: PositiveInt = Field(
        default=2, description="questions at once that fold a contact again: as_of, why-not"
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.access == "open" and not is_loopback(self.host):
            raise ValueError(f"access is open, so host must be a loopback address, not {self.host}")
        jwt = (self.jwt_issuer, self.jwt_audience, self.jwt_jwks_url)
        if any(jwt) and not all(jwt):
            raise ValueError("set all of jwt_issuer, jwt_audience and jwt_jwks_url, or none")
        return self


def is_loopback(host: str) -> bool:
    """As an address or the name localhost; other names may lead anywhere."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Logs(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Tracing(Section):
    """OpenTelemetry, over OTLP/HTTP; off, it costs nothing."""

    enabled: bool = False
    endpoint: str = "http://127.0.0.1:4318/v1/traces"
    service_name: str = "funnel"
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0, description="of the batches; a batch stands for thousands of interactions"
    )
    links_max: PositiveInt = Field(
        default=32, description="interactions' traces that a batch's span links to"
    )
    export_timeout_seconds: Seconds = 5.0


class Settings(Section):
    kafka: Kafka = Kafka()
    database: Database = Database()
    lane: Lane = Lane()
    limits: Limits = Limits()
    dead_letters: DeadLetters = DeadLetters()
    retention: Retention = Retention()
    http: Http = Http()
    api: Api = Api()
    logs: Logs = Logs()
    tracing: Tracing = Tracing()
    model: str = Field(
        default="b2b-default@1", description="name@version of the funnel model in force"
    )
    models_dir: Path | None = Field(
        default=None, description="own models, each a file name@version.yaml; None: none"
    )
    data_dir: Path = Field(default=Path(".funnel"), description="where `funnel dev` keeps its data")
    failpoints: str = ""


PREFIX: Final = "FUNNEL_"
_FILE: Final = "_FILE"

Place = tuple[str, ...]
"""Where a setting stands, for example ("kafka", "group_id")."""


def load(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from the environment, `overrides` first; SettingsError lists every wrong one."""
    given, wrong = _given(os.environ if environment is None else environment)
    try:
        settings = Settings.model_validate(_merged(given, overrides))
    except ValidationError as invalid:
        wrong += [
            f"{name_of(tuple(map(str, error['loc'])))}: {error['msg']}"
            for error in invalid.errors(include_input=False, include_url=False)
        ]
    if wrong:
        raise SettingsError("\n".join(["wrong settings:", *(f"  {line}" for line in wrong)]))
    return settings


def paths(section: type[BaseModel] = Settings, above: Place = ()) -> Iterator[Place]:
    """Every setting there is."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from paths(kind, (*above, name))
        else:
            yield (*above, name)


def name_of(path: Place) -> str:
    """Its environment variable."""
    return PREFIX + "__".join(path).upper()


def _given(environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """What the environment sets, nested, and what is wrong with its names and files."""
    known = {name_of(path): path for path in paths()}
    given: dict[str, Any] = {}
    wrong: list[str] = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX):
            continue
        name = variable if variable in known else variable.removesuffix(_FILE)
        if name not in known:
            wrong.append(f"{variable}: there is no such setting{_nearest(variable, known)}")
        elif name == variable:
            _put(given, known[name], text)
        elif name in environment:
            wrong.append(f"{variable}: {name} is set too, set one of them")
        else:
            try:
                _put(given, known[name], Path(text).read_text().strip())
            except (OSError, ValueError) as failed:
                wrong.append(f"{variable}: can't read {text}: {failed}")
    return given, wrong


def _nearest(variable: str, known: Mapping[str, Place]) -> str:
    near = get_close_matches(variable, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _put(nested: dict[str, Any], path: Place, value: str) -> None:
    for part in path[:-1]:
        nested = nested.setdefault(part, {})
    nested[path[-1]] = value


def _merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(lower)
    for name, value in upper.items():
        below = merged.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return merged

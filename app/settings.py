"""The only reader of the environment: prefix FUNNEL_, nested with __, every bound with its unit.

Any of them may also come from a file, as secrets do: FUNNEL_DATABASE__URL_FILE=/run/secrets/url.
Secrets are read from theirs again for each connection.
"""

import os
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)

from app.errors import SettingsError

SESSION_KEY_MIN_CHARS: Final = 32
Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretOfFile(SecretStr):
    """A secret that is read again each time it is asked for: who changes it, changes the file.

    While the file is away, or being written, what it said last holds."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, ValueError."""
        super().__init__(path.read_text().strip())
        self._path = path

    def get_secret_value(self) -> str:
        with suppress(OSError, ValueError):
            self._secret_value = self._path.read_text().strip() or self._secret_value
        return self._secret_value


class Kafka(Section):
    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="of the brokers' listener; there is no password without encryption",
    )
    ca_file: FilePath | None = Field(
        default=None, description="who signed the brokers' certificates, PEM; None: the system's"
    )
    certificate_file: FilePath | None = Field(
        default=None, description="this client's certificate, PEM, where brokers ask for one"
    )
    key_file: FilePath | None = Field(default=None, description="its key, PEM")
    key_password: SecretStr = SecretStr("")
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    username: str = ""
    password: SecretStr = SecretStr("")
    group_id: str = "funnel"
    session_timeout_seconds: Seconds = 6.0
    heartbeat_interval_seconds: Seconds = Field(
        default=0.3,
        description="a member hears so much later of a rebalance, and all wait for the last one",
    )
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

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        protocol = self.security_protocol
        given = {"username": self.username, "password": self.password.get_secret_value()}
        if protocol == "SASL_SSL" and (missing := [name for name in given if not given[name]]):
            raise ValueError(f"security_protocol is SASL_SSL, so set {' and '.join(missing)}")
        if protocol != "SASL_SSL" and (useless := [name for name in given if given[name]]):
            raise ValueError(f"{' and '.join(useless)}: only with security_protocol SASL_SSL")
        if protocol == "PLAINTEXT" and (self.ca_file or self.certificate_file):
            raise ValueError("certificates: only with security_protocol SSL or SASL_SSL")
        _check_pair(self.certificate_file, self.key_file)
        return self


class Database(Section):
    url: SecretStr = SecretStr("postgresql://funnel@127.0.0.1:5432/funnel")
    password: SecretStr = Field(
        default=SecretStr(""), description="goes before one in url, which is no secret then"
    )
    sslmode: Literal["as_url", "verify-full"] = Field(
        default="as_url",
        description="verify-full: encrypted, and the server proves that it is who url names",
    )
    ca_file: FilePath | None = Field(
        default=None, description="who signed the server's certificate, PEM; None: the system's"
    )
    certificate_file: FilePath | None = Field(
        default=None, description="this client's certificate, PEM, where the server asks for one"
    )
    key_file: FilePath | None = Field(default=None, description="its key, PEM")
    transaction_timeout_seconds: Seconds = 5.0
    idle_in_transaction_timeout_seconds: Seconds = 3.0
    lock_timeout_seconds: Seconds = 2.0
    connect_timeout_seconds: Seconds = 5.0

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.sslmode == "as_url" and (self.ca_file or self.certificate_file):
            raise ValueError("certificates: only with sslmode verify-full")
        _check_pair(self.certificate_file, self.key_file)
        return self


def _check_pair(certificate: Path | None, key: Path | None) -> None:
    if (certificate is None) != (key is None):
        raise ValueError("set both of certificate_file and key_file, or none")


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


class Commands(Section):
    """What people decide, and the answers they wait for."""

    kept_days: PositiveInt = Field(
        default=7, description="who decided what, and what became of it, can be asked for so long"
    )
    wait_max_seconds: Seconds = Field(
        default=10.0, description="of Prefer: wait; half of api.request_timeout_seconds at most"
    )
    activation_notice_seconds: Seconds = Field(
        default=60.0,
        description="a model that is activated decides so long after that: by then every partition"
        " must have heard of it",
    )
    waits_max: PositiveInt = Field(
        default=200, description="who may wait at once; others are answered without waiting"
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
    probes_host: str = "127.0.0.1"
    probes_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None,
        description="a private port: /livez, /readyz, /healthz and /metrics are there alone."
        " None: on `port`, open to everybody",
    )
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

    session_key: SecretStr = Field(
        default=SecretStr(""),
        description="seals the pages' session cookies; the same for all processes of the API."
        " Empty: each makes its own, and sessions end with it",
    )
    session_max_age_seconds: Seconds = Field(default=43_200.0, description="then sign in again")
    proxies: str = Field(
        default="",
        description="addresses or networks, with commas, of reverse proxies that sign people in:"
        " the person's token, passed on as Authorization: Bearer, opens the pages",
    )
    models_max: PositiveInt = Field(default=200, description="of a tenant's own, uploaded ones")
    simulations_max: PositiveInt = Field(default=1, description="what-ifs that run at once")
    simulation_processes: PositiveInt = 1
    simulations_kept_max: PositiveInt = Field(default=50, description="results, the latest")
    simulation_timeout_seconds: Seconds = 1800.0

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.access == "open" and not is_loopback(self.host):
            raise ValueError(f"access is open, so host must be a loopback address, not {self.host}")
        if 0 < len(self.session_key.get_secret_value()) < SESSION_KEY_MIN_CHARS:
            raise ValueError(f"session_key must have at least {SESSION_KEY_MIN_CHARS} characters")
        for network in self.proxy_networks:
            ip_network(network)
        jwt = (self.jwt_issuer, self.jwt_audience, self.jwt_jwks_url)
        if any(jwt) and not all(jwt):
            raise ValueError("set all of jwt_issuer, jwt_audience and jwt_jwks_url, or none")
        return self

    @property
    def proxy_networks(self) -> list[str]:
        return _listed(self.proxies)


class Live(Section):
    """The live view of the role api: rolling counts and the live stream."""

    stream_clients_max: PositiveInt = 1000
    stream_queue_max_events: PositiveInt = Field(
        default=1000, description="a client that is further behind is dropped, and told why"
    )
    stream_heartbeat_seconds: Seconds = 15.0
    stream_retry_seconds: Seconds = Field(
        default=2.0, description="clients connect again after half to one and a half times that"
    )
    stream_max_age_seconds: Seconds = Field(
        default=3600.0, description="then clients connect again, so that access is checked again"
    )
    resume_max_batches: PositiveInt = Field(
        default=20_000, description="a client that missed more is told to load anew"
    )
    resumes_max: PositiveInt = Field(default=4, description="clients at once that read what passed")
    tenants_max: PositiveInt = Field(
        default=1000, description="of so many, those last heard of, there are counts"
    )
    warm_timeout_seconds: Seconds = Field(
        default=5.0, description="PostgreSQL counts the past day for so long, or not at all"
    )


def is_loopback(host: str) -> bool:
    """As an address or the name localhost; other names may lead anywhere."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listed(given: str) -> list[str]:
    return [part.strip() for part in given.split(",") if part.strip()]


def _numbers(given: object) -> object:
    """As the environment gives a list of numbers: with commas."""
    return given.split(",") if isinstance(given, str) else given


class Webhooks(Section):
    """Delivery of events to receivers (app/outbound/webhooks); the API checks addresses by it."""

    secret_key: SecretStr = Field(
        default=SecretStr(""),
        description="base64 of 32 bytes: seals the signing secrets in PostgreSQL; several, with"
        " commas: the first seals, all open. Empty: they are stored plain",
    )
    allow_http: bool = Field(default=False, description="receivers without TLS, too")
    allow_networks: str = Field(
        default="", description="networks, with commas, that would be refused, as 10.0.0.0/8"
    )
    retry_seconds: Annotated[tuple[Seconds, ...], BeforeValidator(_numbers)] = Field(
        default=(5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400),
        description="after the first attempt, which is made at once",
    )
    retry_jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    retry_after_max_seconds: Seconds = 86_400.0
    timeout_seconds: Seconds = Field(default=15.0, description="of an attempt, all of it")
    connect_timeout_seconds: Seconds = 5.0
    response_max_bytes: PositiveInt = 16 * 1024
    concurrency: PositiveInt = Field(default=100, description="attempts at once, of a process")
    concurrency_per_webhook: PositiveInt = 8
    poll_seconds: Seconds = 0.5
    lease_seconds: Seconds = Field(
        default=60.0, description="then others may try what a process that died had claimed"
    )
    record_max: PositiveInt = Field(default=500, description="events recorded at once")
    rotation_seconds: Seconds = Field(
        default=86_400.0, description="a secret that was rotated goes on signing for so long"
    )
    delivered_keep_days: PositiveInt = 7
    dead_keep_days: PositiveInt = 30
    pending_max_days: PositiveInt = Field(
        default=7, description="what waits for longer (its webhook is disabled) is dead"
    )
    backlog_max: PositiveInt = Field(
        default=1_000_000, description="with more pending, a webhook is disabled"
    )
    upkeep_seconds: Seconds = 30.0
    webhooks_max: PositiveInt = Field(default=100, description="of a tenant")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.lease_seconds < 2 * self.timeout_seconds:
            raise ValueError("lease_seconds must be at least twice timeout_seconds")
        for network in self.networks:
            ip_network(network)
        for key in filter(None, self.secret_key.get_secret_value().split(",")):
            if len(_decoded(key.strip())) != SECRET_KEY_BYTES:
                raise ValueError("secret_key must be base64 of 32 bytes: openssl rand -base64 32")
        return self

    @property
    def networks(self) -> list[str]:
        return _listed(self.allow_networks)

    @property
    def secret_keys(self) -> list[bytes]:
        keys = self.secret_key.get_secret_value().split(",")
        return [_decoded(key.strip()) for key in keys if key.strip()]


SECRET_KEY_BYTES: Final = 32


def _decoded(key: str) -> bytes:
    """Empty where it is no base64."""
    try:
        return b64decode(key, validate=True)
    except ValueError:
        return b""


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
    commands: Commands = Commands()
    retention: Retention = Retention()
    http: Http = Http()
    api: Api = Api()
    live: Live = Live()
    webhooks: Webhooks = Webhooks()
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
                _put(given, known[name], _read(known[name], Path(text)))
            except (OSError, ValueError) as failed:
                wrong.append(f"{variable}: can't read {text}: {failed}")
    return given, wrong


def _read(path: Place, file: Path) -> str | SecretOfFile:
    """Raises OSError, ValueError."""
    secret = SecretOfFile(file)
    return secret if _is_secret(path) else secret.get_secret_value()


def _is_secret(path: Place) -> bool:
    section: type[BaseModel] = Settings
    for part in path[:-1]:
        below = section.model_fields[part].annotation
        assert isinstance(below, type), "a section"
        section = below
    return section.model_fields[path[-1]].annotation is SecretStr


def _nearest(variable: str, known: Mapping[str, Place]) -> str:
    near = get_close_matches(variable, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _put(nested: dict[str, Any], path: Place, value: str | SecretStr) -> None:
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

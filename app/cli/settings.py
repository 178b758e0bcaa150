"""`funnel check-config`, and how every command gets its settings."""

from typing import TYPE_CHECKING, Any, Literal

from app.cli import printing

if TYPE_CHECKING:
    from app.settings import Settings

Level = Literal["info", "warning", "critical"]


def load(*, level: Level = "critical", **overrides: Any) -> "Settings":
    """Settings from the environment, else from the stack that runs here; sets up logging."""
    from app import settings
    from app.cli import stack_file

    found = load_without_stack(level=level, **overrides)
    is_set = {
        "kafka": "bootstrap_servers" in found.kafka.model_fields_set,
        "database": "url" in found.database.model_fields_set,
    }
    running = None if any(is_set.values()) else stack_file.running_in(found.data_dir)
    if running is None:
        return found
    here = {
        "kafka": {"bootstrap_servers": running.bootstrap_servers},
        "database": {"url": running.database_url},
    }
    for section, values in here.items():
        overrides[section] = {**overrides.get(section, {}), **values}
    return settings.load(**overrides)


def load_without_stack(*, level: Level = "warning", **overrides: Any) -> "Settings":
    """Settings from the environment alone; sets up logging.

    `level` counts where none is set: a command that asks something says what went wrong by
    itself, in its error.
    """
    from app import settings
    from app.telemetry import logs

    found = settings.load(**overrides)
    is_told = "level" in found.logs.model_fields_set
    logs.configure(
        found.logs.level if is_told else level,
        found.logs.format,
        is_traced=found.tracing.enabled,
    )
    return found


def check_config(as_json: printing.Json = False) -> None:
    """Check the settings and print the effective ones, secrets masked.

    Every setting is an environment variable; one that is wrong or unknown fails the check.
    """
    from app.settings import Settings, name_of, paths

    found = load()
    rows = [(name_of(at), _value(found, at), _value(Settings(), at)) for at in paths()]
    if as_json:
        printing.json({name: value for name, value, _ in rows})
        return
    printing.table(
        ("setting", "value", ""),
        [(name, _text(value), "" if value == usual else "changed") for name, value, usual in rows],
    )


def _value(settings: "Settings", at: tuple[str, ...]) -> Any:
    from pydantic import SecretStr

    value: Any = settings
    for part in at:
        value = getattr(value, part)
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return without_password(secret) if "://" in secret else "***" if secret else ""
    return value if isinstance(value, int | float) else str(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def without_password(url: str) -> str:
    """`url` fit to be shown: the password, and passwords among its parameters, masked."""
    import re

    hidden = re.sub(r"^([^:/?#]+://[^:/?#]*:).*@", r"\1***@", url)
    return re.sub(r"(?i)([?&][^=&]*password=)[^&]*", r"\1***", hidden)

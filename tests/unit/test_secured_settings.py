"""Settings of who the service is to Kafka and PostgreSQL, and who they must prove to be."""

import re
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.kafka_access import kafka_access
from app.settings import load
from app.storage.access import database_access

APP = Path(__file__).parents[2] / "app"


def test_a_secret_is_read_again_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    database = load({"FUNNEL_DATABASE__PASSWORD_FILE": str(file)}).database
    assert database_access(database)["password"] == "first"
    file.write_text("second\n")
    assert database_access(database)["password"] == "second"


def test_while_its_file_is_away_a_secret_holds(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    database = load({"FUNNEL_DATABASE__PASSWORD_FILE": str(file)}).database
    for spoilt in (lambda: file.write_text(""), file.unlink):
        spoilt()
        assert database.password.get_secret_value() == "first"


def test_a_secret_of_a_file_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret")
    settings = load({"FUNNEL_DATABASE__PASSWORD_FILE": str(file)})
    assert "s3cret" not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "'PLAINTEXT', 'SSL' or 'SASL_SSL'"),
        ({"KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, "set username and password"),
        ({"KAFKA__PASSWORD": "p"}, "password: only with security_protocol SASL_SSL"),
        ({"KAFKA__CA_FILE": __file__}, "only with security_protocol SSL or SASL_SSL"),
        ({"KAFKA__CA_FILE": "/nowhere"}, "does not point to a file"),
        (
            {"KAFKA__SECURITY_PROTOCOL": "SSL", "KAFKA__KEY_FILE": __file__},
            "set both of certificate_file and key_file",
        ),
        ({"DATABASE__CA_FILE": __file__}, "only with sslmode verify-full"),
        ({"DATABASE__SSLMODE": "require"}, "'as_url' or 'verify-full'"),
    ],
)
def test_what_would_not_protect_is_a_wrong_setting(given: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(says)):
        load({f"FUNNEL_{name}": value for name, value in given.items()})


def test_brokers_have_to_prove_their_name() -> None:
    kafka = load({}, kafka={"security_protocol": "SSL"}).kafka
    context = kafka_access(kafka)["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"


def test_every_client_of_the_brokers_logs_on_by_the_settings() -> None:
    """Give aiokafka's clients **kafka_access(settings.kafka), not bootstrap_servers=."""
    made = [
        str(path)
        for path in APP.rglob("*.py")
        if re.search(r"bootstrap_servers\s*=\s*\w*\.?_?(kafka|settings)\b", path.read_text())
    ]
    assert made == []


def test_every_connection_to_postgresql_is_made_by_the_settings() -> None:
    """Give asyncpg.connect **database_access(settings.database); a pool comes from `engine`."""
    making = re.compile(r"asyncpg\.(connect|create_pool)\((?!\s*\*\*database_access)")
    made = [path.name for path in APP.rglob("*.py") if making.search(path.read_text())]
    assert made == ["postgres.py"], "the embedded server asks whether it is up"

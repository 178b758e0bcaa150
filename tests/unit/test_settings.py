from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings import Settings, load, name_of, paths


def test_nothing_set_means_the_defaults() -> None:
    assert load({}) == Settings()


def test_nested_setting_is_read() -> None:
    assert load({"FUNNEL_KAFKA__GROUP_ID": "mine"}).kafka.group_id == "mine"


def test_override_wins_and_keeps_what_stands_beside_it() -> None:
    settings = load({"FUNNEL_HTTP__PORT": "1", "FUNNEL_HTTP__HOST": "::1"}, http={"port": 2})
    assert (settings.http.port, settings.http.host) == (2, "::1")


def test_secret_from_a_file_leaves_the_settings_beside_it(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://funnel:pw@db/funnel\n")
    settings = load(
        {
            "FUNNEL_DATABASE__URL_FILE": str(secret),
            "FUNNEL_DATABASE__LOCK_TIMEOUT_SECONDS": "9",
        }
    )
    assert settings.database.url.get_secret_value() == "postgresql://funnel:pw@db/funnel"
    assert settings.database.lock_timeout_seconds == 9


def test_value_and_file_at_once_is_wrong(tmp_path: Path) -> None:
    both = {"FUNNEL_MODEL": "a@1", "FUNNEL_MODEL_FILE": str(tmp_path / "model")}
    with pytest.raises(SettingsError, match="FUNNEL_MODEL is set too"):
        load(both)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"FUNNEL_DATABASE__URL_FILE.*nowhere"):
        load({"FUNNEL_DATABASE__URL_FILE": str(tmp_path / "nowhere")})


def test_every_wrong_setting_is_listed_at_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        load(
            {
                "FUNNEL_KAFKA__BOOTSTRAP": "b:9092",
                "FUNNEL_KAFK__GROUP_ID": "x",
                "FUNNEL_HTTP__PORT": "70000",
                "FUNNEL_LANE__BATCH_LINGER_MS": "soon",
            }
        )
    text = str(wrong.value)
    assert "FUNNEL_KAFKA__BOOTSTRAP: there is no such setting" in text
    assert "did you mean FUNNEL_KAFKA__GROUP_ID?" in text
    assert "FUNNEL_HTTP__PORT: " in text
    assert "FUNNEL_LANE__BATCH_LINGER_MS: " in text


def test_wrong_value_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as wrong:
        load({"FUNNEL_HTTP__PORT": "s3cret"})
    assert "s3cret" not in str(wrong.value)


def test_other_programs_variables_are_none_of_ours() -> None:
    assert load({"PATH": "/bin", "FUNNELS": "1"}) == Settings()


def test_failpoints_are_a_known_setting() -> None:
    assert load({"FUNNEL_FAILPOINTS": "apply.before_commit=kill"}).failpoints


def test_no_two_settings_share_a_name() -> None:
    names = [name_of(place) for place in paths()]
    assert len(names) == len(set(names))


def test_url_is_never_shown() -> None:
    settings = load({"FUNNEL_DATABASE__URL": "postgresql://u:pw@h/d"})
    assert "pw" not in repr(settings)
    assert "pw" not in settings.model_dump_json()

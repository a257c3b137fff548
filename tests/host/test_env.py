"""What differs between places comes from the environment; what is wrong there is named."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from integrations.checks import check_names
from otms import env

ROOT = Path(__file__).parents[2]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("OTMS_X", raising=False)
    monkeypatch.delenv("OTMS_X_FILE", raising=False)
    return lambda value: monkeypatch.setenv("OTMS_X", value)


def test_a_text_is_the_variable_or_the_default(given: Any) -> None:
    assert env.text("OTMS_X", "default") == "default"
    given("")
    assert env.text("OTMS_X", "default") == ""
    given("value")
    assert env.text("OTMS_X") == "value"


def test_a_text_may_stand_in_a_file(
    given: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("from the file\n", encoding="utf-8")
    monkeypatch.setenv("OTMS_X_FILE", str(tmp_path / "secret"))
    assert env.text("OTMS_X", "default") == "from the file"
    given("the variable itself")
    assert env.text("OTMS_X") == "the variable itself"


def test_a_file_that_is_missing_is_named(
    given: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTMS_X_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(ImproperlyConfigured, match=r"OTMS_X_FILE can't be read: .*nowhere"):
        env.text("OTMS_X", "default")


def test_a_required_text_is_asked_for_by_name(given: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"OTMS_X \(or OTMS_X_FILE\)"):
        env.text("OTMS_X")


@pytest.mark.parametrize("value", ["1", "true", "True", " YES ", "on"])
def test_a_flag_is_up(given: Any, value: str) -> None:
    given(value)
    assert env.flag("OTMS_X", False) is True


@pytest.mark.parametrize("value", ["0", "false", "No", "OFF", ""])
def test_a_flag_is_down(given: Any, value: str) -> None:
    given(value)
    assert env.flag("OTMS_X", True) is False


def test_a_flag_is_nothing_else(given: Any) -> None:
    assert (env.flag("OTMS_X", True), env.flag("OTMS_X", False)) == (True, False)
    given("maybe")
    with pytest.raises(ImproperlyConfigured, match="OTMS_X is 'maybe'; write true or false"):
        env.flag("OTMS_X", True)


def test_a_number_is_a_number(given: Any) -> None:
    assert env.number("OTMS_X", 1.5) == 1.5
    given("12")
    assert env.number("OTMS_X", 1) == 12


@pytest.mark.parametrize("value", ["ten", "", "nan", "inf"])
def test_a_number_is_nothing_else(given: Any, value: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=f"OTMS_X is '{value}'; write a number"):
        env.number("OTMS_X", 1)


def test_an_amount_is_a_whole_number_or_0(given: Any) -> None:
    assert env.amount("OTMS_X", 7) == 7
    given("2000000000")
    assert env.amount("OTMS_X", 7) == 2_000_000_000
    given("0")
    assert env.amount("OTMS_X", 7) == 0


@pytest.mark.parametrize("value", ["-1", "1.5", "1e30"])
def test_an_amount_is_nothing_else(given: Any, value: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match="write a whole number, or 0 for no limit"):
        env.amount("OTMS_X", 7)


def test_a_level_is_one_that_logs_have(given: Any) -> None:
    assert env.level("OTMS_X", "INFO") == "INFO"
    given(" debug ")
    assert env.level("OTMS_X", "INFO") == "DEBUG"


@pytest.mark.parametrize("value", ["trace", "", "10", "NOTSET"])
def test_a_level_is_nothing_else(given: Any, value: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured) as refused:
        env.level("OTMS_X", "INFO")
    assert str(refused.value) == (
        f"OTMS_X is {value!r}; write DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )


def test_words_are_separated_by_commas(given: Any) -> None:
    assert env.words("OTMS_X") == []
    assert env.words("OTMS_X", "a,b") == ["a", "b"]
    given(" a, b,,c ")
    assert env.words("OTMS_X") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (
            "postgres://u%40x:p%2Fw@db.example:5433/otms?sslmode=require",
            {
                "ENGINE": "otms.db.postgresql",
                "NAME": "otms",
                "USER": "u@x",
                "PASSWORD": "p/w",
                "HOST": "db.example",
                "PORT": "5433",
                "OPTIONS": {"connect_timeout": 5, "prepare_threshold": 3, "sslmode": "require"},
            },
        ),
        ("postgresql:///otms", {"NAME": "otms", "USER": "", "HOST": "", "PORT": ""}),
        ("sqlite:////var/otms.sqlite3", {"ENGINE": "otms.db.sqlite3", "NAME": "/var/otms.sqlite3"}),
    ],
)
def test_a_database_is_one_url(url: str, found: dict[str, Any]) -> None:
    assert env.database(url).items() >= found.items()


@pytest.mark.parametrize("url", ["mysql://x/y", "otms.sqlite3", ""])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(
        ImproperlyConfigured, match=r"DATABASE_URL can.t be read; write postgres://"
    ):
        env.database(url)


def test_only_this_file_reads_the_environment() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("otms", "integrations")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\b(environ|getenv)\b", path.read_text(encoding="utf-8"))
    }
    # The last three tell Django where the settings are, before anything of ours is imported.
    assert found <= {"otms/env.py", "otms/celery.py", "otms/asgi.py", "otms/wsgi.py"}


def test_origins_are_as_a_browser_writes_them(given: Any) -> None:
    assert env.origins("OTMS_X") == []
    given("https://Planning.example.com, http://127.0.0.1:8080,https://[2001:db8::1]:8443")
    assert env.origins("OTMS_X") == [
        *("https://planning.example.com", "http://127.0.0.1:8080"),
        "https://[2001:db8::1]:8443",
    ]
    given("https://*.example.com")
    assert env.origins("OTMS_X", any_host=True) == ["https://*.example.com"]


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        ("planning.example.com", "https://planning.example.com"),
        ("localhost:3000", "https://localhost:3000"),
        ("https://a.example/", "https://a.example"),
        ("https://a.example/app?x=1", "https://a.example"),
        ("https://ann@a.example", "https://a.example"),
        ("https://a.example:443", "https://a.example"),
        ("https://a.example:port", "https://planning.example.com"),
        ("ftp://a.example", "https://planning.example.com"),
        ("null", "https://null"),
        ("*", "each origin by itself"),
        ("https://*.example.com", "each origin by itself"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(given: Any, value: str, instead: str) -> None:
    given(f"https://good.example,{value}")
    with pytest.raises(ImproperlyConfigured) as refused:
        env.origins("OTMS_X")
    assert str(refused.value).startswith(f"OTMS_X has {value!r}; write {instead}")


def test_an_address_is_whole_or_refused(given: Any) -> None:
    assert env.address("OTMS_X") == ""
    for value in ("https://otms.example.com", "http://127.0.0.1:8710", "https://example.com/otms"):
        given(f"{value}/")
        assert env.address("OTMS_X") == value
    for value, instead in {
        "otms.example.com": "https://otms.example.com",
        "otms.example.com:8443": "https://otms.example.com:8443",
        "https://": "https://otms.example.com",
        "https://a.example:port": "https://otms.example.com",
        "https://a.example?x=1": "https://a.example",
    }.items():
        given(value)
        with pytest.raises(ImproperlyConfigured) as refused:
            env.address("OTMS_X")
        assert str(refused.value) == f"OTMS_X is {value!r}; write {instead}"


def test_a_slip_in_a_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """And neither what is right, nor what others made up."""
    assert env.misspelt() == {}
    for name in ("OTMS_MOST_WAITNG", "OTMS_ENCRYPTION_KEY_FILE", "OTMS_KEEP_DAYS", "OTMS_URL"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("OTMS_METRICS_TOKEN_FILE", "/run/secrets/token")
    assert env.misspelt() == {
        "OTMS_ENCRYPTION_KEY_FILE": "OTMS_ENCRYPTION_KEYS_FILE",
        "OTMS_MOST_WAITNG": "OTMS_MOST_WAITING",
    }
    (said,) = [each for each in check_names() if "WAITNG" in each.msg]
    assert (said.id, said.hint) == ("otms.W002", "Did you mean OTMS_MOST_WAITING?")

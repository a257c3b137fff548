"""docker-compose.yml, Dockerfile and .dockerignore hold together; test_deployment.py runs them."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from integrations.dispatcher import STOP_SECONDS
from tests.run import compose
from tests.run.compose import ROOT

SERVICES: dict[str, Any] = compose.filled_in(**compose.example())["services"]
OURS = ("migrate", "web", "worker", "beat")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_there_is_what_a_deployment_needs() -> None:
    assert list(SERVICES) == ["postgres", "redis", *OURS]
    assert len({SERVICES[name]["image"] for name in OURS}) == 1
    # Two that build the same tag at the same time collide.
    assert [name for name in SERVICES if "build" in SERVICES[name]] == ["migrate"]
    for name in ("web", "worker", "beat"):
        assert SERVICES[name]["pull_policy"] == "never"
    for name in OURS:
        assert isinstance(SERVICES[name]["command"], list)  # no shell between us and the signals


def by_the_specification(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a validator says of it that brings the compose specification's schema along."""
    (folder / "docker-compose.yml").write_text(text, encoding="utf-8")
    return subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", str(folder / "docker-compose.yml")),
        ],
        capture_output=True,
        text=True,
    )


def test_it_is_valid_by_the_compose_specification(tmp_path: Path) -> None:
    text = compose.text()
    told = by_the_specification(text, tmp_path)
    assert told.returncode == 0, told.stdout
    wrong = text.replace("read_only: true", "read_only: [maybe]")
    assert wrong != text
    assert by_the_specification(wrong, tmp_path).returncode == 1


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "SECRET_KEY", "OTMS_ENCRYPTION_KEYS"])
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_secret_that_is_not_given_is_asked_for_in_a_sentence(name: str, how: str) -> None:
    given = compose.example()
    if how == "missing":
        del given[name]
    else:
        given[name] = ""
    with pytest.raises(compose.Refused, match=rf"^required variable {name} .*\.env.*$"):
        compose.filled_in(**given)


def test_the_lines_of_the_page_make_what_is_asked_for(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/install-with-compose.md").read_text(encoding="utf-8")
    shutil.copy(ROOT / ".env.example", tmp_path)
    lines = page.split("```sh\n")[1].split("```")[0]
    subprocess.run(["sh", "-e"], input=lines, text=True, cwd=tmp_path, check=True)
    made = dict(re.findall(r"^([A-Z_]+)=(.*)$", (tmp_path / ".env").read_text(), re.MULTILINE))
    environment = compose.filled_in(**made)["services"]["web"]["environment"]
    Fernet(environment["OTMS_ENCRYPTION_KEYS"])
    assert len(made["SECRET_KEY"]) >= 50
    assert re.fullmatch(r"[0-9a-f]{64}", made["POSTGRES_PASSWORD"])


def test_no_secret_is_written_down() -> None:
    for place in (compose.text(), DOCKERFILE):
        assert not re.search(r"(?i)(password|secret|key)\w*[=:] *[\w.-]{3,}$", place, re.MULTILINE)
    assert "ARG" not in DOCKERFILE


def test_every_reference_leads_somewhere() -> None:
    whole = compose.filled_in(**compose.example())
    for service in SERVICES.values():
        for name, state in service.get("depends_on", {}).items():
            assert name in SERVICES
            if state["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
        for mount in service.get("volumes", []):
            assert mount.split(":")[0] in whole["volumes"]  # named, so that `down` keeps them
        for name in service.get("networks", []):
            assert name in whole["networks"]
        assert "secrets" not in service


def test_nothing_starts_on_tables_that_are_not_there() -> None:
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert SERVICES["migrate"]["restart"] == "no"
    for name in ("web", "worker", "beat"):
        needs = SERVICES[name]["depends_on"]
        assert needs["migrate"]["condition"] == "service_completed_successfully"
        assert needs["redis"]["condition"] == "service_healthy"
        assert needs["postgres"]["condition"] == "service_healthy"


def test_what_serves_is_kept_running_and_looked_after() -> None:
    for name, service in SERVICES.items():
        logs = service["logging"]
        assert logs["driver"] == "local" or {"max-size", "max-file"} <= set(logs["options"])
        if name != "migrate":
            assert service["restart"] == "unless-stopped"
            check = service["healthcheck"]
            assert check["test"][0] == "CMD"
            assert {"interval", "timeout", "retries", "start_period"} <= set(check)
            assert compose.seconds(check["timeout"]) < compose.seconds(check["interval"])


def test_only_the_web_server_can_be_reached_and_nobody_may_more_than_needed() -> None:
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["web"]
    assert SERVICES["web"]["ports"] == ["127.0.0.1:8000:8000"]
    for name, service in SERVICES.items():
        assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service)
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        if name != "postgres":  # begins as root, to own its volume
            assert service["cap_drop"] == ["ALL"]
    networks = compose.raw()["networks"]
    assert networks["data"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["data"]


def test_the_worker_is_given_the_time_to_finish_its_calls() -> None:
    assert compose.seconds(SERVICES["worker"]["stop_grace_period"]) > STOP_SECONDS + 10
    words = SERVICES["web"]["command"]
    graceful = int(words[words.index("--graceful-timeout") + 1])
    assert compose.seconds(SERVICES["web"]["stop_grace_period"]) > graceful


def test_every_other_setting_comes_from_the_same_file() -> None:
    for name in OURS:
        assert SERVICES[name]["env_file"] == ".env"
        environment = SERVICES[name]["environment"]
        assert environment["DATABASE_URL"] == "postgres://otms:a-password@postgres:5432/otms"
        assert environment["CELERY_BROKER_URL"] == "redis://redis:6379/0"


def test_the_image_is_pinned_and_runs_as_nobody_special() -> None:
    stages = re.findall(r"^FROM (\S+) AS (\w+)$", DOCKERFILE, re.MULTILINE)
    assert len(stages) >= 2
    names = [name for _, name in stages]
    bases = {base for base, _ in stages} - set(names)
    assert all(re.fullmatch(r"python:3\.1[1-9]\.\d+-slim-\w+", base) for base in bases)
    install = re.search(r"pip install (.*)", DOCKERFILE)
    assert install
    assert "--require-hashes" in shlex.split(install[1])
    assert "requirements.lock" in install[1]
    last = DOCKERFILE.split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert "collectstatic" in DOCKERFILE
    assert "pip install" not in last
    for name in ("postgres", "redis"):
        assert re.fullmatch(name + r":\d+\.\d+(\.\d+)?-\w+", SERVICES[name]["image"])


def test_only_what_runs_gets_into_the_image() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    kept = set(listed.stdout.split())
    allowed = compose.in_the_image()
    for each in allowed:
        assert each in kept or any(path.startswith(f"{each}/") for path in kept)
    assert not {".env", ".git", "var", "tests", "docs", ".venv"} & set(allowed)
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    assert {word for line in copied for word in line.split()} <= {*allowed, "."}

"""What comes with the product for Prometheus and Grafana fits to what `/metrics` says."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families as families

from tests import make

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/how-to/watch"
PAGE = (ROOT / "docs/how-to/watch.md").read_text(encoding="utf-8")
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
TOKEN = "a-token-that-is-long-enough-for-it"


def promtool(*words: str) -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed: on Debian and Ubuntu, apt-get install prometheus")
    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def asked() -> list[str]:
    """Every expression that a panel shows."""
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.fixture
def said(settings: Any) -> set[str]:
    """The names of what a scrape has."""
    settings.OTMS_METRICS_TOKEN = TOKEN
    make.integration("http://127.0.0.1:9")
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    found = list(families(answer.content.decode()))
    # A family without a sample has a name all the same.
    names = {sample.name for family in found for sample in family.samples}
    return names | {family.name for family in found}


def test_the_rules_are_rules() -> None:
    promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "--syntax-only", "prometheus.yml")


def test_the_rules_fire_and_clear() -> None:
    promtool("test", "rules", str(Path(__file__).with_name("alerts_test.yml")))


def test_every_panel_asks_what_prometheus_understands(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel_{place}", "expr": expr.replace("$__rate_interval", "1m")}
        for place, expr in enumerate(asked())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(file))


@pytest.mark.django_db(transaction=True)
def test_what_they_ask_is_there_and_explained(said: set[str]) -> None:
    used = [*asked(), *(rule["expr"] for rule in RULES)]
    names = set(re.findall(r"\botms_\w+", " ".join(used)))
    only_there = {name for name in names if name.startswith("otms_table_")}  # on PostgreSQL
    assert names - only_there <= said
    told = set(re.findall(r"^\| `(otms_\w+)`", PAGE, re.MULTILINE))
    bare = {re.sub("_(bucket|count|sum)$", "", name) for name in names}
    assert bare <= told


@pytest.mark.django_db(transaction=True)
def test_everything_that_is_said_is_explained(said: set[str]) -> None:
    parts = re.compile("_(bucket|count|sum|created)$")
    told = set(re.findall(r"^\| `(otms_\w+)`", PAGE, re.MULTILINE))
    known = {*told, *(name.removesuffix("_total") for name in told)}
    known |= {name.removesuffix("_info") for name in told}
    assert {parts.sub("", name) for name in said} - known == set()


def test_every_alert_is_explained() -> None:
    assert set(re.findall(r"^\| `(Otms\w+)`", PAGE, re.MULTILINE)) == {
        rule["alert"] for rule in RULES
    }
    assert {rule["labels"]["severity"] for rule in RULES} == {"page", "ticket"}


def test_panels_do_not_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        fields = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not fields & taken
        assert max(x for x, _ in fields) < 24
        taken |= fields
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)

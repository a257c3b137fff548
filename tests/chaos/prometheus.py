"""A real Prometheus with the rules and the configuration that come with the product, in a hurry."""

import json
import re
import shutil
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from tests.chaos.system import ROOT, Process, System, free_port, wait_for

FOLDER = ROOT / "docs/how-to/watch"
TOKEN = "a-token-for-one-run-and-no-other"
# What takes minutes takes seconds: every time in a rule is a thirtieth of what it was.
HURRY = 30
UNITS = {"s": 1, "m": 60, "h": 3600}
# Thresholds in seconds. Beat sends every ten: less would be no sign of anything.
THRESHOLDS = {"> 300": "> 10", "> 900": "> 30", "age_seconds) > 60": "age_seconds) > 15"}


def hurried(rules: str) -> str:
    """The rules as they are, but for their times."""
    for slow, fast in THRESHOLDS.items():
        assert slow in rules
        rules = rules.replace(slow, fast)
    return re.sub(
        r"(for: |\[)(\d+)([smh])",
        lambda found: f"{found[1]}{max(1, int(found[2]) * UNITS[found[3]] // HURRY)}s",
        rules,
    )


class Prometheus:
    """What it has seen, and which alerts it fires."""

    def __init__(self, system: System) -> None:
        if not shutil.which("prometheus"):
            pytest.skip("prometheus is not installed: on Debian, apt-get install prometheus")
        folder, self.port = system.folder, free_port()
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (scraped,) = config["scrape_configs"]
        scraped["authorization"]["credentials_file"] = str(folder / "token")
        scraped["static_configs"][0]["targets"] = [f"127.0.0.1:{system.web_port}"]
        (folder / "token").write_text(TOKEN)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "alerts.yml").write_text(hurried((FOLDER / "alerts.yml").read_text()))
        self.began = time.time()
        self.process: Process = system.start(
            "prometheus",
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        )
        wait_for(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    def _ask(self, path: str, **query: Any) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(query)}"
        with urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def firing(self) -> dict[str, str]:
        """The alerts that fire now, and what each says."""
        return {
            each["labels"]["alertname"]: each["annotations"]["summary"]
            for each in self._ask("alerts")["alerts"]
            if each["state"] == "firing"
        }

    def until(self, name: str, fires: bool = True, timeout: float = 60) -> str:
        """Wait until this alert fires, or fires no more; what it says."""
        said = ""

        def is_so() -> bool:
            nonlocal said
            firing = self.firing()
            said = firing.get(name, "")
            return (name in firing) is fires

        wait_for(is_so, timeout)
        return said

    def fired_since(self, moment: float) -> set[str]:
        """The alerts that fired at some time since then."""
        return {
            each["metric"]["alertname"]
            for each in self.series('ALERTS{alertstate="firing"}', step=1)
            if any(at >= moment for at, _ in each["values"])
        }

    def sees(self, expression: str) -> bool:
        """Is there anything of which it is so now?"""
        return bool(self._ask("query", query=expression)["result"])

    def series(self, expression: str, step: float) -> Any:
        """What a graph of it shows, from the beginning until now."""
        span = {"start": self.began, "end": time.time(), "step": step}
        return self._ask("query_range", query=expression, **span)["result"]

    def table(self, columns: dict[str, str], marks: Iterable[tuple[float, str]], step: int) -> str:
        """The graphs, as rows over time, with what was done meanwhile."""
        found: dict[str, dict[int, float]] = {
            name: {
                round((moment - self.began) / step): float(value)
                for each in self.series(expression, step)
                for moment, value in each["values"]
            }
            for name, expression in columns.items()
        }
        fired: dict[int, list[str]] = {}
        for each in self.series('ALERTS{alertstate="firing"}', step):
            for moment, _ in each["values"]:
                name = each["metric"]["alertname"].removeprefix("Otms")
                fired.setdefault(round((moment - self.began) / step), []).append(name)
        widths = {name: max(len(name), 6) for name in columns}
        lines = ["   s  " + "  ".join(name.rjust(width) for name, width in widths.items())]
        told = sorted(marks)
        for row in range(round((time.time() - self.began) / step) + 1):
            while told and told[0][0] - self.began <= row * step:
                lines.append(f"      -- {told.pop(0)[1]}")
            cells = (_short(found[name].get(row)).rjust(width) for name, width in widths.items())
            names = " ".join(sorted(set(fired.get(row, []))))
            lines.append(f"{row * step:4d}  {'  '.join(cells)}  {names}".rstrip())
        return "\n".join(lines)


def _short(value: float | None) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"

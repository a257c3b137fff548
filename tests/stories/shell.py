"""A shell in which somebody types a page, block by block; what each `curl` in it was answered."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# curl reads it from $CURL_HOME: the commands stay as they are printed.
CURLRC = r"""silent
show-error
max-time = 30
write-out = "%{stderr}@@ %{http_code} %{method} %{time_total} %{url_effective}\n"
"""
END = "@@ end of block"


@dataclass
class Call:
    """One call that curl made."""

    status: int
    method: str
    milliseconds: int
    path: str


@dataclass
class Ran:
    """What a block printed, and the calls it made."""

    printed: str
    calls: list[Call]


class Shell:
    """One `sh -eu` for the whole page, so that variables stay."""

    def __init__(self, folder: Path, environment: dict[str, str], server: str) -> None:
        (folder / ".curlrc").write_text(CURLRC)
        self.server = server
        self.errors = folder / "stderr"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                ["sh", "-eu"],
                cwd=folder,
                env={**environment, "CURL_HOME": str(folder)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._seen = 0

    def run(self, commands: str) -> Ran:
        """Type a block; an exit code that is not 0 ends the shell, and the test."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{commands}\nprintf '\\n{END}\\n'\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.startswith(END):
                break
            lines.append(line)
        else:
            raise AssertionError(f"This failed:\n{commands}\n{self.errors.read_text()}")
        said = self.errors.read_text()[self._seen :]
        self._seen += len(said)
        told = re.findall(r"^@@ (\d+) (\w+) ([\d.]+) (\S+)$", said, re.MULTILINE)
        calls = [
            Call(int(status), method, round(float(seconds) * 1000), url.removeprefix(self.server))
            for status, method, seconds, url in told
        ]
        return Ran("".join(lines).strip(), calls)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()

"""What processes take: CPU and memory of each with all its children, as the kernel counts them."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Meter:
    """Named processes; their ids are those of their parents."""

    def __init__(self, parts: dict[str, int]) -> None:
        self.parts = parts
        self.began: dict[str, float] = {}
        self.start()

    def start(self) -> None:
        self.began = {part: cpu(pid) for part, pid in self.parts.items()}

    def spent(self) -> dict[str, float]:
        """Seconds of CPU since the start."""
        return {part: cpu(pid) - self.began[part] for part, pid in self.parts.items()}


def tree(root: int) -> Iterator[int]:
    """The process and all that came of it."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children[parent].append(int(stat.parent.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children[pid]


def cpu(root: int) -> float:
    """Seconds so far, those of children that have ended too."""
    ticks = 0
    for pid in tree(root):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICK


def memory(root: int) -> float:
    """MiB; what processes share counts once."""
    kib = 0
    for pid in tree(root):
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024

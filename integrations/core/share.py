"""How a window of calls in flight is shared: nobody's calls that hang can take all of it.

The dynamic thresholds of shared buffers (Choudhury and Hahne, IEEE/ACM Transactions on Networking
6(2), 1998): whoever holds something may hold no more than what is free. Alone that is half of it,
beside others less, and something is always left for who comes new.
"""

from collections import Counter
from typing import Any


class Share:
    """Slots, held by the integrations of platforms."""

    def __init__(self, size: int) -> None:
        self.free = size
        self._held: Counter[Any] = Counter()
        self._platform: dict[Any, Any] = {}  # of the integrations that hold some

    def copy(self) -> "Share":
        """The same, to try out what may be taken one after the other."""
        share = Share(self.free)
        share._held = Counter(self._held)
        share._platform = dict(self._platform)
        return share

    def of(self, platform: Any, integration: Any) -> int:
        """How many more this integration may take now; who holds none may always take one."""
        held = self._held[platform] + self._held[integration]
        least = 0 if self._held[integration] else 1
        return min(self.free, max((self.free - held) // 2, least))

    def spent(self) -> list[Any]:
        """The integrations that may take nothing more as long as they hold what they hold."""
        return [mine for mine, whose in self._platform.items() if not self.of(whose, mine)]

    def take(self, platform: Any, integration: Any, slots: int = 1) -> None:
        """Slots that are in use from now on; fewer than none are given back."""
        self.free -= slots
        for holder in (platform, integration):
            self._held[holder] += slots
            if not self._held[holder]:
                del self._held[holder]
        if self._held[integration]:
            self._platform[integration] = platform
        else:
            self._platform.pop(integration, None)

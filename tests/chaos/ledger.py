"""What was received, held against what was saved: the judge of every storm."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from integrations.models import EntityChange, IntegrationObject, RequestLog
from otms.accounts.models import Platform
from tests.sink import Received


@dataclass(frozen=True)
class Ledger:
    """The sums; each list names what broke a promise."""

    changes: int
    queued: int  # objects
    calls: int
    repeated: list[Received]  # delivered although delivered before
    unheard: int  # of those, whose answer came too late to be heard
    unexplained: list[Received]  # of those, what no cut accounts for
    lost: list[str]  # webhook-ids that were never delivered
    twice: list[str]  # the same attempt of the same object, received twice
    inversions: list[str]  # an older change of a record, received after a newer one
    oldest: float  # the longest time from an arrival that was repeated to what cut it off

    @classmethod
    def of(
        cls,
        platform: Platform,
        received: Sequence[Received],
        cuts: Sequence[tuple[float, float]],
        *,
        written_within: float,
    ) -> "Ledger":
        """Hold them against each other.

        `cuts`: when workers died and the database was away, from and to, in Unix time. A delivery
        may be repeated if it was sent and not yet written down then: its attempt is noted as
        interrupted, and the cut came no later than `written_within` seconds after its arrival. Or
        if its answer was not heard in time: then the attempt is noted as that.
        """
        queued = IntegrationObject.objects.of(platform)
        objects = {
            str(uuid): (id, lane) for uuid, id, lane in queued.values_list("uuid", "id", "lane")
        }
        noted: dict[tuple[str, int], str] = {}
        for uuid, n, cut, status in (
            RequestLog.objects.of(platform)
            .order_by("interrupted")  # what came late may have been noted as both
            .values_list("object__uuid", "attempt", "interrupted", "response_status")
        ):
            heard = "answered" if 200 <= (status or 0) < 300 else "not heard"
            noted[str(uuid), n] = "cut" if cut else heard
        by_id: dict[str, list[Received]] = defaultdict(list)
        for one in received:
            by_id[one.headers["webhook-id"]].append(one)
        repeated, unexplained, twice, oldest, unheard = [], [], [], 0.0, 0
        for uuid, calls in by_id.items():
            if len({_attempt(call) for call in calls}) < len(calls):
                twice.append(uuid)
            delivered = [call for call in calls if 200 <= call.status < 300]
            repeated += delivered[1:]
            # Whichever of them came last: of the others nobody here knew that they were delivered.
            fates = [noted.get((uuid, _attempt(call)), "answered") for call in delivered]
            unheard += fates[:-1].count("not heard")
            known = [
                call for call, fate in zip(delivered, fates, strict=True) if fate == "answered"
            ]
            unexplained += known[1:]
            for call, fate in zip(delivered[:-1], fates, strict=False):
                if fate == "cut":
                    age = _age(call.at, cuts)
                    oldest = max(oldest, age)
                    if age > written_within:
                        unexplained.append(call)
        return cls(
            changes=EntityChange.objects.of(platform).count(),
            queued=len(objects),
            calls=len(received),
            repeated=repeated,
            unheard=unheard,
            unexplained=unexplained,
            lost=[
                uuid
                for uuid in objects
                if not any(200 <= call.status < 300 for call in by_id[uuid])
            ],
            twice=twice,
            inversions=_inversions(received, objects),
            oldest=oldest,
        )

    def __str__(self) -> str:
        return (
            f"{self.changes} changes, {self.calls} calls, lost {len(self.lost)}, duplicates "
            f"{len(self.repeated)} ({self.unheard} whose answer was not heard in "
            f"time, the others sent at most {self.oldest * 1000:.0f} ms before a cut; "
            f"{len(self.unexplained)} unexplained), inversions {len(self.inversions)}"
        )


def _attempt(call: Received) -> int:
    return int(call.headers["x-otms-attempt"])


def _age(at: float, cuts: Sequence[tuple[float, float]]) -> float:
    """How long before the next cut this was; 0 while there was one."""
    return min((max(0.0, began - at) for began, ended in cuts if ended >= at), default=inf)


def _inversions(received: Sequence[Received], objects: dict[str, tuple[int, str]]) -> list[str]:
    newest: dict[str, int] = {}
    found = []
    for one in received:
        id, lane = objects[one.headers["webhook-id"]]
        if id < newest.get(lane, 0):
            found.append(f"{lane}: {id} after {newest[lane]} at {one.at:.3f}")
        newest[lane] = max(id, newest.get(lane, 0))
    return found

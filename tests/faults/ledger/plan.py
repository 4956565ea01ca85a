"""Which faults are tried."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import NamedTuple

from tests.faults.ledger.breaks import Fault, Harm, When, break_off, in_a_hurry
from tests.faults.ledger.harness import Site
from tests.faults.ledger.operations import BY_NAME, OPERATIONS, Operation
from tests.faults.ledger.proxy import Message
from tests.faults.ledger.shortages import HOLDS, LIMITS, lack_room_in_the_stage, lack_room_to_sort, lack_time

ROOMS = (lack_room_in_the_stage, lack_room_to_sort)


class Try(NamedTuple):
    """A fault that is planned: its kind, and what brings it about and says whether the operation had happened."""

    kind: str
    run: Callable[[], bool]


STRIKES = (Harm.CUT, Harm.END_BACKEND, Harm.KILL_CLIENT)


def turning_points(points: list[Message], harm: Harm) -> Iterator[Fault]:
    """Choose the moments that matter most: the middle (of a COPY if there is one), COMMIT, and the answer to it."""
    asked = [point for point in points if point.to_server]
    rows = [point for point in asked if point.kind == "d"]
    inner = rows or [point for point in asked if 1 < point.statement < points[-1].statement]
    commit = next(point for point in asked if point.is_commit)
    answer = next(point for point in points if point.is_commit and not point.to_server)
    yield Fault(harm, When.WITHIN, inner[len(inner) // 2])
    yield Fault(harm, When.AFTER, commit)
    yield Fault(harm, When.BEFORE, answer)


def every_statement(points: list[Message], harm: Harm) -> Iterator[Fault]:
    """Choose for every statement the moments before it is sent, and after, before its answer is read."""
    for _, messages in groupby(sorted(points, key=attrgetter("statement")), key=attrgetter("statement")):
        asked = [message for message in messages if message.to_server]
        yield Fault(harm, When.BEFORE, asked[0])
        yield Fault(harm, When.AFTER, asked[-1])


def anywhere(points: list[Message], random: Random) -> Fault:
    """Choose any message and moment."""
    return Fault(random.choice(STRIKES), random.choice(list(When)), random.choice(points))


def a_night(site: Site, own_site: Site, random: Random, *, count: int) -> list[Try]:
    """Plan faults of every kind, at each statement of each operation and anywhere else, in random order."""
    tries = [
        *(
            _strike(site, operation, fault)
            for operation in OPERATIONS
            for harm in STRIKES
            for fault in every_statement(site.learn(operation).points, harm)
        ),
        *(
            _strike(own_site, operation, fault)
            for operation in OPERATIONS
            for fault in turning_points(own_site.learn(operation).points, Harm.KILL_BACKEND)
        ),
        *(_hurry(site, random.choice(OPERATIONS), random) for _ in range(count // 12)),
        *(_stall(site, BY_NAME[name], random) for name in ("post_many", "seal") for _ in range(6)),
        *(Try(f"room {lack.__name__}", partial(_lack, lack, site)) for lack in ROOMS for _ in range(5)),
    ]
    while len(tries) < count:
        operation = random.choice(OPERATIONS)
        tries.append(_strike(site, operation, anywhere(site.learn(operation).points, random)))
    random.shuffle(tries)
    return tries[:count]


def an_hour(site: Site, random: Random, *, count: int) -> list[Try]:
    """Plan a few of the quick faults."""
    operations = random.choices(OPERATIONS, k=count)
    return [_strike(site, operation, anywhere(site.learn(operation).points, random)) for operation in operations]


def _strike(site: Site, operation: Operation, fault: Fault) -> Try:
    return Try(fault.harm.name, partial(break_off, site, operation, fault))


def _stall(site: Site, operation: Operation, random: Random) -> Try:
    hurried = in_a_hurry(operation)
    rows = [point for point in site.learn(hurried).points if point.to_server and point.kind == "d"]
    return _strike(site, hurried, Fault(Harm.STALL, When.AFTER, random.choice(rows)))


def _hurry(site: Site, operation: Operation, random: Random) -> Try:
    hold, limit = random.choice(HOLDS), random.choice(LIMITS)
    return Try(limit, lambda: not lack_time(site, operation, hold=hold, limit=limit))


def _lack(lack: Callable[[Site], str], site: Site) -> bool:
    lack(site)
    return False

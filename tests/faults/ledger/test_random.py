"""Faults in random order: some in `script/test`, a thousand of every kind with GANWEI_PROFILE=nightly.

The seed is printed; GANWEI_SEED repeats it.
"""

import os
import sys
import time
from collections import Counter
from random import Random

import pytest

from tests.faults.ledger.harness import WRONG, Site
from tests.faults.ledger.plan import Try, a_night, an_hour
from tests.profile import IS_NIGHTLY

SEED = int(os.environ.get("GANWEI_SEED") or int.from_bytes(os.urandom(4)))
TRIES = 1_000 if IS_NIGHTLY else 8


def brought_about(tries: list[Try]) -> tuple[Counter[str], list[str]]:
    """Bring faults about, one after another; count them by kind and outcome, and say what was broken."""
    outcomes: Counter[str] = Counter()
    broken: list[str] = []
    for kind, run in tries:
        try:
            outcome = "had happened" if run() else "had not happened"
        except WRONG as error:
            outcome = "broken"
            broken.append(f"{kind}: {error}")
        outcomes[f"{kind.lower()}: {outcome}"] += 1
    return outcomes, broken


@pytest.mark.usefixtures("lost_cursors_let_go")
@pytest.mark.filterwarnings("ignore:<psycopg.ServerCursor:ResourceWarning")
class TestAnyFault:
    def test_leaves_all_or_nothing(
        self, site: Site, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
    ) -> None:
        random = Random(SEED)  # noqa: S311 -- a seed that can be repeated is the point
        if IS_NIGHTLY:
            tries = a_night(site, request.getfixturevalue("own_site"), random, count=TRIES)
        else:
            tries = an_hour(site, random, count=TRIES)
        assert len(tries) == TRIES
        began = time.monotonic()

        outcomes, broken = brought_about(tries)

        report = [f"{TRIES} faults, GANWEI_SEED={SEED}, {time.monotonic() - began:.0f} s"]
        report += [f"  {outcome}: {count}" for outcome, count in sorted(outcomes.items())]
        if IS_NIGHTLY:
            with capsys.disabled():
                sys.stdout.write("\n" + "\n".join(report) + "\n")
        assert not broken, "\n".join([*report, *broken[:5]])

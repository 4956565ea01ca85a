"""Operations that are broken off: they happen once or not at all, and repeating them makes them whole."""

import pytest

from tests.faults.ledger.breaks import Fault, Harm, When, break_off, in_a_hurry
from tests.faults.ledger.harness import Site
from tests.faults.ledger.operations import BY_NAME, OPERATIONS, Operation
from tests.faults.ledger.plan import STRIKES, turning_points
from tests.faults.ledger.shortages import ITSELF, lack_room_in_the_stage, lack_room_to_sort, lack_time

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


@pytest.mark.usefixtures("lost_cursors_let_go")
@pytest.mark.filterwarnings("ignore:<psycopg.ServerCursor:ResourceWarning")
class TestStriking:
    # One that is carried forward is struck in the random order.
    @pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.name != "post carried forward"], ids=str)
    @pytest.mark.parametrize("harm", STRIKES, ids=lambda harm: harm.name.lower())
    def test_leaves_all_or_nothing(self, site: Site, operation: Operation, harm: Harm) -> None:
        faults = turning_points(site.learn(operation).points, harm)

        happened = [break_off(site, operation, fault) for fault in faults]

        # Before COMMIT nothing has happened. What the server has answered has, though the client never heard of it.
        assert happened[0] is False
        assert happened[-1] is True

    @pytest.mark.parametrize("name", ["post", "post_many", "seal"])
    def test_leaves_all_or_nothing_when_the_server_crashes(self, own_site: Site, name: str) -> None:
        operation = BY_NAME[name]
        *_, last = turning_points(own_site.learn(operation).points, Harm.KILL_BACKEND)

        assert break_off(own_site, operation, last) is True


class TestRunningOutOfTime:
    @pytest.mark.parametrize("name", ["post_many", "seal"])
    def test_in_the_middle_of_a_copy(self, site: Site, name: str) -> None:
        operation = in_a_hurry(BY_NAME[name])
        rows = [point for point in site.learn(operation).points if point.to_server and point.kind == "d"]

        assert break_off(site, operation, Fault(Harm.STALL, When.AFTER, rows[-1])) is False

    @each_operation
    @pytest.mark.parametrize(
        ("limit", "hold"),
        [("lock_timeout", ITSELF), ("statement_timeout", "LOCK TABLE ledger_unsealed IN SHARE MODE")],
        ids=["lock", "statement"],
    )
    def test_while_another_holds_a_lock(self, site: Site, operation: Operation, limit: str, hold: str) -> None:
        assert lack_time(site, operation, hold=hold, limit=limit)


class TestRunningOutOfRoom:
    def test_in_the_stage(self, site: Site) -> None:
        assert "could not extend file" in lack_room_in_the_stage(site)

    def test_in_the_sort(self, site: Site) -> None:
        assert "temp_file_limit" in lack_room_to_sort(site)

"""Rounds together, the goals, the table."""

from tests.bench.goals import goals
from tests.bench.report import goal_lines, number, shape_table, table
from tests.bench.results import Result, Results, Spread, cpu, rate, spread
from tests.bench.shapes import SHAPES

TITLES = {"adapter": "adapter", "aedes": "aedes + kafkajs"}


def measured(system: str, round_number: int, *, cpu_us: float, shape: str = "20x200", missing: int = 0) -> Result:
    return Result(
        system=system,
        shape=shape,
        round=round_number,
        messages=1000,
        seconds=1.0,
        rate=1000 / cpu_us,
        cpu_us=cpu_us,
        p50_ms=1.0,
        p99_ms=2.0,
        missing=missing,
    )


def test_a_spread_is_the_median_and_the_ends_of_what_was_measured() -> None:
    assert spread([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([None]) is None


def test_ratios_are_taken_round_by_round() -> None:
    results = Results(
        [
            measured("adapter", 1, cpu_us=1.0),
            measured("aedes", 1, cpu_us=4.0),
            measured("adapter", 2, cpu_us=3.0),
            measured("aedes", 2, cpu_us=6.0),
        ]
    )
    assert results.ratio("adapter", "aedes", "20x200", cpu) == Spread(0.375, 0.25, 0.5)


def test_there_is_no_ratio_without_the_other() -> None:
    results = Results([measured("adapter", 1, cpu_us=1.0), measured("aedes", 2, cpu_us=4.0)])
    assert results.ratio("adapter", "aedes", "20x200", rate) is None


def test_goals_are_met_missed_or_not_measured() -> None:
    results = Results([measured("adapter", 1, cpu_us=3.0), measured("aedes", 1, cpu_us=10.0)])
    met = {goal.name: goal.met for goal in goals(results)}
    assert met == {
        "acknowledged and not in Kafka, or there twice": True,
        "PUBACKs out of order": True,
        "CPU per message, 20x200, adapter : aedes": True,
        "CPU per message, 20x200, adapter : aedes (aim)": False,
        "CPU per message, 1000x1, adapter : aedes": None,
        "p99, 1000x1, adapter : aedes": None,
        "messages/s, 20x200, adapter : aedes": True,
        "KiB for each idle connection": None,
    }


def test_records_that_are_missing_are_not_made_up_for_by_duplicates() -> None:
    results = Results([measured("adapter", 1, cpu_us=1.0, missing=2), measured("adapter", 2, cpu_us=1.0, missing=-2)])
    assert goals(results)[0].value == 4


def test_what_qos_0_lost_is_no_broken_promise() -> None:
    lost = Result(system="adapter", shape="qos0", round=1, messages=10, seconds=1.0, rate=10.0, cpu_us=1.0, missing=5)
    assert goals(Results([lost]))[0].value is None


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table([("a", "figure"), ("long", "1")]) == "a     figure\nlong       1"


def test_words_stand_to_the_left() -> None:
    assert table([("a", "figure"), ("long", "1")], right=False) == "a     figure\nlong  1"


def test_numbers_have_about_three_digits() -> None:
    assert [number(value) for value in (123456.7, 12.34, 1.234)] == ["123,457", "12.3", "1.23"]


def test_a_shape_shows_its_systems_their_ratio_and_what_went_wrong() -> None:
    results = Results([measured("adapter", 1, cpu_us=3.0), measured("aedes", 1, cpu_us=12.0, missing=7)])
    assert shape_table(results, SHAPES["20x200"], TITLES) == (
        "20 connections, window 200\n"
        "                 messages/s  CPU µs/message  p50 ms  p99 ms\n"
        "adapter                 333            3.00    1.00    2.00\n"
        "aedes + kafkajs        83.3            12.0    1.00    2.00  7 not in Kafka\n"
        "adapter : aedes        4.00            0.25    1.00    1.00"
    )


def test_a_missed_goal_is_said_loudly() -> None:
    results = Results([measured("adapter", 1, cpu_us=8.0), measured("aedes", 1, cpu_us=10.0)])
    lines = goal_lines(goals(results)).splitlines()
    assert next(line for line in lines if "1000x1" in line).startswith("not measured")
    assert next(line for line in lines if "CPU per message, 20x200" in line).startswith("MISSED")

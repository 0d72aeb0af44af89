"""`verify` says nothing about an adapter when it cannot read Kafka. On a real Kafka: tests/e2e/test_verify.py."""

from __future__ import annotations

import asyncio

import pytest

from adapter.errors import RejectedError, TransientKafkaError
from adapter.verify import proof
from adapter.verify.proof import Proof
from adapter.verify.publisher import Publisher, Series


class BrokenWatch:
    async def next(self) -> list[proof.Record]:
        raise RejectedError("TopicAuthorizationFailedError: may not read")

    async def ends(self) -> dict[int, int]:
        raise TransientKafkaError("away")


async def test_a_reader_that_fails_is_an_error_and_no_broken_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "KAFKA_BACK_SECONDS", 0.1)
    with pytest.raises(RejectedError, match="may not read"):
        await Proof("1", [], BrokenWatch(), seconds=5).run()


def test_a_puback_that_was_checked_while_its_partition_had_no_leader_says_nothing() -> None:
    one = Proof("1", [], BrokenWatch(), seconds=5)
    one._places |= {("d", 1): (0, 5), ("d", 2): (1, 5), ("d", 3): (0, 9)}
    one._checks += [("d", 1, {0: 6}), ("d", 2, {0: 6}), ("d", 3, {0: 9})]
    report = one._report([], 1.0, complete=True)
    assert (report.checked, report.before_record) == (2, 1)


class AwayWatch:
    """The first questions about the ends are answered as told, further ones for both partitions at once."""

    def __init__(self, answers: list[str]) -> None:
        self.answers = iter(answers)
        self.asked = 0

    async def next(self) -> list[proof.Record]:
        return []

    async def ends(self) -> dict[int, int]:
        self.asked += 1
        match next(self.answers, "both"):
            case "one":
                return {0: 6}
            case "none":
                raise TransientKafkaError("away")
            case "late":
                await asyncio.sleep(0.2)
        return {0: 6, 1: 6}


@pytest.mark.parametrize("known_by", ["record", "check"])
@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([], 2),
        (["one", "one"], 4),
        (["none"], 3),
        (["late"], 3),
        (["both", "one"], 4),
        (["both", "late"], 4),
    ],
)
async def test_records_are_missing_only_when_every_partition_could_be_read_twice_in_a_row(
    monkeypatch: pytest.MonkeyPatch, answers: list[str], asked: int, known_by: str
) -> None:
    monkeypatch.setattr(proof, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(proof, "PROMPT_SECONDS", 0.1)
    watch = AwayWatch(answers)
    one = Proof("1", [], watch, seconds=5)
    if known_by == "record":
        one._places |= {("d", 1): (0, 5), ("d", 2): (1, 5)}
    else:
        one._checks.append(("d", 1, {0: 5, 1: 5}))
    series = Series("127.0.0.1", 1, "d", "t", level=4, count=1, window=1, qos=(1,), pause=0.0)
    publisher = Publisher(series, one, asyncio.Event())
    publisher.story.sent(7, 1)
    await one._read_the_rest([publisher])
    assert watch.asked == asked

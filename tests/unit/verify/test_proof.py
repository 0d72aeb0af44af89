"""`verify` says nothing about an adapter when it cannot read Kafka. On a real Kafka: tests/e2e/test_verify.py."""

from __future__ import annotations

import pytest

from adapter.errors import RejectedError, TransientKafkaError
from adapter.verify import proof
from adapter.verify.proof import Proof


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

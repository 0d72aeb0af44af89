"""The judge of the end-to-end tests can say no."""

from tests.support.devices import Device, Verdict, judge
from tests.support.records import Record


def records(*payloads: bytes) -> list[Record]:
    return [Record(0, offset, b"d", payload, (), 0) for offset, payload in enumerate(payloads)]


def device(*payloads: bytes, acked: tuple[bytes, ...] = ()) -> Device:
    return Device("d", "t", sent=[(1, payload) for payload in payloads], acked=list(acked))


def test_what_is_acknowledged_and_not_there_is_lost() -> None:
    assert judge([device(b"1", b"2", acked=(b"1", b"2"))], records(b"1")) == Verdict(1, 0, 0, 0, 0)


def test_a_first_occurrence_behind_a_later_one_is_reordered() -> None:
    assert judge([device(b"1", b"2")], records(b"2", b"1")) == Verdict(0, 1, 0, 0, 0)


def test_a_second_occurrence_is_a_duplicate_wherever_it_is() -> None:
    assert judge([device(b"1", b"2")], records(b"1", b"2", b"1")) == Verdict(0, 0, 1, 0, 0)


def test_what_nobody_sent_is_a_stranger() -> None:
    assert judge([device(b"1")], records(b"1", b"?")) == Verdict(0, 0, 0, 0, 1)


def test_a_puback_out_of_turn_is_counted() -> None:
    one = device(b"1")
    one.out_of_order = 1
    assert not judge([one], records(b"1")).good

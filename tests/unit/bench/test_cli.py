"""The options of the bench, and who begins."""

import pytest

from tests.bench.cli import PEERS, order, parse
from tests.bench.shapes import SHAPES


def test_everything_is_measured_by_default() -> None:
    options = parse([])
    assert (options.shapes, options.peers) == (list(SHAPES), [*PEERS, "kafka"])


def test_an_unknown_shape_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--shapes", "20x20,7x7"])
    assert "unknown: 7x7; there are 20x20, 20x200" in capsys.readouterr().err


def test_every_round_begins_with_another_system() -> None:
    peers = list(PEERS.values())
    assert [order(peers, round_number)[0] for round_number in range(3)] == peers

"""The fuzzers' targets in short: what was found before, what Hypothesis makes, and some seconds of Atheris."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.make_corpus import CORPUS, seeds
from tests.fuzz.targets import TARGETS
from tests.support.kafka_dist import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FILES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
SECONDS = 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_is_in_the_corpus_does_no_harm(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_has_a_corpus() -> None:
    assert {path.parent.name for path in FILES} == set(TARGETS) == set(seeds())


def pieces(name: str) -> st.SearchStrategy[bytes]:
    """Parts of valid inputs, put together anew, and anything between."""
    known = [value[begin : begin + size] for value in seeds()[name] for size in (1, 4, 30) for begin in (0, 3, 11)]
    return st.lists(st.one_of(st.sampled_from(known), st.binary(max_size=20)), max_size=12).map(b"".join)


@pytest.mark.parametrize("name", TARGETS)
def test_what_hypothesis_makes_of_them_does_no_harm(name: str) -> None:
    @settings(max_examples=300, deadline=None, database=None)
    @given(pieces(name))
    def play(data: bytes) -> None:
        TARGETS[name](data)

    play()


@pytest.mark.parametrize("name", TARGETS)
def test_atheris_finds_nothing_in_a_moment(name: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.one",
        name,
        f"-max_total_time={SECONDS}",
        f"-artifact_prefix={tmp_path}/",
    ]
    (tmp_path / "found").mkdir()
    done = subprocess.run(
        [*command, str(tmp_path / "found"), str(CORPUS / name)],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]

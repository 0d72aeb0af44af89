"""`explain` and the front end agree about what never reaches a route."""

from __future__ import annotations

import json

import pytest

from adapter.commands.cli import main
from adapter.mqtt.limits import Limits
from adapter.reasons import Reason
from tests.support.front_end import World
from tests.support.packets import publish

LONGEST = 30  # bytes
MOST = 4  # levels


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTER_AUTH__REQUIRED", "false")
    monkeypatch.setenv("ADAPTER_MQTT__MAX_TOPIC_LENGTH", str(LONGEST))
    monkeypatch.setenv("ADAPTER_LIMITS__TOPIC_LEVELS", str(MOST))
    monkeypatch.setenv("ADAPTER_KAFKA__DEAD_LETTER_TOPIC", "letters")


def explained(capsys: pytest.CaptureFixture[str], topic: str) -> dict[str, object]:
    main(["explain", topic, "--json"])
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize(
    ("topic", "refusal"),
    [
        ("telemetry/demo/" + "x" * 15, None),
        ("telemetry/demo/" + "x" * 16, "the topic has 31 bytes, ADAPTER_MQTT__MAX_TOPIC_LENGTH allows 30"),
        ("telemetry/demo/" + "é" * 8, "the topic has 31 bytes, ADAPTER_MQTT__MAX_TOPIC_LENGTH allows 30"),
        ("t/demo/d/?hono-ttl=1", None),
        ("t/demo/d/x/?hono-ttl=1", "the topic has 5 levels, ADAPTER_LIMITS__TOPIC_LEVELS allows 4"),
    ],
)
def test_a_topic_over_a_limit_is_refused_by_explain_and_by_the_front_end(
    capsys: pytest.CaptureFixture[str], topic: str, refusal: str | None
) -> None:
    answer = explained(capsys, topic)
    world = World(max_topic_length=LONGEST, limits=Limits(topic_levels=MOST))  # type: ignore[arg-type]
    world.device(level=5).send(publish(topic, b"x", level=5))
    if refusal is None:
        assert "record" in answer
        assert world.ledger.refused[1] == {}
    else:
        assert answer["refused"] == {"reason": "bad_topic", "text": refusal}
        assert (answer["route"], answer["tried"], answer["dead_letter"]) == (None, {}, None)
        assert world.ledger.refused[1] == {Reason.BAD_TOPIC: 1}

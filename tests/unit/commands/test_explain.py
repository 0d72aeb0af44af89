"""`explain` and the front end agree about what never reaches a route."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from adapter.commands.cli import main
from adapter.mqtt.limits import Limits
from adapter.mqtt.publish_flow import RECORD_TOO_LARGE
from adapter.reasons import Reason
from tests.support.front_end import World
from tests.support.packets import publish

if TYPE_CHECKING:
    from pathlib import Path

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


def test_more_user_properties_than_allowed_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADAPTER_LIMITS__USER_PROPERTIES", "1")
    pair = ("--user-property", "a=b")
    assert main(["explain", "telemetry/demo/d", "--json", *pair]) == 0
    capsys.readouterr()
    assert main(["explain", "telemetry/demo/d", "--json", *pair, *pair]) == 1
    answer = json.loads(capsys.readouterr().out)
    text = "the packet has 2 user properties, ADAPTER_LIMITS__USER_PROPERTIES allows 1"
    assert answer["refused"] == {"reason": "limit", "text": text}
    assert answer["dead_letter"] is None


@pytest.mark.parametrize(("size", "fits"), [(262_120, True), (262_121, False)])
@pytest.mark.parametrize("properties", [(), ("--user-property", "a=b", "--content-type", "x", "--message-expiry", "9")])
def test_a_packet_that_is_too_large_ends_the_connection(
    capsys: pytest.CaptureFixture[str], size: int, properties: tuple[str, ...], *, fits: bool
) -> None:
    assert (len(publish("telemetry/demo/d", b"x" * size)) <= 262_144) == fits
    size -= 17 if properties else 0  # one property each of 7, 4 and 5 bytes, and their length
    main(["explain", "telemetry/demo/d", "--json", "--payload-size", str(size), *properties])
    answer = json.loads(capsys.readouterr().out)
    assert ("record" in answer) == fits
    if not fits:
        text = "the packet has 262145 bytes, ADAPTER_MQTT__MAX_PACKET_SIZE allows 262144; the connection ends"
        assert answer["refused"] == {"reason": "too_large", "text": text}
        assert answer["dead_letter"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "t/demo/d", "--payload-size", "-1"),
        ("explain", "t/demo/d", "--user-property", "name"),
        ("tail", "--header", "name"),
        ("tail", "--header", "=value"),
        ("verify", "--payload-size", "-1"),
    ],
)
def test_arguments_that_cannot_be_are_a_usage_error(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "must be" in capsys.readouterr().err


def test_a_record_that_is_larger_than_the_adapter_sends_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    routes = tmp_path / "routes.toml"
    routes.write_text(f'[[route]]\nmqtt = "#"\nkafka_topic = "t"\nkey = "k"\nheaders = {{ long = "{"x" * 17_000}" }}\n')
    monkeypatch.setenv("ADAPTER_ROUTES_FILE", str(routes))
    assert main(["explain", "a", "--json", "--payload-size", "262100"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["refused"] == {"reason": "too_large", "text": RECORD_TOO_LARGE.text}
    assert answer["dead_letter"] is None
    assert main(["explain", "a", "--json", "--payload-size", "250000"]) == 0

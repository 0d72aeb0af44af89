"""What settings and files must agree on is found when the parts are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapter.errors import ConfigurationError
from adapter.settings import load_settings
from adapter.wiring import kafka_options, make_router, mqtt_config, problems_of_files

if TYPE_CHECKING:
    from pathlib import Path


def test_a_route_may_not_write_to_the_dead_letter_topic(tmp_path: Path) -> None:
    routes = tmp_path / "routes.toml"
    routes.write_text('[[route]]\nname = "all"\nmqtt = "#"\nkafka_topic = "letters"\nkey = "{client_id}"\n')
    settings = load_settings({"ADAPTER_ROUTES_FILE": str(routes), "ADAPTER_KAFKA__DEAD_LETTER_TOPIC": "letters"})
    with pytest.raises(ConfigurationError) as raised:
        make_router(settings)
    assert raised.value.problems == (
        (
            "ADAPTER_ROUTES_FILE: route all writes to letters, which ADAPTER_KAFKA__DEAD_LETTER_TOPIC keeps for dead "
            "letters; choose another topic"
        ),
    )


def test_all_routes_that_contradict_the_settings_are_told_at_once(tmp_path: Path) -> None:
    routes = tmp_path / "routes.toml"
    route = '[[route]]\nname = "{0}"\nmqtt = "{0}"\nkafka_topic = "x"\nkey = "k"\ndelivery = "at_least_once"\n'
    routes.write_text(route.format("one") + route.format("two"))
    settings = load_settings(
        {
            "ADAPTER_ROUTES_FILE": str(routes),
            "ADAPTER_KAFKA__ACKS": "1",
            "ADAPTER_KAFKA__ENABLE_IDEMPOTENCE": "false",
            "ADAPTER_DELIVERY": "at_most_once",
        }
    )
    with pytest.raises(ConfigurationError) as raised:
        make_router(settings)
    assert [problem.split()[2] for problem in raised.value.problems] == ["one", "two"]


@pytest.mark.parametrize("packet", ["262144", "2048"])
def test_a_packet_of_the_largest_size_becomes_a_record(packet: str) -> None:
    """Its key and its headers come on top, also where a packet may be as large as a batch."""
    settings = load_settings({"ADAPTER_MQTT__MAX_PACKET_SIZE": packet, "ADAPTER_KAFKA__MAX_BATCH_SIZE": packet})
    largest = mqtt_config(settings).max_record_size
    assert largest >= int(packet) + 8192
    assert kafka_options(settings).max_batch_size > largest


def test_what_depends_on_a_broken_setting_is_not_told_too() -> None:
    settings = load_settings({})
    [nobody] = problems_of_files(settings, [])
    assert nobody.startswith("ADAPTER_AUTH__PLUGINS: ")
    assert not list(problems_of_files(settings, ["ADAPTER_AUTH__REQUIRED: 'perhaps' must be true or false"]))

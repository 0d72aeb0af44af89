"""What credentials name, a topic cannot contradict."""

import pytest

from adapter.model import Identity, Refusal
from adapter.reasons import Reason
from adapter.routing.origin import contradiction, has_control_characters, via

DEVICE = Identity("c1", "sensor1@plant", "plant", "sensor1")
GATEWAY = Identity("c2", "gw@plant", "plant", "gw", gateway=True)
NOBODY = Identity("c3", "bob")


@pytest.mark.parametrize(
    ("identity", "tenant", "device"),
    [
        (DEVICE, None, None),
        (DEVICE, "plant", "sensor1"),
        (DEVICE, None, "sensor1"),
        (GATEWAY, "plant", "sensor2"),
        (NOBODY, "any", "any"),
    ],
)
def test_what_agrees_with_the_credentials_or_what_they_leave_open_is_allowed(
    identity: Identity, tenant: str | None, device: str | None
) -> None:
    assert contradiction(identity, tenant, device) is None


def test_another_tenant_is_refused_even_to_a_gateway() -> None:
    assert contradiction(GATEWAY, "office", "sensor1") == Refusal(
        Reason.NOT_AUTHORIZED, "the topic names tenant 'office', the credentials belong to tenant 'plant'"
    )


def test_another_device_is_refused_to_a_device() -> None:
    assert contradiction(DEVICE, "plant", "sensor2") == Refusal(
        Reason.NOT_AUTHORIZED,
        "the topic names device 'sensor2', the credentials belong to device 'sensor1', which is not a gateway",
    )


def test_a_gateway_is_named_for_other_devices_only() -> None:
    assert via(GATEWAY, "sensor1") == "gw"
    assert via(GATEWAY, "gw") is None
    assert via(GATEWAY, None) is None
    assert via(DEVICE, "sensor2") is None


@pytest.mark.parametrize("text", ["a\0b", "\x1f", "a\x7f", "\x85"])
def test_control_characters_are_found(text: str) -> None:
    assert has_control_characters(text)


def test_letters_of_any_language_are_no_control_characters() -> None:
    assert not has_control_characters("Wärme 温度:1=é")

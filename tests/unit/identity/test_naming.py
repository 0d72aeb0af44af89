"""User names and the devices that they name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.identity.naming import identity_of
from adapter.model import Identity


@pytest.mark.parametrize(
    ("username", "tenant", "device"),
    [
        ("sensor1@demo", "demo", "sensor1"),
        ("a@b@c", "c", "a@b"),
        ("sensor1", None, None),
        ("@demo", None, None),
        ("sensor1@", None, None),
        ("@", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_the_tenant_follows_the_last_at_sign(username: str | None, tenant: str | None, device: str | None) -> None:
    assert identity_of("c1", username, ()) == Identity("c1", username, tenant, device)


@pytest.mark.parametrize(
    ("username", "expected"),
    [("gw1@demo", True), ("GW1@demo", False), ("gw1@other", False), ("sensor@demo", False), ("x@lab", True)],
)
def test_a_gateway_is_known_by_its_whole_user_name(username: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert identity_of("c1", username, ("gw*@demo", "?@lab")).gateway is expected


def test_a_name_without_a_tenant_is_no_gateway_whatever_the_pattern() -> None:
    assert identity_of("c1", "gw1", ("*",)).gateway is False


@given(st.text(min_size=1), st.text(st.characters(exclude_characters="@"), min_size=1))
def test_every_device_and_tenant_come_back_from_their_user_name(device: str, tenant: str) -> None:
    identity = identity_of("c1", f"{device}@{tenant}", ())
    assert (identity.device_id, identity.tenant) == (device, tenant)

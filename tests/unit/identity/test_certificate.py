"""`adapter.identity.certificate`: tenant and device out of a certificate's names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import ConfigurationError
from adapter.identity.certificate import CertificateNames
from adapter.peer import Certificate


def certificate(*names: tuple[str, str]) -> Certificate:
    return Certificate(names, b"")


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [
        ("CN={device}@{tenant}", [("CN", "d1@demo")], ("demo", "d1")),
        ("CN={device}@{tenant}", [("CN", "d1")], None),
        ("CN={device}@{tenant}", [("CN", "d1@de@mo")], None),
        ("O={tenant},CN={device}", [("CN", "d1"), ("O", "demo")], ("demo", "d1")),
        ("O={tenant}, CN={device}", [("CN", "d.1/x")], None),
        ("tenant=demo,CN={device}", [("CN", "d1"), ("OU", "x")], ("demo", "d1")),
        ("uri=spiffe://example.com/{tenant}/{device}", [("uri", "spiffe://example.com/demo/d1")], ("demo", "d1")),
        ("uri=spiffe://example.com/{tenant}/{device}", [("uri", "spiffe://example.com/demo/d1/x")], None),
        ("uri=spiffe://example.com/{tenant}/{device}", [("uri", "spiffe://exampleXcom/demo/d1")], None),
        ("uri=spiffe://example.com/{tenant}/{device}", [("dns", "spiffe://example.com/demo/d1")], None),
        ("dns={device}.{tenant}.example.com", [("dns", "d1.demo.example.com")], ("demo", "d1")),
        ("dns={device}.{tenant}.example.com", [("dns", "x.d1.demo.example.com")], None),
        ("tenant=demo,dns={device}.example.com", [("dns", "a.example.com"), ("dns", "b.other")], ("demo", "a")),
        ("tenant=demo,dns={device}.example.com", [("dns", "a.example.com"), ("dns", "b.example.com")], None),
        ("tenant=demo,OU=sensors,CN={device}", [("OU", "sensors"), ("CN", "d1")], ("demo", "d1")),
        ("tenant=demo,OU=sensors,CN={device}", [("OU", "actors"), ("CN", "d1")], None),
        ("O={tenant},CN={device}", [("O", "de@mo"), ("CN", "d1")], None),
    ],
)
def test_a_pattern_finds_tenant_and_device_or_nothing(
    pattern: str, names: list[tuple[str, str]], expected: tuple[str, str] | None
) -> None:
    assert CertificateNames(pattern).name(certificate(*names)) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "CN",
        "CN=",
        "CN={device}",
        "CN={device}@{tenant},tenant=demo",
        "CN={tenant}{device}",
        "CN={device}@{tenant},O={tenant}",
        "CN={device}@{place}",
        "CN={device}@{tenant",
        "XX={device}@{tenant}",
        "tenant={device}",
    ],
)
def test_what_names_no_device_in_one_way_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="ADAPTER_AUTH__CERTIFICATE_IDENTITY: "):
        CertificateNames(pattern)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_certificate_can_be_read_as_another_device(device: str, tenant: str) -> None:
    """A name made of a device and a tenant is read as just these, or not at all."""
    found = CertificateNames("CN={device}@{tenant}").name(certificate(("CN", f"{device}@{tenant}")))
    assert found in {(tenant, device), None}

"""Secrets are in no text: not in `repr`, not in an error, not in what hangs on an error."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from adapter.errors import ConfigurationError
from adapter.settings import describe, load_settings, warnings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "correct-horse-battery"  # noqa: S105 - not used anywhere
SASL = {
    "ADAPTER_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "ADAPTER_KAFKA__SASL_MECHANISM": "PLAIN",
    "ADAPTER_KAFKA__SASL_USERNAME": "adapter",
    "ADAPTER_KAFKA__SASL_PASSWORD": SECRET,
}


def test_secrets_are_in_no_text_that_is_made_of_settings(tmp_path: Path) -> None:
    pem = tmp_path / "x.pem"
    pem.write_text("")
    settings = load_settings(
        {
            **SASL,
            "ADAPTER_KAFKA__SSL_CERTFILE": str(pem),
            "ADAPTER_KAFKA__SSL_KEYFILE": str(pem),
            "ADAPTER_KAFKA__SSL_KEY_PASSWORD": SECRET,
            "ADAPTER_AUTH__PLUGINS": json.dumps({"a.B": {"bind_password": SECRET}}),
        }
    )
    for text in (repr(settings), str(settings), f"{settings.kafka}", repr(settings.auth), *warnings(settings)):
        assert SECRET not in text
    assert settings.auth.plugins == {"a.B": {"bind_password": SECRET}}


def test_secrets_are_in_no_error_and_nothing_that_hangs_on_it() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings(
            {
                "ADAPTER_KAFKA__SASL_PASSWORD": SECRET,
                "ADAPTER_AUTH__PLUGINS": '{"a.B": "' + SECRET + '"}',
                "ADAPTER_KAFKA__SASL_PASWORD": SECRET,
                "ADAPTER_MQTT__PORT": "mqtt",
            }
        )
    assert SECRET not in str(raised.value)
    assert len(raised.value.problems) == 4
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_every_secret_is_known_as_one() -> None:
    assert [variable.name for variable in describe() if variable.secret] == [
        "ADAPTER_TLS__KEY_PASSWORD",
        "ADAPTER_KAFKA__SASL_PASSWORD",
        "ADAPTER_KAFKA__SSL_KEY_PASSWORD",
        "ADAPTER_AUTH__PLUGINS",
    ]


def test_no_secret_is_a_variable_that_is_not_known_as_one() -> None:
    """Names that sound like a secret are marked as one."""
    suspicious = [v.name for v in describe() if re.search("PASSWORD|SECRET|TOKEN|CREDENTIAL", v.name) and not v.secret]
    assert suspicious == []

"""What the options mean in aiokafka's words."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from adapter.errors import ConfigurationError
from adapter.kafka.options import KafkaOptions
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


def test_the_default_is_at_least_once() -> None:
    production = KafkaOptions("localhost:9092").production()
    assert production["acks"] == "all"
    assert production["enable_idempotence"] is True
    assert production["linger_ms"] == 0


@pytest.mark.parametrize(("acks", "theirs"), [("1", 1), ("0", 0), ("all", "all")])
def test_weaker_acknowledgements_go_without_idempotence(acks: str, theirs: int | str) -> None:
    options = KafkaOptions("localhost:9092", acks=acks, enable_idempotence=False)
    assert options.production()["acks"] == theirs


def test_idempotence_without_acks_all_is_a_fault_of_the_caller() -> None:
    with pytest.raises(AssertionError):
        KafkaOptions("localhost:9092", acks="1").production()


def test_a_batch_of_the_full_size_is_well_below_the_limit_of_aiokafka() -> None:
    options = KafkaOptions("localhost:9092", max_batch_size=100_000)
    assert options.production()["max_batch_size"] == 200_000


async def test_aiokafka_takes_every_option() -> None:
    options = KafkaOptions(
        "localhost:9092",
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="adapter",
        sasl_password="secret",  # noqa: S106 - of nobody
        compression_type="zstd",
    )
    producer = AIOKafkaProducer(**options.connection(), **options.production())
    await producer.stop()


def test_tls_checks_certificate_and_host_name() -> None:
    context = KafkaOptions("localhost:9093", security_protocol="SASL_SSL").connection()["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    cafile = tmp_path / "ca.pem"
    cafile.write_text("not a certificate")
    options = KafkaOptions("localhost:9093", security_protocol="SSL", ssl_cafile=str(cafile))
    with pytest.raises(ConfigurationError, match=r"ADAPTER_KAFKA__SSL_.*ca\.pem"):
        options.connection()


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_key_that_stays_locked_is_an_error_and_no_question_on_the_terminal(
    tmp_path: Path, password: str | None
) -> None:
    certfile, keyfile = Authority(tmp_path, "authority").sign("adapter", key_password="right")  # noqa: S106 - of nobody
    options = KafkaOptions(
        "localhost:9093",
        security_protocol="SSL",
        ssl_certfile=str(certfile),
        ssl_keyfile=str(keyfile),
        ssl_key_password=password,
    )
    with pytest.raises(ConfigurationError, match="does ADAPTER_KAFKA__SSL_KEY_PASSWORD decrypt the key"):
        options.connection()


def test_passwords_are_not_shown() -> None:
    options = KafkaOptions("localhost:9092", sasl_password="s3cret", ssl_key_password="s3cret")  # noqa: S106 - of nobody
    assert "s3cret" not in repr(options)

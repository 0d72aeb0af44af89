"""SASL, TLS and authorisation, with a real broker that insists on them."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.support.adapter import Adapter
from tests.support.certificates import Authority, keystore
from tests.support.command import command
from tests.support.devices import Device
from tests.support.kafka_broker import KafkaBroker
from tests.support.records import read_all
from tests.support.until import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSWORD = "a-password-of-nobody"  # noqa: S105 - a test's
WRONG = "not-the-password"
KEY_PASSWORD = "opens-the-key"  # noqa: S105 - a test's
SESSION_MS = 2000  # what a SASL session may last on the listener with TLS; then the broker closes the connection

PROPERTIES = """\
listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="{password}";
listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.connections.max.reauth.ms={session_ms}
listener.name.ssl.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
"""


@dataclass(frozen=True)
class Secured:
    """The broker, and what its clients need."""

    kafka: KafkaBroker
    cafile: str
    stranger: str  # an authority that has signed nothing here
    certfile: str
    keyfile: str

    def plain(self, password: str = PASSWORD) -> dict[str, str]:
        """SASL PLAIN without TLS."""
        return self._to(
            "SASL_PLAINTEXT", SASL_MECHANISM="PLAIN", SASL_USERNAME="plain", SASL_PASSWORD=password
        )  # fmt: skip

    def scram(self, user: str, *, cafile: str | None = None) -> dict[str, str]:
        """SCRAM over TLS; the password comes beside it."""
        return self._to(
            "SASL_SSL", SASL_MECHANISM="SCRAM-SHA-512", SASL_USERNAME=user, SSL_CAFILE=cafile or self.cafile
        )

    def tls(self, **more: str) -> dict[str, str]:
        """TLS without SASL; the broker wants a certificate."""
        return self._to("SSL", SSL_CAFILE=self.cafile, **more)

    def _to(self, protocol: str, **more: str) -> dict[str, str]:
        variables = {"BOOTSTRAP_SERVERS": self.kafka.secure[protocol], "SECURITY_PROTOCOL": protocol, **more}
        return {f"KAFKA__{name}": value for name, value in variables.items()}

    def set_password(self, user: str, password: str) -> None:
        """Make a SCRAM user, or give it another password."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        credential = UserScramCredentialUpsertion(user, info, password.encode())
        self.kafka.admin.alter_user_scram_credentials([credential])[user].result(30)

    def allow(self, topic: str, operation: AclOperation) -> None:
        """Let the user of `plain` do this, and nothing else that it has not been allowed before."""
        permission = AclPermissionType.ALLOW
        entry = AclBinding(
            ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:plain", "*", operation, permission
        )
        self.kafka.admin.create_acls([entry])[entry].result(30)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One broker for the module."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    certfile, keyfile = authority.sign("adapter", key_password=KEY_PASSWORD)
    properties = PROPERTIES.format(
        password=PASSWORD,
        session_ms=SESSION_MS,
        keystore=keystore(*authority.sign("broker")),
        truststore=authority.cafile,
    )
    with KafkaBroker(secure=("SASL_PLAINTEXT", "SASL_SSL", "SSL"), properties=properties, heap="256m") as kafka:
        yield Secured(kafka, str(authority.cafile), str(stranger.cafile), str(certfile), str(keyfile))


def adapter(variables: dict[str, str]) -> Adapter:
    return Adapter(variables["KAFKA__BOOTSTRAP_SERVERS"], **variables)


def reasons_logged(running: Adapter) -> list[str]:
    """Why Kafka could not be written to once it had been."""
    return [str(line["reason"]) for line in running.log_lines() if line["event"] == "Kafka cannot be written to"]


async def seen_to_work(secured: Secured, tenant: str, variables: dict[str, str]) -> str:
    """A device is acknowledged, Kafka has its record, `tail` sees it with the same variables; what was written."""
    topic = secured.kafka.create_topic(f"hono.telemetry.{tenant}", 1)
    with adapter(variables) as running:
        device = Device(tenant, f"telemetry/{tenant}/d")
        await device.connect(running.port)
        await device.publish(1)
        await device.all_acked()
        assert device.acked == [f"{tenant}:1".encode()]
        await device.close()
        running.assert_balanced()
        assert running.stop() == 0
        output = running.output()
    assert [record.value for record in read_all(secured.kafka.bootstrap, topic)] == device.acked
    tailed = command("tail", "--topic", f"^{topic}$", "--from-beginning", "--count", "1", **variables)
    assert (tailed.returncode, tailed.stderr) == (0, "")
    assert tailed.stdout.rstrip().endswith(f"value={tenant}:1")
    return output


async def seen_to_fail(variables: dict[str, str], reason: str) -> None:
    """The adapter lives, takes no devices, and says why in the same words everywhere."""
    said = f"{variables['KAFKA__BOOTSTRAP_SERVERS']}: {reason}"
    with closing(adapter(variables).start(wait=False)) as running:
        await until(lambda: running.readiness() == (False, [f"kafka: not reached yet: {said}"]))
        assert running.get("/livez")[0] == 200
        assert running.get("/readyz")[0] == 503
        with pytest.raises(ConnectionRefusedError):
            await Device("d", "telemetry/t/d").connect(running.port)
        lines = [line for line in running.log_lines() if line["event"] == "kafka not reached yet"]
        assert {line["error"] for line in lines} == {said}
        assert running.stop() == 0
        output = running.output()
    tailed = command("tail", **variables)
    assert (tailed.returncode, tailed.stdout) == (4, "")
    assert tailed.stderr == f"Kafka cannot be read: {said}\n"
    for secret in (PASSWORD, WRONG, KEY_PASSWORD):
        assert secret not in output + tailed.stderr


async def test_sasl_plain_without_tls(secured: Secured, unique: Callable[[str], str]) -> None:
    assert PASSWORD not in await seen_to_work(secured, unique("plain"), secured.plain())


async def test_scram_over_tls_with_the_password_in_a_file(
    secured: Secured, unique: Callable[[str], str], tmp_path: Path
) -> None:
    secured.set_password("scram", PASSWORD)
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    variables = {**secured.scram("scram"), "KAFKA__SASL_PASSWORD_FILE": str(file)}
    assert PASSWORD not in await seen_to_work(secured, unique("scram"), variables)


async def test_a_certificate_of_the_adapter_with_a_locked_key(secured: Secured, unique: Callable[[str], str]) -> None:
    variables = secured.tls(
        SSL_CERTFILE=secured.certfile, SSL_KEYFILE=secured.keyfile, SSL_KEY_PASSWORD=KEY_PASSWORD
    )  # fmt: skip
    assert KEY_PASSWORD not in await seen_to_work(secured, unique("certificate"), variables)


async def test_a_wrong_password_is_said_and_nothing_of_it(secured: Secured) -> None:
    said = "authentication failed (Authentication failed: Invalid username or password): "
    await seen_to_fail(secured.plain(WRONG), said + "check ADAPTER_KAFKA__SASL_USERNAME and its password")


async def test_a_broker_of_an_unknown_authority_is_said(secured: Secured) -> None:
    variables = {**secured.scram("scram", cafile=secured.stranger), "KAFKA__SASL_PASSWORD": PASSWORD}
    said = "the broker's certificate is not accepted (unable to get local issuer certificate): "
    await seen_to_fail(variables, said + "check ADAPTER_KAFKA__SSL_CAFILE")


async def test_a_broker_under_another_name_is_said(secured: Secured) -> None:
    variables = secured.tls()
    address = variables["KAFKA__BOOTSTRAP_SERVERS"].replace("127.0.0.1", "localhost")
    said = "the broker's certificate is not accepted (Hostname mismatch, certificate is not valid for 'localhost'.)"
    await seen_to_fail({**variables, "KAFKA__BOOTSTRAP_SERVERS": address}, said)


async def test_a_missing_certificate_of_the_adapter_is_said(secured: Secured) -> None:
    said = "TLS failed (SSLV3_ALERT_BAD_CERTIFICATE): check ADAPTER_KAFKA__SSL_CERTFILE, and "
    await seen_to_fail(secured.tls(), said + "ADAPTER_KAFKA__SECURITY_PROTOCOL=SSL")


async def test_a_mechanism_that_the_broker_does_not_take_is_said(secured: Secured) -> None:
    variables = {**secured.plain(), "KAFKA__SASL_MECHANISM": "SCRAM-SHA-256"}
    said = "the broker does not support ADAPTER_KAFKA__SASL_MECHANISM=SCRAM-SHA-256 here"
    await seen_to_fail(variables, said)


async def test_a_missing_security_protocol_is_said(secured: Secured) -> None:
    variables = {"KAFKA__BOOTSTRAP_SERVERS": secured.kafka.secure["SASL_PLAINTEXT"]}
    said = "the broker closes the connection: does it support ADAPTER_KAFKA__SECURITY_PROTOCOL=PLAINTEXT here?"
    await seen_to_fail(variables, said)


async def test_sessions_that_end_lose_and_reorder_nothing_and_a_changed_password_is_said(
    secured: Secured, unique: Callable[[str], str]
) -> None:
    tenant, user = unique("session"), unique("user")
    topic = secured.kafka.create_topic(f"hono.telemetry.{tenant}", 1)
    secured.set_password(user, WRONG)
    with closing(adapter({**secured.scram(user), "KAFKA__SASL_PASSWORD": PASSWORD}).start(wait=False)) as running:
        await until(lambda: "authentication failed" in "".join(running.readiness()[1]))
        secured.set_password(user, PASSWORD)
        await asyncio.to_thread(running.wait_ready)
        device = Device(tenant, f"telemetry/{tenant}/d", window=1000)
        await device.connect(running.port)

        async def publish_for(sessions: float, first: int) -> int:
            end = asyncio.get_running_loop().time() + sessions * SESSION_MS / 1000
            number = first
            while asyncio.get_running_loop().time() < end:
                await device.publish(number)
                number += 1
                await asyncio.sleep(0.005)
            return number

        number = await publish_for(2, 0)
        await device.all_acked()
        secured.set_password(user, WRONG)
        number = await publish_for(1.5, number)
        await until(lambda: "authentication failed" in "".join(running.readiness()[1]))
        await until(lambda: any("authentication failed" in reason for reason in reasons_logged(running)))
        assert not device.closed
        secured.set_password(user, PASSWORD)
        await device.all_acked()
        await asyncio.to_thread(running.wait_ready)
        await device.close()
        running.assert_balanced()
        assert running.stop() == 0
        assert not any(secret in running.output() for secret in (PASSWORD, WRONG))
    records = [record.value for record in read_all(secured.kafka.bootstrap, topic)]
    assert list(dict.fromkeys(records)) == [f"{tenant}:{each}".encode() for each in range(number)] == device.acked


async def test_a_topic_that_may_not_be_written_to_waits_for_the_right_and_the_others_go_on(
    secured: Secured, unique: Callable[[str], str]
) -> None:
    open_, denied = unique("open"), unique("denied")
    topics = {tenant: secured.kafka.create_topic(f"hono.telemetry.{tenant}", 1) for tenant in (open_, denied)}
    secured.allow(topics[denied], AclOperation.DESCRIBE)  # whoever may do nothing else may not write
    with adapter(secured.plain()) as running:
        other = Device("other", f"telemetry/{open_}/other", window=5)
        waits = Device("waits", f"telemetry/{denied}/waits")
        for device in (other, waits):
            await device.connect(running.port)
        await waits.publish(1)
        await until(lambda: "TOPIC_AUTHORIZATION_FAILED" in running.output())
        await other.series(range(300))
        await other.all_acked()
        assert (len(other.acked), other.out_of_order) == (300, 0)
        assert (waits.acked, waits.closed) == ([], False)
        assert read_all(secured.kafka.bootstrap, topics[denied]) == []
        secured.allow(topics[denied], AclOperation.WRITE)
        await waits.all_acked()
        assert waits.acked == [b"waits:1"]
        for device in (other, waits):
            await device.close()
        running.assert_balanced()
        assert running.stop() == 0
    assert [record.value for record in read_all(secured.kafka.bootstrap, topics[denied])] == waits.acked
    values = [record.value for record in read_all(secured.kafka.bootstrap, topics[open_])]
    assert list(dict.fromkeys(values)) == other.acked


def checked(variables: dict[str, str], *arguments: str) -> dict[tuple[str, str], tuple[str, str]]:
    """What `check` finds about Kafka, without any secret in it: check and subject → verdict and text."""
    done = command("check", "--json", *arguments, **variables)
    assert not any(secret in done.stdout + done.stderr for secret in (PASSWORD, WRONG, KEY_PASSWORD))
    found = json.loads(done.stdout)["findings"]
    return {(each["check"], each["subject"]): (each["verdict"], each["text"]) for each in found}


def test_check_names_the_step_at_which_a_connection_ends(secured: Secured) -> None:
    sasl, tls = secured.kafka.secure["SASL_PLAINTEXT"], secured.kafka.secure["SSL"]
    wrong = checked(secured.plain(WRONG))["bootstrap server", sasl]
    assert wrong[0] == "failed"
    assert wrong[1].startswith("SASL fails: authentication failed (")
    strange = {**secured.tls(), "KAFKA__SSL_CAFILE": secured.stranger}
    assert checked(strange)["bootstrap server", tls][1].startswith("TLS fails: the broker's certificate is not accep")
    assert checked(secured.tls())["bootstrap server", tls][1].startswith("TLS fails: ")  # no certificate of ours
    plain = {"KAFKA__BOOTSTRAP_SERVERS": sasl}
    assert checked(plain)["bootstrap server", sasl][1].startswith("API fails: the broker closes the connection: ")


def test_check_looks_at_every_certificate(secured: Secured) -> None:
    variables = secured.tls(
        SSL_CERTFILE=secured.certfile, SSL_KEYFILE=secured.keyfile, SSL_KEY_PASSWORD=KEY_PASSWORD
    )  # fmt: skip
    found = checked(variables)
    subjects = {subject: verdict for (check, subject), (verdict, _) in found.items() if check == "certificate"}
    own = ("ADAPTER_KAFKA__SSL_CAFILE", "ADAPTER_KAFKA__SSL_CERTFILE")
    assert subjects == dict.fromkeys((*own, secured.kafka.secure["SSL"]), "ok")
    assert found["bootstrap server", secured.kafka.secure["SSL"]][0] == "ok"


def test_check_says_which_rights_are_missing(secured: Secured, unique: Callable[[str], str]) -> None:
    open_, described, hidden = (secured.kafka.create_topic(unique(name), 1) for name in ("open", "described", "hidden"))
    secured.allow(described, AclOperation.DESCRIBE)
    secured.allow(hidden, AclOperation.CREATE)  # which does not show it
    named = [argument for topic in (open_, described, hidden) for argument in ("--topic", topic)]
    found = checked(secured.plain(), *named)
    assert found["rights", open_][0] == "ok"
    assert found["rights", described] == ("failed", "Write is not allowed")
    assert (found["durability", described][0], found["messages", described][0]) == ("warning", "unknown")
    assert found["topic", hidden] == ("failed", "cannot be described: it does not exist, or access is forbidden")


async def test_without_the_right_to_see_a_topics_limit_kafka_rejects_what_is_too_large_and_that_is_said_once(
    secured: Secured, unique: Callable[[str], str]
) -> None:
    tenant = unique("limited")
    topic = secured.kafka.create_topic(f"hono.telemetry.{tenant}", 1, {"max.message.bytes": "2000"})
    for operation in (AclOperation.DESCRIBE, AclOperation.WRITE):
        secured.allow(topic, operation)
    with adapter(secured.plain() | {"KAFKA__TOPIC_REFRESH_INTERVAL": "0.5"}) as running:
        device = Device("d", f"telemetry/{tenant}/d", level=5)
        await device.connect(running.port)
        await device.publish(1)
        await device.publish(2, size=3000)
        await device.publish(3)
        await device.all_acked()
        assert device.acked == [b"d:1", b"d:3"]
        assert running.metric("adapter_messages_refused_total", reason="too_large") == 1
        secured.allow(topic, AclOperation.DESCRIBE_CONFIGS)
        replacements = -1.0
        while replacements != running.metric("adapter_kafka_producer_replacements_total"):
            replacements = running.metric("adapter_kafka_producer_replacements_total")
            await asyncio.sleep(1.0)  # twice the refresh interval: what was learned has been forgotten
            await device.publish(4, size=3000)
            await device.publish(5)
            await device.all_acked()
        assert running.output().count("grant DescribeConfigs on the topics") == 1
        await device.close()
        running.assert_balanced()
        assert running.stop() == 0

"""The dead letter of a message that was refused for good: its record, and why it was refused. Pure.

Key and headers are those of the refused record. If routing made no record, they are as close to it as possible. The
reason is in further headers, whose names only the adapter writes (`record.RESERVED`).

    dead-letter-reason      a word, as in the metrics
    dead-letter-text        a sentence for people
    dead-letter-topic       the Kafka topic that the record was meant for, if there was a record
    dead-letter-tenant      otherwise the tenant that the credentials name, if they name one
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from adapter.model import EmptyPayload, RecordTemplate
from adapter.routing.record import Facts, build_headers

if TYPE_CHECKING:
    from adapter.model import Header, Identity, PublishHeader, Refusal


def dead_letter_from_record(topic: str, template: RecordTemplate, refusal: Refusal) -> RecordTemplate:
    """Make the dead letter of a record that Kafka rejects, or whose topic does not exist."""
    return replace(
        template,
        topic=topic,
        headers=(*template.headers, *_why(refusal), ("dead-letter-topic", template.topic.encode())),
        empty_payload=EmptyPayload.ALLOWED,
        refusal=refusal,
        expiry=None,
    )


def dead_letter_from_publish(
    topic: str, orig_adapter: bytes, identity: Identity, header: PublishHeader, refusal: Refusal
) -> RecordTemplate:
    """Make the dead letter of a PUBLISH that routing refused. Its key is the device id, else the client identifier."""
    headers = build_headers(orig_adapter, header, Facts(device_id=identity.device_id))
    if identity.tenant is not None:
        headers = (*headers, ("dead-letter-tenant", identity.tenant.encode()))
    return RecordTemplate(
        topic=topic,
        key=(identity.device_id or identity.client_id).encode(),
        headers=(*headers, *_why(refusal)),
        route="dead letter",
        refusal=refusal,
    )


def _why(refusal: Refusal) -> tuple[Header, ...]:
    return (("dead-letter-reason", refusal.reason.value.encode()), ("dead-letter-text", refusal.text.encode()))

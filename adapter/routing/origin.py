"""Which device a record belongs to, and whether this connection may publish for it.

One rule holds for Hono's topics and for the routes file: a topic cannot contradict the credentials. Only a gateway may
name other devices, and only devices of its own tenant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from adapter.model import Refusal
from adapter.reasons import Reason
from adapter.routing.text import shown

if TYPE_CHECKING:
    from adapter.model import Identity

# Identifiers end up in keys, headers and logs. No honest device uses control characters (C0, DEL, C1) in them.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


NAMELESS = Refusal(
    Reason.NOT_AUTHORIZED, "the credentials name no device: the user name must be of the form {auth-id}@{tenant}"
)


def has_control_characters(text: str) -> bool:
    """Return whether `text` contains a control character (Unicode category Cc)."""
    return _CONTROL.search(text) is not None


def contradiction(identity: Identity, tenant: str | None, device: str | None) -> Refusal | None:
    """Return why an authenticated connection may not publish for this tenant and device; None if it may.

    `tenant` and `device` are None where the topic does not name them.
    """
    if tenant is not None and identity.tenant is not None and tenant != identity.tenant:
        return Refusal(
            Reason.NOT_AUTHORIZED,
            f"the topic names tenant {shown(tenant)}, the credentials belong to tenant {shown(identity.tenant)}",
        )
    if device is not None and identity.device_id is not None and device != identity.device_id and not identity.gateway:
        return Refusal(
            Reason.NOT_AUTHORIZED,
            f"the topic names device {shown(device)}, the credentials belong to device {shown(identity.device_id)}, "
            "which is not a gateway",
        )
    return None


def via(identity: Identity, device: str | None) -> str | None:
    """Return the id of the gateway that publishes for `device`, if one does. Only for authenticated connections."""
    if identity.gateway and device is not None and device != identity.device_id:
        return identity.device_id
    return None

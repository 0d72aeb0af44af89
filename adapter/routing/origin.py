"""Whose record it is, and whether this connection may say so.

One rule for Hono's topics and the routes file: what the credentials name, a topic cannot contradict. Only a gateway
may name other devices, and only of its own tenant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from adapter.model import Refusal
from adapter.reasons import Reason
from adapter.routing.text import shown

if TYPE_CHECKING:
    from adapter.model import Identity

# Ids end up in keys, headers and people's logs; nobody uses control characters (C0, DEL, C1) there in good faith.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


NAMELESS = Refusal(
    Reason.NOT_AUTHORIZED, "the credentials name no device: the user name must be of the form {auth-id}@{tenant}"
)


def has_control_characters(text: str) -> bool:
    """Tell whether `text` has a character of Unicode's category Cc."""
    return _CONTROL.search(text) is not None


def contradiction(identity: Identity, tenant: str | None, device: str | None) -> Refusal | None:
    """Say why an authenticated connection may not publish for this tenant and device (None: the topic does not say)."""
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
    """Name the gateway that speaks for `device`, if one does. Call it for authenticated connections only."""
    if identity.gateway and device is not None and device != identity.device_id:
        return identity.device_id
    return None

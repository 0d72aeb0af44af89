"""Faults of access: the right to write is taken and given back, a password is changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.faults.stage import Fault

if TYPE_CHECKING:
    from tests.faults.stage import Stage

USER = "adapter"
PASSWORD = "first-password"  # noqa: S105 - of a user that lives as long as the test
NEXT_PASSWORD = "next-password"  # noqa: S105 - the same
LOCKED_OUT_SECONDS = 6.0
LOGIN = {
    "KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA__SASL_MECHANISM": "SCRAM-SHA-256",
    "KAFKA__SASL_USERNAME": USER,
    "KAFKA__SASL_PASSWORD": PASSWORD,
}
# Several looks at the topics while the right is missing: Kafka hides the topic, and it must not be taken for deleted.
QUICK_LOOKS = {"KAFKA__TOPIC_REFRESH_INTERVAL": "1"}


def admit(stage: Stage) -> None:
    """Make the adapter's user, with the right to write to the topic and none besides."""
    stage.cluster.set_password(USER, PASSWORD)
    stage.cluster.allow_writing(USER, stage.topic)


async def right_taken(stage: Stage) -> None:
    await stage.aside(stage.cluster.forbid_writing, USER, stage.topic)
    await asyncio.sleep(LOCKED_OUT_SECONDS)
    await stage.aside(stage.cluster.allow_writing, USER, stage.topic)
    await stage.healed()


def _reconnect(stage: Stage) -> None:
    """Kafka asks for the password at a new connection only."""
    for node in stage.cluster.nodes:
        node.sasl_proxy.reset()


async def user_removed(stage: Stage) -> None:
    await stage.aside(stage.cluster.remove_user, USER)
    _reconnect(stage)
    await asyncio.sleep(LOCKED_OUT_SECONDS)
    await stage.aside(stage.cluster.set_password, USER, PASSWORD)
    await stage.healed()


async def password_changed(stage: Stage) -> None:
    """The adapter goes on with the connections that it has, and is started anew with the next password."""
    await stage.aside(stage.cluster.set_password, USER, NEXT_PASSWORD)
    await asyncio.sleep(2)
    await stage.replace_adapter({"KAFKA__SASL_PASSWORD": NEXT_PASSWORD})
    await stage.healed()


ACCESS_FAULTS = (
    Fault("right-taken", right_taken, reach="sasl", variables=LOGIN | QUICK_LOOKS, prepare=admit),
    Fault("user-removed", user_removed, reach="sasl", variables=LOGIN, prepare=admit),
    Fault("password-changed", password_changed, reach="sasl", variables=LOGIN, prepare=admit),
)

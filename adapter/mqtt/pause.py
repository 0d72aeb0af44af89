"""The reasons for which a session is paused. Several may apply at once; it continues when none is left."""


class Pause:
    """Bits; plain integers, because the hot path tests them."""

    AUTHENTICATION = 1  # the CONNECT is being checked
    LOOKUP = 2  # a topic is being looked up, and everything behind it waits, in order
    WINDOW = 4  # as many unacknowledged messages as allowed
    BUDGET = 8  # the byte budget is used up
    SLOW_READER = 16  # the device does not read its PUBACKs
    FAILED = 32  # one of its messages failed: it will be closed
    DRAIN = 64  # the adapter is stopping
    TURN = 256  # the budget of this turn of the event loop is exhausted
    RATE = 128  # it has exceeded its bytes per second

    # Kafka is slow (or a plugin), not the device: its pings are answered, as long as there is little in front of them.
    WAITS_FOR_KAFKA = LOOKUP | WINDOW | BUDGET | FAILED
    # A little more is read: for these pings, and to see whether the device is still there.
    READS_AHEAD = WAITS_FOR_KAFKA | AUTHENTICATION

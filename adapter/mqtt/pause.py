"""Why no packets of a connection are taken now. Several reasons may hold at once; it goes on when none is left."""


class Pause:
    """Bits, plain integers because the hot path tests them."""

    AUTHENTICATION = 1  # the CONNECT is being checked
    LOOKUP = 2  # a topic is being looked up: everything behind it waits, in order
    WINDOW = 4  # as many unacknowledged messages as allowed
    BUDGET = 8  # the bytes for Kafka are used up
    SLOW_READER = 16  # the device does not read its PUBACKs
    FAILED = 32  # one of its messages failed: it will be closed
    DRAIN = 64  # the adapter stops
    TURN = 256  # it has had its part of this turn of the event loop
    RATE = 128  # it has sent more bytes than it may in a second

    # Kafka is slow (or a plugin), not the device: its pings are answered, as long as there is little in front of them.
    WAITS_FOR_KAFKA = LOOKUP | WINDOW | BUDGET

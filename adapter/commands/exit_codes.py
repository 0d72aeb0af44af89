"""The exit codes of `python -m adapter`."""

OK = 0
REFUSED = 1  # `explain`: the message would be refused
NOT_FIT = 1  # `check`: something failed
USAGE = 2  # wrong arguments or unsafe settings; nothing was started
UNDELIVERED = 3  # `run`: stopped with messages that Kafka did not acknowledge; they are counted and logged
UNAVAILABLE = 4  # Kafka cannot be reached, or a port cannot be used

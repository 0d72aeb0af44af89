"""The exit codes of `python -m adapter`."""

OK = 0
REFUSED = 1  # `explain`: the message would be refused; `verify`: a promise was broken
NOT_FIT = 1  # `check`: something failed
USAGE = 2  # wrong arguments or settings; nothing was started
UNDELIVERED = 3  # `run`: stopped with messages that Kafka did not acknowledge, which are counted and logged
UNAVAILABLE = 4  # Kafka cannot be reached, or a port cannot be used
INTERRUPTED = 130  # by Ctrl-C, as a shell reports it

"""The checks of `python -m adapter check`. Each turns facts into findings; none writes anything anywhere.

    finding.py      the result of a check
    local.py        this machine: ports, Unix socket, open files
    plugins.py      amqtt's plugins and the password file
    certificates.py validity of certificates and revocation lists in files, and of the brokers' certificates
    brokers.py      whether Kafka answers, which step fails, which release it is
    names.py        which topics to check
    topics.py       whether they exist, and how safe their records are
    rights.py       what the adapter may do with them
    messages.py     what they accept: sizes, keys, timestamps
    clock.py        the difference between Kafka's clock and ours
    run_checks.py   all checks, in order

`adapter.kafka.inspection` queries Kafka; this package only judges the answers.
"""

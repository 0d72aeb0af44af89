"""What `check` looks at before the service runs: each check turns facts into findings, and writes nothing anywhere.

    finding.py      what a check says
    local.py        this machine: ports, open files
    plugins.py      amqtt's plugins and the password file
    certificates.py dates of the certificates in files and of the brokers; `dates.py` reads them
    brokers.py      whether Kafka answers, which step fails, what it speaks
    names.py        which topics to look at
    topics.py       whether they are there, and how safe their records are
    rights.py       what we may do there
    messages.py     what they take: sizes, keys, timestamps
    clock.py        how far Kafka's clock is from ours
    everything.py   all of it, in order

Who asks Kafka is `adapter.kafka.inspection`; here are only the judgements.
"""

"""Checks that Kafka answers at every address with the configured credentials, and reports its release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.kafka.reach import Step
from adapter.preflight.certificates import check_dates
from adapter.preflight.finding import failed, ok, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from adapter.kafka.inspection import Inspection
    from adapter.kafka.reach import Reach
    from adapter.preflight.finding import Finding

FETCH = 1
# Brokers do not report their release, so it is inferred: newest version of Fetch → the first release that had it.
RELEASES = {11: "2.3", 12: "2.7", 13: "3.1", 15: "3.5", 16: "3.7", 17: "3.9", 18: "4.1"}

FIXES = {
    Step.DNS: "fix the name, or the DNS",
    Step.TCP: "start the broker there, open the firewall, or fix the address",
    Step.TLS: "see ADAPTER_KAFKA__SECURITY_PROTOCOL and ADAPTER_KAFKA__SSL_*, and the broker's certificate",
    Step.SASL: "see ADAPTER_KAFKA__SASL_*",
    Step.API: "name a Kafka broker's port for clients, and see ADAPTER_KAFKA__SECURITY_PROTOCOL",
}


def check_brokers(inspection: Inspection, now: float) -> Iterator[Finding]:
    """Check the bootstrap servers, then the brokers at their advertised addresses."""
    nobody = all(server.failed is not None for server in inspection.bootstrap)
    for server in inspection.bootstrap:
        yield _bootstrap(server, nobody=nobody)
    for broker in inspection.brokers:
        yield _broker(broker)
    if inspection.why:
        yield failed("cluster", "Kafka", f"the cluster cannot be described: {inspection.why}", "try again; see its log")
    elif inspection.cluster is None:
        fix = "fix the connection to Kafka, and check again"
        yield unknown("cluster", "Kafka", "brokers, topics, rights and clock could not be checked", fix)
    for each in _different(inspection):
        if each.certificate is not None:
            yield check_dates(each.address, each.certificate, now, "the broker's ")


def _bootstrap(server: Reach, *, nobody: bool) -> Finding:
    check = "bootstrap server"
    if server.failed is None:
        return ok(check, server.address, "answers with these settings")
    text = f"{server.failed} fails: {server.why}"
    if nobody:
        return failed(check, server.address, text, FIXES[server.failed])
    return warning(check, server.address, text, FIXES[server.failed])


def _broker(broker: Reach) -> Finding:
    check = "broker"
    if broker.failed is not None:
        text = f"{broker.failed} fails at its advertised address: {broker.why}"
        fix = f"{FIXES[broker.failed]} (the broker's advertised.listeners)"
        return failed(check, broker.address, text, fix)
    return ok(check, broker.address, f"answers; {release(broker.versions)}")


def release(versions: Mapping[int, tuple[int, int]]) -> str:
    """Infer the release from the newest Fetch request that the broker supports."""
    newest = versions.get(FETCH, (0, 0))[1]
    known = [version for version in RELEASES if version <= newest]
    return f"Kafka {RELEASES[max(known)]} or later" if known else "Kafka older than 2.3"


def _different(inspection: Inspection) -> Iterator[Reach]:
    return iter({each.address: each for each in (*inspection.bootstrap, *inspection.brokers)}.values())

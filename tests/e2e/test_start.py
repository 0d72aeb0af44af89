"""Starting: Kafka may come later, ports may be taken."""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import closing

from tests.support.adapter import Adapter
from tests.support.devices import Device
from tests.support.kafka_broker import KafkaBroker, free_port


def refuses_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_without_kafka_the_adapter_lives_says_why_and_accepts_devices_when_kafka_has_come() -> None:
    port = free_port()
    with closing(Adapter(f"127.0.0.1:{port}").start(wait=False)) as adapter:
        while not adapter.readiness()[1][0].startswith("kafka: not reached yet"):
            await asyncio.sleep(0.05)
        assert adapter.get("/livez")[0] == 200
        assert adapter.get("/readyz")[0] == 503
        assert refuses_connections(adapter.port)
        with KafkaBroker(port=port) as kafka:
            kafka.create_topic("hono.telemetry.late")
            await asyncio.to_thread(adapter.wait_ready)
            device = Device("d", "telemetry/late/d")
            await device.connect(adapter.port)
            await device.publish(1)
            await device.all_acked()
            assert len(device.acked) == 1
            await device.close()
            assert adapter.stop() == 0


def test_a_port_that_is_taken_ends_the_start_with_code_4(kafka: KafkaBroker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with closing(Adapter(kafka.bootstrap, MQTT__PORT=port).start(wait=False)) as adapter:
            assert adapter.process.wait(30) == 4
            assert "cannot start" in adapter.output()


def test_it_can_be_stopped_while_kafka_is_away() -> None:
    with closing(Adapter(f"127.0.0.1:{free_port()}").start(wait=False)) as adapter:
        while not adapter.readiness()[1][0].startswith("kafka: not reached yet"):
            pass
        assert adapter.stop() == 0


def test_the_limit_of_open_files_is_raised_and_what_is_still_missing_is_said(kafka: KafkaBroker) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1000), hard))
    try:
        adapter = Adapter(kafka.bootstrap, MQTT__MAX_CONNECTIONS=str(hard)).start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with closing(adapter):
        assert resource.prlimit(adapter.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
        [line] = [line for line in adapter.log_lines() if "open files" in str(line["event"])]
        assert (line["level"], line["allowed"]) == ("warning", hard)
        assert adapter.stop() == 0

"""`run`: the service, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING

import structlog
import uvloop

from adapter.commands import exit_codes
from adapter.service import Service
from adapter.settings import EMBEDDED, load_settings, warnings
from adapter.telemetry.logs import configure_logs
from adapter.wiring import problems_of_files

if TYPE_CHECKING:
    import argparse

    from adapter.commands import Commands
    from adapter.settings import Settings

# The garbage collector looks for reference cycles. Messages form none, but with the default thresholds it would
# traverse thousands of live runs again and again.
GC_THRESHOLDS = (50_000, 20, 100)

OTHER_FILES = 200  # file descriptors for brokers, plugins, the HTTP endpoint, libraries

log = structlog.get_logger(__name__)


def add_parser(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        help="run the service",
        description="Runs the service. Settings come from ADAPTER_* environment variables; config/adapter.env.example "
        "has all of them.",
        epilog="Exit codes: 0 stopped with everything acknowledged, 2 the settings cannot be used, 3 stopped with "
        "messages that Kafka did not acknowledge, 4 an address cannot be used.",
    )
    parser.set_defaults(command=run)


def run(_: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT. A second signal ends the wait for Kafka."""
    settings = load_settings(os.environ, problems_of_files)
    configure_logs(settings.log.level.value, settings.log.format.value)
    for warning in warnings(settings):
        log.warning(warning)
    if settings.kafka.bootstrap_servers != EMBEDDED:  # trying it out does not need 50,000 connections
        _allow_open_files(settings.mqtt.max_connections)
    gc.set_threshold(*GC_THRESHOLDS)
    gc.freeze()  # modules and settings, some 80,000 objects: to traverse them takes 20 ms and more
    return uvloop.run(_serve(settings))


def _allow_open_files(connections: int) -> None:
    """Raise the limit on open files to what the connections need; log a warning if the hard limit is too low."""
    needed = connections + OTHER_FILES
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < needed:
        limit = needed if most == resource.RLIM_INFINITY else min(needed, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
        if limit < needed:
            log.warning("too few open files allowed for ADAPTER_MQTT__MAX_CONNECTIONS", allowed=limit, needed=needed)


async def _serve(settings: Settings) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    service = Service(settings)

    def told_to_stop() -> None:
        if stopping.is_set():
            service.hurry()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop)
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    try:
        await service.start(stopping)
    except OSError as error:
        log.error("cannot start", error=str(error))  # noqa: TRY400 - a traceback would add nothing
        await service.stop()
        return exit_codes.UNAVAILABLE
    except BaseException:  # also when cancelled: what has started must end in order
        await service.stop()
        raise
    if settings.kafka.bootstrap_servers == EMBEDDED and service.mqtt_port is not None:
        sys.stdout.write(_welcome(service.mqtt_port, service.bootstrap_servers))
        sys.stdout.flush()
    await stopping.wait()
    drained = await service.stop()
    return exit_codes.OK if drained.complete else exit_codes.UNDELIVERED


def _welcome(port: int, bootstrap_servers: str) -> str:
    """Return the commands to copy for trying it out."""
    python = min(os.path.relpath(sys.executable), sys.executable, key=len)
    return WELCOME.format(port=port, kafka=bootstrap_servers, python=python)


# The Python command sends a CONNECT and a PUBLISH with QoS 1, and waits for the CONNACK and the PUBACK.
WELCOME = r"""
MQTT on port {port}. Kafka is embedded: in memory, at {kafka}. Ctrl-C ends both. In another terminal:

watch the records:
  {python} -m adapter tail --bootstrap-servers {kafka}
publish with mosquitto:
  mosquitto_pub -p {port} -q 1 -t telemetry/demo/sensor1 -m hello
publish with Python alone:
  python3 -c "import socket; s = socket.create_connection(('localhost', {port})); \
s.sendall(b'\x10\x0d\0\4MQTT\4\2\0\x3c\0\1p' b'\x32\x1f\0\x16telemetry/demo/sensor1\0\1hello'); \
print('PUBACK' if b'\x40\x02\0\1' in [s.recv(4), s.recv(4)] else 'no PUBACK')"

"""

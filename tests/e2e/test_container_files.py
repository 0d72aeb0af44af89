"""Dockerfile, docker-compose.yml and .dockerignore, as far as they can be seen to be right without an engine.

Their commands are run: health checks against a server that answers what it is told, the making of topics by a shell.
"""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]  # ships no type information

from adapter.settings import load_settings
from tests.support.kafka_broker import DEMO_TOPICS, free_port
from tests.support.kafka_dist import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCKERFILE = re.sub(r"\\\n\s*|^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
STEPS = [(line.split()[0], line.split(maxsplit=1)[1]) for line in DOCKERFILE.splitlines() if line]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
COMPOSED = SERVICES["adapter"]
SETTINGS = load_settings(COMPOSED["environment"])  # raises for a variable that is no setting
PORTS = [SETTINGS.mqtt.port, SETTINGS.http.port]


def arguments(instruction: str) -> list[str]:
    """What stands behind each such instruction, in the file's order."""
    return [text for name, text in STEPS if name == instruction]


IMAGE_CHECK: list[str] = json.loads(arguments("HEALTHCHECK")[0].partition("CMD ")[2])  # fails for the shell's form
COMPOSE_CHECK: list[str] = COMPOSED["healthcheck"]["test"][1:]


def test_base_images_are_of_the_python_that_the_project_is_made_for() -> None:
    assert arguments("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    assert "PYTHON_IMAGE=python:3.11-slim" in arguments("ARG")
    assert 'requires-python = ">=3.11' in (ROOT / "pyproject.toml").read_text()


def test_the_image_runs_the_adapter_by_itself_as_a_numbered_user_who_is_not_root() -> None:
    [user] = arguments("USER")
    assert all(int(number) >= 10_000 for number in user.split(":"))
    # Only the list's form makes the adapter process 1, which gets SIGTERM.
    assert [json.loads(text) for text in arguments("ENTRYPOINT")] == [["python", "-m", "adapter"]]
    assert [json.loads(text) for text in arguments("CMD")] == [["run"]]
    assert arguments("STOPSIGNAL") == ["SIGTERM"]


def test_the_exposed_ports_are_the_defaults() -> None:
    assert [int(port) for port in arguments("EXPOSE")[0].split()] == PORTS


def test_nothing_is_installed_but_what_runtime_txt_locks() -> None:
    [install] = re.findall(r"pip install ([^&]*)", DOCKERFILE)
    assert "--require-hashes" in install.split()
    assert install.split()[-2:] == ["-r", "/build/runtime.txt"]
    assert [word for word in install.split()[:-2] if not word.startswith("--")] == []
    locked = re.findall("^([^ ]+)==", (ROOT / "requirements/runtime.txt").read_text(), flags=re.MULTILINE)
    assert {"aiokafka", "amqtt", "uvloop"} <= set(locked)
    assert not {"confluent-kafka", "pytest", "mypy", "ruff", "uv"} & set(locked)


def test_the_build_sees_only_what_it_copies_and_git_never_sees_the_authority() -> None:
    copied = [text.split()[:-1] for text in arguments("COPY") if not text.startswith("--from=build ")]
    assert copied == [["requirements/runtime.txt", "config/build-ca.cr[t]"], ["adapter"]]
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[:4] == ["*", "!adapter", "!requirements/runtime.txt", "!config/build-ca.crt"]
    assert not any(line.startswith("!") for line in ignored[4:])
    assert "config/build-ca.crt" in (ROOT / ".gitignore").read_text().splitlines()


@contextmanager
def answering(path: str, status: int) -> Iterator[int]:
    """Serve this status for this path, and 404 for others, on the port that is returned."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == path else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def is_healthy(check: list[str], **environ: object) -> bool:
    """Run a check as in a container."""
    program, *rest = check
    assert program == "python"
    variables = {name: str(value) for name, value in environ.items()}
    done = subprocess.run(
        [sys.executable, *rest], cwd=ROOT, env=variables, capture_output=True, check=False, timeout=30
    )
    return done.returncode == 0


@pytest.mark.parametrize(("check", "path"), [(IMAGE_CHECK, "/livez"), (COMPOSE_CHECK, "/readyz")])
def test_a_health_check_is_what_the_adapter_answers(check: list[str], path: str) -> None:
    with answering(path, 200) as port:
        assert is_healthy(check, ADAPTER_HTTP__PORT=port)
    with answering(path, 503) as port:
        assert not is_healthy(check, ADAPTER_HTTP__PORT=port)
    assert not is_healthy(check, ADAPTER_HTTP__PORT=free_port())


def test_the_image_is_healthy_without_the_endpoint() -> None:
    assert is_healthy(IMAGE_CHECK, ADAPTER_HTTP__PORT="")


def test_kafka_is_the_one_that_the_tests_run() -> None:
    [version] = re.findall("<kafka.version>(.*)</", (ROOT / "tests/support/kafka/pom.xml").read_text())
    images = {name: service["image"] for name, service in SERVICES.items()}
    kafka = f"apache/kafka:{version}"
    assert images == {"kafka": kafka, "topics": kafka, "adapter": "mqtt-kafka-adapter:local"}


def test_the_adapter_has_no_rights_and_only_this_machine_reaches_it() -> None:
    assert COMPOSED["read_only"] is True
    assert COMPOSED["cap_drop"] == ["ALL"]
    assert COMPOSED["security_opt"] == ["no-new-privileges:true"]
    assert COMPOSED["ports"] == [f"127.0.0.1:{port}:{port}" for port in PORTS]
    assert not any("ports" in SERVICES[name] for name in ("kafka", "topics"))


def test_the_adapter_has_time_to_stop_and_descriptors_for_its_connections() -> None:
    assert int(COMPOSED["stop_grace_period"].removesuffix("s")) > SETTINGS.drain_timeout
    assert COMPOSED["ulimits"]["nofile"] > SETTINGS.mqtt.max_connections


def test_every_variable_is_a_setting_and_the_password_file_is_there() -> None:
    assert all(name.startswith("ADAPTER_") for name in COMPOSED["environment"])  # read where SETTINGS is made
    [(plugin, config)] = SETTINGS.auth.plugins.items()
    assert plugin.endswith(".FileAuthPlugin")
    [(source, target, mode)] = [volume.split(":") for volume in COMPOSED["volumes"]]
    assert (target, mode) == (config["password_file"], "ro")
    assert "\nsensor1@demo:" in (ROOT / source).read_text()


def test_the_demo_topics_are_made_once_kafka_is_healthy_and_before_the_adapter_starts() -> None:
    topics = SERVICES["topics"]
    assert topics["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert COMPOSED["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    [script] = topics["command"]
    assert "$" not in script.replace("$$", "")  # Compose would put in a variable of its own
    script = script.replace("$$", "$").replace("/opt/kafka/bin/kafka-topics.sh", "echo")
    made = subprocess.run([*topics["entrypoint"], script], capture_output=True, text=True, check=True, timeout=30)
    assert re.findall(r"--create --if-not-exists --topic (\S+)", made.stdout) == list(DEMO_TOPICS)
    settings = (SETTINGS.kafka.telemetry_topic, SETTINGS.kafka.event_topic)
    assert tuple(name.format(tenant="demo") for name in settings) == DEMO_TOPICS

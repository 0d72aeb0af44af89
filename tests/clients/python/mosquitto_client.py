"""mosquitto_pub, which takes one topic and one QoS, and a message a line; its debugging output says what it hears."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from itertools import chain
from typing import TYPE_CHECKING

from tests.clients.python import contract

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSIONS = {4: "mqttv311", 5: "mqttv5"}
CONNACK = re.compile(r"received CONNACK \((\d+)\)")
SENT = re.compile(r"sending PUBLISH \(d\d, q[12], r\d, m(\d+),")
ACKED = re.compile(r"received (?:PUBACK|PUBCOMP) \(Mid: (\d+)")


def command(options: contract.Options, first: contract.Message | None) -> list[str]:
    """A `mosquitto_pub` for the options, and for messages like the first one; into a pipe it would speak too late."""
    words = ["stdbuf", "-oL", "mosquitto_pub", "-d", "-h", options.host, "-p", str(options.port)]
    words += ["-V", VERSIONS[options.level], "-i", options.client_id]
    if options.user is not None:
        words += ["-u", options.user, "-P", options.password or ""]
    if options.ca is not None:
        words += ["--cafile", options.ca]
    if options.will is not None:
        words += ["--will-topic", options.will, "--will-payload", contract.WILL.decode(), "--will-qos", "1"]
    if options.keep:
        words += ["-c", *(["-x", str(contract.HOUR)] if options.level == 5 else [])]
    assert first is not None, "mosquitto_pub does not connect without a message"
    return [*words, "-t", first.topic, "-q", str(first.qos), "-l" if first.payload else "-n"]


def hear(lines: Iterable[str]) -> None:
    """Tell what it hears; messages are sent for the first time in their order."""
    places: dict[str, int] = {}
    count = 0
    for line in lines:
        if found := CONNACK.search(line):
            if found[1] == "0":
                contract.connected()
            else:
                sys.stderr.write(line)
        elif (found := SENT.search(line)) and found[1] not in places:
            places[found[1]] = count
            count += 1
        elif found := ACKED.search(line):
            contract.acked(places.pop(found[1]))
        elif "Error" in line or "error" in line:
            sys.stderr.write(line)


def main() -> int:
    """Publish."""
    messages = contract.messages()
    first = next(messages, None)
    process = subprocess.Popen(
        command(contract.options(), first), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    hearing = threading.Thread(target=hear, args=((line.decode() for line in process.stdout),))
    hearing.start()
    assert first is not None
    if first.payload:
        for message in chain((first,), messages):
            process.stdin.write(message.payload + b"\n")
            process.stdin.flush()
    process.stdin.close()
    code = process.wait()
    hearing.join()
    return code


if __name__ == "__main__":
    sys.exit(main())

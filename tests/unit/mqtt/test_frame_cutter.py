"""`adapter.mqtt.frame_cutter`: the library is given the same message, and keeps none of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from adapter.mqtt.frame_cutter import FrameCutter

PIECES = st.lists(st.integers(1, 300), min_size=1)


@given(st.lists(st.tuples(st.sampled_from([Opcode.BINARY, Opcode.PING, Opcode.CONT]), st.binary(max_size=400))), PIECES)
def test_payloads_come_through_whatever_the_frames_and_the_reads(
    frames: list[tuple[Opcode, bytes]], sizes: list[int]
) -> None:
    """All payload bytes and control frames come out, in order, and of a data frame no byte is left behind."""
    sent = [(opcode, data[:125] if opcode is Opcode.PING else data) for opcode, data in frames]
    within = False
    stream = b""
    for opcode, data in sent:
        if opcode is not Opcode.PING:
            opcode = Opcode.CONT if within else Opcode.BINARY  # noqa: PLW2901 - what is allowed here
            within = len(data) % 2 == 0
        stream += Frame(opcode, data, fin=opcode is Opcode.PING or not within).serialize(mask=True)
    cutter = FrameCutter()
    protocol = Protocol(Side.SERVER)
    payload, pings = b"", []
    number = 0
    while stream:
        size = sizes[number % len(sizes)]
        number += 1
        protocol.receive_data(cutter.cut(stream[:size]))
        stream = stream[size:]
        assert len(protocol.reader.buffer) <= 131, "a control frame, perhaps"
        for frame in protocol.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode is Opcode.PING:
                pings.append(bytes(frame.data))
            else:
                payload += frame.data
    assert protocol.parser_exc is None
    assert payload == b"".join(data for opcode, data in sent if opcode is not Opcode.PING)
    assert pings == [data for opcode, data in sent if opcode is Opcode.PING]


def test_of_a_frame_that_has_only_begun_what_is_there_goes_on() -> None:
    whole = Frame(Opcode.BINARY, b"0123456789" * 10_000).serialize(mask=True)
    protocol = Protocol(Side.SERVER)
    cutter = FrameCutter()
    protocol.receive_data(cutter.cut(whole[:70_000]))
    [frame] = protocol.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.BINARY, False, (b"0123456789" * 10_000)[:69_986])
    protocol.receive_data(cutter.cut(whole[70_000:]))
    [frame] = protocol.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.fin, len(frame.data)) == (Opcode.CONT, True, 30_014)
    assert protocol.reader.buffer == b""

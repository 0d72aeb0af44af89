"""Packets as a faulty peer sends them: good ones with bytes changed, cut off, put in or repeated."""

from __future__ import annotations

from hypothesis import strategies as st


@st.composite
def damaged(draw: st.DrawFn, *samples: bytes) -> bytes:
    """One of the samples after a few faults; sometimes any bytes at all, sometimes the sample as it is."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=64))
    body = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        match draw(st.integers(0, 3)):
            case 0:
                body[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case 1:
                del body[at:]
            case 2:
                body[at:at] = draw(st.binary(min_size=1, max_size=4))
            case _:
                body[at:at] = body[: draw(st.integers(0, 16))]
    return bytes(body)

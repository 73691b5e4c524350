"""What rows are compressed with: smaller than without the dictionary, and readable whatever wrote it."""

from pathlib import Path

import msgspec
import zstandard

from crossdock.store.reading import plain
from crossdock.store.squeeze import Squeeze

SAMPLES = sorted(Path("src/crossdock/connectors/shopify/samples").glob("orders_*.json"))


def test_what_is_packed_comes_back_and_is_half_as_large_as_without_a_dictionary() -> None:
    squeeze, without = Squeeze(), zstandard.ZstdCompressor(level=1)
    bodies = [msgspec.json.format(sample.read_bytes(), indent=-1) for sample in SAMPLES]
    assert bodies
    packed = [squeeze.pack(body) for body in bodies]
    assert [squeeze.unpack(each) for each in packed] == bodies
    assert sum(map(len, packed)) < 0.6 * sum(len(without.compress(body)) for body in bodies)


def test_every_frame_names_its_dictionary() -> None:
    assert zstandard.get_frame_parameters(Squeeze().pack(b'{"v":1}')).dict_id == 1


def test_frames_without_a_dictionary_are_read() -> None:
    frame = zstandard.ZstdCompressor(level=3).compress(b'{"v":1}' * 100)
    assert Squeeze().unpack(frame) == b'{"v":1}' * 100
    assert plain(frame) == b'{"v":1}' * 100


def test_readers_see_what_the_engine_packed() -> None:
    assert plain(Squeeze().pack(b'{"v":1}')) == b'{"v":1}'
    assert plain(None) == b""
    assert plain(b"not packed") == b"not packed"

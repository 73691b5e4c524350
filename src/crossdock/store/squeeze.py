"""How stored JSON is compressed: zstd with a dictionary of the words that nearly every row consists of.

Orders are told in the same keys again and again. With a dictionary that knows them, a row is half as large and costs
half as much to pack and unpack (figures: ADR 0020). The dictionary's number stands in every frame; frames without a
dictionary are read as well. ``scripts/dictionary.py`` makes dictionaries.
"""

from functools import cache
from importlib.resources import files

import zstandard

MAGIC = b"\x28\xb5\x2f\xfd"
_LEVEL = 1


@cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    words = zstandard.ZstdCompressionDict((files("crossdock.store") / "dictionaries" / "1.zdict").read_bytes())
    words.precompute_compress(level=_LEVEL)
    return words


class Squeeze:
    """Packs and unpacks. Not for use by several threads."""

    def __init__(self) -> None:
        words = _dictionary()
        self._pack = zstandard.ZstdCompressor(level=_LEVEL, dict_data=words, write_checksum=False).compress
        self._unpack = zstandard.ZstdDecompressor(dict_data=words).decompress

    def pack(self, plain: bytes) -> bytes:
        return self._pack(plain)

    def unpack(self, packed: bytes) -> bytes:
        return self._unpack(packed)


def unpack_once(packed: bytes, largest: int) -> bytes:
    """For readers, from any thread. ``largest``: what a frame that does not tell its size may come to."""
    return zstandard.ZstdDecompressor(dict_data=_dictionary()).decompress(packed, max_output_size=largest)

"""Every stored form and its version, listed once.

A blob names its codec and version in its first bytes.  Raise a codec's version when its bytes
change so that an older reader could not read them, and teach the decoder the old ones first.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class CodecId(IntEnum):
    """What a blob holds; the numbers are stored and never reused."""

    CIRCUITS = 1
    """A chunk's circuits, as QPY; see :mod:`jobset_protocol.codecs.qpy`."""
    DOCUMENT = 2
    """Plain and numeric values; see :mod:`jobset_protocol.codecs.document`."""
    RESULT = 3
    """A qiskit ``Result``; see :mod:`jobset_protocol.codecs.result`."""
    NOISE_MODEL = 4
    """A qiskit-aer ``NoiseModel``; see :mod:`jobset_protocol.codecs.noise_model`."""


VERSIONS: Mapping[CodecId, int] = MappingProxyType(
    {CodecId.CIRCUITS: 1, CodecId.DOCUMENT: 1, CodecId.RESULT: 1, CodecId.NOISE_MODEL: 1}
)
"""Codec → the version written, and the highest one read."""

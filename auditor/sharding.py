"""How the state of a data-parallel training is spread over its devices.

The three stages of ZeRO (Rajbhandari et al., arXiv 1910.02054, sections 5 and 7): the
optimizer's states, the gradients too, the parameters too.  The last gathers the parameters
in each pass, half as much communication again.
"""

from __future__ import annotations

from enum import StrEnum


class Sharding(StrEnum):
    """What each device holds only its share of."""

    NONE = "none"
    ZERO1 = "zero1"
    ZERO2 = "zero2"
    ZERO3 = "zero3"

    @property
    def splits_optimizer(self) -> bool:
        """Whether a device holds its share of the optimizer's states alone."""
        return self is not Sharding.NONE

    @property
    def splits_gradients(self) -> bool:
        """Whether a device holds its share of the gradients alone."""
        return self in (Sharding.ZERO2, Sharding.ZERO3)

    @property
    def splits_parameters(self) -> bool:
        """Whether a device holds its share of the parameters alone."""
        return self is Sharding.ZERO3

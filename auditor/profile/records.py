"""What a profile says: costs of the graph, of the training step, and of its memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.costs import Family, Work
from auditor.memory import Moment
from auditor.optimizers import Optimizer
from auditor.precision import Precision
from auditor.shapes import Value
from auditor.sharding import Sharding
from auditor.training import Attention, BatchNorm


@dataclass(frozen=True, slots=True, kw_only=True)
class CostedOperation:
    """One operation of the training step with its cost, at the batch size asked for."""

    name: str
    op_type: str
    family: Family
    repeats: int
    forward: Work
    backward: Work
    forward_kernels: int
    backward_kernels: int
    element_bytes: float  # of the file's floating-point type here
    fp32_in_autocast: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTypeProfile:
    """All operators of one type: what the file's forward pass and the training step cost."""

    op_type: str
    family: str
    count: int
    forward: Work
    training_forward: Work
    backward: Work


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyProfile:
    """All operators of one family, as in `OpTypeProfile`."""

    family: str
    count: int
    forward: Work
    training_forward: Work
    backward: Work


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOperators:
    """Operators of one type that have no cost: how many, which share of all, and why."""

    op_type: str
    count: int
    share: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of a training step per device in bytes; activations at their peak.

    `saved_bytes` is what the backward pass needs of the forward pass, when it starts;
    `moments` are (activations, gradients) where the most of both is held at once.
    """

    parameters_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int
    saved_bytes: int
    moments: tuple[Moment, ...]

    @property
    def total_bytes(self) -> int:
        """Everything held at the step's peak, without the framework's own workspace."""
        return self.parameters_bytes + self.optimizer_bytes + self._working_bytes

    @property
    def _working_bytes(self) -> int:
        return max(activations + gradients for activations, gradients in self.moments)

    @property
    def overlap_bytes(self) -> int:
        """Gradients that come into being only after activations have gone: no room of their own."""
        return self.gradients_bytes + self.activations_bytes - self._working_bytes

    def largest_share(self, usable_bytes: float) -> float:
        """How many times the activations may grow and the step still fit; 0 if it never does."""
        left = usable_bytes - self.parameters_bytes - self.optimizer_bytes
        shares = [(left - g) / a if g <= left else 0.0 for a, g in self.moments if a or g > left]
        return min(shares, default=0.0)

    @property
    def static_bytes(self) -> int:
        """What does not depend on the batch."""
        return self.parameters_bytes + self.gradients_bytes + self.optimizer_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Static cost of one forward and backward pass of `batch_size` samples on one device.

    `forward` is that of the file as it is; `training_forward` and `backward` those of the
    training graph (normalization restored, loss added).  `parameter_count` counts the
    file's parameters, `training_parameter_count` those of the training graph, of which
    `trained_parameter_count` are trained.  `attention_count` attentions were given another
    form than the file's.
    """

    batch_size: int
    graph_batch_size: int
    forward: Work
    training_forward: Work
    backward: Work
    optimizer_update: Work
    by_op_type: tuple[OpTypeProfile, ...]
    by_family: tuple[FamilyProfile, ...]
    operations: tuple[CostedOperation, ...]
    unknown: tuple[UnknownOperators, ...]
    node_count: int
    known_node_count: int
    parameter_count: int
    training_parameter_count: int
    trained_parameter_count: int
    trained_tensor_count: int
    attention_count: int
    product_parameter_count: int
    restored_count: int
    undecided_count: int
    recomposed: Mapping[str, int]
    quantized_product_count: int
    possible_tie: tuple[Value, Value] | None
    memory: Memory

    @property
    def coverage(self) -> float:
        """Share of the nodes whose cost is known."""
        return self.known_node_count / self.node_count if self.node_count else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOptions:
    """How to look at a graph: the batch, the numeric mode, and what the step consists of.

    `freeze` and `trainable` are patterns of parameters' names; `checkpointing` is the
    number of segments, 1 for none; `devices` share what `sharding` splits.
    """

    batch_size: int
    graph_batch_size: int
    precision: Precision
    optimizer: Optimizer
    batch_norm: BatchNorm = BatchNorm.AUTO
    freeze: tuple[str, ...] = ()
    trainable: tuple[str, ...] = ()
    attention: Attention = Attention.AS_EXPORTED
    checkpointing: int = 1
    sharding: Sharding = Sharding.NONE
    devices: int = 1
    keeps_gradients: bool = False  # from one pass to the next, as accumulation does

"""Attention with a state instead of keys, and the causal convolution that goes with it.

Source: the specification of LinearAttention and CausalConvWithState (ONNX operator set 27;
com.microsoft in microsoft/onnxruntime docs/ContribOperators.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from auditor.costs.elementwise import UNARY
from auditor.costs.matmul import Product, product_cost
from auditor.costs.plain import streamed
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """Tokens, the states (one a head for keys and values), their sizes, and the readers."""

    tokens: int
    heads: int
    readers: int
    key_size: int
    value_size: int
    rule: str

    @property
    def elements(self) -> int:
        """Elements of all states that one pass goes through."""
        return self.tokens * self.heads * self.key_size * self.value_size

    @property
    def macs(self) -> int:
        """Key times value into the state, and the query read from it; the delta rule reads first.

        S += k (v - S^T k)^T beta; y = S^T q.
        """
        recalled = self.elements if "delta" in self.rule else 0
        read = self.tokens * self.readers * self.key_size * self.value_size
        return self.elements + recalled + read

    @property
    def flops(self) -> int:
        """Gates scale every element of the state; the delta rule subtracts and scales values."""
        gated = self.elements if "gated" in self.rule else 0
        delta = 2 * self.tokens * self.heads * self.value_size if "delta" in self.rule else 0
        return gated + delta


def _state_cost(op: Operation, grads: Grads, state: _State) -> Cost:
    """Backward, each product has two gradients; the states are computed again, not kept."""
    inputs = [v for v in op.inputs if v is not None and v.is_float]
    backward = Work()
    if grads:
        backward = work(
            macs=2 * state.macs,
            other_flops=2 * state.flops,
            reads=(*inputs, op.result),
            writes=[op.inputs[i] for i in grads],
        )
    return Cost(
        family=Family.BATCHED_MATMUL,
        forward=work(macs=state.macs, other_flops=state.flops, reads=op.inputs, writes=op.outputs),
        backward=backward,
        backward_kernels=2 if grads else 0,
        saved=names(*inputs) if grads else (),
    )


@formula("LinearAttention")
@formula("LinearAttention", domain=MICROSOFT)
def linear_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """For every token and head a product into a state of key size by value size, one from it."""
    batch, tokens, width = op.required(0).dims
    heads, kv_heads = (int(op.node.attributes[n]) for n in ("q_num_heads", "kv_num_heads"))
    state = _State(
        tokens=batch * tokens,
        heads=kv_heads,
        readers=max(heads, kv_heads),
        key_size=width // heads,
        value_size=op.required(2).dims[-1] // kv_heads,
        rule=str(op.attribute("update_rule", "gated_delta")),
    )
    return _state_cost(op, grads, state)


@formula("GatedDeltaNet", domain=MICROSOFT)
def gated_delta_net(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The same on packed tokens; the result is (tokens, heads that read, value size)."""
    tokens, readers, value_size = op.result.dims
    state, key = op.input(6), op.input(1)
    if state is not None:
        heads, key_size = state.dims[1], state.dims[3]
    elif key is not None:
        heads, key_size = op.required(2).dims[1], key.dims[-1]
    else:
        return UnknownCost("packed inputs without the state that tells their sizes")
    made = _State(
        tokens=tokens,
        heads=heads,
        readers=readers,
        key_size=key_size,
        value_size=value_size,
        rule=str(op.attribute("update_rule", "gated_delta")),
    )
    return _state_cost(op, grads, made)


@formula("LinearAttentionGate", domain=MICROSOFT)
def linear_attention_gate(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """decay_scale * softplus(a + dt_bias), and sigmoid(b) where it is asked for."""
    x, rate = op.required(0), op.input(3)
    gate, rates = UNARY["Softplus"], UNARY["Sigmoid"]
    extra = rate.size if rate is not None else 0
    flops = (
        (gate.forward + 2) * x.size + rates.forward * extra,
        (gate.backward + 2) * x.size + rates.backward * extra,
    )
    return streamed(op, grads, Family.ELEMENTWISE, flops, (x, rate))


@formula("CausalConvWithState")
@formula("CausalConvWithState", "VarlenCausalConvWithState", domain=MICROSOFT)
def causal_convolution(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Depthwise: each element is a product with the kernel, which looks back only; then SiLU."""
    x, kernel, out = op.required(0), op.required(1), op.result
    bias = op.input(3 if op.op_type.startswith("Varlen") else 2)
    product = Product(
        family=Family.DEPTHWISE_CONVOLUTION,
        macs=out.size * kernel.size // kernel.dims[0],
        left=x,
        right=kernel,
        out=out,
        bias=bias,
    )
    return product_cost(product, grads & {0, 1, 2}, _activation(op))


def _activation(op: Operation) -> str:
    named = str(op.attribute("activation", "none")).lower()
    return "" if named == "none" else "Swish"

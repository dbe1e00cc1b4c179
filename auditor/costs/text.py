"""Texts: compared, split and looked up on the host; a text counts as the pointer to it.

Source: the ONNX operator specification and microsoft/onnxruntime docs/ContribOperators.md.
How long the texts are is data, so no arithmetic on characters is counted but where a formula
says so.
"""

from __future__ import annotations

from auditor.costs.plain import forward_only
from auditor.costs.records import Cost, Family, Grads, UnknownCost
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation


@formula("StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch", differentiable=False)
@formula("Tokenizer", domain=MICROSOFT, differentiable=False)
def text(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One operation a text."""
    return forward_only(op, Family.ELEMENTWISE, flops=op.required(0).size)


@formula("TfIdfVectorizer", differentiable=False)
def tf_idf(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A look-up for every word, length of n-gram and number of words skipped; then weights."""
    shortest = int(op.node.attributes["min_gram_length"])
    longest = int(op.node.attributes["max_gram_length"])
    skips = int(op.node.attributes["max_skip_count"]) + 1
    tried = op.required(0).size * (longest - shortest + 1) * skips
    return forward_only(op, Family.EMBEDDING, flops=tried + op.result.size)


# Of four bytes: two products, two rotations (3 each), an exclusive or, a product and a sum.
_MURMUR_FLOPS = 11


@formula("MurmurHash3", domain=MICROSOFT, differentiable=False)
def murmur_hash(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Rounds of four bytes and a last mixing of seven operations (A. Appleby, MurmurHash3)."""
    x = op.required(0)
    flops = _MURMUR_FLOPS * ((x.bytes + 3) // 4) + 7 * x.size
    return forward_only(op, Family.ELEMENTWISE, flops=flops)


@formula("NGramHashMapping", "VarlenNGramHashMapping", domain=MICROSOFT, differentiable=False)
def ngram_hash(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A product and an exclusive or for every shift of a token; a remainder and a sum a head."""
    shifts = int(op.node.attributes["max_ngram_size"])
    flops = 2 * shifts * op.required(0).size + 2 * op.result.size
    return forward_only(op, Family.ELEMENTWISE, flops=flops)


@formula("NGramRepeatBlock", domain=MICROSOFT, differentiable=False)
def ngram_repeat_block(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Every n-gram of the sequence against the last one: at most n comparisons."""
    flops = op.required(0).size * int(op.node.attributes["ngram_size"])
    return forward_only(op, Family.MOVEMENT, flops=flops)

"""Changed copies of valid models, and what an audit of them comes to."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from builders import DATA
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import ModelProto

from auditor.errors import AuditError
from auditor.pipeline import Audit, Request, audit
from auditor.workload import Plan

ROOT = DATA.parents[1]
PLAN = Plan(samples=1000.0, batch_size=2, hardware="a100-sxm4-80gb")
LARGEST_BYTES = 6_000

NUMBERS = (
    0, 1, -1, 2, 3, 7, 64, 255, 1000, 2**31 - 1, 2**31, -(2**31), 2**53, 10**9, 10**12, 2**62,
    2**63 - 1, -(2**63),
)  # fmt: skip
TEXTS = ("", "\0", "x\0y", "é", "'\"", "\n", "::error::x", "a" * 300, "ai.onnx", "com.microsoft")
BYTES = (b"", b"\xff\xfe", b"NOTSET", b"ij,jk->ik", b"\0")
FRACTIONS = (0.0, -1.0, 1e-30, 3e38, float("inf"), float("nan"), 0.5)


def outcome(source: ModelProto | bytes, plan: Plan = PLAN) -> Audit | str:
    """The audit, or the message of its error; any other exception goes on."""
    data = source if isinstance(source, bytes) else source.SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(data)
        try:
            return audit(Request(path=path, plan=plan))
        except AuditError as error:
            message = str(error)
            assert message and len(message.splitlines()) == 1, repr(message[:200])
            return message


def seeded(seed: int) -> random.Random:
    """Chance that is the same each time."""
    return random.Random(seed)  # noqa: S311  (no secret)


def small_models() -> list[Path]:
    folders = (
        DATA / "models",
        DATA / "simplified",
        ROOT / "tests/corpus/models",
        ROOT / "examples",
    )
    found = (p for f in folders for p in sorted(f.glob("*.onnx")))
    return [p for p in found if p.stat().st_size <= LARGEST_BYTES]


def changed_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bits flipped, bytes left out, put in, or cut off at the end."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if not found:
            break
        at = chance.randrange(len(found))
        how = chance.randrange(5)
        if how == 0:
            found[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            found[at] = chance.randrange(256)
        elif how == 2:
            del found[at : at + chance.randrange(1, 20)]
        elif how == 3:
            found[at:at] = chance.randbytes(chance.randrange(1, 5))
        elif chance.random() < 0.2:
            del found[at:]
    return bytes(found)


def changed_fields(data: bytes, chance: random.Random) -> bytes:
    """Fields of any message in it set, cleared, doubled, exchanged or copied from another."""
    model = ModelProto.FromString(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        messages = list(_messages(model))
        _change(chance.choice(messages), messages, chance)
    return model.SerializeToString()


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            for inner in value if field.is_repeated else (value,):
                yield from _messages(inner)


def _change(message: Any, messages: list[Message], chance: random.Random) -> None:
    present = [field for field, _ in message.ListFields()]
    fields = present if present and chance.random() < 0.5 else message.DESCRIPTOR.fields
    field = chance.choice(list(fields))
    if chance.random() < 0.15:
        message.ClearField(field.name)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        _change_message(message, field, messages, chance)
    elif field.is_repeated:
        values = getattr(message, field.name)
        if values and chance.random() < 0.5:
            values[chance.randrange(len(values))] = _any_value(field, messages, chance)
        else:
            values.append(_any_value(field, messages, chance))
    else:
        setattr(message, field.name, _any_value(field, messages, chance))


def _change_message(
    message: Any, field: FieldDescriptor, messages: list[Message], chance: random.Random
) -> None:
    alike = [m for m in messages if m.DESCRIPTOR is field.message_type and m.ByteSize() < 100_000]
    copy: Any = None
    if alike:
        copy = type(alike[0])()
        copy.CopyFrom(chance.choice(alike))
    if not field.is_repeated:
        getattr(message, field.name).SetInParent()
        if copy is not None:
            getattr(message, field.name).CopyFrom(copy)
        return
    values = getattr(message, field.name)
    if values and chance.random() < 0.4:
        del values[chance.randrange(len(values))]
    elif copy is not None:
        values.add().CopyFrom(copy)
    else:
        values.add()


def _any_value(  # noqa: PLR0911  (a kind each)
    field: FieldDescriptor, messages: list[Message], chance: random.Random
) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return chance.choice([v.number for v in field.enum_type.values])
    if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return chance.choice(FRACTIONS)
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return chance.choice(BYTES)
        nodes = [m for m in messages if m.DESCRIPTOR.name == "NodeProto"]
        names = [n for m in nodes for n in (*m.input, *m.output, m.op_type)]
        return chance.choice(names if names and chance.random() < 0.6 else TEXTS)
    number = chance.choice(NUMBERS)
    if kind == FieldDescriptor.CPPTYPE_UINT64:
        return abs(number)
    if kind == FieldDescriptor.CPPTYPE_INT32:
        return max(-(2**31), min(2**31 - 1, number))
    return number

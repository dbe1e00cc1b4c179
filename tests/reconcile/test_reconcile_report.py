"""Text and JSON of a reconciliation."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from builders import DATA
from measured_files import OUTPUT_2, STANDARD_1, STANDARD_2, TRACE, WINDOWS, emissions
from predictions import audited, measured

from auditor.reconcile import Reconciliation, Said, Selection, parse, reconcile
from auditor.reconcile.render import render_json, render_text

SCHEMA = json.loads((DATA.parents[1] / "schemas" / "reconcile.schema.json").read_text("utf-8"))
FORCED = Said(despite_conflicts=True)
CHOSEN = Selection()

TEXT = """\
measured  codecarbon 2.4.2 979336a5: gpu+cpu+ram, 1 x NVIDIA GeForce RTX 3090
audit     net.onnx: 1 x GeForce RTX 3090, amp, batch 32 (roofline)
both for  10,000 samples: 10 x 1,000 (by the plan)

                             measured  predicted                  interval  measured/predicted
energy (gpu)                  8.33 Wh    5.56 Wh  2.78 Wh to 11.1 Wh (90%)        1.50, inside
energy (gpu+cpu+ram : node)   10.0 Wh    8.33 Wh  4.17 Wh to 16.7 Wh (90%)       at least 1.20
time                            250 s      100 s     50.0 s to 200 s (90%)       2.50, OUTSIDE
energy a sample (gpu)          3.00 J     2.00 J    1.00 J to 4.00 J (90%)        1.50, inside
time a sample                 25.0 ms    10.0 ms  5.00 ms to 20.0 ms (90%)       2.50, OUTSIDE
mean power (gpu)                120 W      200 W                                         0.600

notes
- the file does not say what was trained: taken as the whole plan, 10 epochs (--epochs or \
--samples says otherwise)
- the prediction holds training steps alone; evaluation, start-up and saving count as measured \
where they ran meanwhile
- gpu+cpu+ram is compared with the whole node, which holds more: disks, network, fans and losses \
of the power supply; the true ratio is higher
"""


def document(found: Reconciliation) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(render_json(found))
    return parsed


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        (emissions({}), CHOSEN),
        (emissions({"pue": "1.5"}), CHOSEN),
        (STANDARD_1, CHOSEN),
        (STANDARD_2 + OUTPUT_2, CHOSEN),
        (OUTPUT_2, Selection(pue=1.58)),
        (WINDOWS, Selection(window="epoch")),
        (TRACE, CHOSEN),
    ],
)
def test_every_file_is_valid_by_the_schema(text: str, chosen: Selection) -> None:
    found = reconcile(parse(text, chosen), audited(), FORCED)
    jsonschema.Draft202012Validator(SCHEMA).validate(document(found))
    assert render_text(found).isascii()


def test_the_schema_is_one_and_leaves_no_object_open() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if part.get("type") == "object":
                assert part["additionalProperties"] is False
                assert set(part["required"]) == set(part["properties"])
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(SCHEMA)


def test_figures_of_the_document() -> None:
    found = document(reconcile(measured(), audited()))
    boards, node = found["energy"]
    assert boards["energy_j"]["ratio"] == pytest.approx(1.5)
    assert boards["energy_j"]["inside_interval"] is True
    assert boards["energy_j"]["measured_per_sample"] == pytest.approx(3.0)  # 30 kJ / 10,000
    assert boards["energy_j"]["predicted_per_sample"] == pytest.approx(2.0)
    # 30 kJ / 120 s beside 20 kJ / 100 s
    assert boards["mean_power_w"] == pytest.approx(
        {"measured": 250.0, "predicted": 200.0, "ratio": 1.25}
    )
    assert node["energy_j"]["inside_interval"] is None
    assert found["extent"]["said_by"] == "plan"


def test_the_text() -> None:
    """20 kJ and 100 s predicted of 10,000 samples, 30 kJ and 250 s measured."""
    assert render_text(reconcile(measured(duration_s=250.0), audited())) == TEXT


def test_names_of_strangers_do_not_drive_the_terminal() -> None:
    odd = measured(label="a\x1b[2J", hardware_name="b\x1b[2J", warnings=("c\x1b[2J",))
    assert "\x1b" not in render_text(reconcile(odd, audited(model_path="d\x1b[2J")))
    assert "\x1b" not in render_json(reconcile(odd, audited(model_path="d\x1b[2J")))

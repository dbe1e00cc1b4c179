"""The check as a whole, on real models, without the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from builders import DATA
from checking import SHARED, assessment, checked, configured, network, saved

from auditor import __version__
from auditor.budget.assessment import Assessment
from auditor.budget.candidate import Candidate
from auditor.budget.check import Against, Stages, require_baseline, require_one_making
from auditor.budget.config import read_configuration
from auditor.budget.lock import Lock, lock_text, read_lock
from auditor.budget.records import Cause, Outcome
from auditor.errors import ModelLoadError, PlanError
from auditor.pipeline import Request, audit

ROOT = DATA.parents[1]
REAL = f"""
hardware = "a100-sxm4-80gb"
samples = 1281167
epochs = 90
batch_size = 64
region = "FRA"
presets = ["eu-gpai"]
[limits]
energy_kwh = 12
[models.resnet50]
path = "{ROOT}/examples/resnet50.onnx"
accuracy = 0.76
[models.mobilenetv2]
path = "{ROOT}/examples/mobilenetv2.onnx"
accuracy = 0.72
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_real_models(folder: Path) -> None:
    verdict = checked(configured(folder, REAL)).verdict
    assert [m.name for m in verdict.models] == ["resnet50", "mobilenetv2"]
    for model in verdict.models:
        assert model.found is not None and model.error is None
        whole = audit(Request(path=Path(model.path), plan=read(folder, model.name).plan))
        assert whole.estimate.energy is not None
        figures = dict(model.found.figures)
        assert figures["energy_kwh"].median == whole.estimate.energy.node_kwh.median
        assert model.found.structure_sha256 == whole.model.structure_sha256
        energy, indicative, systemic = model.judgements
        is_over = figures["energy_kwh"].median > 12
        assert (energy.outcome is Outcome.EXCEEDED) == is_over
        assert indicative.outcome is systemic.outcome is Outcome.WITHIN
    assert verdict.exit_code == int(
        any(j.outcome is Outcome.EXCEEDED for m in verdict.models for j in m.judgements)
    )


def read(folder: Path, name: str) -> Candidate:
    found = read_configuration(folder / "auditor.toml", ())
    return next(m for m in found.models if m.name == name)


def test_one_broken_model_does_not_hide_the_others(folder: Path) -> None:
    saved(folder, good=8)
    (folder / "broken.onnx").write_bytes(b"no model")
    text = SHARED + "[limits]\nenergy_kwh = 1e9\npepr_e = 0.1\n"
    for name in ("broken", "gone", "good"):
        text += f"[models.{name}]\npath = '{name}.onnx'\n"
    found = checked(configured(folder, text + "[models.odd]\npath = 'good.onnx'\nepochs = -1\n"))
    broken, gone, good, odd = found.verdict.models
    assert found.verdict.exit_code == 2 and found.lock is None
    for model in (broken, gone, odd):
        assert model.error is not None and model.found is None and not model.judgements
    assert "broken.onnx" in str(broken.error) and "gone.onnx" in str(gone.error)
    assert "--epochs -1" in str(odd.error)
    energy, pepr = good.judgements
    assert energy.outcome is Outcome.WITHIN
    # The range of the models compared is not known without those.
    assert pepr.outcome is Outcome.NOT_ASSESSED
    assert pepr.because is not None and "lacks broken, gone, odd" in pepr.because


def test_the_lock_file_is_the_same_twice_and_without_changes(folder: Path) -> None:
    path = configured(folder, REAL)
    first = checked(path)
    assert first.lock is not None and first.verdict.baseline is None
    second = checked(path, lock=first.lock, tolerance=0.0)
    assert second.lock is not None and lock_text(second.lock) == lock_text(first.lock)
    assert second.verdict.baseline == "audit.lock.json"
    for model in second.verdict.models:
        assert model.found is not None
        assert [name for name, _ in model.changes] == [name for name, _ in model.found.figures]
        assert all(c.causes == () and c.exceeds is False for _, c in model.changes)


def test_a_changed_model_a_changed_plan_and_a_changed_artefact(folder: Path) -> None:
    saved(folder, net=8)
    text = SHARED + "[models.net]\npath = 'net.onnx'\n"
    before = checked(configured(folder, text)).lock
    assert before is not None

    def energy(text: str) -> tuple[float | None, tuple[Cause, ...], bool | None, int]:
        verdict = checked(configured(folder, text), lock=before, tolerance=0.05).verdict
        change = dict(verdict.models[0].changes)["energy_kwh"]
        return change.ratio, change.causes, change.exceeds, verdict.exit_code

    longer = text.replace("epochs = 10", "epochs = 20")
    assert energy(longer) == (pytest.approx(2.0, rel=1e-5), (Cause.PLAN,), True, 1)
    shorter = text.replace("epochs = 10", "epochs = 5")
    assert energy(shorter) == (pytest.approx(0.5, rel=1e-5), (Cause.PLAN,), False, 0)
    _, causes, exceeds, code = energy('calibration = "none"\n' + text)
    assert (causes, exceeds, code) == ((Cause.CALIBRATION,), False, 0)
    saved(folder, net=64)
    ratio, causes, _, _ = energy(text)
    assert causes == (Cause.MODEL,) and ratio is not None and ratio > 1
    assert energy(longer)[1] == (Cause.MODEL, Cause.PLAN)


def test_a_calibration_that_makes_it_worse_warns(folder: Path) -> None:
    saved(folder, net=8)
    text = SHARED + "[models.net]\npath = 'net.onnx'\n"
    made = {name: checked(configured(folder, head + text)).lock for name, head in
            (("fitted", ""), ("roofline", 'calibration = "none"\n'))}  # fmt: skip
    kwh = {}
    for name, lock in made.items():
        assert lock is not None
        kwh[name] = lock.models["net"].figures["energy_kwh"]
    # From whichever gives less to the one that gives more.
    less, more = sorted(kwh, key=lambda name: kwh[name])
    assert kwh[more] > kwh[less] * 1.05
    head = 'calibration = "none"\n' if more == "roofline" else ""
    verdict = checked(configured(folder, head + text), lock=made[less], tolerance=0.05).verdict
    assert verdict.exit_code == 0
    assert any("neither model nor plan changed" in w for w in verdict.models[0].warnings)


def test_models_that_are_new_or_gone(folder: Path) -> None:
    saved(folder, a=8, b=16)
    text = SHARED + "[models.a]\npath = 'a.onnx'\n"
    lock = checked(configured(folder, text)).lock
    other = SHARED + "[models.b]\npath = 'b.onnx'\n"
    verdict = checked(configured(folder, other), lock=lock).verdict
    assert verdict.missing == ("a",)
    assert all(c.causes == (Cause.NEW,) for _, c in verdict.models[0].changes)


def test_an_update_of_some_keeps_the_others(folder: Path) -> None:
    saved(folder, a=8, b=16)
    text = SHARED + "[models.a]\npath = 'a.onnx'\n[models.b]\npath = 'b.onnx'\n"
    path = configured(folder, text)
    whole = checked(path).lock
    assert whole is not None
    configured(folder, text.replace("epochs = 10", "epochs = 20"))
    found = checked(path, Path("b"), lock=whole)
    assert [m.name for m in found.verdict.models] == ["b"] and found.verdict.missing == ()
    assert found.lock is not None
    assert found.lock.models["a"] == whole.models["a"]
    assert found.lock.models["b"].plan_sha256 != whole.models["b"].plan_sha256


def test_some_are_not_updated_beside_figures_of_another_version(folder: Path) -> None:
    saved(folder, a=8, b=16)
    text = SHARED + "[models.a]\npath = 'a.onnx'\n[models.b]\npath = 'b.onnx'\n"
    path = configured(folder, text)
    lock = checked(path).lock
    assert lock is not None
    old = replace(lock, tool_version="0.0.1")
    with pytest.raises(PlanError, match="update all models: leave out the arguments"):
        require_one_making(read_configuration(path, (Path("b"),)), old)
    require_one_making(read_configuration(path, (Path("b"),)), lock)
    require_one_making(read_configuration(path, ()), old)
    require_one_making(read_configuration(path, (Path("b"),)), None)


def test_pepr_of_one_is_against_all(folder: Path) -> None:
    saved(folder, a=8, b=1024)
    text = SHARED + "[limits]\npepr_m = 0.1\n[models.a]\npath='a.onnx'\n[models.b]\npath='b.onnx'\n"
    path = configured(folder, text)
    both = {m.name: m.judgements[0].value for m in checked(path).verdict.models}
    # Of two models one has R = 0 and one R = 1: 0.8 / 1 and 0.8 / 2.
    assert both["a"] is not None and both["b"] is not None
    assert (both["a"].median, both["b"].median) == (0.8, 0.4)
    (alone,) = checked(path, Path("a")).verdict.models
    assert alone.judgements[0].value == both["a"]
    # Where no limit asks for it, the others are not audited, and PePR is not assessed.
    (cheap,) = checked(configured(folder, text.replace("pepr_m", "sam")), Path("a")).verdict.models
    assert cheap.found is not None and "pepr_m" not in dict(cheap.found.figures)


def test_a_published_reference_set(folder: Path) -> None:
    saved(folder, a=8)
    text = 'reference = "lidc"\n' + SHARED + "[limits]\npepr_e = 0.01\n[models.a]\npath='a.onnx'\n"
    (model,) = checked(configured(folder, text)).verdict.models
    assert model.judgements[0].value is not None
    with pytest.raises(PlanError, match="there is no such file"):
        checked(configured(folder, text.replace("lidc", "nodule")))


def test_the_modification_of_a_model(folder: Path) -> None:
    saved(folder, a=8)
    text = SHARED + 'presets = ["eu-gpai"]\n[models.a]\npath = "a.onnx"\n'
    (model,) = checked(configured(folder, text)).verdict.models
    assert model.found is not None
    flops = dict(model.found.figures)["training_flops"].median
    over = checked(configured(folder, text + f"base_training_flops = {flops * 2.9}\n")).verdict
    assert over.models[0].judgements[0].outcome is Outcome.EXCEEDED and over.exit_code == 1
    below = checked(configured(folder, text + f"base_training_flops = {flops * 3.1}\n")).verdict
    assert below.models[0].judgements[0].outcome is Outcome.WITHIN and below.exit_code == 0


def test_the_stages_are_two_functions_and_all_the_rest_is_without_the_pipeline(
    folder: Path,
) -> None:
    """What a cache puts in their place is all that is judged."""
    calls: list[str] = []

    def assess(candidate: Candidate) -> Assessment:
        calls.append(candidate.name)
        if candidate.name == "bad":
            raise ModelLoadError("bad.onnx: is no model; export it again")
        return assessment()

    text = SHARED + "[limits]\nenergy_kwh = 200\n"
    text += "[models.one]\npath='1'\n[models.bad]\npath='2'\n"
    stages = Stages(assess=assess, remedy=lambda _candidate, judgements, _frame: tuple(judgements))
    found = checked(configured(folder, text), stages=stages)
    assert calls == ["one", "bad"]
    one, bad = found.verdict.models
    assert one.judgements[0].outcome is Outcome.WITHIN
    assert bad.error == "bad.onnx: is no model; export it again"


WITHOUT = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import auditor.cli.check
from auditor.budget.assessment import assessment_from
from auditor.budget.check import Against, Stages, check
from auditor.budget.config import read_configuration
from auditor.budget.document import render_json
from auditor.budget.lock import lock_text
from auditor.budget.text import render_text
import json
made = assessment_from(json.loads(Path("made.json").read_text()))
asked = read_configuration(None, ())
against = Against(lock_name="x", lock=None, tolerance=None)
found = check(asked, against, Stages(assess=lambda _: made))
assert found.lock is not None
print(found.verdict.exit_code, len(render_text(found.verdict) + render_json(found.verdict)) > 0)
lock_text(found.lock)
heavy = ("numpy", "onnx", "scipy", "jsonschema", "auditor.pipeline")
print(*(m for m in heavy if m in sys.modules))
"""


def test_what_is_known_already_is_judged_without_heavy_libraries(folder: Path) -> None:
    configured(folder, SHARED + "[limits]\nenergy_kwh = 1e9\nsam = 0.1\n[models.a]\npath = 'a'\n")
    (folder / "made.json").write_text(json.dumps(assessment().as_dict()), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT, str(ROOT), str(ROOT / "tests")],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (ran.stderr, ran.stdout) == ("", "0 True\n\n")


def test_nothing_to_hold_it_against_is_refused(folder: Path) -> None:
    saved(folder, a=8)
    bare = configured(folder, SHARED + "[models.a]\npath = 'a.onnx'\n")
    asked = read_configuration(bare, ())
    none = Against(lock_name="audit.lock.json", lock=None, tolerance=None)
    with pytest.raises(PlanError, match=r"has no limits, so nothing to check; add \[limits\]"):
        require_baseline(asked, none, lock_is_named=False)
    with pytest.raises(PlanError, match=r"tolerance 5.00%: there is no audit.lock.json"):
        require_baseline(asked, replace(none, tolerance=0.05), lock_is_named=False)
    with pytest.raises(PlanError, match="there is no such lock file"):
        require_baseline(asked, none, lock_is_named=True)
    off = "[limits]\nenergy_kwh = { level = 'off' }\n"
    with pytest.raises(PlanError, match="has no limits"):
        require_baseline(
            read_configuration(configured(folder, off + "[models.a]\npath = 'a'\n"), ()),
            none,
            lock_is_named=False,
        )
    lock = Lock(tool_version=__version__, artefact_sha256=None, models={})
    require_baseline(asked, replace(none, lock=lock), lock_is_named=True)


def test_a_network_is_read_back_as_it_was_locked(folder: Path) -> None:
    (folder / "a.onnx").write_bytes(network())
    path = configured(folder, SHARED + "[models.a]\npath = 'a.onnx'\n")
    lock = checked(path).lock
    assert lock is not None
    (folder / "audit.lock.json").write_text(lock_text(lock), encoding="utf-8")
    assert read_lock(folder / "audit.lock.json") == lock

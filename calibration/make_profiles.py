"""Profile the exported graphs: ``python calibration/make_profiles.py FOLDER``.

``FOLDER`` is what ``make_graphs.py`` wrote.  Auditor itself profiles every graph that a run
names, at a batch of one; the tables hold its kernels, so that a refit needs neither the graphs
nor torch.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

from auditor.calibration.profiles import Network, write_networks
from auditor.errors import AuditError
from auditor.sized import static_profile
from auditor.step.kernels import kernels_of
from auditor.workload import Plan

HERE = Path(__file__).resolve().parent


def wanted() -> list[tuple[str, str]]:
    """Networks and their dimensions that the runs name."""
    with (HERE / "runs.csv").open(encoding="utf-8", newline="") as file:
        return sorted({(row["graph"], row["dims"]) for row in csv.DictReader(file)})


def main() -> None:
    """Profile what there is; name what is missing."""
    folder = Path(sys.argv[1])
    files: dict[str, Path] = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "file" in record:
            files[record["key"]] = folder / record["file"]
        else:
            print(f"left out: {record['key']}: {record['left_out']}")
    networks = []
    for graph, dims in wanted():
        if graph not in files:
            continue
        sizes = {k: int(v) for k, v in (pair.split("=") for pair in dims.split(";") if pair)}
        try:
            found = static_profile(files[graph], Plan(batch_size=1, dims=sizes, optimizer="adam"))
        except AuditError as error:
            print(f"left out: {graph} {dims}: {error}")
            continue
        if found.unknown:
            print(f"left out: {graph}: no cost for {[u.op_type for u in found.unknown]}")
            continue
        networks.append(Network(graph, dims, kernels_of(found)))
    write_networks(HERE, networks)
    print(f"{len(networks)} networks")


if __name__ == "__main__":
    main()

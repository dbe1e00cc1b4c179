"""The sweep: list, audit what is not done yet, keep it, and write the table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from auditor.sweep.executor import Executor
from auditor.sweep.progress import Progress
from auditor.sweep.records import Done, Grid
from auditor.sweep.sources import sources
from auditor.sweep.store import Store, opened
from auditor.sweep.summary import Summary, summarised
from auditor.sweep.table import write_table, writer_for

STORE_ENDING = ".sweep.db"
# Models are kept together: one synchronization of the disk for so many, or for so long.
_TOGETHER, _AT_MOST_S = 100, 0.5


def sweep(
    given: Sequence[str],
    grid: Grid,
    output: Path,
    executor: Executor,
    facts: Sequence[tuple[str, str]],
) -> Summary:
    """Audit every model that `given` means under the grid, and write the table.

    What was kept in a run that came to no end is taken over.  `facts` are what all rows depend
    on beside the models; the file of the store, beside the table, is gone when the table is there.

    Raises:
        AuditError: a folder has no model, or a file cannot be written.
    """
    write = writer_for(output)
    with opened(output.with_name(output.name + STORE_ENDING)) as store:
        store.require(facts)
        store.list(sources(given))
        counts = store.counts()
        progress = Progress(counts.models, counts.models_done, sys.stderr)
        _work(store, executor.audited(store.open_sources(), grid), progress)
        progress.end()
        write_table(store.rows(), output, write)
        found = summarised(store.rows())
        store.remove()
    return found


def _work(store: Store, results: Iterator[Done], progress: Progress) -> None:
    held: list[Done] = []
    last = time.monotonic()
    try:
        for done in results:
            held.append(done)
            if len(held) >= _TOGETHER or time.monotonic() - last >= _AT_MOST_S:
                store.add(held)
                progress.add(len(held))
                held.clear()
                last = time.monotonic()
    finally:
        # Also where it is interrupted: what is done is done.
        if held:
            store.add(held)
            progress.add(len(held))

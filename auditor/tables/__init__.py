"""The data tables (CSV) and schemas (JSON) of the package, and the functions that read them.

The tables hold public figures; every row names its source.  Nothing here is
read before it is asked for.
"""

from __future__ import annotations

import csv
import io
import json
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of the packaged table `name` (as ``grid.csv``), cells as text, "" where not known.

    Raises FileNotFoundError if the package was installed without its tables.
    """
    # pkgutil reads from folders and zip files as importlib.resources does, and loads in
    # a tenth of its time, which is more than the parsing takes.
    data = pkgutil.get_data(__name__, name)
    if data is None:
        raise FileNotFoundError(f"table {name} is not in the package: install it again")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"))))


@cache
def read_schema(name: str) -> Mapping[str, Any]:
    """Return the packaged JSON Schema `name` (as ``runs.schema.json``).

    Raises FileNotFoundError if the package was installed without its schemas.
    """
    data = pkgutil.get_data("auditor_schemas", name)
    if data is None:
        raise FileNotFoundError(f"schema {name} is not in the package: install it again")
    found: Mapping[str, Any] = json.loads(data)
    return found

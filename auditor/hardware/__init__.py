"""The catalogue of accelerators: dense peaks, memory, power, links, each with its source.

Importing this package reads nothing and imports only the standard library.
"""

from auditor.hardware._file import load_hardware_file
from auditor.hardware._record import PEAK_KINDS, Accelerator, Peaks
from auditor.hardware._resolve import Resolution, resolve, search
from auditor.hardware._table import catalogue

__all__ = [
    "PEAK_KINDS",
    "Accelerator",
    "Peaks",
    "Resolution",
    "catalogue",
    "load_hardware_file",
    "resolve",
    "search",
]

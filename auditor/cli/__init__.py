"""Layer 17: the command line."""

from auditor.cli.main import main, run

__all__ = ["main", "run"]

"""The page: an audit or a comparison as one HTML file that needs no network."""

from auditor.page.page import LARGEST_BYTES, render

__all__ = ["LARGEST_BYTES", "render"]

"""Measured runs, and what is fitted on them.

Importing this package reads nothing and imports only the standard library.
"""

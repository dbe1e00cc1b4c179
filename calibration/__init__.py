"""Measured runs and kernels, and what is fitted on them; README.md says how they were made."""

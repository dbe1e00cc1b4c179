"""Collecting calibration runs: real, brief trainings on the device at hand, kept one by one."""

"""JSON Schemas of the files that Auditor reads and writes."""

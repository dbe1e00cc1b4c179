"""Layer 16: the audit for people and machines.  Import the format that is needed."""

"""Layer 18: a fleet of models, each on every hardware and plan, one row each."""

"""How one call of a stage is carried out: where it runs, how often, how fast."""

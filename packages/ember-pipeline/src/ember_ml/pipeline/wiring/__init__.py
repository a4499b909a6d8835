"""How stages are connected: graphs of named stages, fused calls, drawings."""

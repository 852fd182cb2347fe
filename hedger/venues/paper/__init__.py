"""The paper exchange: a process of its own around the pure simulator, and its adapter."""

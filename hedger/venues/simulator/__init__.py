"""A pure exchange: market instants and orders in, events out; no I/O, no clock, no dice."""

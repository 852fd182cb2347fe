"""The loops of one worker process: what moves quotes to decisions, and decisions to orders."""

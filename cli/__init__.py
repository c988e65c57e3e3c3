"""The third door: the `kot` command for people at a terminal. Output is for people first, `--json` is for machines."""

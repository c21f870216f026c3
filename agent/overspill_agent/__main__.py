"""Lets `python -m overspill_agent` be the `overspill` command."""

from overspill_agent.cli import main

main()

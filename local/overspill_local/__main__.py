"""Lets `python -m overspill_local` be the `overspill-local` command."""

from overspill_local.cli import main

main()

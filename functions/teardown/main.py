from overspill_teardown.entrypoint import teardown  # noqa: D100, F401 - Google's buildpack looks for it here

from overspill_provision.entrypoint import provision  # noqa: D100, F401 - Google's buildpack looks for it here

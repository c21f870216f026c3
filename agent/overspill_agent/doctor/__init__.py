"""`overspill doctor`: a live instance examined, and what is wrong with it told with the configuration that mends it.

`collect` and `pubsub_probe` look, the modules `*_checks` judge what they found and do nothing else, `diagnosis` says
which checks there are, `report` shows findings, `command` joins all of it. Nothing here mends anything.
"""

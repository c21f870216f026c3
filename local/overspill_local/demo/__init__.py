"""`overspill-local demo`: one burst, end to end, on this machine, shown as it happens.

`scenario` plays it, `lead` runs the lead instance, `narration` says what happens in words, `outcome` is what the last
line holds, `screen` prints. The agent and the functions are the very processes that run in production.
"""

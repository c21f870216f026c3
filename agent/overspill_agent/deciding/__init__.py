"""When to burst, which jobs, to where and for how much: a snapshot in, decisions out.

Everything here is values in, values out; the agent acts on nothing else, `overspill plan` prints it, and what replays a
recorded queue calls the very same `decide`. docs/deciding.md tells the rules.
"""

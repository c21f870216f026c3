"""`overspill plan` and `overspill explain`: what would be decided now and why, of a file or of a live instance.

Nothing is decided here: `deciding` does that, and these commands show it. Nothing is published or written.
"""

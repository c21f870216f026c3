"""Time."""

NOW = 1_760_000_000.0


class FakeClock:
    """Time that passes by sleeping only."""

    def __init__(self, now=NOW):
        self.time = now

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds

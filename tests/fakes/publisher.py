"""Where messages are sent."""


class RecordingPublisher:
    """Keeps what is published."""

    def __init__(self, faults):
        self.faults = faults
        self.events = []
        self.dead_letters = []

    def publish(self, message):
        self.faults.reach("publish")
        self.events.append(message)
        return str(len(self.events))

    def dead_letter(self, topic, body, attributes, *, reason):
        self.faults.reach("dead_letter")
        self.dead_letters.append((topic, body, attributes, reason))

    @property
    def kinds(self):
        return [event.kind.value for event in self.events]

"""What goes wrong, and where."""


class Interrupted(BaseException):
    """The instance was killed here: nothing catches it."""


class Faults:
    """Errors that the next calls of a method raise (None: that one works), and a place to be killed at.

    `meanwhile` has what others do just before a call, by the call's number from 1.
    """

    def __init__(self):
        self.errors = {}
        self.calls = []
        self.kill_at = None
        self.meanwhile = {}

    def order(self, call, *errors):
        self.errors.setdefault(call, []).extend(errors)

    def reach(self, call):
        self.calls.append(call)
        if (others := self.meanwhile.pop(len(self.calls), None)) is not None:
            others()
        if self.kill_at is not None and len(self.calls) > self.kill_at:
            raise Interrupted
        if (waiting := self.errors.get(call)) and (error := waiting.pop(0)):
            raise error

"""Stopping a function at any call that it makes of its ports: the proxy counts them, nobody lists them by hand."""

from enum import StrEnum

from tests.fakes import Interrupted

from overspill_shared.errors import Unavailable


class Accident(StrEnum):
    """What happens at one call."""

    KILLED = "killed after"
    """Before the next call, that is: nothing happens in between."""
    LOST = "answer lost of"


class Tripwire:
    """Counts the calls that go through its proxies, and has one accident at one of them."""

    def __init__(self, at=None, accident=None):
        self.at, self.accident = at, accident
        self.calls = []

    def proxy(self, port, name, only=None):
        """Give a stand-in for a port; `only`: the methods that count."""
        return _Proxy(self, port, name, only)

    def call(self, label, function, *arguments, **options):
        number = len(self.calls)
        self.calls.append(label)
        accident = self.accident if number == self.at else None
        answer = function(*arguments, **options)
        if accident is Accident.KILLED:
            raise Interrupted
        if accident is Accident.LOST and label != "clock.sleep":
            raise Unavailable("the answer was lost.")
        return answer


class _Proxy:
    def __init__(self, tripwire, port, name, only):
        self._tripwire, self._port, self._name, self._only = tripwire, port, name, only

    def __getattr__(self, method):
        function = getattr(self._port, method)
        if method == "close" or (self._only and method not in self._only):
            return function
        return lambda *arguments, **options: self._tripwire.call(
            f"{self._name}.{method}", function, *arguments, **options
        )

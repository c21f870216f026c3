import asyncio

import pytest

from overspill_local.together import together


def test_together_awaits_all():
    done = []

    async def do(what):
        done.append(what)

    asyncio.run(together(do(1), do(2)))
    assert sorted(done) == [1, 2]


def test_together_raises_the_first_failure_as_it_is_and_cancels_the_rest():
    cancelled = []

    async def fail():
        raise LookupError("no")

    async def wait():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(LookupError, match="no"):
        asyncio.run(together(wait(), fail()))
    assert cancelled == [True]


def test_together_of_nothing_ends_at_once():
    asyncio.run(together())

import asyncio

import pytest

from overspill_local.kube.journal import Change, Journal, RevisionExpiredError


def change(revision):
    return Change(revision, "ADDED", {"metadata": {"name": str(revision)}}, None)


@pytest.fixture
def journal():
    journal = Journal(capacity=3)
    for revision in (2, 4, 6):
        journal.append(change(revision))
    return journal


@pytest.mark.parametrize(("since", "expected"), [(0, [2, 4, 6]), (2, [4, 6]), (3, [4, 6]), (6, []), (9, [])])
def test_since_returns_what_came_after(journal, since, expected):
    assert [each.revision for each in journal.since(since)] == expected


def test_since_a_forgotten_revision_has_expired(journal):
    journal.append(change(8))
    assert [each.revision for each in journal.since(2)] == [4, 6, 8]
    with pytest.raises(RevisionExpiredError):
        journal.since(1)


def test_append_wakes_whoever_waits(journal):
    async def wait_for_change():
        grown = journal.grown()
        asyncio.get_running_loop().call_soon(journal.append, change(8))
        async with asyncio.timeout(5):
            await grown.wait()
        return journal.since(6)

    assert [each.revision for each in asyncio.run(wait_for_change())] == [8]

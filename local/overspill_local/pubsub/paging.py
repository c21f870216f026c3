"""Pages of a list request.

Lives here: the one rule by which every list method cuts its answer.
Must not live here: what is listed.
"""

from collections.abc import Iterable


def page(names: Iterable[str], page_size: int, page_token: str) -> tuple[list[str], str]:
    """Return one page of `names` in order, and the token of the next page ("" after the last).

    The token is the last name of the page before, so that a deletion between two pages loses nothing.
    `page_size` 0 means all.
    """
    remaining = sorted(name for name in names if name > page_token)
    current = remaining[:page_size] if page_size > 0 else remaining
    return current, current[-1] if len(current) < len(remaining) else ""

"""How numbers of things are told to people: "1 node", "4 nodes". No text of its own stands here."""


def counted(number: int, noun: str) -> str:
    """Give a number of things, whose plural ends in s.

    >>> counted(1, "node"), counted(12_000, "job")
    ('1 node', '12000 jobs')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"

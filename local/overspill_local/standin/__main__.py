"""`python -m overspill_local.standin`: start a broker, or talk to one.

Only what the chosen command needs is imported: brokers start often, and should start fast.
"""

from __future__ import annotations

import sys


def main(argv: list[str]) -> int:
    """Run a command; gives its exit code."""
    if argv[:1] == ["broker"]:
        from overspill_local.standin import broker  # noqa: PLC0415 - see above

        return broker.main(argv[1:])
    from overspill_local.standin import cli  # noqa: PLC0415 - see above

    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

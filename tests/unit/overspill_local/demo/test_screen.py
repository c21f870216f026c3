import io

from rich.console import Console

from overspill_local.demo.outcome import JobOutcome, Outcome, Timings
from overspill_local.demo.screen import PlainScreen


def shown(outcome):
    console = Console(file=io.StringIO(), width=120)
    PlainScreen(console).end(outcome, 20.0)
    return console.file.getvalue()


def outcome_of(**changes):
    return Outcome(flux="real", pubsub="embedded", scheduler="fluxion", **changes)


def test_demo_that_began_nothing_says_only_why():
    outcome = outcome_of()
    outcome.fail("pubsub", "Pub/Sub did not answer.", "Is it running?")

    assert shown(outcome) == "not ok: Pub/Sub did not answer.\n  what to do: Is it running?\n"


def test_demo_that_ran_says_what_it_took_and_no_time_below_nothing():
    timings = Timings(ready_to_joined_s=0.5, joined_to_start_s=-0.01)

    text = shown(outcome_of(job=JobOutcome(id="ƒ1", state="COMPLETED", nodes=["burst-0-0"]), timings=timings))

    assert "ƒ1 COMPLETED on burst-0-0" in text
    assert "joined 0.50 s → started 0.00 s" in text
    assert text.endswith("ok\n")

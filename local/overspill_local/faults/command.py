"""`overspill-local fault …`: ordering faults from an embedded cloud that runs elsewhere on this machine.

Options in, one HTTP call, lines out. Which faults there are is the catalogue's.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from overspill_local.faults.book import CONTROL_PATH, CONTROL_VARIABLE, MISSING_ZONE
from overspill_local.faults.catalogue import CATALOGUE, NamedFault
from overspill_shared.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S: Final = 10

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=f"""Order faults from a running `overspill-local up`, and see what becomes of bursts.

A fault waits until a call comes that it fits, and hits `--times` of them (1), or every one for `--for` seconds.
For example, with the variables of `overspill-local up` in this shell:

* `overspill-local fault stockout`: the next cluster meets a zone without nodes
* `overspill-local fault stockout --after 20`: the same, told late
* `overspill-local fault unavailable --for 15`: fifteen seconds in which GKE answers nobody
* `overspill-local fault lost-answer --calls CreateCluster`: a create works, and nobody is told
* `overspill-local fault list`, `overspill-local fault clear`

`up` prints {CONTROL_VARIABLE}, which says where it takes orders; `--control` says it too.
""",
)

ControlOption = Annotated[
    str, typer.Option(envvar=CONTROL_VARIABLE, metavar="HOST:PORT", help="Where the embedded cloud takes orders.")
]
TimesOption = Annotated[int, typer.Option(min=1, help="How many calls it hits.")]
ForOption = Annotated[
    float | None, typer.Option("--for", min=0, help="Seconds for which it hits every call, instead of some.")
]
CallsOption = Annotated[
    str | None,
    typer.Option(
        help="Which calls it hits, as a shell pattern: GKE's by method (CreateCluster), Kubernetes' by method and path."
    ),
]
AfterOption = Annotated[float | None, typer.Option(min=0, help="Seconds after which it happens.")]


@app.command("list")
def list_faults(*, control: ControlOption = "") -> None:
    """Show what is ordered and has not happened yet."""
    _show(_call(control, "GET"))


@app.command("clear")
def clear_faults(*, control: ControlOption = "") -> None:
    """Forget all orders; what has begun goes on."""
    _show(_call(control, "DELETE"))


@app.command(MISSING_ZONE)
def missing_zone(
    zone: Annotated[str, typer.Argument(help="Such as us-central1-a.")], *, control: ControlOption = ""
) -> None:
    """A zone does not answer when clusters or operations are listed, until that is cleared.

    What is there is not known then: nothing is taken for gone, and no burst is made past a limit.
    """
    _show(_call(control, "POST", {"name": MISSING_ZONE, "zone": zone}))


def _operation_command(name: str) -> Callable[..., None]:
    def order(
        *, after: AfterOption = None, times: TimesOption = 1, for_s: ForOption = None, control: ControlOption = ""
    ) -> None:
        _show(_call(control, "POST", {"name": name, "after_s": after, "times": times, "for_s": for_s}))

    return order


def _plain_command(name: str) -> Callable[..., None]:
    def order(*, times: TimesOption = 1, for_s: ForOption = None, control: ControlOption = "") -> None:
        _show(_call(control, "POST", {"name": name, "times": times, "for_s": for_s}))

    return order


def _call_command(name: str) -> Callable[..., None]:
    def order(
        *, calls: CallsOption = None, times: TimesOption = 1, for_s: ForOption = None, control: ControlOption = ""
    ) -> None:
        _show(_call(control, "POST", {"name": name, "calls": calls, "times": times, "for_s": for_s}))

    return order


def _register(name: str, named: NamedFault) -> None:
    without_after = _call_command if named.calls else _plain_command
    command = _operation_command(name) if named.takes_after else without_after(name)
    default = f" Hits `{named.calls}` where `--calls` does not say." if named.calls not in (None, "*") else ""
    app.command(name, help=named.help + default)(command)


for _name, _named in CATALOGUE.items():
    _register(_name, _named)


def _call(control: str, method: str, body: dict[str, Any] | None = None) -> list[str]:
    """Make one call and give the faults that are ordered then.

    Raises ConfigError for what the cloud does not take, Unavailable where none answers.
    """
    if not control:
        raise ConfigError(
            "nothing says where an embedded cloud takes orders.",
            remedy=f"Start `overspill-local up`, and export {CONTROL_VARIABLE} as it prints it, or give --control.",
        )
    request = urllib.request.Request(
        f"http://{control}{CONTROL_PATH}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    # A proxy must not be asked for a server on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return list(json.load(response)["faults"])
    except urllib.error.HTTPError as exc:
        answer = json.load(exc)
        raise ConfigError(answer["error"], remedy=answer["remedy"]) from None
    except (OSError, ValueError) as exc:
        raise Unavailable(
            f"no embedded cloud answers at {control}: {exc}.", remedy="Is `overspill-local up` still running?"
        ) from None


def _show(faults: list[str]) -> None:
    typer.echo("\n".join(faults) if faults else "no fault is ordered")

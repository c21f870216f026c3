"""What the ranks at home have free, counted by how much: thousands of ranks are as quick to look through as ten.

A `Pool` is the one value here that changes, and never leaves the turn that made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from overspill_agent.deciding.demand import Demand
    from overspill_agent.ports import RankResources

Placement = tuple[tuple[int, int, int], ...]
"""Parts of ranks: (rank, cores, GPUs)."""

_Kind = tuple[int, int, frozenset[str], int]
"""Ranks that no demand can tell apart: cores, GPUs, properties; and the rank, where demands name hosts or ranks."""


class Pool:
    """Free cores and GPUs of ranks."""

    def __init__(self, ranks: Iterable[tuple[RankResources, str]], *, by_rank: bool) -> None:
        """Take ranks with their hosts, all of them free; `by_rank` where a demand names hosts or ranks."""
        self._kind_of: dict[int, _Kind] = {}
        self._example: dict[_Kind, tuple[RankResources, str]] = {}
        self._size: dict[_Kind, int] = {}
        self._free: dict[int, tuple[int, int]] = {}
        self._alike: dict[tuple[_Kind, int, int], dict[int, None]] = {}
        for resources, host in ranks:
            kind = (resources.cores, resources.gpus, resources.properties, resources.rank if by_rank else -1)
            self._kind_of[resources.rank] = kind
            self._example.setdefault(kind, (resources, host))
            self._size[kind] = self._size.get(kind, 0) + 1
            self._free[resources.rank] = (resources.cores, resources.gpus)
            self._alike.setdefault((kind, resources.cores, resources.gpus), {})[resources.rank] = None
        self._units: dict[Demand, dict[_Kind, int]] = {}
        self._capacities: dict[Demand, int] = {}

    def capacity(self, demand: Demand) -> int:
        """Give how many of a demand's units all ranks could hold, were they free."""
        known = self._capacities.get(demand)
        if known is None:
            known = sum(units * self._size[kind] for kind, units in self._units_of(demand).items())
            self._capacities[demand] = known
        return known

    def available(self, demand: Demand, without: Collection[int] = ()) -> int:
        """Give how many of a demand's units fit now, on other ranks than some."""
        units_of, found = self._units_of(demand), 0
        for (kind, cores, gpus), ranks in self._alike.items():
            if units_of.get(kind) and ranks and (each := self._fit(demand, kind, cores, gpus)):
                count = sum(rank not in without for rank in ranks) if without else len(ranks)
                found += each * count
        return found

    def take(self, demand: Demand, units: int, without: Collection[int] = ()) -> Placement:
        """Take room for units that are `available`, from the ranks that have least to spare."""
        units_of, parts = self._units_of(demand), []
        for kind, cores, gpus in sorted(self._alike, key=lambda key: key[1:]):
            if not units_of.get(kind) or not (each := self._fit(demand, kind, cores, gpus)):
                continue
            for rank in [rank for rank in self._alike[kind, cores, gpus] if rank not in without]:
                if units <= 0:
                    break
                count = min(each, units)
                units -= count
                whole = demand.is_exclusive
                parts.append(
                    (
                        rank,
                        cores if whole else count * demand.cores_per_unit,
                        gpus if whole else count * demand.gpus_per_unit,
                    )
                )
        placement = tuple(parts)
        self.grab(placement)
        return placement

    def grab(self, placement: Placement) -> None:
        """Take parts of ranks; of what another has taken already, what is left."""
        for rank, cores, gpus in placement:
            if rank in self._free:
                had_cores, had_gpus = self._free[rank]
                self._put(rank, had_cores - cores, had_gpus - gpus)

    def give_back(self, placement: Placement) -> None:
        """Undo `grab`."""
        for rank, cores, gpus in placement:
            if rank in self._free:
                had_cores, had_gpus = self._free[rank]
                self._put(rank, had_cores + cores, had_gpus + gpus)

    def copy(self) -> Pool:
        """Give another that is as this one is now."""
        other = Pool((), by_rank=False)
        other._kind_of, other._example, other._size = self._kind_of, self._example, self._size
        other._units, other._capacities = self._units, self._capacities
        other._free = dict(self._free)
        other._alike = {key: dict(ranks) for key, ranks in self._alike.items()}
        return other

    def idle(self) -> list[int]:
        """Give the ranks that are wholly free, highest first."""
        return sorted((r for r, free in self._free.items() if free == self._kind_of[r][:2]), reverse=True)

    def _units_of(self, demand: Demand) -> Mapping[_Kind, int]:
        """Give how many of a demand's units an empty rank of each kind holds."""
        known = self._units.get(demand)
        if known is None:
            known = self._units[demand] = {
                kind: demand.units_in(kind[0], kind[1]) if demand.may_run_on(*example) else 0
                for kind, example in self._example.items()
            }
        return known

    def _fit(self, demand: Demand, kind: _Kind, cores: int, gpus: int) -> int:
        if demand.is_exclusive and (cores, gpus) != kind[:2]:
            return 0
        return demand.units_in(cores, gpus)

    def _put(self, rank: int, cores: int, gpus: int) -> None:
        kind = self._kind_of[rank]
        if rank in self._free:
            del self._alike[kind, *self._free[rank]][rank]
        self._free[rank] = (cores, gpus)
        self._alike.setdefault((kind, cores, gpus), {})[rank] = None

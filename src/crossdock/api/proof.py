"""The newest report of ``crossdock prove --keep``: what the simulation proved about this version, for people to see."""

from datetime import datetime
from pathlib import Path

import msgspec

from crossdock.api.desk import Desk
from crossdock.api.problems import Refusal


class Broken(msgspec.Struct, frozen=True):
    """A seed that broke an invariant."""

    seed: int
    profile: str
    invariant: str
    order: str
    detail: str
    repeat: str = ""  # the command that runs it again


class Promise(msgspec.Struct, frozen=True):
    """One invariant. ``broken``: how often."""

    name: str
    says: str
    broken: int


class ProofReport(msgspec.Struct, frozen=True):
    """A campaign: what ran, what struck, what was held to."""

    at: datetime
    first_seed: int
    seeds: int
    seconds: float
    seeds_per_s: float
    simulated_hours: float
    violations: int
    promises: list[Promise]
    not_built: dict[str, str]
    profiles: dict[str, int]
    faults: dict[str, int]
    recoveries: dict[str, int]
    void: list[str]  # what never came up, so that nothing is proven
    unseen: list[str]  # the same of a campaign that is too small to be void
    broken: list[Broken]
    sentence: str
    digest: str
    store: str  # memory or postgres
    python: str
    machine: str
    jobs: int
    commit: str
    interrupted: bool
    exercised: dict[str, int]  # what the promises had to look at
    not_exercised: list[str]  # of that, what never came up
    reasons: dict[str, int]  # why people were told something
    never_told: list[str]  # reasons that came up in no run


class _Stored(msgspec.Struct, frozen=True):
    """The file as ``crossdock prove`` writes it."""

    at: datetime
    first_seed: int
    seeds: int
    seconds: float
    seeds_per_s: float
    simulated_hours: float
    violations: int
    promises: dict[str, str]
    invariants: dict[str, int]
    not_built: dict[str, str]
    profiles: dict[str, int]
    faults: dict[str, int]
    recoveries: dict[str, int]
    void: list[str]
    broken: list[Broken]
    repeat: dict[str, str]
    sentence: str
    digest: str
    store: str
    python: str
    machine: str
    jobs: int
    commit: str = ""
    interrupted: bool = False
    # Reports of older releases do not count these.
    exercised: dict[str, int] = {}
    not_exercised: list[str] = []
    reasons: dict[str, int] = {}
    never_told: list[str] = []
    unseen: list[str] = []


def newest(desk: Desk) -> ProofReport | None:
    """The report that was kept, or None. Raises ``Refusal(unavailable)`` for a file that is no report."""
    if desk.proof is None:
        return None
    try:
        raw = Path(desk.proof).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refusal("unavailable", f"The report in {desk.proof} cannot be read ({error.strerror}).") from error
    try:
        return _shown(msgspec.json.decode(raw, type=_Stored))
    except msgspec.DecodeError as error:
        raise Refusal("unavailable", f"{desk.proof} is no report of crossdock prove: {error}") from error


def _shown(stored: _Stored) -> ProofReport:
    promises = [Promise(name, says, stored.invariants.get(name, 0)) for name, says in stored.promises.items()]
    broken = [msgspec.structs.replace(one, repeat=stored.repeat.get(str(one.seed), "")) for one in stored.broken]
    kept = {
        name: value
        for name, value in msgspec.structs.asdict(stored).items()
        if name not in ("promises", "broken", "invariants", "repeat")
    }
    return ProofReport(promises=promises, broken=broken, **kept)

"""Fuzzing for as long as one likes: ``make fuzz ARGS="--minutes 30"``.

Round after round over every decoder, each with a seed of its own that is printed: ``--seed 7 --only "config yaml"
--rounds 1`` repeats one. Ends with status 1 at the end of the first round in which something was found.
"""

import argparse
import secrets
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, given, seed, settings

import conftest  # noqa: F401  (hypothesis as the tests have it)
from tests.fuzz.answers import answering
from tests.fuzz.target import Target
from tests.fuzz.targets import targets


def attack(target: Target, number: int, examples: int) -> str | None:
    """Run one target with a seed; what it found, or None."""

    @seed(number)
    @settings(
        max_examples=max(20, int(examples * target.share)),
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.bodies)
    def run(body: bytes) -> None:
        target.run(body)

    try:
        run()
    except Exception:  # noqa: BLE001 - whatever leaves a decoder is what is looked for
        return traceback.format_exc(limit=-4)
    return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=…", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=10**9)
    parser.add_argument("--examples", type=int, default=400, help="of each decoder and round")
    parser.add_argument("--seed", type=int, default=None, help="of the first round")
    parser.add_argument("--only", default="", help="decoders whose name holds this")
    asked = parser.parse_args()
    everything = targets() | answering()
    chosen = [one for one in everything.values() if asked.only in one.name]
    if not chosen:
        parser.error(f"there is no decoder called like that; there are: {', '.join(everything)}")
    number = secrets.randbelow(10**9) if asked.seed is None else asked.seed
    until, found = time.monotonic() + asked.minutes * 60, 0
    for round_ in range(asked.rounds):
        if found or time.monotonic() >= until:
            break
        print(f"round {round_ + 1}: seed {number}, {len(chosen)} decoders", flush=True)
        for target in chosen:
            wrong = attack(target, number, asked.examples)
            if wrong is not None:
                found += 1
                print(f'\n{wrong}\nagain: make fuzz ARGS=\'--seed {number} --rounds 1 --only "{target.name}" '
                      f"--examples {asked.examples}'\n", flush=True)  # fmt: skip
        number += 1
    print(f"{found} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""One measured figure, and how two ways of doing the same thing are timed beside each other."""
import dataclasses
import statistics
import time


@dataclasses.dataclass
class Figure:
    name: str
    value: float
    unit: str
    peer: float | None = None  # in the same unit
    ratio: float | None = None  # above 1: we are better
    target: float | None = None  # of the ratio
    limit_fraction: float | None = None  # of what the machine could do at best
    against: str = ""

    def row(self):
        return dataclasses.asdict(self)

    def line(self):
        def number(value, digits=4):
            return "-" if value is None else f"{value:.{digits}g}"

        return (f"{self.name:34} {number(self.value):>12} {self.unit:<12} {number(self.peer):>12} "
                f"{number(self.ratio, 3):>7} {number(self.target, 3):>7}  {self.against}")


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def alternate(rounds, *functions):
    """Medians of the seconds that each function takes (or returns, where it times itself), run in turn, there and back: none
    always has to follow the same one, which may leave something behind that goes on for a while."""
    seconds = [[] for _ in functions]
    turn = list(zip(seconds, functions))
    for i in range(rounds):
        for kept, function in turn if i % 2 == 0 else reversed(turn):
            start = time.perf_counter()
            own = function()
            kept.append(own if own is not None else time.perf_counter() - start)
    return [statistics.median(kept) for kept in seconds]

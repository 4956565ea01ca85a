"""The one line that a benchmark prints."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure and the reference's in the same unit, measured in the same run.

    Attributes:
        ratio: of the two; the median over turns where there are several, so it need not be the ratio of the medians.
        budget: what is asked of the ratio, or of the value where it says so.
    """

    name: str
    value: float
    unit: str
    reference: float
    ratio: float
    budget: str | None
    ok: bool

    def show(self, **extras: object) -> None:
        """Print it as one line of JSON, with what else is worth knowing: above all what the reference is."""
        line = {
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "reference": rounded(self.reference),
            "ratio": rounded(self.ratio),
            "budget": self.budget,
            "ok": self.ok,
        }
        print(json.dumps(line | extras, ensure_ascii=False))


def rounded(number: float) -> float:
    """Keep four digits: no measurement here has more."""
    return float(f"{number:.4g}")

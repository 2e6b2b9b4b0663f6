"""The pipelines that are measured, written once for both sides."""

from typing import Any


def square(row: dict[str, Any]) -> dict[str, Any]:
    """One row in, one row out."""
    return {"n": row["n"], "square": row["n"] ** 2}


def scale(batch: dict[str, Any]) -> dict[str, Any]:
    """One batch in, one batch out."""
    return {"id": batch["id"], "scaled": batch["id"] * 0.5}


def root(batch: dict[str, Any]) -> dict[str, Any]:
    """One batch in, one batch out."""
    return {**batch, "root": batch["scaled"] ** 0.5}


def tag(row: dict[str, Any]) -> dict[str, Any]:
    """One row in, one row out."""
    return {"id": row["id"], "tag": f"row {row['id']}"}


class Scale:
    """A stage with state."""

    def __init__(self, factor: float = 0.5) -> None:
        self.factor = factor

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """One batch in, one batch out."""
        return {"id": batch["id"], "scaled": batch["id"] * self.factor}

"""A Bundle against FHIR R4B as fhir.resources knows it. What our gate accepts, this accepts too, or one errs."""

from typing import Final

from fhir.resources.R4B.bundle import Bundle
from pydantic import ValidationError

FINDINGS_MAX: Final = 20


def check_bundle(data: bytes) -> list[str]:
    """Paths of the elements that FHIR does not accept; empty when all is well. No values."""
    try:
        Bundle.model_validate_json(data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        return list(dict.fromkeys(_path(item["loc"]) for item in found))[:FINDINGS_MAX]
    except (ValueError, TypeError, RecursionError):
        return ["Bundle"]
    return []


def _path(location: tuple[int | str, ...]) -> str:
    told = [str(step)[:60] for step in location if isinstance(step, int) or step.replace("_", "").isalnum()]
    return ".".join(["Bundle", *told])[:200]

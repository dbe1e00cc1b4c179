"""Layer 6: the sum of a graph's costs, by operator and by family, with what is unknown."""

from auditor.profile.accounts import updated
from auditor.profile.records import (
    CostedOperation,
    FamilyProfile,
    Memory,
    OpTypeProfile,
    Profile,
    ProfileOptions,
    UnknownOperators,
)
from auditor.profile.summary import profile

__all__ = [
    "CostedOperation",
    "FamilyProfile",
    "Memory",
    "OpTypeProfile",
    "Profile",
    "ProfileOptions",
    "UnknownOperators",
    "profile",
    "updated",
]

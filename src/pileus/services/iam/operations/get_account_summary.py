"""GetAccountSummary. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall
from pileus.kernel.operations import read
from pileus.services.iam.limits import LIMITS


@read
def get_account_summary(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """How many there are of everything, and the quotas."""
    count = call.state.count
    summary = {
        "Users": count(("user",)),
        "Groups": count(("group",)),
        "Roles": count(("role",)),
        "Policies": count(("policy",)),
        "InstanceProfiles": count(("profile",)),
        "UsersQuota": LIMITS.identities_max["user"],
        "GroupsQuota": LIMITS.identities_max["group"],
        "RolesQuota": LIMITS.identities_max["role"],
        "PoliciesQuota": LIMITS.policies_max,
        "InstanceProfilesQuota": LIMITS.instance_profiles_max,
        "AccessKeysPerUserQuota": LIMITS.access_keys_max,
        "GroupsPerUserQuota": LIMITS.groups_per_user_max,
        "VersionsPerPolicyQuota": LIMITS.policy_versions_max,
        "PolicySizeQuota": LIMITS.policy_size_max,
        "AttachedPoliciesPerRoleQuota": LIMITS.attached_max,
        "AttachedPoliciesPerUserQuota": LIMITS.attached_max,
        "AttachedPoliciesPerGroupQuota": LIMITS.attached_max,
    }
    return {"SummaryMap": summary}

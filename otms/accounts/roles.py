"""The four roles of people, by the names of permissions (`verb:entity`): the same on all platforms.

What no line here names is the owner's alone; so is every call that is new. Who may what in the end,
name by name, is printed in docs/reference/permissions.md.
"""

from dataclasses import dataclass
from itertools import product

from django.utils.translation import gettext_noop as _

RECORDS = (
    "transportOrder transportOrders transportOrders:extended "
    "consignment business businesses event events"
)
INTEGRATIONS = "integration integrations"
QUEUE = "integration:object integration:objects integration:logs integration:requestLogs"
INTAKE = "integration:task integration:tasks integration:file integration:email"
APPS = "app apps appInstallation appInstallations"
MESSAGES = (
    "messageAutomation messageAutomations messageAutomation:templates messageAutomation:history "
    "messageTemplate messageTemplates"
)

ALERTS = "alertRecipient alertRecipients alerts"

# The names that somebody has, by role and by name, in SQL: all, or only these.
BY_ROLE = """
SELECT p.codename FROM auth_permission p
  JOIN auth_group_permissions r ON r.permission_id = p.id
  JOIN accounts_user_groups g ON g.group_id = r.group_id WHERE g.user_id = [user] [these]
"""
BY_NAME = """
SELECT p.codename FROM auth_permission p
  JOIN accounts_user_user_permissions n ON n.permission_id = p.id WHERE n.user_id = [user] [these]
"""


def each(verbs: str, *entities: str) -> frozenset[str]:
    """Every one of these verbs with every one of these entities."""
    return frozenset(map(":".join, product(verbs.split(), " ".join(entities).split())))


LOOKS = each("get search", RECORDS, INTEGRATIONS, QUEUE, INTAKE, APPS, MESSAGES, ALERTS) | each(
    "get", "integration:catalogue integration:explanation"
)
SUPPORTS = (
    LOOKS
    | each("requeue cancel", "integration:object")
    | each("replay", "integration:objects")
    | each("stop resume", "integration:task")
    | each("test", "mapping fileTemplate:mapping")
    | each("suggest", "mapping")
)
KEEPS_RECORDS = each("create update delete", RECORDS) | each("accept", "transportOrder")
SETS_UP = (
    each("create update delete", INTEGRATIONS, MESSAGES)
    | each("test", "integration")
    | each("generate", "integration:credentials integration:signingSecret")
    | each("get", "integration:credentials")
    | each("delete", "integration:credential")
    | each("install", "app")
    | each("update delete", "appInstallation")
    | each("duplicate", "messageAutomation")
    | each("create update delete test", "alertRecipient")
)
BRINGS_IN = (
    each("import", "data")
    | each("upload", "integration:file")
    | each("receive", "integration:email transportOrder:mail")
)
# What the system behind an app may be granted: nothing about people, nothing about set-up.
OF_APPS = each("get search", RECORDS) | KEEPS_RECORDS


@dataclass(frozen=True)
class Role:
    """What somebody is on a platform; `may` is None for everything there is.

    The admin says `about` in the language of who looks.
    """

    name: str
    about: str
    may: frozenset[str] | None

    def allows(self, permission: str) -> bool:
        return self.may is None or permission in self.may

    @property
    def key(self) -> str:
        """As it is written on a command line."""
        return self.name.replace(" ", "-")


OWNER = Role("owner", _("everything on the platform, its people too"), None)
ROLES = (
    OWNER,
    Role(
        "integration manager",
        _("integrations, credentials, apps, messages and records; no people"),
        SUPPORTS | KEEPS_RECORDS | SETS_UP | BRINGS_IN,
    ),
    Role(
        "support",
        _("looks at everything but people; puts back in the queue, cancels"),
        SUPPORTS,
    ),
    Role("read-only", _("looks at everything but people"), LOOKS),
)

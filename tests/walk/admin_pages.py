"""The pages and actions of the admin, and the permission that each of them takes."""

from typing import Any

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from integrations.models import (
    Alert,
    AlertRecipient,
    AppInstallation,
    Email,
    File,
    Integration,
    IntegrationObject,
    Log,
    MessageAutomation,
    MessageTemplate,
    RequestLog,
    Task,
)
from otms.accounts.models import AuditEntry, PersonalToken, Session, User
from otms.orders.models import Business, Event, TransportOrder
from tests.walk import table
from tests.walk.table import YES

NOBODY, OPERATOR, EVERYBODY, VISITOR = "nobody", "the operator", "who is logged in", "a visitor"
# What the pages of each kind of record are about, as in the names of permissions.
NOUNS: dict[Any, str] = {
    User: "user",
    AuditEntry: "audit",
    Session: "user:sessions",
    PersonalToken: "user:tokens",
    TransportOrder: "transportOrder",
    Business: "business",
    Event: "event",
    Integration: "integration",
    AppInstallation: "appInstallation",
    MessageAutomation: "messageAutomation",
    MessageTemplate: "messageTemplate",
    IntegrationObject: "integration:object",
    Log: "integration:logs",
    RequestLog: "integration:requestLogs",
    Task: "integration:task",
    File: "integration:file",
    Email: "integration:email",
    AlertRecipient: "alertRecipient",
    Alert: "alerts",
}
# What happened is only looked at.
FACTS = {
    *(AuditEntry, Session, PersonalToken, IntegrationObject, Log, RequestLog, Task),
    *(File, Email, Alert),
}
# Everybody sees what they have of these themselves.
OWN_LISTS = {Session, PersonalToken}
OF_DEPLOYMENT = (PeriodicTask, IntervalSchedule, CrontabSchedule)
EXCEPT = {("add", AppInstallation): "install:app", ("delete", User): NOBODY}
OF_BOTH = {
    ("pause", Integration): "update:integration",
    ("resume", Integration): "update:integration",
    ("requeue", IntegrationObject): "requeue:integration:object",
    ("requeue_anew", IntegrationObject): "requeue:integration:object",
    ("replay", IntegrationObject): "replay:integration:objects",
    ("cancel", IntegrationObject): "cancel:integration:object",
    ("stop", Task): "stop:integration:task",
    ("resume", Task): "resume:integration:task",
}
# Buttons of a page, by POST alone.
BUTTONS = {**OF_BOTH, ("tell", Integration): "replay:integration:objects"}
# Of a list, with records that were chosen; and of one record.
ACTIONS = {
    ("log_out", Session): "delete:user:session",
    ("revoke", PersonalToken): "delete:user:token",
    ("switch_on", MessageAutomation): "update:messageAutomation",
    ("switch_off", MessageAutomation): "update:messageAutomation",
    ("duplicate", MessageAutomation): "duplicate:messageAutomation",
    ("send_test", AlertRecipient): "test:alertRecipient",
    **OF_BOTH,
}
ACTIONS_OF_ONE = {
    ("password_link", User): "update:user",
    ("login_safety", User): "update:user",
    ("credentials", Integration): "generate:integration:credentials",
    ("signing", Integration): "generate:integration:signingSecret",
    ("workbench", Integration): "test:mapping",
    ("replay", Integration): "replay:integration:objects",
    ("duplicate", Integration): "create:integration",
    ("export_yaml", Integration): "get:integration",
    ("leave", AppInstallation): "delete:appInstallation",
    ("see_messages", MessageAutomation): "get:integration:object",
    ("see_integration", MessageAutomation): "get:integration",
    ("revoke_this", PersonalToken): "delete:user:token",
    ("download", File): "get:integration:file",
    ("download", Task): "get:integration:task",
    **BUTTONS,
}
ACTIONS_OF_LIST = {
    ("new", PersonalToken): "create:user:token",  # for oneself
    ("erase", Task): "erase:personalData",
    ("where", IntegrationObject): "get:integration:object",
    ("first", Integration): "create:integration",
    ("import_yaml", Integration): "create:integration",
    ("export", IntegrationObject): "get:integration:object",
    ("export", Log): "get:integration:logs",
    ("export", RequestLog): "get:integration:requestLogs",
}
OWN_ACTIONS = {("new", PersonalToken)}
# Pages of no kind of record.
BESIDE = {
    **dict.fromkeys(("admin:index", "admin:search", "admin:logout", "admin:jsi18n"), EVERYBODY),
    **dict.fromkeys(("admin:password_change", "admin:password_change_done"), EVERYBODY),
    **dict.fromkeys(("admin:autocomplete", "admin:view_on_site", "admin:app_list"), EVERYBODY),
    "second_factor": EVERYBODY,
    **dict.fromkeys(("login_code", "set_language"), VISITOR),
    "admin:auth_user_password_change": "update:user",
    **dict.fromkeys(("admin:login", "admin_password_reset", "password_reset_done"), VISITOR),
    **dict.fromkeys(("password_reset_confirm", "password_reset_complete"), VISITOR),
}
OF_ROLES = table.of_roles()


def asked(verb: str, model: Any) -> str:
    """The permission that looking at, adding, changing or deleting takes."""
    if model in OF_DEPLOYMENT:
        return OPERATOR if verb == "get" else NOBODY
    if model in FACTS and verb != "get":
        return NOBODY
    word = "add" if verb == "create" else verb
    return EXCEPT.get((word, model), f"{verb}:{NOUNS[model]}")


def name_of(page: str, model: Any) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def pages() -> dict[str, str]:
    """Every page by its name, and what it takes to open it."""
    found = dict(BESIDE)
    for model in (*NOUNS, *OF_DEPLOYMENT):
        for page in ("changelist", "change", "history"):
            looks = EVERYBODY if model in OWN_LISTS else asked("get", model)
            found[name_of(page, model)] = looks
        found[name_of("add", model)] = asked("create", model)
        found[name_of("delete", model)] = asked("delete", model)
    found |= {
        name_of(*each): EVERYBODY if each in OWN_ACTIONS else takes
        for each, takes in ACTIONS_OF_LIST.items()
    }
    return found | {name_of(*each): takes for each, takes in ACTIONS_OF_ONE.items()}


PAGES = pages()


def may(caller: str, takes: str) -> bool:
    if takes in (NOBODY, OPERATOR):
        return takes == OPERATOR and caller == "superuser"
    return takes == EVERYBODY or caller == "superuser" or OF_ROLES[takes].get(caller) == YES

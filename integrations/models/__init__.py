"""The product's nouns, one file each; queue.py holds every transition of a queued object."""

from integrations.models.access_token import AccessToken
from integrations.models.alert import Alert, AlertRecipient, Notice
from integrations.models.app_token import AppAccessToken
from integrations.models.change import EntityChange
from integrations.models.counter import Counter
from integrations.models.credential import Credential
from integrations.models.data_source import DataSource, Use
from integrations.models.email import Email
from integrations.models.erasure import ErasureRequest
from integrations.models.file import File
from integrations.models.gate import Gate
from integrations.models.imports import ExternalId, ImportRow
from integrations.models.installation import AppInstallation, InstallationStatus
from integrations.models.integration import Integration, IntegrationType, Stale
from integrations.models.log import Level, Log, RequestLog
from integrations.models.message import MessageAutomation, MessageTemplate
from integrations.models.object import IntegrationObject
from integrations.models.outcome import Outcome
from integrations.models.pressure import Pressure
from integrations.models.remote_record import Remembered, RemoteRecord
from integrations.models.replay import Replay
from integrations.models.status import Status
from integrations.models.task import Task
from integrations.models.version import IntegrationVersion

__all__ = [
    "AccessToken",
    "Alert",
    "AlertRecipient",
    "AppAccessToken",
    "AppInstallation",
    "Counter",
    "Credential",
    "DataSource",
    "Email",
    "EntityChange",
    "ErasureRequest",
    "ExternalId",
    "File",
    "Gate",
    "ImportRow",
    "InstallationStatus",
    "Integration",
    "IntegrationObject",
    "IntegrationType",
    "IntegrationVersion",
    "Level",
    "Log",
    "MessageAutomation",
    "MessageTemplate",
    "Notice",
    "Outcome",
    "Pressure",
    "Remembered",
    "RemoteRecord",
    "Replay",
    "RequestLog",
    "Stale",
    "Status",
    "Task",
    "Use",
]
